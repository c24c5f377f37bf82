"""What systemd-networkd's files say, in the model's words."""

from tsagent.netconfig.model import CARDS

from . import values
from .texts import renamed, whole

_OFFLOADS = {
    "ReceiveChecksumOffload": "rx",
    "TransmitChecksumOffload": "tx",
    "TCPSegmentationOffload": "tso",
    "TCP6SegmentationOffload": "tx-tcp6-segmentation",
    "GenericSegmentationOffload": "gso",
    "GenericReceiveOffload": "gro",
    "LargeReceiveOffload": "lro",
}
_BOND = {
    "Mode": "mode", "MIIMonitorSec": "miimon", "UpDelaySec": "updelay", "DownDelaySec": "downdelay",
    "TransmitHashPolicy": "xmit_hash_policy", "LACPTransmitRate": "lacp_rate", "AdSelect": "ad_select",
    "AdActorSystemPriority": "ad_actor_sys_prio", "AdUserPortKey": "ad_user_port_key",
    "AdActorSystem": "ad_actor_system", "MinLinks": "min_links", "FailOverMACPolicy": "fail_over_mac",
    "ARPIntervalSec": "arp_interval", "ARPIPTargets": "arp_ip_target", "ARPValidate": "arp_validate",
    "ARPAllTargets": "arp_all_targets", "PrimaryReselectPolicy": "primary_reselect",
    "GratuitousARP": "num_grat_arp", "PacketsPerSlave": "packets_per_slave", "ResendIGMP": "resend_igmp",
    "AllSlavesActive": "all_slaves_active", "LearnPacketIntervalSec": "lp_interval",
    "DynamicTransmitLoadBalancing": "tlb_dynamic_lb",
}  # fmt: skip
_DHCP = {
    "UseDNS": "use_dns", "UseDomains": "use_domains", "UseHostname": "use_hostname", "UseMTU": "use_mtu",
    "UseNTP": "use_ntp", "UseRoutes": "use_routes", "SendHostname": "send_hostname", "Hostname": "hostname",
    "RouteMetric": "route_metric", "ClientIdentifier": "identifier",
}  # fmt: skip


def milliseconds(text):
    """A time span of systemd.time(7), of one number, in milliseconds."""
    for unit, factor in (("ms", 1), ("s", 1000), ("min", 60000), ("", 1000)):
        if text.endswith(unit) and text[: len(text) - len(unit)].strip().isdigit():
            return str(int(text[: len(text) - len(unit)]) * factor)
    return text


def settings(facts):
    """One device's facts as settings of the model."""
    facts = dict(facts)
    flat = {"kind": facts.pop("kind", None) or "ethernet"}
    name = facts.pop("name", None)
    flat["match_name" if name and set(name) & set("*?[") else "interface"] = name
    flat["mac"] = facts.pop("mac", None)
    flat["match_drivers"] = (facts.pop("driver", None) or "").split()
    flat["set_name"], flat["set_mac"] = facts.pop("set_name", None), facts.pop("set_mac", None)
    flat["mtu"], flat["mtu6"] = (
        whole(facts.pop("mtu", None)),
        whole(facts.pop("network.IPv6MTUBytes", None)),
    )
    flat["activation"] = {"up": None, "always-down": "off", "down": "off"}.get(
        facts["onboot"], facts["onboot"]
    )
    del facts["onboot"]
    flat["optional"] = facts.pop("optional")
    wakeonlan = facts.pop("wakeonlan", None)
    flat["ethernet.wake_on_lan"] = {"magic": True, "off": False}.get(wakeonlan, wakeonlan)
    offloads = {
        _OFFLOADS[key]: values.switch(facts.pop("link." + key)) for key in _OFFLOADS if "link." + key in facts
    }
    flat["ethernet.offloads"] = offloads
    flat["ethernet.infiniband_mode"] = facts.pop("IPoIB.Mode", None)
    facts.pop("link.AlternativeNamesPolicy", None)
    dhcp = facts.pop("dhcp", "no")
    flat["dhcp4"], flat["dhcp6"] = dhcp in ("yes", "ipv4"), dhcp in ("yes", "ipv6")
    flat["accept_ra"] = facts.pop("accept_ra_said", None)
    facts.pop("accept_ra", None)
    privacy = facts.pop("privacy", None)
    flat["ipv6_privacy"] = values.switch(privacy) if privacy is not None else None
    link_local = facts.pop("link_local", None)
    both = {"no": [], "ipv4": [4], "ipv6": [6], "yes": [4, 6]}
    flat["link_local"] = both.get(link_local)
    for section, group in (
        ("DHCPv4", "dhcp4_options"),
        ("DHCPv6", "dhcp6_options"),
        ("IPv6AcceptRA", "ra_options"),
    ):
        for key, setting in _DHCP.items():
            value = facts.pop("%s.%s" % (section, key), None)
            if setting == "use_domains" and isinstance(value, bool):
                value = "yes" if value else "no"
            flat["%s.%s" % (group, setting)] = whole(value) if key == "RouteMetric" else value
    flat["ra_options.table"] = whole(facts.pop("IPv6AcceptRA.RouteTable", None))
    # The client of DHCPv6 and the router are asked as one: networkd has it with the advertisements.
    for theirs, ours in (("use_mtu", "use_mtu"), ("route_metric", "route_metric")):
        value = flat.pop("ra_options." + theirs, None)
        if value is not None:
            flat["dhcp6_options." + ours] = value
    # The default route and the others have a switch each.
    switches = [facts.pop("IPv6AcceptRA." + key, None) for key in ("UseGateway", "UseRoutePrefix")]
    switches = [values.switch(item) for item in switches if item is not None]
    if switches:
        both = len(switches) == 2 and switches[0] == switches[1]
        flat["dhcp6_options.use_routes"] = switches[0] if both else "some of them"
    if facts.pop("DHCPv6.DUIDType", None) == "link-layer":
        flat["dhcp6_options.identifier"] = "mac"
    if facts.pop("DHCPv6.WithoutRA", None) == "information-request":
        flat["dhcp6_stateless"], flat["dhcp6"] = True, None
    if values.switch(facts.pop("IPv6AcceptRA.UseAutonomousPrefix", "yes")) is False:
        flat["ipv6_autoconf"] = False
    token = facts.pop("IPv6AcceptRA.Token", facts.pop("network.IPv6Token", None))
    made = {"prefixstable": "stable-privacy", "eui64": "eui64"}.get(token)
    flat["ipv6_generation"] = made or facts.pop("network.IPv6LinkLocalAddressGenerationMode", None)
    facts.pop("network.IPv6LinkLocalAddressGenerationMode", None)
    if token and not made:
        flat["ipv6_token"] = token.rpartition("static:")[2] if token.startswith("static:") else token
    keep = facts.pop("network.KeepConfiguration", None)
    flat["critical"] = values.switch(keep) if keep else None
    flat["ignore_carrier"] = facts.pop("without_carrier", None)
    flat["addresses"] = [_networkd_address(text) for text in facts.pop("addresses", [])]
    names = {"Type": "type", "Scope": "scope", "InitialCongestionWindow": "initcwnd"}
    names.update(InitialAdvertisedReceiveWindow="initrwnd", TCPAdvertisedMaximumSegmentSize="advmss")
    flat["routes"] = sorted(renamed(text, names) for text in facts.pop("routes", []))
    flat["rules"] = sorted(renamed(text, {"TypeOfService": "tos"}) for text in facts.pop("rules", []))
    flat["nameservers"], flat["search"] = facts.pop("nameservers", []), facts.pop("search", [])
    flat["master"] = (facts.pop("master", None) or "").partition(" ")[2]
    flat["vrf"] = facts.pop("vrf_master", None)
    flat["port_cost"] = whole(facts.pop("Bridge.Cost", None))
    flat["port_priority"] = whole(facts.pop("Bridge.Priority", None))
    flat["primary_slave"] = values.switch(facts.pop("network.PrimarySlave", "no"))
    bond = facts.pop("bond", None)
    if bond is not None:
        flat["bond"] = {_BOND.get(key, key): value for key, value in bond.items()}
        for key in ("miimon", "updelay", "downdelay", "arp_interval"):
            if key in flat["bond"]:
                flat["bond"][key] = milliseconds(flat["bond"][key])
        for key in ("all_slaves_active", "tlb_dynamic_lb"):
            if key in flat["bond"]:
                flat["bond"][key] = str(int(values.switch(flat["bond"][key])))
        if "arp_ip_target" in flat["bond"]:
            flat["bond"]["arp_ip_target"] = flat["bond"]["arp_ip_target"].replace(" ", ",")
    bridge = facts.pop("bridge", None) or {}
    names = {"Priority": "priority", "AgeingTimeSec": "age", "ForwardDelaySec": "forward_delay"}
    names.update(HelloTimeSec="hello_time", MaxAgeSec="max_age", STP="stp")
    for key, value in bridge.items():
        value = values.switch(value) if key == "STP" else whole(value)
        flat["bridge." + names.get(key, key)] = value
    flat["vlan"], flat["parent"] = whole(facts.pop("vlan", None)), facts.pop("parent", None)
    flat["vrf_table"] = whole((facts.pop("vrf", None) or {}).get("Table"))
    for key, value in facts.items():
        if not (key.startswith("match.") and key in ("match.Type", "match.Kind")):
            flat[key] = value
    if flat.get("master"):
        flat["optional"], flat["link_local"], flat["accept_ra"] = False, None, None
    return flat


def _networkd_address(text):
    words, made = text.split(), []
    for word in words[1:]:
        key, _, value = word.partition("=")
        deprecated = key == "PreferredLifetime" and value in ("0", "0s")
        made.append("deprecated" if deprecated else "label " + value if key == "Label" else word)
    return " ".join(words[:1] + sorted(made, reverse=True))


def common(made):
    """Bring one side to what these files can tell: the kind of a card they do not."""
    if made["kind"] in CARDS:
        made["kind"] = "card"
    if made.get("dhcp6_options.identifier") == "duid":
        del made["dhcp6_options.identifier"]  # there is no other
