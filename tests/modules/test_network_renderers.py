"""Readers and renderers by tables; `render` as the command line calls it; input that is wrong."""

import json
import os
import stat

import pytest

from tsagent import netconfig
from tsagent.errors import AgentError
from tsagent.netconfig import model, renderers, values

MAC = "52:54:00:aa:00:01"
NICS = [{"name": "eth0", "mac": MAC, "permanent_mac": MAC, "kind": "physical", "ifindex": 2}]


def rendered(form, config, renderer, nics=NICS, managed=False):
    network = netconfig.read(form, config)
    netconfig.resolve(network, nics)
    files = renderers.render(network, renderer, renderers.Options(managed))
    return {item.path: item.content for item in files}, [problem.message for problem in network.problems]


def v2(**device):
    return {"version": 2, "ethernets": {"eth0": device}}


def test_networkd_bond_vlan_and_rename():
    config = {
        "version": 2,
        "ethernets": {"lan": {"match": {"macaddress": MAC}, "set-name": "lan0"}},
        "bonds": {
            "bond0": {"interfaces": ["lan"], "parameters": {"mode": "active-backup", "primary": "lan"}}
        },
        "vlans": {"v5": {"id": 5, "link": "bond0", "dhcp4": True}},
    }
    files, problems = rendered("v2", config, "networkd")
    assert problems == []
    stem = "/etc/systemd/network/10-tsagent-"
    assert sorted(files) == [
        stem + name
        for name in ("bond0.netdev", "bond0.network", "lan0.link", "lan0.network", "v5.netdev", "v5.network")
    ]
    assert "[Link]\nName=lan0\n" in files[stem + "lan0.link"]
    # Until the next start the card is still eth0; the bond will have given it another address by then.
    assert "[Match]\nName=lan0 eth0\nPermanentMACAddress=%s\n" % MAC in files[stem + "lan0.network"]
    assert "Bond=bond0\nLinkLocalAddressing=no\nPrimarySlave=yes" in files[stem + "lan0.network"]
    assert "VLAN=v5" in files[stem + "bond0.network"]
    assert "[VLAN]\nId=5" in files[stem + "v5.netdev"]


def test_openstack_vlan_is_called_after_its_card():
    config = {
        "links": [
            {
                "id": "5b9d7c3e-0000-4000-8000-000000000000",
                "type": "phy",
                "ethernet_mac_address": MAC.upper(),
            },
            {"id": "v", "type": "vlan", "vlan_id": 12, "vlan_link": "5b9d7c3e-0000-4000-8000-000000000000"},
        ],
        "networks": [
            {"id": "n", "type": "ipv6_slaac", "link": "5b9d7c3e-0000-4000-8000-000000000000"},
            {"id": "m", "type": "ipv4_dhcp", "link": "v"},
        ],
    }
    files, problems = rendered("openstack", config, "networkmanager")
    assert problems == []
    names = sorted(os.path.basename(path) for path in files)
    assert names == ["30-tsagent.conf", "tsagent-eth0.12.nmconnection", "tsagent-eth0.nmconnection"]
    slaac = [text for path, text in files.items() if path.endswith("eth0.nmconnection")][0]
    assert "[ipv6]\nmethod=auto\nmay-fail=false\n" in slaac
    assert "[ipv4]\nmethod=disabled\n" in slaac


@pytest.mark.parametrize("renderer", renderers.NAMES)
def test_render_writes_below_the_directory_only(tmp_path, renderer):
    # A device with a match may be called anything.
    name = "../../../../etc/evil"
    config = {"network": {"version": 2, "ethernets": {name: {"match": {"macaddress": MAC}, "dhcp4": True}}}}
    output = tmp_path / "deep" / "out"
    result = netconfig.render(json.dumps(config).encode(), "x.json", renderer, str(output))
    assert result.files and result.problems == []
    for path in result.files:
        assert os.path.basename(path).count("/") == 0 and ".." not in path.split("/")
        mode = stat.S_IMODE(os.stat(str(output) + path).st_mode)
        assert mode == (0o600 if path.endswith((".nmconnection", ".yaml")) else 0o644)
    assert os.listdir(str(tmp_path)) == ["deep"]
    assert sorted(os.listdir(str(tmp_path / "deep"))) == ["out"]


def test_render_takes_yaml(tmp_path):
    data = b"network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}\n"
    result = netconfig.render(data, "x.yaml", "sysconfig", str(tmp_path))
    assert result.files == ["/etc/sysconfig/network-scripts/ifcfg-eth0"]
    assert result.as_data()["problems"] == []


def test_render_of_a_network_that_is_not_to_be_configured(tmp_path):
    for data in (b"network: {config: disabled}", b"{config: disabled}"):
        paths, problems = netconfig.render(data, "x.yaml", "networkd", str(tmp_path))
        assert paths == [] and len(problems) == 1 and "not to be configured" in problems[0]
    assert list(tmp_path.iterdir()) == []


def test_problems_have_their_line_and_column(tmp_path):
    card = b"    eth0:\n      mtu: 7\n      addresses: [10.0.0.2/24, nonsense]\n"
    data = b"network:\n  version: 2\n  ethernets:\n" + card
    paths, problems = netconfig.render(data, "x.yaml", "networkd", str(tmp_path))
    assert paths == ["/etc/systemd/network/10-tsagent-eth0.network"]
    assert problems == [
        "x.yaml:5:12: error: /ethernets/eth0/mtu: mtu should be from 68 to 65535",
        "x.yaml:6:32: error: /ethernets/eth0/addresses/1: should be an IP address, with its prefix length",
    ]
    data = b'{"version": 2,\n "wifis": {"w": {}}}'
    problem = netconfig.render(data, "x.json", "networkd", str(tmp_path)).problems[0]
    assert (problem.name, problem.line) == ("x.json", 2)


@pytest.mark.parametrize(
    "data, renderer, code",
    [
        (b"{}", "networkd", "network-config"),
        (b"[]", "networkd", "network-config"),
        (b"version: 3", "networkd", "network-config"),
        (b"a: [", "networkd", "network-config"),
        (b"\xff\xfe", "networkd", "network-config"),
        (b'{"version": 1, "config": []}', "netscript", "no-such-renderer"),
    ],
)
def test_render_refuses(tmp_path, data, renderer, code):
    with pytest.raises(AgentError) as error:
        netconfig.render(data, "input", renderer, str(tmp_path))
    assert error.value.code == code


@pytest.mark.parametrize(
    "form, config, path, words",
    [
        ("v2", v2(addresses=["10.0.0.300/24"]), "/ethernets/eth0/addresses/0", "IP address"),
        ("v2", v2(addresses=["10.0.0.3/33"]), "/ethernets/eth0/addresses/0", "at most 32"),
        ("v2", v2(dhcp4="maybe"), "/ethernets/eth0/dhcp4", "true or false"),
        ("v2", v2(mtu=1), "/ethernets/eth0/mtu", "from 68"),
        ("v2", v2(match={"macaddress": "nonsense"}), "/ethernets/eth0/match/macaddress", "hardware address"),
        ("v2", v2(match={"driver": "!mlx5"}), "/ethernets/eth0/match", "left out"),
        ("v2", v2(**{"set-name": "x0"}), "/ethernets/eth0/set-name", "needs match"),
        ("v2", v2(openvswitch={}), "/ethernets/eth0/openvswitch", "not supported here"),
        ("v2", v2(dchp4=True), "/ethernets/eth0/dchp4", 'did you mean "dhcp4"?'),
        (
            "v2",
            v2(routes=[{"to": "10.0.0.0/8", "via": "fd00::1"}]),
            "/ethernets/eth0/routes/0",
            "different IP versions",
        ),
        (
            "v2",
            {"version": 2, "ethernets": {"a b\nc": {"dhcp4": True}}},
            "/ethernets/a b?c",
            "interface name",
        ),
        ("v2", {"version": 2, "tunnels": {"t0": {}}}, "/tunnels/t0", "not supported; this one is left out"),
        (
            "v2",
            {"version": 2, "vlans": {"v1": {"id": 5000, "link": "eth0"}}},
            "/vlans/v1/id",
            "from 0 to 4094",
        ),
        ("v2", {"version": 2, "vlans": {"v1": {"id": 5, "link": "eth0"}}}, "/vlans/v1/link", "described"),
        ("v2", {"version": 2, "ethernets": []}, "", ""),
        ("v1", {"config": [{"type": "physical"}]}, "/config/0/name", "left out"),
        (
            "v1",
            {"config": [{"type": "vxlan", "name": "v0"}]},
            "/config/0/type",
            "not supported; v0 is left out",
        ),
        (
            "v1",
            {"config": [{"type": "physical", "name": "eth0", "subnets": [{"type": "magic"}]}]},
            "/config/0/subnets/0/type",
            "left out",
        ),
        (
            "openstack",
            {"links": [{"id": "a", "type": "warp", "ethernet_mac_address": MAC}]},
            "/links/0/type",
            "taken as a card",
        ),
        ("openstack", {"links": [{"id": "a", "type": "phy"}]}, "/links/0", "left out"),
        (
            "openstack",
            {"networks": [{"id": "n", "type": "ipv4", "link": "gone"}]},
            "/networks/0/link",
            "one of the links",
        ),
        ("openstack", {"links": ["x"]}, "/links/0", "a mapping"),
        ("v3", {}, "", "version 1 or 2"),
        ("v2", [], "", "a mapping"),
    ],
)
def test_what_is_left_out_is_named(form, config, path, words):
    network = netconfig.read(form, config)
    if words:
        assert any(item.path == path and words in item.message for item in network.problems), [
            (item.path, item.message) for item in network.problems
        ]
    for renderer in renderers.NAMES:  # and nothing falls over what is left
        netconfig.resolve(network, NICS)
        renderers.render(network, renderer, renderers.Options())


def test_values_never_break_out_of_a_line():
    """Whatever a configuration holds, no renderer writes a line that was not meant."""
    evil = "x\nPRE_UP=/bin/evil\r\n[evil]"
    config = {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"name": evil},
                "addresses": [evil],
                "nameservers": {"addresses": [evil], "search": [evil, "$(evil)", "a;b"]},
                "routes": [{"to": evil, "via": evil}],
                "dhcp4": True,
            },
            "eth1": {
                "dhcp4": True,
                "macaddress": evil,
                "nameservers": {"search": [evil, "`evil`", "ok.example"]},
            },
        },
        "bonds": {"bond0": {"interfaces": ["eth1"], "parameters": {"mode": "802.3ad", "lacp-rate": evil}}},
    }
    for renderer in renderers.NAMES:
        files, _ = rendered("v2", config, renderer)
        assert files
        for text in files.values():
            assert "evil" not in text


@pytest.mark.parametrize(
    "value, mask, wanted",
    [
        ("10.0.0.1", "255.255.240.0", "10.0.0.1/20"),
        ("10.0.0.1/8", "255.255.240.0", "10.0.0.1/8"),
        ("10.0.0.1", None, "10.0.0.1/32"),
        ("FD00:0::1", "ffff:ffff:ffff:ffff::", "fd00::1/64"),
        ("fd00::1", "48", "fd00::1/48"),
    ],
)
def test_addresses(value, mask, wanted):
    assert str(model.Address.parse(value, mask)) == wanted


@pytest.mark.parametrize(
    "value, mask", [("10.0.0.1", "255.0.255.0"), ("10.0.0.1", "ffff::"), ("a", None), ("::1", "129")]
)
def test_bad_addresses(value, mask):
    with pytest.raises(values.Invalid):
        model.Address.parse(value, mask)


def test_a_shared_address_means_the_master():
    nics = [
        {
            "name": "enP1",
            "mac": MAC,
            "permanent_mac": MAC,
            "kind": "physical",
            "master": "eth0",
            "ifindex": 2,
        },
        {"name": "eth0", "mac": MAC, "permanent_mac": MAC, "kind": "physical", "ifindex": 3},
    ]
    network = netconfig.read(
        "v2", {"version": 2, "ethernets": {"a": {"match": {"macaddress": MAC}, "dhcp4": True}}}
    )
    netconfig.resolve(network, nics)
    assert network.devices[0].interface == "eth0"
