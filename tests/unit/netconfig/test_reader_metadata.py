"""The metadata service's NICs into the model: tables, rules, and what is wrong in them."""

from tsagent import netconfig


def a_nic(number, subnet=None, **more):
    subnet = number if subnet is None else subnet
    nic = {
        "mac": "52:54:00:AA:00:%02X" % number,
        "local_ipv4s": ["10.%d.0.%d" % (subnet, number + 5)],
        "prefix": 24,
        "gateway": "10.%d.0.1" % subnet,
        "primary": number == 0,
    }
    return dict(nic, **more)


def read(*nics):
    network = netconfig.read("imds", {"nics": list(nics)})
    return network, [(problem.path, problem.message) for problem in network.problems]


def routes(device):
    return [(route.to, route.via, route.table) for route in device.routes]


def rules(device):
    return [(rule.source, rule.table, rule.priority) for rule in device.rules]


def test_each_secondary_card_has_a_table_wherever_the_primary_stands():
    network, problems = read(a_nic(1), a_nic(0), a_nic(2, local_ipv4s=["10.2.0.7", "10.2.0.8"]))
    assert problems == []
    one, primary, two = network.devices
    assert network.primary == primary.name
    assert primary.dhcp4 and primary.required and routes(primary) == [] and rules(primary) == []
    assert one.optional and not one.dhcp4
    assert routes(one) == [("10.1.0.0/24", None, 101), ("0.0.0.0/0", "10.1.0.1", 101)]
    assert rules(one) == [("10.1.0.6/32", 101, 101)]
    assert rules(two) == [("10.2.0.7/32", 102, 102), ("10.2.0.8/32", 102, 102)]
    assert [str(item) for item in two.addresses] == ["10.2.0.7/24", "10.2.0.8/24"]


def test_a_table_that_a_card_has_is_kept_and_given_to_no_other():
    network, _ = read(a_nic(0), a_nic(2, table=102), a_nic(3), a_nic(4, table=101), a_nic(5, table=9999))
    tables = [device.rules[0].table for device in network.devices[1:]]
    assert tables == [102, 103, 101, 104]


def test_a_primary_card_that_shares_its_subnet_has_a_table_too():
    network, problems = read(a_nic(0, subnet=9, local_ipv4s=["10.9.0.5", "10.9.0.55"]), a_nic(1, subnet=9))
    assert problems == []
    primary = network.devices[0]
    assert rules(primary) == [("10.9.0.5/32", 100, 100), ("10.9.0.55/32", 100, 100)]
    assert routes(primary) == [("10.9.0.0/24", None, 100), ("0.0.0.0/0", "10.9.0.1", 100)]
    assert [str(item) for item in primary.addresses] == ["10.9.0.55/24"]  # the other one is DHCP's


def test_what_is_wrong_is_told_and_the_rest_counts():
    network, problems = read(
        a_nic(0, gateway="nowhere", prefix=99),
        a_nic(1, mac=None),
        a_nic(2, local_ipv4s=[]),
        a_nic(3, gateway="10.3.0.0.1"),
        a_nic(4, gateway=None),
        "no NIC",
    )
    assert [path for path, _ in problems] == ["/nics/5", "/nics/1/mac", "/nics/2", "/nics/3/gateway"]
    assert [len(device.addresses) for device in network.devices] == [0, 0, 1, 1]
    assert [len(device.rules) for device in network.devices] == [0, 0, 0, 0]


def test_more_cards_than_tables():
    network, problems = read(
        *[a_nic(index % 250, mac="52:54:00:aa:%02x:%02x" % divmod(index, 256)) for index in range(160)]
    )
    assert len(network.devices) == 160
    assert {message for _, message in problems} == {
        "there are more NICs than routing tables; this one has none of its own"
    }
