"""What is rendered for netplan, read by netplan itself: it writes networkd's files from it, or refuses it."""

import glob
import json
import os
import subprocess
import sys

import pytest
import yaml

from tsagent import netconfig
from tsagent.netconfig import renderers
from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import (
    BOND,
    BRIDGE,
    DUMMY,
    INFINIBAND,
    LOOPBACK,
    MANUAL,
    VLAN,
    VRF,
    Device,
    Network,
)
from tsagent.netconfig.renderers.netplan_yaml import dump

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "unit", "netconfig"))
import readback  # noqa: E402

MAC = "52:54:00:aa:00:01"


def version():
    """The first part of the version of the netplan that is installed."""
    return 1 if os.path.isdir("/usr/share/netplan/netplan_cli") else 0


def generate(tmp_path, files):
    """Write the files, have netplan read them, and give what it writes for networkd, by base name."""
    for item in files:
        path = tmp_path / item.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        os.chmod(str(path), item.mode)
    done = subprocess.run(
        ["netplan", "generate", "--root-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"),
    )
    assert done.returncode == 0 and done.stdout == b"", done.stdout.decode() + files[0].content
    found = {}
    for path in glob.glob(str(tmp_path / "run/systemd/network/*")):
        with open(path) as stream:
            found[path] = stream.read()
    return found


def device(name, kind="ethernet", **values):
    made = Device(name, kind)
    made.interface = name
    for key, value in values.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    return made


def everything():
    card = device(
        "eth1", mac=MAC, set_mac="52:54:00:bb:00:01", dhcp4=True, mtu=1480, mtu6=1400, critical=True
    )
    card.addresses = [
        Address.parse("10.9.0.5/24"),
        Address.parse("10.9.0.6/24"),
        Address.parse("fd00:9::5/64"),
    ]
    card.addresses[1].label, card.addresses[2].deprecated = "eth1:b", True
    card.routes = [
        Route.parse("default", "10.9.0.1", metric=50, source="10.9.0.5"),
        Route.parse("default", "fd00:9::1"),
        Route.parse("172.31.0.0/16", "198.51.100.1", on_link=True, mtu=1300, congestion_window=5),
        Route.parse("203.0.113.0/24", kind="blackhole", table=7),
        Route.parse("198.51.100.128/25", scope="link"),
    ]
    card.rules = [Rule(101, "10.9.0.5/32", priority=101), Rule(101, to="198.51.100.0/24", mark=7, tos=8)]
    card.nameservers, card.search = ["10.0.0.53", "fd00::53"], ["example.com"]
    card.dhcp4_options.use_dns, card.dhcp4_options.use_domains = False, "route"
    card.dhcp4_options.route_metric, card.dhcp4_options.identifier = 77, "mac"
    card.ethernet.wake_on_lan, card.ethernet.offloads = True, {"rx": True, "gro": False}
    six = device("eth2", dhcp4=True, dhcp6=True, accept_ra=True, ipv6_privacy=True, optional=True)
    six.dhcp4_options.use_ntp = six.dhcp6_options.use_ntp = False
    token = device("eth3", accept_ra=True, ipv6_token="::1", link_local=[6], activation=MANUAL)
    drivers = device("any", match_drivers=["virtio_net", "mlx5_core"], match_name="en*", dhcp4=True)
    drivers.interface = None
    bond = device("bond0", BOND, members=["eth4", "eth5"], dhcp4=True, accept_ra=False)
    bond.bond = {
        "mode": "active-backup", "miimon": "100", "updelay": "200", "downdelay": "200", "primary": "eth4",
        "primary_reselect": "better", "fail_over_mac": "active", "num_grat_arp": "3", "resend_igmp": "2",
        "all_slaves_active": "1", "min_links": "1",
    }  # fmt: skip
    bridge = device("br0", BRIDGE, members=["eth6"], addresses=[Address.parse("10.5.0.5/24")])
    bridge.bridge.stp, bridge.bridge.age, bridge.bridge.priority = True, 120, 4096
    bridge.bridge.port_cost, bridge.bridge.port_priority = {"eth6": 42}, {"eth6": 7}
    vlan = device("bond0.7", VLAN, vlan=7, parent="bond0", addresses=[Address.parse("10.7.0.5/24")])
    vrf = device("vrf-a", VRF, vrf_table=40, members=["eth7"], routes=[Route.parse("default", "10.3.0.1")])
    rail = device("ib0", INFINIBAND, addresses=[Address.parse("10.20.0.5/16")])
    rail.ethernet.infiniband_mode = "connected"
    ports = [device("eth%d" % number) for number in (4, 5, 6)]
    return [card, six, token, drivers] + ports + [
        device("eth7", addresses=[Address.parse("10.3.0.5/24")]),
        device("lo", LOOPBACK, addresses=[Address.parse("192.0.2.8/32")]),
        bond,
        bridge,
        vlan,
        vrf,
        rail,
    ]  # fmt: skip


def test_netplan_makes_of_every_setting_what_is_made_for_networkd(tmp_path):
    network = Network()
    network.devices = everything()
    files = renderers.render(network, "netplan", renderers.Options(netplan=version()))
    assert [problem.message for problem in network.problems] == []
    assert [(item.path, item.mode) for item in files] == [("/etc/netplan/50-tsagent.yaml", 0o600)]
    made = generate(tmp_path, files)
    theirs = readback.networkd.read({path.replace("-netplan-", "-tsagent-"): made[path] for path in made})
    ours = readback.networkd.read(
        {item.path: item.content for item in renderers.render(network, "networkd", renderers.Options())}
    )
    assert sorted(theirs) == sorted(ours)
    for found in (theirs, ours):  # of a VRF's routes netplan before 1.0 dies: its port has them
        found["vrf-a"]["routes"] = found["eth7"].pop("routes") + found["vrf-a"]["routes"]
    for found, yes in ((theirs, "1"), (ours, "yes")):  # two words for it
        assert found["bond0"]["bond"].pop("AllSlavesActive") == yes
        assert found["br0"]["bridge"].pop("STP") in ("true", "yes")
    facts = (
        "addresses routes rules nameservers search dhcp accept_ra mtu optional onboot bond bridge vlan parent"
    )
    if version():  # it tells systemd-networkd-wait-online itself
        facts = facts.replace("optional ", "")
    for name in sorted(ours):
        for fact in facts.split():
            assert theirs[name].get(fact) == ours[name].get(fact), (name, fact)


DOCUMENT = {
    "version": 2,
    "ethernets": {
        "id0": {
            "match": {"macaddress": MAC},
            "dhcp4": True,
            "dhcp6": None,
            "nameservers": {"search": ["yes"]},
        },
        "eth1": None,
    },
    "tunnels": {"gre1": {"mode": "gre", "local": "192.0.2.1", "remote": "192.0.2.2"}},
}


def document(change=None, **more):
    config = json.loads(json.dumps(dict(DOCUMENT, **more)))
    if change is not None:
        change(config)
    network = netconfig.read("v2", config)
    netconfig.resolve(network, [])
    files = renderers.render(network, "netplan", renderers.Options(netplan=version(), offline=True))
    return files, network.problems


def test_a_document_of_version_2_is_passed_as_it_stands(tmp_path):
    files, problems = document()
    assert problems == []
    made = yaml.safe_load(files[0].content)["network"]
    assert made["tunnels"] == DOCUMENT["tunnels"]
    assert made["ethernets"]["id0"] == {
        "match": {"macaddress": MAC},
        "dhcp4": True,
        "nameservers": {"search": ["yes"]},
    }
    assert made["ethernets"]["eth1"] == {}
    assert any("gre1" in path for path in generate(tmp_path, files))


def test_a_card_that_came_later_is_added_to_the_document(tmp_path):
    network = netconfig.read("v2", json.loads(json.dumps(DOCUMENT)))
    network.devices.append(device("nic1", interface="eth9", addresses=[Address.parse("10.9.9.9/24")]))
    files = renderers.render(network, "netplan", renderers.Options(netplan=version()))
    written = generate(tmp_path, files)
    assert any("gre1" in path for path in written)
    assert "10.9.9.9/24" in "".join(text for path, text in written.items() if "eth9" in path)
    # One that is left alone is not in the file.
    network.devices = [item for item in network.devices if item.name != "eth1"]
    (item,) = renderers.render(network, "netplan", renderers.Options(netplan=version()))
    assert sorted(yaml.safe_load(item.content)["network"]["ethernets"]) == ["eth9", "id0"]


def test_the_file_that_names_a_card_comes_before_netplans_own(tmp_path):
    network = Network()
    network.devices = [device("card", interface="eth0", mac=MAC, set_name="lan0", mtu=1400, dhcp4=True)]
    network.devices[0].ethernet.wake_on_lan = True
    files = renderers.render(network, "netplan", renderers.Options(netplan=version()))
    written = generate(tmp_path, files)
    paths = [item.path for item in files] + list(written)
    (first,) = [item for item in files if item.path.endswith(".link")]
    assert min(os.path.basename(path) for path in paths if path.endswith(".link")) == "05-tsagent-lan0.link"
    assert "Name=lan0\nWakeOnLan=magic\n" in first.content
    # Found by its address alone, it is configured before it has its name, too.
    (text,) = [text for path, text in written.items() if path.endswith(".network")]
    assert "Name=" not in text and MAC in text


def wrong_address(config):
    config["ethernets"]["id0"]["addresses"] = ["10.0.0.300/24", "10.0.0.3/24"]


def no_such_key(config):
    config["ethernets"]["id0"].update(dhcp5=True, addresses=["10.0.0.3/24"])


def overrides_that_differ(config):
    config["ethernets"]["id0"].update(dhcp6=True, addresses=["10.0.0.3/24"])
    config["ethernets"]["id0"]["dhcp6-overrides"] = {"use-dns": False}


def a_vrf_with_routes(config):
    config["ethernets"]["id0"]["addresses"] = ["10.0.0.3/24"]
    routes = [{"to": "192.0.2.0/24", "via": "10.0.0.1"}]
    config["vrfs"] = {"vrf1": {"table": 7, "interfaces": ["id0"], "routes": routes}}


@pytest.mark.parametrize(
    "change, said",
    [
        (wrong_address, "should be an IP address"),
        (no_such_key, "dhcp5"),
        (overrides_that_differ, "use-dns for DHCPv6 alone"),
        (a_vrf_with_routes, None),
    ],
)
def test_what_netplan_would_refuse_is_left_out_and_the_rest_holds(tmp_path, change, said):
    files, problems = document(change, tunnels=None)
    assert said is None or said in " ".join(problem.message for problem in problems)
    written = generate(tmp_path, files)
    text = "".join(text for path, text in written.items() if path.endswith("id0.network"))
    assert "10.0.0.3/24" in text
    if change is a_vrf_with_routes:
        assert "192.0.2.0/24" in "".join(written.values())


def test_devices_that_netplan_is_too_old_for_are_named():
    network = Network()
    network.devices = [device("dummy0", DUMMY), device("eth0", dhcp4=True)]
    network.devices[1].ra_options.use_dns = False
    text = renderers.render(network, "netplan", renderers.Options(netplan=0))[0].content
    assert "dummy" not in text
    assert len(network.problems) == 2
    network.problems = []
    text = renderers.render(network, "netplan", renderers.Options(netplan=1))[0].content
    assert "dummy-devices" in text and "ra-overrides" in text
    assert network.problems == []


@pytest.mark.parametrize(
    "data",
    [
        {"a": {"b": [1, {"c": "d", "e": [True, False, None]}, [2, 3], [], {}], "f": 1.5}},
        {"no": "yes", "on": "1:30", "null": "~", "1": "0x1f", "x y": "- a", "": " ", "q": 'a "b" \\ c'},
        {"line": "a\nb\t\x00\x7f\x85\u2028\ud7ff\U0001f600ä", "empty": {"d": {}, "l": []}},
        [["a"], ["b", ["c", {"d": 1}]], [{"e": {"f": "g"}}]],
    ],
)
def test_what_is_dumped_is_read_back_alike(data):
    assert yaml.safe_load(dump(data)) == data
    assert dump(data).isprintable() or "\n" in dump(data)
