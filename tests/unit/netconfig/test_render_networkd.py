"""systemd-networkd's files by tables: what they match, who is waited for, and what an older systemd gets."""

import pytest

from tsagent.netconfig import renderers
from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.model import (
    BOND,
    BRIDGE,
    DUMMY,
    ETHERNET,
    INFINIBAND,
    MANUAL,
    OFF,
    VLAN,
    VRF,
    Device,
    Network,
)

MAC = "52:54:00:aa:00:01"
OTHER = "52:54:00:aa:00:02"


def device(name, kind=ETHERNET, interface=None, **values):
    made = Device(name, kind)
    made.interface = interface
    for key, value in values.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    return made


def render(*devices, **options):
    """The files' rows by base name, and the problems."""
    network = Network()
    network.primary = options.pop("primary", None)
    network.devices = list(devices)
    files = renderers.render(network, "networkd", renderers.Options(**options))
    rows = {
        item.path.rsplit("/", 1)[1].replace("10-tsagent-", ""): [
            row for row in item.content.splitlines() if row and row[0] != "#"
        ]
        for item in files
    }
    return rows, [problem.message for problem in network.problems]


def section(rows, name):
    """The rows of the first section of this name."""
    start = rows.index("[%s]" % name) + 1
    end = next((index for index in range(start, len(rows)) if rows[index][0] == "["), len(rows))
    return rows[start:end]


@pytest.mark.parametrize(
    "values, options, wanted",
    [
        # Not what is made on it. It may have another name, and another address, later.
        ({"interface": "eth0", "mac": MAC}, {}, ["MACAddress=" + MAC, "Type=ether"]),
        ({"mac": MAC}, {}, ["MACAddress=" + MAC, "Type=ether"]),
        (
            {"interface": "eth0", "mac": MAC, "set_name": "lan0", "set_mac": OTHER},
            {},
            # The former name until the next start, the new one from then on; and both addresses.
            ["Name=lan0 eth0", "MACAddress=%s %s" % (MAC, OTHER)],
        ),
        # Two cards with one address.
        ({"interface": "eth0", "mac": MAC, "mac_shared": True}, {}, ["Name=eth0", "MACAddress=" + MAC]),
        # Without a machine the configuration's own name may well be the card's.
        ({"mac": MAC}, {"offline": True}, ["Name=eth0", "MACAddress=" + MAC]),
        ({"name": "id0", "mac": MAC}, {"offline": True}, ["MACAddress=" + MAC, "Type=ether"]),
        ({"mac": MAC, "set_name": "lan0"}, {"offline": True}, ["Name=lan0", "MACAddress=" + MAC]),
        (
            {"match_name": "en*", "mac": MAC, "set_name": "lan0"},
            {},
            ["Name=en* lan0", "MACAddress=" + MAC],
        ),
        ({"match_name": "en*", "match_drivers": ["a", "b"]}, {}, ["Name=en*", "Driver=a b"]),
        ({"interface": "ib0", "kind": INFINIBAND}, {}, ["Name=ib0"]),
    ],
)
def test_what_a_card_is_found_by(values, options, wanted):
    name = values.pop("name", "eth0")
    card = device(name, **values)
    rows, problems = render(card, **options)
    assert section(rows["%s.network" % card.label], "Match") == wanted
    assert problems == []


@pytest.mark.parametrize(
    "options, wanted",
    [
        ({}, ["PermanentMACAddress=" + MAC]),
        ({"systemd": 245}, ["PermanentMACAddress=" + MAC]),
        # Before, only the present address can be asked for, which a bond changes: with a name, that alone.
        ({"systemd": 239}, ["MACAddress=" + MAC, "Type=ether"]),
    ],
)
def test_a_port_of_a_bond_has_another_address_later(options, wanted):
    bond = device("bond0", BOND, "bond0", members=["port"])
    rows, _ = render(device("port", mac=MAC), bond, **options)
    assert section(rows["port.network"], "Match") == wanted
    rows, _ = render(device("port", interface="eth0", mac=MAC, mac_shared=True), bond, systemd=239)
    assert section(rows["eth0.network"], "Match") == ["Name=eth0"]


def waited_for(rows):
    """What each device's file says of being online."""
    found = {}
    for name in rows:
        if name.endswith(".network"):
            said = [row.split("=")[1] for row in rows[name] if row.startswith("RequiredForOnline=")]
            found[name[: -len(".network")]] = said[0] if said else "yes"
    return found


def test_nothing_waits_for_what_is_optional_a_port_or_beside_the_primary_card():
    devices = [
        device("eth0", interface="eth0", dhcp4=True),
        device("eth1", interface="eth1", dhcp4=True, optional=True),
        device("eth2", interface="eth2", activation=MANUAL),
        device("eth3", interface="eth3", activation=OFF),
        device("eth4", interface="eth4"),
        device("bond0", BOND, "bond0", members=["eth4"], dhcp4=True),
        device("eth5", interface="eth5", link_local=[]),
    ]
    wanted = {"eth0": "yes", "eth1": "no", "eth2": "no", "eth3": "no", "eth4": "no", "bond0": "yes"}
    rows, problems = render(*devices)
    assert waited_for(rows) == dict(wanted, eth5="carrier")
    # A port that the machine is reached by means its bond.
    rows, _ = render(*devices, primary="eth4")
    assert waited_for(rows) == dict(wanted, eth0="no", eth5="no")
    assert "ActivationPolicy=manual" in rows["eth2.network"]
    assert "ActivationPolicy=always-down" in rows["eth3.network"]
    assert problems == []


@pytest.mark.parametrize(
    "addresses, routes, beside",
    [
        (["192.0.2.1/32"], [], True),
        (["192.0.2.1/24"], [], False),
        (["192.0.2.1/32"], [Route("192.0.2.254/32", scope="link")], False),
        ([], [], False),
        (["fd00::1/64"], [], False),
    ],
)
def test_a_gateway_on_no_network_of_the_device_is_reached_all_the_same(addresses, routes, beside):
    card = device("eth0", interface="eth0", addresses=[Address.parse(text) for text in addresses])
    card.routes = [Route("0.0.0.0/0", "192.0.2.254")] + routes
    rows, _ = render(card)
    assert ("GatewayOnLink=yes" in section(rows["eth0.network"], "Route")) is beside
    card.dhcp4 = True  # the lease's own network may hold it
    rows, _ = render(card)
    assert "GatewayOnLink=yes" not in rows["eth0.network"]


def test_a_link_local_gateway_is_on_every_link():
    card = device("eth0", interface="eth0", addresses=[Address.parse("fd00::1/64")])
    card.routes = [Route("::/0", "fe80::1")]
    rows, _ = render(card)
    assert section(rows["eth0.network"], "Route") == ["Gateway=fe80::1"]


def old_card():
    card = device("eth0", interface="eth0", dhcp4=True, critical=True, ipv6_token="::1")
    card.dhcp4_options.use_dns = False
    card.routes = [Route("10.0.0.0/8", "192.0.2.1", on_link=True)]
    return card


@pytest.mark.parametrize(
    "version, there, missing",
    [
        (
            None,
            ["[DHCPv4]", "UseDNS=no", "KeepConfiguration=yes", "Token=static:::1", "GatewayOnLink=yes"],
            ["[DHCP]", "IPv6Token=::1"],
        ),
        (
            239,
            ["[DHCP]", "UseDNS=no", "CriticalConnection=yes", "IPv6Token=::1", "GatewayOnlink=yes"],
            ["[DHCPv4]", "KeepConfiguration=yes", "Token=static:::1"],
        ),
    ],
)
def test_an_older_systemd_gets_the_older_words(version, there, missing):
    rows, problems = render(old_card(), systemd=version)
    assert [row for row in there if row not in rows["eth0.network"]] == []
    assert [row for row in missing if row in rows["eth0.network"]] == []
    assert problems == []


def dhcp6(card):
    card.dhcp6 = True
    card.dhcp6_options.hostname = "other"


def generation(card):
    card.ipv6_generation = "stable-privacy"


def rule(card):
    card.rules = [Rule(7, "10.0.0.1/32")]


@pytest.mark.parametrize(
    "change, version, key, since",
    [
        (lambda card: setattr(card, "activation", MANUAL), 247, "ActivationPolicy", 248),
        (lambda card: setattr(card, "mtu6", 1400), 238, "IPv6MTUBytes", 239),
        (lambda card: setattr(card, "ipv6_privacy", True), 219, "IPv6PrivacyExtensions", 222),
        (lambda card: setattr(card, "ignore_carrier", True), 234, "ConfigureWithoutCarrier", 235),
        (lambda card: setattr(card, "dhcp6_stateless", True), 245, "WithoutRA", 246),
        (generation, 245, "IPv6LinkLocalAddressGenerationMode", 246),
        (dhcp6, 254, "Hostname", 255),
        (rule, 234, "Table", 235),
    ],
)
def test_a_setting_that_systemd_is_too_old_for_is_named(change, version, key, since):
    card = device("eth0", interface="eth0")
    change(card)
    rows, problems = render(card, systemd=since)
    assert problems == [] and any(row.startswith(key + "=") for row in rows["eth0.network"])
    rows, problems = render(card, systemd=version)
    assert not any(row.startswith(key + "=") for row in rows["eth0.network"])
    said = "eth0: systemd %d cannot express %s= (it needs systemd %d); it has no effect"
    assert said % (version, key, since) in problems


def test_words_of_the_bonding_driver_that_networkd_lacks_are_named():
    bond = device("bond0", BOND, "bond0")
    bond.bond = {"mode": "802.3ad", "lacp_rate": "1", "xmit_hash_policy": "vlan+srcmac", "lacp_active": "on"}
    rows, problems = render(bond)
    assert section(rows["bond0.netdev"], "Bond") == ["LACPTransmitRate=fast", "Mode=802.3ad"]
    assert [text.split("cannot express ")[1] for text in problems] == [
        "the bond parameter lacp_active; it has no effect",
        "this value of the bond parameter xmit_hash_policy; it has no effect",
    ]


def test_what_no_systemd_does_is_named():
    rail = device("ib0", INFINIBAND, "ib0")
    rail.ethernet.infiniband_mode = "connected"
    port = device("eth1", interface="eth1", addresses=[Address.parse("10.0.0.5/24")])
    bridge = device("br0", BRIDGE, "br0", members=["eth1"])
    wide = device("eth2", interface="eth2", routes=[Route("10.0.0.0/8", "192.0.2.1", receive_window=5000)])
    named = device("ens3", interface="ens3")
    named.ethernet.wake_on_lan = True
    _, problems = render(rail, port, bridge, wide, named)
    assert [text.split(" cannot express ")[0] for text in problems] == [
        "ib0: systemd-networkd",
        "eth1: systemd-networkd",
        "eth2: systemd-networkd",
        "ens3: systemd-networkd",
    ]


@pytest.mark.parametrize(
    "version, wanted",
    [
        (None, ["NamePolicy=keep kernel database onboard slot path", "MACAddressPolicy=persistent"]),
        (219, ["NamePolicy=kernel database onboard slot path", "MACAddressPolicy=persistent"]),
    ],
)
def test_a_card_with_a_link_file_keeps_its_usual_names(version, wanted):
    card = device("eth0", interface="eth0", mac=MAC)
    card.ethernet.wake_on_lan = False
    rows, problems = render(card, systemd=version)
    link = section(rows["eth0.link"], "Link")
    assert [row for row in link if not row.startswith("Alternative")] == wanted + ["WakeOnLan=off"]
    # el7 takes a list with `!` in front for a type.
    assert ("Type=!bond bridge vlan" in rows["eth0.link"]) is (version is None)
    assert problems == []


def test_devices_that_are_made_and_their_tables():
    vrf = device("vrf0", VRF, "vrf0", vrf_table=40, members=["eth0"], routes=[Route("0.0.0.0/0", "10.0.0.1")])
    rows, problems = render(device("eth0", interface="eth0"), vrf, device("dm0", DUMMY, "dm0"))
    assert section(rows["vrf0.netdev"], "VRF") == ["Table=40"]
    assert "Table=40" in section(rows["vrf0.network"], "Route")
    assert "VRF=vrf0" in rows["eth0.network"]
    assert section(rows["dm0.netdev"], "NetDev") == ["Name=dm0", "Kind=dummy"]
    rows, _ = render(vrf, systemd=239)
    assert section(rows["vrf0.netdev"], "VRF") == ["TableId=40"]
    assert problems == []


@pytest.mark.parametrize("renderer", ["networkd", "netplan"])
def test_the_work_grows_with_the_devices_and_not_with_their_square(renderer):
    """Counted, not timed: how often a device's kind is looked at."""

    class Counted(Device):
        looks = 0

        def __getattribute__(self, name):
            if name == "kind":
                Counted.looks += 1
            return super().__getattribute__(name)

    counts = []
    for number in (50, 100):
        network = Network()
        for index in range(number):
            card = Counted("e%d" % index)
            vlan = Counted("v%d" % index, VLAN)
            vlan.vlan, vlan.parent = 7, card.name
            network.devices += [card, vlan]
        Counted.looks = 0
        renderers.render(network, renderer, renderers.Options())
        counts.append(Counted.looks)
    assert counts[1] <= 2 * counts[0]
