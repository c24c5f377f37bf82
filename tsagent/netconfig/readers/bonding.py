"""Bond parameters under one set of names and values: those of the kernel's bonding driver.

Source: the kernel's documentation, networking/bonding; the network-config formats' own spellings.
"""

from tsagent.netconfig.readers import fields
from tsagent.netconfig.values import interface_name, mac_address, plain_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.readers.links import Links

MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
_ON = ("off", "on")

# By the driver's name, the values it takes: words in the order of their numbers; "flag"; "port"; "mac";
# "ipv4" and "ipv6" (lists of addresses); or the unit of a number ("" for none) and its bounds.
_VALUES: "Dict[str, Any]" = {
    "mode": MODES,
    "miimon": ("ms", 0, 0x7FFFFFFF),
    "updelay": ("ms", 0, 0x7FFFFFFF),
    "downdelay": ("ms", 0, 0x7FFFFFFF),
    "arp_interval": ("ms", 0, 0x7FFFFFFF),
    "peer_notif_delay": ("ms", 0, 300000),
    "lp_interval": ("s", 1, 0x7FFFFFFF),
    "lacp_rate": ("slow", "fast"),
    "lacp_active": _ON,
    "xmit_hash_policy": ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"),
    "ad_select": ("stable", "bandwidth", "count"),
    "ad_actor_sys_prio": ("", 1, 65535),
    "ad_actor_system": "mac",
    "ad_user_port_key": ("", 0, 1023),
    "min_links": ("", 0, 0x7FFFFFFF),
    "fail_over_mac": ("none", "active", "follow"),
    "arp_ip_target": "ipv4",
    "ns_ip6_target": "ipv6",
    "arp_validate": ("none", "active", "backup", "all", "filter", "filter_active", "filter_backup"),
    "arp_all_targets": ("any", "all"),
    "arp_missed_max": ("", 1, 255),
    "primary": "port",
    "active_slave": "port",
    "primary_reselect": ("always", "better", "failure"),
    "num_grat_arp": ("", 0, 255),
    "num_unsol_na": ("", 0, 255),
    "packets_per_slave": ("", 0, 65535),
    "resend_igmp": ("", 0, 255),
    "all_slaves_active": "flag",
    "tlb_dynamic_lb": "flag",
    "use_carrier": "flag",
}
# Other spellings (dashes as underscores, no "bond_" in front), by the driver's name.
NAMES = {name: name for name in _VALUES}
NAMES.update(
    {
        "mii_monitor_interval": "miimon",
        "transmit_hash_policy": "xmit_hash_policy",
        "up_delay": "updelay",
        "down_delay": "downdelay",
        "fail_over_mac_policy": "fail_over_mac",
        "arp_ip_targets": "arp_ip_target",
        "primary_slave": "primary",
        "primary_reselect_policy": "primary_reselect",
        "gratuitous_arp": "num_grat_arp",
        "gratuitious_arp": "num_grat_arp",
        "packets_per_member": "packets_per_slave",
        "all_members_active": "all_slaves_active",
        "learn_packet_interval": "lp_interval",
    }
)
# What the driver only tells, or what belongs to a port: cloud-init's schema names them all the same.
_TOLD = (
    "ad_actor_key", "ad_aggregator", "ad_num_ports", "ad_partner_key", "ad_partner_mac", "mii_status",
    "queue_id",
)  # fmt: skip
_TARGETS = 16  # BOND_MAX_ARP_TARGETS of the driver


def plain_name(key: "Any") -> str:
    """A parameter's key without what the formats put in front of it."""
    plain = str(key).replace("-", "_")
    return plain[5:] if plain.startswith("bond_") else plain


def read_parameters(
    network: "Network", path: str, device: "Device", parameters: "Dict[Any, Any]", links: "Links"
) -> None:
    """Put bond parameters of any spelling on a device."""
    for key in sorted(parameters, key=str):
        value = parameters[key]
        where = fields.below(path, key)
        plain = plain_name(key)
        if value is None or plain == "slaves":
            continue
        name = NAMES.get(plain)
        if name is None:
            _unknown(network, where, device, str(key), plain)
            continue
        text = _value(network, where, name, value)
        if text is None:
            continue
        if device.bond.get(name, text) != text:
            network.warning(where, "%s: %s is given twice; this one counts" % (device.name, name))
        device.bond[name] = text
        if _VALUES[name] == "port":
            links.names_port(device, name, text, where)


def _unknown(network: "Network", path: str, device: "Device", key: str, plain: str) -> None:
    if plain in _TOLD:
        network.warning(path, "%s: %s is no setting of a bond and has no effect" % (device.name, key))
        return
    fields.unknown_parameter(network, path, device, "bond", key, plain, NAMES)


def _value(network: "Network", path: str, name: str, value: "Any") -> "Optional[str]":
    """A parameter's value as the driver writes it."""
    kind = _VALUES[name]
    if kind == "flag":
        found = fields.flag(network, path, value)
        return None if found is None else str(int(found))
    if kind in ("ipv4", "ipv6"):
        return _targets(network, path, value, 4 if kind == "ipv4" else 6)
    if kind == "port":
        return fields.attempt(network, path, interface_name, value)
    if kind == "mac":
        return fields.attempt(network, path, mac_address, value)
    if kind[0] in ("ms", "s"):
        number = fields.interval(network, path, value, name, *kind)
        return None if number is None else str(number)
    if kind[0] == "":
        number = fields.whole(network, path, value, name, *kind[1:])
        return None if number is None else str(number)
    if isinstance(value, bool) and kind is _ON:
        return "on" if value else "off"
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else "?"
    if len(text) == 1 and text in "0123456789" and int(text) < len(kind):
        return str(kind[int(text)])
    return fields.choice(network, path, text, kind)


def _targets(network: "Network", path: str, value: "Any", version: int) -> "Optional[str]":
    found = []
    for where, item in fields.texts(network, path, value):
        address = fields.attempt(network, where, plain_address, item, "the target")
        if address is not None and address[1] != version:
            network.error(where, "the target should be an IPv%d address" % version)
        elif address is not None:
            found.append(address[0])
    if len(found) > _TARGETS:
        network.error(path, "there should be at most %d targets; the others are left out" % _TARGETS)
    return ",".join(found[:_TARGETS]) or None
