"""Routes and policy rules of ifcfg files: gateways, route and rule files, ROUTING_RULE variables.

Source: sysconfig.txt of initscripts and what its ifup-eth and ifup-routes do;
nm-settings-ifcfg-rh(5) and what the plugin does. Where they differ, `Sheet.managed` says who reads.
"""

from tsagent.netconfig.addressing import Route
from tsagent.netconfig.values import mask_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from tsagent.netconfig.addressing import Rule
    from tsagent.netconfig.renderers.ifcfg_sheet import Sheet

MAIN_TABLE = 254
# The plugin takes no rule without a priority; the kernel counts down from 32766, where its own begin.
_PRIORITY = 30000
_NO_DEVICE = ("blackhole", "unreachable", "prohibit", "throw")
# Source: nms-ifcfg-rh of NetworkManager 1.42, attributes of a route and its types.
_PLUGIN_KINDS = ("unicast", "local", "blackhole", "unreachable", "prohibit", "throw")


def kernel_routes(sheet: "Sheet") -> "List[Route]":
    """The device's routes as the kernel takes them, each once; what it would refuse is left out and named.

    0.0.0.0 is no gateway; and what is beyond a gateway is never in the scope of the link.
    """
    made: "List[Route]" = []
    seen = []
    for route in sheet.device.routes:
        given = {name: getattr(route, name) for name in Route.__slots__ if name != "version"}
        if route.via is not None and not route.via.strip("0.:"):
            given["via"] = None
        # IPv6 routes have none, and each route has its own where nothing is said.
        if route.version == 6 or route.scope == ("global" if given["via"] else "link"):
            given["scope"] = None
        elif given["via"] and route.scope is not None:
            sheet.left_out("the scope of a route through a gateway")
            given["scope"] = None
        if given not in seen:
            seen.append(given)
            made.append(Route(**given))
    return made


def gateways(sheet: "Sheet", routes: "List[Route]") -> "List[Route]":
    """Assign the gateways of both IP versions that ifcfg files have names for; returns these routes.

    GATEWAY is no route for the scripts where the address is a lease, and where it is out of the network of
    the first address (it stands in both files then, for whoever looks for it here); it is none for the plugin
    where there is no address beside it.
    """
    found = []
    for version in (4, 6):
        route = _gateway(sheet, version, routes)
        if route is None:
            if version == 4:
                sheet.put("GATEWAY", _beyond(sheet, routes))
            continue
        found.append(route)
        if version == 4:
            sheet.put("GATEWAY", route.via)
            if not sheet.managed:
                sheet.put("METRIC", route.metric)
            sheet.put("IPV4_ROUTE_METRIC", route.metric)
        else:
            via = str(route.via)
            if via.startswith("fe80:"):
                via += "%" + str(sheet.name)
            sheet.put("IPV6_DEFAULTGW", via)
            sheet.put("IPV6_ROUTE_METRIC", route.metric)
    if found or sheet.get("GATEWAY") is not None:
        sheet.put("DEFROUTE", True)
    return found


def _beyond(sheet: "Sheet", routes: "List[Route]") -> "Optional[str]":
    """The gateway that the scripts do not take from GATEWAY: it is not in the first address's network."""
    device = sheet.device
    static = not device.dhcp4 and any(item.version == 4 for item in device.addresses)
    if sheet.managed or not static:
        return None
    return next((item.via for item in routes if item.version == 4 and item.default and item.plain), None)


def _gateway(sheet: "Sheet", version: int, routes: "List[Route]") -> "Optional[Route]":
    device = sheet.device
    addresses = [item for item in device.addresses if item.version == version]
    if not addresses or (version == 4 and device.dhcp4 and not sheet.managed):
        return None
    for route in routes:
        if route.version != version or not route.default or not route.via or not _only_metric(route):
            continue
        if route.metric is not None:
            leased = device.dhcp4 if version == 4 else device.dhcp6 or device.accept_ra
            # One variable is the metric of all routes; and the scripts give IPv6's one of their own.
            taken = sheet.get("IPV%d_ROUTE_METRIC" % version) is not None
            if leased or taken or (version == 6 and not sheet.managed):
                continue
        if (
            version == 4
            and not sheet.managed
            and not _within(route.via, addresses[0].ip, addresses[0].prefix)
        ):
            continue
        if version == 6 and route.via.startswith("fe80:") and not sheet.name:
            continue
        return route
    return None


def route_files(sheet: "Sheet", given: "List[Route]") -> "List[Tuple[str, str]]":
    """Name and content of the route files, for these routes."""
    files = []
    for version, name in ((4, "route"), (6, "route6")):
        routes = [route for route in given if route.version == version and _sayable(sheet, route)]
        if not routes:
            continue
        if version == 4 and all(_is_numbered(sheet, route) for route in routes):
            text = "".join(_numbered(index, route) for index, route in enumerate(routes))
        else:
            text = "".join(_line(sheet, route) + "\n" for route in routes)
        files.append((name, text))
    return files


def rules(sheet: "Sheet") -> "List[Tuple[str, str]]":
    """Name and content of the rule files for the scripts; variables for the plugin, which then has none.

    Beside a rule file the plugin reads no routes at all.
    """
    files = []
    for version, name, variable in ((4, "rule", "ROUTING_RULE_%d"), (6, "rule6", "ROUTING_RULE6_%d")):
        chosen = [rule for rule in sheet.device.rules if rule.version == version]
        if sheet.managed:
            for number, rule in enumerate(chosen, 1):
                sheet.put(variable % number, _rule(rule, _PRIORITY))
        elif chosen:
            files.append((name, "".join(_rule(rule) + "\n" for rule in chosen)))
    return files


def _only_metric(route: "Route") -> bool:
    """Whether a route says no more than its gateway and its metric, in the main table."""
    bare = ("kind", "metric", "table", "to", "version", "via")
    others = [getattr(route, name) for name in route.__slots__ if name not in bare]
    return (
        route.kind == "unicast"
        and all(value is None or value is False for value in others)
        and route.table in (None, MAIN_TABLE)
    )


def _within(ip: str, base: str, prefix: int) -> bool:
    import ipaddress

    network = ipaddress.ip_network("%s/%d" % (base, prefix), strict=False)
    return ipaddress.ip_address(ip) in network


def _off_link(sheet: "Sheet", route: "Route") -> bool:
    """Whether the scripts have to be told that a gateway is on the link. The plugin finds out by itself."""
    device = sheet.device
    addresses = [item for item in device.addresses if item.version == 4]
    if sheet.managed or route.version == 6 or not route.via or device.dhcp4 or not addresses:
        return False
    return not any(_within(route.via, item.ip, item.prefix) for item in addresses)


def _sayable(sheet: "Sheet", route: "Route") -> bool:
    """Whether the reader has such routes; where not, it is said."""
    if sheet.managed:
        if route.kind not in _PLUGIN_KINDS:
            sheet.left_out("routes of the type %s" % route.kind)
            return False
    elif sheet.name is None and route.kind not in _NO_DEVICE:
        if not route.via or route.on_link or route.via.startswith("fe80:") or _off_link(sheet, route):
            sheet.left_out("the route to %s without the name of the interface" % _target(route))
            return False
    return True


def _target(route: "Route") -> str:
    return "default" if route.default else route.to


def _is_numbered(sheet: "Sheet", route: "Route") -> bool:
    return route.plain and not route.default and bool(route.via) and not _off_link(sheet, route)


def _numbered(index: int, route: "Route") -> str:
    """A route as assignments, which need no name of the interface."""
    network, _, prefix = route.to.partition("/")
    row = "ADDRESS%d=%s\nNETMASK%d=%s\n" % (index, network, index, mask_of(int(prefix)))
    return row + "GATEWAY%d=%s\n" % (index, route.via)


def _line(sheet: "Sheet", route: "Route") -> str:
    """A route as the arguments of `ip route add`."""
    words = [route.kind] if route.kind != "unicast" else []
    words.append(_target(route))
    words += ["via", route.via] if route.via else []
    words += ["metric", str(route.metric)] if route.metric is not None else []
    if sheet.name and route.kind not in _NO_DEVICE:
        words += ["dev", sheet.name]
    words += ["onlink"] if route.on_link or _off_link(sheet, route) else []
    words += ["table", str(route.table)] if route.table is not None else []
    words += ["src", route.source] if route.source else []
    words += ["scope", route.scope] if route.scope else []
    words += ["mtu", str(route.mtu)] if route.mtu else []
    words += ["advmss", str(route.advertised_mss)] if route.advertised_mss else []
    words += ["initcwnd", str(route.congestion_window)] if route.congestion_window else []
    words += ["initrwnd", str(route.receive_window)] if route.receive_window else []
    return " ".join(words)


def _rule(rule: "Rule", priority: "Optional[int]" = None) -> str:
    """A rule as the arguments of `ip rule add`."""
    words: "List[str]" = []
    chosen = rule.priority if rule.priority is not None else priority
    words += ["priority", str(chosen)] if chosen is not None else []
    words += ["from", rule.source] if rule.source else []
    words += ["to", rule.to] if rule.to else []
    words += ["fwmark", str(rule.mark)] if rule.mark is not None else []
    # `ip` reads it as hexadecimal whatever it looks like.
    words += ["tos", "0x%02x" % rule.tos] if rule.tos is not None else []
    return " ".join(words + ["table", str(rule.table)])
