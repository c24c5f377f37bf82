"""Keyfiles as NetworkManager's own parser reads them, and what is left out because it would not.

The parser ignores what it does not know, and refuses a whole profile for one value that does not fit: so each
row that is written must be there in what it writes back.
"""

import ipaddress
import os
import subprocess

import pytest

from tsagent import netconfig
from tsagent.netconfig import renderers
from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import (
    BOND,
    BRIDGE,
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

MAC = "52:54:00:aa:00:01"
GUID = "a0:00:02:20:fe:80:00:00:00:00:00:00:ec:0d:9a:03:00:15:e2:c1"
CONF = "30-tsagent.conf"
MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")


def device(name, kind=ETHERNET, **values):
    made = Device(name, kind)
    made.interface = name
    for key, value in values.items():
        target = made
        while "__" in key:
            group, _, key = key.partition("__")
            target = getattr(target, group)
        assert hasattr(target, key), key
        setattr(target, key, value)
    return made


def addresses(*texts):
    return [Address.parse(text) for text in texts]


def render(*devices, **values):
    """({name: text} of the files, problems)."""
    network = Network()
    network.devices = list(devices)
    for key, value in values.items():
        setattr(network, key, value)
    files = renderers.render(network, "networkmanager", renderers.Options())
    names = {}
    for item in files:
        name = os.path.basename(item.path)
        if not name.endswith(".link"):
            assert item.mode == (0o600 if name.endswith(".nmconnection") else 0o644)
            names[name.replace("tsagent-", "").replace(".nmconnection", "")] = item.content
    return names, [problem.message for problem in network.problems]


def rows(text):
    """{section: {key: value}} of a keyfile."""
    found = {}
    for row in text.splitlines():
        if row.startswith("["):
            section = found.setdefault(row[1:-1], {})
        elif "=" in row and not row.startswith("#"):
            key, _, value = row.partition("=")
            assert key not in section, row
            section[key] = value
    return found


def parsed(text):
    """What NetworkManager's parser makes of a profile: it must take it, and without a word."""
    done = subprocess.run(
        ["nmcli", "--offline", "connection", "modify", "connection.auth-retries", "3"],
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == b"", (text, done.stderr)
    return rows(done.stdout.decode())


# Rows that it does not write back since they are its own defaults.
DEFAULTS = {("ipv4", "may-fail", "true"), ("ipv6", "may-fail", "true"), ("bridge", "stp", "true")}


def taken(text):
    """Assert that each row of a profile is there in what the parser writes back."""
    back = parsed(text)
    for section, values in rows(text).items():
        for key, value in values.items():
            if (section, key, value) in DEFAULTS:
                continue
            found = back.get(section, {}).get(key)
            if key.startswith("route") and key.endswith("_options"):
                value, found = set(value.split(",")), set((found or "").split(","))
            elif key.startswith("route"):
                # Its writer has the metric without the gateway that there is none of.
                value = value.replace(",0.0.0.0", ",").replace(",::", ",").rstrip(",")
                found = (found or "").replace(",0.0.0.0", ",").replace(",::,", ",,").rstrip(",")
            elif key.startswith("routing-rule"):
                value, found = words(value), words(found or "")
            elif key == "token":
                value, found = ipaddress.ip_address(value), ipaddress.ip_address(found)
            elif key in ("fail_over_mac", "mode", "mac-address") and found:
                value, found = value.lower(), found.lower()
            assert found == value, (section, key, value, found)
    return back


def words(rule):
    """The pairs of a rule; a number is a number, however it is written."""
    parts = rule.replace("/32", "").replace("/128", "").split()
    numbers = ("priority", "table", "fwmark", "tos")
    return {
        (name, int(value, 0) if name in numbers else value) for name, value in zip(parts[::2], parts[1::2])
    }


ROUTES = [
    Route("0.0.0.0/0", "10.0.0.1", metric=50),
    Route("0.0.0.0/0", "10.0.0.1", table=101, on_link=True),
    Route("172.16.0.0/12", "10.0.0.9", mtu=1400, source="10.0.0.2", congestion_window=10, receive_window=20),
    Route("10.20.0.0/16", scope="link", metric=7),
    Route("10.21.0.0/16", kind="blackhole"),
    Route("10.22.0.0/16", kind="unreachable", table=5),
    Route("10.23.0.0/16", kind="local", scope="host"),
    Route("10.24.0.0/16", "10.0.0.9", advertised_mss=1300),
    Route("fd01::/32", "fd00::1", metric=9),
    Route("::/0", "fd00::1", on_link=True, table=101),
]
RULES = [
    Rule(101, "10.0.0.2/32", priority=9),
    Rule(102, "0.0.0.0/0", "10.9.0.0/16", mark=0x10, tos=8),
    Rule(103, "fd00::2/128"),
]
PROFILES = {
    "static": [
        device(
            "eth0",
            addresses=addresses("10.0.0.2/24", "10.0.0.3/16", "fd00::2/64", "fd00::3/64"),
            routes=ROUTES,
            rules=RULES,
            nameservers=["1.1.1.1", "fd00::53"],
            search=["a.example", "~b.example", "."],
            mtu=9000,
            mtu6=1400,
            set_mac="02:00:00:00:00:01",
            ipv6_privacy=True,
            ipv6_generation="stable-privacy",
            link_local=[4, 6],
        )
    ],
    "dynamic": [
        device(
            "eth0",
            dhcp4=True,
            dhcp6=True,
            ipv6_token="::1:2",
            ipv6_privacy=False,
            dhcp4_options__use_routes=False,
            dhcp4_options__use_dns=False,
            dhcp4_options__route_metric=300,
            dhcp4_options__send_hostname=False,
            dhcp4_options__identifier="mac",
            dhcp4_options__use_hostname=False,
            dhcp6_options__hostname="a.example",
            dhcp6_options__identifier="mac",
            ra_options__table=7,
            ethernet__wake_on_lan=True,
            ethernet__offloads={"rx": False, "tx": True, "tso": False, "gso": True, "gro": True, "lro": False,
                                "tx-tcp6-segmentation": False},
        )
    ],
    "duid": [device("eth0", dhcp4=True, dhcp4_options__identifier="duid", dhcp4_options__hostname="h")],
    "dhcp6-alone": [device("eth0", dhcp6=True, accept_ra=False)],
    "no-advertisements": [device("eth0", dhcp4=True, accept_ra=False)],
    "link-local": [device("eth0", link_local=[4, 6])],
    "nothing": [device("eth0")],
    "pattern": [device("any", interface=None, match_name="en*", match_drivers=["virtio_net"], dhcp4=True)],
    "found": [device("any", interface=None, mac=MAC, match_drivers=["virtio*"], activation=MANUAL)],
    "infiniband": [device("ib0", INFINIBAND, mac=GUID, mtu=2044, addresses=addresses("10.0.0.2/24"))],
    "connected": [device("ib0", INFINIBAND, ethernet__infiniband_mode="connected", mtu=65520, dhcp4=True)],
    "dummy": [device("dm0", DUMMY, addresses=addresses("10.0.0.2/32"), set_mac="02:00:00:00:00:01")],
    "loopback": [device("lo", LOOPBACK, addresses=addresses("10.0.0.2/32"), mtu=65000)],
    "vrf": [
        device("vrf0", VRF, vrf_table=1000, members=["eth0"]),
        device("eth0", addresses=addresses("10.0.0.2/24")),
    ],
    "bridge": [
        device("eth0", mac=MAC),
        device("eth1", interface=None, mac="52:54:00:aa:00:02"),
        device(
            "br0",
            BRIDGE,
            members=["eth0", "eth1"],
            set_mac="02:00:00:00:00:02",
            dhcp4=True,
            bridge__stp=True,
            bridge__priority=22,
            bridge__age=250,
            bridge__forward_delay=4,
            bridge__hello_time=1,
            bridge__max_age=10,
            bridge__port_cost={"eth0": 50},
            bridge__port_priority={"eth0": 28},
        ),
    ],
    "vlan-on-bond": [
        device("eth0", mac=MAC, mtu=9000),
        device("bond0", BOND, members=["eth0"], bond={"mode": "802.3ad"}, set_mac=MAC, mtu=9000),
        device("bond0.7", VLAN, vlan=7, parent="bond0", mtu=1500, addresses=addresses("10.13.0.5/24")),
        device("v8", VLAN, vlan=8, parent="elsewhere", dhcp4=True),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_row_is_taken(name):
    files, problems = render(*PROFILES[name])
    assert problems == []
    assert len([file for file in files if file != CONF]) == len(PROFILES[name])
    for file, text in files.items():
        if file != CONF:
            taken(text)


BOND_OPTIONS = {
    "miimon": "100", "updelay": "200", "downdelay": "200", "use_carrier": "1", "min_links": "1",
    "xmit_hash_policy": "layer3+4", "ad_select": "bandwidth", "all_slaves_active": "1", "resend_igmp": "2",
    "fail_over_mac": "active", "primary_reselect": "better", "num_grat_arp": "3", "lp_interval": "2",
    "arp_all_targets": "all", "peer_notif_delay": "200",
}  # fmt: skip
ONLY = {
    "primary": ("active-backup", "balance-tlb", "balance-alb"),
    "lacp_rate": ("802.3ad",),
    "ad_actor_sys_prio": ("802.3ad",),
    "ad_actor_system": ("802.3ad",),
    "ad_user_port_key": ("802.3ad",),
    "packets_per_slave": ("balance-rr",),
    "tlb_dynamic_lb": ("balance-tlb", "balance-alb"),
}
SPECIAL = {
    "primary": "lan", "lacp_rate": "fast", "ad_actor_sys_prio": "5", "ad_actor_system": "02:00:00:00:00:09",
    "ad_user_port_key": "7", "packets_per_slave": "2", "tlb_dynamic_lb": "0",
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_bonds_of_every_mode(mode):
    """Each option is written for the modes that the parser takes it with, and named for the others."""
    bond = dict(BOND_OPTIONS, mode=mode, **SPECIAL)
    # The member's name in the configuration is not the kernel's.
    files, problems = render(
        device("lan", interface="eth0", mac=MAC), device("bond0", BOND, members=["lan"], bond=bond)
    )
    assert problems == [
        "bond0: NetworkManager cannot express the bond option %s (not with mode %s); it has no effect"
        % (name, mode)
        for name in sorted(ONLY)
        if mode not in ONLY[name]
    ]
    found = rows(files["bond0"])["bond"]
    wanted = dict(bond, primary="eth0")
    assert found == {name: wanted[name] for name in wanted if mode in ONLY.get(name, MODES)}
    taken(files["bond0"])
    member = rows(files["eth0"])["connection"]
    assert (member["master"], member["slave-type"]) == (rows(files["bond0"])["connection"]["uuid"], "bond")


@pytest.mark.parametrize("mode", MODES)
def test_bonds_that_are_watched_by_arp(mode):
    bond = {"mode": mode, "arp_interval": "100", "arp_ip_target": "10.0.0.1,10.0.0.2", "arp_validate": "none"}
    files, problems = render(device("bond0", BOND, bond=bond))
    fits = mode in ("balance-rr", "active-backup", "balance-xor", "broadcast")
    assert rows(files["bond0"])["bond"] == (bond if fits else {"mode": mode})
    assert len(problems) == (0 if fits else 3)
    taken(files["bond0"])


@pytest.mark.parametrize(
    "options, left_out",
    [
        ({"miimon": "0", "updelay": "100", "downdelay": "0"}, ["updelay"]),
        ({"arp_interval": "100"}, ["arp_interval"]),
        ({"arp_ip_target": "10.0.0.1"}, ["arp_ip_target"]),
        ({"arp_interval": "9", "arp_ip_target": "1.1.1.1", "miimon": "9"}, ["arp_interval", "arp_ip_target"]),
        ({"arp_interval": "9", "arp_ip_target": "fd00::1"}, ["arp_interval", "arp_ip_target"]),
        ({"peer_notif_delay": "150"}, ["peer_notif_delay"]),
        ({"num_grat_arp": "2", "num_unsol_na": "3"}, ["num_unsol_na"]),
        ({"num_grat_arp": "300", "resend_igmp": "x"}, ["num_grat_arp", "resend_igmp"]),
        ({"fail_over_mac": "02:00:00:00:00:09", "lp_interval": "0"}, ["fail_over_mac", "lp_interval"]),
        ({"ad_actor_system": "nonsense", "no_such": "1"}, ["ad_actor_system", "no_such"]),
        ({"miimon": "\u0663", "updelay": ""}, ["miimon", "updelay"]),
        ({"xmit_hash_policy": "5", "ad_select": "3"}, ["ad_select"]),
    ],
)  # fmt: skip
def test_bond_options_that_the_parser_would_refuse(options, left_out):
    mode = "802.3ad" if "ad_actor_system" in options else "active-backup"
    files, problems = render(device("bond0", BOND, bond=dict(options, mode=mode)))
    assert sorted(text.split("bond option ")[1].split(" ")[0] for text in problems) == left_out
    assert set(rows(files["bond0"])["bond"]) == {"mode"} | (set(options) - set(left_out))
    taken(files["bond0"])


def test_bridge_times_without_the_spanning_tree():
    options = {"bridge__stp": False, "bridge__forward_delay": 0, "bridge__max_age": 0}
    files, problems = render(device("br0", BRIDGE, **options))
    assert (rows(files["br0"])["bridge"], problems) == (
        {"stp": "false", "forward-delay": "0", "max-age": "0"},
        [],
    )
    taken(files["br0"])
    files, problems = render(device("br0", BRIDGE, bridge__stp=True, bridge__forward_delay=1))
    assert problems == ["br0: NetworkManager cannot express forward-delay outside 2 to 30; it has no effect"]
    taken(files["br0"])


def test_ports_have_no_addresses():
    files, problems = render(
        device("eth0", dhcp4=True, nameservers=["1.1.1.1"]),
        device("br0", BRIDGE, members=["eth0"], dhcp4=True),
    )
    assert problems == [
        "eth0: NetworkManager cannot express DHCP and name servers on a port of br0; it has no effect"
    ]
    assert set(rows(files["eth0"])) == {"connection"}
    back = taken(files["eth0"])
    assert "ipv4" not in back and "ipv6" not in back


def test_addresses_of_a_port_are_written_down_and_not_taken():
    files, problems = render(
        device("eth0", addresses=addresses("10.0.0.2/24", "fd00::2/64")),
        device("br0", BRIDGE, members=["eth0"], dhcp4=True),
    )
    assert len(problems) == 1 and "addresses on a port of br0" in problems[0]
    found = rows(files["eth0"])
    assert (found["ipv4"]["address1"], found["ipv6"]["address1"]) == ("10.0.0.2/24", "fd00::2/64")
    # The daemon's own parser takes the profile, and no address with it.
    back = parsed(files["eth0"])
    assert back["connection"]["slave-type"] == "bridge" and "ipv4" not in back and "ipv6" not in back


def test_a_port_of_a_vrf_keeps_its_addresses():
    files, _ = render(*PROFILES["vrf"])
    assert rows(files["eth0"])["connection"]["slave-type"] == "vrf"
    assert taken(files["eth0"])["ipv4"]["address1"] == "10.0.0.2/24"


@pytest.mark.parametrize(
    "values, wanted",
    [
        ({"dhcp4": True}, ("auto", "false", None, None)),
        ({"dhcp4": True, "optional": True}, ("auto", "true", None, None)),
        ({"dhcp6": True}, ("disabled", None, "auto", "false")),
        ({"accept_ra": True}, ("disabled", None, "auto", "false")),
        ({"dhcp4": True, "dhcp6": True}, ("auto", "true", "auto", "true")),
        ({"dhcp4": True, "accept_ra": True}, ("auto", "true", "auto", "true")),
        ({"dhcp4": True, "accept_ra": False}, ("auto", "false", "link-local", None)),
        ({"dhcp6": True, "accept_ra": False}, ("disabled", None, "dhcp", "false")),
        ({"addresses": ["10.0.0.2/24"]}, ("manual", "false", None, None)),
        ({"addresses": ["fd00::2/64"]}, ("disabled", None, "manual", "false")),
        ({"addresses": ["10.0.0.2/24", "fd00::2/64"]}, ("manual", "false", "manual", "false")),
        ({"addresses": ["10.0.0.2/24"], "accept_ra": True}, ("manual", "false", "auto", "true")),
        ({"addresses": ["10.0.0.2/24"], "link_local": []}, ("manual", "false", "disabled", None)),
        ({"addresses": ["10.0.0.2/24"], "ipv6_privacy": True}, ("manual", "false", "auto", None)),
        ({}, ("disabled", None, "disabled", None)),
        ({"link_local": [6]}, ("disabled", None, "link-local", None)),
        ({"link_local": [4]}, ("link-local", None, "disabled", None)),
    ],
)
def test_methods_and_what_counts_as_connected(values, wanted):
    values = dict(values, addresses=addresses(*values.get("addresses", ())))
    files, problems = render(device("eth0", **values))
    found = rows(files["eth0"])
    sections = found.get("ipv4", {}), found.get("ipv6", {})
    assert tuple(section.get(key) for section in sections for key in ("method", "may-fail")) == wanted
    assert problems == []
    # A section that is not there is the automatic method: addresses are then made as everywhere else.
    assert ("ipv6.addr-gen-mode" in files.get(CONF, "")) == ("ipv6" not in found)
    back = taken(files["eth0"])
    assert back["ipv6"]["method"] == (wanted[2] or "auto")


def test_ipv4_is_waited_for_beside_ipv6():
    both = device("eth0", dhcp4=True, accept_ra=True)
    files, _ = render(both, device("eth1", dhcp4=True), device("eth2", dhcp6=True))
    waits = {"match-device": "interface-name:=eth0", "ipv4.required-timeout": "20000"}
    assert rows(files[CONF])["connection-30-tsagent-eth0"] == waits
    assert files[CONF].count("required-timeout") == 1
    both.optional = True
    files, _ = render(both)
    assert CONF not in files
    by_driver = device("net", dhcp4=True, dhcp6=True, match_drivers=["virtio_net", "ena"])
    by_driver.interface = None
    files, _ = render(by_driver)
    assert rows(files[CONF])["connection-30-tsagent-net"]["match-device"] == "driver:virtio_net,driver:ena"


@pytest.mark.parametrize(
    "values, name, match",
    [
        ({}, "eth0", {}),
        ({"mac": MAC}, None, {}),
        ({"mac": MAC, "mac_shared": True}, "eth0", {}),
        ({"mac": MAC, "mac_shared": True, "set_name": "lan0"}, None, {}),
        ({"mac": MAC, "set_name": "lan0"}, None, {}),
        ({"set_name": "lan0"}, None, {"interface-name": "eth0;lan0;"}),
        ({"match_name": "en*", "set_name": "lan0"}, None, {"interface-name": "en*;lan0;"}),
        ({"match_name": "en*"}, None, {"interface-name": "en*;"}),
        ({"match_drivers": ["virtio_net", "e1000"]}, None, {"driver": "virtio_net;e1000;"}),
        ({"match_name": "!a;b\\c"}, None, {"interface-name": "\\\\!a\\;b\\\\c;"}),
    ],
)
def test_how_a_card_is_found(values, name, match):
    files, _ = render(device("eth0", dhcp4=True, **values))
    (text,) = [text for file, text in files.items() if file != CONF]
    found = rows(text)
    assert found["connection"].get("interface-name") == name
    assert found.get("match", {}) == match
    # A pattern means every card that it fits.
    several = (values.get("match_name") or values.get("match_drivers")) and "mac" not in values
    assert found["connection"].get("multi-connect") == ("3" if several else None)
    taken(text)


def test_a_card_whose_address_another_has_is_found_by_its_name_as_well():
    card = device("any", interface=None, mac=MAC, dhcp4=True)
    network = Network()
    network.devices = [card]
    nic = {"mac": MAC, "permanent_mac": MAC, "kind": "physical"}
    function = dict(nic, name="enP1", ifindex=2, master="eth0", driver="mlx5_core")
    netconfig.resolve(network, [function, dict(nic, name="eth0", ifindex=3, driver="hv_netvsc")])
    files, _ = render(card)
    assert rows(files["eth0"])["connection"]["interface-name"] == "eth0"
    assert rows(files["eth0"])["ethernet"]["mac-address"] == MAC.upper()


def test_activation():
    files, problems = render(device("eth0", dhcp4=True, activation=MANUAL), device("eth1", activation=OFF))
    assert [rows(files[name])["connection"]["autoconnect"] for name in ("eth0", "eth1")] == ["false", "false"]
    assert problems == ["eth1: NetworkManager cannot express that the device is kept down; it has no effect"]


def test_names_are_the_devices_own_or_the_networks():
    own = device("eth0", addresses=addresses("10.0.0.2/24", "fd00::2/64"), nameservers=["1.1.1.1"])
    other = device("eth1", dhcp4=True)
    files, problems = render(own, other, nameservers=["2.2.2.2", "fd00::53"], search=["a.example"])
    first, second = rows(files["eth0"]), rows(files["eth1"])
    assert (first["ipv4"]["dns"], first["ipv4"]["dns-search"]) == ("1.1.1.1;", "a.example;")
    assert ("dns" not in first["ipv6"], first["ipv6"]["dns-search"]) == (True, "a.example;")
    assert second["ipv4"]["dns"] == "2.2.2.2;"
    assert problems == []
    _, problems = render(own, nameservers=["2.2.2.2"])
    assert problems == ["the name servers of the whole network are not used: every device has its own"]


def test_a_default_route_of_dhcp_is_not_wanted():
    card = device(
        "eth0", dhcp4=True, dhcp4_options__use_routes=False, routes=[Route("0.0.0.0/0", "10.0.0.1")]
    )
    files, _ = render(card)
    found = rows(files["eth0"])["ipv4"]
    assert (found["ignore-auto-routes"], found["route1"]) == ("true", "0.0.0.0/0,10.0.0.1")
    assert "never-default" not in found and "gateway" not in found
    card.routes = [Route("0.0.0.0/0", "10.0.0.1", table=7)]
    files, _ = render(card)
    assert rows(files["eth0"])["ipv4"]["never-default"] == "true"
    gateway = Route("0.0.0.0/0", "10.0.0.1")
    card = device("eth0", addresses=addresses("10.0.0.2/32"), routes=[gateway])
    files, _ = render(card)
    assert rows(files["eth0"])["ipv4"]["route1"] == "0.0.0.0/0,10.0.0.1"
    card.gateways = ["10.0.0.1"]
    files, _ = render(card)
    found = rows(files["eth0"])["ipv4"]
    assert found["gateway"] == "10.0.0.1" and "route1" not in found


def test_what_it_cannot_express_is_named():
    card = device(
        "eth0",
        dhcp4=True,
        dhcp6=True,
        accept_ra=True,
        ipv6_autoconf=False,
        dhcp4_options__use_domains="route",
        dhcp4_options__use_mtu=False,
        dhcp4_options__use_ntp=False,
        dhcp6_options__use_dns=True,
        ra_options__use_dns=False,
        link_local=[4],
        ipv6_token="::1",
        ipv6_generation="stable-privacy",
        routes=[
            Route("10.0.0.0/8", "10.0.0.1", kind="multicast"),
            Route("fd01::/32", "fd00::1", scope="link"),
        ],
    )
    card.path = "/ethernets/eth0"
    card.addresses = [Address("10.0.0.2", 24, 4, "eth0:1", True)]
    network = Network()
    network.devices = [
        card,
        device("eth1", dhcp4=True, nameservers=["fd00::53"], routes=[Route("fd01::/32", "fd00::1")]),
    ]
    network.devices.append(device("ib0", INFINIBAND, set_mac="02:00:00:00:00:01", ethernet__wake_on_lan=True))
    renderers.render(network, "networkmanager", renderers.Options())
    beginning, end = "eth0: NetworkManager cannot express ", "; it has no effect"
    named = [item for item in network.problems if item.path == "/ethernets/eth0"]
    assert {item.severity for item in named} == {"warning"}
    assert all(item.message.startswith(beginning) and item.message.endswith(end) for item in named)
    assert [item.message[len(beginning) : -len(end)] for item in named] == [
        "the label of the address 10.0.0.2/24",
        "that the address 10.0.0.2/24 is deprecated",
        "use-domains: route",
        "that the MTU of a DHCP lease is not taken",
        "that the time servers of a DHCP lease are not taken",
        "routes of the type multicast",
        "a token beside addr-gen-mode=stable-privacy",
        "IPv6 addresses from DHCPv6 alone (those of a router's prefixes are taken, too)",
        "IPv6 without link-local addresses",
        "name servers from one of router and DHCPv6 alone",
        "the scope of an IPv6 route",
    ]
    assert [item.message.split(" cannot")[0] for item in network.problems if not item.path] == [
        "eth1: NetworkManager", "ib0: NetworkManager", "ib0: NetworkManager",
    ]  # fmt: skip


def test_the_daemons_own_configuration():
    files, _ = render(
        device("eth0", mac=MAC, dhcp4=True, ignore_carrier=True),
        device("any", interface=None, match_name="en*", ignore_carrier=True, accept_ra=True),
        device("br0", BRIDGE, ignore_carrier=False),
    )
    assert rows(files[CONF]) == {
        "connection-30-tsagent": {"ipv6.addr-gen-mode": "0"},
        "device-30-tsagent-eth0": {"match-device": "mac:" + MAC.upper(), "ignore-carrier": "yes"},
        "device-30-tsagent-any": {"match-device": "interface-name:en*", "ignore-carrier": "yes"},
        "device-30-tsagent-br0": {"match-device": "interface-name:=br0", "ignore-carrier": "no"},
    }


def test_the_loopback_interface_needs_no_profile_of_its_own():
    files, problems = render(device("lo", LOOPBACK, addresses=addresses("127.0.0.1/8", "::1/128")))
    assert (files, problems) == ({}, [])


def test_a_profile_is_the_same_at_each_run():
    assert render(*PROFILES["bridge"]) == render(*PROFILES["bridge"])
