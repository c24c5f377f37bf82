"""NetworkManager keyfiles, mode 0600: the daemon ignores files that others may read.

Source: nm-settings-keyfile(5), nm-settings(5) of NetworkManager 1.42. Routing rules and
`ipv6.method=disabled` need NetworkManager 1.20, which every system this renderer is chosen for has.
"""

from tsagent.netconfig.model import BOND, VLAN
from tsagent.netconfig.renderers import MARK, File, searches, servers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

DIRECTORY = "/etc/NetworkManager/system-connections"
# Above a profile that the image has for the same card (0), below the largest the daemon takes (999).
_PRIORITY = 120
# Any fixed UUID serves as the name space: profiles keep their identity from one run to the next.
_NAMESPACE = "7f0e6a4c-3d59-5d0c-9a53-0a8c7f1f2b11"
# The daemon wants a priority on every rule. The kernel's own are 0, 32766 and 32767.
_RULE_PRIORITY = 30000
_UNSPECIFIED = {4: "0.0.0.0", 6: "::"}  # noqa: S104  # no gateway, in the place of one


def render(network: "Network", options: "Options") -> "List[File]":
    """One profile a device."""
    return [
        File("%s/tsagent-%s.nmconnection" % (DIRECTORY, device.label), _profile(network, device), 0o600)
        for device in network.devices
    ]


def identity(label: str) -> str:
    """The UUID of the profile for an interface."""
    import uuid

    return str(uuid.uuid5(uuid.UUID(_NAMESPACE), label))


def _profile(network: "Network", device: "Device") -> str:
    kind = {BOND: "bond", VLAN: "vlan"}.get(device.kind, "ethernet")
    sections: "List[Tuple[str, List[str]]]" = []
    connection = ["id=tsagent %s" % device.label, "uuid=%s" % identity(device.label), "type=%s" % kind]
    # A card that gets a new name has the old one until the next start: its address alone must do.
    if device.kernel_name and not device.match_name and not device.renamed:
        connection.append("interface-name=%s" % device.kernel_name)
    connection.append("autoconnect-priority=%d" % _PRIORITY)
    master = network.master_of(device)
    if master is not None:
        connection += ["master=%s" % identity(master.label), "slave-type=bond"]
    sections.append(("connection", connection))
    if device.match_name:
        sections.append(("match", ["interface-name=%s;" % device.match_name]))
    sections.append(("ethernet", _ethernet(device)))
    if device.kind == BOND:
        sections.append(("bond", ["%s=%s" % (name, device.bond[name]) for name in sorted(device.bond)]))
    if device.kind == VLAN:
        parent = network.find(device.parent)
        # flags=1: reorder headers, the default of `ip link add type vlan`.
        sections.append(
            (
                "vlan",
                ["flags=1", "id=%d" % (device.vlan or 0), "parent=%s" % (parent.label if parent else "")],
            )
        )
    if master is None:
        sections.append(("ipv4", _family(network, device, 4)))
        sections.append(("ipv6", _family(network, device, 6)))
    lines = [MARK.rstrip("\n")]
    for name, values in sections:
        if values:
            lines += ["", "[%s]" % name] + values
    return "\n".join(lines) + "\n"


def _ethernet(device: "Device") -> "List[str]":
    lines = []
    if device.mac:
        lines.append("mac-address=%s" % device.mac.upper())
    if device.set_mac:
        lines.append("cloned-mac-address=%s" % device.set_mac.upper())
    if device.mtu:
        lines.append("mtu=%d" % device.mtu)
    return lines


def _family(network: "Network", device: "Device", version: int) -> "List[str]":
    addresses = [item for item in device.addresses if item.version == version]
    lines = ["method=%s" % _method(device, version, bool(addresses))]
    if not device.wants(version):
        return lines
    # What counts as connected: IPv4 where there is any, else IPv6.
    needed = not device.optional and (version == 4 or not device.wants(4))
    lines.append("may-fail=%s" % ("false" if needed else "true"))
    lines += ["address%d=%s" % (index, item) for index, item in enumerate(addresses, 1)]
    if version == 6 and (device.dhcp6 or device.accept_ra):
        # The address the network expects (and filters by) is the one made from the card's own.
        lines.append("addr-gen-mode=eui64")
    found = servers(network, device, version)
    if found:
        lines.append("dns=%s;" % ";".join(found))
    domains = searches(network, device)
    if domains:
        lines.append("dns-search=%s;" % ";".join(domains))
    routes = [item for item in device.routes if item.version == version]
    for index, route in enumerate(routes, 1):
        text = route.to
        if route.via is not None or route.metric is not None:
            text += "," + (route.via or _UNSPECIFIED[version])
        if route.metric is not None:
            text += ",%d" % route.metric
        lines.append("route%d=%s" % (index, text))
        extra = []
        if route.on_link:
            extra.append("onlink=true")
        if route.table is not None:
            extra.append("table=%d" % route.table)
        if extra:
            lines.append("route%d_options=%s" % (index, ",".join(extra)))
    for index, rule in enumerate((item for item in device.rules if item.version == version), 1):
        words = ["priority %d" % (_RULE_PRIORITY if rule.priority is None else rule.priority)]
        words += ["from %s" % rule.source] if rule.source else []
        words += ["to %s" % rule.to] if rule.to else []
        lines.append("routing-rule%d=%s table %d" % (index, " ".join(words), rule.table))
    return lines


def _method(device: "Device", version: int, static: bool) -> str:
    if version == 4:
        return "auto" if device.dhcp4 else "manual" if static else "disabled"
    if device.dhcp6 and device.accept_ra is False:
        return "dhcp"
    if device.dhcp6 or device.accept_ra:
        return "auto"
    return "manual" if static else "disabled"
