"""el7's network scripts themselves bring up what is rendered for them.

No package that can be had here brings them: TSAGENT_NETWORK_SCRIPTS (`make ifcfg-test SCRIPTS=DIR`) is a tree
into which initscripts (on el8 network-scripts), ipcalc, bridge-utils, iputils and dhclient are unpacked.
"""

import os

import pytest
from reading import addresses, card, device, read, write

from tsagent.netconfig import model

TREE = os.environ["TSAGENT_NETWORK_SCRIPTS"]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


def read_by_scripts(tmp_path, expected, then=""):
    seen = read("scripts", tmp_path, expected, then, NETWORK_SCRIPTS=os.path.abspath(TREE))
    assert " failed" not in seen.log and "rror" not in seen.log, seen.log
    return seen


def test_addresses_routes_and_rules(tmp_path):
    first = card(
        "eth1",
        addresses=addresses("10.9.0.5/24", "10.9.0.6/16", "fd00:9::5/64", "fd00:9::6/64"),
        mtu=1450,
        set_mac="52:54:00:bb:00:01",
        routes=[
            model.Route.parse("default", "10.9.0.1", metric=9),
            model.Route.parse("172.16.0.0/12", "10.9.0.254", metric=7),
            model.Route.parse("default", "192.0.2.1", table=101, on_link=True, source="10.9.0.6"),
            model.Route.parse("203.0.113.0/24", kind="blackhole"),
            model.Route.parse("default", "fe80::1"),
            model.Route.parse("2001:db8::/32", "fd00:9::1", metric=9, table=101),
        ],
        rules=[
            model.Rule(101, "10.9.0.6/32", priority=50, mark=3, tos=16),
            model.Rule(101, "fd00:9::6/128", priority=51),
        ],
        nameservers=["10.9.0.53", "fd00:9::53"],
        search=["a.example", "b.example"],
    )
    first.ethernet.offloads = {"tso": False}
    second = card(
        "eth2",
        addresses=addresses("10.10.0.5/32"),
        routes=[
            model.Route.parse("198.51.100.0/24", "10.9.0.7"),
            model.Route.parse("default", "10.10.0.1", metric=99),
        ],
    )
    write(tmp_path, [first, second], False)
    then = "cat /etc/resolv.conf; ethtool -k eth1 | grep tcp-segmentation-offload"
    seen = read_by_scripts(tmp_path, ["10.9.0.6/16", "10.10.0.5/32"], then)
    assert seen.addresses("eth1") == {"10.9.0.5/24", "10.9.0.6/16", "fd00:9::5/64", "fd00:9::6/64"}
    assert (seen.links["eth1"]["mtu"], seen.links["eth1"]["address"]) == (1450, "52:54:00:bb:00:01")
    found = [(item["gateway"], item["metric"]) for item in seen.route("default", "eth1")]
    assert found == [("10.9.0.1", 9), ("fe80::1", 1)]
    assert [item["metric"] for item in seen.route("172.16.0.0/12", "eth1")] == [7]
    (own,) = seen.route("default", "eth1", "101")
    assert (own["gateway"], own["flags"], own["prefsrc"]) == ("192.0.2.1", ["onlink"], "10.9.0.6")
    assert [item["dst"] for item in seen.routes if item.get("type") == "blackhole"] == ["203.0.113.0/24"]
    assert [item["metric"] for item in seen.route("2001:db8::/32", "eth1", "101")] == [9]
    (rule,) = seen.rule(50)
    assert (rule["src"], rule["fwmark"], rule["tos"], rule["table"]) == ("10.9.0.6", "0x3", "0x10", "101")
    assert [item["src"] for item in seen.rule(51)] == ["fd00:9::6"]
    # Gateways that no address of the card has on its link.
    (beyond,) = seen.route("198.51.100.0/24", "eth2")
    (default,) = [item for item in seen.route("default", "eth2") if item.get("protocol") != "ra"]
    assert (beyond["gateway"], beyond["flags"]) == ("10.9.0.7", ["onlink"])
    assert (default["gateway"], default["flags"], default["metric"]) == ("10.10.0.1", ["onlink"], 99)
    rows = seen.answers.splitlines()
    assert rows[0].split() == ["search", "a.example", "b.example"]
    assert rows[1:3] == ["nameserver 10.9.0.53", "nameserver fd00:9::53"]
    assert rows[3].split() == ["tcp-segmentation-offload:", "off"]


def test_leases_advertisements_and_aliases(tmp_path):
    second = card("eth2", dhcp4=True, accept_ra=True, addresses=addresses("192.0.2.7/24"))
    labelled = card("eth1", accept_ra=False, addresses=addresses("10.9.0.5/24", "10.9.0.6/24"))
    labelled.addresses[1].label = "eth1:web"
    stateful = card("eth3", dhcp4=True, dhcp6=True, ipv6_autoconf=False, optional=True)
    write(tmp_path, [labelled, second, stateful], False)
    expected = ["10.9.0.6/24", "10.88.0.[56]", "fd00:72::5054:ff:feaa:2/64", "10.77.0.[56]", "fd00:73::5"]
    # dnsmasq advertises within ten seconds.
    then = "timeout 20 sh -c 'until ip -6 route show default dev eth3 | grep -q via; do sleep 0.2; done'\n"
    then += "cat /proc/sys/net/ipv6/conf/eth1/accept_ra"
    seen = read_by_scripts(tmp_path, expected, then)
    labels = {item["local"]: item.get("label") for item in seen.addressed["eth1"] + seen.addressed["eth2"]}
    assert (labels["10.9.0.6"], labels["192.0.2.7"]) == ("eth1:web", "eth2:0")
    assert seen.answers.strip() == "0"
    # Addresses from the DHCP server alone, the default route from the router.
    assert all(item.startswith(("10.77.0.", "fd00:73::5")) for item in seen.addresses("eth3"))
    assert "ra" in [item["protocol"] for item in seen.route("default", "eth3")]


def test_a_bridge_and_its_ports(tmp_path):
    bridge = device("br0", model.BRIDGE, addresses=addresses("10.9.0.5/24"), members=["eth1", "eth2"])
    bridge.bridge.stp, bridge.bridge.priority, bridge.bridge.age = False, 4096, 250
    bridge.bridge.forward_delay, bridge.bridge.hello_time, bridge.bridge.max_age = 4, 3, 12
    bridge.bridge.port_cost, bridge.bridge.port_priority = {"eth1": 50}, {"eth2": 28}
    write(tmp_path, [card("eth1"), card("eth2"), bridge], False)
    seen = read_by_scripts(tmp_path, ["10.9.0.5/24"])
    made = seen.links["br0"]["linkinfo"]["info_data"]
    times = (made["ageing_time"], made["forward_delay"], made["hello_time"], made["max_age"])  # hundredths
    assert (made["stp_state"], made["priority"], times) == (0, 4096, (25000, 400, 300, 1200))
    ports = {name: seen.links[name]["linkinfo"]["info_slave_data"] for name in ("eth1", "eth2")}
    assert (ports["eth1"]["cost"], ports["eth2"]["priority"]) == (50, 28)
