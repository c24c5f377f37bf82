"""Addresses, routes, rules and what is asked of DHCP and of routers, in systemd-networkd's .network files.

Source: systemd.network(5).
"""

from tsagent.netconfig.model import VRF
from tsagent.netconfig.renderers.online import reached_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.netconfig.model import Device
    from tsagent.netconfig.renderers.networkd_units import Unit

# The settings of [DHCPv4] and [DHCPv6], and the model's names of them.
_BOTH = (
    ("UseDNS", "use_dns"),
    ("UseDomains", "use_domains"),
    ("UseNTP", "use_ntp"),
    ("UseHostname", "use_hostname"),
    ("SendHostname", "send_hostname"),
    ("Hostname", "hostname"),
)
_ONLY4 = (
    ("UseMTU", "use_mtu"),
    ("UseRoutes", "use_routes"),
    ("RouteMetric", "route_metric"),
    ("ClientIdentifier", "identifier"),
)
_WINDOW = 1023  # segments, the most that networkd takes


def dhcp(unit: "Unit", device: "Device") -> None:
    """Which versions of DHCP are used, and how."""
    both = (bool(device.dhcp4), bool(device.dhcp6 or device.dhcp6_stateless))
    words = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6"}
    unit.add("Network", "DHCP", words.get(both, "no"))
    # Before 243 one section was for both versions.
    section = "DHCP" if unit.older_than(243) else "DHCPv4"
    if device.dhcp4:
        for key, name in _BOTH + _ONLY4:
            value = getattr(device.dhcp4_options, name)
            if value is not None:
                unit.add(section, key, value)
    if device.dhcp6 is not False or device.dhcp6_stateless:
        _dhcp6(unit, device)


def _dhcp6(unit: "Unit", device: "Device") -> None:
    options = device.dhcp6_options
    for key, name in _BOTH:
        value = getattr(options, name)
        if value is None or (
            unit.older_than(243) and device.dhcp4 and value == getattr(device.dhcp4_options, name)
        ):
            continue
        if unit.older_than(243) and not device.dhcp4:
            unit.add("DHCP", key, value)
        else:
            unit.add("DHCPv6", key, value)
    if options.identifier == "mac":
        unit.add("DHCPv6", "DUIDType", "link-layer")
    # DHCPv6 brings neither routes nor an MTU: what there is comes from the router.
    if device.accept_ra is False:
        for name in ("use_mtu", "use_routes", "route_metric"):
            if getattr(options, name) is not None:
                unit.left_out("%s of DHCPv6 without router advertisements" % name.replace("_", "-"))
    else:
        if options.use_mtu is not None:
            unit.add("IPv6AcceptRA", "UseMTU", options.use_mtu)
        if options.use_routes is not None:
            unit.add("IPv6AcceptRA", "UseGateway", options.use_routes)
            unit.add("IPv6AcceptRA", "UseRoutePrefix", options.use_routes)
        if options.route_metric is not None:
            unit.add("IPv6AcceptRA", "RouteMetric", options.route_metric)
    if device.dhcp6_stateless and not device.dhcp6:
        unit.add("DHCPv6", "WithoutRA", "information-request")
    elif device.dhcp6 and device.accept_ra is False and not unit.older_than(246):
        # Otherwise the client waits for an advertisement; it did not before 246.
        unit.add("DHCPv6", "WithoutRA", "solicit")


def ipv6(unit: "Unit", device: "Device") -> None:
    """Router advertisements, temporary addresses, and how the machine's part of an address is made."""
    if device.accept_ra is not None:
        unit.add("Network", "IPv6AcceptRA", device.accept_ra)
    if device.ipv6_privacy is not None:
        unit.add("Network", "IPv6PrivacyExtensions", device.ipv6_privacy)
    if device.mtu6:
        unit.add("Network", "IPv6MTUBytes", device.mtu6)
    if device.ipv6_generation is not None:
        unit.add("Network", "IPv6LinkLocalAddressGenerationMode", device.ipv6_generation)
    if device.ipv6_token is not None:
        if unit.older_than(250):
            unit.add("Network", "IPv6Token", device.ipv6_token)
        else:
            unit.add("IPv6AcceptRA", "Token", "static:" + device.ipv6_token)
    elif device.ipv6_generation is not None and not unit.older_than(250):
        how = "prefixstable" if device.ipv6_generation == "stable-privacy" else "eui64"
        unit.add("IPv6AcceptRA", "Token", how)
    if device.ipv6_autoconf is not None:
        unit.add("IPv6AcceptRA", "UseAutonomousPrefix", device.ipv6_autoconf)
    if device.ra_options.use_dns is not None:
        unit.add("IPv6AcceptRA", "UseDNS", device.ra_options.use_dns)
    if device.ra_options.use_domains is not None:
        unit.add("IPv6AcceptRA", "UseDomains", device.ra_options.use_domains)
    if device.ra_options.table is not None:
        unit.add("IPv6AcceptRA", "RouteTable", device.ra_options.table)


def addresses(unit: "Unit", device: "Device") -> None:
    """A section each."""
    for address in device.addresses:
        unit.begin("Address")
        unit.add("Address", "Address", str(address))
        if address.label:
            unit.add("Address", "Label", address.label)
        if address.deprecated:
            unit.add("Address", "PreferredLifetime", 0)


def routes(unit: "Unit", device: "Device") -> None:
    """A section each; those of a VRF are in its table."""
    for route in device.routes:
        table = device.vrf_table if route.table is None and device.kind == VRF else route.table
        unit.begin("Route")
        # Without a destination a gateway is the default one.
        if not (route.default and route.via and route.metric is None and table is None):
            unit.add("Route", "Destination", route.to)
        if route.via:
            unit.add("Route", "Gateway", route.via)
        if route.on_link or reached_beside(device, route):
            unit.add("Route", "GatewayOnlink" if unit.older_than(243) else "GatewayOnLink", True)
        if route.metric is not None:
            unit.add("Route", "Metric", route.metric)
        if table is not None:
            unit.add("Route", "Table", table)
        if route.kind != "unicast":
            unit.add("Route", "Type", route.kind)
        if route.scope is not None:
            unit.add("Route", "Scope", route.scope)
        if route.source is not None:
            unit.add("Route", "PreferredSource", route.source)
        if route.mtu is not None:
            unit.add("Route", "MTUBytes", route.mtu)
        if route.advertised_mss is not None:
            unit.add("Route", "TCPAdvertisedMaximumSegmentSize", route.advertised_mss)
        for key, value in (
            ("InitialCongestionWindow", route.congestion_window),
            ("InitialAdvertisedReceiveWindow", route.receive_window),
        ):
            if value is not None and value > _WINDOW:
                unit.left_out("a window of more than %d in a route" % _WINDOW)
            elif value is not None:
                unit.add("Route", key, value)


def rules(unit: "Unit", device: "Device") -> None:
    """A section each; those of a VRF look into its table."""
    for rule in device.rules:
        unit.begin("RoutingPolicyRule")
        for key, value in (
            ("From", rule.source),
            ("To", rule.to),
            ("FirewallMark", rule.mark),
            ("TypeOfService", rule.tos),
            ("Priority", rule.priority),
            ("Table", rule.table),
        ):
            if value is not None:
                unit.add("RoutingPolicyRule", key, value)
