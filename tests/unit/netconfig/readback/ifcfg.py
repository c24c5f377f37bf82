"""ifcfg, route and rule files: sysconfig.txt of initscripts, nm-settings-ifcfg-rh(5), ip-route(8)."""

import ipaddress
import shlex

from . import keyfile, values

DIRECTORY = "/etc/sysconfig/network-scripts/"
# Who may use it, what it is called in lists, and who reads the file: no part of what the card gets.
_NAMES = {"USERCTL", "NAME", "UUID", "DEVICETYPE", "NM_CONTROLLED"}
_KINDS = {
    "Ethernet": "ethernet",
    "Bond": "bond",
    "Bridge": "bridge",
    "Vlan": "vlan",
    "InfiniBand": "infiniband",
}


def parse(text):
    """{variable: value} of shell assignments."""
    found = {}
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#") and "=" in line:
            key, _, value = line.partition("=")
            found[key] = " ".join(shlex.split(value, comments=False))
    return found


def read(files):
    """{label: facts} of each device."""
    devices = {}
    for path in sorted(files):
        if path.startswith(DIRECTORY + "ifcfg-"):
            label = path[len(DIRECTORY + "ifcfg-") :]
            devices[label] = _device(label, parse(files[path]), files)
    # Further addresses of a device, each in a file of its own.
    for label in [label for label in devices if ":" in label]:
        alias, owner = devices.pop(label), devices.get(label.partition(":")[0])
        if owner is not None:
            owner["addresses"] += [item for item in alias["addresses"] if item not in owner["addresses"]]
            owner["labels"].update((item, label) for item in alias["addresses"])
    for label, facts in keyfile.read_links(files).items():
        devices.setdefault(label, {}).update(facts)
    return devices


def _device(label, found, files):
    found = {key: value for key, value in found.items() if key not in _NAMES}

    def take(key, default=None):
        return found.pop(key, default)

    vlan = values.switch(take("VLAN", "no")) is True
    kind = take("TYPE")
    facts = {"kind": _KINDS.get(kind, kind)}
    if vlan or kind is None:
        facts["kind"] = "vlan" if vlan else "ethernet"
    if values.switch(take("BONDING_MASTER", "no")) is True:
        facts["kind"] = "bond"
    facts["name"] = take("DEVICE")
    facts["mac"] = values.mac(take("HWADDR")) if "HWADDR" in found else None
    facts["set_mac"] = values.mac(take("MACADDR")) if "MACADDR" in found else None
    facts["mtu"], facts["mtu6"] = take("MTU"), take("IPV6_MTU")
    facts["onboot"] = values.switch(take("ONBOOT", "yes"))
    options = take("BONDING_OPTS")
    facts["bond"] = _bond(options) if options else None
    # The ports say whose they are; a list of them in the bond's own file is read by nobody.
    for key in sorted(found):
        if key.startswith("BONDING_SLAVE"):
            take(key)
    slave = values.switch(take("SLAVE", "no")) is True
    master, bridge = take("MASTER"), take("BRIDGE")
    facts["master"] = "bond " + master if master and slave else "bridge " + bridge if bridge else None
    if facts["kind"] == "bridge":
        facts["bridge"] = {
            key: take(name)
            for key, name in (("ageing", "AGEING"), ("priority", "PRIO"), ("forward", "DELAY"))
        }
        facts["stp_said"] = values.switch(found["STP"]) if "STP" in found else None
        facts["bridge"]["stp"] = values.switch(take("STP", "no"))
        facts["bridge"]["options"] = take("BRIDGING_OPTS")
    if bridge:
        facts["port"] = take("BRIDGING_OPTS")
    if facts["kind"] == "vlan":
        facts["parent"] = take("PHYSDEV") or label.rpartition(".")[0]
        facts["vlan"] = take("VLAN_ID") or take("VID") or _vlan_of_name(facts["name"] or label)
    ethtool = take("ETHTOOL_OPTS")
    facts["wakeonlan"] = ethtool
    protocol = take("BOOTPROTO", "none").lower()
    if facts["master"]:
        for key in list(found):
            if key.startswith(("IPV6", "IPV4", "DEFROUTE", "DNS", "DOMAIN", "PEERDNS")):
                take(key)
    else:
        facts["ipv4"] = {"bootp": "dhcp", "dhcp": "dhcp", "autoip": "autoip"}.get(protocol, "static")
        _addresses(facts, take, found)
        _version6(facts, take)
        _routes(facts, take, label, files)
        _rules(facts, found, label, files)
        facts["nameservers"] = []
        for number in range(1, 11):
            server = take("DNS%d" % number)
            if server:
                facts["nameservers"].append(values.address(server))
        facts["search"] = (take("DOMAIN") or "").split()
        facts["ipv4.may_fail"] = not values.switch(take("IPV4_FAILURE_FATAL", "no"))
        facts["ipv6.may_fail"] = not values.switch(take("IPV6_FAILURE_FATAL", "no"))
        facts["ipv4.use_dns"] = values.switch(take("PEERDNS", "yes"))
        facts["ipv4.use_routes"] = values.switch(take("PEERROUTES", "yes"))
        facts["ipv4.hostname"] = take("DHCP_HOSTNAME")
        facts["ipv4.send_hostname"] = values.switch(take("DHCP_SEND_HOSTNAME", "yes"))
    for key, value in found.items():
        facts[key] = value
    return facts


def _vlan_of_name(name):
    digits = ""
    while name and name[-1].isdigit():
        digits, name = name[-1] + digits, name[:-1]
    return str(int(digits)) if digits else None


def _bond(text):
    made = {}
    for word in text.split():
        if "=" in word:
            key, _, value = word.partition("=")
            made[key] = value
        else:
            made[key] += "," + word  # several addresses, with blanks between them
    if "arp_ip_target" in made:
        made["arp_ip_target"] = ",".join(part.lstrip("+") for part in made["arp_ip_target"].split(","))
    return made


def _addresses(facts, take, found):
    facts["addresses"], facts["labels"] = [], {}
    for number in [""] + [str(index) for index in range(256)]:
        ip = take("IPADDR" + number)
        mask, prefix = take("NETMASK" + number), take("PREFIX" + number)
        if ip:
            facts["addresses"].append(values.interface("%s/%s" % (ip, prefix or mask or "32")))
    first = take("IPV6ADDR")
    facts["addresses"] += [values.interface(first)] if first else []
    facts["addresses"] += [values.interface(item) for item in (take("IPV6ADDR_SECONDARIES") or "").split()]


def _version6(facts, take):
    on = values.switch(take("IPV6INIT", "yes"))
    automatic = take("IPV6_AUTOCONF")
    client = values.switch(take("DHCPV6C", "no"))
    option = take("DHCPV6C_OPTIONS")
    facts["autoconf_said"] = values.switch(automatic) if automatic is not None else None
    words = ["off" if on is False else "on"]
    forced = take("IPV6_FORCE_ACCEPT_RA")
    # Refused advertisements bring no addresses, whatever is said of these.
    automatic = "no" if forced is not None and values.switch(forced) is False else automatic
    words.append("autoconf" if automatic is None or values.switch(automatic) is True else "no-autoconf")
    if client is True:
        words.append("dhcp" + (" " + option if option else ""))
    facts["ipv6"] = "disabled" if on is False else " ".join(words)
    facts["accept_ra"] = values.switch(forced) if forced is not None else None
    privacy = take("IPV6_PRIVACY")
    facts["privacy"] = privacy
    facts["addr_gen"] = take("IPV6_ADDR_GEN_MODE")


def _routes(facts, take, label, files):
    facts["routes"] = []
    default = values.switch(take("DEFROUTE", "yes"))
    metric4, metric, metric6 = take("IPV4_ROUTE_METRIC"), take("METRIC"), take("IPV6_ROUTE_METRIC")
    metric4 = metric4 or metric
    gateway, gateway6 = take("GATEWAY"), take("IPV6_DEFAULTGW")
    # Beside a gateway it is meant for the gateway.
    facts["ipv4.metric"] = metric4 if facts["ipv4"] == "dhcp" and not gateway else None
    facts["metrics"] = {4: metric4, 6: metric6}
    facts["ipv6.metric"] = metric6 if not gateway6 else None
    facts["ipv4.use_gateway"] = default
    if gateway:
        via = values.address(gateway)
        facts["routes"].append(values.route("0.0.0.0/0", via=via, metric=metric4))
    if gateway6:
        address = values.address(gateway6.partition("%")[0])
        facts["routes"].append(values.route("::/0", via=address, metric=metric6))
    for name in ("route-", "route6-"):
        text = files.get(DIRECTORY + name + label, "")
        found = parse(text)
        if any(key.startswith("ADDRESS") for key in found):
            for key in sorted(found):
                if key.startswith("ADDRESS"):
                    number = key[len("ADDRESS") :]
                    to = "%s/%s" % (found[key], found.get("NETMASK" + number, "32"))
                    via = found.get("GATEWAY" + number)
                    via = values.address(via) if via else None
                    metric = found.get("METRIC" + number)
                    facts["routes"].append(values.route(values.network(to), via=via, metric=metric))
            continue
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                facts["routes"].append(_route(line.split(), name == "route6-"))
    facts["routes"] = sorted(set(facts["routes"]))


_TYPES = (
    "unicast", "local", "blackhole", "unreachable", "prohibit", "throw", "broadcast", "multicast", "anycast",
)  # fmt: skip


def _route(words, version6):
    rest = {}
    if words[0] in _TYPES:
        rest["type"] = words[0]
        words = words[1:]
    to, place = words[0], 1
    if to == "default":
        to = "::/0" if version6 else "0.0.0.0/0"
    while place < len(words):
        if words[place] == "onlink":
            rest["onlink"] = True
            place += 1
            continue
        rest[words[place]] = words[place + 1]
        place += 2
    rest.pop("dev", None)
    if "via" in rest:
        rest["via"] = values.address(rest["via"])
    if rest.get("type") == "unicast":
        del rest["type"]
    return values.route(values.network(to), **rest)


def _rules(facts, found, label, files):
    facts["rules"] = []
    for key in sorted(found):
        if key.startswith("ROUTING_RULE"):
            facts["rules"].append(keyfile.rule(found.pop(key)))
    for name in ("rule-", "rule6-"):
        for line in files.get(DIRECTORY + name + label, "").splitlines():
            if line.strip() and not line.startswith("#"):
                facts["rules"].append(keyfile.rule(line))
    facts["rules"].sort()


def netmask(prefix):
    """An IPv4 prefix length as a mask."""
    return str(ipaddress.ip_network("0.0.0.0/%s" % prefix).netmask)
