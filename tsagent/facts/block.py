"""Block devices.

Section `disks`, a list of records, by name. Partitions stand under their disk; loop, RAM and zram
devices that hold nothing are left out.
    name             "vda"
    device           "/dev/vda"
    type             "disk" | "dm" | "md" | "loop" | "rom" | "zram" | "ram"
    major_minor      "254:0"
    size_bytes
    logical_block_bytes
    read_only, removable, rotational     true | false | None
    model, serial    or None
    transport        "virtio" | "nvme" | "sata" | "scsi" | "usb" | "virtual" | None
    pci_address      or None
    cloud_disk       "disk-1a2b3c4d" when the serial is that of a cloud disk (the id that the metadata
                     lists under volumes), else None
    local_disk       "ldisk-…" when the serial says a local disk of the host, else None
    partition_table  "gpt" when the kernel shows a partition's GPT name; None: not known
    partitions       [{"name", "device", "number", "major_minor", "start_bytes", "size_bytes", "label",
                       "holders", "mounts", "swap"}]
    holders          names of the devices built on the whole disk (md, dm)
    mounts           where the whole disk is mounted
    swap             whether the whole disk is swap
    in_use           reasons in words, of the disk and of its partitions; [] means nothing known uses it
    root             whether the root file system stands on it
    source           "/sys/class/block/vda"
A disk with nothing in `in_use` may still hold a file system: only the device itself tells.
"""

from tsagent.errors import AgentError
from tsagent.facts.mounts import mounts, swap_devices
from tsagent.facts.reading import line, number, pci_address, real, whole
from tsagent.facts.record import Record, Records
from tsagent.facts.root_filesystem import BY_NAME, SECTOR, device_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

KEYS = [
    "name",
    "device",
    "type",
    "major_minor",
    "size_bytes",
    "logical_block_bytes",
    "read_only",
    "removable",
    "rotational",
    "model",
    "serial",
    "transport",
    "pci_address",
    "cloud_disk",
    "local_disk",
    "partition_table",
    "partitions",
    "holders",
    "mounts",
    "swap",
    "in_use",
    "root",
    "source",
]
_EMPTY_KINDS = ("loop", "ram", "zram")
# A component of the device's path in sysfs and the transport it stands for; the first match counts.
_TRANSPORTS = [
    ("/usb", "usb"),
    ("/nvme", "nvme"),
    ("/virtio", "virtio"),
    ("/ata", "sata"),
    ("/host", "scsi"),
    ("/mmc", "mmc"),
    ("/devices/virtual/", "virtual"),
]


class _Use:
    """Who uses block devices: mounts by device number and by name, swap by name."""

    def __init__(self, tree: "Tree") -> None:
        self.by_number: "Dict[str, List[str]]" = {}
        self.by_name: "Dict[str, List[str]]" = {}
        for mount in mounts(tree):
            if mount.device is not None and not mount.device.startswith("0:"):
                self.by_number.setdefault(mount.device, []).append(mount.target)
            elif mount.source.startswith("/dev/"):
                name = mount.source[len("/dev/") :].replace("/", "!")
                self.by_name.setdefault(name, []).append(mount.target)
        self.swap = set(swap_devices(tree))

    def targets(self, name: str, major_minor: "Optional[str]") -> "List[str]":
        found = self.by_number.get(major_minor or "", []) + self.by_name.get(name, [])
        return sorted(set(found))


def gather(facts: "Facts") -> Records:
    """The section `disks`."""
    tree = facts.hardware
    use = _Use(tree)
    on_root = {item.name for item in facts.root_filesystem.chain or []}
    found = Records()
    for name in tree.listdir(BY_NAME):
        directory = real(tree, "%s/%s" % (BY_NAME, name))
        if directory is None or tree.exists(directory + "/partition"):
            continue
        record = _disk(tree, name, directory, use)
        if record.type in _EMPTY_KINDS and not record.size_bytes:
            continue
        record.root = name in on_root
        found.append(record)
    return found


def _disk(tree: "Tree", name: str, directory: str, use: _Use) -> Record:
    size = number(tree, directory + "/size")
    major_minor = line(tree, directory + "/dev")
    serial = _serial(tree, directory)
    partitions = _partitions(tree, name, directory, use)
    record = Record(
        name=name,
        device="/dev/" + name.replace("!", "/"),
        type=device_type(tree, name, directory),
        major_minor=major_minor,
        size_bytes=None if size is None else size * SECTOR,
        logical_block_bytes=number(tree, directory + "/queue/logical_block_size"),
        read_only=_flag(tree, directory + "/ro"),
        removable=_flag(tree, directory + "/removable"),
        rotational=_flag(tree, directory + "/queue/rotational"),
        model=line(tree, directory + "/device/model"),
        serial=serial,
        transport=next((kind for part, kind in _TRANSPORTS if part in directory), None),
        pci_address=pci_address(directory),
        cloud_disk=serial if serial and serial.startswith("disk-") else None,
        local_disk=serial if serial and serial.startswith("ldisk-") else None,
        partition_table="gpt" if any(partition.label for partition in partitions) else None,
        partitions=partitions,
        holders=tree.listdir(directory + "/holders"),
        mounts=use.targets(name, major_minor),
        swap=name in use.swap,
        in_use=[],
        root=False,
        source="%s/%s" % (BY_NAME, name),
    )
    record.in_use = _reasons(record) + [
        reason for partition in partitions for reason in ["partition " + partition.name] + _reasons(partition)
    ]
    return record


def _partitions(tree: "Tree", disk: str, directory: str, use: _Use) -> "List[Record]":
    found = []
    for name in tree.listdir(directory):
        if not name.startswith(disk):
            continue
        inside = "%s/%s" % (directory, name)
        index = number(tree, inside + "/partition")
        if index is None:
            continue
        start = number(tree, inside + "/start")
        size = number(tree, inside + "/size")
        major_minor = line(tree, inside + "/dev")
        found.append(
            Record(
                name=name,
                device="/dev/" + name.replace("!", "/"),
                number=index,
                major_minor=major_minor,
                start_bytes=None if start is None else start * SECTOR,
                size_bytes=None if size is None else size * SECTOR,
                label=_event(tree, inside).get("PARTNAME"),
                holders=tree.listdir(inside + "/holders"),
                mounts=use.targets(name, major_minor),
                swap=name in use.swap,
            )
        )
    return sorted(found, key=lambda partition: int(partition.number))


def _reasons(record: Record) -> "List[str]":
    reasons = ["%s mounted on %s" % (record.name, target) for target in record.mounts]
    reasons += ["%s held by %s" % (record.name, holder) for holder in record.holders]
    if record.swap:
        reasons.append("%s is swap" % record.name)
    return reasons


def _event(tree: "Tree", directory: str) -> "Dict[str, str]":
    rows = (whole(tree, directory + "/uevent") or "").splitlines()
    return dict(row.partition("=")[::2] for row in rows if "=" in row)


def _flag(tree: "Tree", path: str) -> "Optional[bool]":
    value = number(tree, path)
    return None if value is None else value != 0


def _serial(tree: "Tree", directory: str) -> "Optional[str]":
    """The serial number: virtio beside the disk, NVMe and MMC in the device, SCSI in its VPD page 0x80."""
    for path in ("/serial", "/device/serial"):
        value = line(tree, directory + path)
        if value is not None:
            return value
    try:
        page = tree.read(directory + "/device/vpd_pg80", SECTOR)
    except (OSError, AgentError):
        return None
    text = page[4 : 4 + page[3]].decode("ascii", "replace") if len(page) > 4 else ""
    return "".join(c for c in text if c.isprintable()).strip() or None
