"""Processors: how many, of which kind, and how they sit on sockets and NUMA nodes.

Section `cpu`, a record:
    architecture       "x86_64" | "aarch64" | None
    vendor             "GenuineIntel", "AuthenticAMD", "HygonGenuine", "HiSilicon", "Ampere" …
    model              "Intel(R) Xeon(R) Platinum 8255C CPU @ 2.50GHz"
    logical            logical processors online
    cores, sockets     of those online; None where the kernel does not tell
    threads_per_core   1 or 2; None where unknown
    hypervisor_flag    x86: whether the processor says that it runs under a hypervisor; else None
    numa_nodes         [{"node": 0, "cpus": [0, 1], "cpu_list": "0-1", "memory_bytes": …}]
    source             the files read
"""

from tsagent.facts.memory import parse_meminfo
from tsagent.facts.reading import cpu_list, line, number, parse_number, whole
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

CPUINFO = "/proc/cpuinfo"
DIRECTORY = "/sys/devices/system/cpu"
NODES = "/sys/devices/system/node"
KEYS = [
    "architecture",
    "vendor",
    "model",
    "logical",
    "cores",
    "sockets",
    "threads_per_core",
    "hypervisor_flag",
    "numa_nodes",
    "source",
]
# Arm names processors by number. Source: the kernel's arch/arm64/include/asm/cputype.h.
_ARM_VENDORS = {0x41: "ARM", 0x48: "HiSilicon", 0x70: "Phytium", 0xC0: "Ampere"}
_ARM_MODELS = {
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x48, 0xD01): "Kunpeng-920",
    (0xC0, 0xAC3): "Ampere-1",
}


def gather(facts: "Facts") -> Record:
    """The section `cpu`."""
    tree = facts.hardware
    blocks = parse_cpuinfo(whole(tree, CPUINFO))
    first = blocks[0] if blocks else {}
    online = cpu_list(line(tree, DIRECTORY + "/online"))
    logical = len(online) or len(blocks) or None
    places = _places(blocks) or _topology(tree, online)
    cores = len(set(places)) or None
    sockets = len({socket for socket, _ in places}) or None
    vendor, model = _names(first)
    architecture = line(tree, "/proc/sys/kernel/arch") or _architecture(first)
    flags = first.get("flags")
    return Record(
        architecture=architecture,
        vendor=vendor,
        model=model,
        logical=logical,
        cores=cores,
        sockets=sockets,
        threads_per_core=max(1, logical // cores) if logical and cores else None,
        hypervisor_flag=None if flags is None else "hypervisor" in flags.split(),
        numa_nodes=_numa_nodes(tree),
        source="%s, %s, %s" % (CPUINFO, DIRECTORY, NODES),
    )


def parse_cpuinfo(text: "Optional[str]") -> "List[Dict[str, str]]":
    """One mapping for each processor of a cpuinfo file; other paragraphs are left out."""
    blocks: "List[Dict[str, str]]" = []
    for row in (text or "").replace("\0", " ").split("\n"):
        key, colon, value = row.partition(":")
        if not colon:
            continue
        key = key.strip()
        if key == "processor" and parse_number(value.strip()) is not None:
            blocks.append({})
        if blocks:
            blocks[-1].setdefault(key, value.strip())
    return blocks


def _architecture(block: "Dict[str, str]") -> "Optional[str]":
    if "CPU implementer" in block:
        return "aarch64"
    return "x86_64" if " lm " in " %s " % block.get("flags", "") else None


def _names(block: "Dict[str, str]") -> "Tuple[Optional[str], Optional[str]]":
    if "CPU implementer" not in block:
        return block.get("vendor_id") or None, block.get("model name") or None
    implementer = parse_number(block["CPU implementer"], 16)
    part = parse_number(block.get("CPU part"), 16)
    if implementer is None:
        return None, None
    model = _ARM_MODELS.get((implementer, part)) if part is not None else None
    if model is None and part is not None:
        model = "part 0x%03x" % part
    return _ARM_VENDORS.get(implementer, "implementer 0x%02x" % implementer), model


def _places(blocks: "List[Dict[str, str]]") -> "List[Tuple[int, int]]":
    """(socket, core) of each processor, as x86 tells in cpuinfo; none unless all of them tell."""
    places: "List[Tuple[int, int]]" = []
    for block in blocks:
        socket = parse_number(block.get("physical id"))
        core = parse_number(block.get("core id"))
        if socket is None or core is None:
            return []
        places.append((socket, core))
    return places


def _topology(tree: "Tree", online: "List[int]") -> "List[Tuple[int, int]]":
    """The same from sysfs, where cpuinfo does not tell (Arm): two small files a processor."""
    places: "List[Tuple[int, int]]" = []
    for cpu in online:
        directory = "%s/cpu%d/topology" % (DIRECTORY, cpu)
        socket = number(tree, directory + "/physical_package_id")
        core = number(tree, directory + "/core_id")
        if socket is None or core is None:
            return []
        places.append((socket, core))
    return places


def _numa_nodes(tree: "Tree") -> "List[Record]":
    nodes = []
    for name in tree.listdir(NODES):
        index = parse_number(name[4:]) if name.startswith("node") else None
        if index is None:
            continue
        shown = line(tree, "%s/%s/cpulist" % (NODES, name))
        memory = parse_meminfo(whole(tree, "%s/%s/meminfo" % (NODES, name)))
        nodes.append(
            Record(
                node=index,
                cpus=cpu_list(shown),
                cpu_list=shown or "",
                memory_bytes=memory.get("MemTotal"),
            )
        )
    return sorted(nodes, key=lambda node: int(node.node))
