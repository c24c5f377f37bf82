"""Each setting of the network's model, with values it may have; and whole networks made of them by chance.

The list is compared with the model itself (`names_in_model`), so that a new field cannot be forgotten: the
tests of completeness and of reading back take their settings from here.
"""

import copy

from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import (
    BOND,
    BRIDGE,
    CARDS,
    DUMMY,
    ETHERNET,
    INFINIBAND,
    LOOPBACK,
    MANUAL,
    OFF,
    VLAN,
    VRF,
    Device,
    Network,
)
from tsagent.netconfig.options import OFFLOADS, Options

# What a device is, not what is set on it: partly filled in by who reads and resolves.
IDENTITY = ("name", "kind", "path", "interface", "mac_shared", "gateways")
ADDRESSED = (ETHERNET, BOND, BRIDGE, VLAN, DUMMY, INFINIBAND)
KINDS = (ETHERNET, INFINIBAND, BOND, BRIDGE, VLAN, VRF, DUMMY)

# The driver's options that depend on no mode, and one of each mode's own. Source: the kernel's
# networking/bonding.
BOND_VALUES = {
    # Beside active-backup, which the bonds here have otherwise.
    "mode": (
        "802.3ad",
        "balance-rr",
        "balance-xor",
        "broadcast",
        "balance-tlb",
        "balance-alb",
    ),
    "miimon": ("100",),
    "updelay": ("200",),
    "downdelay": ("300",),
    "use_carrier": ("1",),
    "lacp_rate": ("fast",),
    "xmit_hash_policy": ("layer3+4",),
    "ad_select": ("bandwidth",),
    "ad_actor_sys_prio": ("65535",),
    "ad_actor_system": ("02:00:00:00:00:01",),
    "ad_user_port_key": ("2",),
    "min_links": ("2",),
    "fail_over_mac": ("active",),
    "arp_interval": ("250",),
    "arp_ip_target": ("192.0.2.1,192.0.2.2",),
    "arp_validate": ("all",),
    "arp_all_targets": ("all",),
    "primary": ("port0",),
    "primary_reselect": ("better",),
    "num_grat_arp": ("3",),
    "num_unsol_na": ("3",),
    "packets_per_slave": ("10",),
    "resend_igmp": ("4",),
    "all_slaves_active": ("1",),
    "lp_interval": ("5",),
    "tlb_dynamic_lb": ("0",),
}
# Which options go together with which mode, for whole networks.
BOND_OF_MODE = {
    "active-backup": ("primary", "primary_reselect", "fail_over_mac", "num_grat_arp", "resend_igmp"),
    "802.3ad": ("lacp_rate", "xmit_hash_policy", "ad_select", "min_links"),
    "balance-rr": ("packets_per_slave", "resend_igmp"),
    "balance-xor": ("xmit_hash_policy",),
    "broadcast": (),
    "balance-tlb": ("primary", "primary_reselect", "xmit_hash_policy", "lp_interval"),
    "balance-alb": ("primary", "primary_reselect", "lp_interval"),
}


class Setting:
    """A field of the model: its name, values that are not its default, kinds of devices it is for.

    `given` are settings it makes sense beside: they are there before it is set.
    """

    def __init__(self, name, values, kinds=ADDRESSED, given=None):
        self.name = name
        self.values = values
        self.kinds = kinds
        self.given = given or {}

    def set(self, device, value):
        """Put the value on a device."""
        value = copy.deepcopy(value)
        group, _, part = self.name.partition(".")
        if not part:
            setattr(device, group, value)
        elif group in ("addresses", "routes", "rules"):
            self._append(device, **{part: value})
        elif group == "bond":
            device.bond[part] = value
        else:
            setattr(getattr(device, group), part, value)

    def set_usual(self, device):
        """Put on a device what carries this setting, without it."""
        self._append(device)

    def _append(self, device, **rest):
        group, _, part = self.name.partition(".")
        if group == "addresses":
            device.addresses.append(address("198.51.100.%d/24" % (7 + len(device.addresses)), **rest))
        elif group == "routes":
            # A route that goes nowhere has no gateway.
            words = {"to": "203.0.113.0/24", "via": None if part == "kind" else "192.0.2.1"}
            device.routes.append(Route(**dict(words, **rest)))
        else:
            device.rules.append(Rule(**dict({"table": 7, "source": "192.0.2.0/24"}, **rest)))


def address(text, **rest):
    """An address with what belongs to it."""
    made = Address.parse(text)
    for key, value in rest.items():
        setattr(made, key, value)
    return made


def _dhcp(version):
    group, given = "dhcp%d_options." % version, {"dhcp%d" % version: True}
    rows = {
        "use_dns": (False,),
        "use_domains": ("yes", "no", "route"),
        "use_hostname": (False,),
        "use_mtu": (False,),
        "use_ntp": (False,),
        "use_routes": (False,),
        "send_hostname": (False,),
        "hostname": ("node7",),
        "route_metric": (700,),
        # A DHCPv6 client has no other.
        "identifier": ("mac", "duid") if version == 4 else ("mac",),
    }
    return [Setting(group + key, rows[key], given=given) for key in sorted(rows)]


_STATIC6 = {"addresses": [address("2001:db8::5/64")]}
_RA = {"accept_ra": True}

SETTINGS = [
    Setting("mac", ("52:54:00:12:34:56",), (ETHERNET, INFINIBAND)),
    Setting("match_name", ("ens*",), (ETHERNET,)),
    Setting("match_drivers", (["virtio_net"], ["virtio_net", "ena"]), (ETHERNET,)),
    Setting("set_mac", ("02:00:00:00:00:09",)),
    Setting("set_name", ("lan0",), (ETHERNET,), {"mac": "52:54:00:12:34:56"}),
    Setting("dhcp4", (True,)),
    Setting("dhcp6", (True,)),
    Setting("dhcp6_stateless", (True,), given=_RA),
    Setting("accept_ra", (True, False)),
    Setting("ra_options.use_dns", (False,), given=_RA),
    Setting("ra_options.use_domains", ("yes", "no", "route"), given=_RA),
    Setting("ra_options.table", (77,), given=_RA),
    Setting("ipv6_autoconf", (False,), given={"dhcp6": True}),
    Setting("ipv6_privacy", (True, False), given=_RA),
    Setting("ipv6_generation", ("stable-privacy",), given=_RA),
    Setting("ipv6_token", ("::7",), given=_RA),
    Setting("link_local", ([], [4], [4, 6])),
    Setting("addresses", ([address("192.0.2.5/24")], [address("2001:db8::5/64"), address("2001:db8::6/64")])),
    Setting("addresses.label", ("eth0:1",)),
    Setting("addresses.deprecated", (True,)),
    Setting("routes", ([Route("0.0.0.0/0", "192.0.2.1")], [Route("::/0", "2001:db8::1")])),
    Setting("routes.to", ("203.0.113.128/25",)),
    Setting("routes.via", ("192.0.2.9",)),
    Setting("routes.metric", (50,)),
    Setting("routes.table", (9,)),
    Setting("routes.on_link", (True,)),
    Setting("routes.kind", ("blackhole", "unreachable", "prohibit", "throw", "local", "multicast")),
    Setting("routes.scope", ("link", "host")),
    Setting("routes.source", ("192.0.2.5",)),
    Setting("routes.mtu", (1400,)),
    Setting("routes.congestion_window", (20,)),
    Setting("routes.receive_window", (30,)),
    Setting("routes.advertised_mss", (1360,)),
    Setting("rules", ([Rule(7, "192.0.2.0/24")], [Rule(8, "2001:db8::/64")])),
    Setting("rules.table", (12,)),
    Setting("rules.source", ("192.0.2.5/32",)),
    Setting("rules.to", ("203.0.113.0/24",)),
    Setting("rules.priority", (1200,)),
    Setting("rules.mark", (3,)),
    Setting("rules.tos", (16,)),
    Setting("nameservers", (["192.0.2.53", "192.0.2.54"], ["2001:db8::53"]), given=_STATIC6),
    Setting("search", (["example.com", "example.net"],)),
    Setting("mtu", (9000,), KINDS),
    Setting("mtu6", (1400,), given=_STATIC6),
    Setting("ethernet.wake_on_lan", (True,), CARDS),
    Setting("ethernet.offloads", [{name: False} for name in OFFLOADS], CARDS),
    Setting("ethernet.infiniband_mode", ("datagram", "connected"), (INFINIBAND,)),
    Setting("optional", (True,), given={"dhcp4": True}),
    Setting("activation", (MANUAL, OFF), KINDS),
    Setting("critical", (True,)),
    Setting("ignore_carrier", (True,)),
    Setting("bridge.stp", (True, False), (BRIDGE,)),
    Setting("bridge.priority", (4096,), (BRIDGE,)),
    Setting("bridge.age", (250,), (BRIDGE,)),
    Setting("bridge.forward_delay", (4,), (BRIDGE,)),
    Setting("bridge.hello_time", (3,), (BRIDGE,)),
    Setting("bridge.max_age", (19,), (BRIDGE,)),
    Setting("bridge.port_cost", ({"port0": 50},), (BRIDGE,)),
    Setting("bridge.port_priority", ({"port1": 14},), (BRIDGE,)),
    Setting("members", (["port1"],), (BOND, BRIDGE, VRF)),
    Setting("vlan", (42,), (VLAN,)),
    Setting("parent", ("port0",), (VLAN,)),
    Setting("vrf_table", (99,), (VRF,)),
]
SETTINGS += _dhcp(4) + _dhcp(6)
SETTINGS += [Setting("bond." + name, BOND_VALUES[name], (BOND,)) for name in sorted(BOND_VALUES)]
BY_NAME = {setting.name: setting for setting in SETTINGS}


# What a service does anyway, so that nothing has to be written: by who reads the files, (setting, value).
_DOMAINS = {(group + ".use_domains", "yes") for group in ("dhcp4_options", "dhcp6_options", "ra_options")}
ALREADY = {
    # It leaves connections as they are when it stops; it asks DHCPv6 for what the router's flags say.
    "networkmanager": _DOMAINS
    | {("critical", True), ("dhcp6_stateless", True), ("ethernet.infiniband_mode", "datagram")},
    # dhclient is known by the card's address; of a router the scripts take nothing but addresses and routes.
    "ifcfg": (_DOMAINS - {("ra_options.use_domains", "yes")})
    | {("dhcp4_options.identifier", "mac"), ("ra_options.use_dns", False), ("ra_options.use_domains", "no")},
    "plugin": _DOMAINS | {("critical", True), ("dhcp6_stateless", True)},
    "networkd": set(),
    # Its services do as the router says.
    "netplan": {("dhcp6_stateless", True)},
}


def already(renderer, name, value):
    """Whether a service does so anyway."""
    return any(
        name == known and type(value) is type(usual) and value == usual for known, usual in ALREADY[renderer]
    )


def names_in_model():
    """The name of each field of the model."""
    names = set()
    device = Device("blank")
    for name, value in vars(device).items():
        if name in IDENTITY:
            continue
        if isinstance(value, Options):
            names.update("%s.%s" % (name, part) for part in vars(value))
        elif name == "bond":
            names.update("bond." + part for part in BOND_VALUES)
        else:
            names.add(name)
    for group, kind in (("routes", Route), ("rules", Rule), ("addresses", Address)):
        skipped = ("version",) if kind is not Address else ("version", "ip", "prefix")
        names.update("%s.%s" % (group, part) for part in kind.__slots__ if part not in skipped)
    return names


def base(kind, given=None):
    """(network, device) with one device of a kind, the ports or parent it needs, and settings."""
    network = Network("a test")
    name = {BOND: "bond0", BRIDGE: "br0", VLAN: "vlan7", VRF: "vrf0", DUMMY: "dummy0", INFINIBAND: "ib0"}
    device = Device(name.get(kind, "eth0"), kind)
    device.path = "/device"
    if kind in (BOND, BRIDGE, VRF, VLAN):
        for port in ("port0", "port1"):
            other = Device(port)
            other.path = "/" + port
            network.devices.append(other)
    if kind in (BOND, BRIDGE, VRF):
        device.members = ["port0", "port1"]
    if kind == VLAN:
        device.vlan, device.parent = 7, "port1"
    if kind == VRF:
        device.vrf_table = 77
    if kind == BOND:
        device.bond = {"mode": "active-backup"}
    if kind not in (VRF, LOOPBACK):
        device.addresses = [address("192.0.2.4/24")]
    for key, value in (given or {}).items():
        if key == "addresses":
            device.addresses.extend(copy.deepcopy(value))
        else:
            setattr(device, key, copy.deepcopy(value))
    network.devices.append(device)
    return network, device


def by_chance(rng, wanted=lambda setting, kind: True):
    """A list of (kind, [(setting, value)]): devices and what is set on them, of what is `wanted`."""
    every = [ETHERNET, ETHERNET, ETHERNET, BOND, BRIDGE, VLAN, VRF, DUMMY, INFINIBAND]
    chosen = []
    for kind in rng.sample([kind for kind in every if wanted(None, kind)], 3):
        usable = [item for item in SETTINGS if kind in item.kinds and _fits(item) and wanted(item, kind)]
        picked = rng.sample(usable, min(len(usable), rng.randrange(1, 9)))
        chosen.append((kind, [(setting.name, rng.choice(setting.values)) for setting in picked]))
    return chosen


def _fits(setting):
    # Names of ports and parents are given by the network around; a bond's options go with its mode.
    return setting.name not in ("members", "parent", "vlan", "vrf_table", "match_name")


def made_of(chosen):
    """A network of such devices, each with ports or a parent of its own."""
    network = Network("a test")
    for number, (kind, rows) in enumerate(chosen):
        given = {}
        for name, _ in rows:
            given.update(BY_NAME[name].given)
        part, device = base(kind, given)
        names = {}
        for item in part.devices:
            old = item.name
            item.name = names[old] = "%s%d" % (
                old.rstrip("0123456789") if item is device else old + "x",
                number + 10,
            )
            item.path = "/" + item.name
        device.members = [names[member] for member in device.members]
        device.parent = names.get(device.parent)
        mode = next((value for name, value in rows if name == "bond.mode"), None)
        for name, value in rows:
            if name.startswith("bond.") and mode and name[5:] not in ("mode", "miimon") + BOND_OF_MODE[mode]:
                continue
            BY_NAME[name].set(device, value)
        _in_one(device, rows)
        if device.set_name:
            device.set_name = "lan%d" % number
        if device.mac:
            device.mac = device.mac[:-2] + "%02x" % number
        if "primary" in device.bond:
            device.bond["primary"] = names[device.bond["primary"]]
        for table in (device.bridge.port_cost, device.bridge.port_priority):
            for port in list(table):
                table[names[port]] = table.pop(port)
        network.devices += part.devices
    return network


def _in_one(device, rows):
    """One more route and rule with all that was chosen for several; of IPv6 where the number is odd."""
    for group, kind, places in (("routes", Route, device.routes), ("rules", Rule, device.rules)):
        words = {name.partition(".")[2]: value for name, value in rows if name.startswith(group + ".")}
        if len(words) < 2:
            continue
        version6 = len(words) % 2 == 1
        if group == "rules":
            words.setdefault("source", "2001:db8:7::/64" if version6 else "192.0.2.128/25")
            words.setdefault("table", 13)
            if version6:
                words.update(source="2001:db8:7::/64", to="2001:db8:9::/64")
        else:
            words["to"] = "2001:db8:9::/48" if version6 else "203.0.113.64/26"
            words["via"] = None if "kind" in words else "2001:db8::1" if version6 else "192.0.2.1"
            if words["via"] is None:
                words.pop("on_link", None)  # it is said of a gateway
            if version6:
                words.pop("scope", None)  # the kernel has none there
                words.update({"source": "2001:db8::5"} if "source" in words else {})
        places.append(kind(**words))


def smaller(chosen, fails):
    """The least part of a list of devices that still fails: one device or one setting less at a time."""
    while True:
        for some in _less(chosen):
            if fails(some):
                chosen = some
                break
        else:
            return chosen


def _less(chosen):
    for place in range(len(chosen)):
        if len(chosen) > 1:
            yield chosen[:place] + chosen[place + 1 :]
        kind, rows = chosen[place]
        for row in range(len(rows)):
            yield chosen[:place] + [(kind, rows[:row] + rows[row + 1 :])] + chosen[place + 1 :]


def shown(chosen):
    """A list of devices as one line of text."""
    return "; ".join(
        "%s with %s" % (kind, ", ".join("%s=%s" % (name, _text(value)) for name, value in rows) or "nothing")
        for kind, rows in chosen
    )


def _text(value):
    if isinstance(value, list):
        return "[%s]" % ", ".join(_text(item) for item in value)
    return getattr(value, "to", None) or getattr(value, "source", None) or str(value)
