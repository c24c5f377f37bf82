"""Cards that race: real links and a real DHCP server in a network namespace."""

import json
import os
import subprocess
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]

# eth1 and eth2. A card has a carrier while both ends are up.
WORLD = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /run
mkdir /run/tsagent
mount -t sysfs sys /sys
ip link set lo up
for number in 1 2; do
    ip link add eth$number type veth peer name peer$number
done
for number in $CABLES; do ip link set peer$number up; done
for number in $SERVERS; do
    ip addr add 10.$number.0.1/24 dev peer$number
    dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq$number.pid --leasefile-ro --port=0 --no-ping \
        --interface=peer$number --bind-interfaces \
        --dhcp-range=10.$number.0.50,10.$number.0.60,255.255.255.0,1h
done
[ -z "$LATE" ] || (sleep 0.3; ip link set peer$LATE up) &
exec %s -c "$PROGRAM"
"""
PROGRAM = """
import os
from tsagent.changes.card_race import RaceCards
from tsagent.host import Clock, Host
class Fast(Clock):
    def monotonic(self):
        return super().monotonic() * int(os.environ["SPEED"])
host = Host("/", clock=Fast())
change = RaceCards(["eth1", "eth2"])
assert change.probe(host).state == "differs"
change.apply(host)
assert change.probe(host).state == "converged"
print(host.root.text("/run/tsagent/card-race.json"))
print([host.root.text("/sys/class/net/eth%d/flags" % number) for number in (1, 2)])
"""


def race(cables, servers, late="", speed=1):
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        + ["sh", "-c", WORLD % sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(
            os.environ,
            CABLES=cables,
            SERVERS=servers,
            LATE=late,
            SPEED=str(speed),
            PROGRAM=PROGRAM,
            PYTHONPATH=CHECKOUT,
        ),
    )
    assert done.returncode == 0, done.stderr.decode()
    found, flags = done.stdout.decode().splitlines()
    assert flags == "['0x1002', '0x1002']"  # down again, as they were found
    return json.loads(found)


@pytest.mark.parametrize("number", [1, 2])
def test_the_card_with_a_cable_has_won(number):
    found = race(str(number), str(number))
    assert found == {"card": "eth%d" % number, "why": "a DHCP server answers on it"}


def test_a_card_without_a_dhcp_server_does_not_hold_up_the_other():
    assert race("1 2", "2")["card"] == "eth2"


def test_of_two_that_reach_a_server_the_first_is_taken():
    assert race("1 2", "1 2")["card"] == "eth1"


def test_a_carrier_may_come_late():
    assert race("", "2", late="2")["card"] == "eth2"


def test_without_any_server_the_first_card_with_a_carrier_is_taken():
    found = race("2", "", speed=20)
    assert found["card"] == "eth2" and "no DHCP server answers" in found["why"]
