"""What ifcfg files say to the network scripts and to NetworkManager's plugin, in the model's words."""

from . import values
from .texts import domains_with_servers, metrics, one_switch, whole, without_default_priority

_SCRIPTS_HUNDREDTHS = 100


def scripts(facts):
    """One device's facts as settings of the model, as the network scripts understand them."""
    facts = dict(facts)
    flat = {"kind": facts.pop("kind")}
    name = facts.pop("name", None)
    flat["interface"] = name
    pattern = facts.pop("MATCH_INTERFACE_NAME", None)
    flat["match_name"] = pattern
    flat["match_drivers"] = (facts.pop("MATCH_DRIVER", None) or "").split()
    facts.pop("MULTI_CONNECT", None)
    for key in ("mac", "set_mac", "set_name"):
        flat[key] = facts.pop(key, None)
    flat["mtu"], flat["mtu6"] = whole(facts.pop("mtu", None)), whole(facts.pop("mtu6", None))
    flat["activation"] = None if facts.pop("onboot") else "manual"
    _ethtool(flat, facts.pop("wakeonlan", None))
    mode = facts.pop("CONNECTED_MODE", None)
    flat["ethernet.infiniband_mode"] = {"yes": "connected", "no": "datagram"}.get(mode, mode)
    flat["bond"] = facts.pop("bond", None)
    options = dict(
        word.partition("=")[::2] for word in ((facts.get("bridge") or {}).get("options") or "").split()
    )
    bridge = facts.pop("bridge", None) or {}
    flat["bridge.stp"] = facts.pop("stp_said", None)
    for key, ours in (("ageing", "age"), ("priority", "priority"), ("forward", "forward_delay")):
        flat["bridge." + ours] = whole(bridge.get(key))
    for key, value in options.items():
        if key in ("hello_time", "max_age", "ageing_time", "priority"):
            hundredths = key in ("hello_time", "max_age")
            ours = "age" if key == "ageing_time" else key
            flat["bridge." + ours] = int(value) // (_SCRIPTS_HUNDREDTHS if hundredths else 1)
    port = dict(word.partition("=")[::2] for word in (facts.pop("port", None) or "").split())
    flat["port_cost"], flat["port_priority"] = whole(port.get("path_cost")), whole(port.get("priority"))
    flat["vlan"], flat["parent"] = whole(facts.pop("vlan", None)), facts.pop("parent", None)
    flat["master"] = (facts.pop("master", None) or "").partition(" ")[2]
    flat["dhcp4"] = facts.pop("ipv4", None) == "dhcp"
    _ifcfg_version6(flat, facts)
    for version in (4, 6):
        facts.pop("ipv%d.may_fail" % version, None)
    labels = facts.pop("labels", {})
    flat["addresses"] = [
        item + (" label " + labels[item] if item in labels else "") for item in facts.pop("addresses", [])
    ]
    flat["routes"], flat["rules"] = facts.pop("routes", []), facts.pop("rules", [])
    flat["nameservers"], flat["search"] = facts.pop("nameservers", []), facts.pop("search", [])
    facts.pop("ipv4.use_gateway", None)
    for key in ("use_dns", "use_routes", "send_hostname", "hostname"):
        flat["dhcp4_options." + key] = facts.pop("ipv4." + key, None)
    facts.pop("metrics", None)
    facts.pop("ipv6.metric", None)
    flat["dhcp4_options.route_metric"] = whole(facts.pop("ipv4.metric", None))
    flat["dhcp4_options.use_ntp"] = values.switch(facts.pop("PEERNTP", "yes"))
    flat["dhcp4_options.use_hostname"] = values.switch(facts.pop("NO_DHCP_HOSTNAME", "no")) is False
    for key in ("PERSISTENT_DHCLIENT", "METRIC"):
        facts.pop(key, None)
    arguments = (facts.pop("DHCLIENTARGS", None) or "").split()
    flat["optional"] = flat.pop("optional6") or "-nw" in arguments
    facts.pop("DHCLIENT_SET_DEFAULT_ROUTE", None)
    for key, value in facts.items():
        flat[key] = value
    return flat


def plugin(facts):
    """One device's facts as settings of the model, as NetworkManager's plugin understands them."""
    facts = dict(facts)
    more = {
        "dhcp4_options.identifier": facts.pop("DHCP_CLIENT_ID", None),
        "dhcp4_options.use_hostname": values.switch(facts.pop("HOSTNAME_FROM_DHCP", "yes")),
        "dhcp6_options.use_dns": values.switch(facts.pop("IPV6_PEERDNS", "yes")),
        "dhcp6_options.use_routes": values.switch(facts.pop("IPV6_PEERROUTES", "yes")),
        "dhcp6_options.send_hostname": values.switch(facts.pop("DHCPV6_SEND_HOSTNAME", "yes")),
        "dhcp6_options.hostname": facts.pop("DHCPV6_HOSTNAME", None),
        "dhcp6_options.identifier": {"ll": "mac"}.get(facts.pop("DHCPV6_DUID", None)),
        "ra_options.table": whole(facts.pop("IPV6_ROUTE_TABLE", None)),
        "vrf": facts.pop("VRF", None),
    }
    if facts.pop("IPV6_DISABLED", None):
        more["link_local"] = []
    if facts.get("ipv4") == "autoip":
        more["link_local"] = [4, 6]
    metrics = facts.get("metrics") or {}
    flat = scripts(facts)
    clients = {4: flat["dhcp4"], 6: flat["dhcp6"] or flat["dhcp6_stateless"] or flat["accept_ra"]}
    for number in (4, 6):
        # One metric for all routes of a version.
        more["dhcp%d_options.route_metric" % number] = whole(metrics.get(number)) if clients[number] else None
    flat["rules"] = [without_default_priority(text) for text in flat["rules"]]
    more["optional"] = facts.get("AUTOCONNECT_RETRIES") == "1"
    flat.pop("AUTOCONNECT_RETRIES", None)
    flat.update(more)
    return flat


def _ethtool(flat, text):
    """ETHTOOL_OPTS: `wol g; -K eth0 tso off`."""
    offloads = {}
    for part in (text or "").split(";"):
        words = part.split()
        if words[:1] == ["wol"]:
            flat["ethernet.wake_on_lan"] = {"g": True, "d": False}.get(words[1], words[1])
        elif words[:1] == ["-K"]:
            offloads.update(zip(words[2::2], (value == "on" for value in words[3::2])))
    flat["ethernet.offloads"] = offloads


def _ifcfg_version6(flat, facts):
    words = (facts.pop("ipv6", None) or "").split()
    flat["optional6"] = "-nw" in words
    client, stateless = "dhcp" in words, "-S" in words
    automatic, forced = facts.pop("autoconf_said", None), facts.pop("accept_ra", None)
    flat["dhcp6"], flat["dhcp6_stateless"] = client and not stateless, stateless
    flat["accept_ra"] = True if forced is None and automatic is True else forced
    flat["ipv6_autoconf"] = automatic if automatic is False else None
    if words[:1] == ["disabled"]:
        flat["link_local"] = []
    privacy = facts.pop("privacy", None)
    flat["ipv6_privacy"] = {"rfc3041": True, "no": False}.get(privacy, privacy)
    flat["ipv6_generation"], flat["ipv6_token"] = facts.pop("addr_gen", None), facts.pop("IPV6_TOKEN", None)


def _common(made):
    if made.get("mac"):
        made.pop("match_drivers", None)  # the address finds it
    static = any(":" in text.split()[0] for text in made.get("addresses", ()))
    client = made.get("dhcp6") or made.get("dhcp6_stateless")
    if static and not client and made.get("accept_ra") is None:
        made["accept_ra"] = False  # there is nothing between
    if made.get("ipv6_autoconf") is False and client and made.get("accept_ra") is None:
        made["accept_ra"] = True  # addresses by DHCPv6 alone: the router is asked for routes
    if made.get("accept_ra") is False:
        made.pop("ipv6_autoconf", None)
    if made.get("dhcp4"):
        # An address beside a lease has a label in any case: a number, where none was asked for.
        made["addresses"] = [
            text.partition(" label ")[0] if text.rpartition(":")[2].isdigit() and " label " in text else text
            for text in made.get("addresses", ())
        ]
    if made.get("addresses"):
        made["addresses"] = sorted(made["addresses"])
    else:
        made.pop("addresses", None)


def common_plugin(made):
    """Bring one side to the switches that the plugin has."""
    _common(made)
    if made.get("ipv6_generation") == "eui64":
        del made["ipv6_generation"]  # the default
    metrics(made)
    one_switch(made, "ipv6.use_dns", ("dhcp6_options.use_dns", "ra_options.use_dns"))
    if made.get("accept_ra") is False and not made.get("dhcp6"):
        made.pop("ipv6.use_dns", None)
    for name in ("use_hostname", "use_ntp"):
        one_switch(made, "dhcp." + name, ("dhcp4_options." + name, "dhcp6_options." + name))
    domains_with_servers(made)


def common_scripts(made):
    """Bring one side to the switches that the network scripts have."""
    _common(made)
    # One variable is for the clients of both IP versions; what they do anyway needs none.
    versions = [number for number in (4, 6) if made.get("dhcp%d" % number)]
    for name in ("use_dns", "use_ntp", "use_hostname", "send_hostname", "hostname", "use_domains"):
        found = [made.pop("dhcp%d_options.%s" % (number, name), None) for number in (4, 6)]
        chosen = [found[number == 6] for number in versions if found[number == 6] is not None]
        chosen = chosen or [item for item in found if item is not None]
        if chosen:
            made["dhcp." + name] = chosen[0]
    if made.get("dhcp.use_dns") is False and made.get("dhcp.use_domains") == "no":
        del made["dhcp.use_domains"]  # domains go with the servers
