"""Keyfiles of NetworkManager: nm-settings-keyfile(5), nm-settings(5)."""

from . import values

# Names that a profile goes by, and who wrote it.
_NAMES = {("connection", "uuid"), ("connection", "id"), ("connection", "timestamp")}
_NAMES |= {("user", "org.freedesktop.NetworkManager.origin")}
# Which of several profiles for one card wins: there is only one here.
_NAMES |= {("connection", "autoconnect-priority")}
_LINKS = ("ethernet", "802-3-ethernet", "infiniband", "bridge", "vlan", "bond", "vrf", "dummy")
_PRIVACY = {"-1": None, "0": "no", "1": "prefer-public", "2": "yes"}


def parse(text):
    """{section: {key: value}}."""
    sections, room = {}, {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            room = sections.setdefault(line[1:-1], {})
        else:
            key, _, value = line.partition("=")
            room[key.strip()] = value.strip()
    return sections


def read(files):
    """{label: facts} of each profile."""
    profiles = {}
    for path in sorted(files):
        if path.endswith(".nmconnection"):
            sections = parse(files[path])
            stem = path.rsplit("/", 1)[1][: -len(".nmconnection")]
            profiles[_label(sections, stem)] = sections
    links = read_links(files)
    ids = {}
    for label, sections in profiles.items():
        connection = sections.get("connection", {})
        for key in ("uuid", "id", "interface-name"):
            if connection.get(key):
                ids[connection[key]] = label
    devices = {label: _device(sections, ids) for label, sections in profiles.items()}
    for label, facts in links.items():
        devices.setdefault(label, {}).update(facts)
    _daemon(devices, files)
    return devices


def _daemon(devices, files):
    """What the daemon's own configuration says of devices: NetworkManager.conf(5), [device]."""
    for path in files:
        if not path.startswith("/etc/NetworkManager/conf.d/"):
            continue
        for section, keys in parse(files[path]).items():
            if not section.startswith("device") or "ignore-carrier" not in keys:
                continue
            how, _, which = keys["match-device"].partition(":")
            for label, facts in devices.items():
                known = {"mac": facts.get("mac"), "interface-name": label}
                named = values.mac(which) if how == "mac" else which.lstrip("=")
                if known[how] == named or (how == "interface-name" and facts.get("name") == named):
                    facts["ignore_carrier"] = values.switch(keys["ignore-carrier"])


def read_links(files):
    """New names, which .link files give on any service."""
    from . import networkd

    return {
        label: {key: facts[key] for key in ("set_name",) if key in facts}
        for label, facts in networkd.read(
            {path: text for path, text in files.items() if path.endswith(".link")}
        ).items()
    }


def _label(sections, stem):
    connection = sections.get("connection", {})
    name = connection.get("interface-name")
    if name:
        return name
    for prefix in ("cloud-init ", "cloud-init-", "tsagent ", "tsagent-"):
        for text in (connection.get("id", ""), stem):
            if text.startswith(prefix):
                return text[len(prefix) :]
    return stem


def _device(sections, ids):
    taken = set(_NAMES)

    def take(section, key, default=None):
        taken.add((section, key))
        return sections.get(section, {}).get(key, default)

    def either(names, key, default=None):
        found = [take(name, key) for name in names]
        return next((item for item in found if item is not None), default)

    facts = {"kind": take("connection", "type", "ethernet").replace("802-3-", "")}
    facts["name"] = take("connection", "interface-name")
    pattern = take("match", "interface-name")
    if pattern:
        facts["name"] = " ".join(sorted(pattern.replace(";", " ").split()))
    mac = either(("ethernet", "802-3-ethernet", "infiniband"), "mac-address")
    facts["mac"] = values.mac(mac) if mac else None
    cloned = either(_LINKS, "cloned-mac-address")
    if facts["kind"] == "bridge":
        cloned = take("bridge", "mac-address") or cloned
    facts["set_mac"] = values.mac(cloned) if cloned else None
    facts["mtu"] = either(_LINKS, "mtu")
    facts["onboot"] = values.switch(take("connection", "autoconnect", "true"))
    facts["wakeonlan"] = either(("ethernet", "802-3-ethernet"), "wake-on-lan")
    master = take("connection", "controller") or take("connection", "master")
    kind = take("connection", "port-type") or take("connection", "slave-type")
    facts["master"] = "%s %s" % (kind, ids.get(master, master)) if master else None
    facts["port"] = _section(sections, taken, "bridge-port")
    facts["bond"] = _section(sections, taken, "bond", drop=("interface-name",)) or None
    if "arp_ip_target" in (facts["bond"] or {}):
        targets = facts["bond"]["arp_ip_target"].replace(",", " ").split()
        facts["bond"]["arp_ip_target"] = ",".join(targets)
    facts["bridge"] = _section(sections, taken, "bridge", drop=("interface-name", "mac-address"))
    for key, value in (facts["bridge"] or {}).items():
        facts["bridge"][key] = values.switch(value) if key == "stp" else value
    if facts["kind"] == "vlan":
        parent = take("vlan", "parent")
        facts["parent"], facts["vlan"] = ids.get(parent, parent), take("vlan", "id")
    # Headers in order are the default, whether said or not.
    if take("vlan", "flags", "1") != "1":
        facts["vlan.flags"] = sections["vlan"]["flags"]
    if facts["kind"] == "vrf":
        facts["vrf"] = take("vrf", "table")
    if not master:
        facts.update(addresses=[], routes=[], rules=[], nameservers=[])
        for family in ("ipv4", "ipv6"):
            _family(facts, family, take, sections)
        search = []
        for family in ("ipv4", "ipv6"):
            for item in (take(family, "dns-search") or "").replace(",", ";").split(";"):
                if item and item not in search:
                    search.append(item)
        facts["search"] = search
    for section, keys in sections.items():
        for key in keys:
            if (section, key) not in taken and not (master and section in ("ipv4", "ipv6")):
                facts["%s.%s" % (section, key)] = keys[key]
    return facts


def _section(sections, taken, name, drop=()):
    found = dict(sections.get(name, {}))
    taken.update((name, key) for key in found)
    for key in drop:
        found.pop(key, None)
    return found or None


def _family(facts, family, take, sections):
    method = take(family, "method", "auto")
    facts[family] = method
    facts[family + "_said"] = sections.get(family, {}).get("method")
    everywhere = "0.0.0.0/0" if family == "ipv4" else "::/0"
    if method in ("disabled", "ignore"):
        facts[family] = "disabled"
    metric = take(family, "route-metric")
    metric = None if metric == "-1" else metric
    table = take(family, "route-table")
    table = None if table in ("0", None) else table
    if method in ("auto", "dhcp"):
        facts[family + ".metric"] = metric
        facts[family + ".table"] = table
    gateway = take(family, "gateway")
    found = sections.get(family, {})
    for key in sorted(found, key=_numbered):
        stem, _ = _numbered(key)
        if stem in ("address", "addresses") and not key.endswith("_options"):
            text, _, via = take(family, key).replace(";", ",").partition(",")
            facts["addresses"].append(values.interface(text))
            gateway = gateway or via or None
        elif stem == "route" and not key.endswith("_options"):
            words = take(family, key).replace(";", ",").split(",")
            options = _options(take(family, key + "_options"))
            via = values.address(words[1]) if len(words) > 1 and words[1] else None
            if via in ("0.0.0.0", "::"):
                via = None
            own = words[2] if len(words) > 2 else None
            own = options.pop("metric", own) or metric
            options["table"] = options.get("table") or table
            facts["routes"].append(values.route(values.network(words[0]), via=via, metric=own, **options))
        elif stem == "routing-rule":
            facts["rules"].append(rule(take(family, key)))
    if gateway:
        made = values.route(everywhere, via=values.address(gateway), metric=metric, table=table)
        if made not in facts["routes"]:
            facts["routes"].append(made)
    facts["routes"].sort()
    facts["rules"].sort()
    # Of a family that is off NetworkManager takes no servers.
    servers = (take(family, "dns") or "").replace(",", ";").split(";")
    facts["nameservers"] += [values.address(item) for item in servers if item]
    facts[family + ".may_fail"] = values.switch(take(family, "may-fail", "true"))
    if facts[family] == "disabled":
        facts[family + ".may_fail"] = True
    if family == "ipv6":
        privacy = take(family, "ip6-privacy", "-1")
        facts["privacy"] = _PRIVACY.get(privacy, privacy)
        # A profile that says nothing gets what NetworkManager.conf says, and that says nothing of it: EUI-64.
        facts["addr_gen_said"] = take(family, "addr-gen-mode")
        made = facts["addr_gen_said"] or "eui64"
        facts["addr_gen"] = {"0": "eui64", "1": "stable-privacy"}.get(made, made)
        if method != "auto" and not facts["addr_gen_said"]:
            facts["addr_gen"] = None
    facts[family + ".use_dns"] = not values.switch(take(family, "ignore-auto-dns", "false"))
    facts[family + ".use_routes"] = not values.switch(take(family, "ignore-auto-routes", "false"))
    facts[family + ".use_gateway"] = not values.switch(take(family, "never-default", "false"))
    facts[family + ".send_hostname"] = values.switch(take(family, "dhcp-send-hostname", "true"))
    facts[family + ".hostname"] = take(family, "dhcp-hostname")


def _numbered(key):
    stem = key.split("_", 1)[0].rstrip("0123456789")
    digits = key.split("_", 1)[0][len(stem) :]
    return stem, int(digits or 0)


def _options(text):
    made = {}
    for item in (text or "").split(","):
        key, _, value = item.partition("=")
        if key:
            made[key.strip()] = value.strip()
    if "onlink" in made:
        made["onlink"] = values.switch(made["onlink"])
    return made


def rule(text):
    words = text.split()
    made, place = {}, 0
    while place < len(words):
        key = {"lookup": "table", "pref": "priority"}.get(words[place], words[place])
        if key == "not":
            made[key] = "yes"
            place += 1
            continue
        made[key] = words[place + 1] if place + 1 < len(words) else ""
        place += 2
    for key in ("from", "to"):
        if key in made and made[key] in ("0.0.0.0/0", "::/0", "all"):
            del made[key]
        elif key in made:
            made[key] = values.network(made[key])
    if made.get("tos", "").startswith("0x"):
        made["tos"] = str(int(made["tos"], 16))
    return " ".join("%s %s" % (key, made[key]) for key in sorted(made))
