"""Queues of network cards: channels, and the interrupts that serve a queue, of the drivers' many names."""

import json
import os
import subprocess

import pytest

from tsagent.facts import Facts
from tsagent.facts.queues import queue_of
from tsagent.host.tree import Tree

MACHINES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "machines")
FUNCTION = "/sys/devices/pci0000:00/0000:00:05.0"


def queues_of(root):
    """The section `queues` of a tree, by the cards' names."""
    tree = Tree(str(root))
    return {card.name: card for card in Facts(tree, tree).queues}


def put(root, path, text=""):
    place = root / path[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


@pytest.fixture
def card(tmp_path):
    """A tree with a virtio card of two queues and five interrupts."""
    device = FUNCTION + "/virtio2"
    directory = device + "/net/eth0"
    put(tmp_path, directory + "/type", "1\n")
    put(tmp_path, FUNCTION + "/numa_node", "1\n")
    for queue in ("rx-0", "rx-1", "tx-0", "tx-1"):
        put(tmp_path, "%s/queues/%s/trans_start" % (directory, queue))
    for irq in range(40, 45):
        put(tmp_path, "%s/msi_irqs/%d" % (FUNCTION, irq), "msix\n")
    (tmp_path / "sys/class/net").mkdir(parents=True)
    (tmp_path / "sys/class/net/eth0").symlink_to("../.." + directory[4:])
    (tmp_path / directory[1:] / "device").symlink_to("../../../virtio2")
    return tmp_path


NAMES = ["virtio2-config", "virtio2-input.0", "virtio2-output.0", "virtio2-input.1", "virtio2-output.1"]
EXPECTED = [(41, 0), (42, 0), (43, 1), (44, 1)]


def found(tree):
    return [(item.irq, item.queue) for item in queues_of(tree)["eth0"].interrupts]


def test_interrupts_are_those_of_the_function_by_their_handlers(card):
    for irq, name in zip(range(40, 45), NAMES):
        put(card, "/proc/irq/%d/%s/.keep" % (irq, name))
        put(card, "/proc/irq/%d/smp_affinity_list" % irq, "0-1\n")
    assert found(card) == EXPECTED
    eth0 = queues_of(card)["eth0"]
    assert (eth0.numa_node, eth0.rx_queues, eth0.tx_queues, eth0.msi) == (1, 2, 2, 5)
    assert eth0.function == FUNCTION


def test_interrupts_are_found_in_the_table_too(card):
    rows = ["           CPU0       CPU1", "  1:   0   9   IO-APIC   1-edge   eth0-input.0"]
    rows += [" %d:   5   7   PCI-MSIX-0000:00:05.0   %d-edge   %s" % (40 + i, i, NAMES[i]) for i in range(5)]
    rows += ["NMI:   0   0   Non-maskable interrupts", "ERR:   0", "", "garbage"]
    put(card, "/proc/interrupts", "\n".join(rows))
    assert found(card) == EXPECTED


def test_interrupts_without_a_handler_serve_nothing(card):
    for irq in range(40, 45):
        put(card, "/proc/irq/%d/smp_affinity_list" % irq, "0-1\n")
    assert found(card) == []


def test_recorded_channels(card):
    assert queues_of(card)["eth0"].channels is None
    put(card, "/channels.json", json.dumps({"eth0": {"combined": {"current": 2, "maximum": 8}, "rx": 3}}))
    assert queues_of(card)["eth0"].channels == {"combined": {"current": 2, "maximum": 8}}
    for wrong in ("[]", "{", '{"eth0": 5}', '{"eth0": {"combined": {"current": -1, "maximum": "x"}}}'):
        put(card, "/channels.json", wrong)
        eth0 = queues_of(card)["eth0"]
        assert eth0.channels_problem if eth0.channels is None else eth0.channels == {}


def test_a_failover_is_told_by_the_cards_below_it(card):
    (card / FUNCTION[1:] / "virtio2/net/eth0/lower_eth0nsby").symlink_to("../eth0nsby")
    assert queues_of(card)["eth0"].ports == ["eth0nsby"]


@pytest.mark.parametrize(
    "name, queue",
    [
        ("virtio0-input.11", 11),
        ("virtio0-output.3", 3),
        ("virtio0-virtqueues", 0),
        ("virtio0-config", None),
        ("mlx5_comp7@pci:0000:17:00.0", 7),
        ("mlx5_async0@pci:0000:17:00.0", None),
        ("mlx5_cmd_eq@pci:0000:17:00.0", None),
        ("mlx5_pages_eq@pci:0000:17:00.0", None),
        ("eth0-5", 5),
        ("eth0-TxRx-3", 3),
        ("eth0-rx-0", 0),
        ("i40e-eth0-TxRx-12", 12),
        ("i40e-0000:3b:00.0:fdir-TxRx-0", None),
        ("ice-0000:3b:00.0:misc", None),
        ("eth0-Tx-Rx-6", 6),
        ("ena-mgmnt@pci:0000:00:05.0", None),
        ("gve-ntfy-blk4@pci:0000:00:04.0", 4),
        ("gve-mgmnt@pci:0000:00:04.0", None),
        ("hns3-0000:7d:00.0-TxRx-2", 2),
        ("eth0-event-4", None),
        ("ionic-eth0-adminq-0", None),
        ("hinic_aeq1@pci:0000:3d:00.0", None),
        ("LiquidIO0-rxtx-3", 3),
        ("eth0", None),
    ],
)
def test_queue_of_an_interrupt(name, queue):
    assert queue_of(name, "eth0") == queue


def test_cards_that_are_no_hardware_are_not_there():
    live = queues_of("/")
    assert "lo" not in live
    for name, card in live.items():
        assert os.path.exists("/sys/class/net/%s/device" % name)
        done = subprocess.run(["ethtool", "-l", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        told = [row.split() for row in done.stdout.decode("utf-8").splitlines()]
        combined = [int(row[1]) for row in told if row[:1] == ["Combined:"] and row[1].isdigit()]
        if combined:
            assert card.channels.combined == {"current": combined[1], "maximum": combined[0]}


def test_recorded_machines():
    rails = queues_of(os.path.join(MACHINES, "hccpnv4h"))
    assert [rails[name].numa_node for name in ("eth1", "eth2")] == [0, 1]
    assert [rails[name].rdma for name in ("eth0", "eth1")] == [False, True]
    (eth0,) = queues_of(os.path.join(MACHINES, "s5-medium4")).values()
    assert eth0.channels == {"combined": {"current": 2, "maximum": 2}}
    assert [(item.name, item.queue) for item in eth0.interrupts] == [
        ("virtio0-input.0", 0), ("virtio0-output.0", 0), ("virtio0-input.1", 1), ("virtio0-output.1", 1),
    ]  # fmt: skip
