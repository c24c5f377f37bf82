"""What is rendered for NetworkManager, done by a real one in a network namespace.

A real DHCP server with router advertisements is at the other ends. The kernel of the test machine need know
no bonds, VLANs, VRFs and dummies: those are for its parser alone here (test_networkmanager_parser.py), and
for a machine of their own in tests/vm.
"""

import json
import os
import subprocess

import pytest

from tsagent.netconfig import renderers
from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import BRIDGE, ETHERNET, Device, Network

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networkmanager_namespace.sh")
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]


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


def write(tmp_path, devices, **values):
    network = Network()
    network.devices = devices
    for key, value in values.items():
        setattr(network, key, value)
    files = renderers.render(network, "networkmanager", renderers.Options())
    assert [problem.message for problem in network.problems] == []
    for item in files:
        path = tmp_path / item.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        os.chmod(str(path), item.mode)


class Seen:
    """What the kernel holds once NetworkManager has done its work."""

    def __init__(self, done):
        assert done.returncode == 0, done.stderr.decode()
        self.log = done.stderr.decode()
        rows = [row for row in done.stdout.decode().splitlines() if row.strip()]
        documents = [json.loads(row) for row in rows[:5]]
        self.links = {item["ifname"]: item for item in documents[0]}
        self.routes = documents[1]
        self.rules = documents[2] + documents[3]
        self.details = {item["ifname"]: item for item in documents[4]}
        self.shown = rows[5:]

    def addresses(self, name):
        return {
            "%s/%d" % (item["local"], item["prefixlen"])
            for item in self.links[name]["addr_info"]
            if item["scope"] == "global"
        }

    def route(self, to, name=None, table="main", version=4):
        """The one route to a network, of a device or of none."""
        found = [
            item
            for item in self.routes
            if (item["dst"], str(item.get("table", "main"))) == (to, table)
            and name in (None, item.get("dev"))
            and (":" in to + item.get("gateway", "")) == (version == 6)
        ]
        assert len(found) <= 1, found
        return found[0] if found else None


def run(tree, until, **environment):
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        argv + ["sh", SCRIPT, str(tree), until],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(os.environ, **environment),
    )
    return Seen(done)


WAY_OUT = " && ip route show table all | grep -q 'default.* %s'"


def there(*texts):
    """The shell condition that the addresses are there and usable."""
    return " && ".join("ip -o addr | grep -v tentative | grep -q 'inet6* %s'" % text for text in texts)


def test_what_is_taken_of_a_lease(tmp_path):
    write(
        tmp_path,
        [
            device(
                "eth1",
                dhcp4=True,
                dhcp4_options__use_routes=False,
                dhcp4_options__use_dns=False,
                dhcp4_options__send_hostname=False,
                dhcp4_options__identifier="mac",
                nameservers=["192.0.2.53"],
                search=["own.example"],
                routes=[Route("0.0.0.0/0", "10.78.0.7", metric=900)],
            ),
            device(
                "eth2",
                dhcp4=True,
                dhcp4_options__route_metric=700,
                dhcp4_options__hostname="chosen",
                addresses=addresses("10.99.0.5/24"),
                mtu=1400,
            ),
        ],
    )
    show = "for card in eth1 eth2; do for key in IP4.DNS IP4.DOMAIN IP4.SEARCHES; do"
    show += " echo $card $(nmcli -g $key device show $card); done; done"
    seen = run(tmp_path, there("10.78.0.5", "10.77.0.5", "10.99.0.5/24") + WAY_OUT % "dev eth2", SHOW=show)
    # Nothing of the server's routes, and the one way out that is written down.
    ways = [item["gateway"] for item in seen.routes if item.get("dev") == "eth1" and "gateway" in item]
    assert ways == ["10.78.0.7"]
    assert seen.route("default", "eth1")["metric"] == 900
    assert seen.route("default", "eth2")["metric"] == 700
    assert seen.route("10.55.0.0/16", "eth2") is not None
    leased = {text for text in seen.addresses("eth2") if text.startswith("10.77.0.5")}
    assert len(leased) == 1
    assert {text for text in seen.addresses("eth2") if ":" not in text} == leased | {"10.99.0.5/24"}
    assert seen.links["eth2"]["mtu"] == 1400
    assert seen.shown == [
        "eth1 192.0.2.53", "eth1", "eth1 own.example",
        "eth2 10.77.0.1", "eth2 lease.example", "eth2",
    ]  # fmt: skip
    asked = [
        row.split("client provides name: ")[1] for row in seen.log.splitlines() if "client provides" in row
    ]
    assert set(asked) == {"chosen"}


def test_routes_rules_and_addresses_that_are_written_down(tmp_path):
    write(
        tmp_path,
        [
            device(
                "eth4",
                mac="52:54:00:aa:00:04",
                addresses=addresses("10.9.0.5/24", "10.9.0.6/24", "fd00:9::5/64"),
                set_mac="02:00:00:00:00:04",
                routes=[
                    Route("0.0.0.0/0", "10.9.0.1"),
                    Route("0.0.0.0/0", "10.9.0.1", table=104),
                    Route("172.16.0.0/12", "10.9.0.254", metric=50, mtu=1300, source="10.9.0.6"),
                    Route("10.21.0.0/16", kind="blackhole"),
                    Route("10.22.0.0/16", kind="unreachable", table=104, metric=5),
                    Route("10.23.0.0/16", scope="link", advertised_mss=1000, congestion_window=11),
                    Route("192.0.2.0/24", "198.51.100.1", on_link=True),
                    Route("::/0", "fd00:9::1"),
                    Route("fd01::/32", "fd00:9::2", metric=77, table=104),
                ],
                rules=[
                    Rule(104, "10.9.0.6/32", priority=9),
                    Rule(104, to="10.8.0.0/16", mark=16, tos=8),
                    Rule(104, "fd00:9::5/128", priority=11),
                ],
            ),
            # A gateway beside the subnet, as some clouds have it.
            device("eth5", addresses=addresses("10.5.0.5/32"), routes=[Route("0.0.0.0/0", "10.255.0.1")]),
            # No cable.
            device("eth7", addresses=addresses("10.7.0.5/24"), ignore_carrier=True),
        ],
    )
    seen = run(tmp_path, there("10.9.0.5/24", "fd00:9::5/64", "10.5.0.5/32", "10.7.0.5/24"))
    assert seen.addresses("eth4") == {"10.9.0.5/24", "10.9.0.6/24", "fd00:9::5/64"}
    assert seen.links["eth4"]["address"] == "02:00:00:00:00:04"
    assert seen.route("default", "eth4")["gateway"] == "10.9.0.1"
    assert seen.route("default", "eth4", version=6)["gateway"] == "fd00:9::1"
    assert seen.route("default", "eth4", "104")["gateway"] == "10.9.0.1"
    route = seen.route("172.16.0.0/12", "eth4")
    assert (route["gateway"], route["metric"], route["prefsrc"]) == ("10.9.0.254", 50, "10.9.0.6")
    assert route["metrics"] == [{"mtu": 1300}]
    assert seen.route("10.21.0.0/16")["type"] == "blackhole"
    unreachable = seen.route("10.22.0.0/16", None, "104")
    assert (unreachable["type"], unreachable["metric"]) == ("unreachable", 5)
    assert seen.route("10.23.0.0/16", "eth4")["metrics"] == [{"advmss": 1000, "initcwnd": 11}]
    assert "onlink" in seen.route("192.0.2.0/24", "eth4")["flags"]
    assert seen.route("fd01::/32", "eth4", "104", 6)["metric"] == 77
    said = ("priority", "src", "dst", "fwmark", "tos")
    rules = {tuple(rule.get(key) for key in said) for rule in seen.rules if str(rule["table"]) == "104"}
    assert rules == {
        (9, "10.9.0.6", None, None, None),
        (30000, "all", "10.8.0.0", "0x10", "0x08"),
        (11, "fd00:9::5", None, None, None),
    }
    assert seen.route("default", "eth5")["gateway"] == "10.255.0.1"
    assert seen.route("10.255.0.1", "eth5") is not None or "onlink" in seen.route("default", "eth5")["flags"]
    assert "<error>" not in seen.log


def test_a_pattern_means_every_card_that_fits(tmp_path):
    card = device("any", match_name="eth[123]", match_drivers=["ve*"], dhcp4=True, optional=True)
    card.interface = None
    write(tmp_path, [card])
    seen = run(tmp_path, there("10.78.0.5", "10.77.0.5"))
    assert len(seen.addresses("eth1")) == 1


def test_ipv6_from_routers_and_dhcp(tmp_path):
    write(
        tmp_path,
        [
            # Nothing is said of IPv6: it is as the router has it, the address made from the card's own.
            device("eth2", dhcp4=True),
            device("eth3", dhcp6=True),
        ],
    )
    seen = run(
        tmp_path, there("10.77.0.5", "fd77::5054:ff:feaa:2/64", "fd78::1../128") + WAY_OUT % "dev eth3"
    )
    assert seen.route("default", "eth3", version=6)["metric"] > 0
    assert [
        item for item in seen.routes if item.get("dev") == "eth3" and item.get("protocol") == "dhcp"
    ] == []
    assert len([text for text in seen.addresses("eth3") if text.endswith("/128")]) == 1
    assert not [item for item in seen.links["eth3"]["addr_info"] if item["family"] == "inet"]


def test_private_addresses_and_dhcpv6_without_advertisements(tmp_path):
    write(
        tmp_path,
        [
            device("eth2", accept_ra=True, ipv6_privacy=True, ipv6_token="::1:2", ra_options__table=7),
            device("eth3", dhcp6=True, accept_ra=False),
        ],
    )
    seen = run(tmp_path, there("fd78::1../128", "fd77.*temporary") + WAY_OUT % "table 7")
    (private,) = [item for item in seen.links["eth2"]["addr_info"] if item.get("temporary")]
    assert seen.addresses("eth2") == {"fd77::1:2/64", private["local"] + "/64"}
    assert seen.route("default", "eth2", "7", 6) is not None
    # The kernel may have followed the router before the daemon had the card: such a route expires.
    found = [item for item in seen.routes if item["dst"] == "default" and item.get("dev") == "eth2"]
    assert [item.get("table") for item in found if "expires" not in item] == ["7"]
    # Without the router's word there is no way out.
    assert seen.route("default", "eth3", version=6) is None
    assert len(seen.addresses("eth3")) == 1


def test_a_bridge_with_its_ports(tmp_path):
    write(
        tmp_path,
        [
            device("eth4", mac="52:54:00:aa:00:04"),
            device("eth5"),
            device(
                "br0",
                BRIDGE,
                members=["eth4", "eth5"],
                addresses=addresses("10.4.0.5/24"),
                set_mac="02:00:00:00:00:05",
                mtu=1400,
                bridge__stp=True,
                bridge__priority=4096,
                bridge__forward_delay=2,
                bridge__hello_time=1,
                bridge__max_age=6,
            ),
            device("eth7", dhcp4=True),
        ],
    )
    # "Startup complete", which NetworkManager-wait-online waits for: no cable does not hold it up.
    seen = run(tmp_path, there("10.4.0.5/24") + " && nm-online -s -q -t 1")
    assert seen.addresses("br0") == {"10.4.0.5/24"}
    bridge = seen.details["br0"]
    assert (bridge["address"], bridge["mtu"]) == ("02:00:00:00:00:05", 1400)
    data = bridge["linkinfo"]["info_data"]
    # In hundredths of a second.
    wanted = {"stp_state": 1, "priority": 4096, "forward_delay": 200, "hello_time": 100, "max_age": 600}
    assert {key: data[key] for key in wanted} == wanted
    assert {seen.details[name]["master"] for name in ("eth4", "eth5")} == {"br0"}
    assert not seen.addresses("eth4") | seen.addresses("eth5")
