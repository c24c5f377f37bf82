"""Version 1 into the model: what each word of it means, and what is said of what cannot be taken."""

import sys

import pytest

from tsagent import netconfig
from tsagent.netconfig import model

MAC = "52:54:00:12:34:56"


def read(*entries, **more):
    return netconfig.read("v1", dict(more, version=1, config=list(entries)))


def card(*subnets, **more):
    return dict({"type": "physical", "name": "eth0", "subnets": list(subnets)}, **more)


def told(network):
    return [(item.severity, item.path, item.message) for item in network.problems]


def only(network):
    """The one device of a network without problems, as data."""
    assert told(network) == []
    assert len(network.devices) == 1
    return network.devices[0].as_data()


@pytest.mark.parametrize(
    "subnet, wanted",
    [
        ({"type": "dhcp"}, {"dhcp4": True}),
        ({"type": "dhcp4"}, {"dhcp4": True}),
        ({"type": "dhcp", "metric": 70}, {"dhcp4": True, "dhcp4_options": {"route_metric": 70}}),
        ({"type": "dhcp6"}, {"dhcp6": True}),
        ({"type": "dhcp6", "metric": "9"}, {"dhcp6": True, "dhcp6_options": {"route_metric": 9}}),
        ({"type": "ipv6_dhcpv6-stateful"}, {"dhcp6": True, "ipv6_autoconf": False}),
        ({"type": "ipv6_dhcpv6-stateless"}, {"accept_ra": True, "dhcp6_stateless": True}),
        ({"type": "ipv6_slaac"}, {"accept_ra": True}),
        ({"type": "manual"}, {}),
        ({"type": "manual", "control": "manual"}, {"activation": "manual"}),
        ({"type": "dhcp", "control": "auto"}, {"dhcp4": True}),
        ({"type": "dhcp", "control": "hotplug"}, {"dhcp4": True}),
        ({"type": "dhcp", "mtu": 9000}, {"dhcp4": True, "mtu": 9000}),
        (
            {"type": "static6", "address": "fd00::2/64", "mtu": 1400},
            {"addresses": ["fd00::2/64"], "mtu6": 1400},
        ),
        ({"type": "static", "address": "10.0.0.2/24"}, {"addresses": ["10.0.0.2/24"]}),
        (
            {"type": "static", "address": "10.0.0.2", "netmask": "255.255.240.0"},
            {"addresses": ["10.0.0.2/20"]},
        ),
        ({"type": "static", "address": "10.0.0.2", "netmask": 20}, {"addresses": ["10.0.0.2/20"]}),
        ({"type": "static", "address": "10.0.0.2", "prefix": "20"}, {"addresses": ["10.0.0.2/20"]}),
        ({"type": "static", "ip_address": "10.0.0.2/255.255.0.0"}, {"addresses": ["10.0.0.2/16"]}),
        ({"type": "static6", "address": "fd00::2", "netmask": "ffff:ffff::"}, {"addresses": ["fd00::2/32"]}),
        ({"type": "static", "address": "fd00::2/64"}, {"addresses": ["fd00::2/64"]}),
        (
            {"type": "static", "address": "10.0.0.2/24", "broadcast": "10.0.0.255", "ipv4": True},
            {"addresses": ["10.0.0.2/24"]},
        ),
        (
            {"type": "static", "address": "10.0.0.2/24", "gateway": "10.0.0.1", "metric": 5},
            {"addresses": ["10.0.0.2/24"], "routes": [{"to": "0.0.0.0/0", "via": "10.0.0.1", "metric": 5}]},
        ),
        (
            {"type": "static6", "address": "fd00::2/64", "gateway": "fe80::1%eth0"},
            {"addresses": ["fd00::2/64"], "routes": [{"to": "::/0", "via": "fe80::1"}]},
        ),
        (
            {"type": "dhcp", "dns_nameservers": "1.1.1.1 FD00::53", "dns_search": ["a.example", "b.example"]},
            {"dhcp4": True, "nameservers": ["1.1.1.1", "fd00::53"], "search": ["a.example", "b.example"]},
        ),
    ],
)
def test_a_subnet(subnet, wanted):
    found = only(read(card(subnet)))
    del found["kind"], found["name"]
    for item in found.get("addresses", []) + found.get("routes", []):
        item.pop("kind", None)
    found = dict(
        found,
        **{key: ["%(ip)s/%(prefix)d" % item for item in found[key]] for key in ["addresses"] if key in found},
    )
    assert found == wanted


@pytest.mark.parametrize(
    "route, wanted",
    [
        ({"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.1"}, "10.9.0.0/16 10.0.0.1"),
        ({"destination": "10.9.0.0/16", "gateway": "10.0.0.1/24"}, "10.9.0.0/16 10.0.0.1"),
        ({"network": "10.9.1.1", "gateway": "10.0.0.1"}, "10.9.1.1/32 10.0.0.1"),
        ({"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}, "0.0.0.0/0 10.0.0.1"),
        ({"network": "0.0.0.0", "gateway": "10.0.0.1"}, "0.0.0.0/0 10.0.0.1"),
        ({"network": "::", "netmask": "::", "gateway": "fd00::1"}, "::/0 fd00::1"),
        ({"network": "fd01::", "prefix": 32, "gateway": "fd00::1"}, "fd01::/32 fd00::1"),
        ({"destination": "10.9.0.0/16"}, "10.9.0.0/16 None"),
    ],
)
def test_a_route(route, wanted):
    network = read(card({"type": "static", "address": "10.0.0.2/24", "routes": [route]}))
    assert told(network) == []
    assert ["%s %s" % (item.to, item.via) for item in network.devices[0].routes] == [wanted]


@pytest.mark.parametrize(
    "kinds, wanted",
    [
        (["ipv6_dhcpv6-stateful", "ipv6_slaac"], {"accept_ra": True, "dhcp6": True}),
        (["dhcp6", "ipv6_dhcpv6-stateful"], {"dhcp6": True}),
        (["ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful"], {"accept_ra": True, "dhcp6": True}),
        (["ipv6_slaac", "ipv6_dhcpv6-stateless"], {"accept_ra": True, "dhcp6_stateless": True}),
        (["dhcp", "ipv6_dhcpv6-stateful"], {"dhcp4": True, "dhcp6": True, "ipv6_autoconf": False}),
    ],
)
def test_several_ways_to_get_addresses_are_all_had(kinds, wanted):
    found = only(read(card(*({"type": kind} for kind in kinds))))
    assert found == dict(wanted, kind="ethernet", name="eth0")


def test_a_card_is_found_by_its_address_and_gets_its_name():
    network = read(
        card(mac_address=MAC.upper(), mtu="1400", wakeonlan=True, optional="yes", keep_configuration=True)
    )
    assert only(network) == {
        "critical": True,
        "ethernet": {"wake_on_lan": True},
        "kind": "ethernet",
        "mac": MAC,
        "mtu": 1400,
        "name": "eth0",
        "optional": True,
        "set_name": "eth0",
    }
    # YAML reads an address without letters and quotes as a number to the base of 60.
    assert (
        only(read(card(mac_address=((((52 * 60 + 54) * 60 + 0) * 60 + 12) * 60 + 34) * 60 + 56)))["mac"]
        == MAC
    )


def test_bond_bridge_and_vlan():
    network = read(
        {"type": "physical", "name": "eth0", "mac_address": MAC},
        {"type": "physical", "name": "eth1"},
        {
            "type": "bond",
            "name": "bond0",
            "mac_address": MAC,
            "bond_interfaces": ["eth0", "eth1"],
            "params": {
                "bond-mode": 1,
                "bond_miimon": "100",
                "bond-lacp-rate": 1,
                "fail_over_mac": "active",
                "bond-primary": "eth1",
                "bond-arp_ip_target": ["10.0.0.1", "10.0.0.2"],
                "bond-all_slaves_active": True,
                "bond-slaves": "none",
            },
        },
        {
            "type": "bridge",
            "name": "br0",
            "bridge_interfaces": "bond0",
            "params": {
                "bridge_stp": "off",
                "bridge_fd": 0,
                "bridge_hello": 2,
                "bridge_maxage": 12,
                "bridge_ageing": 250,
                "bridge_bridgeprio": 22,
                "bridge_pathcost": ["bond0 50"],
                "bridge_portprio": "bond0 28",
                "bridge_hw": "02:00:00:00:00:01",
                "bridge_maxwait": 0,
            },
            "subnets": [{"type": "dhcp"}],
        },
        {"type": "vlan", "name": "br0.7", "vlan_link": "br0", "vlan_id": "7", "mac_address": MAC},
        {"type": "infiniband", "name": "ib0", "mac_address": ":".join(["0a"] * 20)},
    )
    assert told(network) == []
    assert [device.as_data() for device in network.devices[2:]] == [
        {
            "bond": {
                "all_slaves_active": "1",
                "arp_ip_target": "10.0.0.1,10.0.0.2",
                "fail_over_mac": "active",
                "lacp_rate": "fast",
                "miimon": "100",
                "mode": "active-backup",
                "primary": "eth1",
            },
            "kind": "bond",
            "members": ["eth0", "eth1"],
            "name": "bond0",
            "set_mac": MAC,
        },
        {
            "bridge": {
                "age": 250,
                "forward_delay": 0,
                "hello_time": 2,
                "max_age": 12,
                "port_cost": {"bond0": 50},
                "port_priority": {"bond0": 28},
                "priority": 22,
                "stp": False,
            },
            "dhcp4": True,
            "kind": "bridge",
            "members": ["bond0"],
            "name": "br0",
            "set_mac": "02:00:00:00:00:01",
        },
        {"kind": "vlan", "name": "br0.7", "parent": "br0", "set_mac": MAC, "vlan": 7},
        {"kind": "infiniband", "mac": ":".join(["0a"] * 20), "name": "ib0", "set_name": "ib0"},
    ]


def test_name_servers_are_everybodys_or_one_devices():
    network = read(
        card(),
        {"type": "nameserver", "address": "1.1.1.1", "search": "a.example"},
        {"type": "nameserver", "address": ["8.8.8.8"], "search": ["b.example"], "interface": "eth0"},
    )
    assert told(network) == []
    assert (network.nameservers, network.search) == (["1.1.1.1"], ["a.example"])
    assert (network.devices[0].nameservers, network.devices[0].search) == (["8.8.8.8"], ["b.example"])


def test_the_loopback_is_left_alone_unless_it_carries_something():
    usual = {
        "type": "loopback",
        "name": "lo",
        "subnets": [{"type": "loopback", "dns_nameservers": ["1.1.1.1"]}],
    }
    network = read(usual, card())
    assert [device.name for device in network.devices] == ["eth0"]
    assert network.nameservers == ["1.1.1.1"]  # there they are everybody's
    network = read(
        {"type": "loopback", "name": "lo", "subnets": [{"type": "static", "address": "10.9.9.9/32"}]}
    )
    assert (only(network)["kind"], str(network.devices[0].addresses[0])) == (model.LOOPBACK, "10.9.9.9/32")


def test_a_route_of_its_own_finds_its_device():
    route = {"type": "route", "destination": "10.0.0.0/8", "gateway": "10.2.0.1", "metric": 3}
    second = card({"type": "static", "address": "10.2.0.2/24"}, name="eth1")
    network = read(card({"type": "dhcp"}), route, second)
    assert told(network) == []
    assert [str(item.via) for item in network.find("eth1").routes] == ["10.2.0.1"]
    kept_down = card({"type": "dhcp", "control": "manual"}, name="eth9")
    network = read(kept_down, card({"type": "dhcp"}), route)
    assert [item.to for item in network.find("eth0").routes] == ["10.0.0.0/8"]
    assert told(network)[0][:2] == ("warning", "/config/2")
    assert told(read(card(), route))[0][:2] == ("error", "/config/1")


def test_a_port_that_nobody_describes_is_the_card_of_its_name():
    network = read({"type": "bond", "name": "bond0", "bond_interfaces": ["eth5"], "params": {"mode": 4}})
    assert [(device.name, device.kind) for device in network.devices] == [
        ("bond0", "bond"),
        ("eth5", "ethernet"),
    ]
    assert told(network) == [
        (
            "warning",
            "/config/0/bond_interfaces/0",
            "eth5 is not described; it is taken as the card of this name",
        )
    ]


BOND = {"type": "bond", "name": "bond0", "bond_interfaces": ["eth0"]}


@pytest.mark.parametrize(
    "entries, severity, path, words",
    [
        ([{"name": "eth0"}], "error", "/config/0/type", "one of physical"),
        ([{"type": "physcal", "name": "eth0"}], "error", "/config/0/type", "did you mean physical"),
        ([{"type": "gre", "name": "gre0"}], "warning", "/config/0/type", "gre0 is left out"),
        ([card(name="x" * 16)], "error", "/config/0/name", "at most 15"),
        ([card(name="x" * 16, mac_address=MAC)], "error", "/config/0/name", "keeps its own"),
        ([card(name="..")], "error", "/config/0/name", "interface name"),
        ([card(), card()], "error", "/config/1", "described already"),
        ([card(mac_address="xx:xx:xx:xx:xx:00")], "error", "/config/0/mac_address", "hardware address"),
        ([card(mac_address="52:54:00:12:34:56:78")], "error", "/config/0/mac_address", "of 6 bytes"),
        ([card(mtu=1)], "error", "/config/0/mtu", "from 68"),
        ([card(**{"accept-ra": "perhaps"})], "error", "/config/0/accept-ra", "true or false"),
        ([card(ipv4_conf={"forwarding": 1})], "warning", "/config/0/ipv4_conf", "not supported"),
        ([card(subnet=[])], "warning", "/config/0/subnet", 'did you mean "subnets"'),
        ([card({"type": "dhcp5"})], "error", "/config/0/subnets/0/type", "did you mean dhcp"),
        ([card({})], "error", "/config/0/subnets/0/type", "should be one of"),
        ([card("dhcp")], "error", "/config/0/subnets/0", "a mapping"),
        ([card({"type": "static"})], "error", "/config/0/subnets/0/address", "needs an address"),
        (
            [card({"type": "static", "address": "10.0.0.2"})],
            "warning",
            "/config/0/subnets/0/address",
            "of /24",
        ),
        ([card({"type": "static", "address": ["x"]})], "error", "/config/0/subnets/0/address", "one value"),
        (
            [card({"type": "static", "address": "10.0.0.2/24", "netmask": "255.0.0.0"})],
            "warning",
            "/config/0/subnets/0/netmask",
            "no effect",
        ),
        (
            [card({"type": "static", "address": "10.0.0.2/24", "gateway": "fd00::1"})],
            "",
            "",
            "",
        ),
        (
            [card({"type": "static", "address": "10.0.0.2/24", "gateway": "nowhere"})],
            "error",
            "/config/0/subnets/0/gateway",
            "IP address",
        ),
        (
            [card({"type": "static", "address": "10.0.0.2/24", "broadcast": "10.0.0.127"})],
            "warning",
            "/config/0/subnets/0/broadcast",
            "not supported",
        ),
        (
            [card({"type": "dhcp", "pointopoint": "10.0.0.9"})],
            "warning",
            "/config/0/subnets/0/pointopoint",
            "no effect",
        ),
        (
            [card({"type": "dhcp", "control": "never"})],
            "error",
            "/config/0/subnets/0/control",
            "manual or hotplug",
        ),
        (
            [card({"type": "dhcp", "routes": [{"gateway": "10.0.0.1"}]})],
            "error",
            "/config/0/subnets/0/routes/0",
            "where to",
        ),
        (
            [card({"type": "dhcp", "routes": [{"network": "10.9.0.0", "gateway": "10.0.0.1"}]})],
            "warning",
            "/config/0/subnets/0/routes/0",
            "of /24",
        ),
        (
            [
                card(
                    {
                        "type": "dhcp",
                        "routes": [{"network": "10.9.0.0/16", "gateway": "10.0.0.1", "metric": "x"}],
                    }
                )
            ],
            "error",
            "/config/0/subnets/0/routes/0/metric",
            "a number",
        ),
        ([card(), dict(BOND, params={"mode": "quick"})], "error", "/config/1/params/mode", "802.3ad"),
        (
            [card(), dict(BOND, params={"bond-mimon": 1})],
            "warning",
            "/config/1/params/bond-mimon",
            "did you mean miimon",
        ),
        (
            [card(), dict(BOND, params={"bond-mii_status": 1})],
            "warning",
            "/config/1/params/bond-mii_status",
            "no setting",
        ),
        (
            [card(), dict(BOND, params={"bond-primary": "eth9"})],
            "error",
            "/config/1/params/bond-primary",
            "its ports",
        ),
        (
            [card(), dict(BOND, params={"bond-arp_ip_target": "x"})],
            "error",
            "/config/1/params/bond-arp_ip_target",
            "target",
        ),
        ([card(), BOND, dict(BOND, name="bond1")], "error", "/config/2/bond_interfaces/0", "already"),
        ([dict(BOND, bond_interfaces=["bond0"])], "error", "/config/0/bond_interfaces/0", "cannot have"),
        (
            [
                {
                    "type": "bridge",
                    "name": "br0",
                    "bridge_interfaces": [],
                    "params": {"bridge_waitport": ["1 eth0"]},
                }
            ],
            "warning",
            "/config/0/params/bridge_waitport",
            "not supported",
        ),
        (
            [
                {
                    "type": "bridge",
                    "name": "br0",
                    "bridge_interfaces": [],
                    "params": {"bridge_pathcost": ["eth0"]},
                }
            ],
            "error",
            "/config/0/params/bridge_pathcost/0",
            "a port and a number",
        ),
        (
            [{"type": "bridge", "name": "br0", "bridge_interfaces": [], "params": {"bridge_stp": "maybe"}}],
            "error",
            "/config/0/params/bridge_stp",
            "true or false",
        ),
        (
            [{"type": "vlan", "name": "v", "vlan_link": "eth0"}],
            "error",
            "/config/0/vlan_id",
            "needs a vlan_id",
        ),
        ([{"type": "vlan", "name": "v", "vlan_id": 5}], "error", "/config/0/vlan_link", "left out"),
        (
            [
                {"type": "vlan", "name": "v", "vlan_id": 5, "vlan_link": "w"},
                {"type": "vlan", "name": "w", "vlan_id": 6, "vlan_link": "v"},
            ],
            "error",
            "/config/0",
            "stands on itself",
        ),
        ([card(), {"type": "nameserver", "address": "x"}], "error", "/config/1/address", "IP address"),
        (
            [card(), {"type": "nameserver", "address": [], "interface": "eth9"}],
            "error",
            "/config/1/interface",
            "one of",
        ),
        (
            [card(), {"type": "route", "destination": "10.0.0.0/8"}],
            "error",
            "/config/1/gateway",
            "IP address",
        ),
        (["eth0"], "error", "/config/0", "a mapping"),
    ],
)
def test_what_cannot_be_taken_is_named(entries, severity, path, words):
    found = told(read(*entries))
    if not severity:
        assert found == []
        return
    assert any(item[:2] == (severity, path) and words in item[2] for item in found), found


def test_what_stands_on_nothing_is_no_card_to_others():
    network = read(
        {"type": "vlan", "name": "up", "vlan_id": 7, "vlan_link": "v"},
        {"type": "vlan", "name": "v", "vlan_id": 5, "vlan_link": "no/name"},
        {"type": "bridge", "name": "br0", "bridge_interfaces": ["v"]},
        {"type": "bond", "name": "b0", "bond_interfaces": ["b1"], "params": {}},
        {"type": "bond", "name": "b1", "bond_interfaces": ["b0"], "params": {}},
        {"type": "vlan", "name": "b0.3", "vlan_id": 3, "vlan_link": "b0"},
    )
    assert [device.as_data() for device in network.devices] == [{"kind": "bridge", "name": "br0"}]
    assert [item[1] for item in told(network)] == [
        "/config/1/vlan_link",
        "/config/2/bridge_interfaces/0",
        "/config/0",
        "/config/3",
        "/config/4",
        "/config/5",
    ]


def lines_run(count):
    """How many lines of Python it takes to read `count` cards in a bond, and as many addresses and routes."""
    entries = [card(name="e%d" % index) for index in range(count)]
    entries.append(
        {
            "type": "bond",
            "name": "b",
            "bond_interfaces": ["e%d" % index for index in range(count)],
            "params": {},
        }
    )
    subnets = [{"type": "static", "address": "10.0.%d.%d/32" % divmod(index, 256)} for index in range(count)]
    routes = [{"network": "11.0.%d.%d" % divmod(index, 256), "prefix": 32} for index in range(count)]
    entries.append(card(*subnets, {"type": "manual", "routes": routes}, name="x"))
    run = [0]

    def trace(frame, event, _argument):
        run[0] += event == "line"
        return trace if "netconfig" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        network = read(*entries)
    finally:
        sys.settrace(before)
    assert len(network.devices) == count + 2
    return run[0]


def test_twice_as_much_takes_twice_as_long():
    """4 MiB of devices or addresses must not hold up a boot."""
    assert lines_run(400) < 2.5 * lines_run(200)


def test_what_is_wrong_takes_nothing_else_along():
    network = read(
        card(
            {"type": "dhcp"},
            {"type": "magic"},
            {"type": "static", "address": "10.0.0.300"},
            mtu="big",
            name="eth0",
        ),
        {"type": "wormhole", "name": "w0"},
        {"type": "bridge", "name": "br0", "bridge_interfaces": ["w0"]},
    )
    assert [device.as_data() for device in network.devices] == [
        {"dhcp4": True, "kind": "ethernet", "name": "eth0"},
        {"kind": "bridge", "name": "br0"},  # w0 is described, so it is no card
    ]
    assert len([item for item in network.problems if item.severity == "error"]) == 4
