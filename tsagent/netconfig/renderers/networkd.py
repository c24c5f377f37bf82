"""systemd-networkd: .network, .netdev and .link files.

Source: systemd.network(5), systemd.netdev(5), systemd.link(5). Settings that older systemd does not
know (before 243: `RoutingPolicyRule` exists since 235) are ignored by it with a line in the journal.
"""

from tsagent.netconfig.model import BOND, VLAN
from tsagent.netconfig.renderers import MARK, File, searches, servers
from tsagent.netconfig.renderers.link import link_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

    Section = Tuple[str, List[str]]

DIRECTORY = "/etc/systemd/network"

# The bonding driver's names to those of systemd.netdev(5); times there carry their unit.
_BOND = {
    "mode": "Mode",
    "miimon": "MIIMonitorSec",
    "lacp_rate": "LACPTransmitRate",
    "xmit_hash_policy": "TransmitHashPolicy",
    "ad_select": "AdSelect",
    "min_links": "MinLinks",
    "updelay": "UpDelaySec",
    "downdelay": "DownDelaySec",
    "fail_over_mac": "FailOverMACPolicy",
    "arp_interval": "ARPIntervalSec",
    "arp_ip_target": "ARPIPTargets",
    "arp_validate": "ARPValidate",
    "arp_all_targets": "ARPAllTargets",
    "primary_reselect": "PrimaryReselectPolicy",
    "num_grat_arp": "GratuitousARP",
    "packets_per_slave": "PacketsPerSlave",
    "resend_igmp": "ResendIGMP",
    "all_slaves_active": "AllSlavesActive",
    "lp_interval": "LearnPacketIntervalSec",
}
_MILLISECONDS = ("miimon", "updelay", "downdelay", "arp_interval")


def render(network: "Network", options: "Options") -> "List[File]":
    """The files of every device."""
    files = []
    for device in network.devices:
        stem = "%s/10-tsagent-%s" % (DIRECTORY, device.label.replace("*", "any").replace("/", "-"))
        if device.kind in (BOND, VLAN):
            files.append(File(stem + ".netdev", _text(_netdev(network, device))))
        elif device.set_name and device.mac:
            files.append(link_file(device))
        files.append(File(stem + ".network", _text(_network(network, device))))
    return files


def _text(sections: "List[Section]") -> str:
    parts = ["[%s]\n%s" % (name, "".join(row + "\n" for row in rows)) for name, rows in sections if rows]
    return MARK + "\n".join(parts)


def _netdev(network: "Network", device: "Device") -> "List[Section]":
    rows = ["Name=%s" % device.label, "Kind=%s" % device.kind]
    if device.set_mac:
        rows.append("MACAddress=%s" % device.set_mac)
    if device.mtu:
        rows.append("MTUBytes=%d" % device.mtu)
    sections = [("NetDev", rows)]
    if device.kind == VLAN:
        sections.append(("VLAN", ["Id=%d" % (device.vlan or 0)]))
        return sections
    bond = []
    for name in sorted(device.bond):
        key = _BOND.get(name)
        if name == "primary":
            continue  # said at the member
        if key is None:
            network.warning(
                "", "networkd has no setting for the bond parameter %s of %s" % (name, device.label)
            )
            continue
        value = device.bond[name]
        if name in _MILLISECONDS:
            value += "ms"
        elif name == "lp_interval":
            value += "s"
        elif name == "arp_ip_target":
            value = value.replace(",", " ")
        bond.append("%s=%s" % (key, value))
    sections.append(("Bond", bond))
    return sections


def _network(network: "Network", device: "Device") -> "List[Section]":
    match = []
    master = network.master_of(device)
    if device.match_name:
        match.append("Name=%s" % device.match_name)
    elif device.kernel_name and not device.renamed:
        match.append("Name=%s" % device.kernel_name)
    if device.mac and not (master is not None and match):
        # A bond gives its members its own address; bonds and VLANs carry that of their card.
        match += ["MACAddress=%s" % device.mac, "Type=ether"]
    link = []
    if device.set_mac and device.kind not in (BOND, VLAN):
        link.append("MACAddress=%s" % device.set_mac)
    if device.mtu:
        link.append("MTUBytes=%d" % device.mtu)
    if device.optional:
        link.append("RequiredForOnline=no")
    rows: "List[str]" = []
    for other in network.devices:
        if other.kind == VLAN and other.parent == device.name:
            rows.append("VLAN=%s" % other.label)
    if master is not None:
        rows.append("Bond=%s" % master.label)
        if master.bond.get("primary") in (device.name, device.label):
            rows.append("PrimarySlave=yes")
        return [("Match", match), ("Link", link), ("Network", rows)]
    dhcp = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6"}.get(
        (bool(device.dhcp4), bool(device.dhcp6)), "no"
    )
    rows.append("DHCP=%s" % dhcp)
    if device.accept_ra is not None:
        rows.append("IPv6AcceptRA=%s" % ("yes" if device.accept_ra else "no"))
    elif not device.dhcp6:
        rows.append("IPv6AcceptRA=no")
    rows += ["DNS=%s" % server for version in (4, 6) for server in servers(network, device, version)]
    domains = searches(network, device)
    if domains:
        rows.append("Domains=%s" % " ".join(domains))
    sections = [("Match", match), ("Link", link), ("Network", rows)]
    sections += [("Address", ["Address=%s" % address]) for address in device.addresses]
    for route in device.routes:
        row = ["Destination=%s" % route.to]
        row += ["Gateway=%s" % route.via] if route.via else []
        row += ["GatewayOnLink=yes"] if route.on_link else []
        row += ["Metric=%d" % route.metric] if route.metric is not None else []
        row += ["Table=%d" % route.table] if route.table is not None else []
        sections.append(("Route", row))
    for rule in device.rules:
        row = ["From=%s" % rule.source] if rule.source else []
        row += ["To=%s" % rule.to] if rule.to else []
        row += ["Table=%d" % rule.table]
        row += ["Priority=%d" % rule.priority] if rule.priority is not None else []
        sections.append(("RoutingPolicyRule", row))
    return sections
