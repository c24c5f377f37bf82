"""What NetworkManager's profiles say, in the model's words."""

from . import values
from .texts import domains_with_servers, metrics, one_switch, whole, without_default_priority

_SCOPES = {"0": "global", "253": "link", "254": "host"}
_BRIDGE_KEYS = {
    "stp": "stp", "priority": "priority", "ageing-time": "age", "forward-delay": "forward_delay",
    "hello-time": "hello_time", "max-age": "max_age",
}  # fmt: skip


def settings(facts):
    """One profile's facts as settings of the model."""
    facts = dict(facts)
    flat = {"kind": facts.pop("kind")}
    name = facts.pop("name", None)
    flat["match_name" if name and set(name) & set("*?[") else "interface"] = name
    flat["match_drivers"] = (facts.pop("match.driver", None) or "").replace(";", " ").split()
    facts.pop("connection.multi-connect", None)
    for key in ("mac", "set_mac", "set_name", "parent"):
        flat[key] = facts.pop(key, None)
    flat["mtu"], flat["vlan"] = whole(facts.pop("mtu", None)), whole(facts.pop("vlan", None))
    flat["mtu6"] = whole(facts.pop("ipv6.mtu", None))
    flat["activation"] = None if facts.pop("onboot") else "manual"
    wakeonlan = facts.pop("wakeonlan", None)
    flat["ethernet.wake_on_lan"] = {"64": True, "0": False}.get(wakeonlan, wakeonlan)
    flat["ethernet.infiniband_mode"] = facts.pop("infiniband.transport-mode", None)
    offloads = {}
    for key in [key for key in facts if key.startswith("ethtool.feature-")]:
        offloads[key[len("ethtool.feature-") :]] = values.switch(facts.pop(key))
    flat["ethernet.offloads"] = offloads
    kind, _, label = (facts.pop("master", None) or "").partition(" ")
    flat["vrf" if kind == "vrf" else "master"] = label
    port = facts.pop("port", None) or {}
    flat["port_cost"], flat["port_priority"] = whole(port.get("path-cost")), whole(port.get("priority"))
    flat["bond"] = facts.pop("bond", None)
    for key, value in (facts.pop("bridge", None) or {}).items():
        flat["bridge." + _BRIDGE_KEYS.get(key, key)] = value if isinstance(value, bool) else whole(value)
    flat["vrf_table"] = whole(facts.pop("vrf", None))
    flat["dhcp4"] = facts.pop("ipv4_said", None) == "auto"
    flat["ipv6"] = facts.pop("ipv6_said", None)
    facts.pop("addr_gen_said", None)
    if facts.pop("ipv4.link-local", None) == "3" or facts.get("ipv4") == "link-local":
        flat["link_local"] = [4]
    facts.pop("ipv4.required-timeout", None)
    flat["optional"] = facts.pop("connection.autoconnect-retries", None) == "1"
    for number, everywhere in ((4, "0.0.0.0/0"), (6, "::/0")):
        # Without the default route is another switch than without the others; it is for a written one, too.
        own = any(text.startswith(everywhere) for text in facts.get("routes", ()))
        unused = facts.get("ipv%d.use_routes" % number) is False
        if unused and facts.get("ipv%d.use_gateway" % number) and not own:
            facts["ipv%d.use_routes" % number] = "but the default route"
    for key in ("ipv4", "ipv6", "ipv4.may_fail", "ipv6.may_fail", "ipv4.use_gateway", "ipv6.use_gateway"):
        facts.pop(key, None)
    for version in (4, 6):
        group = "dhcp%d_options." % version
        for key in ("use_dns", "use_routes", "send_hostname", "hostname"):
            flat[group + key] = facts.pop("ipv%d.%s" % (version, key), None)
        flat[group + "route_metric"] = whole(facts.pop("ipv%d.metric" % version, None))
    flat["dhcp4_options.identifier"] = facts.pop("ipv4.dhcp-client-id", None)
    flat["dhcp6_options.identifier"] = {"ll": "mac"}.get(facts.pop("ipv6.dhcp-duid", None))
    flat["ra_options.table"] = whole(facts.pop("ipv6.table", None))
    flat["ipv6_privacy"] = {"no": False, "yes": True}.get(facts.pop("privacy", None))
    flat["ipv6_token"] = facts.pop("ipv6.token", None)
    flat["ipv6_generation"] = facts.pop("addr_gen", None)
    for key in ("addresses", "routes", "rules", "nameservers", "search"):
        flat[key] = facts.pop(key, [])
    for number, name in _SCOPES.items():
        flat["routes"] = [text.replace("scope %s" % number, "scope " + name) for text in flat["routes"]]
    flat["rules"] = [without_default_priority(text) for text in flat["rules"]]
    if facts.pop("hostname.from-dhcp", None) == "0":
        flat["dhcp4_options.use_hostname"] = flat["dhcp6_options.use_hostname"] = False
    for key, value in facts.items():
        flat[key] = value
    return flat


def common(made):
    """Bring one side to the methods and switches that NetworkManager has."""
    static = any(":" in text.split()[0] for text in made.get("addresses", ()))
    client, accept = made.pop("dhcp6", None), made.pop("accept_ra", None)
    stateless, prefixes = made.pop("dhcp6_stateless", None), made.pop("ipv6_autoconf", None)
    local = made.pop("link_local", None)
    if "ipv6" not in made:
        if client and (prefixes is False or accept is False):
            made["ipv6"] = "dhcp"
        elif client or accept or stateless:
            made["ipv6"] = "auto"
        elif static:
            made["ipv6"] = "manual"
        elif local is not None:
            made["ipv6"] = "link-local" if 6 in local else "disabled"
        elif accept is False:
            made["ipv6"] = "link-local"
    if 4 in (local or ()):
        made["link_local"] = [4]
    elif local == [] and made.get("ipv6") in ("auto", "dhcp", "manual"):
        made["link_local"] = []  # to be named: it always has one
    # Where nothing is said of IPv6, it is left to the daemon beside IPv4; without IPv4 there is none.
    version4 = made.get("dhcp4") or any(":" not in text.split()[0] for text in made.get("addresses", ()))
    if made.get("ipv6") == ("auto" if version4 else "disabled"):
        del made["ipv6"]
    if made.get("ipv6_generation") == "eui64":
        del made["ipv6_generation"]  # the default
    metrics(made)
    if made.get("mtu"):
        for number in (4, 6):  # one that is written down is taken
            made.pop("dhcp%d_options.use_mtu" % number, None)
    # What would go to the table of the router's routes is said to go to the main one.
    if "routes" in made:
        made["routes"] = sorted(text.replace(" table 254", "") for text in made["routes"])
    # NetworkManager takes name servers of DHCPv6 and of routers alike.
    one_switch(made, "ipv6.use_dns", ("dhcp6_options.use_dns", "ra_options.use_dns"))
    one_switch(made, "dhcp.use_hostname", ("dhcp4_options.use_hostname", "dhcp6_options.use_hostname"))
    domains_with_servers(made)
