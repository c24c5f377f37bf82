"""A swap file: made whole under another name, closed to others from its first byte, then put in its place."""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.mounting import active_swap
from tsagent.changes.sizes import shown
from tsagent.errors import AgentError
from tsagent.facts.mounts import mounts
from tsagent.host.process import Interrupted
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence, Tuple

    from tsagent.host import Host

MIB = 1 << 20
GIB = 1 << 30
_PAGE_SIZES = (4096, 16384, 65536)  # the signature ends the first page. Source: mkswap(8), swap.h
_MAGIC = b"SWAPSPACE2"
_SPARE = 0.1  # of what is free on a file system stays free
# File systems whose unwritten blocks a kernel since this version takes for swap. Sources: the kernel's
# fs/ext4/inode.c, fs/xfs/xfs_aops.c (4.18), fs/btrfs/inode.c (5.0); elsewhere every block is written.
_RESERVES = {"ext4": (2, 6), "xfs": (4, 18), "btrfs": (5, 0)}
_NO_SWAP_ON = ("tmpfs", "ramfs", "overlay", "nfs", "nfs4", "zfs", "9p", "virtiofs", "fuse")


class MakeSwapFile(Change):
    """Make a swap file of `size` bytes; None for a size after the `memory`, at most `most` bytes.

    A swap file of that size stays, and so does one in use. A file that is no swap is never replaced.
    """

    type = "make_swap_file"
    repeat_visible = True

    def __init__(
        self,
        path: str,
        size: "Optional[int]",
        most: "Optional[int]" = None,
        memory: "Optional[int]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, reason, requires)
        self.path = path
        self.size = size
        self.most = most
        self.memory = memory

    def payload(self) -> "Dict[str, Any]":
        return {"size": self.size, "most": self.most}

    def describe(self) -> str:
        size = "after the memory" if self.size is None else "of %s" % shown(self.size)
        return "make the swap file %s, %s" % (self.path, size)

    def probe(self, host: "Host") -> Probe:
        try:
            size, is_swap = self._present(host)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        if size is None:
            return Probe(DIFFERS, "absent")
        if host.live and host.root.realpath(self.path) in active_swap(host):
            same = self.size in (None, size)
            return Probe(CONVERGED, "in use" if same else "in use, with %s" % shown(size), warn=not same)
        if is_swap and self.size in (None, size):
            return Probe(CONVERGED, "it is there, with %s" % shown(size))
        return Probe(DIFFERS, "it has %s" % shown(size) if is_swap else "a file that is no swap is there")

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        host.root.unlink(self._temporary(), missing_ok=True)

    def apply(self, host: "Host") -> "Optional[str]":
        present, is_swap = self._present(host)
        if present is not None and not is_swap:
            raise AgentError(
                "%s is there and is no swap file; it is left as it is" % self.path,
                "file-in-the-way",
                "remove it, or give another filename",
            )
        parent = os.path.dirname(self.path)
        if not host.root.exists(parent):
            host.root.mkdir(parent)
        kind = _kind_of(host, parent)
        if kind in _NO_SWAP_ON or kind.startswith("fuse."):
            raise AgentError("%s lies on %s, which takes no swap file" % (self.path, kind), "no-swap-here")
        size = self._size(host, parent)
        temporary = self._temporary()
        host.root.unlink(temporary, missing_ok=True)
        try:
            how = self._make(host, temporary, size, kind)
            host.check(["mkswap", host.root.host_path(temporary)])
            host.root.rename(temporary, self.path)
        except BaseException:
            host.root.unlink(temporary, missing_ok=True)
            raise
        host.root.made.append(self.path)
        return "%s, %s" % (shown(size), how)

    def _make(self, host: "Host", path: str, size: int, kind: str) -> str:
        descriptor = host.root.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            if kind == "btrfs":
                if _kernel() < _RESERVES["btrfs"]:
                    raise AgentError("this kernel takes no swap file on btrfs", "no-swap-here")
                host.check(["chattr", "+C", host.root.host_path(path)])  # only while it is empty
            reserved = _kernel() >= _RESERVES.get(kind, (99, 0))
            if reserved:
                os.posix_fallocate(descriptor, 0, size)
            else:
                zeros = bytes(MIB)
                for _ in range(size // MIB):
                    if host.runner.interrupted:
                        raise Interrupted()
                    os.write(descriptor, zeros)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return "its blocks reserved" if reserved else "its blocks written"

    def _size(self, host: "Host", parent: str) -> int:
        status = os.statvfs(host.root.host_path(parent))
        free = int(status.f_bavail * status.f_frsize * (1 - _SPARE))
        if self.size is not None:
            if self.size > free:
                raise AgentError(
                    "a swap file of %s does not fit: %s has room for %s"
                    % (shown(self.size), parent, shown(free)),
                    "no-space",
                    "make it smaller; a tenth of what is free is kept free",
                )
            return self.size
        if self.memory is None:
            raise AgentError("size: auto needs the size of the memory, which is not known", "unknown-memory")
        size = automatic_size(self.memory, free, self.most)
        if size < MIB:
            raise AgentError("there is no room for a swap file in %s" % parent, "no-space")
        return size

    def _present(self, host: "Host") -> "Tuple[Optional[int], bool]":
        """The size of the file that is there, None where there is none; and whether it is swap."""
        try:
            descriptor = host.root.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None, False
        try:
            size = os.fstat(descriptor).st_size
            ends = (os.pread(descriptor, len(_MAGIC), page - len(_MAGIC)) for page in _PAGE_SIZES)
            return size, any(end == _MAGIC for end in ends)
        finally:
            os.close(descriptor)

    def _temporary(self) -> str:
        directory, name = os.path.split(self.path)
        return "%s/.%s.tsagent-new" % (directory.rstrip("/"), name)


def automatic_size(memory: int, free: int, most: "Optional[int]" = None) -> int:
    """Bytes of swap for `memory` bytes of it, in whole MiB.

    The rule is cloud-init's, so that a machine gets what it got: as much as there is memory up to 4 GiB,
    4 GiB up to 16 GiB, the square root of the GiB above; without `most`, a quarter of what is free and
    twice the memory are the limits. Source: cloud-init's documentation of `swap`.
    """
    limit = min(free // 4, memory * 2) if most is None else min(most, free)
    if memory < 4 * GIB:
        wanted = memory
    elif memory < 16 * GIB:
        wanted = 4 * GIB
    else:
        wanted = round((memory / float(GIB)) ** 0.5) * GIB
    return min(wanted, limit) // MIB * MIB


def _kind_of(host: "Host", directory: str) -> str:
    """The kind of file system a directory lies on, "" where that is not known."""
    path, found, length = host.root.host_path(directory), "", 0
    for item in mounts(Tree("/")):
        target = item.target.rstrip("/")
        if (path == target or path.startswith(target + "/")) and len(target) >= length:
            found, length = item.fs_type, len(target)
    return found


def _kernel() -> "Tuple[int, ...]":
    numbers = os.uname().release.replace("-", ".").split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
