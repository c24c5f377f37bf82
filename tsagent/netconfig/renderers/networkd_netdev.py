"""systemd-networkd's .netdev files: devices that are made, not found.

Source: systemd.netdev(5); of the values, the kernel's documentation networking/bonding.
"""

from tsagent.netconfig.model import BOND, BRIDGE, VLAN, VRF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

    from tsagent.netconfig.model import Device
    from tsagent.netconfig.renderers.networkd_units import Unit

# The bonding driver's names to those of systemd.netdev(5). `primary` is said at the port.
_BOND = {
    "mode": "Mode",
    "miimon": "MIIMonitorSec",
    "lacp_rate": "LACPTransmitRate",
    "xmit_hash_policy": "TransmitHashPolicy",
    "ad_select": "AdSelect",
    "ad_actor_sys_prio": "AdActorSystemPriority",
    "ad_actor_system": "AdActorSystem",
    "ad_user_port_key": "AdUserPortKey",
    "min_links": "MinLinks",
    "updelay": "UpDelaySec",
    "downdelay": "DownDelaySec",
    "peer_notif_delay": "PeerNotifyDelaySec",
    "fail_over_mac": "FailOverMACPolicy",
    "arp_interval": "ARPIntervalSec",
    "arp_ip_target": "ARPIPTargets",
    "arp_validate": "ARPValidate",
    "arp_all_targets": "ARPAllTargets",
    "arp_missed_max": "ARPMissedMax",
    "primary_reselect": "PrimaryReselectPolicy",
    "num_grat_arp": "GratuitousARP",
    "num_unsol_na": "GratuitousARP",
    "packets_per_slave": "PacketsPerSlave",
    "resend_igmp": "ResendIGMP",
    "all_slaves_active": "AllSlavesActive",
    "tlb_dynamic_lb": "DynamicTransmitLoadBalancing",
    "lp_interval": "LearnPacketIntervalSec",
}
_MILLISECONDS = ("miimon", "updelay", "downdelay", "peer_notif_delay", "arp_interval")
_BOOLEANS = ("all_slaves_active", "tlb_dynamic_lb")
# Where the driver takes numbers as well, networkd takes words alone: the words in the order of the numbers.
_WORDS: "Dict[str, Tuple[str, ...]]" = {
    "lacp_rate": ("slow", "fast"),
    "xmit_hash_policy": ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"),
    "ad_select": ("stable", "bandwidth", "count"),
    "fail_over_mac": ("none", "active", "follow"),
    "arp_validate": ("none", "active", "backup", "all"),
    "arp_all_targets": ("any", "all"),
    "primary_reselect": ("always", "better", "failure"),
}


def netdev(unit: "Unit", device: "Device") -> None:
    """Describe a device of one of the kinds that are made."""
    unit.add("NetDev", "Name", device.label)
    unit.add("NetDev", "Kind", device.kind)
    if device.set_mac:
        unit.add("NetDev", "MACAddress", device.set_mac)
    if device.kind == BOND:
        _bond(unit, device)
    elif device.kind == BRIDGE:
        _bridge(unit, device)
    elif device.kind == VLAN:
        unit.add("VLAN", "Id", device.vlan or 0)
    elif device.kind == VRF:
        unit.add("VRF", "TableId" if unit.older_than(243) else "Table", device.vrf_table or 0)


def _bond(unit: "Unit", device: "Device") -> None:
    for name in sorted(device.bond):
        value = device.bond[name]
        if name in ("primary", "active_slave"):
            continue
        if name not in _BOND:
            unit.left_out("the bond parameter %s" % name)
            continue
        words = _WORDS.get(name)
        if words is not None:
            value = words[int(value)] if value.isdigit() and int(value) < len(words) else value
            if value not in words:
                unit.left_out("this value of the bond parameter %s" % name)
                continue
        elif name in _MILLISECONDS and value.isdigit():
            value += "ms"
        elif name in _BOOLEANS:
            value = "yes" if value.lower() in ("1", "yes", "true", "on") else "no"
        elif name == "arp_ip_target":
            value = value.replace(",", " ")
        unit.add("Bond", _BOND[name], value)


def _bridge(unit: "Unit", device: "Device") -> None:
    bridge = device.bridge
    if bridge.stp is not None:
        unit.add("Bridge", "STP", bridge.stp)
    for key, value in (
        ("Priority", bridge.priority),
        ("AgeingTimeSec", bridge.age),
        ("ForwardDelaySec", bridge.forward_delay),
        ("HelloTimeSec", bridge.hello_time),
        ("MaxAgeSec", bridge.max_age),
    ):
        if value is not None:
            unit.add("Bridge", key, value)
