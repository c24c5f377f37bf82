"""Bond parameters under one set of names: those of the kernel's bonding driver.

Source: the kernel's documentation, networking/bonding; the network-config formats' own spellings.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from tsagent.netconfig.model import Device, Network

MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")

# Spelling (dashes as underscores, no "bond_" in front) to the driver's name.
NAMES = {
    "mode": "mode",
    "miimon": "miimon",
    "mii_monitor_interval": "miimon",
    "lacp_rate": "lacp_rate",
    "xmit_hash_policy": "xmit_hash_policy",
    "transmit_hash_policy": "xmit_hash_policy",
    "ad_select": "ad_select",
    "min_links": "min_links",
    "updelay": "updelay",
    "up_delay": "updelay",
    "downdelay": "downdelay",
    "down_delay": "downdelay",
    "fail_over_mac": "fail_over_mac",
    "fail_over_mac_policy": "fail_over_mac",
    "arp_interval": "arp_interval",
    "arp_ip_target": "arp_ip_target",
    "arp_ip_targets": "arp_ip_target",
    "arp_validate": "arp_validate",
    "arp_all_targets": "arp_all_targets",
    "primary": "primary",
    "primary_slave": "primary",
    "primary_reselect": "primary_reselect",
    "primary_reselect_policy": "primary_reselect",
    "num_grat_arp": "num_grat_arp",
    "gratuitous_arp": "num_grat_arp",
    "packets_per_slave": "packets_per_slave",
    "resend_igmp": "resend_igmp",
    "all_slaves_active": "all_slaves_active",
    "all_members_active": "all_slaves_active",
    "learn_packet_interval": "lp_interval",
    "lp_interval": "lp_interval",
}


def read_parameters(network: "Network", path: str, device: "Device", parameters: "Dict[str, Any]") -> None:
    """Put bond parameters of any spelling on a device."""
    for key in sorted(parameters, key=str):
        value = parameters[key]
        if value is None:
            continue
        plain = str(key).replace("-", "_")
        if plain.startswith("bond_"):
            plain = plain[5:]
        name = NAMES.get(plain)
        if name is None:
            network.warning(
                "%s/%s" % (path, key),
                "bond %s: the parameter %s is not known here and has no effect" % (device.name, key),
            )
            continue
        if isinstance(value, list):
            text = ",".join(str(item) for item in value)
        elif isinstance(value, bool):
            text = "1" if value else "0"
        else:
            text = str(value).strip()
        if name == "mode":
            text = MODES[int(text)] if text.isdigit() and int(text) < len(MODES) else text
            if text not in MODES:
                network.error("%s/%s" % (path, key), "should be a mode of the bonding driver")
                continue
        if not text or any(letter in text for letter in "\n\r\"'\\ =;"):
            network.error("%s/%s" % (path, key), "should be a plain word or number")
            continue
        device.bond[name] = text
