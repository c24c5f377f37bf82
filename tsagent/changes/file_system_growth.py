"""Growing a file system into its partition. It only ever grows.

A device belongs to the running system; with a root given, only the image file that stands for the disk is
touched: through a loop device where the kernel allows one, else offline.
"""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.sizes import shown, slack
from tsagent.errors import AgentError
from tsagent.facts.partition_table import SECTOR, parse_table
from tsagent.facts.superblock import parse_superblock, read_start
from tsagent.host.process import CommandFailed
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

    from tsagent.facts.superblock import Superblock
    from tsagent.host import CommandResult, Host

_COPY = ".growing"  # beside the image: a copy of its file system, being grown
_WHOLE = ".grown"  # the same, grown and complete
_CHUNK = 1 << 20  # bytes
_RESIZE_LIMIT = 1800.0  # seconds after which a resize, never killed, is reported as still running


class GrowFileSystem(Change):
    """Grow a file system to the size of its device or partition.

    `kind` is "ext2", "ext3", "ext4" or "xfs"; `mountpoint` where it is mounted, None where it is not.
    `size` is what the device has or will have, in bytes. With `image`, `device` is an image file and the
    file system begins at `offset` bytes.
    """

    type = "grow_file_system"
    repeat_visible = True
    outlives = True

    def __init__(
        self,
        device: str,
        kind: str,
        size: int,
        mountpoint: "Optional[str]" = None,
        image: bool = False,
        offset: int = 0,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(device, reason, requires)
        self.device = device
        self.kind = kind
        self.size = size
        self.mountpoint = mountpoint
        self.image = image
        self.offset = offset
        self.needs_live = not image

    def payload(self) -> "Dict[str, Any]":
        return {"kind": self.kind, "size": self.size, "offset": self.offset}

    def describe(self) -> str:
        where = " at %s" % self.mountpoint if self.mountpoint else ""
        return "grow the %s file system on %s%s to %s" % (self.kind, self.device, where, shown(self.size))

    def probe(self, host: "Host") -> Probe:
        if self.needs_live and not host.live:
            return Probe(UNKNOWN, "a device of the running system")
        found = self._superblock()
        if found is None:
            return Probe(UNKNOWN, "its superblock cannot be read")
        if self._family(found.kind) != self._family(self.kind):
            return Probe(UNKNOWN, "it holds %s" % found.kind)
        size = self._mounted_size(found) or found.size
        if self.size - size < slack(self.kind):
            return Probe(CONVERGED, "it fills its partition")
        return Probe(DIFFERS, "it takes %s of %s" % (shown(size), shown(self.size)))

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        if self.image and os.path.exists(self.device + _WHOLE):
            return Probe(DIFFERS, "it was being put back into the image")
        return self.probe(host)

    def apply(self, host: "Host") -> "Optional[str]":
        if not self.image:
            if self.kind == "xfs":
                if self.mountpoint is None:
                    raise AgentError("xfs grows only while it is mounted", "xfs-not-mounted")
                self._tool(host, ["xfs_growfs", self.mountpoint])
                return None
            if self.mountpoint is None:
                self._check_ext(host, self.device)
            self._tool(host, ["resize2fs", self.device])
            return None
        found = self._superblock()
        size = self._image_bytes(found)
        loop, why = self._attach(host, size)
        if loop is not None:
            try:
                self._in_loop(host, loop)
            finally:
                detach(host, loop)
            return "through a loop device"
        if self.kind == "xfs":
            raise AgentError(
                "xfs cannot be grown offline and no loop device can be had: %s" % why,
                "needs-loop-device",
                "run where loop devices are allowed",
            )
        if found is not None and size - found.size >= slack(self.kind):
            self._offline(host, found.size, size)
        return "offline, in the image file (%s)" % why

    def _offline(self, host: "Host", present: int, size: int) -> None:
        """Grow a copy of the file system and put what changed back.

        resize2fs takes `FILE?offset=N` but then cuts the file off at the file system's size, and the end
        of the disk with it. The copy has its final name once it is whole, so that a run that was cut off
        while putting it back can finish.
        """
        copy = self.device + _COPY
        with open(self.device, "rb") as image, open(copy, "w+b") as target:
            target.truncate(present)
            _transfer(image, self.offset, target, 0, present)
        self._check_ext(host, copy)
        self._tool(host, ["resize2fs", copy, "%ds" % (size // SECTOR)])
        with open(copy, "rb") as stream:
            os.fsync(stream.fileno())
        os.rename(copy, self.device + _WHOLE)
        self._put_back()

    def _put_back(self) -> None:
        with open(self.device, "r+b") as image, open(self.device + _WHOLE, "rb") as source:
            _transfer(source, 0, image, self.offset, os.fstat(source.fileno()).st_size)
            image.flush()
            os.fsync(image.fileno())
        os.unlink(self.device + _WHOLE)

    def _in_loop(self, host: "Host", loop: str) -> None:
        if self.kind != "xfs":
            self._check_ext(host, loop)
            self._tool(host, ["resize2fs", loop])
            return
        place = self.device + ".mount"
        os.makedirs(place, 0o700, exist_ok=True)
        try:
            host.check(
                ["mount", "-t", "xfs", "-o", "nodev,nosuid,noexec,nouuid", loop, place], killable=False
            )
            try:
                self._tool(host, ["xfs_growfs", place])
            finally:
                host.check(["umount", place], killable=False)
        finally:
            os.rmdir(place)

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        """Let go of a loop device and a mount that a run that was cut off left on the image."""
        if not self.image:
            return
        if os.path.exists(self.device + _COPY):
            os.unlink(self.device + _COPY)
        if os.path.exists(self.device + _WHOLE):
            self._put_back()
        place = self.device + ".mount"
        if os.path.isdir(place):
            host.run(["umount", place], killable=False)
            os.rmdir(place)
        if host.which("losetup") is None:
            return
        listed = host.run(["losetup", "--noheadings", "--output", "NAME", "--associated", self.device])
        if listed.status == 0:
            for loop in listed.text.split():
                detach(host, loop)

    def _attach(self, host: "Host", size: int) -> "Tuple[Optional[str], str]":
        """A loop device over the file system in the image, or None and why there is none."""
        if host.which("losetup") is None:
            return None, "losetup is not installed"
        result = host.run(
            [
                "losetup",
                "--find",
                "--show",
                "--offset",
                str(self.offset),
                "--sizelimit",
                str(size),
                self.device,
            ]
        )
        if result.status != 0:
            return None, result.last_line()
        return result.text.strip().splitlines()[-1], ""

    def _check_ext(self, host: "Host", name: str) -> None:
        """resize2fs asks for a check first; 1 says that something was put right."""
        result = host.run(["e2fsck", "-f", "-p", name], timeout=_RESIZE_LIMIT, killable=False)
        if result.status not in (0, 1):
            raise CommandFailed(result, "check it by hand: e2fsck -f %s" % name)

    def _tool(self, host: "Host", argv: "List[str]") -> "CommandResult":
        result = host.run(argv, timeout=_RESIZE_LIMIT, killable=False)
        if result.timed_out:
            raise AgentError(
                "%s is still running after %d minutes and is left to finish" % (argv[0], _RESIZE_LIMIT // 60),
                "still-running",
            )
        if result.status != 0:
            raise CommandFailed(result)
        return result

    def _superblock(self) -> "Optional[Superblock]":
        data = read_start(Tree("/"), self.device, self.offset)
        return None if data is None else parse_superblock(data)

    def _image_bytes(self, found: "Optional[Superblock]") -> int:
        """Bytes the file system may take in the image: those of its partition, as its table says now."""
        data = read_start(Tree("/"), self.device)
        table = parse_table(data) if data is not None and self.offset else None
        for entry in table.entries if table else []:
            if entry.start * SECTOR == self.offset:
                return entry.size * SECTOR
        return os.stat(self.device).st_size - self.offset

    def _mounted_size(self, found: "Superblock") -> "Optional[int]":
        """A mounted XFS knows its size before its superblock on the device does."""
        if self.kind != "xfs" or self.mountpoint is None or self.image:
            return None
        try:
            status = os.statvfs(self.mountpoint)
        except OSError:
            return None
        return (status.f_blocks * status.f_frsize) + found.log_blocks * found.block_size

    @staticmethod
    def _family(kind: str) -> str:
        return "ext" if kind.startswith("ext") else kind


def _transfer(source: "BinaryIO", begin: int, target: "BinaryIO", place: int, length: int) -> None:
    """Make `length` bytes of `target` those of `source`, writing only what differs: holes stay holes."""
    done = 0
    while done < length:
        size = min(_CHUNK, length - done)
        wanted = os.pread(source.fileno(), size, begin + done)
        if not wanted:
            raise AgentError("the image ended before its file system did", "image-too-short")
        if os.pread(target.fileno(), len(wanted), place + done) != wanted:
            os.pwrite(target.fileno(), wanted, place + done)
        done += len(wanted)


def detach(host: "Host", loop: str) -> None:
    """Let go of a loop device; one in use goes when its last user does."""
    host.check(["losetup", "--detach", loop], killable=False)
