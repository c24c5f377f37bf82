"""The subnets of version 1: how a device gets its addresses.

Source: cloud-init's documentation, "Networking config Version 1", "Subnet/IP".
"""

from tsagent.netconfig.model import MANUAL
from tsagent.netconfig.readers import fields
from tsagent.netconfig.readers.routing import add_gateway, add_route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Set

    from tsagent.netconfig.addressing import Address
    from tsagent.netconfig.model import Device, Network

_TYPES = (
    "dhcp", "dhcp4", "dhcp6", "ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateless", "ipv6_slaac", "static",
    "static6", "manual", "loopback",
)  # fmt: skip
_KEYS = (
    "type", "control", "address", "ip_address", "netmask", "prefix", "broadcast", "gateway", "metric", "mtu",
    "dns_nameservers", "dns_search", "routes", "ipv4", "ipv6", "id", "network_id",
)  # fmt: skip
_AS_ADVERTISED = ("dhcp6", "ipv6_dhcp", "ipv6_slaac")
_UNSUPPORTED = ("pointopoint", "scope")
# What `Route.parse` calls a value, to its key.
_ROUTE_KEYS = {"the gateway": "gateway", "metric": "metric", "mtu": "mtu"}
_ROUTE = ("type", "id", "destination", "network", "netmask", "prefix", "gateway", "metric", "mtu")


def read_subnets(network: "Network", path: str, value: "Any", device: "Device") -> None:
    """Read the list of subnets of the device at `path`."""
    kinds = set()
    for where, subnet in fields.numbered(network, path + "/subnets", value, dict):
        kind = subnet.get("type")
        if kind not in _TYPES:
            from tsagent.userdata.expected import close

            likely = close(kind, _TYPES)
            network.error(
                where + "/type",
                "%s: the subnet is left out: its type should be one of %s%s"
                % (device.name, ", ".join(_TYPES[:-1]), ": did you mean %s?" % likely if likely else ""),
            )
            continue
        _subnet(network, where, subnet, kind, device)
        kinds.add(kind)
    settle_dynamic(device, kinds)


def settle_dynamic(device: "Device", kinds: "Set[str]") -> None:
    """What several ways to get IPv6 addresses mean together: each one that is asked for is had."""
    stateless = "ipv6_dhcpv6-stateless" in kinds
    device.dhcp6_stateless = stateless and not device.dhcp6
    if "ipv6_dhcpv6-stateful" in kinds and not stateless and not kinds.intersection(_AS_ADVERTISED):
        device.ipv6_autoconf = False


def _subnet(network: "Network", path: str, subnet: "Dict[str, Any]", kind: str, device: "Device") -> None:
    address = _addresses(network, path, subnet, kind, device)
    version = 6 if kind.endswith("6") or kind.startswith("ipv6") or (address and address.version == 6) else 4
    metric = fields.whole(network, path + "/metric", subnet.get("metric"), "metric")
    if metric is not None and kind not in ("static", "static6", "manual", "loopback"):
        device.dhcp_options(version).route_metric = metric
    if subnet.get("gateway") not in (None, ""):
        add_gateway(
            network,
            path,
            device,
            {"the gateway": "gateway"},
            subnet["gateway"],
            metric if address is not None else None,
        )
    elif metric is not None and address is not None:
        network.warning(path + "/metric", "%s: without a gateway the metric has no effect" % device.name)
    _mtu(network, path, subnet, version, device)
    for where, route in fields.numbered(network, path + "/routes", subnet.get("routes"), dict):
        read_route(network, where, route, device)
    fields.nameservers(network, path + "/dns_nameservers", subnet.get("dns_nameservers"), device.nameservers)
    fields.search_domains(network, path + "/dns_search", subnet.get("dns_search"), device.search)
    control = fields.choice(network, path + "/control", subnet.get("control"), ("auto", "manual", "hotplug"))
    if control == "manual":
        device.activation = MANUAL
    _broadcast(network, path, subnet.get("broadcast"), address, device)
    fields.leftovers(network, path, subnet, _KEYS, device.name, _UNSUPPORTED)


def _addresses(
    network: "Network", path: str, subnet: "Dict[str, Any]", kind: str, device: "Device"
) -> "Optional[Address]":
    """What the type asks for; the address of a static one."""
    if kind in ("dhcp", "dhcp4"):
        device.dhcp4 = True
    elif kind in ("dhcp6", "ipv6_dhcpv6-stateful"):
        device.dhcp6 = True
    elif kind.startswith("ipv6"):
        if device.accept_ra is False:
            network.warning(
                path + "/type", "%s: this needs router advertisements; accept-ra has no effect" % device.name
            )
        device.accept_ra = True
    elif kind in ("static", "static6"):
        key = "address" if subnet.get("address") not in (None, "") else "ip_address"
        value = subnet.get(key)
        if value in (None, ""):
            network.error(path + "/address", "%s: a static subnet needs an address" % device.name)
            return None
        mask = subnet.get("prefix") if subnet.get("netmask") in (None, "") else subnet["netmask"]
        if not fields.is_plain(mask):
            network.error(path + "/netmask", "should be one value, no list and no mapping")
            mask = None
        return fields.add_address(network, fields.below(path, key), device, value, mask, usual=True)
    elif kind == "loopback" and subnet.get("address"):
        return fields.add_address(
            network, path + "/address", device, subnet["address"], subnet.get("netmask")
        )
    return None


def _mtu(network: "Network", path: str, subnet: "Dict[str, Any]", version: int, device: "Device") -> None:
    found = fields.mtu(network, path + "/mtu", subnet.get("mtu"), version)
    if found is None:
        return
    if version == 6:
        device.mtu6 = found
        return
    if device.mtu not in (None, found):
        network.warning(path + "/mtu", "%s: the mtu of the subnet counts, not the device's" % device.name)
    device.mtu = found


def _broadcast(
    network: "Network", path: str, value: "Any", address: "Optional[Address]", device: "Device"
) -> None:
    """The usual broadcast address goes without saying; no service here is told another one."""
    if value in (None, "") or address is None:
        return
    import ipaddress

    if str(value) != str(ipaddress.ip_network(str(address), strict=False).broadcast_address):
        network.warning(
            path + "/broadcast", "%s: broadcast is not supported here and has no effect" % device.name
        )


def read_route(network: "Network", path: str, route: "Dict[str, Any]", device: "Device") -> None:
    """Add a route in the words of version 1 to a device."""
    add_route(
        network,
        path,
        device,
        _ROUTE_KEYS,
        to=route.get("destination", route.get("network")),
        mask=route.get("netmask", route.get("prefix")),
        via=route.get("gateway"),
        metric=route.get("metric"),
        mtu=route.get("mtu"),
    )
    fields.leftovers(network, path, route, _ROUTE, device.name)
