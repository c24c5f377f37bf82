"""What is rendered for systemd-networkd, read by a real one in a network namespace.

A real DHCP server with router advertisements is at the other ends. The kernel of the test machine need know
no bonds, VLANs, VRFs and dummies: of those networkd's own parser is asked whether it takes every line.
"""

import json
import os
import re
import subprocess
import sys

import pytest

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

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networkd_namespace.sh")
real = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]
pytestmark = real
# What networkd says of a setting or a file that it does not take.
COMPLAINTS = (
    "unknown", "invalid", "failed", "ignoring", "could not", "not supported", "out of range", "deprecated",
)  # fmt: skip
# Of the machine, not of the files: there is no systemd-hostnamed to give the name that DHCP brought to.
EXPECTED = ("could not set hostname",)


def device(name, kind=ETHERNET, **values):
    made = Device(name, kind)
    made.interface = name
    for key, value in values.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    return made


def addresses(*texts):
    return [Address.parse(text) for text in texts]


def write(tmp_path, devices, to="networkd", **values):
    network = Network()
    network.devices = devices
    for key, value in values.items():
        setattr(network, key, value)
    files = renderers.render(network, to, renderers.Options(netplan=0))
    assert [problem.message for problem in network.problems] == []
    for item in files:
        path = tmp_path / item.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        os.chmod(str(path), item.mode)
    return {os.path.basename(item.path): item.content for item in files}


class Seen:
    """What the kernel and networkd hold once it has done its work."""

    def __init__(self, done):
        assert done.returncode == 0, done.stderr.decode()
        self.log = done.stderr.decode()
        rows = [row for row in done.stdout.decode().splitlines() if row.strip()]
        documents = [json.loads(row) for row in rows[:6]]
        self.links = {item["ifname"]: item for item in documents[0]}
        self.routes = documents[1]
        self.rules = documents[2] + documents[3]
        self.details = {item["ifname"]: item for item in documents[4]}
        self.networkctl = {item["Name"]: item for item in documents[5]["Interfaces"]}

    def complaints(self):
        """The lines of networkd's log that tell of something it did not take."""
        rows = [row for row in self.log.splitlines() if "dnsmasq" not in row]
        bad = [row for row in rows if any(word in row.lower() for word in COMPLAINTS)]
        return [row for row in bad if not any(word in row.lower() for word in EXPECTED)]

    def addresses(self, name, scope="global"):
        return {
            "%s/%d" % (item["local"], item["prefixlen"]): item
            for item in self.links[name]["addr_info"]
            if item["scope"] == scope
        }

    def route(self, to, name, table="main"):
        return [
            item
            for item in self.routes
            if (item["dst"], item.get("dev"), str(item.get("table", "main"))) == (to, name, str(table))
        ]


def run(tree, until, then="", first=""):
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return Seen(
        subprocess.run(
            argv + ["sh", SCRIPT, str(tree), until],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            env=dict(os.environ, THEN=then, FIRST=first),
        )
    )


# The cards that have what they should, in networkd's own words.
ONLINE = 'for card in %s; do networkctl list $card | grep -q "routable *configured" || exit 1; done'


def until(*names, more="true"):
    return "(%s) && %s" % (ONLINE % " ".join(names), more)


def test_addresses_routes_rules_and_leases(tmp_path):
    eth1 = device(
        "eth1",
        mac="52:54:00:aa:00:01",
        set_mac="52:54:00:bb:00:01",
        addresses=addresses("10.9.0.5/24", "10.9.0.6/24", "fd00:9::5/64", "192.0.2.9/32"),
        mtu=1480,
        mtu6=1400,
        accept_ra=False,  # networkd would wait 12 s for a router before it says that it is done
    )
    eth1.addresses[1].label = "eth1:b"
    eth1.addresses[2].deprecated = True
    eth1.routes = [
        Route.parse("default", "10.9.0.1", metric=50),
        Route.parse("default", "fd00:9::1"),
        Route.parse("172.16.0.0/12", "10.9.0.254", mtu=1300, congestion_window=20, receive_window=30),
        Route.parse("172.31.0.0/16", "198.51.100.1", on_link=True, advertised_mss=1200),
        Route.parse("0.0.0.0/0", "10.9.0.1", table=101, source="10.9.0.5"),
        Route.parse("203.0.113.0/24", kind="blackhole"),
        Route.parse("198.51.100.128/25", scope="link"),
    ]
    eth1.rules = [
        Rule(101, "10.9.0.5/32", priority=101),
        Rule(101, to="198.51.100.0/24", mark=7, tos=8, priority=102),
        Rule(101, "fd00:9::5/128", priority=103),
    ]
    eth2 = device("eth2", dhcp4=True, accept_ra=True, ipv6_privacy=True, addresses=addresses("10.8.0.9/24"))
    eth2.dhcp4_options.use_dns = False
    eth2.dhcp4_options.route_metric = 77
    eth2.dhcp4_options.hostname = "other"
    eth2.dhcp4_options.identifier = "mac"
    eth2.ra_options.table = 33
    eth3 = device("eth3", dhcp6=True, accept_ra=False)
    # A gateway on none of its networks is reached all the same.
    eth5 = device("eth5", addresses=addresses("192.0.2.1/32"), accept_ra=False)
    eth5.routes = [Route.parse("default", "192.0.2.254")]
    eth6 = device("eth6", addresses=addresses("10.6.0.5/24"), activation=MANUAL)
    eth7 = device("eth7", dhcp4=True, optional=True)
    write(tmp_path, [eth1, eth2, eth3, eth5, eth6, eth7])
    seen = run(
        tmp_path,
        until("eth1", "eth2", "eth3", "eth5", more="ip -6 addr show eth2 | grep -q temporary"),
        # The card without a cable holds nobody up; eth1 is found again under its new hardware address.
        "/lib/systemd/systemd-networkd-wait-online --timeout=1; networkctl reconfigure eth1;"
        " networkctl status eth1 | grep -q 10-tsagent-eth1.network",
    )
    assert seen.complaints() == []

    found = seen.addresses("eth1")
    assert set(found) == {"10.9.0.5/24", "10.9.0.6/24", "fd00:9::5/64", "192.0.2.9/32"}
    assert found["10.9.0.6/24"]["label"] == "eth1:b"
    assert found["fd00:9::5/64"]["deprecated"] and found["fd00:9::5/64"]["preferred_life_time"] == 0
    assert seen.links["eth1"]["mtu"] == 1480
    assert seen.links["eth1"]["address"] == "52:54:00:bb:00:01"
    assert [(item["gateway"], item["metric"]) for item in seen.route("default", "eth1")] == [
        ("10.9.0.1", 50),
        ("fd00:9::1", 1024),
    ]
    (route,) = seen.route("172.16.0.0/12", "eth1")
    assert route["gateway"] == "10.9.0.254"
    assert route["metrics"] == [{"mtu": 1300, "initcwnd": 20, "initrwnd": 30}]
    (route,) = seen.route("172.31.0.0/16", "eth1")
    assert "onlink" in route["flags"] and route["metrics"] == [{"advmss": 1200}]
    (route,) = seen.route("default", "eth1", 101)
    assert (route["gateway"], route["prefsrc"]) == ("10.9.0.1", "10.9.0.5")
    assert [item["type"] for item in seen.routes if item["dst"] == "203.0.113.0/24"] == ["blackhole"]
    assert seen.route("198.51.100.128/25", "eth1")[0]["scope"] == "link"
    rules = {rule["priority"]: rule for rule in seen.rules}
    assert (rules[101]["src"], str(rules[101]["table"])) == ("10.9.0.5", "101")
    assert rules[102]["dst"] == "198.51.100.0" and int(rules[102]["fwmark"], 16) == 7
    assert "tos" in rules[102]
    assert rules[103]["src"] == "fd00:9::5"

    found = seen.addresses("eth2")
    assert "10.8.0.9/24" in found
    leases = [item for text, item in found.items() if text.startswith("10.77.0.")]
    assert len(leases) == 1 and leases[0]["dynamic"]
    assert "fd77::5054:ff:feaa:2/64" in found  # of the hardware address
    assert [text for text, item in found.items() if item.get("temporary")]
    assert [item["metric"] for item in seen.route("default", "eth2")] == [77]
    assert seen.route("default", "eth2", 33)[0]["protocol"] == "ra"
    # What the client said: the name asked for, its hardware address as its identity.
    assert "client provides name: other" in seen.log
    assert [text for text in seen.addresses("eth3") if text.startswith("fd78::1")]
    assert seen.route("default", "eth3") == []
    assert seen.route("default", "eth5")[0]["gateway"] == "192.0.2.254"
    assert "UP" not in seen.links["eth6"]["flags"] and seen.addresses("eth6") == {}
    assert seen.networkctl["eth7"]["OnlineState"] is None


def test_what_dhcp_and_routers_bring_can_be_refused(tmp_path):
    eth2 = device("eth2", dhcp4=True, accept_ra=True, dhcp6_stateless=True, ipv6_token="::beef")
    eth2.dhcp4_options.use_routes = False
    eth2.dhcp4_options.send_hostname = False
    eth2.dhcp6_options.use_routes = False
    eth2.ra_options.use_dns = False
    eth3 = device("eth3", dhcp6=True, ipv6_autoconf=False, ipv6_generation="stable-privacy")
    eth3.dhcp6_options.route_metric = 600
    eth3.dhcp6_options.use_dns = False
    eth3.dhcp6_options.identifier = "mac"
    write(tmp_path, [eth2, eth3], primary="eth2")
    seen = run(
        tmp_path,
        until(
            "eth2",
            "eth3",
            more="grep -q INFORMATION /run/dnsmasq.log && ip -6 addr show eth2 | grep -q ::beef",
        ),
    )
    assert seen.complaints() == []
    assert "fd77::beef/64" in seen.addresses("eth2")
    assert seen.route("default", "eth2") == []
    (asked,) = set(re.findall(r"(\d+) DHCPDISCOVER\(peer2\)", seen.log))
    assert asked + " requested options" in seen.log and asked + " client provides name" not in seen.log
    assert [text.split("/")[1] for text in seen.addresses("eth3")] == ["128"]
    assert [item["metric"] for item in seen.route("default", "eth3")] == [600]
    # Not made of the hardware address.
    assert "fe80::5054:ff:feaa:3/64" not in seen.addresses("eth3", "link")
    assert seen.networkctl["eth3"]["RequiredForOnline"] is False
    assert seen.networkctl["eth2"]["RequiredForOnline"] is True


def test_a_bridge_and_its_ports(tmp_path):
    bridge = device("br0", BRIDGE, members=["eth1", "eth7"], addresses=addresses("10.5.0.5/24"), mtu=1400)
    bridge.accept_ra = False
    bridge.set_mac = "52:54:00:cc:00:01"
    options = bridge.bridge
    options.stp, options.priority, options.age, options.forward_delay = True, 4096, 120, 2
    options.hello_time, options.max_age = 3, 10
    options.port_cost, options.port_priority = {"eth1": 42}, {"eth1": 7}
    lower = [device("eth1", mac="52:54:00:aa:00:01"), device("eth7")]
    alone = device("br1", BRIDGE, optional=True)
    alone.bridge.stp, alone.bridge.age = False, 120
    write(tmp_path, lower + [bridge, alone])
    # One of the two ports has no cable.
    seen = run(tmp_path, until("br0"), "/lib/systemd/systemd-networkd-wait-online --timeout=2")
    assert seen.complaints() == []
    assert set(seen.addresses("br0")) == {"10.5.0.5/24"}
    assert seen.links["br0"]["address"] == "52:54:00:cc:00:01"
    assert seen.links["br0"]["mtu"] == 1400
    data = seen.details["br0"]["linkinfo"]["info_data"]
    assert (data["stp_state"], data["priority"]) == (1, 4096)
    assert (data["forward_delay"], data["hello_time"], data["max_age"]) == (200, 300, 1000)  # hundredths
    data = seen.details["br1"]["linkinfo"]["info_data"]
    assert (data["stp_state"], data["ageing_time"]) == (0, 12000)
    assert seen.links["eth7"]["master"] == "br0"
    port = seen.details["eth1"]["linkinfo"]["info_slave_data"]
    assert (port["cost"], port["priority"]) == (42, 7)
    assert seen.addresses("eth1", "link") == {}


# The agent's change, run for the namespace's own root: netplan finds its file where it looks for it.
NETPLAN = """
mount --bind {tree}/etc/netplan /etc/netplan
PYTHONPATH={checkout} {python} -c '
import os
from tsagent.changes import GenerateNetplan
from tsagent.host import Host, Runner
GenerateNetplan().apply(Host("/", runner=Runner(os.environ["PATH"])))'
"""


def test_networkd_does_what_netplan_was_told(tmp_path):
    eth1 = device("eth1", addresses=addresses("10.9.0.5/24"), accept_ra=False, mtu=1480)
    eth1.routes = [
        Route.parse("default", "10.9.0.1", metric=50),
        Route.parse("default", "10.9.0.1", table=101),
    ]
    eth1.rules = [Rule(101, "10.9.0.5/32", priority=101)]
    eth2 = device("eth2", dhcp4=True, accept_ra=True)
    eth2.dhcp4_options.route_metric = 77
    bridge = device("br0", BRIDGE, members=["eth5"], addresses=addresses("10.5.0.5/24"), accept_ra=False)
    bridge.bridge.stp = False
    bridge.bridge.port_cost = {"eth5": 42}
    write(
        tmp_path,
        [eth1, eth2, bridge, device("eth5"), device("eth7", dhcp4=True)],
        to="netplan",
        primary="eth2",
    )
    first = NETPLAN.format(tree=tmp_path, checkout=os.getcwd(), python=sys.executable)
    wait = "/lib/systemd/systemd-networkd-wait-online --timeout=1"
    seen = run(tmp_path, until("eth1", "eth2", "br0"), wait, first)
    assert seen.complaints() == []
    assert set(seen.addresses("eth1")) == {"10.9.0.5/24"}
    assert [item["metric"] for item in seen.route("default", "eth1")] == [50]
    assert len(seen.route("default", "eth1", 101)) == 1
    assert [rule["src"] for rule in seen.rules if rule["priority"] == 101] == ["10.9.0.5"]
    assert {item["metric"] for item in seen.route("default", "eth2")} == {77}
    assert seen.details["eth5"]["linkinfo"]["info_slave_data"]["cost"] == 42
    assert set(seen.addresses("br0")) == {"10.5.0.5/24"}


def everything():
    """Devices of every kind, with every setting of each."""
    bond = device("bond0", BOND, members=["eth1", "eth2"], set_mac="52:54:00:bb:00:02", critical=True)
    bond.bond = {
        "mode": "active-backup", "miimon": "100", "updelay": "200", "downdelay": "200", "primary": "eth1",
        "primary_reselect": "better", "fail_over_mac": "1", "num_grat_arp": "3", "resend_igmp": "2",
        "all_slaves_active": "1", "min_links": "1",
    }  # fmt: skip
    lacp = device("bond1", BOND, link_local=[])
    lacp.bond = {
        "mode": "802.3ad", "lacp_rate": "fast", "xmit_hash_policy": "layer3+4", "ad_select": "bandwidth",
        "ad_actor_sys_prio": "100", "ad_user_port_key": "7", "ad_actor_system": "52:54:00:dd:00:01",
        "miimon": "100",
    }  # fmt: skip
    arp = device("bond2", BOND)
    arp.bond = {
        "mode": "balance-rr", "arp_interval": "500", "arp_ip_target": "10.0.0.1,10.0.0.2",
        "packets_per_slave": "4", "arp_validate": "none", "arp_all_targets": "any",
    }  # fmt: skip
    tlb = device("bond3", BOND)
    tlb.bond = {"mode": "balance-tlb", "tlb_dynamic_lb": "0", "lp_interval": "2", "miimon": "100"}
    vlan = device("bond0.7", VLAN, vlan=7, parent="bond0", mtu=1496, dhcp4=True, ignore_carrier=True)
    vrf = device("vrf-a", VRF, vrf_table=40, members=["eth3"], routes=[Route.parse("default", "10.3.0.1")])
    vrf.rules = [Rule(40, "10.3.0.0/24")]
    rail = device("ib0", INFINIBAND, addresses=addresses("10.20.0.5/16"))
    link = device("eth4", mac="52:54:00:aa:00:04", set_name="lan0", link_local=[4, 6], activation=OFF)
    link.ethernet.wake_on_lan = True
    link.ethernet.offloads = {
        "rx": True, "tx": False, "tso": True, "tx-tcp6-segmentation": False, "gso": True, "gro": False,
        "lro": True,
    }  # fmt: skip
    driver = device("any", match_drivers=["virtio*", "mlx5_core"], dhcp4=True)
    driver.interface = None
    driver.dhcp4_options.use_ntp = driver.dhcp4_options.use_mtu = driver.dhcp4_options.use_hostname = False
    driver.dhcp4_options.use_domains = "route"
    driver.dhcp6 = True
    driver.dhcp6_options.use_ntp = driver.dhcp6_options.use_mtu = driver.dhcp6_options.use_hostname = False
    driver.dhcp6_options.use_domains = "yes"
    driver.ra_options.use_domains = "no"
    return [
        device("eth1", mac="52:54:00:aa:00:01"),
        device("eth2"),
        bond,
        lacp,
        arp,
        tlb,
        vlan,
        vrf,
        device("eth3", addresses=addresses("10.3.0.5/24")),
        rail,
        link,
        driver,
        device("dummy0", DUMMY, addresses=addresses("192.0.2.7/32")),
        device("lo", LOOPBACK, addresses=addresses("192.0.2.8/32")),
    ]


def test_networkd_and_udev_take_every_line(tmp_path):
    write(tmp_path, everything(), nameservers=["10.0.0.53", "fd00::53"], search=["example.com", "~corp"])
    # A file is parsed whether or not there is a card for it; this kernel may not make each device.
    seen = run(
        tmp_path,
        "ip addr show lo | grep -q 192.0.2.8 && grep -q vrf-a /run/networkd.log",
        "SYSTEMD_LOG_LEVEL=info udevadm test-builtin net_setup_link /sys/class/net/eth4 2>&1 |"
        " sed s/^/udev:/",
    )
    wrong = [row for row in seen.complaints() if "netdev could not be created: Operation not supp" not in row]
    assert [row for row in wrong if not row.startswith("udev:")] == []
    assert "udev:ID_NET_LINK_FILE=/etc/systemd/network/10-tsagent-lan0.link" in seen.log
    assert "udev:ID_NET_NAME=lan0" in seen.log
    assert "10-tsagent-lan0.link:" not in seen.log, "udev names a line that it does not take"
