"""Changes to what lets an account in and what it may do: passwords and the rules of sudo."""

import os

from tsagent.changes.accounts import AccountEdit, account_tool, require_account
from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe
from tsagent.changes.files import EditFile, WriteFile
from tsagent.errors import AgentError
from tsagent.host.accounts import find_user, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.host.passwords import Run
    from tsagent.host.tree import Tree

SUDOERS = "/etc/sudoers.d/90-tsagent-users"
DOAS = "/etc/doas.conf"
_DOAS_BEGIN = "# begin: made by tsagent from users:\n"
_DOAS_END = "# end: made by tsagent\n"


class SetPassword(AccountEdit):
    """Give an account a password, from its hash, its plain text or at random.

    The plain text is hashed when it is applied and never handed to a program. `locked` puts it there but
    out of use; `expire` asks for a new one at the next login; `only_if_unset` leaves an account alone
    that has a password. A random one is shown on the console, where the owner of the machine looks for it.
    """

    type = "set_password"

    def __init__(
        self,
        user: str,
        hashed: "Optional[str]" = None,
        plain: "Optional[str]" = None,
        random: bool = False,
        locked: bool = False,
        expire: bool = False,
        only_if_unset: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(user, reason, requires)
        if hashed is not None and (":" in hashed or "\n" in hashed or not hashed):
            raise AgentError("the password hash of %s is none" % user, "bad-password", "mkpasswd -m sha-512")
        if plain is not None and (not plain or "\n" in plain or "\0" in plain):
            raise AgentError("the password of %s is empty or holds a line break" % user, "bad-password")
        self.user = user
        self.hashed = hashed
        self.plain = plain
        self.random = random
        self.locked = locked
        self.expire = expire
        self.only_if_unset = only_if_unset
        self.needs_live = random  # a random password in an image would be known to nobody

    def payload(self) -> "Dict[str, Any]":
        return {
            "random": self.random,
            "locked": self.locked,
            "expire": self.expire,
            "only_if_unset": self.only_if_unset,
        }

    def describe(self) -> str:
        words = "a random password" if self.random else "the password"
        return "set %s of %s%s" % (words, self.user, " (locked)" if self.locked else "")

    def secrets(self) -> "Iterable[str]":
        return [value for value in (self.hashed, self.plain) if value]

    def probe(self, host: "Host") -> Probe:
        fields = _shadow(host.root, self.user)
        if fields is None:
            return Probe(DIFFERS, "no shadow entry")
        current = fields[1]
        if self.only_if_unset and current.lstrip("!") not in ("", "*"):
            return Probe(CONVERGED, "it has one")
        if self.random:
            return Probe(DIFFERS, "to be made")
        if self.locked != current.startswith("!"):
            return Probe(DIFFERS, "not locked" if self.locked else "locked")
        current = current[1:] if self.locked else current
        same = current == self.hashed if self.hashed is not None else self._verify(host, current)
        if same is None:
            return Probe(UNKNOWN, "this machine cannot check it")
        if not same:
            return Probe(DIFFERS, "another one" if current.lstrip("!*") else "none set")
        return Probe(DIFFERS, "not expired") if self.expire and fields[2] != "0" else Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        from tsagent.changes.console import show_secret
        from tsagent.host.passwords import hash_password, random_password

        require_account(host, self.user)
        if self.probe(host).state == CONVERGED:
            return None  # a tool that was cut off had got that far
        plain = random_password() if self.random else self.plain
        hashed = self.hashed if plain is None else hash_password(plain, _stdin_runner(host))
        line = "%s:%s%s\n" % (self.user, "!" if self.locked else "", hashed)
        # chpasswd and chage have no --prefix before shadow-utils 4.14; --root changes root into the tree.
        tree = [] if host.live else ["-R", host.root.root]
        host.check(["chpasswd", "-e"] + tree, stdin=line.encode("utf-8"))
        if self.expire:
            host.check(["chage"] + tree + ["-d", "0", "--", self.user])
        if self.random:
            assert plain is not None
            return show_secret(host, self.user, plain)
        return None

    def _verify(self, host: "Host", current: str) -> "Optional[bool]":
        from tsagent.host.passwords import verify

        return verify(self.plain or "", current, _stdin_runner(host))


class _OfPassword(AccountEdit):
    """What becomes of a password that an account has."""

    def _of_none(self, host: "Host") -> Probe:
        """What to say of an account without an entry: one that is still to be made has no password then."""
        new = find_user(host.root, str(self.target)) is None
        if new and any(change.type == "create_user" for change in self.requires):
            return Probe(CONVERGED, "it will be made without a password")
        return Probe(DIFFERS, "no shadow entry")


class LockPassword(_OfPassword):
    """Put the password of an account out of use; keys still let it in."""

    type = "lock_password"

    def describe(self) -> str:
        return "lock the password of %s" % self.target

    def probe(self, host: "Host") -> Probe:
        fields = _shadow(host.root, str(self.target))
        if fields is None:
            return self._of_none(host)
        return Probe(CONVERGED) if fields[1][:1] in ("!", "*") else Probe(DIFFERS, "in use")

    def apply(self, host: "Host") -> "Optional[str]":
        require_account(host, str(self.target))
        if self.probe(host).state == CONVERGED:
            return None  # a tool that was cut off had got that far
        host.check(account_tool(host, "usermod") + ["-L", "--", str(self.target)])
        return None


class UnlockPassword(_OfPassword):
    """Put the password that an account has into use again; one that has none stays without."""

    type = "unlock_password"

    def describe(self) -> str:
        return "unlock the password of %s" % self.target

    def probe(self, host: "Host") -> Probe:
        fields = _shadow(host.root, str(self.target))
        if fields is None:
            return self._of_none(host)
        if not fields[1].startswith("!"):
            return Probe(CONVERGED)
        if fields[1].lstrip("!") in ("", "*"):
            return Probe(CONVERGED, "it has no password")
        return Probe(DIFFERS, "locked")

    def apply(self, host: "Host") -> "Optional[str]":
        require_account(host, str(self.target))
        for _ in range(2):  # a lock of passwd(1) is two marks, and each call takes one away
            if self.probe(host).state == CONVERGED:
                break
            host.check(account_tool(host, "usermod") + ["-U", "--", str(self.target)])
        return None


class WriteSudoers(WriteFile):
    """Say in one drop-in file what sudo lets users do; a rule that visudo refuses is not written."""

    type = "write_sudoers"

    def __init__(
        self, rules: "Sequence[str]", path: str = SUDOERS, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(path, _sudoers(rules), 0o440, "root", "root", False, reason, requires)
        self.rules = list(rules)

    def apply(self, host: "Host") -> "Optional[str]":
        if any("\n" in rule or rule.endswith("\\") for rule in self.rules):
            raise AgentError("a sudo rule goes over the end of its line", "bad-sudo-rule")
        refused = self._refused(host)
        if refused:
            good = [rule for rule in self.rules if rule not in refused]
            if good:
                self.content = _sudoers(good)
                self._write(host)
            raise AgentError(
                "visudo refuses the sudo rule of %s" % " and of ".join(rule.split()[0] for rule in refused),
                "bad-sudo-rule",
                "write it as in sudoers(5), without the user's name",
            )
        self._write(host)
        return None if host.which("visudo") else "not checked: there is no visudo"

    def _refused(self, host: "Host") -> "List[str]":
        """The rules that visudo refuses: all are looked at together, and by halves where it refuses them."""
        if host.which("visudo") is None:
            return []

        def refused(rules: "List[str]") -> "List[str]":
            if host.run(["visudo", "-c", "-f", "-"], stdin=_sudoers(rules)).status == 0:
                return []
            half = len(rules) // 2
            return refused(rules[:half]) + refused(rules[half:]) if half else rules

        return refused(self.rules)

    def _write(self, host: "Host") -> None:
        if not host.root.is_dir(os.path.dirname(self.path(host))):
            host.root.mkdir(os.path.dirname(self.path(host)), 0o750, 0, 0)
        super().apply(host)


def _sudoers(rules: "Sequence[str]") -> bytes:
    text = "# Made by tsagent from the users of this instance's configuration.\n"
    return (text + "".join(rule + "\n" for rule in rules)).encode("utf-8", "surrogateescape")


class WriteDoasRules(EditFile):
    """Say at the end of /etc/doas.conf what doas lets users do; what doas refuses is not written."""

    type = "write_doas_rules"

    def __init__(
        self, rules: "Sequence[str]", path: str = DOAS, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        self.rules = list(rules)
        super().__init__(path, self._edited, "rules of doas", 0o440, "root", "root", False, reason, requires)

    def payload(self) -> "Dict[str, Any]":
        return dict(super().payload(), rules=self.rules)

    def _edited(self, current: "Optional[bytes]") -> bytes:
        """The last rule that fits counts: ours come last, in a block that is replaced as a whole."""
        text = (current or b"").decode("utf-8", "surrogateescape")
        before, begin, rest = text.partition(_DOAS_BEGIN)
        kept = before + rest.partition(_DOAS_END)[2] if begin else before
        if kept and not kept.endswith("\n"):
            kept += "\n"
        block = _DOAS_BEGIN + "".join(rule + "\n" for rule in self.rules) + _DOAS_END
        return (kept + block).encode("utf-8", "surrogateescape")

    def apply(self, host: "Host") -> "Optional[str]":
        checked = host.which("doas") is not None
        if checked:
            trial = "/etc/.doas.conf.tsagent-check"
            try:
                current: "Optional[bytes]" = host.root.read(self.path(host))
            except FileNotFoundError:
                current = None
            host.root.write_atomic(trial, self._edited(current), 0o400, 0, 0)
            try:
                result = host.run(["doas", "-C", host.root.host_path(trial)])
            finally:
                host.root.unlink(trial, missing_ok=True)
            if result.status != 0:
                raise AgentError(
                    "doas refuses the rules: %s" % result.last_line(), "bad-doas-rule", "see doas.conf(5)"
                )
        super().apply(host)
        return None if checked else "not checked: there is no doas yet"


def _shadow(tree: "Tree", user: str) -> "Optional[List[str]]":
    for fields in records(tree, "/etc/shadow"):
        if fields[0] == user and len(fields) >= 3:
            return fields
    return None


def _stdin_runner(host: "Host") -> "Run":
    return lambda argv, stdin: host.run(argv, stdin=stdin)
