"""ifcfg, route and rule files, for the network scripts of el7 and NetworkManager's ifcfg-rh plugin.

Source: sysconfig.txt of initscripts; nm-settings-ifcfg-rh(5). The two differ in policy rules: the
scripts read rule-IFACE files, the plugin ROUTING_RULE_N variables (and no routes at all beside a rule
file), so only one of them is written.
"""

from tsagent.netconfig.model import BOND, VLAN
from tsagent.netconfig.renderers import MARK, File, searches, servers
from tsagent.netconfig.values import mask_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from tsagent.netconfig.model import Device, Network, Route, Rule
    from tsagent.netconfig.renderers import Options

DIRECTORY = "/etc/sysconfig/network-scripts"


def render(network: "Network", options: "Options") -> "List[File]":
    """The files of every device."""
    files: "List[File]" = []
    for device in network.devices:
        if device.match_name and not device.interface:
            network.warning("", "ifcfg cannot match by a pattern: %s is left out" % device.name)
            continue
        label = device.label
        settings = _settings(network, device, options)
        text = MARK + "".join("%s=%s\n" % (key, _quote(value)) for key, value in settings)
        files.append(File("%s/ifcfg-%s" % (DIRECTORY, label), text))
        for version, name in ((4, "route"), (6, "route6")):
            rows = [
                _route(item, device)
                for item in device.routes
                if item.version == version and not _is_gateway(device, item)
            ]
            if rows:
                files.append(File("%s/%s-%s" % (DIRECTORY, name, label), MARK + "\n".join(rows) + "\n"))
        if not options.managed:
            for version, name in ((4, "rule"), (6, "rule6")):
                rows = [_rule(item) for item in device.rules if item.version == version]
                if rows:
                    files.append(File("%s/%s-%s" % (DIRECTORY, name, label), MARK + "\n".join(rows) + "\n"))
    return files


def _settings(network: "Network", device: "Device", options: "Options") -> "List[Tuple[str, str]]":
    lines = [("TYPE", {BOND: "Bond", VLAN: "Vlan"}.get(device.kind, "Ethernet"))]
    # Without a name of the kernel's, HWADDR is what the card is found by.
    lines += [("DEVICE", device.kernel_name)] if device.kernel_name else []
    lines += [("ONBOOT", "yes"), ("USERCTL", "no")]
    if device.mac:
        lines.append(("HWADDR", device.mac.upper()))
    if device.set_mac:
        lines.append(("MACADDR", device.set_mac.upper()))
    if device.mtu:
        lines.append(("MTU", str(device.mtu)))
    if device.kind == BOND:
        lines.append(("BONDING_MASTER", "yes"))
        # `mode` first: the driver takes other options only once the mode allows them.
        names = sorted(device.bond, key=lambda name: (name != "mode", name))
        lines.append(("BONDING_OPTS", " ".join("%s=%s" % (name, device.bond[name]) for name in names)))
    if device.kind == VLAN:
        parent = network.find(device.parent)
        lines += [("VLAN", "yes"), ("PHYSDEV", parent.label if parent else ""), ("VLAN_ID", str(device.vlan))]
    master = network.master_of(device)
    if master is not None:
        lines += [("MASTER", master.label), ("SLAVE", "yes"), ("BOOTPROTO", "none")]
        return lines
    lines += _ipv4(network, device, options)
    lines += _ipv6(device)
    found = servers(network, device, 4) + servers(network, device, 6)
    lines += [("DNS%d" % index, server) for index, server in enumerate(found, 1)]
    domains = searches(network, device)
    if domains:
        lines.append(("DOMAIN", " ".join(domains)))
    if options.managed:
        lines += [
            ("ROUTING_RULE_%d" % index, _rule(rule, 30000)) for index, rule in enumerate(_by(device, 4), 1)
        ]
        lines += [
            ("ROUTING_RULE6_%d" % index, _rule(rule, 30000)) for index, rule in enumerate(_by(device, 6), 1)
        ]
    return lines


def _ipv4(network: "Network", device: "Device", options: "Options") -> "List[Tuple[str, str]]":
    lines = [("BOOTPROTO", "dhcp" if device.dhcp4 else "none")]
    if device.dhcp4:
        # Without it the scripts give up for good after the first unanswered minute.
        lines.append(("PERSISTENT_DHCLIENT", "1"))
    addresses = [item for item in device.addresses if item.version == 4]
    if device.dhcp4 and addresses and not options.managed:
        network.warning("", "the network scripts set no address beside DHCP on %s" % device.label)
    for index, address in enumerate(addresses):
        number = str(index) if index else ""
        lines += [("IPADDR" + number, address.ip), ("NETMASK" + number, mask_of(address.prefix))]
    gateway = _gateway(device, 4)
    if gateway is not None:
        lines += [("GATEWAY", gateway.via or ""), ("DEFROUTE", "yes")]
    if not device.optional and device.wants(4):
        lines.append(("IPV4_FAILURE_FATAL", "yes"))
    return lines


def _ipv6(device: "Device") -> "List[Tuple[str, str]]":
    if not device.wants(6):
        return [("IPV6INIT", "no")]
    lines = [("IPV6INIT", "yes")]
    automatic = device.accept_ra if device.accept_ra is not None else bool(device.dhcp6)
    lines.append(("IPV6_AUTOCONF", "yes" if automatic else "no"))
    if device.accept_ra is False:
        lines.append(("IPV6_FORCE_ACCEPT_RA", "no"))
    if automatic:
        lines.append(("IPV6_ADDR_GEN_MODE", "eui64"))
    if device.dhcp6:
        lines.append(("DHCPV6C", "yes"))
    addresses = [str(item) for item in device.addresses if item.version == 6]
    if addresses:
        lines.append(("IPV6ADDR", addresses[0]))
    if addresses[1:]:
        lines.append(("IPV6ADDR_SECONDARIES", " ".join(addresses[1:])))
    gateway = _gateway(device, 6)
    if gateway is not None:
        lines.append(("IPV6_DEFAULTGW", gateway.via or ""))
    return lines


def _gateway(device: "Device", version: int) -> "Optional[Route]":
    """The default route that fits GATEWAY or IPV6_DEFAULTGW: plain, in the main table."""
    for route in device.routes:
        plain = route.metric is None and route.table is None and not route.on_link
        if route.version == version and route.default and route.via and plain:
            return route
    return None


def _is_gateway(device: "Device", route: "Route") -> bool:
    return route is _gateway(device, route.version)


def _route(route: "Route", device: "Device") -> str:
    words = ["default" if route.default else route.to]
    words += ["via", route.via] if route.via else []
    words += ["dev", device.kernel_name] if device.kernel_name else []
    words += ["onlink"] if route.on_link else []
    words += ["metric", str(route.metric)] if route.metric is not None else []
    words += ["table", str(route.table)] if route.table is not None else []
    return " ".join(words)


def _rule(rule: "Rule", priority: "Optional[int]" = None) -> str:
    words: "List[str]" = []
    chosen = rule.priority if rule.priority is not None else priority
    words += ["priority", str(chosen)] if chosen is not None else []
    words += ["from", rule.source] if rule.source else []
    words += ["to", rule.to] if rule.to else []
    return " ".join(words + ["table", str(rule.table)])


def _by(device: "Device", version: int) -> "List[Rule]":
    return [rule for rule in device.rules if rule.version == version]


def _quote(value: str) -> str:
    """A value as the shell reads it; the model lets no quote, backslash or dollar sign through."""
    return value if all(letter.isalnum() or letter in ".:/_-," for letter in value) else '"%s"' % value
