"""RDMA devices.

Section `rdma`, a list of records, by name:
    device            "mlx5_0" (bonds: "mlx5_bond_0")
    driver            "mlx5_core", or None for software devices (rxe, siw)
    pci_address       or None
    pci_id            "15b3:1017", or None
    model             "ConnectX-5", or None
    virtual_function  true for an SR-IOV virtual function
    node_guid         text or None
    firmware          text or None
    numa_node         or None
    netdevs           ["eth1"]: interfaces on the same adapter function
    ports             [{"port": 1, "link_layer": "Ethernet" | "InfiniBand", "state": "ACTIVE",
                        "physical_state": "LinkUp", "active": true, "rate": "100 Gb/sec (4X EDR)",
                        "rate_gbps": 100.0, "gid_types": ["IB/RoCE v1", "RoCE v2"],
                        "gids": [{"index": 3, "type": "RoCE v2", "netdev": "eth1"}]}]
    source            "/sys/class/infiniband/mlx5_0"

`Facts.rdma_cluster()`, a record: cluster (true|false), reason, devices (names that belong to it). An
mlx5 NIC alone is no RDMA cluster: ordinary instances get virtual functions of such adapters too.
"""

import re

from tsagent.facts import pci_tables
from tsagent.facts.reading import identifier, line, link_name, number, parse_number, pci_address, real
from tsagent.facts.record import Record, Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

DIRECTORY = "/sys/class/infiniband"
KEYS = [
    "device",
    "driver",
    "pci_address",
    "pci_id",
    "model",
    "virtual_function",
    "node_guid",
    "firmware",
    "numa_node",
    "netdevs",
    "ports",
    "source",
]
# A port has up to 256 GIDs; those of interest (link-local and IPv4, RoCE v1 and v2) come first.
_GIDS = 16
# What the vendor's clusters begin at.
_CLUSTER_GBPS = 100


def gather(facts: "Facts") -> Records:
    """The section `rdma`."""
    tree = facts.hardware
    found = Records()
    for name in tree.listdir(DIRECTORY):
        directory = real(tree, "%s/%s" % (DIRECTORY, name))
        if directory is None or not tree.is_dir(directory):
            continue
        vendor = identifier(tree, directory + "/device/vendor")
        device = identifier(tree, directory + "/device/device")
        model, virtual = pci_tables.ADAPTERS.get(device or "", (None, False))
        if vendor != "15b3":
            model, virtual = None, False
        node = number(tree, directory + "/device/numa_node")
        found.append(
            Record(
                device=name,
                driver=link_name(tree, directory + "/device/driver"),
                pci_address=pci_address(directory),
                pci_id="%s:%s" % (vendor, device) if vendor and device else None,
                model=model,
                virtual_function=virtual or tree.exists(directory + "/device/physfn"),
                node_guid=line(tree, directory + "/node_guid"),
                firmware=line(tree, directory + "/fw_ver"),
                numa_node=node if node is not None and node >= 0 else None,
                netdevs=_netdevs(tree, directory),
                ports=_ports(tree, directory),
                source="%s/%s" % (DIRECTORY, name),
            )
        )
    return found


def cluster(facts: "Facts") -> Record:
    """Whether the machine is a node of an RDMA cluster, why, and which devices are its fabric."""
    if not facts.rdma:
        return Record(cluster=False, reason="no RDMA device", devices=[])
    primary = next((nic for nic in facts.nics if nic.primary), None)
    carriers = {primary.name} | set(primary.ports or []) if primary else set()
    names = [record.device for record in facts.rdma if _is_fabric(record, carriers)]
    if facts.instance.instance_class == "hpc":
        if names:
            return Record(cluster=True, reason="HPC family %s" % facts.instance.family, devices=names)
        return Record(
            cluster=False,
            reason="HPC family %s, but no RDMA adapter besides the primary interface's"
            % facts.instance.family,
            devices=[],
        )
    if len(names) > 1:
        return Record(
            cluster=True,
            reason="%d RDMA adapters of %d Gb/s and more besides the primary interface"
            % (len(names), _CLUSTER_GBPS),
            devices=names,
        )
    return Record(
        cluster=False,
        reason="the family is no HPC cluster's and there are not several fast adapters",
        devices=[],
    )


def _is_fabric(record: Record, carriers: "Set[str]") -> bool:
    """A whole adapter, fast enough, that is not among the carriers of the primary interface."""
    if record.virtual_function or record.pci_id is None or carriers & set(record.netdevs):
        return False
    return any((port.rate_gbps or 0) >= _CLUSTER_GBPS for port in record.ports)


def _netdevs(tree: "Tree", directory: str) -> "List[str]":
    found = set(tree.listdir(directory + "/device/net"))
    parent = line(tree, directory + "/parent")  # software devices (rxe) name their interface here
    if parent:
        found.add(parent)
    return sorted(found)


def _ports(tree: "Tree", directory: str) -> "List[Record]":
    found = []
    for name in tree.listdir(directory + "/ports"):
        index = parse_number(name)
        if index is None:
            continue
        inside = "%s/ports/%s" % (directory, name)
        state = _state(line(tree, inside + "/state"))
        rate = line(tree, inside + "/rate")
        speed = re.match(r"(\d{1,6}(?:\.\d{1,3})?) Gb/sec", rate or "")
        gids = _gids(tree, inside)
        found.append(
            Record(
                port=index,
                link_layer=line(tree, inside + "/link_layer"),
                state=state,
                physical_state=_state(line(tree, inside + "/phys_state")),
                active=state == "ACTIVE",
                rate=rate,
                rate_gbps=float(speed.group(1)) if speed else None,
                gid_types=sorted({gid.type for gid in gids}),
                gids=gids,
            )
        )
    return sorted(found, key=lambda port: int(port.port))


def _state(value: "Optional[str]") -> "Optional[str]":
    """`4: ACTIVE` as `ACTIVE`."""
    return value.partition(":")[2].strip() or value if value else None


def _gids(tree: "Tree", port: str) -> "List[Record]":
    """The GIDs that are set, among the first ones. An empty slot's type cannot be read."""
    found = []
    for name in tree.listdir(port + "/gid_attrs/types"):
        index = parse_number(name)
        if index is None or not 0 <= index < _GIDS:
            continue
        kind = line(tree, "%s/gid_attrs/types/%d" % (port, index))
        if kind:
            netdev = line(tree, "%s/gid_attrs/ndevs/%d" % (port, index))
            found.append(Record(index=index, type=kind, netdev=netdev))
    return sorted(found, key=lambda gid: int(gid.index))
