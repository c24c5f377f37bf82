"""Changes to partition tables: making one on a disk, and removing one.

Nothing on a disk is lost unless `overwrite` says so, and a disk in use is refused whatever is said. Real
devices only: with a root given, these changes are left out.
"""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.block_devices import (
    contents,
    disk_record,
    need_device,
    real_device,
    refuse_in_use,
    sector_of,
    settle,
    table_of,
    told,
    wipe,
)
from tsagent.disks.layout import place
from tsagent.errors import AgentError
from tsagent.facts.partition_table import SECTOR
from tsagent.host.process import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.facts.partition_table import PartitionTable
    from tsagent.host import Host

_TOOL_LIMIT = 120.0  # seconds for sfdisk, which works in fractions of one
_TRIES = 3  # to have the kernel read the table: udev may hold a partition open for a moment
_HEADER_SINCE = (2, 26)  # the util-linux whose sfdisk reads `label:` and knows GPT; el7 has 2.23
_SFDISK_DAMAGE = ("corrupt", "mismatch", "not on the end")  # what it says, and yet ends well
_GPT_OF = {"mbr": "dos", "gpt": "gpt"}


class _TableChange(Change):
    """A change to the partition table of a whole disk."""

    needs_live = True
    repeat_visible = True
    outlives = True

    def __init__(self, disk: str, overwrite: bool, reason: str, requires: "Sequence[Change]") -> None:
        super().__init__(disk, reason, requires)
        self.disk = disk
        self.overwrite = overwrite

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        device = need_device(host, self.disk)
        return {"held": sorted(contents(host, disk_record(host, device)))}

    def probe(self, host: "Host") -> Probe:
        return self._probe(host, ours=False)

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        return self._probe(host, ours=before is not None)

    def _probe(self, host: "Host", ours: bool) -> Probe:
        if not host.live:
            return Probe(UNKNOWN, "a device of the running system")
        return self.compare(host, ours)

    def compare(self, host: "Host", ours: bool) -> Probe:
        """Whether a disk of the running system is as wanted; `ours`: we began to write its table."""
        raise NotImplementedError

    def flush(self, host: "Host") -> None:
        host.flush()

    def look(self, host: "Host", ours: bool) -> Probe:
        """What stands in the way where a disk is not as wanted; `ours`: we began to write its table."""
        device = real_device(host, self.disk)
        if device is None:
            return Probe(DIFFERS, "there is no block device %s" % self.disk)
        found = contents(host, disk_record(host, device))
        if not found:
            return Probe(DIFFERS, "it is empty")
        if self.overwrite:
            return Probe(DIFFERS, "to be destroyed: %s" % told(found))
        if ours and not any(seen.kind for seen in found.values()):
            return Probe(DIFFERS, "its partition table was being written")
        return Probe(CONVERGED, "left alone: %s (overwrite: true destroys that)" % told(found), warn=True)

    def clear(self, host: "Host", device: str) -> "Dict[str, Any]":
        """Take everything off the disk; the facts about it from before."""
        settle(host)  # what udev has open cannot be taken away
        refuse_in_use(host, device, whole=True)
        record = disk_record(host, device)
        found = contents(host, record)
        if not self.overwrite and any(seen.kind for seen in found.values()):
            raise AgentError("%s is not empty any more: %s" % (device, told(found)), "not-empty")
        if found:
            # The partitions first: what they hold would else be found in those that take their place.
            wipe(host, [name for name in found if name != device] + [device])
        settle(host)
        if record["partitions"]:
            host.run(["partx", "--delete", device], timeout=_TOOL_LIMIT)
            settle(host)
        return record


class PartitionDisk(_TableChange):
    """Make a partition table on a disk.

    `table` is "mbr" or "gpt"; `parts` the partitions, each a percentage of the disk and a type or None,
    the last of which takes the rest. A disk that has as many partitions of these types is as wanted; for
    one partition of no type any partitions will do.
    """

    type = "partition_disk"

    def __init__(
        self,
        disk: str,
        table: str,
        parts: "Sequence[Tuple[float, Optional[str]]]",
        any_number: bool = False,
        overwrite: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(disk, overwrite, reason, requires)
        self.table = table
        self.parts: "List[List[Any]]" = [list(part) for part in parts]
        self.any_number = any_number

    def payload(self) -> "Dict[str, Any]":
        return {
            "table": self.table,
            "parts": self.parts,
            "overwrite": self.overwrite,
        }

    def describe(self) -> str:
        count = "one partition" if len(self.parts) == 1 else "%d partitions" % len(self.parts)
        return "partition %s: %s, %s" % (self.disk, self.table, count)

    def compare(self, host: "Host", ours: bool) -> Probe:
        device = real_device(host, self.disk)
        if device is None:
            return Probe(DIFFERS, "there is no block device %s" % self.disk)
        table = table_of(host, device)
        if table is not None and self._as_wanted(table):
            if ours and self._damaged(host, device):
                return Probe(DIFFERS, "its partition table was being written")
            if not self._known(host, device, table):
                return Probe(DIFFERS, "the kernel does not know its partitions yet")
            return Probe(CONVERGED, "it is partitioned so")
        return self.look(host, ours)

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        """Take away a table that a killed tool wrote in part; `apply` makes it anew."""
        device = real_device(host, self.disk)
        table = None if device is None else table_of(host, device)
        if before is None or device is None or table is None or not self._as_wanted(table):
            return
        if self._damaged(host, device):
            refuse_in_use(host, device, whole=True)
            wipe(host, [device])

    def apply(self, host: "Host") -> "Optional[str]":
        device = need_device(host, self.disk)
        table = table_of(host, device)
        if table is None or not self._as_wanted(table):
            record = self.clear(host, device)
            if record["read_only"]:
                raise AgentError("%s is read-only" % device, "read-only-device")
            unit = sector_of(host, device) // SECTOR
            rows = place(
                [(size, kind) for size, kind in self.parts], self.table, record["size_bytes"] // SECTOR
            )
            self._write(host, device, [(start // unit, size // unit, kind) for start, size, kind in rows])
            table = table_of(host, device)
        if table is None or not self._as_wanted(table):
            raise AgentError("the new partition table of %s cannot be read back" % device, "not-converged")
        settle(host)
        for tried in range(_TRIES):
            if self._known(host, device, table):
                break
            host.run(["partx", "--delete", device], timeout=_TOOL_LIMIT)
            added = host.run(["partx", "--add", device], timeout=_TOOL_LIMIT)
            if added.status != 0 and tried == _TRIES - 1:
                raise CommandFailed(added, "the table is written; the kernel reads it at the next boot")
            settle(host)
        return None

    def _as_wanted(self, table: "PartitionTable") -> bool:
        if self.any_number:
            return bool(table.entries)
        if table.kind != _GPT_OF[self.table] or len(table.entries) != len(self.parts):
            return False
        entries = sorted(table.entries, key=lambda entry: entry.number)
        return all(kind in (None, entry.type) for entry, (_, kind) in zip(entries, self.parts))

    def _known(self, host: "Host", device: str, table: "PartitionTable") -> bool:
        """Whether the kernel has the partitions of the table, at their places."""
        partitions = disk_record(host, device)["partitions"] or []
        known = {(item["number"], item["start_bytes"], item["size_bytes"]) for item in partitions}
        extended = {entry.number for entry in table.entries if entry.extended}
        wanted = {
            (entry.number, entry.start * SECTOR, entry.size * SECTOR)
            for entry in table.entries
            if entry.number not in extended
        }
        return wanted <= known and (bool(extended) or len(known) == len(wanted))

    def _damaged(self, host: "Host", device: str) -> bool:
        """Whether only a part of the table was written: its copies are at odds."""
        if self.table != "gpt":
            return False
        if self._reads_headers(host):
            seen = host.run(["sfdisk", "--verify", device], timeout=_TOOL_LIMIT)
            return seen.status != 0 or any(word in seen.text for word in _SFDISK_DAMAGE)
        if host.which("sgdisk") is None:
            return False
        text = host.run(["sgdisk", "--verify", device], timeout=_TOOL_LIMIT).text
        return "No problems found" not in text or "invalid" in text.lower()

    def _write(self, host: "Host", device: str, rows: "List[Tuple[int, int, str]]") -> None:
        if self._reads_headers(host):
            script = "label: %s\n" % _GPT_OF[self.table]
            script += "".join("start=%d, size=%d, type=%s\n" % row for row in rows)
            self._sfdisk(host, ["sfdisk", device], script)
        elif self.table == "mbr":
            self._sfdisk(
                host, ["sfdisk", "-uS", "-L", "--force", device], "".join("%d,%d,%s\n" % row for row in rows)
            )
        else:
            words = ["sgdisk", "--clear"]
            for number, (start, size, kind) in enumerate(rows, 1):
                words += ["--new=%d:%d:%d" % (number, start, start + size - 1)]
                words += ["--typecode=%d:%s" % (number, kind)]
            if host.which("sgdisk") is None:
                raise AgentError(
                    "this sfdisk makes no gpt table, and sgdisk is not installed",
                    "no-such-program",
                    "install gdisk, or use table_type: mbr",
                )
            host.check(words + [device], timeout=_TOOL_LIMIT, killable=False)

    @staticmethod
    def _sfdisk(host: "Host", words: "List[str]", script: str) -> None:
        host.check(words, stdin=script.encode("ascii"), timeout=_TOOL_LIMIT, killable=False)

    @staticmethod
    def _reads_headers(host: "Host") -> bool:
        words = host.run(["sfdisk", "--version"]).text.split()
        numbers = words[-1].split(".") if words else []
        version = tuple(int(number) for number in numbers[:2] if number.isdigit())
        return len(version) < 2 or version >= _HEADER_SINCE


class RemovePartitions(_TableChange):
    """Take the partition table off a disk, and with it what its partitions hold."""

    type = "remove_partitions"

    def __init__(
        self, disk: str, overwrite: bool = False, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(disk, overwrite, reason, requires)

    def payload(self) -> "Dict[str, Any]":
        return {"overwrite": self.overwrite}

    def describe(self) -> str:
        return "remove the partitions of %s" % self.disk

    def compare(self, host: "Host", ours: bool) -> Probe:
        device = real_device(host, self.disk)
        if device is not None:
            record = disk_record(host, device)
            found = contents(host, record)
            if not record["partitions"] and not any(item.table for item in found.values()):
                return Probe(CONVERGED, "it has no partition table")
        return self.look(host, ours)

    def apply(self, host: "Host") -> "Optional[str]":
        self.clear(host, need_device(host, self.disk))
        settle(host)
        return None
