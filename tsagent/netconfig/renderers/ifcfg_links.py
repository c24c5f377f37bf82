"""The link of an ifcfg file: how the device is found or made, its ports, what is set on the card.

Source: sysconfig.txt of initscripts and what its ifup, ifup-eth and network-functions do;
nm-settings-ifcfg-rh(5) and what the plugin does.
"""

from tsagent.netconfig.model import AUTO, BOND, BRIDGE, CARDS, DUMMY, INFINIBAND, OFF, VLAN, VRF
from tsagent.netconfig.renderers.relations import name_unused
from tsagent.netconfig.values import mask_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

    from tsagent.netconfig.model import Network
    from tsagent.netconfig.renderers.ifcfg_sheet import Sheet

# VLAN files say VLAN=yes instead, which both readers know.
_TYPES = {BOND: "Bond", BRIDGE: "Bridge", INFINIBAND: "InfiniBand", VLAN: None}
# The scripts set options in this order: some take no value before another is set.
_BOND_ORDER = (
    "mode", "xmit_hash_policy", "miimon", "min_links", "arp_interval", "arp_ip_target", "arp_validate",
    "ad_select", "num_grat_arp", "downdelay", "updelay", "lacp_rate", "fail_over_mac", "primary",
    "primary_reselect",
)  # fmt: skip
# In /sys/class/net/*/bridge, which the scripts write, times are hundredths of a second.
_HUNDREDTHS = 100


def identity(sheet: "Sheet") -> None:
    """Assign type, name, addresses of the hardware and when it is brought up."""
    device = sheet.device
    sheet.put("TYPE", _TYPES.get(device.kind, "Ethernet"))
    # Without a name of the kernel's, HWADDR or MATCH_* is what the card is found by.
    sheet.put("DEVICE", sheet.name)
    if device.kind in CARDS:
        sheet.put("HWADDR", device.mac)
        if sheet.name is None and sheet.managed:
            _matches(sheet)
    if sheet.managed and any(other.kind in (VRF, DUMMY) for other in sheet.network.devices):
        from tsagent.netconfig.renderers.networkmanager import identity as uuid

        sheet.put("UUID", uuid(device.label))  # keyfiles call it so
    sheet.put("ONBOOT", device.activation == AUTO)
    if sheet.managed and device.optional and (device.dhcp4 or device.dhcp6):
        # As in a profile: the daemon counts as started once nothing is being tried any more.
        sheet.put("AUTOCONNECT_RETRIES", 1)
    if device.activation == OFF:
        sheet.left_out("that the device is kept down")
    sheet.put("USERCTL", False)
    if device.set_mac and device.kind == INFINIBAND and sheet.managed:
        sheet.left_out("another hardware address of an InfiniBand card")
    else:
        sheet.put("MACADDR", device.set_mac)
    sheet.put("MTU", device.mtu)
    if device.mtu6 is not None and device.mtu6 != device.mtu:
        if sheet.managed:
            sheet.left_out("an MTU of IPv6's own")
        else:
            sheet.put("IPV6_MTU", device.mtu6)
    if device.critical:
        sheet.left_out("that it is kept when the service stops")
    if device.ignore_carrier:
        sheet.left_out("that it is configured without a carrier")


def findable(sheet: "Sheet") -> bool:
    """Whether the reader can tell which card is meant; where not, it is said."""
    device = sheet.device
    if sheet.name or device.mac:
        return True
    patterns = ([device.match_name] if device.match_name else []) + device.match_drivers
    if not patterns:
        sheet.network.warning(
            device.path, "%s: nothing tells which card it is; it is left out" % device.label
        )
    elif sheet.managed and all(_literal(pattern) for pattern in patterns):
        return True
    else:
        sheet.left_out("a match by driver or by a pattern of names")
    return False


def _literal(pattern: str) -> bool:
    """Whether a pattern means the same to the plugin: it has no blanks, escapes or signs of an expression."""
    return bool(pattern) and pattern[0] not in "!&|" and not any(sign in pattern for sign in " \\\t\n")


def _matches(sheet: "Sheet") -> None:
    device = sheet.device
    if device.match_name is None and not device.match_drivers:
        return
    sheet.put("MATCH_INTERFACE_NAME", device.match_name)
    sheet.put("MATCH_DRIVER", " ".join(device.match_drivers) or None)
    if device.mac is None:
        sheet.put("MULTI_CONNECT", 3)  # every card that fits, not the first alone


def card(sheet: "Sheet") -> None:
    """Assign what is set on a card itself: wake-on-LAN, offloads, InfiniBand's mode."""
    wanted, name = sheet.device.ethernet, sheet.name
    options = ["wol g"] if wanted.wake_on_lan else []  # where it is not asked for, the card has its own way
    if wanted.offloads and (name or sheet.managed):
        features = ["%s %s" % (key, "on" if on else "off") for key, on in sorted(wanted.offloads.items())]
        options.append("-K %s %s" % (name or sheet.device.label, " ".join(features)))
    elif wanted.offloads:
        sheet.left_out("offloads without the name of the interface")
    sheet.put("ETHTOOL_OPTS", "; ".join(options) or None)
    if wanted.infiniband_mode is not None:
        sheet.put("CONNECTED_MODE", wanted.infiniband_mode == "connected")


def bond(sheet: "Sheet") -> None:
    """Assign a bond's options and ports."""
    network, device = sheet.network, sheet.device
    sheet.put("BONDING_MASTER", True)
    names = [name for name in _BOND_ORDER if name in device.bond]
    names += sorted(name for name in device.bond if name not in _BOND_ORDER)
    words: "List[str]" = []
    for name in names:
        value = device.bond[name]
        if name == "primary":
            value = _label(network, value)
        if all(letter.isalnum() or letter in "_.:,+-" for letter in name + value):
            words.append("%s=%s" % (name, value))
        else:
            sheet.left_out("such a value of the bond's option %s" % name)
    sheet.put("BONDING_OPTS", " ".join(words) or None)
    for index, member in enumerate(sorted(_label(network, name) for name in device.members)):
        sheet.put("BONDING_SLAVE%d" % index, member)  # nobody reads it but people


def bridge(sheet: "Sheet") -> None:
    """Assign a bridge's parameters."""
    wanted = sheet.device.bridge
    sheet.put("STP", wanted.stp)
    options: "Dict[str, object]" = {}
    if sheet.managed:
        only_with_stp = [wanted.forward_delay, wanted.priority, wanted.hello_time, wanted.max_age]
        if wanted.stp:
            sheet.put("DELAY", wanted.forward_delay)
            options["priority"] = wanted.priority
            options["hello_time"] = wanted.hello_time
            options["max_age"] = wanted.max_age
        elif any(value is not None for value in only_with_stp):
            sheet.left_out("parameters of the spanning tree protocol without it")
        options["ageing_time"] = wanted.age
    else:
        sheet.put("DELAY", wanted.forward_delay)
        sheet.put("AGEING", wanted.age)
        sheet.put("PRIO", wanted.priority)
        for name in ("hello_time", "max_age"):
            seconds = getattr(wanted, name)
            options[name] = None if seconds is None else seconds * _HUNDREDTHS
    _bridging_options(sheet, options)


def vlan(sheet: "Sheet") -> None:
    """Assign a VLAN's parent and number. Both readers take them from a name like eth0.7, or 7 from vlan7."""
    device = sheet.device
    parent = _label(sheet.network, device.parent or "")
    sheet.put("VLAN", True)
    sheet.put("PHYSDEV", parent)
    names = ("%s.%s" % (parent, device.vlan), "vlan%s" % device.vlan)
    if device.label not in names or "." in parent:
        sheet.put("VLAN_ID" if sheet.managed else "VID", device.vlan)


def port(sheet: "Sheet") -> bool:
    """Assign what it is a port of. True for a port of a bond or a bridge: it has no addresses of its own."""
    network, device = sheet.network, sheet.device
    vrf = network.master_of(device, VRF)
    if vrf is not None:
        if sheet.managed:
            sheet.put("VRF", vrf.label)
        else:
            sheet.left_out("the membership of a VRF")
    master = network.master_of(device)
    if master is None:
        return False
    if master.kind == BOND:
        sheet.put("MASTER", master.label)
        sheet.put("SLAVE", True)
    else:
        sheet.put("BRIDGE", master.label)
        cost, priority = master.bridge.port_cost, master.bridge.port_priority
        _bridging_options(sheet, {"path_cost": cost.get(device.name), "priority": priority.get(device.name)})
    sheet.put("BOOTPROTO", "none")
    _stated(sheet)
    name_unused(network, device, master, sheet.reader)
    return True


def _stated(sheet: "Sheet") -> None:
    """Addresses of a port: both readers pass them over; the file says all the same what was asked for."""
    version4 = [item for item in sheet.device.addresses if item.version == 4]
    version6 = [str(item) for item in sheet.device.addresses if item.version == 6]
    for index, address in enumerate(version4):
        number = str(index) if index else ""
        sheet.put("IPADDR" + number, address.ip)
        sheet.put("NETMASK" + number, mask_of(address.prefix))
    if version6:
        sheet.put("IPV6INIT", True)
        sheet.put("IPV6_AUTOCONF", False)
        sheet.put("IPV6_FORCE_ACCEPT_RA", False)
        sheet.put("IPV6ADDR", version6[0])
        sheet.put("IPV6ADDR_SECONDARIES", " ".join(version6[1:]) or None)


def _bridging_options(sheet: "Sheet", options: "Dict[str, object]") -> None:
    words = ["%s=%s" % (name, value) for name, value in sorted(options.items()) if value is not None]
    if sheet.get("BRIDGING_OPTS") is None:
        sheet.put("BRIDGING_OPTS", " ".join(words) or None)
    elif words:
        sheet.left_out("options of a bridge that is a port of another")


def _label(network: "Network", name: str) -> str:
    """The name of the device that the configuration calls `name`."""
    found = network.find(name)
    return found.label if found is not None else name
