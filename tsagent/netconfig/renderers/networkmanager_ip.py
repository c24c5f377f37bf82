"""The [ipv4] and [ipv6] sections of a NetworkManager profile: methods, addresses, routes, rules, servers.

A missing section means the automatic method to the daemon. That is right for IPv6 where nothing is said of
it, as with every other service; it is not for IPv4, nor for a device that is to have no addresses at all.
"""

from tsagent.netconfig.model import BOND, BRIDGE, DUMMY, LOOPBACK
from tsagent.netconfig.renderers.networkmanager_ports import SERVICE
from tsagent.netconfig.renderers.relations import name_unused
from tsagent.netconfig.renderers.whole_network import names_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.netconfig.addressing import Route, Rule
    from tsagent.netconfig.model import Device, Network

# The daemon wants a priority on every rule. The kernel's own are 0, 32766 and 32767.
_RULE_PRIORITY = 30000
_MAIN_TABLE = 254
_UNSPECIFIED = {4: "0.0.0.0", 6: "::"}  # noqa: S104  # no gateway, in the place of one
_ROUTE_TYPES = ("unicast", "local", "blackhole", "unreachable", "prohibit", "throw")
_SCOPES = {"global": 0, "link": 253, "host": 254}
# NM_SETTING_IP4_LL_ENABLED: beside the addresses of the method.
_LINK_LOCAL = 3
# Methods that nothing else may stand beside.
_BARE = ("disabled", "link-local")


def addressing(
    network: "Network", device: "Device", controller: "Optional[Device]"
) -> "List[Tuple[str, List[str]]]":
    """The IP sections of a device. A port of a bond or a bridge has none but of addresses written down."""
    sections = []
    if controller is not None and controller.kind in (BOND, BRIDGE):
        name_unused(network, device, controller, SERVICE)
        # The daemon passes these over; the file says all the same what was asked for.
        for version in (4, 6):
            stated = [item for item in device.addresses if item.version == version]
            if stated:
                rows = ["method=manual", "may-fail=false"]
                rows += ["address%d=%s" % (index, item) for index, item in enumerate(stated, 1)]
                sections.append(("ipv%d" % version, rows))
        return sections
    for version in (4, 6):
        if not _left_to_the_daemon(device, version):
            sections.append(("ipv%d" % version, _family(network, device, version)))
    if device.kind != LOOPBACK and (
        False
        in (
            device.dhcp4 and device.dhcp4_options.use_hostname,
            device.dhcp6 and device.dhcp6_options.use_hostname,
        )
    ):
        sections.append(("hostname", ["from-dhcp=0"]))
    return sections


def leaves_ipv6_open(network: "Network", device: "Device") -> bool:
    """Whether a device has IPv6 as the daemon's defaults have it."""
    controller = network.master_of(device, BOND, BRIDGE)
    return controller is None and device.kind not in (DUMMY, LOOPBACK) and _left_to_the_daemon(device, 6)


def _left_to_the_daemon(device: "Device", version: int) -> bool:
    if device.kind == LOOPBACK:
        return not any(item.version == version for item in device.addresses + device.routes + device.rules)
    if version == 4 or device.wants(6) or not device.wants(4):
        return False
    said = (
        device.accept_ra,
        device.link_local,
        device.ipv6_privacy,
        device.ipv6_generation,
        device.ipv6_token,
        device.mtu6,
    )
    about_it = any(item.version == 6 for item in device.routes + device.rules)
    servers = any(":" in item for item in device.nameservers)
    return all(item is None for item in said) and not about_it and not servers


def _dynamic(device: "Device", version: int) -> bool:
    return bool(device.dhcp4) if version == 4 else bool(device.dhcp6 or device.accept_ra)


def _method(device: "Device", version: int, static: bool) -> str:
    if device.kind == LOOPBACK:
        return "manual" if static else "auto"
    local = device.link_local is not None and version in device.link_local
    if version == 4:
        return "auto" if device.dhcp4 else "manual" if static else "link-local" if local else "disabled"
    if device.dhcp6 and device.accept_ra is False:
        return "dhcp"
    if device.dhcp6 or device.accept_ra:
        return "auto"
    if static:
        return "manual"
    if local or (device.link_local is None and device.accept_ra is False and device.wants(4)):
        return "link-local"
    if device.link_local is not None or not device.wants(4):
        return "disabled"
    return "auto"


def _family(network: "Network", device: "Device", version: int) -> "List[str]":
    addresses = [item for item in device.addresses if item.version == version]
    method = _method(device, version, bool(addresses))
    rows = ["method=%s" % method]
    rows += _required(device, version)
    rows += ["address%d=%s" % (index, item) for index, item in enumerate(addresses, 1)]
    for item in addresses:
        if item.label:
            network.left_out(device, "the label of the address %s" % item, SERVICE)
        if item.deprecated:
            network.left_out(device, "that the address %s is deprecated" % item, SERVICE)
    if version == 4 and method in ("auto", "manual") and 4 in (device.link_local or ()):
        rows.append("link-local=%d" % _LINK_LOCAL)
    if version == 6:
        rows += _ipv6(network, device, method)
    if _dynamic(device, version):
        rows += _dhcp(network, device, version)
    return rows + _names(network, device, version) + _routing(network, device, version, method)


def _required(device: "Device", version: int) -> "List[str]":
    """What counts as connected. Addresses that are written down never fail.

    Where both IP versions are asked of the network, one that answers is enough, so that the machine is
    reached at all; IPv4 is waited for a while (`waits_for_ipv4`). What is optional is never waited for.
    """
    if not device.wants(version):
        return []
    other = 10 - version
    if not _dynamic(device, version):
        return ["may-fail=false"]
    alone = not device.wants(other)
    if alone and not device.optional:
        return ["may-fail=false"]
    return ["may-fail=true"]


def waits_for_ipv4(network: "Network", device: "Device") -> bool:
    """Whether a device that has IPv6 already waits for IPv4 until it counts as connected."""
    if not device.dhcp4 or not device.wants(6) or not device.required:
        return False
    return network.master_of(device, BOND, BRIDGE) is None


def _ipv6(network: "Network", device: "Device", method: str) -> "List[str]":
    rows = []
    # Where nothing is said, a profile with this section has addresses made from the card's own (EUI-64).
    generation = device.ipv6_generation
    if device.ipv6_token:
        rows += ["addr-gen-mode=eui64", "token=%s" % device.ipv6_token]
        if generation not in (None, "eui64"):
            network.left_out(device, "a token beside addr-gen-mode=%s" % generation, SERVICE)
    elif generation:
        rows.append("addr-gen-mode=%s" % generation)
    if device.ipv6_privacy is not None:
        rows.append("ip6-privacy=%d" % (2 if device.ipv6_privacy else 0))
    if device.mtu6 is not None:
        rows.append("mtu=%d" % device.mtu6)
    if method == "auto" and device.ipv6_autoconf is False:
        network.left_out(
            device, "IPv6 addresses from DHCPv6 alone (those of a router's prefixes are taken, too)", SERVICE
        )
    if device.wants(6) and device.link_local is not None and 6 not in device.link_local:
        network.left_out(device, "IPv6 without link-local addresses", SERVICE)
    return rows


def _dhcp(network: "Network", device: "Device", version: int) -> "List[str]":
    """What is asked of a DHCP server and a router, and what is taken from them."""
    options = device.dhcp_options(version)
    asks = bool(device.dhcp4 if version == 4 else device.dhcp6)
    rows = []
    # One switch for what a router advertises and what DHCPv6 brings.
    sources: "List[Any]" = [options] if asks else []
    if version == 6 and device.accept_ra is not False:
        sources.append(device.ra_options)
    use_dns = {item.use_dns for item in sources} - {None}
    if use_dns == {True, False}:
        network.left_out(device, "name servers from one of router and DHCPv6 alone", SERVICE)
    if False in use_dns:
        rows.append("ignore-auto-dns=true")  # and the domains with them
    unheard = {"route"} if False in use_dns else {"no", "route"}
    for wish in sorted({str(item.use_domains) for item in sources} & unheard):
        network.left_out(device, "use-domains: %s" % wish, SERVICE)
    if version == 6 and device.accept_ra is not False and device.ra_options.table is not None:
        rows.append("route-table=%d" % device.ra_options.table)
    if not asks:
        return rows
    if options.use_routes is False:
        rows.append("ignore-auto-routes=true")
        own = [item for item in device.routes if item.default and item.table in (None, _MAIN_TABLE)]
        if not any(item.version == version for item in own):
            rows.append("never-default=true")  # nor is it what the daemon takes for the way out
    if options.route_metric is not None:
        rows.append("route-metric=%d" % options.route_metric)
    if options.send_hostname is False:
        rows.append("dhcp-send-hostname=false")
    elif options.hostname:
        rows.append("dhcp-hostname=%s" % options.hostname)
    if options.identifier and version == 4:
        rows.append("dhcp-client-id=%s" % options.identifier)
    elif options.identifier == "mac":
        rows.append("dhcp-duid=ll")
    if options.use_mtu is False and not device.mtu:
        network.left_out(device, "that the MTU of a DHCP lease is not taken", SERVICE)
    if options.use_ntp is False:
        network.left_out(device, "that the time servers of a DHCP lease are not taken", SERVICE)
    return rows


def _names(network: "Network", device: "Device", version: int) -> "List[str]":
    """Name servers and search domains: the device's own, or those of the whole network where it has none."""
    own = [item for item in device.nameservers if (":" in item) == (version == 6)]
    if not device.wants(version):
        if own:
            network.left_out(device, "name servers for IPv%d without an address for it" % version, SERVICE)
        return []
    servers, domains = names_for(network, device)
    found: "List[str]" = []
    for server in servers:
        if (":" in server) == (version == 6) and server not in found:
            found.append(server)
    rows = ["dns=%s;" % ";".join(found)] if found else []
    if domains:
        rows.append("dns-search=%s;" % ";".join(domains))
    return rows


def _routing(network: "Network", device: "Device", version: int, method: str) -> "List[str]":
    routes = [item for item in device.routes if item.version == version]
    rules = [item for item in device.rules if item.version == version]
    if method == "disabled":
        if routes or rules:
            network.left_out(
                device, "routes and rules for IPv%d without an address for it" % version, SERVICE
            )
        return []
    rows = []
    gateway = None if _dynamic(device, version) else _gateway(device, routes)
    if gateway is not None and method == "manual":
        rows.append("gateway=%s" % gateway.via)
        routes.remove(gateway)
    index = 0
    for route in routes:
        if route.kind not in _ROUTE_TYPES:
            network.left_out(device, "routes of the type %s" % route.kind, SERVICE)
            continue
        index += 1
        text = route.to
        if route.via is not None or route.metric is not None:
            text += "," + (route.via or _UNSPECIFIED[version])
        if route.metric is not None:
            text += ",%d" % route.metric
        rows.append("route%d=%s" % (index, text))
        options = _route_options(network, device, route)
        if options:
            rows.append("route%d_options=%s" % (index, ",".join(options)))
    return rows + ["routing-rule%d=%s" % (index, _rule(rule)) for index, rule in enumerate(rules, 1)]


def _gateway(device: "Device", routes: "List[Route]") -> "Optional[Route]":
    """The first default route that says nothing but its gateway, and was given as a gateway."""
    for route in routes:
        if route.default and route.via in device.gateways and route.plain:
            return route
    return None


def _route_options(network: "Network", device: "Device", route: "Route") -> "List[str]":
    options = []
    if route.kind != "unicast":
        options.append("type=%s" % route.kind)
    if route.on_link and route.via:
        options.append("onlink=true")
    table = route.table
    if table is None and route.version == 6 and device.ra_options.table is not None:
        table = _MAIN_TABLE  # else it would go to the table of the router's routes
    if table is not None:
        options.append("table=%d" % table)
    if route.source:
        options.append("src=%s" % route.source)
    if route.scope:
        if route.version == 6:
            network.left_out(device, "the scope of an IPv6 route", SERVICE)
        elif route.kind == "local" and route.scope != "host":
            network.left_out(device, "another scope than host for a local route", SERVICE)
        else:
            options.append("scope=%d" % _SCOPES[route.scope])
    for key, value in (
        ("mtu", route.mtu),
        ("initcwnd", route.congestion_window),
        ("initrwnd", route.receive_window),
        ("advmss", route.advertised_mss),
    ):
        if value is not None:
            options.append("%s=%d" % (key, value))
    return options


def _rule(rule: "Rule") -> str:
    words = ["priority %d" % (_RULE_PRIORITY if rule.priority is None else rule.priority)]
    for word, value in (("from", rule.source), ("to", rule.to)):
        words += ["%s %s" % (word, value)] if value and not value.endswith("/0") else []
    words += ["fwmark %d" % rule.mark] if rule.mark is not None else []
    words += ["tos %d" % rule.tos] if rule.tos is not None else []
    return " ".join(words + ["table %d" % rule.table])
