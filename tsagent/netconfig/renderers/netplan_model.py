"""The model in netplan's own words. Source: netplan's YAML reference."""

from tsagent.netconfig.model import AUTO, BOND, BRIDGE, DUMMY, LOOPBACK, VIRTUAL, VLAN, VRF
from tsagent.netconfig.renderers.online import needed, reached_beside
from tsagent.netconfig.renderers.relations import Relations, name_unused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Container, Dict, List

    from tsagent.netconfig.addressing import Address, Route
    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

_NAME = "netplan"
_SECTION = {BOND: "bonds", BRIDGE: "bridges", VLAN: "vlans", VRF: "vrfs", DUMMY: "dummy-devices"}
SECTIONS = ("ethernets", *sorted(_SECTION.values()))
# The bonding driver's names to netplan's.
_BOND = {
    "mode": "mode",
    "lacp_rate": "lacp-rate",
    "miimon": "mii-monitor-interval",
    "min_links": "min-links",
    "xmit_hash_policy": "transmit-hash-policy",
    "ad_select": "ad-select",
    "all_slaves_active": "all-slaves-active",
    "arp_interval": "arp-interval",
    "arp_ip_target": "arp-ip-targets",
    "arp_validate": "arp-validate",
    "arp_all_targets": "arp-all-targets",
    "updelay": "up-delay",
    "downdelay": "down-delay",
    "fail_over_mac": "fail-over-mac-policy",
    "num_grat_arp": "gratuitous-arp",
    "num_unsol_na": "gratuitous-arp",
    "packets_per_slave": "packets-per-slave",
    "primary_reselect": "primary-reselect-policy",
    "resend_igmp": "resend-igmp",
    "lp_interval": "learn-packet-interval",
    "primary": "primary",
}
_BOND_NUMBERS = ("min_links", "num_grat_arp", "num_unsol_na", "packets_per_slave", "resend_igmp")
_BRIDGE = (
    ("ageing-time", "age"),
    ("priority", "priority"),
    ("forward-delay", "forward_delay"),
    ("hello-time", "hello_time"),
    ("max-age", "max_age"),
    ("stp", "stp"),
)
_OVERRIDES = (
    ("use-dns", "use_dns"),
    ("use-domains", "use_domains"),
    ("use-hostname", "use_hostname"),
    ("use-mtu", "use_mtu"),
    ("use-ntp", "use_ntp"),
    ("use-routes", "use_routes"),
    ("send-hostname", "send_hostname"),
    ("hostname", "hostname"),
    ("route-metric", "route_metric"),
)
_OFFLOADS = {
    "rx": "receive-checksum-offload",
    "tx": "transmit-checksum-offload",
    "tso": "tcp-segmentation-offload",
    "tx-tcp6-segmentation": "tcp6-segmentation-offload",
    "gso": "generic-segmentation-offload",
    "gro": "generic-receive-offload",
    "lro": "large-receive-offload",
}


def describe(network: "Network", options: "Options", but: "Container[str]" = ()) -> "Dict[str, Any]":
    """What stands under `network:`, without the devices that have the names `but`."""
    found: "Dict[str, Any]" = {"version": 2}
    backend = (network.renderer or "").lower()
    if backend in ("networkd", "networkmanager", "network-manager", "nm"):
        found["renderer"] = "networkd" if backend == "networkd" else "NetworkManager"
    relations = Relations(network)
    for device in network.devices:
        if device.name in but:
            continue
        if device.kind == DUMMY and options.netplan == 0:
            network.left_out(device, "a dummy device (it needs netplan 1.0)", _NAME)
            continue
        section = _SECTION.get(device.kind, "ethernets")
        found.setdefault(section, {})[device.label] = _device(network, relations, device, options)
    return found


def _device(
    network: "Network", relations: "Relations", device: "Device", options: "Options"
) -> "Dict[str, Any]":
    entry: "Dict[str, Any]" = {}
    if device.kind not in VIRTUAL:
        _card(entry, device)
    _link(entry, relations, device)
    _virtual(entry, network, relations, device)
    master = relations.master(device)
    if master is None:
        _addressing(entry, network, relations, device, options)
    else:
        name_unused(network, device, master, _NAME)
    return entry


def _card(entry: "Dict[str, Any]", device: "Device") -> None:
    match: "Dict[str, Any]" = {}
    if device.mac:
        match["macaddress"] = device.mac
    if device.match_name:
        match["name"] = device.match_name
    if device.match_drivers:
        match["driver"] = device.match_drivers[0] if len(device.match_drivers) == 1 else device.match_drivers
    if match:
        entry["match"] = match
    # A new name is left to the .link file beside: netplan would look for the card by it at once.
    if device.ethernet.wake_on_lan is not None:
        entry["wakeonlan"] = device.ethernet.wake_on_lan
    for name in sorted(device.ethernet.offloads):
        entry[_OFFLOADS[name]] = device.ethernet.offloads[name]
    if device.ethernet.infiniband_mode:
        entry["infiniband-mode"] = device.ethernet.infiniband_mode


def _link(entry: "Dict[str, Any]", relations: "Relations", device: "Device") -> None:
    if device.set_mac:
        entry["macaddress"] = device.set_mac
    if device.mtu:
        entry["mtu"] = device.mtu
    if device.mtu6:
        entry["ipv6-mtu"] = device.mtu6
    if device.activation != AUTO:
        entry["activation-mode"] = device.activation
    elif needed(relations, device) == "no":
        entry["optional"] = True
    if device.critical:
        entry["critical"] = True
    if device.ignore_carrier is not None:
        entry["ignore-carrier"] = device.ignore_carrier


def _virtual(entry: "Dict[str, Any]", network: "Network", relations: "Relations", device: "Device") -> None:
    label = relations.label
    if device.kind == VLAN:
        entry["id"] = device.vlan
        entry["link"] = label(device.parent)
        return
    if device.kind == VRF:
        entry["table"] = device.vrf_table
    if device.kind in (BOND, BRIDGE, VRF):
        entry["interfaces"] = [label(name) for name in device.members]
    parameters: "Dict[str, Any]" = {}
    if device.kind == BOND:
        for name in sorted(device.bond):
            value: "Any" = device.bond[name]
            if name not in _BOND:
                network.left_out(device, "the bond parameter %s" % name, _NAME)
                continue
            if name == "primary":
                value = label(value)
            elif name == "arp_ip_target":
                value = value.split(",")
            elif name == "all_slaves_active":
                value = value not in ("0", "no", "false", "off")
            elif name in _BOND_NUMBERS and value.isdigit():
                value = int(value)
            parameters[_BOND[name]] = value
    elif device.kind == BRIDGE:
        bridge = device.bridge
        parameters = {
            key: getattr(bridge, name) for key, name in _BRIDGE if getattr(bridge, name) is not None
        }
        for key, values in (("path-cost", bridge.port_cost), ("port-priority", bridge.port_priority)):
            if values:
                parameters[key] = {label(name): values[name] for name in sorted(values)}
    if parameters:
        entry["parameters"] = parameters


def _addressing(
    entry: "Dict[str, Any]", network: "Network", relations: "Relations", device: "Device", options: "Options"
) -> None:
    for key, value in (
        ("dhcp4", device.dhcp4),
        ("dhcp6", device.dhcp6),
        ("accept-ra", device.accept_ra),
        ("ipv6-privacy", device.ipv6_privacy),
        ("ipv6-address-generation", None if device.ipv6_token else device.ipv6_generation),
        ("ipv6-address-token", device.ipv6_token),
    ):
        if value is not None:
            entry[key] = value
    if device.link_local is not None:
        entry["link-local"] = ["ipv%d" % version for version in device.link_local]
    if device.dhcp6 and device.accept_ra is False:
        network.left_out(device, "DHCPv6 without router advertisements", _NAME)
    if device.ipv6_token and device.ipv6_generation not in (None, "eui64"):
        network.left_out(device, "IPv6 addresses by %s beside a token" % device.ipv6_generation, _NAME)
    if device.ipv6_autoconf is False and device.accept_ra is not False:
        network.left_out(device, "whether addresses are made from what a router advertises", _NAME)
    _overrides(entry, network, device)
    _advertisements(entry, network, device, options)
    if device.addresses:
        entry["addresses"] = [_address(item) for item in device.addresses]
    routes = [_route(network, device, item, options) for item in _routes(network, relations, device, options)]
    if routes:
        entry["routes"] = routes
    if device.rules:
        entry["routing-policy"] = _rules(device)
    servers = list(device.nameservers)
    domains = list(device.search)
    if device.kind not in (LOOPBACK, VRF):
        servers += [item for item in network.nameservers if item not in servers]
        domains += [item for item in network.search if item not in domains]
    named = [("addresses", servers), ("search", domains)]
    if servers or domains:
        entry["nameservers"] = {key: values for key, values in named if values}


def overrides(device: "Device") -> "Dict[int, Dict[str, Any]]":
    """What is said of leases, by IP version; nothing for a version that is off."""
    found: "Dict[int, Dict[str, Any]]" = {4: {}, 6: {}}
    for version, asked in ((4, device.dhcp4), (6, device.dhcp6)):
        given = device.dhcp_options(version)
        if asked:
            found[version] = {
                key: getattr(given, name) for key, name in _OVERRIDES if getattr(given, name) is not None
            }
            domains = found[version].get("use-domains", "route")
            if domains != "route":
                found[version]["use-domains"] = domains == "yes"
    return found


def one_for_both(device: "Device") -> bool:
    """Whether both versions are on and what is said of their leases differs: netplan refuses that."""
    found = overrides(device)
    return bool(device.dhcp4 and device.dhcp6) and found[4] != found[6]


def _overrides(entry: "Dict[str, Any]", network: "Network", device: "Device") -> None:
    found = overrides(device)
    if one_for_both(device):  # IPv4's count
        for key in sorted(found[6]):
            if found[6][key] != found[4].get(key):
                network.left_out(device, "%s for DHCPv6 alone" % key, _NAME)
        found[6] = found[4]
    for version in (4, 6):
        if found[version]:
            entry["dhcp%d-overrides" % version] = dict(found[version])
    if device.dhcp4_options.identifier is not None:
        entry["dhcp-identifier"] = device.dhcp4_options.identifier
    if device.dhcp6_options.identifier is not None:
        network.left_out(device, "what a client is known by to DHCPv6", _NAME)


def _advertisements(
    entry: "Dict[str, Any]", network: "Network", device: "Device", options: "Options"
) -> None:
    given = device.ra_options.stated()
    if not given:
        return
    if options.netplan == 0:
        network.left_out(device, "what is taken from router advertisements (it needs netplan 1.1)", _NAME)
        return
    if "use_domains" in given and given["use_domains"] != "route":
        given["use_domains"] = given["use_domains"] == "yes"
    entry["ra-overrides"] = {key.replace("_", "-"): given[key] for key in sorted(given)}


def _address(address: "Address") -> "Any":
    given: "Dict[str, Any]" = {}
    if address.label:
        given["label"] = address.label
    if address.deprecated:
        given["lifetime"] = 0
    return {str(address): given} if given else str(address)


def _routes(
    network: "Network", relations: "Relations", device: "Device", options: "Options"
) -> "List[Route]":
    """Those of a device. netplan before 1.0 dies of a VRF's own: its first port has them, in its table."""
    if options.netplan != 0:
        return device.routes
    if device.kind == VRF:
        if device.routes and not any(relations.find(name) for name in device.members[:1]):
            network.left_out(device, "routes of a VRF without ports", _NAME)
        return []
    vrf = relations.vrf(device)
    if vrf is None or vrf.members[0] != device.name:
        return device.routes
    for route in vrf.routes:
        route.table = vrf.vrf_table
    return device.routes + vrf.routes


def _route(network: "Network", device: "Device", route: "Route", options: "Options") -> "Dict[str, Any]":
    found: "Dict[str, Any]" = {"to": route.to}
    if route.via:
        found["via"] = route.via
    if route.on_link or reached_beside(device, route):
        found["on-link"] = True
    for key, value in (
        ("from", route.source),
        ("metric", route.metric),
        ("table", route.table),
        ("scope", route.scope),
        ("mtu", route.mtu),
        ("congestion-window", route.congestion_window),
        ("advertised-receive-window", route.receive_window),
    ):
        if value is not None:
            found[key] = value
    if route.kind != "unicast":
        found["type"] = route.kind
    if route.advertised_mss is not None:
        if options.netplan == 0:
            network.left_out(device, "advertised-mss of a route (it needs netplan 1.0)", _NAME)
        else:
            found["advertised-mss"] = route.advertised_mss
    return found


def _rules(device: "Device") -> "List[Dict[str, Any]]":
    rows = []
    for rule in device.rules:
        row: "Dict[str, Any]" = {}
        for key, value in (
            ("from", rule.source),
            ("to", rule.to),
            ("table", rule.table),
            ("priority", rule.priority),
            ("mark", rule.mark),
            ("type-of-service", rule.tos),
        ):
            if value is not None:
                row[key] = value
        rows.append(row)
    return rows
