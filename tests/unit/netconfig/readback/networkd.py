"""Files of systemd-networkd: systemd.network(5), systemd.netdev(5), systemd.link(5)."""

from . import values

_DEFAULTS = {
    ("Link", "RequiredForOnline"): "yes",
    ("Network", "DHCP"): "no",
    ("Network", "LinkLocalAddressing"): "ipv6",
}
_SWITCHES = {"GatewayOnLink", "UseDNS", "UseNTP", "UseHostname", "SendHostname", "UseMTU", "UseRoutes"}
_DHCP = {"true": "yes", "both": "yes", "v4": "ipv4", "v6": "ipv6", "false": "no", "none": "no"}


def parse(text):
    """[(section, [(key, value)])], in order."""
    sections = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            sections.append((line[1:-1], []))
        else:
            key, _, value = line.partition("=")
            sections[-1][1].append((key.strip(), value.strip()))
    return sections


def read(files):
    """{label: facts} of each device."""
    devices, netdevs = {}, {}
    for path in sorted(files):
        if path.endswith(".netdev"):
            sections = parse(files[path])
            netdevs[dict(_of(sections, "NetDev")).get("Name")] = sections
    for path in sorted(files):
        if path.endswith(".network"):
            sections = parse(files[path])
            match = dict(_of(sections, "Match"))
            label = _label(path)
            devices[label] = _network(sections, match)
    for path in sorted(files):
        if path.endswith(".link"):
            sections = parse(files[path])
            _link(devices, sections, path)
    for name, sections in netdevs.items():
        devices.setdefault(name, {}).update(_netdev(sections))
    parents = {}
    for label, facts in devices.items():
        for name in facts.pop("vlans", ()):
            parents[name] = label
    for name, parent in parents.items():
        devices.setdefault(name, {})["parent"] = parent
    return devices


def _label(path):
    """The device's name in a file's name, `10-WRITER-NAME.network`."""
    stem = path.rsplit("/", 1)[1].rpartition(".")[0]
    for prefix in ("10-cloud-init-", "10-tsagent-"):
        if stem.startswith(prefix):
            return stem[len(prefix) :]
    return stem


def _of(sections, name):
    return [pair for section, pairs in sections if section == name for pair in pairs]


def _link(devices, sections, path):
    match, link = dict(_of(sections, "Match")), dict(_of(sections, "Link"))
    mac = match.get("MACAddress") or match.get("PermanentMACAddress")
    label = link.get("Name") or match.get("OriginalName")
    if label not in devices and _label(path) in devices:
        label = _label(path)
    if label not in devices:
        found = [name for name, facts in devices.items() if mac and facts.get("mac") == values.mac(mac)]
        label = found[0] if found else label or path.rsplit("/", 1)[1]
    facts = devices.setdefault(label, {})
    for key, value in link.items():
        if key == "Name":
            facts["set_name"] = value
        elif key == "WakeOnLan":
            facts["wakeonlan"] = value
        elif key == "MTUBytes":
            facts.setdefault("mtu", value)
        elif key == "MACAddress":
            facts["set_mac"] = values.mac(value)
        elif key not in ("MACAddressPolicy", "NamePolicy"):
            facts["link." + key] = value


def _network(sections, match):
    facts = {"addresses": [], "routes": [], "rules": [], "nameservers": [], "search": []}
    facts["name"] = " ".join(sorted((match.pop("Name", None) or "").split())) or None
    mac = match.pop("MACAddress", None) or match.pop("PermanentMACAddress", None)
    # The address it is found by, and the one that it has once it is configured.
    macs = [values.mac(item) for item in (mac or "").split()]
    later = dict(_of(sections, "Link")).get("MACAddress", "")
    facts["mac"] = " ".join(item for item in macs if item != values.mac(later)) or None
    facts["driver"] = match.pop("Driver", None)
    for key, value in match.items():
        facts["match." + key] = value
    link = dict(_of(sections, "Link"))
    facts["mtu"] = link.pop("MTUBytes", None)
    facts["optional"] = values.switch(link.pop("RequiredForOnline", "yes")) is False
    facts["onboot"] = link.pop("ActivationPolicy", "up")
    facts["set_mac"] = values.mac(link.pop("MACAddress")) if "MACAddress" in link else None
    for key, value in link.items():
        facts["link." + key] = value
    facts["dhcp"], facts["accept_ra"], facts["vlans"] = "no", True, []
    for key, value in _of(sections, "Network"):
        _setting(facts, key, value)
    for section, pairs in sections:
        if section == "Address":
            rest = dict(pairs)
            made = values.interface(rest.pop("Address"))
            facts["addresses"].append(" ".join([made] + ["%s=%s" % item for item in sorted(rest.items())]))
        elif section == "Route":
            facts["routes"].append(_route(dict(pairs)))
        elif section == "RoutingPolicyRule":
            facts["rules"].append(_rule(dict(pairs)))
        elif section in ("DHCP", "DHCPv4", "DHCPv6", "IPv6AcceptRA", "Bridge", "IPoIB"):
            for key, value in pairs:
                if key in _SWITCHES or key == "UseDomains":
                    value = values.switch(value)
                facts["%s.%s" % (section, key)] = value
    facts["routes"].sort()
    facts["rules"].sort()
    if facts["dhcp"] in ("no", "ipv6"):
        for key in [key for key in facts if key.startswith("DHCPv4.")]:
            facts[key + " (no DHCPv4)"] = facts.pop(key)
    # The default: routers are listened to, unless link-local addresses are off.
    if facts.get("link_local") in ("no", "ipv4") and facts["accept_ra"] is True:
        facts["accept_ra"] = "no link-local address"
    return facts


def _setting(facts, key, value):
    if key == "DHCP":
        facts["dhcp"] = _DHCP.get(value.lower(), value.lower())
    elif key == "IPv6AcceptRA":
        facts["accept_ra"] = facts["accept_ra_said"] = values.switch(value)
    elif key == "Address":
        facts["addresses"].append(values.interface(value))
    elif key == "Gateway":
        facts["routes"].append(_route({"Gateway": value}))
    elif key == "DNS":
        facts["nameservers"] += [values.address(item) for item in value.split()]
    elif key == "Domains":
        facts["search"] += value.split()
    elif key == "VLAN":
        facts["vlans"] += value.split()
    elif key in ("Bond", "Bridge"):
        facts["master"] = "%s %s" % (key.lower(), value)
    elif key == "VRF":
        facts["vrf_master"] = value
    elif key == "LinkLocalAddressing":
        facts["link_local"] = {"yes": "yes", "true": "yes", "false": "no"}.get(value, value)
        if facts["link_local"] == "ipv6":
            del facts["link_local"]  # the default
    elif key == "IPv6PrivacyExtensions":
        facts["privacy"] = value
    elif key == "ConfigureWithoutCarrier":
        facts["without_carrier"] = values.switch(value)
    else:
        facts["network." + key] = value


def _route(found):
    via = found.pop("Gateway", None)
    to = found.pop("Destination", None)
    dynamic = via in ("_dhcp4", "_ipv6ra")
    via = values.address(via) if via and not dynamic else via
    if to is None:
        to = "::/0" if via and (":" in via or via == "_ipv6ra") else "0.0.0.0/0"
    rest = {"via": via, "metric": found.pop("Metric", None), "table": found.pop("Table", None)}
    rest["onlink"] = values.switch(found.pop("GatewayOnLink", found.pop("GatewayOnlink", "no")))
    rest["src"], rest["mtu"] = found.pop("PreferredSource", None), found.pop("MTUBytes", None)
    rest.update(found)
    return values.route(values.network(to), **rest)


def _rule(found):
    made = {}
    names = {"From": "from", "To": "to", "Table": "table", "Priority": "priority", "FirewallMark": "fwmark"}
    for key, value in found.items():
        made[names.get(key, key)] = values.network(value) if key in ("From", "To") else value
    return " ".join("%s %s" % (key, made[key]) for key in sorted(made))


def _netdev(sections):
    found = dict(_of(sections, "NetDev"))
    facts = {"kind": found.get("Kind")}
    if found.get("MACAddress"):
        facts["set_mac"] = values.mac(found["MACAddress"])
    if found.get("MTUBytes"):
        facts["mtu"] = found["MTUBytes"]
    for name in ("Bond", "Bridge", "VRF"):
        settings = dict(_of(sections, name))
        if settings or facts["kind"] == name.lower():
            facts[name.lower()] = settings
    vlan = dict(_of(sections, "VLAN"))
    if vlan:
        facts["vlan"] = vlan.get("Id")
    return facts
