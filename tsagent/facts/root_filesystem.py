"""The root file system and the devices below it, down to its disk.

Section `root_filesystem`, a record:
    device         "/dev/vda1" as mounted, or None
    major_minor    "254:1" (0:NN for btrfs and for what is on no device)
    fs_type        "ext4" | "xfs" | "btrfs" | "overlay" …, or None
    options        ["rw", "relatime", …]: of the mount and of the file system
    chain          what it stands on, top first, each a record:
                     name "vda1", device "/dev/vda1", type "partition" | "dm" | "md" | "loop" | "disk",
                     major_minor, size_bytes, partition_number, start_bytes (both None but for a
                     partition), dm_name (None but for dm)
    partition      the first record of type "partition" in the chain, or None
    disk           name of the disk it stands on, "vda"; None when there is none or more than one
    disks          names of all disks it stands on
    reason         None, or why the chain is empty or not complete
    source         the files read
"""

from tsagent.facts.mounts import MOUNTINFO, mounts
from tsagent.facts.reading import line, number, real
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set

    from tsagent.facts import Facts
    from tsagent.facts.mounts import Mount
    from tsagent.host.tree import Tree

KEYS = [
    "device",
    "major_minor",
    "fs_type",
    "options",
    "chain",
    "partition",
    "disk",
    "disks",
    "reason",
    "source",
]
BY_NUMBER = "/sys/dev/block"
BY_NAME = "/sys/class/block"
SECTOR = 512  # sysfs counts in this unit whatever the device's own block size


def gather(facts: "Facts") -> Record:
    """The section `root_filesystem`."""
    tree = facts.hardware
    record = Record((key, None) for key in KEYS)
    record.update(options=[], chain=[], disks=[], source="%s, %s" % (MOUNTINFO, BY_NUMBER))
    root: "Optional[Mount]" = None
    for mount in mounts(tree):
        if mount.target == "/":
            root = mount  # a later mount covers an earlier one
    if root is None:
        record.reason = "no mount of / in %s" % MOUNTINFO
        return record
    record.fs_type = root.fs_type
    record.options = root.options
    record.major_minor = root.device
    name = _device_name(tree, root)
    if root.source.startswith("/dev/") and root.source != "/dev/root":
        record.device = root.source
    elif name is not None:
        record.device = "/dev/" + name.replace("!", "/")
    if name is None:
        where = "no block device" if root.fs_type in _NO_DEVICE else "no block device found in sysfs"
        record.reason = "the root file system is %s (%s): %s" % (root.fs_type, root.source, where)
        return record
    _descend(tree, name, record.chain, set())
    if record.major_minor is None:
        record.major_minor = record.chain[0].major_minor
    record.disks = [item.name for item in record.chain if item.type in ("disk", "loop")]
    record.disk = record.disks[0] if len(record.disks) == 1 else None
    record.partition = next((item for item in record.chain if item.type == "partition"), None)
    if not record.disks:
        record.reason = "no disk below %s in sysfs" % record.chain[-1].name
    elif len(record.disks) > 1:
        record.reason = "stands on %d disks" % len(record.disks)
    return record


_NO_DEVICE = ("overlay", "tmpfs", "rootfs", "ramfs", "nfs", "nfs4", "9p", "virtiofs", "aufs")


def device_directory(tree: "Tree", name: str) -> "Optional[str]":
    """The real directory of a block device in sysfs, or None."""
    return real(tree, "%s/%s" % (BY_NAME, name)) if _is_name(name) else None


def describe(tree: "Tree", name: str, directory: str) -> Record:
    """One link of the chain."""
    number_in_disk = number(tree, directory + "/partition")
    size = number(tree, directory + "/size")
    start = number(tree, directory + "/start") if number_in_disk is not None else None
    return Record(
        name=name,
        device="/dev/" + name.replace("!", "/"),
        type="partition" if number_in_disk is not None else device_type(tree, name, directory),
        major_minor=line(tree, directory + "/dev"),
        size_bytes=None if size is None else size * SECTOR,
        partition_number=number_in_disk,
        start_bytes=None if start is None else start * SECTOR,
        dm_name=line(tree, directory + "/dm/name"),
    )


def device_type(tree: "Tree", name: str, directory: str) -> str:
    """What kind of whole device this is."""
    if name.startswith("dm-") or tree.exists(directory + "/dm"):
        return "dm"
    if name.startswith("md") and (tree.exists(directory + "/md") or name[2:3].isdigit()):
        return "md"
    for beginning, kind in (("loop", "loop"), ("sr", "rom"), ("zram", "zram"), ("ram", "ram")):
        if name.startswith(beginning) and name[len(beginning) :].isdigit():
            return kind
    return "disk"


def _descend(tree: "Tree", name: str, chain: "List[Record]", seen: "Set[str]") -> None:
    """Add `name` and what is below it to `chain`, each device once."""
    directory = device_directory(tree, name)
    if directory is None or name in seen:
        return
    seen.add(name)
    item = describe(tree, name, directory)
    chain.append(item)
    if item.type == "partition":
        _descend(tree, directory.rsplit("/", 2)[-2], chain, seen)
    elif item.type in ("dm", "md"):
        for slave in tree.listdir(directory + "/slaves"):
            _descend(tree, slave, chain, seen)


def _device_name(tree: "Tree", mount: "Mount") -> "Optional[str]":
    """The sysfs name of the device a file system is on."""
    if mount.device is not None and not mount.device.startswith("0:"):
        found = real(tree, "%s/%s" % (BY_NUMBER, mount.device))
        if found is not None and device_directory(tree, found.rsplit("/", 1)[-1]) is not None:
            return found.rsplit("/", 1)[-1]
        for name in tree.listdir(BY_NAME):
            if line(tree, "%s/%s/dev" % (BY_NAME, name)) == mount.device:
                return name if device_directory(tree, name) is not None else None
    # btrfs has an anonymous device number, and /proc/mounts has none: only the name is left.
    if not mount.source.startswith("/dev/"):
        return None
    if mount.source.startswith("/dev/mapper/"):
        wanted = mount.source[len("/dev/mapper/") :]
        for name in tree.listdir(BY_NAME):
            if name.startswith("dm-") and line(tree, "%s/%s/dm/name" % (BY_NAME, name)) == wanted:
                return name if device_directory(tree, name) is not None else None
        return None
    name = mount.source[len("/dev/") :].replace("/", "!")
    return name if device_directory(tree, name) is not None else None


def _is_name(name: str) -> bool:
    return bool(name) and "/" not in name and name not in (".", "..")
