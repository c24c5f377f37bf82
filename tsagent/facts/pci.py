"""Accelerators on the PCI bus.

Section `gpus`, a list of records, by address:
    address        "0000:00:08.0"
    vendor         "NVIDIA" | "AMD" | "Intel" | … | the number where the vendor is not known here
    vendor_id, device_id, subsystem_vendor_id, subsystem_device_id    "10de", "1eb8" …
    pci_class      "0302"
    architecture   "Pascal" | "Volta" | "Turing" | "Ampere" | "Ada" | "Hopper" | "Blackwell" | … |
                   "unknown" for a device id not known here
    model          "T4"; None for a device id not known here
    numa_node      or None
    driver         the kernel driver bound now, or None
    vgpu           true when the instance type promises a share of this very model: GRID driver needed
    vgpu_share     "1/4" | "1/2" | "1" | None
    source         "/sys/bus/pci/devices/0000:00:08.0"

Section `nvswitches`, a list of records: address, device_id, model (None when not known), driver, source.

A virtual function of a GPU has the device id of its board, so PCI alone cannot tell a vGPU, and the
type's name alone is no evidence either: both must agree.
"""

from tsagent.facts import pci_tables as tables
from tsagent.facts.reading import identifier, is_pci_address, link_name, number
from tsagent.facts.record import Record, Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Tuple

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

DEVICES = "/sys/bus/pci/devices"
GPU_KEYS = [
    "address",
    "vendor",
    "vendor_id",
    "device_id",
    "subsystem_vendor_id",
    "subsystem_device_id",
    "pci_class",
    "architecture",
    "model",
    "numa_node",
    "driver",
    "vgpu",
    "vgpu_share",
    "source",
]
NVSWITCH_KEYS = ["address", "device_id", "model", "driver", "source"]
_VGA, _3D, _DISPLAY, _ACCELERATOR = "0300", "0302", "0380", "1200"
_OTHER_BRIDGE = "0680"


def gather_gpus(facts: "Facts") -> Records:
    """The section `gpus`."""
    found = Records()
    for address, pci_class in _devices(facts.hardware):
        if pci_class not in (_VGA, _3D, _DISPLAY, _ACCELERATOR):
            continue
        record = _gpu(facts.hardware, address, pci_class)
        if record is not None:
            record.vgpu, record.vgpu_share = vgpu(facts.instance, record)
            found.append(record)
    return found


def gather_nvswitches(facts: "Facts") -> Records:
    """The section `nvswitches`."""
    found = Records()
    for address, pci_class in _devices(facts.hardware):
        directory = "%s/%s" % (DEVICES, address)
        if pci_class != _OTHER_BRIDGE or identifier(facts.hardware, directory + "/vendor") != "10de":
            continue
        device = identifier(facts.hardware, directory + "/device")
        found.append(
            Record(
                address=address,
                device_id=device,
                model=tables.NVSWITCHES.get(device or ""),
                driver=link_name(facts.hardware, directory + "/driver"),
                source=directory,
            )
        )
    return found


def vgpu(instance: Record, gpu: Record) -> "Tuple[bool, Optional[str]]":
    """Whether a GPU is a share handed out by a vGPU manager, and which share."""
    promised = instance.accelerator
    if promised is None or not promised.vgpu or gpu.vendor != promised.vendor:
        return False, None
    if gpu.model is not None and gpu.model != promised.model:
        return False, None
    return True, promised.share


def _devices(tree: "Tree") -> "Iterator[Tuple[str, str]]":
    """Address and class (four digits, without the programming interface) of each PCI device."""
    for name in tree.listdir(DEVICES):
        if not is_pci_address(name):
            continue
        value = number(tree, "%s/%s/class" % (DEVICES, name), 16)
        if value is not None and value >= 0:
            yield name, "%04x" % (value >> 8)


def _gpu(tree: "Tree", address: str, pci_class: str) -> "Optional[Record]":
    directory = "%s/%s" % (DEVICES, address)
    vendor = identifier(tree, directory + "/vendor")
    device = identifier(tree, directory + "/device")
    if vendor is None or (vendor, device) in tables.NOT_GPUS:
        return None
    if pci_class in (_VGA, _DISPLAY) and vendor not in tables.GPU_MAKERS:
        return None
    architecture, model = tables.GPUS.get((vendor, device or ""), ("unknown", None))
    node = number(tree, directory + "/numa_node")
    return Record(
        address=address,
        vendor=tables.VENDORS.get(vendor, vendor),
        vendor_id=vendor,
        device_id=device,
        subsystem_vendor_id=identifier(tree, directory + "/subsystem_vendor"),
        subsystem_device_id=identifier(tree, directory + "/subsystem_device"),
        pci_class=pci_class,
        architecture=architecture,
        model=model,
        numa_node=node if node is not None and node >= 0 else None,
        driver=link_name(tree, directory + "/driver"),
        vgpu=False,
        vgpu_share=None,
        source=directory,
    )
