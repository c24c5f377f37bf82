"""The agent and its tools killed in the middle of a disk; the next run goes on where that is still ours."""

import os

import pytest
from disk_world import World
from loops import Loops, held, partitions, sh

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and loop devices need root"),
]
# Stands before the real tool: kills it at its Nth write to the disk, then the agent. It works once.
_KILLER = """#!/bin/sh
rm -f "$0"
if [ "$1" = --version ]; then cp /root/killer "$0"; exec /usr/sbin/%(tool)s --version; fi
strace -qq -o /run/strace -P %(device)s -e trace=write,pwrite64 \\
    -e inject=write,pwrite64:signal=KILL:when=%(count)d /usr/sbin/%(tool)s "$@"
echo $? > /run/how
kill -9 $PPID
"""


@pytest.fixture
def loops(tmp_path):
    made = Loops(tmp_path)
    yield made
    made.close()


@pytest.fixture
def world(loops, tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def killed_in(world, tool, device, count):
    """A run in which a tool is killed at its write number `count`; whether it came so far."""
    text = _KILLER % {"tool": tool, "device": device, "count": count}
    for path in ("/root/killer", "/usr/local/sbin/" + tool):
        world.write(path, text, mode="0755")
    status, output = world.tsagent("run", "--only", "disk_setup", "--source", "nocloud:" + world.seed)
    assert status in (-9, 137), output
    return world.read("/run/how").strip() != "0"


USER_DATA = """#cloud-config
disk_setup:
  %(disk)s: {table_type: %(table)s, layout: [50, 50]}
fs_setup:
  - {device: %(disk)s.1, filesystem: %(kind)s, label: data}
"""


@pytest.mark.parametrize("table", ["gpt", "mbr"])
def test_a_table_that_was_cut_off_is_made_again(loops, world, table):
    for count in (1, 2, 4, 60000) if table == "gpt" else (1, 60000):
        disk = loops.disk(48)
        world.user_data(USER_DATA % {"disk": disk, "table": table, "kind": "ext4"}, "i-%d" % count)
        assert killed_in(world, "sfdisk", disk, count) == (count < 60000)
        module = world.run("disk_setup")
        assert module["state"] == "done", module
        assert not module.get("warnings"), module
        assert [size for _, size in partitions(disk)[1]] == [24, 22 if table == "gpt" else 23]
        assert "corrupt" not in sh("sfdisk", "--verify", disk)
        assert held(disk + "p1") == ("ext4", "data") and os.path.exists(disk + "p2")


@pytest.mark.parametrize(
    "kind, size, check", [("ext4", 128, ["e2fsck", "-fn"]), ("xfs", 620, ["xfs_repair", "-n"])]
)
def test_a_file_system_that_was_cut_off_is_made_again(loops, world, kind, size, check):
    for count in (1, 4, 60000):
        disk = loops.disk(size)
        world.user_data(USER_DATA % {"disk": disk, "table": "gpt", "kind": kind}, "i-%d" % count)
        died = killed_in(world, "mkfs." + kind, disk + "p1", count)
        assert died == (count < 60000)
        module = world.run("disk_setup")
        assert module["state"] == "done" and not module.get("warnings"), module
        last = module["changes"][-1]
        # What was whole is not made again.
        assert (last["state"], bool(last.get("repeated"))) == (
            ("applied", True) if died else ("already", False)
        )
        assert held(disk + "p1") == (kind, "data")
        sh(*(check + [disk + "p1"]))


def test_what_somebody_made_meanwhile_is_left_alone(loops, world):
    disk = loops.disk(128)
    world.user_data(USER_DATA % {"disk": disk, "table": "mbr", "kind": "ext4"})
    assert killed_in(world, "mkfs.ext4", disk + "p1", 2)
    sh("mkfs.btrfs", "-q", "-f", "--mixed", "-L", "theirs", disk + "p1")
    module = world.run("disk_setup")
    assert held(disk + "p1") == ("btrfs", "theirs")
    assert [change["state"] for change in module["changes"]] == ["before", "already"]
    assert 'left alone: %sp1 holds btrfs "theirs" by now' % disk in module["warnings"][0]
