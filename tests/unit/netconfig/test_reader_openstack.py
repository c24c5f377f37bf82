"""OpenStack's network_data.json into the model."""

import pytest

from tsagent import netconfig

MAC = "fa:16:3e:00:00:01"


def read(links, networks=(), services=()):
    return netconfig.read(
        "openstack", {"links": list(links), "networks": list(networks), "services": list(services)}
    )


def link(**more):
    return dict({"id": "tap1", "type": "ovs", "ethernet_mac_address": MAC.upper(), "vif_id": "x"}, **more)


def on_link(**more):
    return dict({"id": "network0", "network_id": "n", "link": "tap1"}, **more)


def told(network):
    return [(item.severity, item.path, item.message) for item in network.problems]


def only(network):
    assert told(network) == []
    assert len(network.devices) == 1
    found = network.devices[0].as_data()
    assert (found.pop("kind"), found.pop("mac")) == ("ethernet", MAC)
    return found


@pytest.mark.parametrize(
    "entry, wanted",
    [
        ({"type": "ipv4_dhcp"}, {"dhcp4": True}),
        ({"type": "ipv6_dhcp"}, {"dhcp6": True, "accept_ra": True}),
        ({"type": "ipv6_dhcpv6-stateful"}, {"dhcp6": True, "accept_ra": True, "ipv6_autoconf": False}),
        ({"type": "ipv6_dhcpv6-stateless"}, {"accept_ra": True, "dhcp6_stateless": True}),
        ({"type": "ipv6_slaac"}, {"accept_ra": True}),
        (
            {"type": "ipv4", "ip_address": "10.0.0.2", "netmask": "255.255.240.0", "gateway": "10.0.0.1"},
            {
                "addresses": [{"ip": "10.0.0.2", "prefix": 20}],
                "routes": [{"kind": "unicast", "to": "0.0.0.0/0", "via": "10.0.0.1"}],
            },
        ),
        (
            {"type": "ipv6", "ip_address": "fd00::2", "netmask": "ffff:ffff:ffff:ffff::"},
            {"accept_ra": False, "addresses": [{"ip": "fd00::2", "prefix": 64}]},
        ),
        (
            {"type": "ipv6", "ip_address": "fd00::2/48", "netmask": "48"},
            {"accept_ra": False, "addresses": [{"ip": "fd00::2", "prefix": 48}]},
        ),
        (
            {
                "type": "ipv4",
                "ip_address": "10.0.0.2",
                "netmask": "255.255.255.0",
                "routes": [
                    {
                        "network": "0.0.0.0",
                        "netmask": "0.0.0.0",
                        "gateway": "10.0.0.1",
                        "services": [{"type": "dns", "address": "10.0.0.53"}],
                    }
                ],
                "services": [
                    {"type": "dns", "address": "10.0.0.54"},
                    {"type": "dns", "address": "10.0.0.53"},
                ],
                "dns_search": ["a.example"],
            },
            {
                "addresses": [{"ip": "10.0.0.2", "prefix": 24}],
                "nameservers": ["10.0.0.53", "10.0.0.54"],
                "routes": [{"kind": "unicast", "to": "0.0.0.0/0", "via": "10.0.0.1"}],
                "search": ["a.example"],
            },
        ),
    ],
)
def test_a_network(entry, wanted):
    assert only(read([link(mtu=None)], [on_link(**entry)])) == dict(wanted, name="tap1")


def test_a_router_has_its_say_where_any_network_wants_it():
    static = on_link(type="ipv6", ip_address="fd00::2", netmask="64")
    network = read([link()], [static, on_link(type="ipv6_slaac", id="n2")])
    assert network.devices[0].accept_ra is True


def test_a_name_is_given_where_it_is_said():
    assert only(read([link(name="lan0", mtu=1450)])) == {"mtu": 1450, "name": "lan0", "set_name": "lan0"}
    assert only(read([link(id="0f3b0e5c-3f4d-4f7f-9d5e-8c1f0f0f0f0f")])) == {"name": "link0"}
    network = read([{"id": "a", "type": "phy", "name": "eth0"}])
    assert (told(network), network.devices[0].mac) == ([], None)


def test_bonds_without_names_are_numbered():
    bond = {"type": "bond", "bond_links": [], "bond_mode": "802.3ad"}
    network = read([dict(bond, id="a", name="bond0"), dict(bond, id="b"), dict(bond, id="c")])
    assert [device.name for device in network.devices] == ["bond0", "bond1", "bond2"]


def test_bonds_and_vlans_refer_to_links_by_their_ids():
    network = read(
        [
            link(),
            link(id="0f3b0e5c-3f4d-4f7f-9d5e-8c1f0f0f0f0f", ethernet_mac_address="fa:16:3e:00:00:02"),
            {
                "id": "some-bond",
                "type": "bond",
                "bond_links": ["tap1", "0f3b0e5c-3f4d-4f7f-9d5e-8c1f0f0f0f0f"],
                "bond_mode": "802.3ad",
                "bond_xmit_hash_policy": "layer3+4",
                "bond_miimon": 100,
                "ethernet_mac_address": MAC,
                "mtu": 9000,
            },
            {
                "id": "some-vlan",
                "type": "vlan",
                "vlan_link": "some-bond",
                "vlan_id": 602,
                "vlan_mac_address": "fa:16:3e:00:00:03",
            },
        ],
        [on_link(link="some-vlan", type="ipv4_dhcp")],
        [{"type": "dns", "address": "8.8.8.8", "search": ["b.example"]}],
    )
    assert told(network) == []
    assert (network.nameservers, network.search) == (["8.8.8.8"], ["b.example"])
    assert [device.as_data() for device in network.devices[2:]] == [
        {
            "bond": {"miimon": "100", "mode": "802.3ad", "xmit_hash_policy": "layer3+4"},
            "kind": "bond",
            "members": ["tap1", "link1"],
            "mtu": 9000,
            "name": "bond0",
            "set_mac": MAC,
        },
        {
            "dhcp4": True,
            "kind": "vlan",
            "name": "bond0.602",
            "parent": "bond0",
            "set_mac": "fa:16:3e:00:00:03",
            "vlan": 602,
        },
    ]


VLAN = {"id": "v", "type": "vlan", "vlan_link": "tap1", "vlan_id": 5, "vlan_mac_address": MAC}


@pytest.mark.parametrize(
    "links, networks, severity, path, words",
    [
        ([link(type="warp")], [], "warning", "/links/0/type", "taken as a card"),
        ([link(ethernet_mac_address=None)], [], "error", "/links/0", "ethernet_mac_address"),
        ([link(ethernet_mac_address="x")], [], "error", "/links/0/ethernet_mac_address", "hardware address"),
        ([link(mtu=20)], [], "error", "/links/0/mtu", "from 68"),
        ([link(name="a b")], [], "error", "/links/0/name", "interface name"),
        ([link(mut=1500)], [], "warning", "/links/0/mut", '"mtu"'),
        ([link(), link()], [], "error", "/links/1", "described already"),
        (["tap1"], [], "error", "/links/0", "a mapping"),
        ([link(), dict(VLAN, vlan_id=None)], [], "error", "/links/1/vlan_id", "needs a vlan_id"),
        ([link(), dict(VLAN, vlan_link="gone")], [], "error", "/links/1/vlan_link", "left out"),
        (
            [link(), {"id": "b", "type": "bond", "bond_links": ["gone"]}],
            [],
            "error",
            "/links/1/bond_links/0",
            "gone",
        ),
        (
            [{"id": "b", "type": "bond", "bond_links": [], "bond_mode": "fast"}],
            [],
            "error",
            "/links/0/bond_mode",
            "802.3ad",
        ),
        ([link()], [on_link(link="gone")], "error", "/networks/0/link", "one of the links"),
        ([link()], [on_link(type="ipx")], "error", "/networks/0/type", "should be one of"),
        ([link()], [on_link(type="ipv4")], "error", "/networks/0/ip_address", "needs an ip_address"),
        (
            [link()],
            [on_link(type="ipv4", ip_address="10.0.0.2")],
            "warning",
            "/networks/0/ip_address",
            "of /24",
        ),
        (
            [link()],
            [on_link(type="ipv4_dhcp", services=[{"type": "ntp", "address": "1.1.1.1"}])],
            "warning",
            "/networks/0/services/0",
            "other than dns",
        ),
        ([link()], [on_link(type="ipv4_dhcp", gatewya="x")], "warning", "/networks/0/gatewya", '"gateway"'),
    ],
)
def test_what_cannot_be_taken_is_named(links, networks, severity, path, words):
    found = told(read(links, networks))
    assert any(item[:2] == (severity, path) and words in item[2] for item in found), found
