"""Which card a device means, where several share an address, and which of all is the primary one."""

import pytest

from tsagent import netconfig
from tsagent.netconfig.addressing import Address, Route
from tsagent.netconfig.model import BOND, VLAN, Device, Network
from tsagent.netconfig.source_routing import separate

MAC = "52:54:00:aa:00:01"
OTHER = "52:54:00:aa:00:02"


def nic(name, mac=MAC, **more):
    return dict({"name": name, "mac": mac, "permanent_mac": mac, "kind": "physical", "ifindex": 2}, **more)


def resolved(nics, **values):
    network = Network()
    device = Device(values.pop("name", "id0"))
    for key, value in values.items():
        setattr(device, key, value)
    network.devices.append(device)
    netconfig.resolve(network, nics)
    return device, [problem.message for problem in network.problems]


SHARED = {
    "a function below its paravirtual card": [
        nic("eth1", master="eth0", driver="mlx5_core"),
        nic("eth0", driver="hv_netvsc"),
    ],
    "a function that is not below it yet": [
        nic("eth1", driver="iavf", ifindex=2),
        nic("eth0", driver="virtio_net", ifindex=3),
    ],
    "net_failover's three": [
        nic("eth0nsby", driver="virtio_net", master="eth0"),
        nic("eth1", driver="ixgbevf", master="eth0"),
        nic("eth0", driver="virtio_net", ifindex=9),
    ],
    "a virtual device on it": [nic("macvlan0", kind="virtual"), nic("eth0")],
    "a VLAN and a bond on it": [nic("eth0.7", kind="vlan"), nic("bond0", kind="bond"), nic("eth0")],
    "a port that has its bond's address": [
        nic("eth1", permanent_mac=OTHER, master="bond0"),
        nic("eth0", master="bond0"),
        nic("bond0", kind="bond", ports=["eth0", "eth1"]),
    ],
}


@pytest.mark.parametrize("nics", SHARED.values(), ids=list(SHARED))
@pytest.mark.parametrize("order", [1, -1])
def test_of_cards_with_one_address_the_right_one_is_meant(nics, order):
    device, problems = resolved(nics[::order], mac=MAC)
    assert (device.interface, problems) == ("eth0", [])


def test_a_port_is_found_by_the_address_of_its_own():
    nics = SHARED["a port that has its bond's address"]
    assert resolved(nics, mac=OTHER)[0].interface == "eth1"


def test_a_rename_names_the_driver_where_a_function_shares_the_address():
    nics = SHARED["a function below its paravirtual card"]
    assert resolved(nics, mac=MAC, set_name="lan0")[0].match_drivers == ["hv_netvsc"]
    assert resolved([nic("eth0", driver="hv_netvsc")], mac=MAC, set_name="lan0")[0].match_drivers == []


def test_a_card_that_has_the_address_it_was_given_is_still_found():
    nics = [nic("eth0", mac="02:00:00:00:00:09"), nic("eth1", mac=OTHER)]
    device, problems = resolved(nics, mac=MAC, set_mac="02:00:00:00:00:09")
    assert (device.interface, problems) == ("eth0", [])


def test_names_patterns_and_drivers():
    nics = [nic("eth0", driver="virtio_net"), nic("eth1", mac=OTHER, driver="mlx5_core", ifindex=3)]
    assert resolved(nics, name="eth1")[0].interface == "eth1"
    device, _ = resolved(nics, match_name="eth1")
    assert (device.interface, device.match_name) == ("eth1", None)
    device, _ = resolved(nics, match_name="eth*")
    assert (device.interface, device.match_name) == (None, "eth*")  # both: it stays a pattern
    assert resolved(nics, match_drivers=["mlx5*"])[0].interface == "eth1"
    assert resolved(nics, match_drivers=["mlx5*"], match_name="eth0")[1] == [
        "no card of this machine is id0 (eth0)"
    ]
    assert resolved(nics, mac="52:54:00:00:00:99")[1] == [
        "no card of this machine is id0 (52:54:00:00:00:99)"
    ]


def test_a_pattern_becomes_a_device_for_each_card():
    network = Network()
    device = Device("all")
    device.match_name = "eth*"
    device.dhcp4 = True
    network.devices = [device, Device("bond0", BOND)]
    nics = [nic("eth1", mac=OTHER, ifindex=3), nic("eth0"), nic("lan0", mac="52:54:00:aa:00:03")]
    netconfig.resolve(network, nics)
    netconfig.expand(network, nics)
    assert [(item.interface, item.match_name, item.dhcp4) for item in network.devices] == [
        ("eth0", None, True),
        ("eth1", None, True),
        ("bond0", None, None),
    ]


def a_device(name, kind="ethernet", address=None, gateway=None, **more):
    device = Device(name, kind)
    device.interface = name
    if address:
        device.addresses.append(Address.parse(address))
    if gateway:
        device.routes.append(Route.parse("default", gateway))
    for key, value in more.items():
        setattr(device, key, value)
    return device


def test_the_primary_device():
    network = Network()
    port, bond = a_device("eth0"), a_device("bond0", BOND, "10.0.0.2/24", "10.0.0.1", members=["eth0"])
    vlan = a_device("bond0.7", VLAN, "10.7.0.2/24", "10.7.0.1", parent="bond0")
    second = a_device("eth1", dhcp4=True)
    network.devices = [second, vlan, port, bond]
    primary = netconfig.primary_device
    assert primary(network, nic("eth0"), True) == "bond0"  # the metadata names the card
    assert primary(network, nic("eth0"), False) == "eth1"  # the first with a way out
    second.optional = True
    assert primary(network, nic("eth0"), False) == "bond0.7"
    network.devices = [a_device("eth0", address="10.0.0.2/24")]
    assert primary(network, nic("eth0"), False) == "eth0"
    assert primary(network, nic("eth5"), False) is None


def test_a_second_way_out_gets_a_table_of_its_own():
    network = Network()
    first = a_device("eth0", address="10.0.0.2/24", gateway="10.0.0.1")
    second = a_device("eth1", address="10.1.0.2/24", gateway="10.1.0.1")
    second.addresses.append(Address.parse("fd00:1::2/64"))
    second.routes.append(Route.parse("default", "fd00:1::1"))
    second.routes.append(Route.parse("172.16.0.0/12", "10.1.0.9"))
    ruled = a_device("eth2", address="10.2.0.2/24", gateway="10.2.0.1")
    ruled.routes.append(Route.parse("10.0.0.0/8", "10.2.0.1", table=101))
    network.devices = [first, second, ruled, a_device("eth3", address="10.3.0.2/24")]
    network.primary = "eth0"
    assert separate(network) == [second]
    assert [(route.to, route.via, route.table) for route in second.routes] == [
        ("172.16.0.0/12", "10.1.0.9", None),
        ("10.1.0.0/24", None, 102),
        ("fd00:1::/64", None, 102),
        ("0.0.0.0/0", "10.1.0.1", 102),
        ("::/0", "fd00:1::1", 102),
    ]
    assert [(rule.source, rule.table, rule.priority) for rule in second.rules] == [
        ("10.1.0.2/32", 102, 102),
        ("fd00:1::2/128", 102, 102),
    ]
    assert second.optional and not first.optional and first.routes[0].table is None
