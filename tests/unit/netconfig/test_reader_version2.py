"""Version 2 into the model: what each word of netplan's means, and what is said of what cannot be taken."""

import pytest

from tsagent import netconfig
from tsagent.netconfig.readers import format_of

MAC = "52:54:00:12:34:56"
E0 = "/ethernets/eth0"


def read(**sections):
    document = {key.replace("_", "-"): sections[key] for key in sections}
    return netconfig.read("v2", dict(document, version=2))


def card(**settings):
    return read(ethernets={"eth0": {key.replace("_", "-"): settings[key] for key in settings}})


def told(network):
    return [(item.severity, item.path, item.message) for item in network.problems]


def only(network):
    """The one device of a network without problems, as data without its name and kind."""
    assert told(network) == []
    assert len(network.devices) == 1
    found = network.devices[0].as_data()
    del found["name"], found["kind"]
    return found


@pytest.mark.parametrize(
    "settings, wanted",
    [
        ({"dhcp4": True, "dhcp6": False}, {"dhcp4": True, "dhcp6": False}),
        ({"dhcp4": "yes", "dhcp6": "no"}, {"dhcp4": True, "dhcp6": False}),
        ({"accept_ra": False}, {"accept_ra": False}),
        ({"mtu": "9000", "ipv6_mtu": 1400}, {"mtu": 9000, "mtu6": 1400}),
        ({"macaddress": MAC.upper()}, {"set_mac": MAC}),
        ({"optional": True, "critical": True}, {"optional": True, "critical": True}),
        ({"activation_mode": "off"}, {"activation": "off"}),
        ({"activation_mode": False}, {"activation": "off"}),  # what YAML makes of `off`
        ({"ignore_carrier": True, "ipv6_privacy": True}, {"ignore_carrier": True, "ipv6_privacy": True}),
        ({"ipv6_address_generation": "eui64"}, {"ipv6_generation": "eui64"}),
        ({"ipv6_address_token": "::a:1"}, {"ipv6_token": "::a:1"}),
        ({"link_local": []}, {"link_local": []}),
        ({"link_local": ["ipv6", "ipv4"]}, {"link_local": [4, 6]}),
        ({"dhcp4": True, "dhcp_identifier": "mac"}, {"dhcp4": True, "dhcp4_options": {"identifier": "mac"}}),
        (
            {
                "dhcp4": True,
                "dhcp4_overrides": {
                    "use-dns": False,
                    "use-domains": "route",
                    "use-hostname": "no",
                    "use-mtu": False,
                    "use-ntp": True,
                    "use-routes": False,
                    "send-hostname": True,
                    "hostname": "node7.example",
                    "route-metric": 300,
                },
            },
            {
                "dhcp4": True,
                "dhcp4_options": {
                    "hostname": "node7.example",
                    "route_metric": 300,
                    "send_hostname": True,
                    "use_dns": False,
                    "use_domains": "route",
                    "use_hostname": False,
                    "use_mtu": False,
                    "use_ntp": True,
                    "use_routes": False,
                },
            },
        ),
        (
            {"dhcp6": True, "dhcp6_overrides": {"use-domains": True}},
            {"dhcp6": True, "dhcp6_options": {"use_domains": "yes"}},
        ),
        ({"dhcp4": True, "dhcp4domain": False}, {"dhcp4": True, "dhcp4_options": {"use_domains": "no"}}),
        (
            {"accept_ra": True, "ra_overrides": {"use-dns": False, "use-domains": True, "table": 7}},
            {"accept_ra": True, "ra_options": {"table": 7, "use_dns": False, "use_domains": "yes"}},
        ),
        (
            {"nameservers": {"addresses": ["1.1.1.1", "FD00::53"], "search": ["a.example", "~b.example"]}},
            {"nameservers": ["1.1.1.1", "fd00::53"], "search": ["a.example", "~b.example"]},
        ),
        ({"wakeonlan": True}, {"ethernet": {"wake_on_lan": True}}),
        (
            {
                "receive_checksum_offload": True,
                "tcp6_segmentation_offload": False,
                "large_receive_offload": False,
            },
            {"ethernet": {"offloads": {"rx": True, "tx-tcp6-segmentation": False, "lro": False}}},
        ),
        ({"renderer": "networkd"}, {}),
    ],
)
def test_a_setting(settings, wanted):
    assert only(card(**settings)) == wanted


def test_addresses_and_gateways():
    network = card(
        addresses=[
            "10.0.0.2/24",
            {"10.0.0.3/32": {"label": "eth0:svc", "lifetime": 0}},
            {"fd00::2/64": None},
        ],
        gateway4="10.0.0.1",
        gateway6="fd00::1",
    )
    found = only(network)
    assert found["addresses"] == [
        {"ip": "10.0.0.2", "prefix": 24},
        {"deprecated": True, "ip": "10.0.0.3", "label": "eth0:svc", "prefix": 32},
        {"ip": "fd00::2", "prefix": 64},
    ]
    assert [(item["to"], item["via"]) for item in found["routes"]] == [
        ("0.0.0.0/0", "10.0.0.1"),
        ("::/0", "fd00::1"),
    ]


@pytest.mark.parametrize(
    "route, wanted",
    [
        ({"to": "default", "via": "10.0.0.1"}, {"to": "0.0.0.0/0", "via": "10.0.0.1"}),
        ({"to": "default", "via": "fd00::1"}, {"to": "::/0", "via": "fd00::1"}),
        (
            {"to": "0.0.0.0/0", "via": "10.0.0.1", "metric": 5},
            {"to": "0.0.0.0/0", "via": "10.0.0.1", "metric": 5},
        ),
        ({"to": "10.9.8.7", "on-link": True}, {"to": "10.9.8.7/32", "on_link": True}),
        ({"to": "10.9.8.7/16", "scope": "link"}, {"to": "10.9.0.0/16", "scope": "link"}),
        ({"to": "10.9.0.0/16", "type": "blackhole"}, {"to": "10.9.0.0/16", "kind": "blackhole"}),
        (
            {"to": "fd01::/32", "via": "fd00::1", "from": "fd00::9/128", "table": 7},
            {"to": "fd01::/32", "via": "fd00::1", "source": "fd00::9", "table": 7},
        ),
        (
            {
                "to": "10.9.0.0/16",
                "via": "10.0.0.1",
                "mtu": 1400,
                "congestion-window": 20,
                "advertised-receive-window": 30,
                "advertised-mss": 1300,
            },
            {
                "to": "10.9.0.0/16",
                "via": "10.0.0.1",
                "mtu": 1400,
                "congestion_window": 20,
                "receive_window": 30,
                "advertised_mss": 1300,
            },
        ),
    ],
)
def test_a_route(route, wanted):
    assert only(card(routes=[route]))["routes"] == [dict({"kind": "unicast"}, **wanted)]


@pytest.mark.parametrize(
    "rule, wanted",
    [
        ({"from": "10.0.0.2", "table": 7}, {"source": "10.0.0.2/32", "table": 7}),
        (
            {"from": "10.0.0.2/24", "to": "10.1.0.0/16"},
            {"source": "10.0.0.0/24", "table": 254, "to": "10.1.0.0/16"},
        ),
        (
            {"to": "fd00::/8", "table": "9", "priority": 5, "mark": 3, "type-of-service": 16},
            {"mark": 3, "priority": 5, "table": 9, "to": "fd00::/8", "tos": 16},
        ),
    ],
)
def test_a_rule(rule, wanted):
    assert only(card(**{"routing-policy": [rule]}))["rules"] == [wanted]


@pytest.mark.parametrize(
    "match, wanted",
    [
        ({"macaddress": MAC.upper().replace(":", "-")}, {"mac": MAC}),
        ({"name": "enp2*"}, {"match_name": "enp2*"}),
        ({"driver": "mlx5_core", "name": "en*s0"}, {"match_drivers": ["mlx5_core"], "match_name": "en*s0"}),
        ({"driver": ["virtio_net", "smsc*"]}, {"match_drivers": ["virtio_net", "smsc*"]}),
    ],
)
def test_a_match(match, wanted):
    assert only(card(match=match)) == wanted


def test_a_word_with_a_match_may_be_anything_and_is_made_fit_for_files():
    network = read(
        ethernets={'my "card"\n': {"match": {"macaddress": MAC}, "set-name": "lan0"}},
        bonds={"bond0": {"interfaces": ['my "card"\n'], "parameters": {"mode": "802.3ad"}}},
    )
    assert [device.name for device in network.devices] == ["my--card--", "bond0"]
    assert (network.devices[0].set_name, network.devices[1].members) == ("lan0", ["my--card--"])


def test_a_match_of_which_a_part_is_wrong_matches_nothing():
    network = card(match={"macaddress": MAC, "driver": "a;b"}, dhcp4=True)
    assert network.devices == []
    assert [item.path for item in network.problems] == [E0 + "/match/driver", E0 + "/match"]


def test_every_kind_of_device():
    network = read(
        ethernets={
            "renderer": "networkd",
            "lo": {"addresses": ["10.9.9.9/32"]},
            "eth0": None,
            "eth1": {},
            "ib0": {"infiniband-mode": "connected"},
            "ib1": {"match": {"macaddress": ":".join(["0a"] * 20)}},
        },
        bonds={
            "bond0": {
                "interfaces": ["eth0"],
                "parameters": {
                    "mode": "active-backup",
                    "mii-monitor-interval": "1s",
                    "up-delay": 200,
                    "learn-packet-interval": "2m",
                    "gratuitious-arp": 2,
                    "all-members-active": "yes",
                    "primary": "eth0",
                },
            }
        },
        bridges={
            "br0": {
                "interfaces": ["eth1"],
                "parameters": {
                    "stp": False,
                    "forward-delay": "4s",
                    "hello-time": "2000ms",
                    "aging-time": 300,
                    "max-age": 20,
                    "priority": 9,
                    "path-cost": {"eth1": 7},
                    "port-priority": {"eth1": 8},
                },
            }
        },
        vlans={"v5": {"id": 5, "link": "bond0", "dhcp4": True}},
        vrfs={
            "red": {
                "table": 10,
                "interfaces": ["v5"],
                "routes": [{"to": "default", "via": "10.0.0.1"}],
                "routing-policy": [{"from": "10.0.0.2"}],
            }
        },
        dummy_devices={"dm0": {"addresses": ["10.8.8.8/32"]}},
    )
    assert told(network) == []
    kinds = [
        "loopback",
        "ethernet",
        "ethernet",
        "infiniband",
        "infiniband",
        "bond",
        "bridge",
        "vlan",
        "vrf",
        "dummy",
    ]
    assert [device.kind for device in network.devices] == kinds
    assert network.find("bond0").as_data()["bond"] == {
        "all_slaves_active": "1",
        "lp_interval": "120",
        "miimon": "1000",
        "mode": "active-backup",
        "num_grat_arp": "2",
        "primary": "eth0",
        "updelay": "200",
    }
    assert network.find("br0").as_data()["bridge"] == {
        "age": 300,
        "forward_delay": 4,
        "hello_time": 2,
        "max_age": 20,
        "port_cost": {"eth1": 7},
        "port_priority": {"eth1": 8},
        "priority": 9,
        "stp": False,
    }
    assert (network.find("v5").vlan, network.find("v5").parent) == (5, "bond0")
    red = network.find("red")
    assert (red.vrf_table, red.members, red.routes[0].table, red.rules[0].table) == (10, ["v5"], 10, 10)
    assert [device.path for device in network.devices[-2:]] == ["/vrfs/red", "/dummy-devices/dm0"]
    assert network.find("lo").path == "/ethernets/lo"


@pytest.mark.parametrize(
    "settings, severity, path, words",
    [
        ({"dhcp4": "maybe"}, "error", "/dhcp4", "true or false"),
        ({"dhcp4": []}, "error", "/dhcp4", "true or false"),
        ({"dhcp4-overrides": {"use-dns": True}}, "warning", "/dhcp4-overrides", "without dhcp4"),
        ({"dhcp4-overrides": 5}, "error", "/dhcp4-overrides", "a mapping"),
        (
            {"dhcp4": True, "dhcp4-overrides": {"hostname": "a b"}},
            "error",
            "/dhcp4-overrides/hostname",
            "host name",
        ),
        (
            {"dhcp4": True, "dhcp4-overrides": {"usedns": 1}},
            "warning",
            "/dhcp4-overrides/usedns",
            '"use-dns"',
        ),
        ({"dhcp-identifier": "serial"}, "error", "/dhcp-identifier", "mac or duid"),
        ({"ra-overrides": {"use-dns": "x"}}, "error", "/ra-overrides/use-dns", "true or false"),
        (
            {"ipv6-address-generation": "random"},
            "error",
            "/ipv6-address-generation",
            "eui64 or stable-privacy",
        ),
        ({"ipv6-address-token": "fd00::1"}, "error", "/ipv6-address-token", "64 bits"),
        (
            {"ipv6-address-generation": "eui64", "ipv6-address-token": "::1"},
            "error",
            "/ipv6-address-token",
            "which counts",
        ),
        ({"ipv6-mtu": 1279}, "error", "/ipv6-mtu", "from 1280"),
        ({"link-local": ["ipx"]}, "error", "/link-local/0", "ipv4 or ipv6"),
        ({"activation-mode": "never"}, "error", "/activation-mode", "manual or off"),
        ({"macaddress": "random"}, "warning", "/macaddress", "not supported"),
        ({"macaddress": "nonsense"}, "error", "/macaddress", "hardware address"),
        ({"set-name": "lan0"}, "error", "/set-name", "needs match"),
        ({"match": {"macaddress": MAC}, "set-name": "a/b"}, "error", "/set-name", "interface name"),
        ({"match": {"name": "!eth0"}}, "error", "/match/name", "pattern"),
        ({"match": {"driver": "a b;c"}}, "error", "/match/driver", "pattern"),
        ({"match": {"path": "pci-0000"}}, "error", "/match", "left out"),
        ({"match": {"macaddress": MAC, "nmae": "x"}}, "warning", "/match/nmae", '"name"'),
        ({"infiniband-mode": "fast"}, "error", "/infiniband-mode", "connected"),
        ({"renderer": "NetworkManager"}, "warning", "/renderer", "no effect"),
        ({"addresses": ["10.0.0.2"]}, "warning", "/addresses/0", "of /24"),
        ({"addresses": [{"fd00::1/64": {"label": "x"}}]}, "error", "/addresses/0/fd00::1~164/label", "IPv4"),
        (
            {"addresses": [{"10.0.0.1/8": {"lifetime": 5}}]},
            "error",
            "/addresses/0/10.0.0.1~18/lifetime",
            "forever",
        ),
        ({"addresses": [["10.0.0.1/8"]]}, "error", "/addresses/0", "one value"),
        ({"gateway4": "fd00::1"}, "error", "/gateway4", "different IP versions"),
        ({"routes": [{"via": "10.0.0.1"}]}, "error", "/routes/0", "where to"),
        ({"routes": [{"to": "default", "via": "x"}]}, "error", "/routes/0/via", "IP address"),
        ({"routes": [{"to": "10.0.0.0/8", "table": 0}]}, "error", "/routes/0/table", "from 1"),
        ({"routes": [{"to": "10.0.0.0/8", "type": "magic"}]}, "error", "/routes/0", "blackhole"),
        ({"routes": [{"to": "10.0.0.0/8", "table": [1]}]}, "error", "/routes/0", "no list"),
        ({"routes": {"to": "x"}}, "error", "/routes", "IP address"),
        ({"routing-policy": [{"table": 5}]}, "error", "/routing-policy/0", "needs a from"),
        (
            {"routing-policy": [{"from": "x", "to": "10.0.0.0/8"}]},
            "error",
            "/routing-policy/0/from",
            "IP address",
        ),
        ({"nameservers": ["1.1.1.1"]}, "error", "/nameservers", "a mapping"),
        ({"nameservers": {"addresses": ["dns.example"]}}, "error", "/nameservers/addresses/0", "IP address"),
        ({"nameservers": {"adresses": []}}, "warning", "/nameservers/adresses", '"addresses"'),
        ({"openvswitch": {}}, "warning", "/openvswitch", "not supported"),
        ({"auth": {"password": "hidden"}}, "warning", "/auth", "not supported"),
        ({"dchp4": True}, "warning", "/dchp4", '"dhcp4"'),
        ({"interfaces": []}, "warning", "/interfaces", "not known"),
    ],
)
def test_what_cannot_be_taken_is_named(settings, severity, path, words):
    found = told(card(**settings))
    assert any(item[:2] == (severity, E0 + path) and words in item[2] for item in found), found
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    "sections, severity, path, words",
    [
        ({"ethernets": []}, "error", "/ethernets", "a mapping"),
        ({"ethernets": {"eth0": []}}, "error", "/ethernets/eth0", "a mapping"),
        ({"ethernets": {"a/b": {}}}, "error", "/ethernets/a~1b", "interface name"),
        ({"ethernets": {"x" * 16: {}}}, "error", "/ethernets/" + "x" * 16, "at most 15"),
        ({"tunnels": {"t0": {"mode": "gre"}}}, "warning", "/tunnels/t0", "left out"),
        ({"wifis": {"w0": {}}}, "warning", "/wifis/w0", "left out"),
        ({"modems": {"m0": {}}}, "warning", "/modems/m0", "left out"),
        ({"virtual-ethernets": {"v0": {}}}, "warning", "/virtual-ethernets/v0", "left out"),
        ({"nm-devices": {"n0": {}}}, "warning", "/nm-devices/n0", "left out"),
        (
            {"tunnels": {"t0": {}}, "bridges": {"br0": {"interfaces": ["t0"]}}},
            "error",
            "/bridges/br0/interfaces/0",
            "t0",
        ),
        ({"ethernet": {}}, "warning", "/ethernet", '"ethernets"'),
        ({"renderer": "a\nb"}, "error", "/renderer", "network service"),
        ({"vlans": {"v": {"link": "eth0"}}}, "error", "/vlans/v/id", "needs an id"),
        ({"vlans": {"v": {"id": 5}}}, "error", "/vlans/v/link", "left out"),
        ({"vlans": {"v": {"id": 4095, "link": "eth0"}}}, "error", "/vlans/v/id", "from 0 to 4094"),
        ({"vrfs": {"v": {}}}, "error", "/vrfs/v/table", "needs a table"),
        ({"bonds": {"b": {"parameters": {"mod": "802.3ad"}}}}, "warning", "/bonds/b/parameters/mod", "mode"),
        (
            {"bonds": {"b": {"parameters": {"up-delay": "1h30"}}}},
            "error",
            "/bonds/b/parameters/up-delay",
            "a number",
        ),
        (
            {"bridges": {"b": {"parameters": {"max-age": "900ms"}}}},
            "error",
            "/bridges/b/parameters/max-age",
            "whole",
        ),
        (
            {"bridges": {"b": {"parameters": {"forward-delay": 4000}}}},
            "error",
            "/bridges/b/parameters/forward-delay",
            "30",
        ),
        ({"bonds": {"b": {"match": {"name": "x"}}}}, "warning", "/bonds/b/match", "not known"),
        (
            {
                "ethernets": {
                    "a": {"match": {"macaddress": MAC}, "set-name": "lan0"},
                    "b": {"match": {"macaddress": MAC[:-1] + "7"}, "set-name": "lan0"},
                }
            },
            "error",
            "/ethernets/b",
            "keeps its own",
        ),
    ],
)
def test_what_is_wrong_with_a_section_is_named(sections, severity, path, words):
    found = told(read(**sections))
    assert any(item[:2] == (severity, path) and words in item[2] for item in found), found


@pytest.mark.parametrize(
    "document, form",
    [
        ({"version": 2}, "v2"),
        ({"version": "2"}, "v2"),
        ({"version": 1, "config": []}, "v1"),
        ({"version": True}, ""),
        ({"version": 3}, ""),
        ({"version": [2]}, ""),
        ({"ethernets": {}}, "v2"),
        ({"links": [], "networks": []}, "openstack"),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_which_format_a_document_has(document, form):
    assert format_of(document) == form
