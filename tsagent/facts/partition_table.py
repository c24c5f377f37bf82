"""A partition table, read from the first bytes of a disk without any tool.

Source: UEFI specification, "GUID Partition Table (GPT) Disk Layout"; the MBR's layout is the same
specification's "Legacy Master Boot Record". Sectors are of 512 bytes.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

READ_BYTES = 65536  # holds the header and 128 entries of the usual size
SECTOR = 512  # bytes
GPT_TAIL = 33  # sectors of the backup at the disk's end: 32 of entries and the header
MBR_LIMIT = 1 << 32  # sectors an MBR can count: 2 TiB
_EXTENDED = (0x05, 0x0F, 0x85)


class Entry:
    """A partition: number, first sector, sectors."""

    __slots__ = ("number", "size", "start")

    def __init__(self, number: int, start: int, size: int) -> None:
        self.number = number
        self.start = start
        self.size = size

    @property
    def end(self) -> int:
        """The first sector after it."""
        return self.start + self.size


class PartitionTable:
    """The kind ("gpt" or "dos") and the primary partitions, in the order of their place."""

    __slots__ = ("entries", "kind")

    def __init__(self, kind: str, entries: "List[Entry]") -> None:
        self.kind = kind
        self.entries = sorted(entries, key=lambda entry: entry.start)

    def find(self, number: int) -> "Optional[Entry]":
        """The partition of this number."""
        for entry in self.entries:
            if entry.number == number:
                return entry
        return None

    def room_end(self, number: int, disk_sectors: int) -> "Optional[int]":
        """The sector up to which partition `number` could grow: the next one's start or the disk's end."""
        entry = self.find(number)
        return None if entry is None else room_end(self.kind, self.entries, entry.start, disk_sectors)


def room_end(kind: "Optional[str]", entries: "List[Entry]", start: int, disk_sectors: int) -> int:
    """Where the room of the partition that begins at `start` ends, in sectors."""
    end = min(disk_sectors, MBR_LIMIT) if kind == "dos" else disk_sectors - GPT_TAIL
    for entry in entries:
        if entry.start > start:
            end = min(end, entry.start)
    return end


def parse_table(data: bytes) -> "Optional[PartitionTable]":
    """The table in the first bytes of a disk; None when there is none (a file system, or nothing)."""
    if len(data) < 1024 or data[510:512] != b"\x55\xaa":
        return None
    found = []
    kinds = []
    for index in range(4):
        row = data[446 + 16 * index : 462 + 16 * index]
        start, size = struct.unpack("<II", row[8:16])
        kinds.append(row[4])
        if row[4] and size:
            found.append(Entry(index + 1, start, size))
    if 0xEE in kinds:
        return _parse_gpt(data)
    if not found:
        return None  # the signature of a boot loader in an unpartitioned file system
    if any(kind in _EXTENDED for kind in kinds):
        # Logical partitions lie inside: their container stands in the way like any partition.
        return PartitionTable("dos", found)
    return PartitionTable("dos", found)


def _parse_gpt(data: bytes) -> "Optional[PartitionTable]":
    header = data[512:604]
    if header[:8] != b"EFI PART":
        return None
    first, count, width = struct.unpack("<QII", header[72:88])
    if width < 128 or count > 4096 or first * SECTOR >= READ_BYTES:
        return None
    entries = []
    for index in range(count):
        place = first * SECTOR + index * width
        row = data[place : place + 48]
        if len(row) < 48:
            break
        if row[:16] != b"\0" * 16:
            start, last = struct.unpack("<QQ", row[32:48])
            entries.append(Entry(index + 1, start, last - start + 1))
    return PartitionTable("gpt", entries)
