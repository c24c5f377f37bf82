"""ifcfg, route and rule files by tables: what is written for the network scripts, and what for the plugin.

What the expectations say was seen with both readers: `make ifcfg-test`.
"""

import os
import subprocess

import pytest

from tsagent.netconfig import model, renderers
from tsagent.netconfig.renderers import shellfile

MAC = "52:54:00:aa:00:01"


def device(name="eth0", kind=model.ETHERNET, **settings):
    made = model.Device(name, kind)
    if kind in model.CARDS:
        made.interface, made.mac = name, MAC
    for key, value in settings.items():
        target, _, attribute = key.rpartition("__")
        target = getattr(made, target) if target else made
        assert hasattr(target, attribute), key
        setattr(target, attribute, value)
    return made


def rendered(*devices, **options):
    """{file: {variable: value}, or its lines} and the messages."""
    network = model.Network("test")
    network.devices = list(devices)
    network.nameservers = options.pop("nameservers", [])
    network.search = options.pop("search", [])
    chosen = renderers.Options(options.pop("managed", False), offline=options.pop("offline", False))
    files = renderers.render(network, "ifcfg", chosen)
    assert not options
    made = {}
    for item in files:
        if not item.path.startswith("/etc/sysconfig/"):
            continue  # the new name of a card
        assert item.mode == 0o644 and item.content.startswith(renderers.MARK)
        name = os.path.basename(item.path)
        rows = [row for row in item.content.splitlines() if not row.startswith("#")]
        made[name] = rows if name.startswith(("route", "rule")) else dict(row.split("=", 1) for row in rows)
    return made, [item.message for item in network.problems]


def addresses(*texts):
    return [model.Address.parse(text) for text in texts]


route = model.Route.parse
STATIC = {"IPV6INIT": "yes", "IPV6_AUTOCONF": "no", "IPV6_FORCE_ACCEPT_RA": "no", "IPV6ADDR": "fd00::2/64"}
# (settings, for the scripts, for the plugin); a value of None is not there.
CARDS = [
    ({}, {"TYPE": "Ethernet", "DEVICE": "eth0", "HWADDR": MAC, "ONBOOT": "yes", "BOOTPROTO": "none"}, {}),
    (
        {"dhcp4": True},
        {"BOOTPROTO": "dhcp", "IPV6INIT": None, "PERSISTENT_DHCLIENT": "1", "DHCLIENTARGS": None},
        {"PERSISTENT_DHCLIENT": None},
    ),
    (
        {"dhcp4": True, "optional": True},
        {"PERSISTENT_DHCLIENT": "1", "DHCLIENTARGS": "-nw"},
        {"PERSISTENT_DHCLIENT": None, "DHCLIENTARGS": None},
    ),
    ({"activation": model.MANUAL}, {"ONBOOT": "no"}, {}),
    (
        {"dhcp6": True},
        {"IPV6INIT": "yes", "DHCPV6C": "yes", "IPV6_AUTOCONF": None, "BOOTPROTO": "none"},
        {},
    ),
    (
        {"dhcp6": True, "accept_ra": True},
        {"DHCPV6C": "yes", "IPV6_FORCE_ACCEPT_RA": "yes", "IPV6_AUTOCONF": None},
        {},
    ),
    (
        {"dhcp6": True, "accept_ra": False},
        {"IPV6_AUTOCONF": "no", "IPV6_FORCE_ACCEPT_RA": "no", "DHCPV6C": "yes"},
        {},
    ),
    (
        {"dhcp6_stateless": True, "accept_ra": True},
        {"IPV6_AUTOCONF": "yes", "DHCPV6C": "yes", "DHCPV6C_OPTIONS": "-S"},
        {},
    ),
    ({"accept_ra": True}, {"IPV6INIT": "yes", "IPV6_AUTOCONF": "yes", "DHCPV6C": None}, {}),
    (
        {"accept_ra": False},
        {"IPV6INIT": "yes", "IPV6_AUTOCONF": "no", "IPV6_FORCE_ACCEPT_RA": "no", "DHCPV6C": None},
        {},
    ),
    ({"addresses": addresses("fd00::2/64")}, dict(STATIC, DHCPV6C=None), {}),
    (
        {"addresses": addresses("fd00::2/64", "fd00::3/64", "fd00::4/64")},
        {"IPV6ADDR_SECONDARIES": '"fd00::3/64 fd00::4/64"'},
        {},
    ),
    (
        {"addresses": addresses("10.0.0.2/24", "10.0.0.3/16")},
        {"IPADDR": "10.0.0.2", "NETMASK": "255.255.255.0", "IPADDR1": "10.0.0.3", "NETMASK1": "255.255.0.0"},
        {"IPV4_FAILURE_FATAL": None},
    ),
    (
        {"addresses": addresses("10.0.0.2/24", "fd00::2/64")},
        {"IPV4_FAILURE_FATAL": None},
        {"IPV4_FAILURE_FATAL": "yes"},
    ),
    (
        {"addresses": addresses("10.0.0.2/24"), "routes": [route("default", "10.0.0.1")]},
        {"GATEWAY": "10.0.0.1", "DEFROUTE": "yes", "METRIC": None},
        {},
    ),
    (
        {"addresses": addresses("10.0.0.2/24"), "routes": [route("default", "10.0.0.1", metric=50)]},
        {"GATEWAY": "10.0.0.1", "METRIC": "50", "IPV4_ROUTE_METRIC": "50"},
        {"METRIC": None, "IPV4_ROUTE_METRIC": "50"},
    ),
    (
        {"addresses": addresses("fd00::2/64"), "routes": [route("default", "fe80::1")]},
        {"IPV6_DEFAULTGW": "fe80::1%eth0"},
        {},
    ),
    (
        {"set_mac": "02:00:00:00:00:01", "mtu": 9000},
        {"MACADDR": "02:00:00:00:00:01", "MTU": "9000"},
        {},
    ),
    (
        {"ethernet__wake_on_lan": True, "ethernet__offloads": {"tso": False, "gro": True}},
        {"ETHTOOL_OPTS": '"wol g; -K eth0 gro on tso off"'},
        {},
    ),
    ({"ethernet__wake_on_lan": False}, {"ETHTOOL_OPTS": None}, {}),
    ({"accept_ra": True, "ipv6_privacy": True}, {"IPV6_PRIVACY": "rfc3041"}, {}),
    ({"accept_ra": True, "ipv6_privacy": False}, {"IPV6_PRIVACY": "no"}, {}),
    (
        {"accept_ra": True, "ipv6_generation": "eui64"},
        {"IPV6_ADDR_GEN_MODE": None},
        {"IPV6_ADDR_GEN_MODE": "eui64"},
    ),
    ({"dhcp6": True}, {"IPV6_ADDR_GEN_MODE": None}, {"IPV6_ADDR_GEN_MODE": "eui64"}),
    (
        {"dhcp4": True, "nameservers": ["1.1.1.1", "8.8.8.8"], "search": ["a.example", "b.example"]},
        {"DNS1": "1.1.1.1", "DNS2": "8.8.8.8", "DOMAIN": '"a.example b.example"'},
        {},
    ),
    (
        {
            "dhcp4": True,
            "dhcp4_options__use_dns": False,
            "dhcp4_options__use_routes": False,
            "dhcp4_options__use_ntp": False,
            "dhcp4_options__use_hostname": False,
            "dhcp4_options__send_hostname": False,
        },
        {
            "PEERDNS": "no",
            "PEERROUTES": "no",
            "PEERNTP": "no",
            "NO_DHCP_HOSTNAME": "yes",
            "DHCP_SEND_HOSTNAME": "no",
        },
        {"NO_DHCP_HOSTNAME": None, "HOSTNAME_FROM_DHCP": "no"},
    ),
    (
        {"dhcp4": True, "dhcp4_options__route_metric": 9, "dhcp4_options__hostname": "h.example"},
        {"METRIC": "9", "IPV4_ROUTE_METRIC": "9", "DHCP_HOSTNAME": "h.example"},
        {"METRIC": None},
    ),
]


@pytest.mark.parametrize("settings, scripts, plugin", CARDS)
def test_one_card(settings, scripts, plugin):
    for managed, wanted in ((False, scripts), (True, dict(scripts, **plugin))):
        files, problems = rendered(device(**settings), managed=managed)
        assert problems == []
        found = files["ifcfg-eth0"]
        assert {key: found.get(key) for key in wanted} == wanted


# What one of the readers, or both, cannot be told: (settings, word for the scripts, word for the plugin).
LEFT_OUT = [
    ({"activation": model.OFF}, "kept down", "kept down"),
    ({"critical": True, "dhcp4": True}, "is kept", "is kept"),
    ({"ignore_carrier": True, "dhcp4": True}, "without a carrier", "without a carrier"),
    ({"dhcp4": True, "dhcp4_options__use_mtu": False}, "refusing the MTU", "refusing the MTU"),
    ({"dhcp4": True, "dhcp4_options__use_domains": "route"}, "domains of DHCP", "domains of DHCP"),
    ({"dhcp4": True, "dhcp4_options__identifier": "duid"}, "DUID", None),
    ({"dhcp6": True, "dhcp6_options__identifier": "mac"}, "identifier of its DHCPv6", None),
    ({"dhcp6": True, "dhcp6_options__route_metric": 5}, "metric of IPv6", None),
    ({"dhcp4": True, "dhcp6": True, "dhcp4_options__use_dns": False}, "use-dns of one", None),
    ({"accept_ra": True, "ra_options__use_dns": True}, "name servers of router", None),
    ({"accept_ra": True, "ra_options__table": 7}, "table for router", None),
    ({"accept_ra": True, "ipv6_token": "::5"}, "host part", None),
    ({"accept_ra": True, "ipv6_generation": "stable-privacy"}, "stable-privacy", None),
    ({"link_local": [], "dhcp4": True}, "absence of an IPv6", None),
    ({"link_local": [4, 6]}, "IPv4 link-local", None),
    ({"dhcp4": True, "mtu": 1500, "mtu6": 1400}, None, "MTU of IPv6"),
    ({"dhcp6": True, "ipv6_autoconf": False}, None, "without addresses of their prefixes"),
    ({"dhcp4": True, "search": ["d%d.example" % number for number in range(7)]}, "more than 6", None),
    ({"dhcp4": True, "nameservers": ["10.0.0.%d" % number for number in range(4)]}, "more than 3", None),
    ({"dhcp4": True, "search": ["~corp.example"]}, "routing queries", None),
    ({"dhcp4": True, "nameservers": ["fd00::53"]}, None, "IPv6 name server without"),
    ({"nameservers": ["10.0.0.53"]}, "name servers without", "name servers without"),
    ({"routes": [route("10.0.0.0/8", kind="multicast")]}, None, "type multicast"),
    ({"routes": [route("10.0.0.0/8", "10.9.9.9", scope="link")]}, "scope of a route", "scope of a route"),
    ({"dhcp4": True, "dhcp4_options__hostname": "a'; reboot; '"}, "such a host name", "such a host name"),
    ({"interface": None, "routes": [route("10.0.0.0/8")]}, "without the name", None),
    ({"interface": None, "ethernet__offloads": {"tso": False}}, "offloads without", None),
]


@pytest.mark.parametrize("settings, scripts, plugin", LEFT_OUT)
def test_what_a_reader_cannot_be_told_is_named(settings, scripts, plugin):
    readers = (
        (False, "the network scripts", scripts),
        (True, "NetworkManager's ifcfg-rh plugin", plugin),
    )
    for managed, reader, word in readers:
        made = device(path="/ethernets/eth0", **settings)
        network = model.Network("test")
        network.devices = [made]
        renderers.render(network, "ifcfg", renderers.Options(managed))
        said = [item for item in network.problems if item.rule == "network-unsupported" and item.path]
        if word is None:
            assert said == []
        else:
            assert [item.path for item in said] == ["/ethernets/eth0"]
            assert reader in said[0].message and word in said[0].message
            assert said[0].message.startswith("eth0: ")


@pytest.mark.parametrize("kind", [model.VRF, model.DUMMY])
def test_devices_that_ifcfg_files_have_no_words_for(kind):
    """Beside the plugin NetworkManager reads keyfiles; the scripts have nothing."""
    made = device("x0", kind, addresses=addresses("10.0.0.2/24"), vrf_table=7)
    files, problems = rendered(made)
    assert files == {} and len(problems) == 1 and "a device of the kind " + kind in problems[0]
    network = model.Network("test")
    network.devices = [made, device("br0", model.BRIDGE, members=["x0"] if kind == model.DUMMY else [])]
    files = {item.path: item for item in renderers.render(network, "ifcfg", renderers.Options(True))}
    keyfile = files["/etc/NetworkManager/system-connections/tsagent-x0.nmconnection"]
    assert keyfile.mode == 0o600 and "type=%s\n" % kind in keyfile.content
    if kind == model.DUMMY:  # the port calls its bridge by what the bridge's file says
        uuid = files["/etc/sysconfig/network-scripts/ifcfg-br0"].content.partition("UUID=")[2].split()[0]
        assert "master=%s\n" % uuid in keyfile.content


def test_a_card_found_by_a_pattern():
    pattern = device("any", match_name="enp*", match_drivers=["virtio_net"], interface=None, mac=None)
    files, problems = rendered(pattern, managed=True)
    assert problems == []
    found = files["ifcfg-any"]
    assert (found["MATCH_INTERFACE_NAME"], found["MATCH_DRIVER"]) == ('"enp*"', "virtio_net")
    assert found["MULTI_CONNECT"] == "3" and "DEVICE" not in found
    files, problems = rendered(pattern)
    assert files == {} and "a match by driver" in problems[0]
    pattern.match_name = "x\x0bEVIL=1"
    files, problems = rendered(pattern, managed=True)
    assert "MATCH_INTERFACE_NAME" not in files["ifcfg-any"] and "of several lines" in problems[0]


def test_the_name_of_a_card():
    """Its address alone tells which it is, until it has the name for sure."""
    for managed in (False, True):
        unnamed = device("eth0", interface=None)
        assert "DEVICE" not in rendered(unnamed, managed=managed)[0]["ifcfg-eth0"]
        # Without a machine to look at, a name that looks like one is.
        assert rendered(unnamed, managed=managed, offline=True)[0]["ifcfg-eth0"]["DEVICE"] == "eth0"
        other = device("uplink", interface=None)
        assert "DEVICE" not in rendered(other, managed=managed, offline=True)[0]["ifcfg-uplink"]
        # Until the next start it has the former one.
        files, problems = rendered(device("eth0", set_name="lan0", dhcp4=True), managed=managed)
        assert problems == [] and "DEVICE" not in files["ifcfg-lan0"]
        assert files["ifcfg-lan0"]["HWADDR"] == MAC
        files, _ = rendered(device("eth0", interface=None, set_name="lan0"), managed=managed)
        assert files["ifcfg-lan0"]["DEVICE"] == "lan0"


def test_nothing_is_tuned_for_a_reader_that_is_only_assumed():
    files, _ = rendered(device(dhcp4=True), offline=True)
    assert "PERSISTENT_DHCLIENT" not in files["ifcfg-eth0"]


def test_routes_as_assignments_or_as_arguments():
    """Plain ones need no name of the interface; what else is said only `ip route` takes."""
    plain = device(
        addresses=addresses("10.0.0.2/24"),
        routes=[route("172.16.0.0/12", "10.0.0.9"), route("192.0.2.1", "10.0.0.8")],
    )
    files, problems = rendered(plain)
    assert problems == []
    assert files["route-eth0"] == [
        "ADDRESS0=172.16.0.0",
        "NETMASK0=255.240.0.0",
        "GATEWAY0=10.0.0.9",
        "ADDRESS1=192.0.2.1",
        "NETMASK1=255.255.255.255",
        "GATEWAY1=10.0.0.8",
    ]
    plain.routes += [
        route("0.0.0.0/0", "10.0.0.1", table=7, metric=5),
        route("198.51.100.0/24", "0.0.0.0", scope="link"),
        route("203.0.113.0/24", kind="unreachable"),
        route(
            "100.64.0.0/10", "10.0.0.1", source="10.0.0.2", mtu=1400, congestion_window=9, receive_window=8
        ),
        route("172.16.0.0/12", "10.0.0.9"),
        route("fd01::/32", "fd00::1", metric=3),
    ]
    files, problems = rendered(plain)
    assert problems == []
    assert files["route-eth0"] == [
        "172.16.0.0/12 via 10.0.0.9 dev eth0",
        "192.0.2.1/32 via 10.0.0.8 dev eth0",
        "default via 10.0.0.1 metric 5 dev eth0 table 7",
        "198.51.100.0/24 dev eth0",
        "unreachable 203.0.113.0/24",
        "100.64.0.0/10 via 10.0.0.1 dev eth0 src 10.0.0.2 mtu 1400 initcwnd 9 initrwnd 8",
    ]
    assert files["route6-eth0"] == ["fd01::/32 via fd00::1 metric 3 dev eth0"]


@pytest.mark.parametrize(
    "settings, scripts, plugin",
    [
        # The scripts set no default route to a gateway outside the first address's network, and say nothing.
        ({"addresses": addresses("10.0.0.2/32")}, ["default via 10.0.0.1 dev eth0 onlink"], None),
        # Nor beside a lease; the plugin takes GATEWAY only with an address.
        ({"dhcp4": True}, ["default via 10.0.0.1 dev eth0"], ["default via 10.0.0.1 dev eth0"]),
    ],
)
def test_a_gateway_that_ifcfg_has_no_name_for(settings, scripts, plugin):
    for managed, wanted in ((False, scripts), (True, plugin)):
        files, _ = rendered(device(routes=[route("default", "10.0.0.1")], **settings), managed=managed)
        assert files.get("route-eth0") == wanted
        # For people it stands in the interface's own file as well, but not beside a lease: dhclient's script
        # takes no route of the lease then.
        assert ("GATEWAY" in files["ifcfg-eth0"]) == ("dhcp4" not in settings)


def test_rules_of_each_reader():
    made = device(
        rules=[
            model.Rule(7, "10.0.0.2/32", priority=9, mark=16, tos=8),
            model.Rule(8, to="10.1.0.0/16"),
            model.Rule(7, "fd00::2/128"),
        ]
    )
    files, problems = rendered(made)
    assert problems == []
    assert files["rule-eth0"] == [
        "priority 9 from 10.0.0.2/32 fwmark 16 tos 0x08 table 7",
        "to 10.1.0.0/16 table 8",
    ]
    assert files["rule6-eth0"] == ["from fd00::2/128 table 7"]
    files, problems = rendered(made, managed=True)
    assert problems == [] and sorted(files) == ["ifcfg-eth0"]
    found = files["ifcfg-eth0"]
    assert found["ROUTING_RULE_1"] == '"priority 9 from 10.0.0.2/32 fwmark 16 tos 0x08 table 7"'
    assert found["ROUTING_RULE_2"] == '"priority 30000 to 10.1.0.0/16 table 8"'
    assert found["ROUTING_RULE6_1"] == '"priority 30000 from fd00::2/128 table 7"'


def test_an_address_beside_a_lease_and_a_label_are_aliases():
    beside = device(dhcp4=True, addresses=addresses("10.0.0.2/24", "10.0.0.3/24"))
    files, problems = rendered(beside)
    assert problems == []
    assert (files["ifcfg-eth0"]["IPADDR"], files["ifcfg-eth0"]["BOOTPROTO"]) == ("10.0.0.2", "dhcp")
    assert files["ifcfg-eth0:1"] == {
        "DEVICE": "eth0:1",
        "ONPARENT": "yes",
        "IPADDR": "10.0.0.3",
        "NETMASK": "255.255.255.0",
        "NO_ALIASROUTING": "yes",
        "IPV6INIT": "no",
    }
    files, _ = rendered(beside, managed=True)  # the plugin does both
    assert sorted(files) == ["ifcfg-eth0"]
    labelled = device(addresses=addresses("10.0.0.2/24", "10.0.0.3/24"))
    labelled.addresses[0].label = "eth0:web"
    for managed in (False, True):
        files, problems = rendered(labelled, managed=managed)
        assert problems == []
        assert files["ifcfg-eth0:web"]["IPADDR"] == "10.0.0.2" and files["ifcfg-eth0"]["IPADDR"] == "10.0.0.3"
    labelled.addresses[1].label = "eth0:web"
    files, problems = rendered(labelled)
    assert files["ifcfg-eth0:0"]["IPADDR"] == "10.0.0.3" and "another address has" in problems[0]
    labelled.addresses[1].label, labelled.addresses[0].label = None, "web"
    files, problems = rendered(labelled)
    assert "the label of 10.0.0.2" in problems[0] and files["ifcfg-eth0"]["IPADDR"] == "10.0.0.2"


def test_bonds_vlans_and_their_ports():
    bond = device(
        "bond0",
        model.BOND,
        members=["eth1", "eth0"],
        bond={"updelay": "20", "zzz": "1", "miimon": "100", "primary": "eth1", "mode": "active-backup"},
        set_mac="02:00:00:00:00:02",
    )
    ports = [device("eth0"), device("eth1", set_name="lan1", addresses=addresses("10.0.0.2/24"))]
    tagged = device("bond0.9", model.VLAN, vlan=9, parent="bond0", dhcp4=True)
    named = device("storage", model.VLAN, vlan=10, parent="bond0")
    files, problems = rendered(bond, tagged, named, *ports)
    assert len(problems) == 1 and "addresses on a port of bond0" in problems[0]
    found = files["ifcfg-bond0"]
    # In the order in which the driver takes them; the primary by its new name.
    assert found["BONDING_OPTS"] == '"mode=active-backup miimon=100 updelay=20 primary=lan1 zzz=1"'
    assert (found["BONDING_SLAVE0"], found["BONDING_SLAVE1"]) == ("eth0", "lan1")
    assert (found["TYPE"], found["BONDING_MASTER"], found["MACADDR"]) == ("Bond", "yes", "02:00:00:00:00:02")
    assert "HWADDR" not in found
    port = files["ifcfg-lan1"]
    assert (port["MASTER"], port["SLAVE"], port["BOOTPROTO"], port["HWADDR"]) == ("bond0", "yes", "none", MAC)
    # Named above; it stands there for people, the readers take no address of a port.
    assert (port["IPADDR"], port["NETMASK"]) == ("10.0.0.2", "255.255.255.0")
    found = files["ifcfg-bond0.9"]
    assert (found["VLAN"], found["PHYSDEV"], found["BOOTPROTO"]) == ("yes", "bond0", "dhcp")
    assert not {"TYPE", "VID", "VLAN_ID"} & set(found)
    assert files["ifcfg-storage"]["VID"] == "10"
    files, _ = rendered(bond, tagged, named, managed=True)
    assert files["ifcfg-storage"]["VLAN_ID"] == "10"


def test_a_bridge_of_each_reader():
    bridge = device("br0", model.BRIDGE, members=["eth0", "eth1"], dhcp4=True)
    wanted = bridge.bridge
    wanted.stp, wanted.priority, wanted.age, wanted.forward_delay = True, 4096, 300, 4
    wanted.hello_time, wanted.max_age = 2, 12
    wanted.port_cost, wanted.port_priority = {"eth0": 50}, {"eth0": 28}
    ports = [device("eth0"), device("eth1")]
    files, problems = rendered(bridge, *ports)
    assert problems == []
    found = files["ifcfg-br0"]
    assert (found["TYPE"], found["STP"], found["DELAY"], found["PRIO"], found["AGEING"]) == (
        "Bridge",
        "yes",
        "4",
        "4096",
        "300",
    )
    assert found["BRIDGING_OPTS"] == '"hello_time=200 max_age=1200"'  # hundredths of a second, as in /sys
    assert files["ifcfg-eth0"]["BRIDGING_OPTS"] == '"path_cost=50 priority=28"'
    assert files["ifcfg-eth1"]["BRIDGE"] == "br0" and "BRIDGING_OPTS" not in files["ifcfg-eth1"]
    files, problems = rendered(bridge, *ports, managed=True)
    assert problems == []
    found = files["ifcfg-br0"]
    assert found["BRIDGING_OPTS"] == '"ageing_time=300 hello_time=2 max_age=12 priority=4096"'
    assert not {"PRIO", "AGEING"} & set(found)
    wanted.stp = False
    _, problems = rendered(bridge, *ports, managed=True)
    assert "spanning tree" in problems[0]


def test_infiniband_and_vrf_ports():
    card = device("ib0", model.INFINIBAND, ethernet__infiniband_mode="connected", dhcp4=True)
    vrf = device("red", model.VRF, members=["ib0"], vrf_table=10)
    files, problems = rendered(card, vrf, managed=True)
    assert problems == []
    found = files["ifcfg-ib0"]
    assert (found["TYPE"], found["CONNECTED_MODE"], found["VRF"]) == ("InfiniBand", "yes", "red")
    files, problems = rendered(card, vrf)
    assert sorted(files) == ["ifcfg-ib0"] and any("membership of a VRF" in text for text in problems)


def test_addresses_of_the_loopback_interface():
    made = device("lo", model.LOOPBACK, addresses=addresses("127.0.0.1/8", "10.255.0.1/32"))
    files, problems = rendered(made)
    assert problems == [] and list(files) == ["ifcfg-lo:0"]
    assert files["ifcfg-lo:0"]["IPADDR"] == "10.255.0.1"
    files, problems = rendered(made, managed=True)
    assert files == {} and "loopback" in problems[0]


def test_name_servers_of_the_network():
    own = device(dhcp4=True, nameservers=["10.0.0.53"], search=["own.example"])
    other = device("eth1", dhcp4=True)
    whole = {"nameservers": ["8.8.8.8"], "search": ["all.example"]}
    files, problems = rendered(own, other, **whole)
    assert problems == []
    assert (files["ifcfg-eth0"]["DNS1"], files["ifcfg-eth0"]["DOMAIN"]) == ("10.0.0.53", "own.example")
    assert "DNS2" not in files["ifcfg-eth0"]
    assert (files["ifcfg-eth1"]["DNS1"], files["ifcfg-eth1"]["DOMAIN"]) == ("8.8.8.8", "all.example")
    _, problems = rendered(own, **whole)
    assert problems == [
        "the name servers of the whole network are not used: every device has its own",
        "the search domains of the whole network are not used: every device has its own",
    ]


HOSTILE = [
    "$(touch {place})",
    "`touch {place}`",
    '"; touch {place}; "',
    "'; touch {place}; '",
    "a b; touch {place}",
    "\\",
    "\\'; touch {place}; '",
    "${{IFS}}",
    "!event",
    "~",
    "*",
    "{{a,b}}",
    "<({place})",
    "#comment",
    "",
    "ünïcode",
    "a\\nb",
    "$'\\n'",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_is_more_than_a_value_to_the_shell(tmp_path, value):
    """bash sources these files as root."""
    value = value.format(place=tmp_path / "evil")
    made = shellfile.Assignments()
    made.put("FIRST", value)
    made.put("SECOND", "after")
    file = tmp_path / "ifcfg-x"
    file.write_text(made.text(), encoding="utf-8")
    script = 'set -u; . "$1"; printf "%s\\0%s" "$FIRST" "$SECOND"'
    for shell in ("bash", "sh"):
        told = subprocess.check_output([shell, "-c", script, "x", str(file)], cwd=str(tmp_path))
        assert told.decode("utf-8").split("\0") == [value, "after"]
    assert os.listdir(str(tmp_path)) == ["ifcfg-x"]


@pytest.mark.parametrize("value", ["a\nEVIL=1", "a\rb", "a\0b", "\x1b[2J", "\x7f"])
def test_a_value_of_several_lines_is_refused(value):
    with pytest.raises(ValueError):
        shellfile.quote(value)


def test_a_hostile_bond_option_is_left_out_and_named():
    bond = device(
        "bond0", model.BOND, bond={"mode": "802.3ad", "primary": "$(reboot)", "x y": "1", "z": "a\nb"}
    )
    files, problems = rendered(bond)
    assert (
        files["ifcfg-bond0"]["BONDING_OPTS"] == "'mode=802.3ad'"
        or files["ifcfg-bond0"]["BONDING_OPTS"] == '"mode=802.3ad"'
    )
    assert sorted(text.rpartition("option ")[2].split(";")[0] for text in problems) == ["primary", "x y", "z"]
