"""Disk growth: the root partition into its disk, the root file system into its partition.

Whether anything is due is told from sysfs and from the first bytes of the disk alone, so that a boot
with nothing to grow starts no program.
"""

import os

from tsagent import changes as machine
from tsagent.changes.sizes import PARTITION_SLACK, shown, slack
from tsagent.facts.partition_table import SECTOR, Entry, parse_table, room_end
from tsagent.facts.superblock import parse_superblock, read_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.changes.partition_growth import GrowPartition
    from tsagent.facts.superblock import Superblock
    from tsagent.registry.context import Context, Nothing

_READ = 65536  # bytes at the start of a disk or file system: table and superblock
_DISABLED = "/etc/growroot-disabled"
_GROWS = ("ext2", "ext3", "ext4", "xfs")


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """Compare disk, partition and file system; grow what is smaller than what it stands on."""
    partitions = _partitions_wanted(context)
    resize = context.settings.get("resize_rootfs", True)
    if str(resize).strip().lower() in ("0", "false", "no", "off"):
        resize = False
    if resize == "noblock":
        context.choose("resize_rootfs", "noblock", "growth is never waited for longer than the time limit")
    if not partitions and resize is False:
        return context.nothing("growpart and resize_rootfs are both off")
    if context.disk is not None:
        return _image(context, context.disk, partitions, resize is not False)
    if not context.live:
        return context.nothing("block devices are touched only with --disk when a root is given")
    changes: "List[Change]" = []
    reasons: "List[str]" = []
    devices = (context.settings.get("growpart") or {}).get("devices") or ["/"]
    for device in devices if partitions else ["/"]:
        _device(context, str(device), partitions, resize is not False, changes, reasons)
    if not changes:
        return context.nothing("; ".join(reasons) or "no device is named")
    # Asked last: a machine with nothing to grow, which is nearly every boot's, need not look for it.
    container = context.facts.virtualization.container
    if container:
        return context.nothing("in a container (%s) the disks are the host's" % container)
    return changes


def _partitions_wanted(context: "Context") -> bool:
    settings = context.settings.get("growpart") or {}
    mode = settings.get("mode", "auto")
    if mode is False or mode == "off":
        return False
    if mode == "gpart":
        context.warn("growpart: mode: gpart is FreeBSD's tool; growpart is used instead")
    if not settings.get("ignore_growroot_disabled") and context.exists(_DISABLED):
        context.choose("growpart", "off", "%s exists" % _DISABLED)
        return False
    return True


def _device(
    context: "Context",
    name: str,
    partitions: bool,
    resize: bool,
    changes: "List[Change]",
    reasons: "List[str]",
) -> None:
    """Plan the growth of one device: a mount point or a path in /dev."""
    chain, kind, mountpoint = _chain(context, name)
    if not chain:
        reasons.append(_why_not(context, name))
        return
    top = chain[0]
    if top["type"] not in ("partition", "disk", "loop") or len(chain) > 2:
        reasons.append(
            "%s is on %s %s: only plain partitions and disks are grown" % (name, top["type"], top["name"])
        )
        return
    size = top.get("size_bytes")
    if size is None:
        reasons.append("the size of %s is not known" % top["device"])
        return
    due: "Optional[GrowPartition]" = None
    if top["type"] == "partition" and partitions:
        due, why = _partition(context, chain)
        if due is None:
            reasons.append(why)
        else:
            changes.append(due)
            size = due.size
    if not resize or mountpoint is None or (name != "/" and mountpoint != "/"):
        return
    found = _superblock(context, top["device"])
    if kind not in _GROWS:
        reasons.append("%s is %s: only ext2 to ext4 and xfs are grown" % (name, kind or "of an unknown kind"))
        return
    if found is None and due is None:
        reasons.append(
            "the superblock of %s cannot be read: whether it fills its partition is unknown" % top["device"]
        )
        return
    if found is not None and size - found.size < slack(kind):
        reasons.append("the file system of %s fills its %s (%s)" % (top["device"], top["type"], shown(size)))
        return
    changes.append(
        machine.GrowFileSystem(
            top["device"],
            kind,
            size,
            mountpoint=mountpoint,
            reason="%s of %s are used" % (shown(found.size), shown(size)) if found else "its partition grows",
            requires=[due] if due is not None else [],
        )
    )


def _partition(context: "Context", chain: "List[Any]") -> "Tuple[Optional[GrowPartition], str]":
    """The growth of the partition at the top of the chain, or why there is none."""
    top, disk = chain[0], chain[1] if len(chain) > 1 else None
    number, start, size = top.get("partition_number"), top.get("start_bytes"), top.get("size_bytes")
    if disk is None or disk.get("size_bytes") is None or None in (number, start, size):
        return None, "the place of %s on its disk is not known" % top["device"]
    entries, kind = [], None
    for record in context.facts.disks:
        if record["name"] == disk["name"]:
            kind = record.get("partition_table")
            for item in record.get("partitions") or []:
                if item.get("start_bytes") is not None and item.get("size_bytes") is not None:
                    entries.append(
                        Entry(item["number"], item["start_bytes"] // SECTOR, item["size_bytes"] // SECTOR)
                    )
    data = _start_of(context, disk["device"])
    table = parse_table(data) if data is not None else None
    if table is not None:
        kind = table.kind
    if kind == "dos" and number > 4:
        return None, "%s is a logical partition: it cannot grow past its container" % top["device"]
    end = room_end(kind, entries, start // SECTOR, disk["size_bytes"] // SECTOR) * SECTOR
    if end - (start + size) < PARTITION_SLACK:
        return None, "%s takes all the room there is (%s)" % (top["device"], shown(size))
    reason = "%s unused after it on a disk of %s" % (shown(end - start - size), shown(disk["size_bytes"]))
    return machine.GrowPartition(disk["device"], number, end - start, reason=reason), ""


def _chain(context: "Context", name: str) -> "Tuple[List[Any], Optional[str], Optional[str]]":
    """What a named device stands on, its file system and where that is mounted."""
    root = context.facts.root_filesystem
    chain = list(root.chain or [])
    if name == "/" or (chain and chain[0]["device"] == name):
        return chain, root.fs_type, "/"
    for disk in context.facts.disks:
        for item in disk.get("partitions") or []:
            if item["device"] == name or name in (item.get("mounts") or []):
                top = dict(item, type="partition", partition_number=item["number"])
                return [top, disk], None, None
    return [], None, None


def _why_not(context: "Context", name: str) -> str:
    if name == "/":
        return context.facts.root_filesystem.reason or "the device of the root file system is not known"
    return "%s is no partition of this machine" % name


def _start_of(context: "Context", device: str) -> "Optional[bytes]":
    tree = getattr(context.facts, "root", None) if context.live else None
    return None if tree is None else read_start(tree, device)


def _superblock(context: "Context", device: str) -> "Optional[Superblock]":
    data = _start_of(context, device)
    return None if data is None else parse_superblock(data)


def _image(context: "Context", path: str, partitions: bool, resize: bool) -> "Union[Nothing, List[Change]]":
    """Plan the growth of the last partition of an image file, or of the file system that fills it."""
    total = os.stat(path).st_size
    table = parse_table(context.read_disk(0, _READ))
    offset, size, number = 0, total, 0
    changes: "List[Change]" = []
    reasons: "List[str]" = []
    if table is not None:
        entry = table.entries[-1]
        offset, size, number = entry.start * SECTOR, entry.size * SECTOR, entry.number
    found = parse_superblock(context.read_disk(offset, _READ))
    if found is None:
        return context.nothing("no ext2 to ext4 or xfs file system in the last partition of the image")
    if table is not None and partitions:
        end = (table.room_end(number, total // SECTOR) or 0) * SECTOR
        if end - offset - size >= PARTITION_SLACK:
            reason = "%s unused after it in an image of %s" % (shown(end - offset - size), shown(total))
            changes.append(machine.GrowPartition(path, number, end - offset, image=True, reason=reason))
            size = end - offset
        else:
            reasons.append("partition %d takes all the room there is (%s)" % (number, shown(size)))
    if resize and size - found.size >= slack(found.kind):
        reason = "%s of %s are used" % (shown(found.size), shown(size))
        changes.append(
            machine.GrowFileSystem(
                path, found.kind, size, image=True, offset=offset, reason=reason, requires=list(changes)
            )
        )
    elif resize:
        reasons.append("its file system fills it (%s)" % shown(found.size))
    return changes or context.nothing("; ".join(reasons) or "resize_rootfs is off")
