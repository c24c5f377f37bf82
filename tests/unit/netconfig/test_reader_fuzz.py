"""Whatever a document holds, a reader neither falls over it nor lets anything odd into the model.

Renderers put the model's texts into lines of files that shells and daemons read.
"""

import copy
import random
import re

import pytest

from tsagent import netconfig
from tsagent.netconfig import renderers
from tsagent.netconfig.readers import format_of

DOCUMENTS = [
    {
        "version": 2,
        "renderer": "networkd",
        "ethernets": {
            "a": {
                "match": {"macaddress": "52:54:00:00:00:01", "driver": ["virtio*"], "name": "en*"},
                "set-name": "lan0",
                "dhcp4": True,
                "dhcp4-overrides": {"hostname": "h", "route-metric": 5, "use-domains": "route"},
                "ra-overrides": {"table": 7, "use-domains": True},
                "addresses": ["10.0.0.2/24", {"10.0.0.3/24": {"label": "x:1", "lifetime": 0}}],
                "routes": [
                    {
                        "to": "default",
                        "via": "10.0.0.1",
                        "type": "unicast",
                        "scope": "link",
                        "from": "10.0.0.2",
                    }
                ],
                "routing-policy": [{"from": "10.0.0.2", "table": 7, "priority": 5, "mark": 1}],
                "nameservers": {"addresses": ["1.1.1.1"], "search": ["a.example"]},
                "link-local": ["ipv4"],
                "ipv6-address-token": "::1",
            },
            "eth1": {"macaddress": "52:54:00:00:00:02", "activation-mode": "manual", "mtu": 1500},
        },
        "bonds": {
            "bond0": {
                "interfaces": ["a"],
                "parameters": {"mode": "802.3ad", "primary": "a", "up-delay": "1s"},
            }
        },
        "bridges": {
            "br0": {"interfaces": ["eth1"], "parameters": {"path-cost": {"eth1": 5}, "hello-time": 2}}
        },
        "vlans": {"v5": {"id": 5, "link": "bond0"}},
        "vrfs": {"red": {"table": 9, "interfaces": ["v5"], "routes": [{"to": "default", "via": "10.0.0.1"}]}},
        "dummy-devices": {"dm0": {"addresses": ["fd00::1/64"]}},
        "tunnels": {"t0": {"mode": "gre"}},
    },
    {
        "version": 1,
        "config": [
            {
                "type": "physical",
                "name": "eth0",
                "mac_address": "52:54:00:00:00:01",
                "mtu": 1500,
                "subnets": [
                    {
                        "type": "static",
                        "address": "10.0.0.2",
                        "netmask": "255.255.255.0",
                        "gateway": "10.0.0.1",
                    },
                    {"type": "dhcp", "metric": 5, "control": "manual", "dns_search": "a.example b.example"},
                    {
                        "type": "static6",
                        "address": "fd00::2/64",
                        "routes": [{"network": "fd01::", "prefix": 32}],
                    },
                ],
            },
            {
                "type": "bond",
                "name": "bond0",
                "bond_interfaces": ["eth0"],
                "params": {"bond-mode": 4, "bond-arp_ip_target": ["10.0.0.1"], "bond-primary": "eth0"},
            },
            {
                "type": "bridge",
                "name": "br0",
                "bridge_interfaces": ["eth1"],
                "params": {"bridge_pathcost": ["eth1 50"], "bridge_stp": "on"},
            },
            {"type": "vlan", "name": "bond0.5", "vlan_link": "bond0", "vlan_id": 5},
            {"type": "loopback", "name": "lo", "subnets": [{"type": "static", "address": "10.9.9.9/32"}]},
            {"type": "nameserver", "address": ["1.1.1.1"], "search": ["a.example"], "interface": "eth0"},
            {"type": "route", "destination": "10.0.0.0/8", "gateway": "10.0.0.1", "metric": 3},
        ],
    },
    {
        "links": [
            {
                "id": "tap1",
                "type": "ovs",
                "ethernet_mac_address": "fa:16:3e:00:00:01",
                "mtu": 1500,
                "name": "lan0",
            },
            {"id": "b", "type": "bond", "bond_links": ["tap1"], "bond_mode": "802.3ad", "bond_miimon": 100},
            {
                "id": "v",
                "type": "vlan",
                "vlan_link": "b",
                "vlan_id": 5,
                "vlan_mac_address": "fa:16:3e:00:00:02",
            },
        ],
        "networks": [
            {
                "id": "n",
                "type": "ipv4",
                "link": "v",
                "ip_address": "10.0.0.2",
                "netmask": "255.255.255.0",
                "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}],
                "services": [{"type": "dns", "address": "1.1.1.1"}],
            }
        ],
        "services": [{"type": "dns", "address": "1.1.1.1"}],
    },
]
ODD = [
    None, True, False, 0, -1, 1, 1 << 40, 1 << 20000, 1.5, float("inf"), "", " ", "x", "x\ny", "eth0\n",
    "a'b", 'a"b', "$(reboot)", "`id`", "a;b", "a b", "../../etc/passwd", "/", "-x", "..", "%n",
    "fe80::1%a\nb", "10.0.0.1/24\n", "²", "١٢", "\u2028", "\x00", "[evil]", "x\n[evil]\n", "A" * 5000,
    "default", "all", "0x10", "yes", [], {}, [[]], [None], {"a": None}, {"x\ny": 1}, {1: 2}, (1, 2), {1, 2},
    b"x\n", ["x\ny"], [["a"] * 3] * 3,
]  # fmt: skip
# Letters, digits and the marks of addresses, names, domains and shell patterns.
SAFE = re.compile(r"[A-Za-z0-9_.:/@~*?,+\[\]!-]*\Z")


def places(value, steps=()):
    if steps:
        yield steps
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], steps + (key,))


def changed(seed):
    """A document with some values swapped, removed, doubled or replaced by odd ones."""
    dice = random.Random(seed)
    document = copy.deepcopy(dice.choice(DOCUMENTS))
    for _ in range(dice.randint(1, 4)):
        where = list(places(document))
        if not where:
            break
        steps, others = dice.choice(where), dice.choice(where)
        room = other = document
        for step in steps[:-1]:
            room = room[step]
        for step in others:
            other = other[step]
        act = dice.random()
        if act < 0.6:
            room[steps[-1]] = copy.deepcopy(dice.choice(ODD))
        elif act < 0.7 and isinstance(room, dict):
            room[dice.choice(["x\ny", "a b", "..", "-x", None, 1, True, "A" * 300])] = room.pop(steps[-1])
        elif act < 0.8:
            del room[steps[-1]]
        elif act < 0.9:
            room[steps[-1]] = copy.deepcopy(other)
        else:
            room[steps[-1]] = [copy.deepcopy(room[steps[-1]]) for _ in range(2)]
    return document


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in list(value.items()) if isinstance(value, dict) else value:
            yield from texts(list(item) if isinstance(item, tuple) else item)


@pytest.mark.parametrize("start", range(0, 1500, 250))
def test_odd_documents(start):
    for seed in range(start, start + 250):
        document = changed(seed)
        form = format_of(document) or "v1"
        network = netconfig.read(form, document)
        wrong = [text for text in texts(network.as_data()) if not SAFE.match(text)]
        assert wrong == [], seed
        assert all(str(problem).isprintable() for problem in network.problems), seed
        if seed % 10 == 0:
            netconfig.resolve(network, [])
            for renderer in renderers.NAMES:
                renderers.render(copy.deepcopy(network), renderer, renderers.Options())


def test_a_document_that_is_nested_without_end():
    deep = []
    for _ in range(100):
        deep = [deep]
    network = netconfig.read("v2", {"version": 2, "ethernets": {"eth0": {"addresses": deep}}})
    assert [problem.message for problem in network.problems] == ["is nested more than 20 levels deep"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["v2", "v1", "openstack"])
def test_the_documents_are_taken_as_a_whole_before_they_are_changed(document):
    network = netconfig.read(format_of(document), document)
    assert [problem.path for problem in network.problems if problem.severity == "error"] == []
    assert len(network.devices) >= 3
