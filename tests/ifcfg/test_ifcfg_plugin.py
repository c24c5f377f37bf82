"""NetworkManager's ifcfg-rh plugin, as a real daemon has it, reads what is rendered for it.

It warns of each line that it does not understand; it must not. What the kernel here cannot do (bonds, VLANs,
InfiniBand) is compared in the profiles that the daemon has made of the files.
"""

import os

import pytest
from reading import addresses, card, device, read, write

from tsagent.netconfig import model

# The leases of eth2 and eth3; the other ends of the wires are .1.
LEASE2, LEASE3 = "10.88.0.[56]", "10.77.0.[56]"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


def warnings(seen):
    """What the plugin did not understand."""
    return [
        row for row in seen.log.splitlines() if "<warn>" in row and ("ifcfg" in row or "routing rule" in row)
    ]


def test_addresses_routes_and_rules(tmp_path):
    first = card(
        "eth1",
        addresses=addresses("10.9.0.5/24", "10.9.0.6/16", "fd00:9::5/64", "fd00:9::6/64"),
        mtu=1450,
        set_mac="52:54:00:bb:00:01",
        routes=[
            model.Route.parse("default", "10.9.0.1"),
            model.Route.parse("172.16.0.0/12", "10.9.0.254", metric=7),
            model.Route.parse("172.32.0.0/12", table=101, scope="link"),
            model.Route.parse("default", "192.0.2.1", table=101, on_link=True, source="10.9.0.6"),
            model.Route.parse(
                "198.51.100.0/24", "10.9.0.1", mtu=1300, congestion_window=20, advertised_mss=1200
            ),
            model.Route.parse("203.0.113.0/24", kind="blackhole"),
            model.Route.parse("default", "fe80::1"),
            model.Route.parse("2001:db8::/32", "fd00:9::1", metric=9, table=101),
        ],
        rules=[
            model.Rule(101, "10.9.0.6/32", priority=50, mark=3, tos=16),
            model.Rule(101, to="198.18.0.0/15"),
            model.Rule(101, "fd00:9::6/128", priority=51),
        ],
    )
    second = card("eth2", dhcp4=True, accept_ra=True, ipv6_generation="eui64", optional=True)
    stateful = card("eth3", dhcp4=True, dhcp6=True, ipv6_autoconf=False)
    write(tmp_path, [first, second, stateful], True, ["without addresses of their prefixes"])
    expected = [
        "10.9.0.6/16",
        "fd00:9::6/64",
        LEASE2,
        "fd00:72::5054:ff:feaa:2/64",
        LEASE3,
        "fd00:73::5",
    ]
    seen = read("plugin", tmp_path, expected)
    assert warnings(seen) == []
    assert seen.addresses("eth1") == {"10.9.0.5/24", "10.9.0.6/16", "fd00:9::5/64", "fd00:9::6/64"}
    assert (seen.links["eth1"]["mtu"], seen.links["eth1"]["address"]) == (1450, "52:54:00:bb:00:01")
    assert [item["gateway"] for item in seen.route("default", "eth1")] == ["10.9.0.1", "fe80::1"]
    assert [item["metric"] for item in seen.route("172.16.0.0/12", "eth1")] == [7]
    assert [item["scope"] for item in seen.route("172.32.0.0/12", "eth1", "101")] == ["link"]
    (own,) = seen.route("default", "eth1", "101")
    assert (own["gateway"], own["flags"], own["prefsrc"]) == ("192.0.2.1", ["onlink"], "10.9.0.6")
    (metrics,) = seen.route("198.51.100.0/24", "eth1")[0]["metrics"]
    assert (metrics["mtu"], metrics["initcwnd"], metrics["advmss"]) == (1300, 20, 1200)
    assert [item["dst"] for item in seen.routes if item.get("type") == "blackhole"] == ["203.0.113.0/24"]
    assert [item["metric"] for item in seen.route("2001:db8::/32", "eth1", "101")] == [9]
    (rule,) = seen.rule(50)
    assert (rule["src"], rule["fwmark"], rule["tos"], rule["table"]) == ("10.9.0.6", "0x3", "0x10", "101")
    assert [item["dst"] for item in seen.rule(30000)] == ["198.18.0.0"]
    assert [item["src"] for item in seen.rule(51)] == ["fd00:9::6"]
    # The stateful card's default route is the router's, its address the DHCP server's.
    assert len(seen.route("default", "eth3")) == 2


def test_a_bridge_and_its_ports(tmp_path):
    bridge = device(
        "br0",
        model.BRIDGE,
        addresses=addresses("10.9.0.5/24"),
        members=["eth1", "eth2"],
        set_mac="52:54:00:bb:00:02",
    )
    bridge.bridge.stp, bridge.bridge.priority, bridge.bridge.age = True, 4096, 250
    bridge.bridge.forward_delay, bridge.bridge.hello_time, bridge.bridge.max_age = 4, 3, 12
    bridge.bridge.port_cost, bridge.bridge.port_priority = {"eth1": 50}, {"eth2": 28}
    labelled = card("eth3", dhcp4=True, addresses=addresses("192.0.2.9/24"))
    labelled.addresses[0].label = "eth3:a"
    write(tmp_path, [card("eth1"), card("eth2"), bridge, labelled], True)
    seen = read("plugin", tmp_path, ["10.9.0.5/24", "192.0.2.9/24", LEASE3])
    assert warnings(seen) == []
    made = seen.links["br0"]["linkinfo"]["info_data"]
    assert seen.links["br0"]["address"] == "52:54:00:bb:00:02"
    times = (made["ageing_time"], made["forward_delay"], made["hello_time"], made["max_age"])  # hundredths
    assert (made["stp_state"], made["priority"], times) == (1, 4096, (25000, 400, 300, 1200))
    ports = {name: seen.links[name]["linkinfo"]["info_slave_data"] for name in ("eth1", "eth2")}
    assert (ports["eth1"]["cost"], ports["eth2"]["priority"]) == (50, 28)
    assert [seen.links[name]["master"] for name in ("eth1", "eth2")] == ["br0", "br0"]
    assert [item.get("label") for item in seen.addressed["eth3"] if item["local"] == "192.0.2.9"] == [
        "eth3:a"
    ]


def test_what_is_refused_of_a_lease(tmp_path):
    first = card("eth2", dhcp4=True, nameservers=["192.0.2.53"], search=["own.example"])
    first.dhcp4_options.use_routes = False
    first.dhcp4_options.use_dns = False
    second = card("eth3", dhcp4=True)
    second.dhcp4_options.route_metric = 42
    second.dhcp4_options.hostname = "sent.example"
    write(tmp_path, [first, second], True)
    then = "nmcli -g IP4.DNS,IP4.DOMAIN,IP4.SEARCHES device show eth2; cat /run/dnsmasq.log"
    seen = read("plugin", tmp_path, [LEASE2, LEASE3], then)
    assert warnings(seen) == []
    # IPv6 is the kernel's own way there: nothing is said of it.
    assert "dhcp" not in [item["protocol"] for item in seen.route("default", "eth2")]
    assert 42 in [item["metric"] for item in seen.route("default", "eth3")]
    assert seen.answers.splitlines()[0] == "192.0.2.53" and "own.example" in seen.answers
    assert "client provides name: sent" in seen.answers


PROFILES = [
    (
        device(
            "bond0",
            model.BOND,
            members=["eth1", "eth2"],
            bond={
                "mode": "active-backup",
                "miimon": "100",
                "updelay": "200",
                "downdelay": "200",
                "primary": "eth2",
                "primary_reselect": "better",
                "fail_over_mac": "active",
                "num_grat_arp": "5",
            },
            mtu=9000,
        ),
        {
            "connection.type": "bond",
            "802-3-ethernet.mtu": "9000",
            "bond.options": "mode=active-backup,downdelay=200,fail_over_mac=active,miimon=100,num_grat_arp=5,"
            "primary=eth2,primary_reselect=better,updelay=200",
        },
    ),
    (
        device(
            "bond1",
            model.BOND,
            bond={
                "mode": "802.3ad",
                "lacp_rate": "fast",
                "ad_select": "bandwidth",
                "xmit_hash_policy": "layer3+4",
            },
        ),
        {"bond.options": "mode=802.3ad,ad_select=bandwidth,lacp_rate=fast,xmit_hash_policy=layer3+4"},
    ),
    (
        device(
            "bond2",
            model.BOND,
            bond={
                "mode": "balance-rr",
                "arp_interval": "100",
                "arp_ip_target": "10.0.0.1,10.0.0.2",
                "packets_per_slave": "2",
            },
        ),
        {
            "bond.options": "mode=balance-rr,arp_interval=100,arp_ip_target=10.0.0.1 10.0.0.2,"
            "packets_per_slave=2"
        },
    ),
    (card("eth1"), {"connection.master": "bond0", "connection.slave-type": "bond"}),
    (
        device("bond0.7", model.VLAN, vlan=7, parent="bond0", set_mac="52:54:00:bb:00:03"),
        {
            "connection.type": "vlan",
            "vlan.id": "7",
            "vlan.parent": "bond0",
            "802-3-ethernet.cloned-mac-address": "52:54:00:BB:00:03",
        },
    ),
    # Beside its plugin the daemon reads keyfiles: what ifcfg files have no words for is one.
    (
        device("dummy0", model.DUMMY, addresses=addresses("10.255.0.1/32")),
        {
            "connection.type": "dummy",
            "connection.interface-name": "dummy0",
            "ipv4.addresses": "10.255.0.1/32",
        },
    ),
    (device("red", model.VRF, members=["eth4"], vrf_table=10), {"connection.type": "vrf", "vrf.table": "10"}),
    (
        card("eth4", dhcp4=True),
        {"connection.master": "red", "connection.slave-type": "vrf", "ipv4.method": "auto"},
    ),
    (device("storage", model.VLAN, vlan=99, parent="bond0"), {"vlan.id": "99", "vlan.parent": "bond0"}),
    (
        device(
            "ib0",
            model.INFINIBAND,
            interface="ib0",
            mac="80:00:00:48:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1",
        ),
        {"connection.type": "infiniband", "infiniband.transport-mode": "connected"},
    ),
    (
        device("any", model.ETHERNET, match_name="enp*", match_drivers=["mlx5_core", "virtio*"]),
        {
            "match.interface-name": "enp*",
            "match.driver": "mlx5_core,virtio*",
            "connection.multi-connect": "3",
        },
    ),
    (
        card("eth3", activation=model.MANUAL, ipv6_token="::5", accept_ra=True, ipv6_privacy=True),
        {
            "connection.autoconnect": "no",
            "ipv6.token": "::5",
            "ipv6.ip6-privacy": "2",
            "802-3-ethernet.wake-on-lan": "magic",
            "ethtool.feature-tso": "off",
            "ethtool.feature-gro": "on",
        },
    ),
    (
        device("off", model.ETHERNET, interface="off", link_local=[]),
        {"ipv6.method": "disabled", "ipv4.method": "disabled"},
    ),
]


PRINT_ALL = """
nmcli -t -f UUID,NAME connection show | while IFS=: read -r uuid name; do
    echo "== $name"
    nmcli -t connection show "$uuid"
done
"""


def test_profiles_of_what_this_kernel_has_not(tmp_path):
    devices = [item for item, _ in PROFILES]
    named = {item.name: item for item in devices}
    named["ib0"].ethernet.infiniband_mode = "connected"
    named["eth3"].ethernet.wake_on_lan = True
    named["eth3"].ethernet.offloads = {"tso": False, "gro": True}
    write(tmp_path, devices, True)
    seen = read("plugin", tmp_path, [], PRINT_ALL)
    assert warnings(seen) == []
    profiles = {}
    for part in seen.answers.split("== ")[1:]:
        title, _, rows = part.partition("\n")
        profiles[title.split()[-1]] = dict(row.split(":", 1) for row in rows.splitlines() if ":" in row)
    for item, wanted in PROFILES:
        found = profiles[item.label]
        assert {key: found.get(key) for key in wanted} == wanted, item.name
