"""Channels and steering on a real card of the kernel's, in a network namespace; interrupts in a tree."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN
from tsagent.changes.card_channels import SetChannels
from tsagent.changes.interrupt_affinity import SpreadInterrupts
from tsagent.changes.packet_steering import SteerPackets
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.channels import get_channels

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = """
mount --make-rprivate / && mount -t sysfs sys /sys
ip link add eth0 numrxqueues 4 numtxqueues 4 type veth peer name peer0 numrxqueues 1 numtxqueues 1 &&
ethtool -L eth0 rx 1 tx 2
exec "$0" -c '
import json, sys
sys.path[:0] = sys.argv[1:3]
from test_network_queues_real import run_inside
print("RESULT " + json.dumps(run_inside()))
' "$1" "$1/tests/modules"
"""


def look(change, host):
    """What a change sees, tried, and what it sees then."""
    before = change.probe(host)
    try:
        note = change.apply(host)
    except AgentError as error:
        note = "%s %s" % (error.code, error)
    return [before.state, before.detail, note, change.probe(host).state, change.detail(host)]


def text(path):
    with open("/sys/class/net/eth0/queues/" + path, encoding="ascii") as stream:
        return stream.read().strip()


def run_inside():
    """In the namespace: what the changes do to the card there."""
    host = Host("/")
    seen = {"first": look(SteerPackets("eth0", [0, 1], 64), host)}
    seen["one sending queue"] = look(SteerPackets("peer0", None, 0, [[[0], [1]]]), host)
    seen["none"] = look(SteerPackets("eth7", [0]), host)
    seen["told"] = get_channels("eth0")
    seen["raised"] = look(SetChannels("eth0", {"rx": 4, "tx": 4}), host)
    seen["ethtool"] = subprocess.check_output(["ethtool", "-l", "eth0"]).decode("utf-8")
    seen["too many"] = look(SetChannels("eth0", {"rx": 5}), host)
    seen["no such card"] = look(SetChannels("eth7", {"rx": 5}), host)
    seen["steered"] = look(SteerPackets("eth0", [0, 1], 4096, [[[0], [1]]]), host)
    seen["queues"] = [
        [text("rx-%d/rps_cpus" % queue), text("rx-%d/rps_flow_cnt" % queue), text("tx-%d/xps_cpus" % queue)]
        for queue in range(4)
    ]
    seen["no such processor"] = look(SteerPackets("eth0", [0, 9000]), host)
    return seen


@pytest.fixture(scope="module")
def seen():
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", INSIDE, sys.executable, CHECKOUT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = done.stdout.decode("utf-8")
    results = [line[7:] for line in output.splitlines() if line.startswith("RESULT ")]
    assert results, output
    return json.loads(results[0])


@pytest.mark.real
def test_channels_are_set_without_the_program_and_seen_by_it(seen):
    assert seen["told"] == {"rx": {"current": 1, "maximum": 4}, "tx": {"current": 2, "maximum": 4}}
    assert seen["raised"] == [DIFFERS, "has 1 rx, 2 tx", None, CONVERGED, []]
    current = seen["ethtool"].partition("Current hardware settings:")[2].split()
    assert current[:4] == ["RX:", "4", "TX:", "4"]


@pytest.mark.real
def test_what_the_driver_refuses_is_said_and_leaves_the_card_as_it_is(seen):
    before, detail, note, after, _ = seen["too many"]
    assert (before, detail, after) == (DIFFERS, "has 4 rx", DIFFERS)
    assert note.startswith("channels-not-taken eth0 does not take 5 rx channels: Invalid argument")
    assert seen["no such card"][0] == seen["no such card"][3] == UNKNOWN
    assert "No such device" in seen["no such card"][2]


@pytest.mark.real
def test_each_queue_is_steered(seen):
    before, _, note, after, left = seen["steered"]
    # The queue that was there had its processors; the three added later have none yet.
    assert (before, note, after, left) == (DIFFERS, None, CONVERGED, [])
    processors = os.sysconf("SC_NPROCESSORS_CONF")
    for queue, (receive, flows, send) in enumerate(seen["queues"]):
        assert (int(receive.replace(",", ""), 16), flows) == (3, "4096")
        assert int(send.replace(",", ""), 16) == (1 << queue % 2 if processors > 1 else 1)


@pytest.mark.real
def test_with_one_sending_queue_there_is_nothing_to_choose(seen):
    assert seen["one sending queue"] == [CONVERGED, "", None, CONVERGED, []]
    assert seen["none"][:2] == [UNKNOWN, "there is no card eth7"]
    assert seen["first"][0] == DIFFERS and seen["first"][3] == CONVERGED


@pytest.mark.real
def test_a_processor_that_is_not_there_is_refused(seen):
    before, _, note, _, _ = seen["no such processor"]
    assert before == DIFFERS
    assert "/sys/class/net/eth0/queues/rx-0/rps_cpus cannot be set to" in note


# -- interrupts, in a tree ------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path):
    """Makes a tree with a card whose queues have these interrupts: irq to name."""

    def make(interrupts):
        function = tmp_path / "sys/devices/pci0000:00/0000:00:05.0"
        (function / "net/eth0").mkdir(parents=True)
        (function / "net/eth0/device").symlink_to("../..")
        (tmp_path / "sys/class/net").mkdir(parents=True)
        (tmp_path / "sys/class/net/eth0").symlink_to("../../devices/pci0000:00/0000:00:05.0/net/eth0")
        (function / "msi_irqs").mkdir()
        for irq, name in interrupts.items():
            (function / "msi_irqs" / str(irq)).write_text("msix\n")
            (tmp_path / "proc/irq" / str(irq) / name).mkdir(parents=True)
            (tmp_path / "proc/irq" / str(irq) / "smp_affinity_list").write_text("0-95\n")
        return Host(str(tmp_path))

    return make


def affinity(host, irq):
    return host.root.text("/proc/irq/%d/smp_affinity_list" % irq)


def test_both_interrupts_of_a_queue_come_to_one_processor_of_the_node(machine):
    names = {30: "virtio1-config"}
    names.update({31 + 2 * queue: "virtio1-input.%d" % queue for queue in range(4)})
    names.update({32 + 2 * queue: "virtio1-output.%d" % queue for queue in range(4)})
    host = machine(names)
    change = SpreadInterrupts("eth0", [[cpu, cpu + 48] for cpu in range(24, 32)])
    assert change.describe() == "spread interrupts of eth0 over processors 24-31,72-79"
    assert change.probe(host).state == DIFFERS
    assert change.detail(host)[0] == "/proc/irq/31/smp_affinity_list (virtio1-input.0): 0-95 -> 24"
    assert change.apply(host) == "8 moved"
    assert [affinity(host, irq) for irq in range(31, 39)] == [
        "24", "24", "26", "26", "28", "28", "30", "30",
    ]  # fmt: skip
    assert affinity(host, 30) == "0-95"
    assert change.probe(host).state == CONVERGED
    assert SpreadInterrupts("eth0", change.cores, turn=1).probe(host).state == DIFFERS


def test_what_the_driver_has_spread_over_all_is_left(machine):
    host = machine({40: "mlx5_comp0@pci:0000:00:05.0", 41: "mlx5_comp1@pci:0000:00:05.0"})
    for irq, cpu in ((40, "1"), (41, "0")):
        with open(host.root.root + "/proc/irq/%d/smp_affinity_list" % irq, "w", encoding="ascii") as stream:
            stream.write(cpu)
    assert SpreadInterrupts("eth0", [[0], [1]]).probe(host).state == CONVERGED
    assert SpreadInterrupts("eth0", [[0], [1], [2]]).probe(host).state == DIFFERS


def test_a_card_whose_queues_are_not_in_use_has_nothing_to_spread(machine):
    host = machine({40: "mlx5_async0@pci:0000:00:05.0"})
    assert SpreadInterrupts("eth0", [[0], [1]]).probe(host).state == CONVERGED


def test_interrupts_that_the_kernel_manages_are_counted_and_no_failure():
    change = SpreadInterrupts("eth0", [[0], [1]])

    class Managed:
        """A tree whose files refuse to be written, as those of managed interrupts do."""

        root = "/"

        def text(self, path, default=None):
            return "0-1"

        def open(self, path, flags):
            raise OSError(5, "Input/output error", path)

    class Machine:
        root = hardware = Managed()

    change._wanted = lambda host: [(30, "nvme0q1", 0), (31, "nvme0q2", 1)]
    assert change.apply(Machine()) == "0 moved; 2 are managed by the kernel itself"


def test_recorded_hardware_is_never_written(machine, tmp_path):
    machine({40: "mlx5_comp0@pci:0000:00:05.0"})
    host = Host("/", hardware=str(tmp_path))
    changes = [
        SpreadInterrupts("eth0", [[0], [1]]),
        SteerPackets("eth0", [0, 1]),
        SetChannels("eth0", {"combined": 2}),
    ]
    for change in changes:
        with pytest.raises(AgentError) as caught:
            change.apply(host)
        assert caught.value.code == "not-this-machine"
    assert changes[2].probe(host).state == UNKNOWN
