"""`network_data.json` of an OpenStack-layout config drive or metadata service.

Source: OpenStack's network data schema (Nova, "Metadata service", network_data.json).
"""

from tsagent.netconfig.model import BOND, ETHERNET, VLAN, Device
from tsagent.netconfig.readers import bonding, fields
from tsagent.netconfig.readers.links import Links
from tsagent.netconfig.readers.routing import add_route
from tsagent.netconfig.readers.subnets import settle_dynamic
from tsagent.netconfig.values import Invalid, interface_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from tsagent.netconfig.model import Network

# Nova names the kind of the hypervisor's plug here; to the guest each is an Ethernet card.
_CARDS = (
    "phy", "ovs", "bgpovs", "bridge", "vif", "tap", "hw_veb", "hyperv", "vhostuser", "dvs", "cascading",
    "ethernet", "hostdev_physical", "ib_hostdev", "802.1qbg", "802.1qbh", "vrouter", "macvtap",
    "binding_failed", "unbound", None,
)  # fmt: skip
_LINK = ("id", "name", "type", "mtu", "vif_id", "tap_name", "ethernet_mac_address")
_LINK_OF = {"bond": ("bond_links",), "vlan": ("vlan_id", "vlan_link", "vlan_mac_address")}
_NETWORK = (
    "id", "type", "link", "ip_address", "netmask", "prefix", "gateway", "metric", "routes", "services",
    "network_id", "dns_nameservers", "dns_search",
)  # fmt: skip
_UNSUPPORTED = ("broadcast", "pointopoint", "scope")
_ROUTE = ("network", "destination", "netmask", "prefix", "gateway", "metric", "services")
_ROUTE_KEYS = {"the gateway": "gateway", "metric": "metric"}
_STATIC = {"ipv4": 4, "static": 4, "ipv6": 6, "static6": 6}
_TYPES = (
    "ipv4", "ipv4_dhcp", "ipv6", "ipv6_dhcp", "ipv6_slaac", "ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateless",
    "static", "static6",
)  # fmt: skip


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    links = Links(network, implicit=False)
    bonds = 0
    vlans = []
    for path, link in fields.numbered(network, "/links", config.get("links"), dict):
        device = _link(network, path, link, bonds, links)
        if device is None or not links.add(device, path):
            links.leave_out(link.get("id"))
            continue
        links.alias(link.get("id"), device.name)
        if device.kind == BOND:
            bonds += 1
            links.ports(device, path + "/bond_links", link.get("bond_links"))
        elif device.kind == VLAN:
            vlans.append((path, link, device))
    for path, link, device in vlans:
        parent = links.find(link.get("vlan_link"))
        if parent is not None and not link.get("name"):
            links.rename(device, _vlan_name(parent, link), link.get("id"))
        links.parent(device, path + "/vlan_link", link.get("vlan_link"))
    kinds: "Dict[str, Set[str]]" = {}
    for path, entry in fields.numbered(network, "/networks", config.get("networks"), dict):
        found = links.find(entry.get("link"))
        if found is None:
            network.error(path + "/link", "should name one of the links; this network is left out")
            continue
        if _network(network, path, entry, found):
            kinds.setdefault(found.name, set()).add(str(entry.get("type")))
    for device in network.devices:
        settle_dynamic(device, kinds.get(device.name, set()))
        # A static address alone: the router has no say, as it has none with cloud-init.
        if device.accept_ra is None and any(item.version == 6 for item in device.addresses):
            device.accept_ra = False
    _services(network, "/services", config.get("services"), network.nameservers, network.search)
    links.connect()
    fields.leftovers(network, "", config, ("links", "networks", "services"), "network_data.json")


def _link(
    network: "Network", path: str, link: "Dict[str, Any]", bonds: int, links: Links
) -> "Optional[Device]":
    """A device; a card is found by its hardware address, a bond or VLAN has its own."""
    kind = link.get("type")
    hardware = fields.mac(network, path + "/ethernet_mac_address", link.get("ethernet_mac_address"))
    parameters: "Dict[str, Any]" = {}
    name = _name(network, path, link)
    if kind == "bond":
        # Its id may be anything, so bonds without a name are numbered.
        while name is None and links.taken("bond%d" % bonds):
            bonds += 1
        device = Device(name or "bond%d" % bonds, BOND)
        device.set_mac = hardware
        parameters = {
            key: value for key, value in link.items() if key.startswith("bond_") and key != "bond_links"
        }
        bonding.read_parameters(network, path, device, parameters, links)
    elif kind == "vlan":
        number = fields.whole(network, path + "/vlan_id", link.get("vlan_id"), "vlan_id", 0, 4094)
        if number is None:
            network.error(path + "/vlan_id", "a VLAN link needs a vlan_id; it is left out")
            return None
        device = Device(name or "vlan%d" % number, VLAN)
        device.vlan = number
        address = link.get("vlan_mac_address")
        device.set_mac = fields.mac(network, path + "/vlan_mac_address", address) or hardware
    else:
        if kind not in _CARDS:
            network.warning(path + "/type", "links of this type are not known; it is taken as a card")
        if hardware is None and name is None:
            network.error(path, "a link needs an ethernet_mac_address to be found by; it is left out")
            return None
        device = Device(name or _id_name(link) or "link%s" % path.rpartition("/")[2], ETHERNET)
        device.mac = hardware
        if name is not None and hardware is not None:
            device.set_name = name
    device.mtu = fields.mtu(network, path + "/mtu", link.get("mtu"))
    known = (*_LINK, *_LINK_OF.get(str(kind), ()), *parameters)
    fields.leftovers(network, path, link, known, "link %s" % path.rpartition("/")[2])
    return device


def _name(network: "Network", path: str, link: "Dict[str, Any]") -> "Optional[str]":
    """The name that the link is to have; not a part of Nova's schema, but in use."""
    if link.get("name") in (None, ""):
        return None
    return fields.attempt(network, path + "/name", interface_name, link["name"])


def _id_name(link: "Dict[str, Any]") -> "Optional[str]":
    """The id where the kernel would take it for a name: to refer to the card by. Often it is a UUID."""
    try:
        return interface_name(link.get("id")) if link.get("id") else None
    except Invalid:
        return None


def _vlan_name(parent: Device, link: "Dict[str, Any]") -> str:
    name = "%s.%s" % (parent.set_name or parent.name, link.get("vlan_id"))
    return name if len(name) <= 15 else "vlan%s" % link.get("vlan_id")


def _network(network: "Network", path: str, entry: "Dict[str, Any]", device: Device) -> bool:
    """Add a network to its device; whether it could be taken."""
    kind = entry.get("type")
    if kind not in _TYPES:
        network.error(path + "/type", "should be one of %s; the network is left out" % ", ".join(_TYPES))
        return False
    version = 4 if kind in ("ipv4", "ipv4_dhcp", "static") else 6
    address = None
    if kind == "ipv4_dhcp":
        device.dhcp4 = True
    elif kind in ("ipv6_dhcp", "ipv6_dhcpv6-stateful"):
        device.dhcp6 = True
        device.accept_ra = True
    elif kind in ("ipv6_slaac", "ipv6_dhcpv6-stateless"):
        device.accept_ra = True
    else:
        if entry.get("ip_address") in (None, ""):
            network.error(path + "/ip_address", "a static network needs an ip_address; it is left out")
            return False
        mask = entry.get("prefix") if entry.get("netmask") in (None, "") else entry["netmask"]
        address = fields.add_address(
            network, path + "/ip_address", device, entry["ip_address"], mask, usual=True
        )
        version = address.version if address is not None else version
    metric = fields.whole(network, path + "/metric", entry.get("metric"), "metric")
    if metric is not None and kind not in _STATIC:
        device.dhcp_options(version).route_metric = metric
    if entry.get("gateway") not in (None, ""):
        target = "::/0" if ":" in str(entry["gateway"]) else "0.0.0.0/0"
        add_route(
            network,
            path,
            device,
            _ROUTE_KEYS,
            to=target,
            via=entry["gateway"],
            metric=metric if kind in _STATIC else None,
        )
    servers: "List[str]" = []
    for where, route in fields.numbered(network, path + "/routes", entry.get("routes"), dict):
        add_route(
            network,
            where,
            device,
            _ROUTE_KEYS,
            to=route.get("network", route.get("destination")),
            mask=route.get("netmask", route.get("prefix")),
            via=route.get("gateway"),
            metric=route.get("metric"),
        )
        _services(network, where + "/services", route.get("services"), servers, device.search)
        fields.leftovers(network, where, route, _ROUTE, device.name)
    _services(network, path + "/services", entry.get("services"), servers, device.search)
    device.nameservers.extend(servers)
    fields.nameservers(network, path + "/dns_nameservers", entry.get("dns_nameservers"), device.nameservers)
    fields.search_domains(network, path + "/dns_search", entry.get("dns_search"), device.search)
    fields.leftovers(network, path, entry, _NETWORK, "network %s" % path.rpartition("/")[2], _UNSUPPORTED)
    return True


def _services(
    network: "Network", path: str, value: "Any", servers: "List[str]", domains: "List[str]"
) -> None:
    for where, service in fields.numbered(network, path, value, dict):
        if service.get("type") != "dns":
            network.warning(where, "services other than dns are not supported and have no effect")
            continue
        fields.nameservers(network, where + "/address", service.get("address"), servers)
        fields.search_domains(network, where + "/search", service.get("search"), domains)
        fields.leftovers(network, where, service, ("type", "address", "search"), "services")
