"""Real partition tables and file systems, made on loop devices by the real tools and read back by others."""

import hashlib
import os
import struct
import subprocess
import zlib

import pytest
from loops import Loops, apply, held, partitions, plan, sh, states

from tsagent.errors import AgentError
from tsagent.host import CommandResult, Runner

LINUX, SWAP = "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="making file systems on loop devices needs root"),
]


@pytest.fixture
def loops(tmp_path):
    made = Loops(tmp_path)
    yield made
    made.close()


def digest(device):
    with open(device, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def fill(device, tmp_path):
    """An ext4 file system with a file in it."""
    (tmp_path / "content").mkdir(exist_ok=True)
    (tmp_path / "content/precious").write_bytes(os.urandom(100000))
    sh("mkfs.ext4", "-q", "-F", "-L", "theirs", "-d", str(tmp_path / "content"), device)


@pytest.mark.parametrize("sector", [512, 4096])
def test_partitions_and_file_systems_are_made_once(loops, sector):
    data, swap, plain = (loops.disk(size, sector) for size in (120, 40, 90))
    settings = {
        "device_aliases": {"data": data, "memory": "again", "again": swap},
        "disk_setup": {
            "data": {"table_type": "gpt", "layout": [50, 50]},
            "memory": {"table_type": "gpt", "layout": [[100, 82]], "overwrite": True},
            plain: {"table_type": "mbr", "layout": [33, [33, 82], 33]},
        },
        "fs_setup": [
            {"device": "data.1", "filesystem": "ext4", "label": "one"},
            {"device": "data", "partition": 2, "filesystem": "ext4", "label": "two", "extra_opts": "-m 0"},
            {"device": "memory.1", "filesystem": "swap", "label": "swap"},
            {"device": plain + "p1", "filesystem": "vfat", "label": "BOOT"},
            {"device": plain + ".2", "filesystem": "swap"},
            {
                "device": plain + ".3",
                "label": "{it's}",
                "filesystem": "ext4",
                "cmd": 'mkfs -q -t %(filesystem)s -L "%(label)s" %(device)s',
            },
        ],
    }
    changes, context, host = plan("disk_setup", settings, loops)
    assert states(apply(changes, host)) == ["applied"] * 9 and context.warnings == []
    assert partitions(data) == ("gpt", [(LINUX, 60), (LINUX, 58)])
    assert partitions(swap) == ("gpt", [(SWAP, 38)])
    assert partitions(plain) == ("dos", [("83", 29), ("82", 29), ("83", 31)])
    assert held(data + "p1") == ("ext4", "one") and held(data + "p2") == ("ext4", "two")
    assert held(swap + "p1") == ("swap", "swap") and held(plain + "p2") == ("swap", "")
    assert held(plain + "p1") == ("vfat", "BOOT") and held(plain + "p3") == ("ext4", "{it's}")
    sh("e2fsck", "-f", "-n", data + "p2")
    assert "Reserved block count:     0\n" in sh("dumpe2fs", "-h", data + "p2")
    for disk in loops.made:
        assert "corrupt" not in sh("sfdisk", "--verify", disk)
    before = [digest(disk) for disk in loops.made]
    again, _, host = plan("disk_setup", settings, loops)
    assert states(apply(again, host)) == ["already"] * 9
    assert [digest(disk) for disk in loops.made] == before


def test_whole_disks(loops):
    xfs, vfat, btrfs = loops.disk(320), loops.disk(64), loops.disk(128)
    settings = {
        "fs_setup": [
            {"device": xfs, "filesystem": "xfs", "label": "longer-than-twelve", "partition": "none"},
            {"device": vfat, "filesystem": "vfat"},
            {"device": btrfs, "filesystem": "btrfs", "label": "b", "partition": "auto"},
        ]
    }
    changes, context, host = plan("disk_setup", settings, loops)
    assert states(apply(changes, host)) == ["applied"] * 3
    assert context.warnings == ['fs_setup[0]: a label of xfs has at most 12 bytes: it is "longer-than-"']
    assert [held(disk) for disk in (xfs, vfat, btrfs)] == [
        ("xfs", "longer-than-"),
        ("vfat", ""),
        ("btrfs", "b"),
    ]
    sh("xfs_repair", "-n", xfs)
    assert states(apply(plan("disk_setup", settings, loops)[0], host)) == ["already"] * 3


def test_what_is_there_is_left_alone_without_overwrite(loops, tmp_path):
    disk = loops.disk(100)
    fill(disk, tmp_path)
    before = digest(disk)
    settings = {
        "disk_setup": {disk: {"layout": True}},
        "fs_setup": [
            {"device": disk, "filesystem": "xfs", "label": "ours"},
            {"device": disk, "filesystem": "ext4", "label": "ours", "partition": "none"},
            {"device": disk, "filesystem": "xfs", "cmd": "mkfs.xfs -f %(device)s"},
        ],
    }
    changes, _, host = plan("disk_setup", settings, loops)
    outcome = apply(changes, host)
    assert states(outcome) == ["warned"] * 4
    assert outcome[0][1] == 'left alone: %s holds ext4 "theirs" (overwrite: true destroys that)' % disk
    assert digest(disk) == before


def test_a_partitioned_disk_is_left_alone_without_overwrite(loops, tmp_path):
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: gpt\n,40M\n,\n")
    sh("partx", "--add", disk)
    fill(disk + "p2", tmp_path)
    before = digest(disk)
    settings = {"disk_setup": {disk: {"layout": [100], "table_type": "gpt"}}}
    changes, _, host = plan("disk_setup", settings, loops)
    ((state, note),) = apply(changes, host)
    assert state == "warned" and 'p2 holds ext4 "theirs"' in note
    (removal,), _, host = plan("disk_setup", {"disk_setup": {disk: {"layout": "remove"}}}, loops)
    assert states(apply([removal], host)) == ["warned"]
    assert digest(disk) == before
    # A disk that has partitions is partitioned as `true` wants it.
    changes, _, host = plan("disk_setup", {"disk_setup": {disk: {"layout": True}}}, loops)
    assert states(apply(changes, host)) == ["already"] and digest(disk) == before


def test_overwrite_destroys_what_is_unused(loops, tmp_path):
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: gpt\n,40M\n,\n")
    sh("partx", "--add", disk)
    fill(disk + "p1", tmp_path)
    settings = {
        "disk_setup": {disk: {"layout": [[100, 83]], "overwrite": True}},
        "fs_setup": [{"device": disk + ".1", "filesystem": "xfs", "extra_opts": ["-K"], "cmd": ["true"]}],
    }
    changes, _, host = plan("disk_setup", settings, loops)
    assert changes[0].probe(host).detail.startswith("to be destroyed: ")
    assert apply(changes[:1], host) == [("applied", "")]
    assert partitions(disk) == ("dos", [("83", 99)])
    assert held(disk + "p1") is None  # the old file system began at the same place
    fill(disk + "p1", tmp_path)
    settings = {
        "fs_setup": [{"device": disk + "p1", "filesystem": "ext4", "label": "new", "partition": "auto"}]
    }
    changes, _, host = plan("disk_setup", settings, loops)
    assert states(apply(changes, host)) == ["warned"]
    settings["fs_setup"][0]["overwrite"] = True
    changes, _, host = plan("disk_setup", settings, loops)
    assert states(apply(changes, host)) == ["applied"] and held(disk + "p1") == ("ext4", "new")
    (removal,), _, host = plan(
        "disk_setup", {"disk_setup": {disk: {"layout": "remove", "overwrite": True}}}, loops
    )
    assert states(apply([removal], host)) == ["applied"]
    assert held(disk) is None and not os.path.exists(disk + "p1")


def test_replace_fs_takes_the_kind_it_names(loops, tmp_path):
    disk = loops.disk(128)
    fill(disk, tmp_path)
    wanted = {"device": disk, "filesystem": "btrfs", "label": "new", "partition": "any", "replace_fs": "ntfs"}
    changes, _, host = plan("disk_setup", {"fs_setup": [wanted]}, loops)
    assert states(apply(changes, host)) == ["warned"]
    changes, _, host = plan("disk_setup", {"fs_setup": [dict(wanted, replace_fs="ext4")]}, loops)
    assert states(apply(changes, host)) == ["applied"] and held(disk) == ("btrfs", "new")
    changes, _, host = plan("disk_setup", {"fs_setup": [dict(wanted, replace_fs="btrfs")]}, loops)
    assert states(apply(changes, host)) == ["already"]


@pytest.mark.parametrize(
    "wanted, chosen",
    [
        ({"partition": "auto", "label": "test"}, "applied on %sp2"),
        ({"partition": "any", "label": "test"}, "already %sp1 holds ext4"),
        ({"partition": "auto"}, "already %sp1 holds ext4"),
        ({"partition": 4, "label": "test"}, 'already %sp4 holds ext4 "test"'),
        ({"partition": 3, "label": "test"}, "warned left alone: %sp3 holds swap"),
    ],
)
def test_which_partition_is_chosen(loops, wanted, chosen):
    """The case that cloud-init's own documentation tells of."""
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: gpt\n,24M\n,24M\n,24M\n,\n")
    sh("partx", "--add", disk)
    sh("mkfs.ext4", "-q", disk + "p1")
    sh("mkswap", "-L", "test", disk + "p3")
    sh("mkfs.ext4", "-q", "-L", "test", disk + "p4")
    changes, _, host = plan("disk_setup", {"fs_setup": [dict(wanted, device=disk, filesystem="ext4")]}, loops)
    assert " ".join(apply(changes, host)[0]).startswith(chosen % disk)


def everything_overwritten(disk):
    return {
        "disk_setup": {disk: {"table_type": "gpt", "layout": [30, 70], "overwrite": True}},
        "fs_setup": [{"device": disk, "partition": 1, "filesystem": "xfs", "overwrite": True}],
    }


def refused(loops, disk):
    """How both changes are refused; nothing on the disk is any different."""
    before = digest(disk)
    changes, _, host = plan("disk_setup", everything_overwritten(disk), loops)
    messages = []
    for change in changes:
        with pytest.raises(AgentError) as error:
            change.apply(host)
        assert error.value.code == "device-in-use"
        messages.append(error.value.message)
    (removal,), _, host = plan(
        "disk_setup", {"disk_setup": {disk: {"layout": "remove", "overwrite": True}}}, loops
    )
    with pytest.raises(AgentError):
        removal.apply(host)
    assert digest(disk) == before
    return messages


def test_a_disk_mounted_anywhere_is_refused(loops, tmp_path):
    """Also where the mount is another namespace's, which no list of ours shows."""
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: dos\n,\n")
    sh("partx", "--add", disk)
    fill(disk + "p1", tmp_path)
    (tmp_path / "mnt").mkdir()
    script = "mount -o ro,noload %sp1 %s && echo mounted && read end" % (disk, tmp_path / "mnt")
    other = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"mounted\n"
        messages = refused(loops, disk)
    finally:
        other.communicate(b"\n")
    assert messages == [
        "%s is in use and is left as it is: the kernel says it is busy" % disk,
        "%sp1 is in use and is left as it is: the kernel says it is busy" % disk,
    ]


def test_active_swap_is_refused(loops):
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: dos\n,,82\n")
    sh("partx", "--add", disk)
    sh("mkswap", disk + "p1")
    sh("swapon", disk + "p1")
    try:
        messages = refused(loops, disk)
    finally:
        sh("swapoff", disk + "p1")
    assert "is swap" in messages[0] and "active swap" in messages[1]


def test_a_member_of_lvm_is_refused(loops):
    disk = loops.disk(100)
    sh("sfdisk", disk, input=b"label: gpt\n,\n")
    sh("partx", "--add", disk)
    rest = struct.pack("<I8s", 32, b"LVM2 001") + b"A" * 32 + bytes(512 - 64)
    checksum = zlib.crc32(rest, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    with open(disk + "p1", "r+b") as stream:
        stream.seek(512)
        stream.write(struct.pack("<8sQI", b"LABELONE", 1, checksum) + rest)
    assert held(disk + "p1") == ("LVM2_member", "")
    assert all("is a part of RAID or LVM (LVM2_member)" in message for message in refused(loops, disk))


class OldSfdisk(Runner):
    """A machine whose sfdisk says that it is el7's, which knows neither headers nor GPT."""

    def run(self, argv, **options):
        if list(argv) == ["sfdisk", "--version"]:
            return CommandResult(argv, 0, b"sfdisk from util-linux 2.23.2\n", 0.0, False, 0)
        assert argv[0] != "sfdisk" or b"label:" not in (options.get("stdin") or b"")
        return super().run(argv, **options)


class NoSgdisk(OldSfdisk):
    def which(self, name):
        return None if name == "sgdisk" else super().which(name)


@pytest.mark.parametrize("table, kinds", [("mbr", ["82", "83"]), ("gpt", [SWAP, LINUX])])
def test_old_tools(loops, table, kinds):
    disk = loops.disk(100)
    settings = {"disk_setup": {disk: {"table_type": table, "layout": [[40, 82], 60]}}}
    changes, _, host = plan("disk_setup", settings, loops, runner=OldSfdisk())
    assert states(apply(changes, host)) == ["applied"]
    assert [kind for kind, _ in partitions(disk)[1]] == kinds
    assert os.path.exists(disk + "p2")


@pytest.mark.parametrize("runner", [None, OldSfdisk()])
def test_a_table_written_in_part_is_ours_to_write_again(loops, runner):
    """In the order in which the tools write, half a table looks like none; a disk's cache has its own."""
    disk = loops.disk(100)
    settings = {"disk_setup": {disk: {"table_type": "gpt", "layout": [40, 60]}}}
    (change,), _, host = plan("disk_setup", settings, loops, runner=runner)
    before = change.before(host)
    sh("sfdisk", disk, input=b"label: gpt\n,40M\n")
    assert change.probe(host).warn  # somebody else's, but for what the journal says
    assert change.probe_resumed(host, before).detail == "its partition table was being written"
    change.heal(host, before)
    change.apply(host)
    assert change.probe_resumed(host, before).detail == "it is partitioned so"
    with open(disk, "r+b") as stream:
        stream.seek(-512, os.SEEK_END)
        stream.write(bytes(512))
    assert change.probe(host).state == "converged"
    assert change.probe_resumed(host, before).detail == "its partition table was being written"
    change.heal(host, before)
    change.apply(host)
    assert change.probe_resumed(host, before).detail == "it is partitioned so"
    assert "corrupt" not in sh("sfdisk", "--verify", disk)


def test_without_the_tool_nothing_is_written(loops):
    disk = loops.disk(16)
    settings = {"disk_setup": {disk: {"table_type": "gpt", "layout": True}}}
    changes, _, host = plan("disk_setup", settings, loops, runner=NoSgdisk())
    with pytest.raises(AgentError) as error:
        changes[0].apply(host)
    assert error.value.code == "no-such-program" and held(disk) is None
    wanted = {"device": disk, "filesystem": "nosuchfs"}
    changes, _, host = plan("disk_setup", {"fs_setup": [wanted]}, loops)
    with pytest.raises(AgentError) as error:
        changes[0].apply(host)
    assert error.value.message == "mkfs.nosuchfs is not installed"
