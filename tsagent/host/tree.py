"""A directory seen as a root: the one way the agent reads and writes files.

Every path is resolved inside the root component by component, as in a chroot: an absolute symbolic
link starts again at the root and `..` never climbs above it. Resolution holds directory descriptors
all the way, so nobody can swap a directory for a link between the look and the write.
"""

import errno
import os
import stat as stat_module

from tsagent.errors import AgentError
from tsagent.host.descriptors import (
    CHUNK,
    copy_attributes,
    create_fresh,
    link_in,
    need_owner,
    own,
    read_all,
    remove_directory,
    write_all,
    write_in_place,
)
from tsagent.host.names import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Iterator, List, Optional, Set, Tuple, Type

_LINK_LIMIT = 40  # as Linux: MAXSYMLINKS
_NAME_LIMIT = 255  # NAME_MAX of every file system the distributions ship
_TEMP_SUFFIX = ".tsagent-new"
_OPEN_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Place:
    """The last component of a resolved path: an open parent directory and a name in it."""

    __slots__ = ("descriptor", "name", "parents")

    def __init__(self, descriptor: int, name: str, parents: "List[str]") -> None:
        self.descriptor = descriptor
        self.name = name
        self.parents = parents

    def __enter__(self) -> "_Place":
        return self

    def __exit__(
        self,
        kind: "Optional[Type[BaseException]]",
        error: "Optional[BaseException]",
        trace: "Optional[TracebackType]",
    ) -> None:
        os.close(self.descriptor)

    @property
    def path(self) -> str:
        """The place as an absolute path inside the root, free of links."""
        names = self.parents if self.name == "." else self.parents + [self.name]
        return "/" + "/".join(names)

    def stat(self) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.descriptor, follow_symlinks=False)


class Tree:
    """Files below `root`; all paths given to it are absolute inside that root.

    Methods raise `OSError` as the system calls do, unless they say otherwise; those that write, AgentError
    `unsafe-link` where a user's link would have root write for that user.
    """

    def __init__(self, root: str = "/") -> None:
        self.root = os.path.realpath(root)
        self.live = self.root == "/"
        self.made: "List[str]" = []  # paths that were not there before; see Host.relabel
        self._unsynced: "Set[str]" = set()

    def __repr__(self) -> str:
        return "Tree(%r)" % self.root

    # -- resolution ---------------------------------------------------------------------------

    def _place(
        self, path: str, follow: bool = True, create: "Optional[int]" = None, act: bool = False
    ) -> _Place:
        """Resolve `path`; `create` is the mode in which missing parent directories are made.

        With it, or to `act`, a link that is a user's leads root only to what lies in a directory of that
        user's: else whoever owns a link could have root write for them where they may not.
        """
        pending = _components(path)
        careful = (act or create is not None) and os.geteuid() == 0
        owner = 0  # of the last link on the way that is not root's
        fds = [os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        names: "List[str]" = []
        links = 0
        try:
            while pending:
                name = pending.pop()
                if name == "..":
                    if names:
                        os.close(fds.pop())
                        names.pop()
                    continue
                if not pending and not follow:
                    return _at(fds, name, names, owner, path)
                if pending:
                    try:  # mostly it is a directory, and there
                        fds.append(os.open(name, _OPEN_DIRECTORY, dir_fd=fds[-1]))
                        names.append(name)
                        continue
                    except OSError:
                        pass
                link = link_in(fds[-1], name)
                if link is not None:
                    target = link[0]
                    owner = (link[1] or owner) if careful else 0
                    links += 1
                    if links > _LINK_LIMIT:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                    if target.startswith("/"):
                        while names:
                            os.close(fds.pop())
                            names.pop()
                    pending.extend(_components(target))
                    continue
                if not pending:
                    return _at(fds, name, names, owner, path)
                if owner:
                    need_owner(fds, owner, path)
                fds.append(self._enter(fds[-1], name, names, create, path))
                names.append(name)
            return _at(fds, ".", names, owner, path)
        finally:
            for descriptor in fds:
                os.close(descriptor)

    def _enter(
        self, descriptor: int, name: str, names: "List[str]", create: "Optional[int]", path: str
    ) -> int:
        try:
            return os.open(name, _OPEN_DIRECTORY, dir_fd=descriptor)
        except FileNotFoundError:
            if create is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        try:
            os.mkdir(name, create, dir_fd=descriptor)
        except FileExistsError:
            pass  # another worker made it between the two calls
        self.made.append("/" + "/".join(names + [name]))
        self._unsynced.add("/" + "/".join(names))
        return os.open(name, _OPEN_DIRECTORY, dir_fd=descriptor)

    def realpath(self, path: str) -> str:
        """The path inside the root with every link resolved; its last component need not exist."""
        with self._place(path) as place:
            return place.path

    def host_path(self, path: str) -> str:
        """The path as this machine's other programs see it, links resolved inside the root."""
        inside = self.realpath(path)
        return inside if self.live else self.root + (inside if inside != "/" else "")

    # -- reading ------------------------------------------------------------------------------

    def read(self, path: str, limit: "Optional[int]" = None, act: bool = False) -> bytes:
        """The content of a file. More than `limit` bytes: AgentError `file-too-large`.

        To `act`: for what is then written, so that it is as careful with links.
        """
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        if self.live and not act:
            descriptor = os.open(native(path), flags)
        else:
            with self._place(path, act=act) as place:
                descriptor = os.open(place.name, flags | os.O_NOFOLLOW, dir_fd=place.descriptor)
        try:
            return read_all(descriptor, path, limit)
        finally:
            os.close(descriptor)

    def text(self, path: str, default: "Optional[str]" = None) -> "Optional[str]":
        """The content of a small text file, stripped; `default` where it cannot be read."""
        try:
            data = self.read(path, CHUNK)
        except (OSError, AgentError):
            return default
        return data.decode("utf-8", "replace").strip()

    def exists(self, path: str) -> bool:
        """Whether there is something at `path`, links followed."""
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def is_dir(self, path: str) -> bool:
        """Whether `path` is a directory, links followed."""
        try:
            return stat_module.S_ISDIR(self.stat(path).st_mode)
        except OSError:
            return False

    def stat(self, path: str) -> os.stat_result:
        """The status of what `path` leads to, links followed."""
        if self.live:
            return os.stat(native(path))
        with self._place(path) as place:
            return place.stat()

    def lstat(self, path: str) -> os.stat_result:
        """The status of `path` itself."""
        with self._place(path, follow=False) as place:
            return place.stat()

    def readlink(self, path: str) -> str:
        """The text of a symbolic link."""
        with self._place(path, follow=False) as place:
            return os.readlink(place.name, dir_fd=place.descriptor)

    def listdir(self, path: str) -> "List[str]":
        """The sorted names in a directory; none where it is absent or unreadable."""
        try:
            if self.live:
                return sorted(os.listdir(native(path)))
            with self._place(path) as place:
                descriptor = os.open(
                    place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.descriptor
                )
            try:
                return sorted(os.listdir(descriptor))
            finally:
                os.close(descriptor)
        except OSError:
            return []

    # -- writing ------------------------------------------------------------------------------

    def write_atomic(
        self,
        path: str,
        data: bytes,
        mode: "Optional[int]" = None,
        uid: "Optional[int]" = None,
        gid: "Optional[int]" = None,
        sync: bool = True,
    ) -> str:
        """Put `data` at `path` so that a reader sees the old file or the new one, never a part.

        A link at `path` is followed. `mode`, `uid` and `gid` left out keep those of the file that is
        replaced (0644 and the caller's for a new one); its ACL, extended attributes and security
        label are kept. `sync=False` leaves out the flush to disk, for files that a boot may lose.

        Returns "replaced", or "in place" where the target is a mount point and cannot be renamed over.
        """
        with self._place(path, create=0o755) as place:
            before: "Optional[os.stat_result]" = None
            try:
                before = place.stat()
            except FileNotFoundError:
                pass
            if before is not None and not stat_module.S_ISREG(before.st_mode):
                code = errno.EISDIR if stat_module.S_ISDIR(before.st_mode) else errno.EINVAL
                raise OSError(code, "not a regular file", path)
            if mode is None:
                mode = stat_module.S_IMODE(before.st_mode) if before else 0o644
            temporary = _temporary_name(place.name)
            descriptor = create_fresh(temporary, place.descriptor)
            try:
                try:
                    write_all(descriptor, data)
                    if before is not None:
                        copy_attributes(place.descriptor, place.name, descriptor)
                    own(descriptor, before, uid, gid)
                    os.fchmod(descriptor, mode)
                    if sync:
                        os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                os.rename(temporary, place.name, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor)
            except BaseException as error:
                os.unlink(temporary, dir_fd=place.descriptor)
                if not isinstance(error, OSError) or error.errno != errno.EBUSY:
                    raise
                write_in_place(place.descriptor, place.name, data, mode, uid, gid)
                return "in place"
            if before is None:
                self.made.append(place.path)
            if sync:
                self._unsynced.add("/" + "/".join(place.parents))
            return "replaced"

    def append(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Add `data` at the end of a file of the agent's own, made with `mode` where absent."""
        with self._place(path, create=0o755) as place:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(place.name, flags, mode, dir_fd=place.descriptor)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        """A descriptor for `path`, links resolved inside the root; the caller closes it."""
        create = 0o755 if flags & os.O_CREAT else None
        act = bool(flags & (os.O_WRONLY | os.O_RDWR))
        with self._place(path, create=create, act=act) as place:
            return os.open(place.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=place.descriptor)

    def mkdir(
        self,
        path: str,
        mode: int = 0o755,
        uid: "Optional[int]" = None,
        gid: "Optional[int]" = None,
    ) -> None:
        """Make a directory and its parents (0755); one that is there gets `mode` and owner."""
        with self._place(path, create=0o755) as place:
            if place.name != ".":
                try:
                    # Open to nobody until it has its owner; where that is ourselves, at once as it shall be.
                    ours = uid in (None, os.geteuid()) and gid in (None, os.getegid())
                    os.mkdir(place.name, mode if ours else 0o700, dir_fd=place.descriptor)
                    self.made.append(place.path)
                except FileExistsError:
                    if not stat_module.S_ISDIR(place.stat().st_mode):
                        raise
            self._unsynced.add("/" + "/".join(place.parents))
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(place.name, flags, dir_fd=place.descriptor)
            try:
                own(descriptor, os.fstat(descriptor), uid, gid)
                if stat_module.S_IMODE(os.fstat(descriptor).st_mode) != mode:
                    os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def chmod(self, path: str, mode: int) -> None:
        """Set the mode of a regular file or directory (never of what a swapped-in link points to)."""
        with self._place(path, act=True) as place:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(place.name, flags, dir_fd=place.descriptor)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def chown(self, path: str, uid: int, gid: int, follow: bool = True) -> None:
        """Set the owner; with `follow` false, of a link itself."""
        with self._place(path, follow=follow, act=True) as place:
            os.chown(place.name, uid, gid, dir_fd=place.descriptor, follow_symlinks=False)

    def symlink(self, target: str, path: str) -> None:
        """Make `path` a link to `target`, replacing a file or link there in one step."""
        with self._place(path, follow=False, create=0o755) as place:
            temporary = _temporary_name(place.name)
            try:
                os.symlink(native(target), temporary, dir_fd=place.descriptor)
            except FileExistsError:
                os.unlink(temporary, dir_fd=place.descriptor)  # left by a run that was cut off
                os.symlink(native(target), temporary, dir_fd=place.descriptor)
            os.rename(temporary, place.name, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor)
            self._unsynced.add("/" + "/".join(place.parents))

    def unlink(self, path: str, missing_ok: bool = False) -> None:
        """Remove a file or link."""
        try:
            with self._place(path, follow=False, act=True) as place:
                os.unlink(place.name, dir_fd=place.descriptor)
                self._unsynced.add("/" + "/".join(place.parents))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rename(self, old: str, new: str) -> None:
        """Rename within one directory tree of the root."""
        with self._place(old, follow=False, act=True) as source, self._place(
            new, follow=False, act=True
        ) as target:
            os.rename(source.name, target.name, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor)
            self._unsynced.add("/" + "/".join(source.parents))
            self._unsynced.add("/" + "/".join(target.parents))

    def remove_tree(self, path: str) -> None:
        """Remove `path` and all below it; links are removed, never followed. Absent is all right."""
        try:
            status = self.lstat(path)
        except FileNotFoundError:
            return
        if not stat_module.S_ISDIR(status.st_mode):
            self.unlink(path, missing_ok=True)
            return
        with self._place(path, follow=False, act=True) as place:
            remove_directory(place.descriptor, place.name)
            self._unsynced.add("/" + "/".join(place.parents))

    def walk(self, path: str) -> "Iterator[Tuple[str, os.stat_result]]":
        """Every path below `path` with its own status, directories before what is in them."""
        for name in self.listdir(path):
            child = path.rstrip("/") + "/" + name
            status = self.lstat(child)
            yield child, status
            if stat_module.S_ISDIR(status.st_mode):
                yield from self.walk(child)

    def flush_below(self, path: str) -> None:
        """Make the content of every regular file below `path` durable, as a tool left it."""
        for child, status in self.walk(path):
            if stat_module.S_ISREG(status.st_mode):
                descriptor = self.open(child, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def flush(self) -> None:
        """Make names durable: fsync each directory changed since the last call."""
        while self._unsynced:
            path = self._unsynced.pop()
            try:
                descriptor = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue  # removed again since
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _at(fds: "List[int]", name: str, names: "List[str]", owner: int, path: str) -> _Place:
    if owner:
        need_owner(fds, owner, path)
    return _Place(fds.pop(), name, names)


def _components(path: str) -> "List[str]":
    """The components of a path, last one first. A NUL byte is refused as the kernel would."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "NUL byte in path", path.replace("\0", "\\0"))
    names = [name for name in native(path).split("/") if name and name != "."]
    names.reverse()
    return names


def _temporary_name(name: str) -> str:
    """One fixed name a target: a run that was cut off leaves at most one, and the next one reuses it."""
    room = _NAME_LIMIT - len(_TEMP_SUFFIX) - 1
    return "." + os.fsdecode(os.fsencode(name)[:room]) + _TEMP_SUFFIX
