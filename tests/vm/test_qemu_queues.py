"""Queues of network cards on a real kernel: a card of four queues and two processors; one that comes later.

make vm-test ARGS="-k qemu_queues"
"""

import json
import os
import re

import pytest

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]

REPORT = "bench: the report is there"
LATE = r"network_queues: done"
CARD = "virtio-net-pci,netdev=%s,mac=%s,mq=on,vectors=10,romfile="
TAP = "tap,id=%s,ifname=%s,script=no,downscript=no,queues=4"


class Looks:
    """What a machine that runs says of its network cards."""

    def __init__(self, machine, key):
        def ask(command):
            return machine.ssh(key, "root", command)

        self.facts = {card["name"]: card for card in json.loads(ask("tsagent facts --format json"))["queues"]}
        self.status = json.loads(ask("cat /run/tsagent/status.json"))
        self.nothing_due = ask("ls /run/tsagent")
        rows = ask("grep . /proc/irq/*/smp_affinity_list").splitlines()
        self.affinity = {int(row.split("/")[3]): row.partition(":")[2] for row in rows}
        rows = ask("grep . /sys/class/net/eth*/queues/*/rps_* /proc/sys/net/core/rps_sock*").splitlines()
        self.files = dict(row.split(":", 1) for row in rows)
        self.units = ask("systemctl show -p ActiveState,Result,NRestarts tsagent-network-queues.service")
        self.failed = ask("systemctl --failed --plain --no-legend")

    def changes(self):
        """The module's changes and how they ended."""
        (module,) = [item for item in self.status["modules"] if item["name"] == "network_queues"]
        return {change["describe"]: change["state"] for change in module["changes"]}

    def processors(self, card):
        """Of each of a card's queues, the processors that its interrupts come to."""
        found = {}
        for item in self.facts[card]["interrupts"]:
            found.setdefault(item["queue"], set()).add(self.affinity[item["irq"]])
        return found


@pytest.fixture(scope="module")
def looks(new_machine, new_cloud, key):
    """The looks before and after a card is attached."""
    # The network's configuration is left alone then: only queues are looked at for a card that comes later.
    config = {"ssh_genkeytypes": ["ed25519"], "users": ["default"]}
    config["updates"] = {"network": {"when": ["boot-new-instance"]}}
    machine = new_machine("queues", new_cloud("queues", config))
    machine.more = ["-netdev", TAP % ("wide", "tsagentq0"), "-device", CARD % ("wide", "52:54:00:77:00:01")]
    machine.more += ["-device", "pcie-root-port,id=port0,chassis=1"]
    machine.start(stay=True)
    machine.wait_for(REPORT)
    before = Looks(machine, key)
    seen = len(re.findall(LATE, machine.said()))
    answer = machine.monitor(
        "netdev_add " + TAP % ("late", "tsagentq1"),
        "device_add " + CARD % ("late", "52:54:00:77:00:02") + ",bus=port0",
    )
    machine.wait_for("(?s)" + "(%s.*)" % LATE * (seen + 1))
    machine.ssh(key, "root", "while systemctl is-active -q tsagent-network-queues; do sleep 0.2; done")
    after = Looks(machine, key)
    machine.cut_power()
    return before, after, answer


def test_channels_are_raised_to_what_the_card_may_have(looks):
    before = looks[0]
    assert before.facts["eth2"]["channels"] == {"combined": {"current": 4, "maximum": 4}}
    assert (before.facts["eth2"]["rx_queues"], before.facts["eth2"]["tx_queues"]) == (4, 4)
    assert before.changes()["set channels of eth2: 4 combined"] == "applied"


def test_one_queue_is_shared_by_both_processors(looks):
    files = looks[0].files
    assert {files["/sys/class/net/%s/queues/rx-0/rps_cpus" % card] for card in ("eth0", "eth1")} == {"3"}
    assert files["/sys/class/net/eth0/queues/rx-0/rps_flow_cnt"] == "4096"
    assert int(files["/proc/sys/net/core/rps_sock_flow_entries"]) >= 8192
    assert files["/sys/class/net/eth2/queues/rx-0/rps_cpus"] == "0"


def test_interrupts_are_dealt_out(looks):
    before = looks[0]
    assert before.processors("eth2") == {0: {"0"}, 1: {"1"}, 2: {"0"}, 3: {"1"}}
    # Cards of one queue each: they take turns.
    assert [before.processors(card) for card in ("eth0", "eth1")] == [{0: {"0"}}, {0: {"1"}}]


def test_a_card_attached_later_gets_the_same(looks):
    before, after, answer = looks
    assert "eth3" not in before.facts and "Error" not in answer
    assert after.facts["eth3"]["channels"] == {"combined": {"current": 4, "maximum": 4}}
    assert set(after.processors("eth3")) == {0, 1, 2, 3}
    assert all(len(cpus) == 1 for cpus in after.processors("eth3").values())
    assert "ActiveState=inactive" in after.units and "Result=success" in after.units
    assert after.failed == before.failed == ""


def test_the_boots_status_stays(looks):
    before, after, _ = looks
    names = [sorted(item["name"] for item in look.status["modules"]) for look in (before, after)]
    assert names[0] == names[1] and len(names[0]) > 20
    assert after.status["state"] == before.status["state"] == "done"
