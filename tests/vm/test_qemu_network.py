"""Bonds, VLANs on bonds, bridges, VRFs and dummies: NetworkManager and networkd on a kernel that knows them.

make vm-test ARGS="-k qemu_network"
"""

import json
import os

import pytest
import qemu_network
from qemu_network import mac

from tsagent.netconfig import renderers
from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import BOND, BRIDGE, DUMMY, ETHERNET, VLAN, VRF, Device, Network

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]
SERVICES = {"networkmanager": "NetworkManager.service", "networkd": "systemd-networkd.service"}
LINKS = ["bond0.7", "br0", "bond1.8", "vrf0", "dm0", "bond0", "bond1"]


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


def network():
    """The same for both services."""
    made = Network()
    made.devices = [
        device("eth0", mac=mac(0)),
        device("eth1", mac=mac(1)),
        device("eth2", mac=mac(2), mtu=1480),
        device("eth3", mac=mac(3), mtu=1480),
        device("eth4", mac=mac(4), ethernet__offloads={"gro": False}),
        # Named as its DHCP server is asked; its lease goes to the VRF's table.
        device("eth5", mac=mac(5), dhcp4=True, accept_ra=False, dhcp4_options__route_metric=300),
        device(
            "bond0",
            BOND,
            members=["eth0", "eth1"],
            set_mac="02:00:00:00:0b:00",
            mtu=1490,
            addresses=addresses("10.13.0.5/24"),
            bond={
                "mode": "active-backup",
                "miimon": "100",
                "updelay": "200",
                "downdelay": "100",
                "primary": "eth1",
                "primary_reselect": "better",
                "fail_over_mac": "none",
                "num_grat_arp": "3",
                "resend_igmp": "2",
                "all_slaves_active": "1",
            },
        ),
        device(
            "bond0.7",
            VLAN,
            vlan=7,
            parent="bond0",
            mtu=1400,
            addresses=addresses("10.7.0.5/24", "fd00:7::5/64"),
            routes=[Route("0.0.0.0/0", "10.7.0.1"), Route("172.16.0.0/12", "10.7.0.9", metric=50, table=107)],
            rules=[Rule(107, "10.7.0.5/32", priority=107)],
        ),
        device(
            "bond1",
            BOND,
            members=["eth2", "eth3"],
            bond={
                "mode": "802.3ad",
                "miimon": "100",
                "lacp_rate": "fast",
                "xmit_hash_policy": "layer3+4",
                "ad_select": "bandwidth",
                "min_links": "1",
            },
        ),
        device("bond1.8", VLAN, vlan=8, parent="bond1"),
        device(
            "br0",
            BRIDGE,
            members=["bond1.8", "eth4"],
            addresses=addresses("10.8.0.5/24"),
            bridge__stp=True,
            bridge__priority=8192,
            bridge__forward_delay=4,
            bridge__hello_time=2,
            bridge__max_age=12,
            bridge__port_cost={"eth4": 50},
            bridge__port_priority={"eth4": 14},
        ),
        device("vrf0", VRF, vrf_table=1000, members=["eth5"]),
        device("dm0", DUMMY, addresses=addresses("10.66.0.1/32", "fd00:66::1/128"), mtu=1300),
    ]
    return made


def scenario(service):
    given = network()
    files = renderers.render(given, service, renderers.Options())
    assert [problem.message for problem in given.problems] == []
    wanted = ("10.13.0.5", "10.7.0.5", "fd00:7::5", "10.8.0.5", "10.66.0.1", "10.55.0.")
    return {
        "service": SERVICES[service],
        "files": {item.path: (item.content, item.mode) for item in files},
        "until": {
            "ip -o address": [r"inet6? %s(?!.*tentative)" % text for text in wanted],
            "ip route show vrf vrf0": ["10.55.0.0/24 dev eth5"],
            "cat /proc/net/bonding/bond0": ["Currently Active Slave: eth1"],
        },
        "links": LINKS,
        "looks": {
            "links": ["ip", "-j", "-d", "address"],
            "routes": ["ip", "-j", "route", "show", "table", "all"],
            "rules": ["ip", "-j", "rule"],
            "bond0": ["cat", "/proc/net/bonding/bond0"],
            "bond1": ["cat", "/proc/net/bonding/bond1"],
            "log": ["journalctl", "--no-pager", "-o", "cat", "-b", "-u", SERVICES[service]],
            "eth0": ["networkctl", "--no-pager", "status", "eth0"],
            "eth1": ["networkctl", "--no-pager", "status", "eth1"],
            "eth4": ["ip", "-j", "-d", "link", "show", "eth4"],
        },
    }


@pytest.fixture(scope="module")
def seen(work):
    """What was seen of each service, by its renderer's name."""
    names = sorted(SERVICES, reverse=True)
    image = qemu_network.make_image(work, [scenario(name) for name in names])
    return dict(zip(names, qemu_network.boot(image, os.path.join(work, "machine-network"))))


@pytest.fixture(params=sorted(SERVICES))
def looks(request, seen):
    found = seen[request.param]
    assert "problem" not in found, found
    return found


def links(looks):
    return {item["ifname"]: item for item in json.loads(looks["links"])}


def held(link):
    return {
        "%s/%d" % (item["local"], item["prefixlen"])
        for item in link["addr_info"]
        if item["scope"] == "global"
    }


def routes(looks, table, to="default"):
    return [
        item
        for item in json.loads(looks["routes"])
        if str(item.get("table", "main")) == table
        and item["dst"] == to
        and ":" not in item.get("gateway", "")
    ]


def test_a_bond_that_has_one_card_at_a_time(looks):
    bond = links(looks)["bond0"]
    assert held(bond) == {"10.13.0.5/24"}
    assert (bond["address"], bond["mtu"]) == ("02:00:00:00:0b:00", 1490)
    wanted = {
        "mode": "active-backup", "miimon": 100, "updelay": 200, "downdelay": 100, "primary": "eth1",
        "active_slave": "eth1", "primary_reselect": "better", "fail_over_mac": "none", "num_peer_notif": 3,
        "resend_igmp": 2, "all_slaves_active": 1,
    }  # fmt: skip
    data = bond["linkinfo"]["info_data"]
    assert {key: data.get(key) for key in wanted} == wanted
    for name in ("eth0", "eth1"):
        assert (links(looks)[name]["master"], held(links(looks)[name])) == ("bond0", set())
        assert "Slave Interface: " + name in looks["bond0"]


def test_a_vlan_on_a_bond(looks):
    vlan = links(looks)["bond0.7"]
    assert (vlan["link"], vlan["linkinfo"]["info_data"]["id"], vlan["mtu"]) == ("bond0", 7, 1400)
    assert held(vlan) == {"10.7.0.5/24", "fd00:7::5/64"}
    (route,) = routes(looks, "main")
    assert (route["dev"], route["gateway"]) == ("bond0.7", "10.7.0.1")
    (route,) = routes(looks, "107", "172.16.0.0/12")
    assert (route["dev"], route["gateway"], route["metric"]) == ("bond0.7", "10.7.0.9", 50)
    (rule,) = [rule for rule in json.loads(looks["rules"]) if rule["priority"] == 107]
    assert (rule["src"], str(rule["table"])) == ("10.7.0.5", "107")


def test_a_bond_by_lacp(looks):
    data = links(looks)["bond1"]["linkinfo"]["info_data"]
    wanted = {"mode": "802.3ad", "ad_lacp_rate": "fast", "xmit_hash_policy": "layer3+4", "min_links": 1}
    assert {key: data.get(key) for key in wanted} == wanted
    assert data["ad_select"] == "bandwidth"
    assert not held(links(looks)["bond1"])


def test_a_bridge_over_a_vlan_and_a_card(looks):
    bridge = links(looks)["br0"]
    assert held(bridge) == {"10.8.0.5/24"}
    # In hundredths of a second.
    wanted = {"stp_state": 1, "priority": 8192, "forward_delay": 400, "hello_time": 200, "max_age": 1200}
    data = bridge["linkinfo"]["info_data"]
    assert {key: data.get(key) for key in wanted} == wanted
    assert {links(looks)[name]["master"] for name in ("bond1.8", "eth4")} == {"br0"}
    assert links(looks)["bond1.8"]["link"] == "bond1"
    port = links(looks)["eth4"]["linkinfo"]["info_slave_data"]
    assert (port["cost"], port["priority"]) == (50, 14)


def test_a_lease_in_a_vrf(looks):
    found = links(looks)
    assert found["vrf0"]["linkinfo"]["info_data"]["table"] == 1000
    assert found["eth5"]["master"] == "vrf0"
    (address,) = held(found["eth5"])
    assert address.startswith("10.55.0.")
    (route,) = routes(looks, "1000", "10.55.0.0/24")
    assert (route["dev"], route["metric"]) == ("eth5", 300)


def test_a_dummy(looks):
    dummy = links(looks)["dm0"]
    assert (held(dummy), dummy["mtu"]) == ({"10.66.0.1/32", "fd00:66::1/128"}, 1300)
    assert dummy["linkinfo"]["info_kind"] == "dummy"


def test_networkd_takes_every_line_and_knows_the_ports_of_a_bond(seen):
    log = seen["networkd"]["log"]
    assert "bond0.7: Link UP" in log
    words = ("unknown", "ignoring", "invalid", "failed", "could not")
    assert [row for row in log.splitlines() if any(word in row.lower() for word in words)] == []
    # By their permanent addresses: each of the two has the bond's by then.
    for name in ("eth0", "eth1"):
        assert "/etc/systemd/network/10-tsagent-%s.network" % name in seen["networkd"][name]
