"""Changes to files, directories and links."""

import errno
import stat as stat_module

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Later, Probe, resolve
from tsagent.errors import AgentError
from tsagent.host.accounts import group_id, user_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

    from tsagent.host import Host

    Owner = Union[str, int, Later, None]

_READ_LIMIT = 64 << 20  # bytes of a file that is compared or edited


class Owned(Change):
    """A file or directory with an owner and a mode. Owners are names or numbers of the root's accounts."""

    def __init__(
        self,
        path: "Union[str, Later]",
        mode: "Optional[int]",
        owner: "Owner",
        group: "Owner",
        reason: str,
        requires: "Sequence[Change]",
    ) -> None:
        super().__init__(path, reason, requires)
        self.mode = mode
        self.owner = owner
        self.group = group
        self.own_parents = False  # directories that are missing above it get its owner
        self.owner_hint: "Optional[str]" = None  # what to do where its owner is not there
        self.requires.extend(item.change for item in (owner, group) if isinstance(item, Later))

    def path(self, host: "Host") -> str:
        """Where it is, inside the root."""
        path = resolve(self.target, host)
        if not path.startswith("/"):
            raise AgentError("%s is not an absolute path" % path, code="bad-path")
        return str(path)

    def ids(self, host: "Host") -> "Tuple[Optional[int], Optional[int]]":
        """uid and gid, None where they are not asked for."""
        owner, group = resolve(self.owner, host), resolve(self.group, host)
        try:
            return (
                None if owner is None else user_id(host.root, owner),
                None if group is None else group_id(host.root, group),
            )
        except AgentError as error:
            raise AgentError(error.message, error.code, self.owner_hint or error.hint) from None

    def make_parents(self, host: "Host", path: str, uid: "Optional[int]", gid: "Optional[int]") -> None:
        """Make the directories that are missing above it, where they are to have its owner."""
        missing: "List[str]" = []
        directory = path.rpartition("/")[0]
        while self.own_parents and (uid or gid) and directory and not host.root.exists(directory):
            missing.append(directory)
            directory = directory.rpartition("/")[0]
        for directory in reversed(missing):
            host.root.mkdir(directory, 0o755, uid, gid)

    def payload(self) -> "Dict[str, Any]":
        return {
            "mode": self.mode,
            "owner": None if self.owner is None else str(self.owner),
            "group": None if self.group is None else str(self.group),
        }

    def mismatch(self, host: "Host", path: str) -> str:
        """How owner or mode of what is there differ from what is wanted; empty where they do not."""
        status = host.root.stat(path)
        if self.mode is not None and stat_module.S_IMODE(status.st_mode) != self.mode:
            return "mode is %04o" % stat_module.S_IMODE(status.st_mode)
        try:
            uid, gid = self.ids(host)
        except AgentError as error:
            return error.message
        if uid is not None and status.st_uid != uid:
            return "owner is %d" % status.st_uid
        if gid is not None and status.st_gid != gid:
            return "group is %d" % status.st_gid
        return ""


class _Content(Owned):
    """A file and what goes into it; `secret` content stands in no plan, diff or id."""

    def __init__(
        self,
        path: "Union[str, Later]",
        content: "Union[str, bytes]",
        mode: "Optional[int]" = None,
        owner: "Owner" = None,
        group: "Owner" = None,
        secret: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, mode, owner, group, reason, requires)
        self.content = content.encode("utf-8") if isinstance(content, str) else content
        self.secret = secret

    def payload(self) -> "Dict[str, Any]":
        data = super().payload()
        if not self.secret:
            data["content"] = _digest(self.content)
        return data


class WriteFile(_Content):
    """Put a file there with this content.

    `mode`, `owner` and `group` left out keep those of a file that is replaced. `secret` keeps the
    content out of plans, diffs and the change's id.
    """

    type = "write_file"

    def describe(self) -> str:
        return "write %s (%d bytes)" % (self.target, len(self.content))

    def probe(self, host: "Host") -> Probe:
        try:
            path = self.path(host)
            current = host.root.read(path, _READ_LIMIT)
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        if current != self.content:
            return Probe(DIFFERS, "content differs")
        wrong = self.mismatch(host, path)
        return Probe(DIFFERS, wrong) if wrong else Probe(CONVERGED)

    def detail(self, host: "Host") -> "List[str]":
        if self.secret:
            return []
        try:
            current = host.root.read(self.path(host), _READ_LIMIT)
        except (OSError, KeyError):
            current = b""
        return unified_diff(current, self.content, str(self.target))

    def apply(self, host: "Host") -> "Optional[str]":
        uid, gid = self.ids(host)
        self.make_parents(host, self.path(host), uid, gid)
        how = host.root.write_atomic(self.path(host), self.content, self.mode, uid, gid)
        return None if how == "replaced" else "written in place: it is a mount point"


class AppendFile(_Content):
    """Add content at the end of a file, once.

    The length and digest of what was there are noted first, so that a resumed run can tell whether the
    addition had been made. `before_digest` stays in the journal, which only root reads.
    """

    type = "append_file"
    repeat_visible = True

    def describe(self) -> str:
        return "append to %s (%d bytes)" % (self.target, len(self.content))

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return {"length": len(self._current(host))}

    def probe(self, host: "Host") -> Probe:
        return Probe(DIFFERS, "to be added")

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        if before is None:
            return Probe(UNKNOWN)
        current = self._current(host)
        start = int(before["length"])
        if current[start : start + len(self.content)] != self.content:
            return Probe(DIFFERS, "not added yet")
        wrong = self.mismatch(host, self.path(host))
        if not wrong:
            return Probe(CONVERGED)
        return Probe(DIFFERS, wrong)

    def apply(self, host: "Host") -> "Optional[str]":
        uid, gid = self.ids(host)
        self.make_parents(host, self.path(host), uid, gid)
        current = self._current(host, act=True)
        host.root.write_atomic(self.path(host), current + self.content, self.mode, uid, gid)
        return None

    def _current(self, host: "Host", act: bool = False) -> bytes:
        try:
            return host.root.read(self.path(host), _READ_LIMIT, act)
        except FileNotFoundError:
            return b""


class EditFile(Owned):
    """Change a file by a pure, idempotent transform of its current content.

    `transform` gets the bytes that are there (None where there is no file) and returns those that
    should be; None means leave it as it is. `what` says in a few words what the edit does and is part
    of the change's id.
    """

    type = "edit_file"

    def __init__(
        self,
        path: "Union[str, Later]",
        transform: "Callable[[Optional[bytes]], Optional[bytes]]",
        what: str,
        mode: "Optional[int]" = None,
        owner: "Owner" = None,
        group: "Owner" = None,
        secret: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, mode, owner, group, reason, requires)
        self.transform = transform
        self.what = what
        self.secret = secret

    def payload(self) -> "Dict[str, Any]":
        return dict(super().payload(), what=self.what)

    def describe(self) -> str:
        return "edit %s: %s" % (self.target, self.what)

    def probe(self, host: "Host") -> Probe:
        try:
            path = self.path(host)
            current = self._current(host, path)
        except FileNotFoundError as error:
            return Probe(DIFFERS, "%s is absent" % error.filename)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        wanted = self.transform(current)
        if wanted is not None and wanted != current:
            return Probe(DIFFERS, "absent" if current is None else "content differs")
        if current is None:
            return Probe(CONVERGED, "nothing to edit")
        wrong = self.mismatch(host, path)
        return Probe(DIFFERS, wrong) if wrong else Probe(CONVERGED)

    def detail(self, host: "Host") -> "List[str]":
        if self.secret:
            return []
        try:
            current = self._current(host, self.path(host))
        except (OSError, KeyError):
            return []
        return unified_diff(current or b"", self.transform(current) or current or b"", str(self.target))

    def apply(self, host: "Host") -> "Optional[str]":
        path = self.path(host)
        current = self._current(host, path, act=True)
        wanted = self.transform(current)
        if wanted is None:
            wanted = current
        if wanted is None:
            return None
        uid, gid = self.ids(host)
        host.root.write_atomic(path, wanted, self.mode, uid, gid)
        return None

    def _current(self, host: "Host", path: str, act: bool = False) -> "Optional[bytes]":
        try:
            return host.root.read(path, _READ_LIMIT, act)
        except FileNotFoundError:
            return None


class MakeDirectory(Owned):
    """Make a directory; parents that are missing belong to root with mode 0755.

    With `mode` None a new one gets 0755, and one that is there keeps its own.
    """

    type = "make_directory"

    def __init__(
        self,
        path: "Union[str, Later]",
        mode: "Optional[int]" = 0o755,
        owner: "Owner" = None,
        group: "Owner" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, mode, owner, group, reason, requires)

    def describe(self) -> str:
        return "make directory %s" % self.target

    def probe(self, host: "Host") -> Probe:
        path = self.path(host)
        try:
            status = host.root.stat(path)
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        if not stat_module.S_ISDIR(status.st_mode):
            return Probe(DIFFERS, "not a directory")
        wrong = self.mismatch(host, path)
        return Probe(DIFFERS, wrong) if wrong else Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        uid, gid = self.ids(host)
        path, mode = self.path(host), self.mode
        if mode is None:
            there = host.root.is_dir(path)
            mode = stat_module.S_IMODE(host.root.stat(path).st_mode) if there else 0o755
        host.root.mkdir(path, mode, uid, gid)
        return None


class MakeLink(Change):
    """Make a symbolic link at `path` that says `to`, in place of a file or link there."""

    type = "make_link"

    def __init__(self, path: str, to: str, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(path, reason, requires)
        self.to = to

    def payload(self) -> "Dict[str, Any]":
        return {"to": self.to}

    def describe(self) -> str:
        return "link %s to %s" % (self.target, self.to)

    def probe(self, host: "Host") -> Probe:
        try:
            current = host.root.readlink(str(self.target))
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        except OSError as error:
            if error.errno == errno.EINVAL:
                return Probe(DIFFERS, "not a link")
            return Probe(UNKNOWN, error.strerror or "unreadable")
        return Probe(CONVERGED) if current == self.to else Probe(DIFFERS, "leads to %s" % current)

    def apply(self, host: "Host") -> "Optional[str]":
        host.root.symlink(self.to, str(self.target))
        return None


class RemoveFile(Change):
    """Remove a file or link; a directory is an error."""

    type = "remove_file"

    def describe(self) -> str:
        return "remove %s" % self.target

    def probe(self, host: "Host") -> Probe:
        try:
            host.root.lstat(resolve(self.target, host))
        except FileNotFoundError:
            return Probe(CONVERGED, "absent")
        return Probe(DIFFERS, "present")

    def apply(self, host: "Host") -> "Optional[str]":
        host.root.unlink(resolve(self.target, host), missing_ok=True)
        return None


def _digest(data: bytes) -> str:
    from tsagent.digests import sha256

    return sha256(data).hexdigest()


def unified_diff(old: bytes, new: bytes, path: str) -> "List[str]":
    """A unified diff for people; none for binary content."""
    if b"\0" in old or b"\0" in new:
        return ["binary content"]
    import difflib

    before = old.decode("utf-8", "replace").splitlines()
    after = new.decode("utf-8", "replace").splitlines()
    return list(difflib.unified_diff(before, after, path, path, lineterm="", n=2))
