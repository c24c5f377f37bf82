"""fstab as findmnt reads it, real mounts of loop devices and a swap file in use, in a world of their own."""

import os

import pytest
from disk_world import World
from loops import Loops, sh

from tsagent.changes.swap_file import automatic_size
from tsagent.disks import fstab
from tsagent.disks.fstab import Line

GIB = 1 << 30
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and loop devices need root")
pytestmark = pytest.mark.real


@pytest.fixture
def loops(tmp_path):
    made = Loops(tmp_path)
    yield made
    made.close()


@pytest.fixture
def world(loops, tmp_path):
    made = World(tmp_path)
    yield made
    for path in ("/data/swapfile", "/btrfs/swapfile"):
        made.sh("swapoff", path)
    made.close()


def states(module):
    return [change["state"] for change in module["changes"]]


ADMIN = "# by hand\nproc /proc proc defaults 0 0\n/dev/sr0\t/media/cd  iso9660 noauto,ro 0 0"


@needs_root
def test_mounts_and_swap_file(world, loops):
    """What a first boot leaves, a second run and a later instance."""
    data, inner = loops.disk(96), loops.disk(16)
    sh("sfdisk", data, input=b",\n")
    sh("partx", "--add", data)
    sh("mkfs.ext4", "-q", data + "p1")
    label = "inner-%d" % os.getpid()  # another run may be under way on this machine
    sh("mkfs.ext4", "-q", "-L", label, inner)
    stale = "/dev/old /old auto defaults,comment=cloudconfig 0 2\n"
    world.write("/etc/fstab", ADMIN + "\n" + stale)
    world.user_data(
        """#cloud-config
device_aliases: {data: %s}
mounts:
  - [LABEL=%s, /data/in side, auto, "defaults,noatime"]
  - [data, /data]
  - [tmpfs, /scratch, tmpfs, "size=1M,mode=1777"]
  - [swap, null]
  - [nosuch, /nosuch]
swap: {filename: /data/swapfile, size: 24M}
"""
        % (data, label)
    )
    module = world.run("mounts")
    assert module["state"] == "done", module
    (warning,) = module["warnings"]
    assert warning.startswith('mounts[4]: not mounted: "nosuch" is neither a path')
    table = world.read("/etc/fstab")
    assert table == ADMIN + "\n" + (
        "%sp1\t/data\tauto\tdefaults,nofail,comment=cloudconfig\t0\t2\n"
        "LABEL=%s\t/data/in\\040side\tauto\tdefaults,noatime,comment=cloudconfig\t0\t2\n"
        "tmpfs\t/scratch\ttmpfs\tsize=1M,mode=1777,comment=cloudconfig\t0\t0\n"
        "/data/swapfile\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n" % (data, label)
    )
    assert "0 parse errors, 0 errors" in world.sh("findmnt", "--verify")[1]
    assert world.ok("findmnt", "-n", "-o", "SOURCE", "/data").strip() == data + "p1"
    assert world.ok("findmnt", "-n", "-o", "SOURCE", "/data/in side").strip() == inner
    assert "size=1024k" in world.ok("findmnt", "-n", "-o", "OPTIONS", "/scratch")
    assert world.ok("stat", "-c", "%a %u %s", "/data/swapfile").split() == ["600", "0", str(24 << 20)]
    assert "/data/swapfile" in world.read("/proc/swaps")
    again = world.run("mounts", "--again")
    assert set(states(again)) == {"already"} and world.read("/etc/fstab") == table
    world.user_data(
        "#cloud-config\nmounts: [[%s, /else]]\nswap: {filename: /data/swapfile, size: 24M}\n" % inner, "i-2"
    )
    module = world.run("mounts")
    assert module["state"] == "done"
    assert world.read("/etc/fstab") == ADMIN + "\n" + (
        "/data/swapfile\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n"
        "%s\t/else\tauto\tdefaults,nofail,comment=cloudconfig\t0\t2\n" % inner
    )


@needs_root
def test_a_place_of_the_administrators_stays_theirs(world, loops):
    disk = loops.disk(16)
    sh("mkfs.ext4", "-q", disk)
    admin = "UUID=0000-0000 /data ext4 noauto 0 2\n/dev/zero /zero none noauto 0 0\n"
    world.write("/etc/fstab", admin)
    world.user_data("#cloud-config\nmounts: [[%s, /data/], [/dev/zero, /zero, none, noauto]]\n" % disk)
    module = world.run("mounts")
    assert module["reason"] == "nothing is left to mount"
    assert module["warnings"] == [disk + " is not mounted: /etc/fstab has a line of its own for /data/"]
    assert world.read("/etc/fstab") == admin


@needs_root
def test_a_disk_that_is_not_there_holds_no_boot_up(world):
    world.user_data("#cloud-config\nmounts:\n  - [xvdq, /one, ext4, defaults, 0, 0]\n  - [xvdr, /two]\n")
    module = world.run("mounts")
    assert module["state"] == "done"
    assert world.read("/etc/fstab") == (
        "/dev/xvdq\t/one\text4\tdefaults,nofail,comment=cloudconfig\t0\t0\n"
        "/dev/xvdr\t/two\tauto\tdefaults,nofail,comment=cloudconfig\t0\t2\n"
    )
    assert module["warnings"] == [
        "mounts[0]: there is no /dev/xvdq: its line gets the option nofail",
        "mount /dev/xvdq on /one: /dev/xvdq is not there; it is mounted when it comes",
        "mount /dev/xvdr on /two: /dev/xvdr is not there; it is mounted when it comes",
    ]


@needs_root
def test_one_mount_that_fails_does_not_lose_the_others(world, loops):
    empty, good = loops.disk(16), loops.disk(16)
    sh("mkfs.ext4", "-q", good)
    world.user_data("#cloud-config\nmounts: [[%s, /empty, ext4], [%s, /good]]\n" % (empty, good))
    module = world.run("mounts")
    assert module["state"] == "failed" and module["code"] == "command-failed"
    assert "mount %s on /empty: mount failed with status 32" % empty in module["reason"]
    assert world.ok("findmnt", "-n", "-o", "SOURCE", "/good").strip() == good


@needs_root
@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_swap_files_on_other_file_systems(world, loops, kind):
    disk = loops.disk(320 if kind == "xfs" else 160)
    sh("mkfs." + kind, "-q", disk)
    world.user_data(
        "#cloud-config\nmounts: [[%s, /btrfs]]\nswap: {filename: /btrfs/swapfile, size: 16M}\n" % disk
    )
    module = world.run("mounts")
    assert module["state"] == "done", module
    assert "/btrfs/swapfile" in world.read("/proc/swaps")


@needs_root
def test_swap_files_that_cannot_be(world, loops):
    disk = loops.disk(32)
    sh("mkfs.ext4", "-q", disk)
    mount = "#cloud-config\nmounts: [[%s, /data]]\nswap: {filename: %s, size: %s}\n"
    for instance, (path, size, code) in enumerate(
        [
            ("/data/swapfile", "1G", "no-space"),
            ("/run/swapfile", "8M", "no-swap-here"),
            ("/data/precious", "8M", "file-in-the-way"),
        ]
    ):
        world.user_data(mount % (disk, path, size), "i-%d" % instance)
        world.sh("sh", "-c", "mountpoint -q /data && echo mine > /data/precious")
        module = world.run("mounts")
        assert [change["code"] for change in module["changes"] if "code" in change] == [code] + ["needs"] * 3
        assert "swap" not in world.read("/etc/fstab") + world.read("/proc/swaps").replace("Swap", "")[40:]
    assert world.read("/data/precious") == "mine\n"
    assert sorted(world.ok("ls", "-A", "/data").split()) == ["lost+found", "precious"]


@needs_root
def test_a_swap_file_that_was_cut_off_is_made_again(world, loops):
    disk = loops.disk(96)
    sh("mkfs.ext4", "-q", disk)
    world.user_data(
        "#cloud-config\nmounts: [[%s, /data]]\nswap: {filename: /data/swapfile, size: 16M}\n" % disk
    )
    world.write("/usr/local/sbin/mkswap", '#!/bin/sh\nrm -f "$0"\nkill -9 $PPID\n', mode="0755")
    status, output = world.tsagent("run", "--only", "mounts", "--source", "nocloud:" + world.seed)
    assert status in (-9, 137), output
    assert world.ok("ls", "-A", "/data").split() == [".swapfile.tsagent-new", "lost+found"]
    assert world.ok("stat", "-c", "%a", "/data/.swapfile.tsagent-new").strip() == "600"
    module = world.run("mounts")
    assert module["state"] == "done", module
    assert [change.get("repeated") for change in module["changes"] if change["type"] == "make_swap_file"] == [
        True
    ]
    assert world.ok("ls", "-A", "/data").split() == ["lost+found", "swapfile"]
    assert "/data/swapfile" in world.read("/proc/swaps")


@needs_root
def test_a_tree_gets_lines_directories_and_the_swap_file(scratch_root, tmp_path):
    """With another root nothing is mounted, and its /etc/fstab is what findmnt takes."""
    import json
    import subprocess
    import sys

    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "meta-data").write_text("instance-id: i-1\n", encoding="utf-8")
    text = "#cloud-config\nmounts: [[vdb, /srv/data], ['server:/export', /srv/nfs, nfs]]\nswap: {size: 2M}\n"
    (seed / "user-data").write_text(text, encoding="utf-8")
    argv = [sys.executable, "-m", "tsagent", "run", "--only", "mounts", "--source", "nocloud:%s" % seed]
    done = subprocess.run(
        argv + ["--root", str(scratch_root), "--format", "json"], stdout=subprocess.PIPE, check=False
    )
    (module,) = [item for item in json.loads(done.stdout.decode())["modules"] if item["name"] == "mounts"]
    assert module["state"] == "done" and "warnings" not in module
    skipped = [change["type"] for change in module["changes"] if change["state"] == "skipped"]
    assert skipped == ["run_tool", "mount", "mount", "swap_on", "run_tool"]
    table = scratch_root / "etc/fstab"
    assert table.read_text(encoding="utf-8") == (
        "/dev/vdb\t/srv/data\tauto\tdefaults,nofail,comment=cloudconfig\t0\t2\n"
        "server:/export\t/srv/nfs\tnfs\tdefaults,nofail,comment=cloudconfig\t0\t0\n"
        "/swap.img\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n"
    )
    assert (scratch_root / "srv/nfs").is_dir()
    assert os.stat(str(scratch_root / "swap.img")).st_mode & 0o777 == 0o600
    assert 'TYPE="swap"' in sh("blkid", "-p", str(scratch_root / "swap.img"))
    assert "parse" not in sh("findmnt", "--tab-file", str(table), "-n").lower()


MINE = Line(["/dev/vdb1", "/data", "auto", "defaults,comment=cloudconfig", "0", "2"])


@pytest.mark.parametrize(
    "before, after",
    [
        (None, "%s\n"),
        (b"", "%s\n"),
        (b"# end without newline", "# end without newline\n%s\n"),
        (b"/dev/x /x auto ro,comment=cloudconfig 0 0\n\n# y\n", "\n# y\n%s\n"),
        (b"%s\n# after\n" % MINE.text().encode(), "%s\n# after\n"),
        (b"%s\n%s\n" % (MINE.text().encode(), MINE.text().encode()), "%s\n"),
        (b"/dev/sda1 / ext4 defaults 0 1 # \xff\n", "/dev/sda1 / ext4 defaults 0 1 # \udcff\n%s\n"),
        (b"LABEL=mine /data/ xfs\n", "LABEL=mine /data/ xfs\n"),
        (b"/swp none swap sw,comment=cloudconfig 0 0\n", "/swp none swap sw,comment=cloudconfig 0 0\n%s\n"),
        (b"/old none swap sw,comment=cloudconfig 0 0\n", "%s\n"),
    ],
)
def test_our_lines_among_others(before, after):
    wanted = (after.replace("%s", MINE.text())).encode("utf-8", "surrogateescape")
    once = fstab.merge(before, [MINE], "/swp")
    assert once == wanted and fstab.merge(once, [MINE], "/swp") == once


def test_lines_come_after_the_one_they_are_mounted_in():
    inner = Line(["/dev/vdc1", "/data/deep/er", "auto", "defaults,comment=cloudconfig", "0", "2"])
    other = Line(["/dev/vdd1", "/database", "auto", "defaults,comment=cloudconfig", "0", "2"])
    lines = fstab.parents_first([other, inner, MINE])
    assert [item.target for item in lines] == ["/database", "/data", "/data/deep/er"]
    before = fstab.merge(b"# a\n", [inner]) + b"# z\n"
    after = fstab.merge(before, lines)
    assert after.decode() == "# a\n# z\n" + "".join(item.text() + "\n" for item in lines)
    assert fstab.merge(after, lines) == after


@pytest.mark.parametrize(
    "before, after",
    [
        (b"# a\n", "# a\n/swp\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n"),
        (b"/swp none swap sw 0 0\n/swp\tnone\tswap\tsw\t0\t0\n# a\n", "/swp none swap sw 0 0\n# a\n"),
        (b"/swp none swap pri=5 0 0\n", "/swp none swap pri=5 0 0\n"),
        (
            b"/other none swap sw 0 0\n",
            "/other none swap sw 0 0\n/swp\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n",
        ),
    ],
)
def test_a_swap_file_has_one_line(before, after):
    wanted = Line(["/swp", "none", "swap", "sw,comment=cloudconfig", "0", "0"])
    once = fstab.with_swap_file(before, wanted)
    assert once.decode() == after and fstab.with_swap_file(once, wanted) == once


@pytest.mark.parametrize(
    "memory, free, most, size",
    [
        (1 * GIB, 100 * GIB, None, 1 * GIB),
        (8 * GIB, 100 * GIB, None, 4 * GIB),
        (64 * GIB, 100 * GIB, None, 8 * GIB),
        (8 * GIB, 8 * GIB, None, 2 * GIB),
        (8 * GIB, 100 * GIB, 10485760, 10485760),
        (8 * GIB, 1 * GIB, 2 * GIB, 1 * GIB),
    ],
)
def test_automatic_sizes(memory, free, most, size):
    assert automatic_size(memory, free, most) == size
