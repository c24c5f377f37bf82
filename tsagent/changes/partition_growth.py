"""Growing a partition into the room after it. It only ever grows.

A device belongs to the running system; with a root given, only the image file that stands for the disk
is touched.
"""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.sizes import PARTITION_SLACK, shown
from tsagent.disks.names import partition_names
from tsagent.errors import AgentError
from tsagent.facts.partition_table import SECTOR, PartitionTable, parse_table, room_end
from tsagent.facts.superblock import read_start
from tsagent.host.process import CommandFailed
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

    from tsagent.host import Host

_TOOL_LIMIT = 120.0  # seconds; growpart itself works in fractions of one


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
        super().__init__(partition_names(disk, number)[0], reason, requires)
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


def _sysfs_sectors(host: "Host", name: str) -> "Optional[int]":
    text = host.hardware.text("/sys/class/block/%s/size" % name.replace("/", "!"))
    return int(text) if text and text.isdigit() else None


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
