"""`rails` of version 2: a table for each, and what is wrong is told with its place."""

from tsagent import netconfig


def read(rails, **devices):
    ethernets = {
        "primary": {"dhcp4": True},
        "rail1": {
            "addresses": ["10.1.0.6/24", "fd00:1::6/64"],
            "routes": [{"to": "10.0.0.0/8", "via": "10.1.0.1"}, {"to": "10.9.0.0/16", "table": 9}],
        },
        "rail2": {"addresses": ["10.2.0.7/24"], "mtu": 9000, "accept-ra": True},
    }
    ethernets.update(devices)
    network = netconfig.read("v2", {"version": 2, "ethernets": ethernets, "rails": rails})
    return network, [(problem.path, problem.message) for problem in network.problems]


def test_each_rail_has_a_table():
    network, problems = read({"devices": ["rail2", "rail1"], "first-table": 201, "mtu": 4200})
    assert problems == []
    primary, one, two = network.devices
    assert [(route.to, route.via, route.table) for route in one.routes] == [
        ("10.0.0.0/8", "10.1.0.1", 202),
        ("10.9.0.0/16", None, 9),
        ("10.1.0.0/24", None, 202),
        ("fd00:1::/64", None, 202),
    ]
    assert [(rule.source, rule.table, rule.priority) for rule in one.rules] == [
        ("10.1.0.6/32", 202, 202),
        ("fd00:1::6/128", 202, 202),
    ]
    assert [rule.table for rule in two.rules] == [201]
    assert (one.mtu, two.mtu, primary.mtu) == (4200, 9000, None)
    assert (one.optional, one.accept_ra, two.accept_ra, primary.optional) == (True, False, True, False)
    assert network.document is None  # netplan does not know the key


def test_what_is_no_rail_is_told():
    devices = ["rail1", "rail1", "primary", "nobody", 5, "dynamic", "port"]
    _, problems = read(
        {"devices": devices, "first-table": 252, "mtu": "big", "speed": 400},
        dynamic={"addresses": ["10.3.0.1/24"], "dhcp4": True},
    )
    assert sorted(path for path, _ in problems) == ["/rails/devices/%d" % i for i in range(1, 7)] + [
        "/rails/mtu",
        "/rails/speed",
    ]
    _, problems = read({"devices": ["rail1", "rail2"], "first-table": 252})
    assert problems == [("/rails/devices/1", "there are more rails than routing tables; it is left out")]
    assert [path for path, _ in read(["rail1"])[1]] == ["/rails"]
    assert read(None)[1] == []


def test_an_error_has_its_line(tmp_path):
    text = '{"version": 2, "ethernets": {"eth0": {"dhcp4": true}},\n "rails":\n  {"devices": ["eth1"]}}'
    done = netconfig.render(text.encode(), "input", "networkd", str(tmp_path))
    assert [(item.line, item.column) for item in done.problems] == [(3, 16)]
