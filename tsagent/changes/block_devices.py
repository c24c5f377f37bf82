"""Looks at block devices: what is on them, and whether anything uses them.

What is there is asked of blkid, past any cache. Whether a device is in use is asked of sysfs and, the last
word, of the kernel: it gives an exclusive claim on a device only where no mount of any namespace, no swap,
RAID or device mapper has one.
"""

import errno
import os
import stat as stat_module

from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.facts.partition_table import parse_table
from tsagent.facts.superblock import read_start
from tsagent.host.process import CommandFailed
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.facts.partition_table import PartitionTable
    from tsagent.host import Host

_SETTLE_LIMIT = 30.0  # seconds for udev to work off what it has
_NOTHING_FOUND, _AMBIVALENT = 2, 8  # exit statuses of blkid -p. Source: blkid(8)


class Signature:
    """What a device holds: kind of file system, label, UUID, kind of partition table; "" where none."""

    __slots__ = ("kind", "label", "table", "uuid")

    def __init__(self, kind: str = "", label: str = "", uuid: str = "", table: str = "") -> None:
        self.kind = kind
        self.label = label
        self.uuid = uuid
        self.table = table

    def __bool__(self) -> bool:
        return bool(self.kind or self.table)

    def __str__(self) -> str:
        if self.kind:
            return self.kind + (' "%s"' % self.label if self.label else "")
        return "a partition table (%s)" % self.table if self.table else "nothing"

    @property
    def member(self) -> bool:
        """Whether it is a part of something larger: RAID, LVM, ZFS."""
        return self.kind.endswith("_member")


def real_device(host: "Host", path: str) -> "Optional[str]":
    """The device a path leads to, links resolved; None where there is none."""
    try:
        found = host.root.realpath(path)
        status = host.root.stat(found)
    except OSError:
        return None
    return found if stat_module.S_ISBLK(status.st_mode) else None


def need_device(host: "Host", path: str) -> str:
    """The same, after udev had time to make it. Raises AgentError `no-such-device`."""
    found = real_device(host, path)
    if found is None:
        settle(host)
        found = real_device(host, path)
    if found is None:
        raise AgentError(
            "there is no block device %s" % path, "no-such-device", "see 'lsblk' for those that are there"
        )
    return found


def settle(host: "Host") -> None:
    """Let udev make the names of new devices, where it runs."""
    if host.hardware.exists("/run/udev/control") and host.which("udevadm"):
        host.run(["udevadm", "settle", "--timeout=%d" % _SETTLE_LIMIT], timeout=_SETTLE_LIMIT + 5)


def signature(host: "Host", device: str) -> Signature:
    """What a device holds. Raises AgentError where that cannot be told."""
    result = host.run(["blkid", "-p", "-o", "export", device])
    if result.status == _NOTHING_FOUND:
        return Signature()
    if result.status == _AMBIVALENT:
        return Signature("several file systems at once")
    if result.status != 0:
        raise CommandFailed(result)
    values = dict(row.split("=", 1) for row in result.text.splitlines() if "=" in row)
    label = values.get("LABEL") or values.get("LABEL_FATBOOT") or ""
    return Signature(
        values.get("TYPE", ""), _unescaped(label), values.get("UUID", ""), values.get("PTTYPE", "")
    )


def _unescaped(label: str) -> str:
    """The value without the backslashes that blkid puts before what a shell would act on."""
    letters = iter(label)
    return "".join(next(letters, "") if letter == "\\" else letter for letter in letters)


def table_of(host: "Host", device: str) -> "Optional[PartitionTable]":
    """The partition table on a disk, or None."""
    data = read_start(Tree("/"), device)
    return None if data is None else parse_table(data, sector_of(host, device))


def sector_of(host: "Host", device: str) -> int:
    """The unit in which a disk's partition table counts, in bytes."""
    name = device[len("/dev/") :].replace("/", "!")
    text = host.hardware.text("/sys/class/block/%s/queue/logical_block_size" % name)
    return int(text) if text and text.isdigit() and int(text) % 512 == 0 and int(text) else 512


def disk_record(host: "Host", device: str) -> "Dict[str, Any]":
    """The facts about a whole disk, read anew. Raises AgentError `not-a-disk`."""
    for record in Facts(host.hardware, host.root).disks:
        if record["device"] == device:
            if record["type"] not in ("disk", "loop"):
                break
            return dict(record)
    raise AgentError(
        "%s is not a disk" % device, "not-a-disk", "name a whole disk, not a partition or volume"
    )


def owner_of(host: "Host", device: str) -> "Optional[Dict[str, Any]]":
    """The facts about the disk that a disk or partition belongs to; None for what is neither."""
    for record in Facts(host.hardware, host.root).disks:
        if device == record["device"] or any(device == item["device"] for item in record["partitions"] or []):
            return dict(record)
    return None


def contents(host: "Host", record: "Dict[str, Any]") -> "Dict[str, Signature]":
    """By device: what a disk and its partitions hold; those that hold nothing are left out."""
    found = {}
    for device in [record["device"]] + [item["device"] for item in record["partitions"] or []]:
        seen = signature(host, device)
        if seen:
            found[device] = seen
    return found


def told(found: "Dict[str, Signature]") -> str:
    """The same in words."""
    return ", ".join("%s holds %s" % (device, seen) for device, seen in sorted(found.items()))


def refuse_in_use(host: "Host", device: str, whole: bool) -> None:
    """Raise AgentError `device-in-use` where anything uses the device, or the whole of its disk."""
    reasons = uses(host, device, whole)
    if reasons:
        raise AgentError(
            "%s is in use and is left as it is: %s" % (device, "; ".join(reasons)),
            "device-in-use",
            "name another device, or take this one out of use",
        )


def uses(host: "Host", device: str, whole: bool) -> "List[str]":
    """Who uses a device, in words; with `whole` also its partitions and what the system stands on."""
    record = owner_of(host, device)
    if record is None:
        return ["it is neither a disk nor a partition"]
    reasons: "List[str]" = []
    if whole or device == record["device"]:
        if record["root"]:
            reasons.append("the root file system is on it")
        reasons += [reason for reason in record["in_use"] if not reason.startswith("partition ")]
    else:
        item = next(item for item in record["partitions"] if item["device"] == device)
        reasons += ["mounted on %s" % target for target in item["mounts"]]
        reasons += ["held by %s" % holder for holder in item["holders"]]
        if item["swap"]:
            reasons.append("active swap")
    found = contents(host, record) if whole else {device: signature(host, device)}
    reasons += [
        "%s is a part of RAID or LVM (%s)" % (name, seen.kind) for name, seen in found.items() if seen.member
    ]
    if not reasons and not _claimed(device):
        reasons.append("the kernel says it is busy")
    return reasons


def _claimed(device: str) -> bool:
    """Whether the kernel would give us the device for ourselves."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


def wipe(host: "Host", devices: "List[str]") -> None:
    """Remove every signature of these devices, so that nothing of theirs is found again."""
    for device in devices:
        host.check(["wipefs", "--all", device], killable=False)
