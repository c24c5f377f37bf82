"""What is sent from each address leaves by its own card: real services, packets and counters."""

import os

import pytest
from network_fabric import CHECKOUT, inside, mac, nics

from tsagent import netconfig
from tsagent.netconfig import renderers

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
SERVICES = ["networkmanager", "networkd"]


def write(tmp_path, form, config, renderer, count):
    network = netconfig.read(form, config)
    netconfig.resolve(network, nics(count))
    files = renderers.render(network, renderer, renderers.Options())
    assert [str(problem) for problem in network.problems] == []
    for item in files:
        path = tmp_path / item.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        os.chmod(str(path), item.mode)


def a_nic(number, subnet):
    return {
        "mac": mac(number),
        "primary": number == 0,
        "local_ipv4s": ["10.%d.0.%d" % (subnet, number + 5)],
        "prefix": 24,
        "gateway": "10.%d.0.1" % subnet,
    }


WAYS = """
import json
addresses = {addresses}
{cards}
fabric.start("{service}")
fabric.has(*addresses)
seen = []
for again in (None, "restart", "boot"):
    if again:
        fabric.stop()
        if again == "boot":
            fabric.forget(range(len(addresses)))
        fabric.start("{service}")
    fabric.online()
    fabric.has(*addresses)
    fabric.settled({rules}, "{to}")
    seen.append([fabric.way_of(address) for address in addresses])
print(json.dumps(seen))
"""


def ways(tmp_path, service, addresses, cards, rules, to="default"):
    """For each address the ports its packets left by, and the answers; alike after a restart and a boot."""
    program = WAYS.format(service=service, addresses=addresses, cards="\n".join(cards), rules=rules, to=to)
    seen = inside(program, tmp_path)
    assert seen[1:] == seen[:1] * 2
    return seen[0]


@pytest.mark.parametrize("service", SERVICES)
def test_eight_cards_of_the_metadata(tmp_path, service):
    write(tmp_path, "imds", {"nics": [a_nic(number, number) for number in range(8)]}, service, 8)
    cards = ["fabric.card(%d, '10.%d.0.1/24', dhcp=%s)" % (n, n, n == 0) for n in range(8)]
    addresses = ["10.%d.0.%d" % (number, number + 5) for number in range(8)]
    rules = [[address, str(100 + number)] for number, address in enumerate(addresses)][1:]
    assert ways(tmp_path, service, addresses, cards, rules) == [[[number], 40] for number in range(8)]


@pytest.mark.parametrize("service", SERVICES)
def test_two_cards_of_one_subnet(tmp_path, service):
    write(tmp_path, "imds", {"nics": [a_nic(0, 9), a_nic(1, 9)]}, service, 2)
    cards = [
        "fabric.card(0, '10.9.0.1/24', bridge='switch', dhcp=True)",
        "fabric.card(1, '10.9.0.1/24', bridge='switch')",
    ]
    addresses = ["10.9.0.5", "10.9.0.6"]
    rules = [["10.9.0.5", "100"], ["10.9.0.6", "101"]]
    assert ways(tmp_path, service, addresses, cards, rules) == [[[0], 40], [[1], 40]]


@pytest.mark.parametrize("service", SERVICES)
def test_the_primary_card_alone_decides_whether_the_machine_is_online(tmp_path, service):
    write(tmp_path, "imds", {"nics": [a_nic(number, number) for number in range(2)]}, service, 2)
    program = """
fabric.card(0, "10.0.0.1/24", dhcp=True)
fabric.card(1, "10.1.0.1/24")
import network_fabric
network_fabric.sh("ip -n fabric link set port1 down")
fabric.start("%s")
fabric.online()
print(fabric.has("10.0.0.5") or "null")
"""
    inside(program % service, tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_eight_rails_of_user_data(tmp_path, service):
    """The example of the documentation."""
    with open(os.path.join(CHECKOUT, "docs/examples/network/hpc-eight-rails.yaml"), "rb") as file:
        form, config = netconfig.parse(file.read(), "example")
    write(tmp_path, form, config, service, 9)
    cards = ["fabric.card(%d, '10.%d.0.1/24', dhcp=%s)" % (n, n, n == 0) for n in range(9)]
    addresses = ["10.%d.0.%d" % (number, number + 5) for number in range(9)]
    rules = [[address, str(200 + number)] for number, address in enumerate(addresses)][1:]
    seen = ways(tmp_path, service, addresses, cards, rules, "10.0.0.0/8")
    assert seen == [[[number], 40] for number in range(9)]
