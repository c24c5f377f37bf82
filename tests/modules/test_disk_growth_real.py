"""Real partition tables and file systems in image files, grown by the real tools, checked by others."""

import json
import os
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.file_system_growth import GrowFileSystem
from tsagent.changes.partition_growth import GrowPartition, grown_dump
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.facts.partition_table import parse_table
from tsagent.facts.superblock import parse_superblock
from tsagent.host import Host, Runner
from tsagent.registry.context import Context, Nothing
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

MIB = 1 << 20
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and mounting file systems needs root"),
]


def sh(*argv, **options):
    """The output of a command that must succeed."""
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=options.get("input"), check=False
    )
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout.decode("utf-8", "replace")


def verify(image):
    """sfdisk finds nothing wrong with any copy of the table."""
    done = subprocess.run(
        ["sfdisk", "--verify", str(image)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0 and b"corrected by write" not in done.stdout, done.stdout


def partitions(image):
    table = json.loads(sh("sfdisk", "--json", str(image)))["partitiontable"]
    return table["label"], table["partitions"]


def make_image(path, label, kind, disk=700, part=400, fs=350, boot=False):
    """A disk of `disk` MiB whose last partition has `part` and whose file system has `fs`."""
    sectors = part * 2048
    start = 2048
    rows = "label: %s\n" % label
    if boot:
        rows += "start=2048, size=4096\n"
        start = 8192
    rows += "start=%d, size=%d\n" % (start, sectors)
    with open(str(path), "wb") as stream:
        stream.truncate(disk * MIB)
    sh("sfdisk", str(path), input=rows.encode())
    offset = start * 512
    if kind == "ext4":
        sh("mkfs.ext4", "-q", "-E", "offset=%d" % offset, str(path), "%dM" % fs)
    elif kind == "xfs":
        small = str(path) + ".fs"
        with open(small, "wb") as stream:
            stream.truncate(fs * MIB)
        sh("mkfs.xfs", "-q", small)
        sh(
            "dd",
            "if=" + small,
            "of=" + str(path),
            "bs=1M",
            "seek=%d" % (offset // MIB),
            "conv=notrunc,sparse",
        )
        os.unlink(small)
    return offset


def plan(image, settings=None, root="/nowhere-at-all"):
    """What the module plans for an image, through the registry as in a run."""
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["disk_growth"], tree)
    host = Host(root, commands="skip")
    context = Context(
        "disk_growth", settings or {}, Facts.from_data({}), host.root, host.hardware, disk=str(image)
    )
    answer = module.plan(context)
    return ([], context) if isinstance(answer, Nothing) else (list(answer), context)


def make_so(changes, host):
    """Probe and apply in order, as the engine does; the notes."""
    notes = []
    for change in changes:
        assert change.probe(host).state == DIFFERS, change.describe()
        notes.append(change.apply(host))
        assert change.probe(host).state == CONVERGED, (change.describe(), change.probe(host))
    return notes


def check_file_system(image, offset, size, kind):
    """fsck finds nothing; the bytes the file system takes, as its own tools tell."""
    loop = sh(
        "losetup", "--find", "--show", "--offset", str(offset), "--sizelimit", str(size), str(image)
    ).strip()
    try:
        if kind == "ext4":
            sh("e2fsck", "-f", "-n", loop)
            rows = dict(
                row.split(":", 1) for row in sh("dumpe2fs", "-h", loop).splitlines() if row.count(":") == 1
            )
            return int(rows["Block count"]) * int(rows["Block size"])
        sh("xfs_repair", "-n", loop)
        text = sh("xfs_db", "-r", "-c", "sb 0", "-c", "p dblocks blocksize", loop)
        rows = dict(row.split(" = ") for row in text.splitlines())
        return int(rows["dblocks"]) * int(rows["blocksize"])
    finally:
        sh("losetup", "--detach", loop)


def loops_of(image):
    return sh("losetup", "--noheadings", "--output", "NAME", "--associated", str(image)).split()


class NoLoops(Runner):
    """A machine on which loop devices are not allowed."""

    def which(self, name):
        return None if name == "losetup" else super().which(name)


class NoGrowpart(Runner):
    """A machine without cloud-utils."""

    def which(self, name):
        return None if name == "growpart" else super().which(name)


@pytest.mark.slow
@pytest.mark.parametrize("label", ["gpt", "dos"])
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_partition_and_file_system_grow(tmp_path, label, kind):
    image = tmp_path / "disk.img"
    offset = make_image(image, label, kind, boot=True)
    host = Host(str(tmp_path), disk=str(image))
    before = partitions(image)[1]
    changes, _ = plan(image)
    assert [change.type for change in changes] == ["grow_partition", "grow_file_system"]
    notes = make_so(changes, host)
    assert notes == ["in the image file", "through a loop device"]
    table, after = partitions(image)
    assert table == label
    assert [part["start"] for part in after] == [part["start"] for part in before]
    assert after[0] == before[0]
    assert after[1].get("uuid") == before[1].get("uuid")
    size = after[1]["size"] * 512
    assert offset + size > 699 * MIB
    assert check_file_system(image, offset, size, kind) > size - 16 * MIB
    assert loops_of(image) == []
    again, context = plan(image)
    assert again == []
    assert "takes all the room" in context.reason
    assert sorted(os.listdir(str(tmp_path))) == ["disk.img"]


def test_content_survives(tmp_path):
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "ext4")
    data = tmp_path / "data"
    data.write_bytes(os.urandom(3 * MIB))
    target = "%s?offset=%d" % (image, offset)
    sh("debugfs", "-w", "-R", "write %s data" % data, target)
    host = Host(str(tmp_path), disk=str(image))
    make_so(plan(image)[0], host)
    copy = tmp_path / "copy"
    sh("debugfs", "-R", "dump data %s" % copy, target)
    assert copy.read_bytes() == data.read_bytes()


def test_ext4_grows_offline_where_loop_devices_are_not_allowed(tmp_path):
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "ext4")
    host = Host(str(tmp_path), disk=str(image), runner=NoLoops())
    notes = make_so(plan(image)[0], host)
    assert notes[1] == "offline, in the image file (losetup is not installed)"
    assert os.stat(str(image)).st_size == 700 * MIB
    verify(image)
    assert os.listdir(str(tmp_path)) == ["disk.img"]
    assert plan(image)[0] == []
    size = partitions(image)[1][0]["size"] * 512
    assert check_file_system(image, offset, size, "ext4") > size - 16 * MIB


def test_an_offline_growth_cut_off_while_putting_back_is_finished(tmp_path):
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "ext4", disk=120, part=110, fs=60)
    host = Host(str(tmp_path), disk=str(image), runner=NoLoops())
    change = plan(image, {"growpart": {"mode": "off"}})[0][0]

    class CutOff(Exception):
        pass

    def cut_off():
        # What a kill in the middle leaves: the new superblock is in the image, the rest is not.
        with open(str(image), "r+b") as target, open(str(image) + ".grown", "rb") as source:
            target.seek(offset)
            target.write(source.read(4096))
        raise CutOff()

    finish = change._put_back
    change._put_back = cut_off
    with pytest.raises(CutOff):
        change.apply(host)
    change._put_back = finish
    assert change.probe(host).state == CONVERGED  # the superblock alone would fool it
    assert change.probe_resumed(host, None).state == DIFFERS
    change.heal(host, None)
    change.apply(host)
    assert change.probe_resumed(host, None).state == CONVERGED
    assert os.listdir(str(tmp_path)) == ["disk.img"]
    assert check_file_system(image, offset, 110 * MIB, "ext4") == 110 * MIB


def test_xfs_without_loop_devices_says_why_not(tmp_path):
    image = tmp_path / "disk.img"
    make_image(image, "gpt", "xfs")
    host = Host(str(tmp_path), disk=str(image), runner=NoLoops())
    partition, file_system = plan(image)[0]
    partition.apply(host)
    with pytest.raises(AgentError) as error:
        file_system.apply(host)
    assert error.value.code == "needs-loop-device"


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_sfdisk_where_growpart_is_missing(tmp_path, label):
    image = tmp_path / "disk.img"
    make_image(image, label, "ext4", boot=True)
    host = Host(str(tmp_path), disk=str(image), runner=NoGrowpart())
    before = partitions(image)[1]
    change = plan(image)[0][0]
    assert change.apply(host) == "by sfdisk: growpart is not installed"
    assert change.probe(host).state == CONVERGED
    after = partitions(image)[1]
    assert after[0] == before[0]
    assert (after[1]["start"], after[1].get("uuid")) == (before[1]["start"], before[1].get("uuid"))
    verify(image)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_unpartitioned_image_grows_its_file_system_only(tmp_path, kind):
    image = tmp_path / "disk.img"
    with open(str(image), "wb") as stream:
        stream.truncate(350 * MIB)
    sh("mkfs." + kind, "-q", str(image))
    os.truncate(str(image), 500 * MIB)
    changes, _ = plan(image)
    assert [change.type for change in changes] == ["grow_file_system"]
    make_so(changes, Host(str(tmp_path), disk=str(image)))
    assert check_file_system(image, 0, 500 * MIB, kind) == 500 * MIB
    assert plan(image)[0] == []


def test_a_partition_in_the_way_stops_the_growth(tmp_path):
    image = tmp_path / "disk.img"
    make_image(image, "gpt", "ext4", part=200, fs=200)
    sh("sfdisk", "--append", str(image), input=b"start=1024000, size=20480\n")
    last, context = plan(image)
    assert last == []
    assert "no ext2 to ext4 or xfs" in context.reason
    with open(str(image), "rb") as stream:
        data = stream.read(65536)
    assert parse_table(data).room_end(1, 700 * 2048) == 1024000


def test_off_switches(tmp_path):
    image = tmp_path / "disk.img"
    make_image(image, "gpt", "ext4")
    off, context = plan(image, {"growpart": {"mode": "off"}, "resize_rootfs": False})
    assert (off, context.reason) == ([], "growpart and resize_rootfs are both off")
    assert [item.type for item in plan(image, {"growpart": {"mode": False}})[0]] == ["grow_file_system"]
    assert [item.type for item in plan(image, {"resize_rootfs": False})[0]] == ["grow_partition"]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/growroot-disabled").write_text("")
    assert [item.type for item in plan(image, root=str(tmp_path))[0]] == ["grow_file_system"]
    heedless = {"growpart": {"ignore_growroot_disabled": True}}
    assert [item.type for item in plan(image, heedless, root=str(tmp_path))[0]][0] == "grow_partition"


def test_a_failed_growth_leaves_no_loop_device(tmp_path):
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "ext4")
    with open(str(image), "r+b") as stream:
        stream.seek(offset + 4096)
        stream.write(b"\xff" * 65536)  # the group descriptors: e2fsck -p gives up
        backup = offset + 32768 * 4096
        stream.seek(backup)
        stream.write(b"\0" * 65536)
    host = Host(str(tmp_path), disk=str(image))
    change = GrowFileSystem(str(image), "ext4", 400 * MIB, image=True, offset=offset)
    with pytest.raises(AgentError):
        change.apply(host)
    assert loops_of(image) == []


def strace(image, place, *options):
    """growpart under strace with these options; its status."""
    done = subprocess.run(
        ["strace", "-f", "-qq"] + list(options) + ["growpart", str(image), "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, TMPDIR=place),
        check=False,
    )
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_growpart_killed_midway_is_resumed(tmp_path, label):
    """SIGKILL at every write of the disk, at flushes and forks; the second run puts all right."""
    pristine = tmp_path / "pristine.img"
    offset = make_image(pristine, label, "ext4", disk=80, part=40, fs=40)
    image = tmp_path / "disk.img"
    place = str(image) + ".growpart"

    def fresh():
        sh("cp", "--sparse=always", str(pristine), str(image))
        os.mkdir(place)

    fresh()
    log = str(tmp_path / "log")
    strace(image, place, "-P", str(image), "-o", log, "-e", "trace=write,fsync")
    wanted = partitions(image)[1][0]["size"]
    with open(log) as stream:
        rows = stream.read().splitlines()
    sh("rm", "-r", place)
    points = []
    for call in ("write", "fsync"):
        count = len([row for row in rows if " %s(" % call in row])
        assert count >= 1
        # growpart's own rescue after a failed flush takes long under strace: two of those are enough.
        count = count if call == "write" else min(count, 2)
        points += [
            ["-P", str(image), "-e", "inject=%s:signal=KILL:when=%d" % (call, n + 1)] for n in range(count)
        ]
    points += [["-e", "inject=clone,fork,vfork:signal=KILL:when=%d" % number] for number in (3, 8, 13)]
    killed = 0
    for point in points:
        fresh()
        host = Host(str(tmp_path), disk=str(image))
        change = plan(image)[0][0]
        before = change.before(host)
        killed += strace(image, place, "-o", "/dev/null", *point) != 0
        if change.probe_resumed(host, before).state != CONVERGED:
            change.heal(host, before)
            change.apply(host)
        assert change.probe_resumed(host, before).state == CONVERGED, point
        change.heal(host, before)
        assert not os.path.exists(place)
        assert partitions(image)[1][0]["size"] == wanted, point
        verify(image)
    assert killed == len(points), (killed, len(points))
    print("growpart (%s): killed at %d points" % (label, killed))
    assert check_file_system(image, offset, wanted * 512, "ext4") == 40 * MIB


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_a_table_of_which_only_a_part_was_written_is_completed(tmp_path, label):
    """sfdisk killed at each write, with nobody left to come to its rescue, as when power fails."""
    pristine = tmp_path / "pristine.img"
    make_image(pristine, label, "ext4", disk=80, part=40, fs=40)
    image = tmp_path / "disk.img"
    halves = 0
    for number in range(1, 6 if label == "gpt" else 2):
        sh("cp", "--sparse=always", str(pristine), str(image))
        host = Host(str(tmp_path), disk=str(image))
        change = plan(image)[0][0]
        before = change.before(host)
        trace = ["strace", "-qq", "-o", "/dev/null", "-P", str(image)]
        trace += ["-e", "inject=write:signal=KILL:when=%d" % number]
        subprocess.run(
            trace + ["sfdisk", "--no-reread", "--force", str(image)],
            input=grown_dump(before["table"], 1).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        # The primary table alone would say that all is done.
        done = change.probe(host).state == CONVERGED
        halves += done and change.probe_resumed(host, before).state == DIFFERS
        if change.probe_resumed(host, before).state != CONVERGED:
            change.heal(host, before)
            change.apply(host)
        assert change.probe_resumed(host, before).state == CONVERGED, number
        verify(image)
        assert partitions(image)[1][0]["size"] * 512 >= 78 * MIB
    assert halves >= (1 if label == "gpt" else 0)


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_a_destroyed_table_is_put_back(tmp_path, label):
    image = tmp_path / "disk.img"
    make_image(image, label, "ext4", disk=80, part=40, fs=40, boot=True)
    host = Host(str(tmp_path), disk=str(image))
    change = plan(image)[0][0]
    table = partitions(image)
    before = json.loads(json.dumps(change.before(host)))
    sh("sfdisk", "--delete", str(image), "2")
    assert change.probe_resumed(host, before).state == DIFFERS
    change.heal(host, before)
    assert partitions(image) == table
    change.apply(host)
    assert change.probe_resumed(host, before).state == CONVERGED


def test_an_sfdisk_that_knows_no_gpt_writes_nothing(tmp_path):
    """el7's takes the protective MBR for the table; written back it would be the end of the GPT."""
    image = tmp_path / "disk.img"
    make_image(image, "gpt", "ext4", disk=80, part=40, fs=40)
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "sfdisk"
    rows = "# partition table of x\nunit: sectors\n\n x1 : start= 1, size=163839, Id=ee\n"
    fake.write_text(
        "#!/bin/sh\ncase $1 in --dump) printf '%s' ;; --verify) exit 1 ;; *) exit 99 ;; esac\n" % rows
    )
    os.chmod(str(fake), 0o755)
    host = Host(str(tmp_path), disk=str(image), runner=Runner(str(tools) + ":/usr/sbin:/usr/bin:/sbin:/bin"))
    change = plan(image)[0][0]
    before = change.before(host)
    assert before["table"] is None
    with pytest.raises(AgentError) as error:
        change._by_sfdisk(host)
    assert error.value.code == "no-such-program"
    change.heal(host, before)  # nothing is wrong: nothing is written
    verify(image)
    sh("sfdisk", "--delete", str(image), "1")
    with pytest.raises(AgentError) as error:
        change.heal(host, before)
    assert error.value.code == "damaged-partition-table"


def test_a_loop_device_left_by_a_killed_run_is_let_go(tmp_path):
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "ext4")
    sh("losetup", "--find", "--offset", str(offset), str(image))
    assert len(loops_of(image)) == 1
    host = Host(str(tmp_path), disk=str(image))
    change = plan(image)[0][1]
    change.heal(host, None)
    assert loops_of(image) == []


def test_online_growth_of_a_mounted_xfs(tmp_path):
    """The live form on a real block device: partition and mounted XFS, through the kernel."""
    image = tmp_path / "disk.img"
    offset = make_image(image, "gpt", "xfs")
    size = 600 * MIB
    loop = sh(
        "losetup", "--find", "--show", "--offset", str(offset), "--sizelimit", str(size), str(image)
    ).strip()
    place = tmp_path / "mnt"
    place.mkdir()
    try:
        sh("mount", "-t", "xfs", loop, str(place))
        try:
            change = GrowFileSystem(loop, "xfs", size, mountpoint=str(place))
            make_so([change], Host("/"))
        finally:
            sh("umount", str(place))
    finally:
        sh("losetup", "--detach", loop)


def test_online_growth_of_a_partition(tmp_path):
    """growpart on a real block device: the kernel, which knows the partition, learns its new size."""
    image = tmp_path / "disk.img"
    make_image(image, "gpt", "ext4")
    loop = sh("losetup", "--find", "--show", str(image)).strip()
    try:
        sh("partx", "--add", loop)
        host = Host("/")
        change = GrowPartition(loop, 1, 690 * MIB)
        make_so([change], host)
        sectors = host.root.text("/sys/class/block/%sp1/size" % os.path.basename(loop))
        assert int(sectors) * 512 > 690 * MIB
    finally:
        subprocess.run(["partx", "--delete", loop], stderr=subprocess.DEVNULL, check=False)
        sh("losetup", "--detach", loop)


def test_a_device_is_never_touched_with_a_root_given(tmp_path):
    host = Host(str(tmp_path))
    assert GrowPartition("/dev/sda", 1, 1).needs_live
    assert GrowPartition("/dev/sda", 1, 1).probe(host).state == "unknown"
    assert GrowFileSystem("/dev/sda1", "ext4", 1).probe(host).state == "unknown"


def test_readers_survive_garbage():
    for data in (b"", b"\0" * 65536, os.urandom(65536), b"XFSB", b"\x55\xaa" * 32768):
        parse_table(data)
        parse_superblock(data)
    protective = bytearray(65536)
    protective[510:512] = b"\x55\xaa"
    protective[450] = 0xEE
    protective[458:462] = b"\xff\xff\xff\xff"
    assert parse_table(bytes(protective)) is None  # says GPT, has none


def test_grown_dump_takes_the_size_of_one_partition_away():
    other = "/x/d12 : start=9000, size=5, type=B\n"
    dump = "label: gpt\nlast-lba: 999\n\n/x/d1 : start=2048, size=  4096, type=A\n" + other
    assert grown_dump(dump, 1) == "label: gpt\n/x/d1 : start=2048, type=A\n" + other
