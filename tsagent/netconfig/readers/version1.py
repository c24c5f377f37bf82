"""Network configuration, version 1: a list of devices with subnets.

Source: cloud-init's documentation, "Networking config Version 1".
"""

from tsagent.netconfig.model import BOND, ETHERNET, VLAN, Device
from tsagent.netconfig.readers import fields
from tsagent.netconfig.readers.bonding import read_parameters
from tsagent.netconfig.values import Invalid, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.netconfig.model import Network

_KINDS = {"physical": ETHERNET, "bond": BOND, "vlan": VLAN}
_DEVICE_KEYS = {"type", "name", "mac_address", "mtu", "subnets", "accept-ra", "optional"}
_DEVICE_KEYS |= {"params", "bond_interfaces", "bond-interfaces", "vlan_id", "vlan_link"}
_SUBNET_KEYS = {"type", "address", "netmask", "gateway", "dns_nameservers", "dns_search", "routes", "control"}
_SUBNET_KEYS |= {"metric", "ipv4", "ipv6", "broadcast"}


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    late: "List[Tuple[str, Dict[str, Any]]]" = []
    for index, entry in enumerate(fields.items(network, "/config", config.get("config"), dict)):
        path = "/config/%d" % index
        kind = entry.get("type")
        if kind in _KINDS:
            device = _device(network, path, entry, _KINDS[kind])
            if device is not None:
                network.devices.append(device)
        elif kind == "loopback":
            continue  # the kernel and every network service set it up themselves
        elif kind in ("nameserver", "route"):
            late.append((path, entry))
        else:
            network.warning(
                path, "devices of type %s are not supported yet; %s is left out" % (kind, entry.get("name"))
            )
    for path, entry in late:
        if entry["type"] == "nameserver":
            device = network.find(entry.get("interface"))
            if device is None and entry.get("interface") is not None:
                network.error(path + "/interface", "should name one of the devices; taken for all of them")
            fields.nameservers(
                network,
                path + "/address",
                entry.get("address"),
                device.nameservers if device else network.nameservers,
            )
            fields.search_domains(
                network, path + "/search", entry.get("search"), device.search if device else network.search
            )
        else:
            _global_route(network, path, entry)
    fields.leftovers(network, "", config, ("version", "config"), "network configuration")


def _device(network: "Network", path: str, entry: "Dict[str, Any]", kind: str) -> "Optional[Device]":
    try:
        device = Device(entry.get("name", ""), kind)
    except Invalid as error:
        network.error(path + "/name", "%s; the device is left out" % error)
        return None
    hardware = fields.mac(network, path + "/mac_address", entry.get("mac_address"))
    if kind == ETHERNET:
        device.mac = hardware
        # With an address to find it by, the name is one it shall have.
        device.set_name = device.name if hardware else None
    else:
        device.set_mac = hardware
    device.mtu = fields.mtu(network, path + "/mtu", entry.get("mtu"))
    device.accept_ra = fields.flag(network, path + "/accept-ra", entry.get("accept-ra"))
    device.optional = bool(fields.flag(network, path + "/optional", entry.get("optional")))
    if kind == BOND:
        device.members = fields.words(entry.get("bond_interfaces") or entry.get("bond-interfaces"))
        parameters = entry.get("params") or {}
        if isinstance(parameters, dict):
            read_parameters(network, path + "/params", device, parameters)
        else:
            network.error(path + "/params", "should be a mapping")
    if kind == VLAN:
        device.vlan = fields.attempt(
            network, path + "/vlan_id", number, entry.get("vlan_id"), "vlan_id", 1, 4094
        )
        device.parent = str(entry.get("vlan_link"))
        if device.vlan is None:
            network.error(path, "a VLAN needs a vlan_id; it is left out")
            return None
    for index, subnet in enumerate(fields.items(network, path + "/subnets", entry.get("subnets"), dict)):
        _subnet(network, "%s/subnets/%d" % (path, index), subnet, device)
    fields.leftovers(network, path, entry, _DEVICE_KEYS, device.name)
    return device


def _subnet(network: "Network", path: str, subnet: "Dict[str, Any]", device: Device) -> None:
    kind = str(subnet.get("type", ""))
    if kind in ("dhcp", "dhcp4"):
        device.dhcp4 = True
    elif kind in ("dhcp6", "ipv6_dhcpv6-stateful"):
        device.dhcp6 = True
    elif kind in ("ipv6_slaac", "ipv6_dhcpv6-stateless"):
        device.accept_ra = True
    elif kind in ("static", "static6"):
        found = fields.add_address(
            network, path + "/address", device, subnet.get("address"), subnet.get("netmask")
        )
        if found is not None and subnet.get("gateway"):
            fields.add_route(
                network,
                path + "/gateway",
                device,
                to="0.0.0.0/0" if found.version == 4 else "::/0",
                via=subnet["gateway"],
                metric=subnet.get("metric"),
            )
    elif kind != "manual":
        network.warning(path + "/type", "%s: subnets of this type are not supported; left out" % device.name)
        return
    for index, route in enumerate(fields.items(network, path + "/routes", subnet.get("routes"), dict)):
        _route(network, "%s/routes/%d" % (path, index), route, device)
    fields.nameservers(network, path + "/dns_nameservers", subnet.get("dns_nameservers"), device.nameservers)
    fields.search_domains(network, path + "/dns_search", subnet.get("dns_search"), device.search)
    if subnet.get("control") == "manual":
        network.warning(
            path + "/control", "%s: control manual is not supported yet; it is brought up" % device.name
        )
    fields.leftovers(network, path, subnet, _SUBNET_KEYS, device.name)


def _route(network: "Network", path: str, route: "Dict[str, Any]", device: Device) -> None:
    target = route.get("destination", route.get("network", ""))
    fields.add_route(
        network,
        path,
        device,
        to=target,
        mask=route.get("netmask", route.get("prefix")),
        via=route.get("gateway"),
        metric=route.get("metric"),
    )


def _global_route(network: "Network", path: str, route: "Dict[str, Any]") -> None:
    """A route of its own goes to the device whose subnet holds the gateway, else to the first one."""
    import ipaddress

    try:
        gateway = ipaddress.ip_address(str(route.get("gateway")))
    except ValueError:
        network.error(path + "/gateway", "should be an IP address; the route is left out")
        return
    for device in network.devices:
        for address in device.addresses:
            if gateway in ipaddress.ip_network(str(address), strict=False):
                _route(network, path, route, device)
                return
    if network.devices:
        network.warning(
            path, "no device's subnet holds this gateway; the route goes to %s" % network.devices[0].name
        )
        _route(network, path, route, network.devices[0])
