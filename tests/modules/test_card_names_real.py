"""Cards get other names: real links in a network namespace."""

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
# The links are known again by their addresses; $UP are brought up.
WORLD = """
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mount -t sysfs sys /sys
for number in 0 1 2; do
    ip link add eth$number address 02:00:00:00:00:0$number type veth peer name peer$number
done
for card in $UP; do ip link set $card up; done
exec %s -c "$PROGRAM"
"""
PROGRAM = """
import json, os, subprocess
from tsagent.changes.card_names import RenameCards
from tsagent.facts import Facts
from tsagent.host import Host
host = Host("/")
host.facts = Facts(host.hardware, host.root)
before = [nic["name"] for nic in host.facts.nics]
addresses = {nic["name"]: nic["mac"] for nic in host.facts.nics}
change = RenameCards(json.loads(os.environ["NAMES"]), addresses)
assert change.probe(host).state == "differs"
note = change.apply(host)
links = json.loads(subprocess.check_output(["ip", "-j", "link"]))
found = {link["address"][-1]: link["ifname"] for link in links if link["address"][:-1] == "02:00:00:00:00:0"}
assert sorted(nic["name"] for nic in host.facts.nics) == sorted(link["ifname"] for link in links)
print(json.dumps([note, [found[number] for number in "012"], change.probe(host).state]))
"""


def rename(names, up=""):
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        + ["sh", "-c", WORLD % sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(os.environ, UP=up, NAMES=json.dumps(names), PROGRAM=PROGRAM, PYTHONPATH=CHECKOUT),
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode())


def test_cards_swap_and_rotate_their_names():
    assert rename({"eth0": "eth1", "eth1": "eth0"}) == [None, ["eth1", "eth0", "eth2"], "converged"]
    rotated = rename({"eth0": "eth1", "eth1": "eth2", "eth2": "eth0"})
    assert rotated == [None, ["eth1", "eth2", "eth0"], "converged"]


def test_a_free_name_and_one_that_becomes_free():
    assert rename({"eth0": "lan0", "eth1": "eth0"}) == [None, ["lan0", "eth0", "eth2"], "converged"]
    assert rename({"eth0": "lan0", "eth9": "lan9"}) == [None, ["lan0", "eth1", "eth2"], "converged"]


def test_a_name_that_another_card_keeps_is_not_taken():
    note, names, _ = rename({"eth0": "eth1", "eth2": "eth0"})
    assert names == ["eth0", "eth1", "eth2"]
    assert "there is another card called eth1" in note and "there is another card called eth0" in note


def test_a_card_that_is_up_keeps_its_name():
    note, names, _ = rename({"eth0": "lan0", "eth1": "lan1"}, up="eth0")
    assert names == ["eth0", "lan1", "eth2"]
    assert note == "eth0 is up and keeps its name until the next start"
