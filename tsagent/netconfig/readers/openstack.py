"""`network_data.json` of an OpenStack-layout config drive or metadata service.

Source: OpenStack's network data schema (Nova, "Metadata service", network_data.json).
"""

from tsagent.netconfig.model import BOND, ETHERNET, VLAN, Device
from tsagent.netconfig.readers import fields
from tsagent.netconfig.readers.bonding import read_parameters
from tsagent.netconfig.values import Invalid, interface_name, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Network

# Nova names the kind of the hypervisor's plug here; to the guest each is an Ethernet card.
_CARDS = (
    "phy", "ovs", "bridge", "vif", "tap", "hw_veb", "hyperv", "vhostuser", "dvs", "cascading", "ethernet",
    "hostdev_physical", "ib_hostdev", "802.1qbg", "802.1qbh", "vrouter", "macvtap", "binding_failed", None,
)  # fmt: skip
_LINK_KEYS = {
    "id",
    "name",
    "type",
    "ethernet_mac_address",
    "mtu",
    "vif_id",
    "tap_name",
    "vlan_id",
    "vlan_link",
}
_LINK_KEYS |= {"vlan_mac_address", "bond_links"}
_NETWORK_KEYS = {"id", "type", "link", "ip_address", "netmask", "gateway", "routes", "services", "network_id"}
_NETWORK_KEYS |= {"dns_nameservers", "dns_search"}


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    by_id: "Dict[str, Device]" = {}
    for index, link in enumerate(fields.items(network, "/links", config.get("links"), dict)):
        path = "/links/%d" % index
        device = _link(network, path, link, index)
        if device is not None:
            by_id[str(link.get("id"))] = device
            network.devices.append(device)
    for link in [item for item in config.get("links") or [] if isinstance(item, dict)]:
        device = by_id.get(str(link.get("id")))
        if device is None:
            continue
        for member in fields.words(link.get("bond_links")):
            # A member that could not be read keeps its name here, so that its absence is reported.
            device.members.append(by_id[member].name if member in by_id else member)
        if device.kind == VLAN:
            parent = by_id.get(str(link.get("vlan_link")))
            device.parent = parent.name if parent else None
            if parent is not None and device.name == "vlan-%s" % link.get("vlan_id"):
                device.name = _vlan_name(parent, link)
    for index, entry in enumerate(fields.items(network, "/networks", config.get("networks"), dict)):
        path = "/networks/%d" % index
        found = by_id.get(str(entry.get("link")))
        if found is None:
            network.error(path + "/link", "should name one of the links; this network is left out")
            continue
        _network(network, path, entry, found)
    _services(network, "/services", config.get("services"), network.nameservers)
    fields.leftovers(network, "", config, ("links", "networks", "services"), "network_data.json")


def _link(network: "Network", path: str, link: "Dict[str, Any]", index: int) -> "Optional[Device]":
    kind = link.get("type")
    hardware = fields.mac(network, path + "/ethernet_mac_address", link.get("ethernet_mac_address"))
    if kind == "bond":
        device = Device(_name(link, "bond%d" % index), BOND)
        # What a bond's address says is the bond's own; its members are matched by theirs.
        device.set_mac = hardware
        read_parameters(
            network,
            path,
            device,
            {
                key: value
                for key, value in link.items()
                if str(key).startswith("bond_") and key != "bond_links"
            },
        )
    elif kind == "vlan":
        device = Device(_name(link, "vlan-%s" % link.get("vlan_id"), strict=False), VLAN)
        device.vlan = fields.attempt(
            network, path + "/vlan_id", number, link.get("vlan_id"), "vlan_id", 1, 4094
        )
        device.set_mac = fields.mac(network, path + "/vlan_mac_address", link.get("vlan_mac_address"))
        if device.vlan is None:
            network.error(path, "a VLAN link needs a vlan_id; it is left out")
            return None
    elif kind in _CARDS:
        device = Device(_name(link, "link%d" % index), ETHERNET)
        device.mac = hardware
        if hardware is None:
            network.error(path, "a link needs an ethernet_mac_address to be found by; it is left out")
            return None
    else:
        network.warning(
            path + "/type", "links of this type are not supported yet; link %d is left out" % index
        )
        return None
    device.mtu = fields.mtu(network, path + "/mtu", link.get("mtu"))
    known = {key for key in link if kind == "bond" and str(key).startswith("bond_")}
    fields.leftovers(network, path, link, _LINK_KEYS | known, "link %d" % index)
    return device


def _name(link: "Dict[str, Any]", otherwise: str, strict: bool = True) -> str:
    """The link's own name where the kernel would take it, else its id, else `otherwise`."""
    for value in (link.get("name"), link.get("id") if strict else None):
        if value:
            try:
                return interface_name(value)
            except Invalid:
                continue  # ids are often UUIDs
    return otherwise


def _vlan_name(parent: Device, link: "Dict[str, Any]") -> str:
    name = "%s.%s" % (parent.name, link.get("vlan_id"))
    return name if len(name) <= 15 else "vlan%s" % link.get("vlan_id")


def _network(network: "Network", path: str, entry: "Dict[str, Any]", device: Device) -> None:
    kind = str(entry.get("type", ""))
    if kind in ("ipv4_dhcp", "ipv6_dhcp", "ipv6_dhcpv6-stateful"):
        if kind == "ipv4_dhcp":
            device.dhcp4 = True
        else:
            device.dhcp6 = True
    elif kind in ("ipv6_slaac", "ipv6_dhcpv6-stateless"):
        device.accept_ra = True
        if kind.endswith("stateless"):
            device.dhcp6 = device.dhcp6 or False
    elif kind in ("ipv4", "ipv6"):
        if entry.get("ip_address"):
            fields.add_address(network, path, device, entry["ip_address"], entry.get("netmask"))
        else:
            network.error(path + "/ip_address", "a static network needs an ip_address; it is left out")
    else:
        network.warning(path + "/type", "networks of this type are not supported yet; it is left out")
        return
    if entry.get("gateway"):
        version6 = kind.startswith("ipv6")
        fields.add_route(
            network, path + "/gateway", device, to="::/0" if version6 else "0.0.0.0/0", via=entry["gateway"]
        )
    for index, route in enumerate(fields.items(network, path + "/routes", entry.get("routes"), dict)):
        where = "%s/routes/%d" % (path, index)
        fields.add_route(
            network,
            where,
            device,
            to=route.get("network", ""),
            mask=route.get("netmask"),
            via=route.get("gateway"),
            metric=route.get("metric"),
        )
        _services(network, where + "/services", route.get("services"), device.nameservers)
    _services(network, path + "/services", entry.get("services"), device.nameservers)
    fields.nameservers(network, path + "/dns_nameservers", entry.get("dns_nameservers"), device.nameservers)
    fields.search_domains(network, path + "/dns_search", entry.get("dns_search"), device.search)
    fields.leftovers(network, path, entry, _NETWORK_KEYS, "network %s" % entry.get("id", ""))


def _services(network: "Network", path: str, value: "Any", into: "Any") -> None:
    for index, service in enumerate(fields.items(network, path, value, dict)):
        if service.get("type") == "dns":
            fields.nameservers(network, "%s/%d/address" % (path, index), service.get("address"), into)
        else:
            network.warning(
                "%s/%d" % (path, index), "services other than dns are not supported and have no effect"
            )
