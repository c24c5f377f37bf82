"""Bonds, bridges and their ports for NetworkManager: what its parser takes of them.

The daemon refuses a whole profile for one option that does not fit, so what it would refuse is left out with
a warning. Source: nm-settings(5), "bond setting" and "bridge setting"; the verification of NetworkManager
1.42.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from tsagent.netconfig.model import Device, Network

SERVICE = "NetworkManager"
_MAX = 0x7FFFFFFF
# Options that only some modes have; the others may stand in every mode.
_MODES = {
    "primary": ("active-backup", "balance-tlb", "balance-alb"),
    "active_slave": ("active-backup", "balance-tlb", "balance-alb"),
    "lacp_rate": ("802.3ad",),
    "ad_actor_sys_prio": ("802.3ad",),
    "ad_actor_system": ("802.3ad",),
    "ad_user_port_key": ("802.3ad",),
    "packets_per_slave": ("balance-rr",),
    "tlb_dynamic_lb": ("balance-tlb", "balance-alb"),
    "arp_interval": ("balance-rr", "active-backup", "balance-xor", "broadcast"),
    "arp_ip_target": ("balance-rr", "active-backup", "balance-xor", "broadcast"),
    "arp_validate": ("balance-rr", "active-backup", "balance-xor", "broadcast"),
}
_NUMBERS = {
    "miimon": (0, _MAX),
    "updelay": (0, _MAX),
    "downdelay": (0, _MAX),
    "peer_notif_delay": (0, _MAX),
    "arp_interval": (0, _MAX),
    "min_links": (0, _MAX),
    "lp_interval": (1, _MAX),
    "num_grat_arp": (0, 255),
    "num_unsol_na": (0, 255),
    "resend_igmp": (0, 255),
    "packets_per_slave": (0, 65535),
    "ad_actor_sys_prio": (1, 65535),
    "ad_user_port_key": (0, 1023),
    "all_slaves_active": (0, 1),
    "tlb_dynamic_lb": (0, 1),
    "use_carrier": (0, 1),
}
# In the kernel's order: its number for a word is the word's place.
_WORDS = {
    "ad_select": ("stable", "bandwidth", "count"),
    "arp_all_targets": ("any", "all"),
    "arp_validate": ("none", "active", "backup", "all", "filter", "filter_active", "filter_backup"),
    "fail_over_mac": ("none", "active", "follow"),
    "lacp_rate": ("slow", "fast"),
    "primary_reselect": ("always", "better", "failure"),
    "xmit_hash_policy": ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"),
}


def bond_options(network: "Network", device: "Device") -> "List[str]":
    """The rows of the [bond] section."""
    mode = device.bond.get("mode") or "balance-rr"
    kept: "Dict[str, str]" = {}
    for name in sorted(device.bond):
        if name == "mode":
            continue
        value = device.bond[name]
        if name in ("primary", "active_slave"):
            member = network.find(value)
            value = member.label if member is not None else value
        why = _refused(name, value, mode)
        if why:
            network.left_out(device, "the bond option %s (%s)" % (name, why), SERVICE)
        else:
            kept[name] = value
    for name, why in _misfits(kept):
        del kept[name]
        network.left_out(device, "the bond option %s (%s)" % (name, why), SERVICE)
    return ["mode=%s" % mode] + ["%s=%s" % (name, kept[name]) for name in sorted(kept)]


def _refused(name: str, value: str, mode: str) -> "Optional[str]":
    """Why an option alone would not be taken."""
    if mode not in _MODES.get(name, (mode,)):
        return "not with mode %s" % mode
    if name in _NUMBERS:
        low, high = _NUMBERS[name]
        if not _is_number(value) or not low <= int(value) <= high:
            return "it should be from %d to %d" % (low, high)
    elif name in _WORDS:
        words = _WORDS[name]
        if value not in words and not (_is_number(value) and int(value) < len(words)):
            return "it should be one of %s" % ", ".join(words)
    elif name == "arp_ip_target":
        from tsagent.netconfig.values import Invalid, plain_address

        try:
            versions = [plain_address(item, "the target")[1] for item in value.split(",")]
        except Invalid:
            versions = []
        if not versions or 6 in versions:
            return "it should be IPv4 addresses"
    elif name == "ad_actor_system":
        from tsagent.netconfig.values import Invalid, mac_address

        try:
            mac_address(value)
        except Invalid as error:
            return "it %s" % error
    elif name not in ("primary", "active_slave"):
        return "it has no such option"
    return None


def _is_number(value: str) -> bool:
    """In the daemon's eyes: there are more digits than its own ten."""
    return bool(value) and all(letter in "0123456789" for letter in value)


def _misfits(options: "Dict[str, str]") -> "List[Tuple[str, str]]":
    """Options that do not go together, and why."""
    watched = int(options.get("miimon", "100"))  # the daemon's own default where nothing is said
    found = []
    if int(options.get("arp_interval", "0")):
        if "arp_ip_target" not in options:
            found.append(("arp_interval", "not without arp_ip_target"))
        elif "miimon" in options and watched:
            found += [(name, "not beside miimon") for name in ("arp_interval", "arp_ip_target")]
    elif "arp_ip_target" in options:
        found.append(("arp_ip_target", "not without arp_interval"))
    if not watched:
        found += [
            (name, "not without miimon")
            for name in ("updelay", "downdelay", "peer_notif_delay")
            if int(options.get(name, "0"))
        ]
    elif int(options.get("peer_notif_delay", "0")) % watched and not found:
        found.append(("peer_notif_delay", "it should be a multiple of miimon"))
    if (
        "num_unsol_na" in options
        and options.get("num_grat_arp", options["num_unsol_na"]) != options["num_unsol_na"]
    ):
        found.append(("num_unsol_na", "it is num_grat_arp by another name"))
    return found


# Key of the section, attribute of the model, bounds. The times' bounds hold with the spanning tree protocol;
# without it 0 is taken, too.
_BRIDGE = (
    ("priority", "priority", 0, 65535),
    ("forward-delay", "forward_delay", 2, 30),
    ("hello-time", "hello_time", 1, 10),
    ("max-age", "max_age", 6, 40),
    ("ageing-time", "age", 0, 1000000),
)


def bridge_options(network: "Network", device: "Device") -> "List[str]":
    """The rows of the [bridge] section."""
    options = device.bridge
    rows = [] if options.stp is None else ["stp=%s" % ("true" if options.stp else "false")]
    for key, attribute, low, high in _BRIDGE:
        value: "Optional[int]" = getattr(options, attribute)
        if value is None:
            continue
        if low <= value <= high or (value == 0 and options.stp is False):
            rows.append("%s=%d" % (key, value))
        else:
            network.left_out(device, "%s outside %d to %d" % (key, low, high), SERVICE)
    if device.set_mac:
        rows.append("mac-address=%s" % device.set_mac.upper())
    return rows


def port_options(bridge: "Device", device: "Device") -> "List[str]":
    """The rows of the [bridge-port] section of a bridge's port."""
    rows = []
    for key, values in (("path-cost", bridge.bridge.port_cost), ("priority", bridge.bridge.port_priority)):
        if device.name in values:
            rows.append("%s=%d" % (key, values[device.name]))
    return rows
