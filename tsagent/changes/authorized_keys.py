"""The keys that let users in."""

import os
import stat as stat_module

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Later, Probe, resolve
from tsagent.changes.ssh_text import merge_authorized_keys
from tsagent.errors import AgentError
from tsagent.host.accounts import Account, find_user
from tsagent.host.as_user import as_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Union

    from tsagent.host import Host
    from tsagent.host.tree import Tree

_LIMIT = 1 << 20  # bytes of an authorized_keys file


class AuthorizedKeys(Change):
    """Let keys in as a user: merged into the user's file, nothing there lost or doubled.

    `path` is the file, mostly `Later(user, "home", "%s/.ssh/authorized_keys")`. A key that is there keeps
    its own options; with `override` it takes those of the given line. What lies below the home is read
    and written as the user: links there are followed as far as the user may follow them, and no further.
    """

    type = "authorized_keys"

    def __init__(
        self,
        user: str,
        keys: "Sequence[str]",
        path: "Union[str, Later]",
        override: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, reason, requires)
        self.user = user
        self.keys = list(keys)
        self.override = override

    def payload(self) -> "Dict[str, Any]":
        return {"user": self.user, "keys": self.keys, "override": self.override}

    def describe(self) -> str:
        number = "%d key%s" % (len(self.keys), "" if len(self.keys) == 1 else "s")
        return "let %s in as %s: %s" % (number, self.user, self.target)

    def probe(self, host: "Host") -> Probe:
        account = _account(host, self.user)
        if account is None:
            return Probe(DIFFERS, "there is no user %s yet" % self.user)
        path = resolve(self.target, host)

        def look(tree: "Tree") -> bytes:
            current = tree.read(path, _LIMIT)
            status = tree.stat(path)
            if merge_authorized_keys(current, self.keys, self.override) != current:
                return b"not all of them are there"
            if status.st_uid != account.uid or stat_module.S_IMODE(status.st_mode) & 0o022:
                return b"owner or mode would make sshd ignore it"
            return b""

        try:
            wrong = self._as(host, account, path, look)
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        except AgentError as error:
            return Probe(UNKNOWN, error.message)
        return Probe(DIFFERS, wrong.decode("ascii")) if wrong else Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        account = _account(host, self.user)
        if account is None:
            raise AgentError("there is no user %s" % self.user, "no-such-user", "create it under users:")
        path = resolve(self.target, host)
        below = _below(account, path)
        if below:
            _make_way(host.root, account, below)
        elif not host.root.exists(os.path.dirname(path)) and _roots_way(host.root, path):
            host.root.mkdir(os.path.dirname(path), 0o755, 0, 0)

        def merge(tree: "Tree") -> bytes:
            for directory in below:
                _keep_private(tree, account, directory)
            try:
                current = tree.read(path, _LIMIT)
            except FileNotFoundError:
                current = b""
            merged = merge_authorized_keys(current, self.keys, self.override)
            tree.write_atomic(path, merged, 0o600, account.uid, account.gid)
            return b""

        try:
            self._as(host, account, path, merge)
        except OSError as error:
            raise _not_written(host.root, account, below + [path], error) from None
        return None

    def _as(self, host: "Host", account: Account, path: str, work: "Any") -> bytes:
        """Do it as the user, but where only root can lay links on the way to the file: there as root."""
        import binascii  # noqa: F401 (reading keys takes it, and a child in a tree could not import it)

        if _in_home(account, path) or not _roots_way(host.root, path):
            return as_user(host.root, account, work)
        result: bytes = work(host.root)
        return result


def _account(host: "Host", user: str) -> "Optional[Account]":
    account = find_user(host.root, user)
    if account is None and user == "root":
        return Account("root", 0, 0, "root", "/root", "/bin/sh")
    return account


def _in_home(account: Account, path: str) -> bool:
    return path.startswith(account.home.rstrip("/") + "/")


def _roots_way(tree: "Tree", path: str) -> bool:
    """Whether all that is there on the way to a file is root's, and nobody else can put something there."""
    way = ""
    for name in path.split("/")[1:]:
        way += "/" + name
        try:
            status = tree.lstat(way)
        except FileNotFoundError:
            return True  # of what is not there yet root makes the rest
        link = stat_module.S_ISLNK(status.st_mode)
        if stat_module.S_ISDIR(status.st_mode):
            if status.st_uid != 0 or status.st_mode & 0o022:
                return False
        elif link and status.st_uid != 0:
            return False
    return True


def _below(account: Account, path: str) -> "List[str]":
    """The directories of the file below the home, the upper one first; none where it lies elsewhere."""
    home = account.home.rstrip("/")
    if not _in_home(account, path):
        return []
    names = path[len(home) + 1 :].split("/")[:-1]
    return [home + "/" + "/".join(names[: depth + 1]) for depth in range(len(names))]


def _make_way(tree: "Tree", account: Account, below: "List[str]") -> None:
    """Make as root what is missing where only root can make it: in a home that is root's, or not there.

    It ends at the first link or directory that is not root's: what is beyond is the user's to do.
    """
    home = account.home.rstrip("/") or "/"
    if not tree.is_dir(home):
        tree.mkdir(home, 0o755, 0, 0)
    if tree.stat(home).st_uid != 0:
        return
    for directory in below:
        try:
            status = tree.lstat(directory)
        except FileNotFoundError:
            tree.mkdir(directory, 0o700, account.uid, account.gid)
            return
        if not stat_module.S_ISDIR(status.st_mode) or status.st_uid != 0:
            return
        if directory == below[-1]:
            tree.mkdir(directory, 0o700, account.uid, account.gid)


def _keep_private(tree: "Tree", account: Account, directory: str) -> None:
    """As the user: a directory that is missing is made, one of the user's own is closed to others."""
    try:
        status = tree.lstat(directory)
    except FileNotFoundError:
        tree.mkdir(directory, 0o700, account.uid, account.gid)
        return
    own = stat_module.S_ISDIR(status.st_mode) and status.st_uid == account.uid
    if own and status.st_mode & 0o077:
        tree.chmod(directory, 0o700)


def _not_written(tree: "Tree", account: Account, parts: "List[str]", error: OSError) -> AgentError:
    for part in parts:
        try:
            link = stat_module.S_ISLNK(tree.lstat(part).st_mode)
        except OSError:
            break
        if link:
            return AgentError(
                "%s is a link that does not lead to where %s may write: %s"
                % (part, account.name, error.strerror),
                "unsafe-link",
                "make it a real directory or file of %s" % account.name,
            )
    return AgentError(
        "%s cannot be written as %s: %s" % (parts[-1], account.name, error.strerror),
        "os-error",
        "see that it and its directory belong to %s" % account.name,
    )
