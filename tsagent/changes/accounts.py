"""Changes to accounts: groups, users and who is in which group.

All of them go through the distribution's own tools: on a running system plainly, in a tree by
`--prefix` (or `--root` where a tool has no prefix), which change nothing of the machine they run on.
"""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe
from tsagent.errors import AgentError
from tsagent.host.account_files import (
    FILES,
    clear_dead_locks,
    entries,
    leftovers,
    login_default,
    remove_entries,
    require_confined,
    useradd_default,
)
from tsagent.host.accounts import Account, find_group, find_user, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence

    from tsagent.host import Host
    from tsagent.host.tree import Tree

_MAIL = ("/var/spool/mail", "/var/mail")
_GROUP_FILES = ("/etc/group", "/etc/gshadow")


class CreateGroup(Change):
    """Make a group. One that is there already stays as it is."""

    type = "create_group"
    repeat_visible = True  # what was there before must be known when it is rolled back

    def __init__(
        self,
        name: str,
        gid: "Optional[int]" = None,
        system: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(name, reason, requires)
        self.name = name
        self.gid = gid
        self.system = system

    def payload(self) -> "Dict[str, Any]":
        return {"gid": self.gid, "system": self.system}

    def describe(self) -> str:
        return "create group %s" % self.name

    def probe(self, host: "Host") -> Probe:
        found = find_group(host.root, self.name)
        return Probe(DIFFERS, "absent") if found is None else Probe(CONVERGED, "gid %d" % found.gid)

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return {"entries": entries(host.root, self.name)}

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        missing = _missing(host.root, self.name, _GROUP_FILES)
        if leftovers(host.root):
            missing.append("a lock or a half-written file is left")
        return Probe(DIFFERS, ", ".join(missing)) if missing else Probe(CONVERGED)

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        clear_dead_locks(host)
        if _missing(host.root, self.name, _GROUP_FILES):
            _roll_back(host, self.name, before, _GROUP_FILES)

    def apply(self, host: "Host") -> "Optional[str]":
        if find_group(host.root, self.name) is not None:
            return None
        argv = account_tool(host, "groupadd")
        if self.gid is not None:
            argv += ["-g", str(self.gid)]
        if self.system:
            argv.append("-r")
        before = self.before(host)
        try:
            host.check(argv + ["--", self.name])
        except BaseException:
            _roll_back(host, self.name, before, _GROUP_FILES)
            raise
        return None

    def attribute(self, host: "Host", name: str) -> str:
        found = find_group(host.root, self.name)
        if name != "gid" or found is None:
            raise KeyError(name)
        return str(found.gid)


class CreateUser(Change):
    """Make an account with its home. One that is there already keeps everything it has.

    A useradd that was killed or failed leaves an account in parts: entries without a home, a group
    without a shadow entry. The parts are looked at one by one; what is incomplete is taken back to what
    was there before and made anew. A home that anything but the skeleton has been put into is in use and
    never removed.
    """

    type = "create_user"
    repeat_visible = True  # what was there before must be known when it is rolled back

    def __init__(
        self,
        name: str,
        uid: "Optional[int]" = None,
        gecos: str = "",
        home: "Optional[str]" = None,
        primary_group: "Optional[str]" = None,
        create_home: bool = True,
        user_group: bool = True,
        log_init: bool = True,
        system: bool = False,
        shell: "Optional[str]" = None,
        expire_date: "Optional[str]" = None,
        inactive: "Optional[str]" = None,
        selinux_user: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(name, reason, requires)
        self.name = name
        self.uid = uid
        self.gecos = gecos
        self.home = home
        self.primary_group = primary_group
        self.create_home = create_home
        self.user_group = user_group
        self.log_init = log_init
        self.system = system
        self.shell = shell
        self.expire_date = expire_date
        self.inactive = inactive
        self.selinux_user = selinux_user

    def payload(self) -> "Dict[str, Any]":
        return {
            "uid": self.uid,
            "gecos": self.gecos,
            "home": self.home,
            "primary_group": self.primary_group,
            "create_home": self.create_home,
            "user_group": self.user_group,
            "system": self.system,
            "shell": self.shell,
            "expire_date": self.expire_date,
            "inactive": self.inactive,
            "selinux_user": self.selinux_user,
        }

    def describe(self) -> str:
        return "create user %s" % self.name

    def probe(self, host: "Host") -> Probe:
        account = self.account(host)
        return Probe(DIFFERS, "absent") if account is None else Probe(CONVERGED, "uid %d" % account.uid)

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        tree = host.root
        return {
            "entries": entries(tree, self.name),
            "home": tree.exists(self._home(host)),
            "mail": [path for path in _MAIL if tree.exists(path + "/" + self.name)],
        }

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        if self.name == "root" or (before is not None and before["entries"]["/etc/passwd"]):
            return self.probe(host)
        missing = self._incomplete(host)
        return Probe(DIFFERS, ", ".join(missing)) if missing else Probe(CONVERGED)

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        # A lock that is left means that useradd was not through with the files: judge before clearing.
        missing = self._incomplete(host)
        clear_dead_locks(host)
        if not missing or before is None or before["entries"]["/etc/passwd"]:
            return
        account = find_user(host.root, self.name)
        if account is None or before["home"] or not self._home_in_use(host, account):
            self._take_back(host, before)

    def apply(self, host: "Host") -> "Optional[str]":
        if self.account(host) is not None:
            return None
        for path in FILES + (os.path.dirname(self._home(host)),) + _MAIL:
            require_confined(host.root, path)
        clear_dead_locks(host)
        before = self.before(host)
        assert before is not None
        above = os.path.dirname(self._home(host).rstrip("/"))
        if self.create_home and above.startswith("/") and not host.root.exists(above):
            host.root.mkdir(above, 0o755, 0, 0)  # older tools make the home alone
        try:
            host.check(self.arguments(host))
        except BaseException:
            self._take_back(host, before)
            raise
        if self.selinux_user and not self._labels(host):
            return "without its SELinux user: SELinux does not run here"
        return None

    def _labels(self, host: "Host") -> bool:
        return host.live and host.root.exists("/sys/fs/selinux/enforce")

    def flush(self, host: "Host") -> None:
        # useradd flushes the account files, and not what it copies from the skeleton.
        if self.create_home and host.root.is_dir(self._home(host)):
            host.root.flush_below(self._home(host))

    def arguments(self, host: "Host") -> "List[str]":
        """The useradd command line."""
        argv = account_tool(host, "useradd")
        group = self.primary_group
        if group is None and find_group(host.root, self.name) is not None:
            group = self.name  # useradd refuses to make one that is there
        for option, value in (
            ("-u", self.uid),
            ("-c", self.gecos or None),
            ("-d", self.home),
            ("-g", group),
            ("-s", self.shell),
            ("-e", self.expire_date),
            ("-f", self.inactive),
            ("-Z", self.selinux_user if self._labels(host) else None),
        ):
            if value is not None:
                argv += [option, str(value)]
        if self.system:
            argv.append("-r")
        if group is not None or not self.user_group:
            argv.append("-N")
        else:
            argv.append("-U")
        # lastlog and faillog would be this machine's, not the tree's.
        if not self.log_init or not host.live:
            argv.append("-l")
        argv.append("-m" if self.create_home else "-M")
        if self.create_home and not host.live:
            # Without it the skeleton would be this machine's, too.
            argv += ["-k", host.root.root + self._skeleton(host)]
        return argv + ["--", self.name]

    def account(self, host: "Host") -> "Optional[Account]":
        """The account as it is; root is always there."""
        account = find_user(host.root, self.name)
        if account is None and self.name == "root":
            return Account("root", 0, 0, "root", "/root", "/bin/sh")
        return account

    def attribute(self, host: "Host", name: str) -> str:
        account = self.account(host)
        if account is None or name not in ("uid", "gid", "home"):
            raise KeyError(name)
        return str(getattr(account, name))

    def _home(self, host: "Host") -> str:
        account = find_user(host.root, self.name)
        if account is not None:
            return account.home
        return self.home or "%s/%s" % (useradd_default(host.root, "HOME", "/home").rstrip("/"), self.name)

    def _skeleton(self, host: "Host") -> str:
        path = useradd_default(host.root, "SKEL", "/etc/skel")
        return host.root.realpath(path) if host.root.is_dir(path) else path

    def _incomplete(self, host: "Host") -> "List[str]":
        """Which parts of the account are not there, in words."""
        tree = host.root
        account = find_user(tree, self.name)
        if account is None:
            return ["account entry missing"] + leftovers(tree)
        missing = _missing(tree, self.name, ("/etc/shadow",))
        if self.primary_group is None and self.user_group:
            missing += _missing(tree, self.name, _GROUP_FILES)
        locked = [path for path in leftovers(tree) if path.endswith(".lock")]
        if locked:
            missing.append("%s is left" % locked[0])
        if self.create_home:
            missing += self._home_incomplete(host, account)
        if not self.system:
            missing += self._mail_incomplete(host, account)
        return missing

    def _home_incomplete(self, host: "Host", account: Account) -> "List[str]":
        tree, skeleton = host.root, self._skeleton(host)
        if not tree.is_dir(account.home):
            return ["home missing"]
        if self._home_in_use(host, account):
            return []
        if tree.stat(account.home).st_uid != account.uid:
            return ["home without its owner"]
        for path, status in tree.walk(skeleton) if tree.is_dir(skeleton) else ():
            copy = account.home + path[len(skeleton) :]
            try:
                made = tree.lstat(copy)
            except FileNotFoundError:
                return ["home incomplete"]
            alike = made.st_mode == status.st_mode and made.st_uid == account.uid
            if not alike or made.st_size != status.st_size != 0:
                return ["home incomplete"]
        return []

    def _mail_incomplete(self, host: "Host", account: Account) -> "List[str]":
        tree = host.root
        directory = login_default(host.root, "MAIL_DIR", "")
        if (
            useradd_default(host.root, "CREATE_MAIL_SPOOL", "no") == "yes"
            and directory
            and tree.is_dir(directory)
        ):
            spool = "%s/%s" % (directory, self.name)
            if not tree.exists(spool):
                return ["mail spool missing"]
            if tree.stat(spool).st_uid != account.uid or not tree.stat(spool).st_mode & 0o600:
                return ["mail spool incomplete"]
        return []

    def _home_in_use(self, host: "Host", account: Account) -> bool:
        """Whether the home holds what does not come from the skeleton."""
        skeleton = self._skeleton(host)
        return any(
            not host.root.exists(skeleton + path[len(account.home) :])
            for path, status in host.root.walk(account.home)
        )

    def _take_back(self, host: "Host", before: "Dict[str, Any]") -> None:
        """Undo a half-made account, to what was there before."""
        clear_dead_locks(host)
        home = self._home(host)
        _roll_back(host, self.name, before, FILES)
        if not before["home"] and self.create_home:
            host.root.remove_tree(home)
        for path in _MAIL:
            if path not in before["mail"]:
                host.root.unlink(path + "/" + self.name, missing_ok=True)


class AccountEdit(Change):
    """A change of one field by a tool that may simply be run again; only its locks must go first."""

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        clear_dead_locks(host)

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        return Probe(DIFFERS, "a lock is left") if leftovers(host.root) else self.probe(host)


class AddToGroups(AccountEdit):
    """Make an account a member of groups beside those it is in."""

    type = "add_to_groups"

    def __init__(
        self, user: str, groups: "Sequence[str]", reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(user, reason, requires)
        self.user = user
        self.groups = list(groups)

    def payload(self) -> "Dict[str, Any]":
        return {"groups": self.groups}

    def describe(self) -> str:
        return "add %s to %s" % (self.user, ", ".join(self.groups))

    def probe(self, host: "Host") -> Probe:
        outside = self._outside(host)
        return Probe(DIFFERS, "not in %s" % ", ".join(outside)) if outside else Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        outside = self._outside(host)
        missing = [name for name in outside if find_group(host.root, name) is None]
        there = [name for name in outside if name not in missing]
        if outside:
            require_account(host, self.user)
        if there:
            host.check(account_tool(host, "usermod") + ["-a", "-G", ",".join(there), "--", self.user])
        if missing:
            raise AgentError(
                "there is no group %s" % " and no ".join(missing),
                "no-such-group",
                "create it under groups:, or leave create_groups at true",
            )
        return None

    def _outside(self, host: "Host") -> "List[str]":
        members: "Dict[str, List[List[str]]]" = {}
        for path in _GROUP_FILES:
            for fields in records(host.root, path):
                if len(fields) >= 4:
                    members.setdefault(fields[0], []).append(fields[3].split(","))
        return [
            name
            for name in self.groups
            if not members.get(name) or any(self.user not in listed for listed in members[name])
        ]


def account_tool(host: "Host", name: str) -> "List[str]":
    """The beginning of an account tool's command line, for this root."""
    if host.live:
        return [name]
    for path in FILES:
        require_confined(host.root, path)
    return [name, "--prefix", host.root.root]


def _missing(tree: "Tree", name: str, paths: "Iterable[str]") -> "List[str]":
    """Which of these account files are there and have no entry called `name`."""
    present = entries(tree, name)
    return ["no entry in %s" % path for path in paths if tree.exists(path) and not present[path]]


def _roll_back(host: "Host", name: str, before: "Optional[Dict[str, Any]]", paths: "Iterable[str]") -> None:
    """Take out the entries that were not there before."""
    if before is not None:
        clear_dead_locks(host)
        remove_entries(host, name, [path for path in paths if not before["entries"][path]])


def require_account(host: "Host", user: str) -> None:
    """See that an account is there and that no dead tool's lock is. Raises AgentError `no-such-user`."""
    clear_dead_locks(host)
    if find_user(host.root, user) is None:
        raise AgentError("there is no user %s" % user, "no-such-user", "create it under users:")
