"""NVMe controllers and their namespaces.

Section `nvme`, a list of records, by name:
    name         "nvme0"
    transport    "pcie" | "tcp" | "rdma" … | None
    model, serial, firmware, state ("live")     or None
    pci_address  or None
    numa_node    or None
    namespaces   [{"name" ("nvme0n1"), "device", "size_bytes", "in_use" (reasons, [] for none known),
                   "partitions" (names), "mounts", "root_disk"}]
    source       "/sys/class/nvme/nvme0"
"""

import re

from tsagent.facts.reading import line, number, pci_address, real
from tsagent.facts.record import Record, Records
from tsagent.facts.root_filesystem import SECTOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.facts import Facts

DIRECTORY = "/sys/class/nvme"
KEYS = [
    "name",
    "transport",
    "model",
    "serial",
    "firmware",
    "state",
    "pci_address",
    "numa_node",
    "namespaces",
    "source",
]


def gather(facts: "Facts") -> Records:
    """The section `nvme`."""
    tree = facts.hardware
    found = Records()
    for name in tree.listdir(DIRECTORY):
        directory = real(tree, "%s/%s" % (DIRECTORY, name))
        if re.fullmatch(r"nvme\d+", name) is None or directory is None:
            continue
        node = number(tree, directory + "/device/numa_node")
        found.append(
            Record(
                name=name,
                transport=line(tree, directory + "/transport"),
                model=line(tree, directory + "/model"),
                serial=line(tree, directory + "/serial"),
                firmware=line(tree, directory + "/firmware_rev"),
                state=line(tree, directory + "/state"),
                pci_address=pci_address(directory),
                numa_node=node if node is not None and node >= 0 else None,
                namespaces=_namespaces(facts, directory),
                source="%s/%s" % (DIRECTORY, name),
            )
        )
    return found


def _namespaces(facts: "Facts", directory: str) -> "List[Record]":
    disks = {disk.name: disk for disk in facts.disks}
    found = []
    for entry in facts.hardware.listdir(directory):
        match = re.fullmatch(r"(nvme\d+)(?:c\d+)?(n\d+)", entry)
        if match is None:
            continue
        # With native multipathing the controller holds a hidden path nvme0c1n1 to the disk nvme0n1.
        name = match.group(1) + match.group(2)
        disk = disks.get(name)
        size = number(facts.hardware, "%s/%s/size" % (directory, entry))
        found.append(
            Record(
                name=name,
                device="/dev/" + name,
                size_bytes=disk.size_bytes if disk else None if size is None else size * SECTOR,
                in_use=disk.in_use if disk else [],
                partitions=[partition.name for partition in disk.partitions] if disk else [],
                mounts=disk.mounts if disk else [],
                root_disk=bool(disk and disk.root),
            )
        )
    return found
