"""Network interfaces.

Section `nics`, a list of records, by name (`lo` included):
    name            "eth0"
    mac             "52:54:00:bf:b3:51", lower case, or None
    permanent_mac   a bond's port: its own MAC, since `mac` is then the bond's; else the same as `mac`
    kind            "physical" (has a device: PCI or virtio) | "bond" | "bridge" | "vlan" | "loopback" |
                    "virtual"
    master          name of the bond or bridge it belongs to, or None
    ports           names of a bond's or bridge's ports
    driver          "virtio_net" | "mlx5_core" …, or None
    bus             "virtio" | "pci" …, or None
    pci_address, virtio_address ("virtio0"), numa_node     or None
    operstate       "up" | "down" | "unknown" …, or None
    carrier         true | false | None (an interface that is down does not tell)
    speed_mbps      or None
    mtu, ifindex    numbers or None
    rx_queues, tx_queues    counts
    ipv4, ipv6      [{"address": "10.0.0.17", "prefix": 24}]
    gateways        [{"address", "family", "default"}] reached through it
    primary         true for one interface at most: that of the default gateway, else the first physical
    addresses_source    "netifaces" | "/addresses.json" | "given"
    addresses_problem   why addresses are unknown, or None
    source          "/sys/class/net/eth0"
"""

from tsagent.facts import addresses
from tsagent.facts.reading import line, link_name, number, pci_address, real, whole
from tsagent.facts.record import Record, Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

DIRECTORY = "/sys/class/net"
KEYS = [
    "name",
    "mac",
    "permanent_mac",
    "kind",
    "master",
    "ports",
    "driver",
    "bus",
    "pci_address",
    "virtio_address",
    "numa_node",
    "operstate",
    "carrier",
    "speed_mbps",
    "mtu",
    "ifindex",
    "rx_queues",
    "tx_queues",
    "ipv4",
    "ipv6",
    "gateways",
    "primary",
    "addresses_source",
    "addresses_problem",
    "source",
]
_LOOPBACK = 772  # ARPHRD_LOOPBACK


def gather(facts: "Facts") -> Records:
    """The section `nics`."""
    tree = facts.hardware
    known = addresses.gather(facts)
    found = Records()
    for name in tree.listdir(DIRECTORY):
        directory = real(tree, "%s/%s" % (DIRECTORY, name))
        if directory is None or not tree.is_dir(directory):
            continue  # bonding_masters is a file
        record = _interface(tree, name, directory)
        listed = known.interfaces.get(name) or Record(ipv4=[], ipv6=[])
        record.ipv4 = listed.ipv4
        record.ipv6 = listed.ipv6
        record.gateways = [
            Record(address=gateway.address, family=gateway.family, default=gateway.default)
            for gateway in known.gateways
            if gateway.interface == name
        ]
        record.addresses_source = known.source
        record.addresses_problem = known.problem
        found.append(record)
    chosen = _primary(found)
    for record in found:
        record.primary = record is chosen
    found.problem = known.problem
    return found


def _primary(found: "List[Record]") -> "Optional[Record]":
    for family in ("ipv4", "ipv6"):
        for record in found:
            if any(gateway.default and gateway.family == family for gateway in record.gateways):
                return record
    candidates = [record for record in found if record.kind in ("physical", "bond") and not record.master]
    # Carrier first, then the kernel's own order: eth0 before eth1, and before eth10.
    candidates.sort(key=lambda record: (record.carrier is not True, record.ifindex or 0, record.name))
    return candidates[0] if candidates else None


def _interface(tree: "Tree", name: str, directory: str) -> Record:
    mac = (line(tree, directory + "/address") or "").lower() or None
    queues = tree.listdir(directory + "/queues")
    carrier = number(tree, directory + "/carrier")
    speed = number(tree, directory + "/speed")
    node = number(tree, directory + "/device/numa_node")
    device = real(tree, directory + "/device")
    device_name = device.rsplit("/", 1)[-1] if device else ""
    return Record(
        name=name,
        mac=mac,
        permanent_mac=(line(tree, directory + "/bonding_slave/perm_hwaddr") or mac or "").lower() or None,
        kind=_kind(tree, directory, device),
        master=link_name(tree, directory + "/master"),
        ports=_ports(tree, directory),
        driver=link_name(tree, directory + "/device/driver"),
        bus=link_name(tree, directory + "/device/subsystem"),
        pci_address=pci_address(device),
        virtio_address=device_name if device_name.startswith("virtio") else None,
        numa_node=node if node is not None and node >= 0 else None,
        operstate=line(tree, directory + "/operstate"),
        carrier=None if carrier is None else carrier != 0,
        speed_mbps=speed if speed is not None and speed > 0 else None,
        mtu=number(tree, directory + "/mtu"),
        ifindex=number(tree, directory + "/ifindex"),
        rx_queues=len([queue for queue in queues if queue.startswith("rx-")]),
        tx_queues=len([queue for queue in queues if queue.startswith("tx-")]),
        ipv4=[],
        ipv6=[],
        gateways=[],
        primary=False,
        addresses_source=None,
        addresses_problem=None,
        source="%s/%s" % (DIRECTORY, name),
    )


def _kind(tree: "Tree", directory: str, device: "Optional[str]") -> str:
    if number(tree, directory + "/type") == _LOOPBACK:
        return "loopback"
    if device is not None:
        return "physical"
    for entry, kind in (("bonding", "bond"), ("bridge", "bridge")):
        if tree.exists("%s/%s" % (directory, entry)):
            return kind
    rows = (whole(tree, directory + "/uevent") or "").splitlines()
    return "vlan" if "DEVTYPE=vlan" in rows else "virtual"


def _ports(tree: "Tree", directory: str) -> "List[str]":
    slaves = (line(tree, directory + "/bonding/slaves") or "").split()
    return sorted(slaves) or tree.listdir(directory + "/brif")
