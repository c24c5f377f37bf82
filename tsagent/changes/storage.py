"""Changes to disks: growing a partition into the room after it, and a file system into its partition.

They only ever grow. A device belongs to the running system; with a root given, only the image file that
stands for the disk is touched: through a loop device where the kernel allows one, else offline.
"""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.sizes import PARTITION_SLACK, shown, slack
from tsagent.errors import AgentError
from tsagent.facts.partition_table import PartitionTable, parse_table, room_end
from tsagent.facts.superblock import parse_superblock, read_start
from tsagent.host.process import CommandFailed
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

    from tsagent.facts.superblock import Superblock
    from tsagent.host import CommandResult, Host

SECTOR = 512  # bytes: the unit of partition tables and of sysfs
_TOOL_LIMIT = 120.0  # seconds; growpart itself works in fractions of one
_COPY = ".growing"  # beside the image: a copy of its file system, being grown
_WHOLE = ".grown"  # the same, grown and complete
_CHUNK = 1 << 20  # bytes
_RESIZE_LIMIT = 1800.0  # seconds after which a resize, never killed, is reported as still running


class GrowPartition(Change):
    """Grow partition `number` of `disk` (a device, or an image file) to the end of the room after it.

    `size` is what it will have, in bytes: part of the change's identity, so that a disk made larger once
    more is a change of its own. By `growpart`; by `sfdisk` where growpart is not installed.
    """

    type = "grow_partition"
    repeat_visible = True

    def __init__(
        self,
        disk: str,
        number: int,
        size: int,
        image: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(partition_name(disk, number), reason, requires)
        self.disk = disk
        self.number = number
        self.size = size
        self.image = image
        self.needs_live = not image

    def payload(self) -> "Dict[str, Any]":
        return {"number": self.number, "size": self.size}

    def describe(self) -> str:
        return "grow partition %d of %s to %s" % (self.number, self.disk, shown(self.size))

    def probe(self, host: "Host") -> Probe:
        if self.needs_live and not host.live:
            return Probe(UNKNOWN, "a device of the running system")
        table = self._table()
        entry = table.find(self.number) if table else None
        sectors = self._disk_sectors(host)
        if table is None or entry is None or sectors is None:
            return Probe(UNKNOWN, "the partition table cannot be read")
        room = (room_end(table.kind, table.entries, entry.start, sectors) - entry.end) * SECTOR
        if room >= PARTITION_SLACK:
            return Probe(DIFFERS, "%s unused after it" % shown(room))
        known = self._kernel_sectors(host)
        if known is not None and known != entry.size:
            return Probe(DIFFERS, "the kernel does not know its new size yet")
        return Probe(CONVERGED, "it takes all the room there is")

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        table = self._table()
        entry = table.find(self.number) if table else None
        if entry is None:
            return None
        return {"start": entry.start, "size": entry.size, "table": self._dump(host)}

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        if before is not None and not self._intact(before):
            return Probe(DIFFERS, "the partition table was left damaged")
        seen = self.probe(host)
        if seen.state == CONVERGED and self._half_written(host):
            return Probe(DIFFERS, "only a part of the partition table was written")
        return seen

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        """Put the partition table back as it was noted, where a killed tool left it without the partition."""
        _remove_tree(self._workplace())
        if before is not None and not self._intact(before):
            if before["table"] is None:
                raise AgentError(
                    "the partition table of %s was left damaged" % self.disk,
                    "damaged-partition-table",
                    "look at it with gdisk, which can load the backup at the disk's end",
                )
            self._write_table(host, before["table"])
        elif self.probe(host).state == CONVERGED and self._half_written(host):
            dump = self._dump(host)
            if dump is not None:
                self._write_table(host, dump)

    def _dump(self, host: "Host") -> "Optional[str]":
        """The table as sfdisk writes and reads it; None where this sfdisk does not know the table's kind.

        Before util-linux 2.26 (el7 has 2.23) it knows no GPT and would take the protective MBR for the table.
        """
        result = host.run(["sfdisk", "--dump", self.disk], timeout=_TOOL_LIMIT)
        table = self._table()
        kept = _table_only(result.text)
        if result.status != 0 or table is None or (table.kind == "gpt") != ("label: gpt" in kept):
            return None
        return kept

    def _half_written(self, host: "Host") -> bool:
        """Whether sfdisk finds the table's copies at odds: the backup at the end, the protective MBR."""
        if self._dump(host) is None:
            return False
        seen = host.run(["sfdisk", "--verify", self.disk], timeout=_TOOL_LIMIT)
        return seen.status != 0 or any(
            word in seen.text for word in ("corrupt", "mismatch", "not on the end")
        )

    def apply(self, host: "Host") -> "Optional[str]":
        if host.which("growpart"):
            how = self._by_growpart(host)
        else:
            how = self._by_sfdisk(host)
        table = self._table()
        entry = table.find(self.number) if table else None
        known = self._kernel_sectors(host)
        if entry is not None and known is not None and known != entry.size:
            host.check(["partx", "--update", "--nr", str(self.number), self.disk], timeout=_TOOL_LIMIT)
        return how

    def _by_growpart(self, host: "Host") -> "Optional[str]":
        # Its working copies of the table go where a run that was cut off will be cleaned up.
        place = self._workplace()
        _remove_tree(place)
        os.makedirs(place, 0o700)
        try:
            result = host.run(
                ["growpart", self.disk, str(self.number)],
                env={"TMPDIR": place},
                timeout=_TOOL_LIMIT,
                killable=False,
            )
        finally:
            _remove_tree(place)
        if result.status == 1 and "NOCHANGE" in result.text:
            return "growpart found nothing to change"
        if result.status != 0:
            raise CommandFailed(result)
        return "in the image file" if self.image else None

    def _by_sfdisk(self, host: "Host") -> str:
        dump = self._dump(host)
        if dump is None:
            raise AgentError(
                "growpart is not installed and this sfdisk does not know the table of %s" % self.disk,
                "no-such-program",
                "install cloud-utils-growpart, and gdisk for GPT",
            )
        self._write_table(host, grown_dump(dump, self.number))
        return "by sfdisk: growpart is not installed"

    def _write_table(self, host: "Host", table: str) -> None:
        # The disk is in use, so sfdisk must neither ask for it alone nor have the kernel read it anew.
        host.check(
            ["sfdisk", "--no-reread", "--force", self.disk],
            stdin=table.encode("utf-8"),
            timeout=_TOOL_LIMIT,
            killable=False,
        )

    def _workplace(self) -> str:
        if self.image:
            return self.disk + ".growpart"
        return "/run/tsagent-growpart-%s" % os.path.basename(self.disk)

    def _table(self) -> "Optional[PartitionTable]":
        data = read_start(Tree("/"), self.disk)
        return None if data is None else parse_table(data)

    def _intact(self, before: "Dict[str, Any]") -> bool:
        """Whether the partition still begins where it did and is no smaller."""
        table = self._table()
        entry = table.find(self.number) if table else None
        return entry is not None and entry.start == before["start"] and entry.size >= before["size"]

    def _disk_sectors(self, host: "Host") -> "Optional[int]":
        if self.image:
            return os.stat(self.disk).st_size // SECTOR
        return _sysfs_sectors(host, os.path.basename(self.disk))

    def _kernel_sectors(self, host: "Host") -> "Optional[int]":
        """The size the running kernel has for the partition, in sectors; None for an image file."""
        return None if self.image else _sysfs_sectors(host, os.path.basename(str(self.target)))


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


def partition_name(disk: str, number: int) -> str:
    """The device of a partition: `/dev/vda1`, `/dev/nvme0n1p1`."""
    return "%s%s%d" % (disk, "p" if disk[-1:].isdigit() else "", number)


def grown_dump(dump: str, number: int) -> str:
    """An sfdisk dump in which partition `number` has no size (it takes all the room) and no last sector."""
    import re

    rows = []
    for row in _table_only(dump).splitlines():
        if row.startswith("last-lba:"):
            continue  # the end the disk had when the table was made
        match = re.match(r"\S*?(\d+) : start=", row)
        if match is not None and int(match.group(1)) == number:
            row = re.sub(r"size=\s*\d+,\s*", "", row)
        rows.append(row)
    return "\n".join(rows) + "\n"


def _table_only(dump: str) -> str:
    """The dump without messages of the tool's, which come before and between."""
    known = (
        "label",
        "device:",
        "unit:",
        "first-lba:",
        "last-lba:",
        "sector-size:",
        "grain:",
        "table-length:",
    )
    rows = [row for row in dump.splitlines() if row.startswith(known) or " : start=" in row]
    return "\n".join(rows) + "\n"


def detach(host: "Host", loop: str) -> None:
    """Let go of a loop device; one in use goes when its last user does."""
    host.check(["losetup", "--detach", loop], killable=False)


def _sysfs_sectors(host: "Host", name: str) -> "Optional[int]":
    text = host.hardware.text("/sys/class/block/%s/size" % name.replace("/", "!"))
    return int(text) if text and text.isdigit() else None


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
