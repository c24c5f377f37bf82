"""Work on open files and directories, below the resolution of paths."""

import errno
import os
import stat as stat_module

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

CHUNK = 1 << 20  # bytes read at a time


def link_in(directory: int, name: str) -> "Optional[Tuple[str, int]]":
    """What a link in an open directory says, and whose it is; None for what is no link."""
    try:
        os.readlink(name, dir_fd=directory)  # mostly it is none
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    try:
        # Both of one and the same: its name may lead to another by now.
        return os.readlink("", dir_fd=descriptor), os.fstat(descriptor).st_uid
    except FileNotFoundError:  # what has taken its place is no link
        return None
    finally:
        os.close(descriptor)


def need_owner(directories: "List[int]", owner: int, path: str) -> None:
    """Refuse a place that lies in no directory of the user whose link led there: AgentError `unsafe-link`."""
    if not any(os.fstat(descriptor).st_uid == owner for descriptor in directories):
        raise AgentError(
            "%s: a link of the user %d leads out of what is that user's" % (path, owner),
            "unsafe-link",
            "name the place that is meant",
        )


def create_fresh(name: str, directory: int) -> int:
    """A new file in an open directory, mode 0600; one left there by a run that was cut off goes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, 0o600, dir_fd=directory)
    except FileExistsError:
        os.unlink(name, dir_fd=directory)  # left by a run that was cut off
        return os.open(name, flags, 0o600, dir_fd=directory)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_all(descriptor: int, path: str, limit: "Optional[int]") -> bytes:
    """All of an open file; `path` is for the error. More than `limit` bytes: AgentError `file-too-large`."""
    parts: "List[bytes]" = []
    size = 0
    while True:
        part = os.read(descriptor, CHUNK if limit is None else min(CHUNK, limit + 1 - size))
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if limit is not None and size > limit:
            raise AgentError("%s is larger than %d bytes" % (path, limit), code="file-too-large")


def own(
    descriptor: int, before: "Optional[os.stat_result]", uid: "Optional[int]", gid: "Optional[int]"
) -> None:
    """Give an open file its owner: the one named, else that of the file it replaces."""
    now = os.fstat(descriptor)
    if uid is None:
        uid = before.st_uid if before else now.st_uid
    if gid is None:
        gid = before.st_gid if before else now.st_gid
    if (uid, gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, uid, gid)


def read_attributes(descriptor: int) -> "Dict[str, bytes]":
    """Extended attributes of an open file; none where they are not supported."""
    try:
        return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise


def copy_attributes(directory: int, name: str, descriptor: int) -> None:
    """Carry ACL, extended attributes and the security label over to the file that replaces another."""
    old = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        attributes = read_attributes(old)
    finally:
        os.close(old)
    for attribute, value in attributes.items():
        try:
            os.setxattr(descriptor, attribute, value)
        except OSError as error:
            # The integrity subsystem writes its own; nobody else may.
            if error.errno != errno.ENOTSUP and attribute not in ("security.ima", "security.evm"):
                raise


def write_in_place(
    directory: int, name: str, data: bytes, mode: int, uid: "Optional[int]", gid: "Optional[int]"
) -> None:
    """Overwrite a file that cannot be renamed over, its owner and mode first."""
    descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        own(descriptor, os.fstat(descriptor), uid, gid)
        os.fchmod(descriptor, mode)
        os.ftruncate(descriptor, 0)
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_directory(parent: int, name: str) -> None:
    """Remove a directory of an open directory and all below it, never following a link."""
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        for child in os.listdir(descriptor):
            status = os.stat(child, dir_fd=descriptor, follow_symlinks=False)
            if stat_module.S_ISDIR(status.st_mode):
                remove_directory(descriptor, child)
            else:
                os.unlink(child, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=parent)
