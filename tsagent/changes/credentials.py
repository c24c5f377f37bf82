"""Changes to what lets an account in and what it may do: passwords and the rules of sudo."""

import os

from tsagent.changes.accounts import AccountEdit, account_tool, require_account
from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe
from tsagent.changes.files import WriteFile
from tsagent.errors import AgentError
from tsagent.host.accounts import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.host.passwords import Run
    from tsagent.host.tree import Tree

SUDOERS = "/etc/sudoers.d/90-tsagent-users"


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


class LockPassword(AccountEdit):
    """Put the password of an account out of use; keys still let it in."""

    type = "lock_password"

    def describe(self) -> str:
        return "lock the password of %s" % self.target

    def probe(self, host: "Host") -> Probe:
        fields = _shadow(host.root, str(self.target))
        if fields is None:
            return Probe(DIFFERS, "no shadow entry")
        return Probe(CONVERGED) if fields[1][:1] in ("!", "*") else Probe(DIFFERS, "in use")

    def apply(self, host: "Host") -> "Optional[str]":
        require_account(host, str(self.target))
        if self.probe(host).state == CONVERGED:
            return None  # a tool that was cut off had got that far
        host.check(account_tool(host, "usermod") + ["-L", "--", str(self.target)])
        return None


class WriteSudoers(WriteFile):
    """Say in one drop-in file what sudo lets users do; nothing is written that visudo refuses."""

    type = "write_sudoers"

    def __init__(
        self, rules: "Sequence[str]", path: str = SUDOERS, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        text = "# Made by tsagent from the users of this instance's configuration.\n"
        text += "".join(rule + "\n" for rule in rules)
        super().__init__(path, text, 0o440, "root", "root", False, reason, requires)
        self.rules = list(rules)

    def apply(self, host: "Host") -> "Optional[str]":
        if any("\n" in rule or rule.endswith("\\") for rule in self.rules):
            raise AgentError("a sudo rule goes over the end of its line", "bad-sudo-rule")
        if host.which("visudo") is not None:
            result = host.run(["visudo", "-c", "-f", "-"], stdin=self.content)
            if result.status != 0:
                lines = [line for line in result.text.splitlines() if "syntax error" in line]
                raise AgentError(
                    "visudo refuses the sudo rules: %s" % (lines[0] if lines else result.last_line()),
                    "bad-sudo-rule",
                    "write them as in sudoers(5), without the user's name",
                )
        if not host.root.is_dir(os.path.dirname(self.path(host))):
            host.root.mkdir(os.path.dirname(self.path(host)), 0o750, 0, 0)
        super().apply(host)
        return None if host.which("visudo") else "not checked: there is no visudo"


def _shadow(tree: "Tree", user: str) -> "Optional[List[str]]":
    for fields in records(tree, "/etc/shadow"):
        if fields[0] == user and len(fields) >= 3:
            return fields
    return None


def _stdin_runner(host: "Host") -> "Run":
    return lambda argv, stdin: host.run(argv, stdin=stdin)
