"""Network configuration, version 1: a list of devices with subnets.

Source: cloud-init's documentation, "Networking config Version 1", and its schema of this version.
"""

from tsagent.netconfig.model import AUTO, BOND, BRIDGE, CARDS, ETHERNET, INFINIBAND, LOOPBACK, VLAN, Device
from tsagent.netconfig.readers import bonding, bridging, fields
from tsagent.netconfig.readers.links import Links
from tsagent.netconfig.readers.subnets import read_route, read_subnets
from tsagent.netconfig.values import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.netconfig.model import Network

_KINDS = {
    "physical": ETHERNET,
    "infiniband": INFINIBAND,
    "bond": BOND,
    "bridge": BRIDGE,
    "vlan": VLAN,
    "loopback": LOOPBACK,
}
_LATE = ("nameserver", "route")
# `id` and `config_id` are what other programs call it.
_KEYS = (
    "type", "name", "mac_address", "mtu", "subnets", "accept-ra", "optional", "wakeonlan",
    "keep_configuration", "params", "id", "config_id",
)  # fmt: skip
_KEYS_OF = {
    BOND: ("bond_interfaces", "bond-interfaces"),
    BRIDGE: ("bridge_interfaces", "bridge-interfaces"),
    VLAN: ("vlan_id", "vlan_link"),
}
_UNSUPPORTED = ("ipv4_conf", "ipv6_conf")  # settings of the kernel, for /proc/sys


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    network.renderer = fields.renderer(network, "/renderer", config.get("renderer"))
    fields.leftovers(network, "", config, ("version", "config", "renderer"), "network configuration")
    if config.get("config") == "disabled":
        return
    links = Links(network)
    late: "List[Tuple[str, Dict[str, Any]]]" = []
    for path, entry in fields.numbered(network, "/config", config.get("config"), dict):
        kind = entry.get("type")
        if not isinstance(kind, str) or kind in _LATE:
            if isinstance(kind, str):
                late.append((path, entry))
            else:
                network.error(path + "/type", "should be one of %s" % ", ".join((*_KINDS, *_LATE)))
        elif kind in _KINDS:
            _device(network, path, entry, _KINDS[kind], links)
        else:
            links.leave_out(entry.get("name"))
            _unknown(network, path, kind, entry)
    for path, entry in late:
        if entry["type"] == "nameserver":
            _nameserver(network, path, entry, links)
    links.connect()
    for path, entry in late:
        if entry["type"] == "route":
            _lone_route(network, path, entry)


def _unknown(network: "Network", path: str, kind: str, entry: "Dict[str, Any]") -> None:
    from tsagent.userdata.expected import close
    from tsagent.userdata.problem import shown

    likely = close(kind, (*_KINDS, *_LATE))
    note = network.error if likely else network.warning
    note(
        path + "/type",
        "devices of type %s are not supported; %s is left out%s"
        % (
            shown(kind),
            "it" if entry.get("name") is None else shown(str(entry["name"])),
            ": did you mean %s?" % likely if likely else "",
        ),
    )


def _device(network: "Network", path: str, entry: "Dict[str, Any]", kind: str, links: Links) -> None:
    device = _named(network, path, entry, kind)
    if device is None:
        return
    device.mtu = fields.mtu(network, path + "/mtu", entry.get("mtu"))
    device.accept_ra = fields.flag(network, path + "/accept-ra", entry.get("accept-ra"))
    device.optional = bool(fields.flag(network, path + "/optional", entry.get("optional")))
    device.critical = bool(
        fields.flag(network, path + "/keep_configuration", entry.get("keep_configuration"))
    )
    wake = fields.flag(network, path + "/wakeonlan", entry.get("wakeonlan"))
    if kind in CARDS:
        device.ethernet.wake_on_lan = wake
    elif wake is not None:
        network.warning(path + "/wakeonlan", "%s is no card; wakeonlan has no effect" % device.name)
    if kind == VLAN:
        device.vlan = fields.whole(network, path + "/vlan_id", entry.get("vlan_id"), "vlan_id", 0, 4094)
        if device.vlan is None:
            network.error(path + "/vlan_id", "a VLAN needs a vlan_id; %s is left out" % device.name)
            links.leave_out(device.name)
            return
    read_subnets(network, path, entry.get("subnets"), device)
    if kind == LOOPBACK and not _carries(network, device):
        return  # the kernel and every network service set it up themselves
    if not links.add(device, path):
        return
    _parameters(network, path, entry, device, links)
    if kind == VLAN:
        links.parent(device, path + "/vlan_link", entry.get("vlan_link"))
    fields.leftovers(network, path, entry, (*_KEYS, *_KEYS_OF.get(kind, ())), device.name, _UNSUPPORTED)


def _named(network: "Network", path: str, entry: "Dict[str, Any]", kind: str) -> "Optional[Device]":
    """A device with its names: what it is found by, and what it shall be called."""
    hardware = fields.mac(network, path + "/mac_address", entry.get("mac_address"))
    name = entry.get("name", "lo" if kind == LOOPBACK else "")
    try:
        device = Device(name if fields.is_plain(name) and name is not None else "", kind)
    except Invalid as error:
        if hardware is None or kind not in CARDS:
            network.error(path + "/name", "%s; the device is left out" % error)
            return None
        # The address says which card is meant: it is configured under the name that it has.
        network.error(path + "/name", "%s; the card keeps its own" % error)
        device = Device("mac" + hardware.replace(":", "")[-12:], kind)
        device.mac = hardware
        return device
    if kind in CARDS:
        device.mac = hardware
        # With an address to find it by, the name is one it shall have.
        device.set_name = device.name if hardware else None
    elif kind != LOOPBACK:
        device.set_mac = hardware
    return device


def _carries(network: "Network", device: Device) -> bool:
    """Whether a loopback device is given anything of its own; its name servers are everybody's."""
    for own, common in ((device.nameservers, network.nameservers), (device.search, network.search)):
        common.extend(own)
        del own[:]
    device.addresses = [
        item for item in device.addresses if str(item) not in ("127.0.0.1/8", "127.0.0.1/32", "::1/128")
    ]
    device.dhcp4 = device.dhcp6 = None
    return bool(device.addresses or device.routes or device.mtu)


def _parameters(network: "Network", path: str, entry: "Dict[str, Any]", device: Device, links: Links) -> None:
    parameters = fields.mapping(network, path + "/params", entry.get("params"))
    if device.kind == BOND:
        bonding.read_parameters(network, path + "/params", device, parameters, links)
        for key in parameters:
            if bonding.plain_name(key) == "slaves" and parameters[key] != "none":
                links.ports(device, fields.below(path + "/params", key), parameters[key])
    elif device.kind == BRIDGE:
        for key in _KEYS_OF[BRIDGE]:
            links.ports(device, fields.below(path, key), entry.get(key))
        bridging.read_parameters(network, path + "/params", device, parameters, links)
        return
    elif parameters:
        fields.leftovers(network, path + "/params", parameters, (), device.name)
    for key in _KEYS_OF.get(device.kind, ()) if device.kind == BOND else ():
        links.ports(device, fields.below(path, key), entry.get(key))


def _nameserver(network: "Network", path: str, entry: "Dict[str, Any]", links: Links) -> None:
    name = entry.get("interface")
    device = links.find(name)
    if device is None and name is not None:
        network.error(path + "/interface", "should name one of the devices; taken for all of them")
    servers = device.nameservers if device else network.nameservers
    fields.nameservers(network, path + "/address", entry.get("address"), servers)
    domains = device.search if device else network.search
    fields.search_domains(network, path + "/search", entry.get("search"), domains)
    fields.leftovers(network, path, entry, ("type", "address", "search", "interface", "id"), "name servers")


def _lone_route(network: "Network", path: str, route: "Dict[str, Any]") -> None:
    """A route of its own goes to the device whose subnet holds the gateway, else to the first one."""
    import ipaddress

    from tsagent.netconfig.readers.routing import bare
    from tsagent.netconfig.values import plain_address

    found = fields.attempt(
        network, path + "/gateway", plain_address, bare(route.get("gateway")), "the gateway"
    )
    if found is None:
        return
    gateway = ipaddress.ip_address(found[0])
    for device in network.devices:
        for address in device.addresses:
            if gateway in ipaddress.ip_network(str(address), strict=False):
                read_route(network, path, route, device)
                return
    able = [device for device in network.devices if device.wants(found[1])]
    able.sort(key=lambda device: device.activation != AUTO)
    if not able:
        network.error(path, "no device has an address for this route; it is left out")
        return
    network.warning(path, "no device's subnet holds this gateway; the route goes to %s" % able[0].name)
    read_route(network, path, route, able[0])
