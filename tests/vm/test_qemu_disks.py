"""Disks that user data partition, format and mount, on a machine with a real udev: first boot and second.

make vm-test ARGS="-k disks"
"""

import json
import os

import pytest
from nspawn_tree import run
from test_qemu_boot import FIRST_BOOT, Boot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]

SWAP_FILE = 32 << 20


def config(volume):
    """Two partitions on the NVMe disk, a file system on the whole cloud disk, a swap file on the root."""
    return dict(
        FIRST_BOOT,
        device_aliases={"fast": "/dev/nvme0n1", "data": "/dev/disk/by-id/virtio-" + volume},
        disk_setup={"fast": {"table_type": "gpt", "layout": [60, [40, 82]], "overwrite": False}},
        fs_setup=[
            {"label": "fast", "filesystem": "ext4", "device": "fast.1"},
            {"filesystem": "swap", "device": "fast.2"},
            {"label": "data", "filesystem": "ext4", "device": "data", "partition": "none"},
        ],
        mounts=[
            ["fast.1", "/srv/fast", "ext4", "noatime"],
            ["data", "/srv/data"],
            ["fast.2", "none", "swap", "sw", "0", "0"],
        ],
        swap={"filename": "/swapfile", "size": "32M"},
        write_files=FIRST_BOOT["write_files"]
        + [{"path": "/srv/%s/in-mount" % name, "content": name + "\n"} for name in ("data", "fast")],
    )


def mounted(boot):
    """Mount point -> device."""
    found = {}
    for disk in boot.look("blocks")["blockdevices"]:
        for device in [disk] + disk.get("children", []):
            if device["mountpoint"]:
                found[device["mountpoint"]] = device["name"]
    return found


@pytest.fixture(scope="module")
def machine(new_machine, new_cloud):
    volume = new_cloud("any", FIRST_BOOT).volume
    cloud = new_cloud("disks", config(volume))
    assert cloud.volume == volume
    return new_machine("disks", cloud)


@pytest.fixture(scope="module")
def first(machine):
    return Boot(machine)


def test_disks_are_as_asked_for(machine, first):
    first.ended_well()
    where = mounted(first)
    assert (where["/srv/fast"], where["/srv/data"]) == ("nvme0n1p1", "vdb")
    assert first.look("in_mounts") == "data\nfast"
    swaps = dict(line.split() for line in first.look("swaps").splitlines())
    assert set(swaps) == {"/swapfile", "/dev/nvme0n1p2"}
    assert int(swaps["/swapfile"]) in range(SWAP_FILE - (1 << 16), SWAP_FILE + 1)
    assert "0 errors" in first.look("fstab") or "Success" in first.look("fstab")
    (table,) = [json.loads(run(["sfdisk", "--json", machine.file("nvme")]))["partitiontable"]]
    assert table["label"] == "gpt" and len(table["partitions"]) == 2


def test_second_boot_mounts_them_and_makes_nothing(machine, first):
    made = [run(["blkid", "-p", "-o", "export", machine.file("volume")])]
    second = Boot(machine)
    second.ended_well()
    assert second.report["nothing_due"]
    assert mounted(second) == mounted(first)
    assert second.look("in_mounts") == "data\nfast"
    assert second.look("swaps") == first.look("swaps")
    assert [run(["blkid", "-p", "-o", "export", machine.file("volume")])] == made
