"""systemd-networkd: .network, .netdev and .link files.

Source: systemd.network(5); see networkd_units for what older systemd does not know. Name servers and search
domains of a link are taken up by systemd-resolved.
"""

from tsagent.netconfig.model import BOND, BRIDGE, INFINIBAND, LOOPBACK, MANUAL, OFF, VIRTUAL, VRF
from tsagent.netconfig.renderers import File, kernel_like
from tsagent.netconfig.renderers.networkd_units import Unit
from tsagent.netconfig.renderers.online import needed
from tsagent.netconfig.renderers.relations import Relations, name_unused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

DIRECTORY = "/etc/systemd/network"


def render(network: "Network", options: "Options") -> "List[File]":
    """The files of every device."""
    from tsagent.netconfig.renderers.link import link_file
    from tsagent.netconfig.renderers.networkd_netdev import netdev

    files = []
    relations = Relations(network)
    for device in network.devices:
        stem = "%s/10-tsagent-%s" % (DIRECTORY, device.label)
        if device.kind in VIRTUAL:
            unit = Unit(network, device, options.systemd)
            netdev(unit, device)
            files.append(File(stem + ".netdev", unit.text()))
        elif device.kind != LOOPBACK:
            link = link_file(network, device, options)
            files += [link] if link is not None else []
        unit = Unit(network, device, options.systemd)
        _match(unit, relations, device, options)
        _link(unit, relations, device)
        master = relations.master(device)
        _stack(unit, relations, device, master)
        if master is None:
            _addressing(unit, network, device)
        else:
            name_unused(network, device, master, "systemd-networkd")
        files.append(File(stem + ".network", unit.text()))
    return files


def _match(unit: "Unit", relations: "Relations", device: "Device", options: "Options") -> None:
    """By its address, so that it may have another name at the next start; without one by its name.

    By both where it gets a name, where another card has the address, too, and where no machine was looked at.
    """
    mac = device.mac if device.kind not in VIRTUAL else None
    names = [device.match_name] if device.match_name else []
    if names and device.set_name:
        names.append(device.set_name)
    by_name = mac is None or device.mac_shared or device.set_name is not None or options.offline
    if not names and device.kernel_name and by_name:
        names = [device.kernel_name]
        if device.renamed:  # it has the former name until the next start
            names.append(device.interface or "")
    elif not names and options.offline and kernel_like(device.name):
        names = [device.name]
    if names:
        unit.add("Match", "Name", " ".join(names))
    master = relations.master(device)
    bonded = master is not None and master.kind == BOND
    if mac and bonded and not unit.older_than(245):
        unit.add("Match", "PermanentMACAddress", mac)  # a bond gives its ports its own
    elif mac and not (bonded and names):
        changed = [device.set_mac] if device.set_mac and device.set_mac != mac else []
        unit.add("Match", "MACAddress", " ".join([mac] + changed))
        if not names:
            # What is made on a card has its address: VLANs, bridges, bonds.
            unit.add("Match", "Type", "infiniband" if device.kind == INFINIBAND else "ether")
    if device.match_drivers:
        unit.add("Match", "Driver", " ".join(device.match_drivers))


def _link(unit: "Unit", relations: "Relations", device: "Device") -> None:
    if device.set_mac and device.kind not in VIRTUAL:
        unit.add("Link", "MACAddress", device.set_mac)
    if device.mtu:
        unit.add("Link", "MTUBytes", device.mtu)
    if device.activation == OFF and unit.older_than(248):
        unit.add("Link", "Unmanaged", True)
    elif device.activation in (MANUAL, OFF):
        unit.add("Link", "ActivationPolicy", "manual" if device.activation == MANUAL else "always-down")
    state = needed(relations, device)
    if state is not None and not unit.older_than(236):
        unit.add("Link", "RequiredForOnline", state)


def _stack(unit: "Unit", relations: "Relations", device: "Device", master: "Optional[Device]") -> None:
    """What the device is a port of, and what is made on it."""
    if master is not None:
        unit.add("Network", "Bond" if master.kind == BOND else "Bridge", master.label)
        unit.add("Network", "LinkLocalAddressing", "no")
        if master.kind == BOND and master.bond.get("primary") in (device.name, device.label):
            unit.add("Network", "PrimarySlave", True)
        elif master.kind == BRIDGE:
            for key, values in (("Cost", master.bridge.port_cost), ("Priority", master.bridge.port_priority)):
                if device.name in values:
                    unit.add("Bridge", key, values[device.name])
    vrf = relations.vrf(device)
    if vrf is not None:
        unit.add("Network", "VRF", vrf.label)
    for vlan in relations.vlans(device):
        unit.add("Network", "VLAN", vlan.label)
    if device.kind == INFINIBAND and device.ethernet.infiniband_mode:
        # systemd.network(5) has a section for it, but 250 to 257 ignore it as an unknown one.
        unit.left_out("the mode of an InfiniBand card")
    if device.ignore_carrier is not None:
        unit.add("Network", "ConfigureWithoutCarrier", device.ignore_carrier)


def _addressing(unit: "Unit", network: "Network", device: "Device") -> None:
    from tsagent.netconfig.renderers.networkd_addresses import addresses, dhcp, ipv6, routes, rules

    if device.kind != LOOPBACK:
        dhcp(unit, device)
        ipv6(unit, device)
        if device.link_local is not None:
            both = {(4,): "ipv4", (6,): "ipv6", (4, 6): "yes"}
            unit.add("Network", "LinkLocalAddressing", both.get(tuple(sorted(device.link_local)), "no"))
    if device.critical:
        if unit.older_than(243):
            unit.add("DHCP", "CriticalConnection", True)
        else:
            unit.add("Network", "KeepConfiguration", True)
    servers = list(device.nameservers)
    domains = list(device.search)
    if device.kind not in (LOOPBACK, VRF):
        servers += [item for item in network.nameservers if item not in servers]
        domains += [item for item in network.search if item not in domains]
    if servers:
        unit.add("Network", "DNS", " ".join(servers))
    if domains:
        unit.add("Network", "Domains", " ".join(domains))
    addresses(unit, device)
    routes(unit, device)
    rules(unit, device)
