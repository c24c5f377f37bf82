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
    """A partition: number, first sector, sectors, type (two hexadecimal digits, or a GUID in capitals)."""

    __slots__ = ("number", "size", "start", "type")

    def __init__(self, number: int, start: int, size: int, kind: str = "") -> None:
        self.number = number
        self.start = start
        self.size = size
        self.type = kind

    @property
    def end(self) -> int:
        """The first sector after it."""
        return self.start + self.size

    @property
    def extended(self) -> bool:
        """Whether it is only a container of logical partitions."""
        return len(self.type) == 2 and int(self.type, 16) in _EXTENDED


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


def parse_table(data: bytes, sector: int = SECTOR) -> "Optional[PartitionTable]":
    """The table in the first bytes of a disk; None when there is none (a file system, or nothing).

    `sector` is the disk's own unit in bytes; what is given back is in sectors of 512 bytes all the same.
    """
    if len(data) < 1024 or data[510:512] != b"\x55\xaa":
        return None
    found = []
    kinds = []
    for index in range(4):
        row = data[446 + 16 * index : 462 + 16 * index]
        start, size = (number * (sector // SECTOR) for number in struct.unpack("<II", row[8:16]))
        kinds.append(row[4])
        if row[4] and size:
            found.append(Entry(index + 1, start, size, "%02x" % row[4]))
    if 0xEE in kinds:
        return _parse_gpt(data, sector)
    if not found:
        return None  # the signature of a boot loader in an unpartitioned file system
    if any(kind in _EXTENDED for kind in kinds):
        # Logical partitions lie inside: their container stands in the way like any partition.
        return PartitionTable("dos", found)
    return PartitionTable("dos", found)


def _parse_gpt(data: bytes, sector: int) -> "Optional[PartitionTable]":
    header = data[sector : sector + 92]
    if len(header) < 92 or header[:8] != b"EFI PART":
        return None
    first, count, width = struct.unpack("<QII", header[72:88])
    if width < 128 or count > 4096 or first * sector >= READ_BYTES:
        return None
    entries = []
    for index in range(count):
        place = first * sector + index * width
        row = data[place : place + 48]
        if len(row) < 48:
            break
        if row[:16] != b"\0" * 16:
            start, last = struct.unpack("<QQ", row[32:48])
            unit = sector // SECTOR
            entries.append(Entry(index + 1, start * unit, (last - start + 1) * unit, _guid(row[:16])))
    return PartitionTable("gpt", entries)


def _guid(data: bytes) -> str:
    """A GUID as it is written: its first three parts are stored with their last byte first."""
    parts = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:16])
    return "-".join("".join("%02X" % byte for byte in part) for part in parts)
