"""Config drives as real images: made by real tools, mounted by the agent, gone afterwards.

A kernel without iso9660 and vfat (some containers' hosts) mounts an ext4 image in their place: the path
through mount and umount is the same. Kernels that have them are given the real thing.
"""

import json
import os
import shutil
import subprocess

import pytest

from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.tree import Tree
from tsagent.sources import configdrive

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount"),
]

META = {"uuid": "83679162-1378-4288-a2d4-70e13ec132aa", "hostname": "web-1"}


def mounts():
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        return [line for line in stream if "tsagent-config-drive" in line]


def leftovers():
    return [name for name in os.listdir("/run") if name.startswith("tsagent-config-drive")]


def read(path):
    return configdrive.read(Host("/"), Tree("/"), str(path))


@pytest.fixture
def layout(tmp_path):
    latest = tmp_path / "layout" / "openstack" / "latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text(json.dumps(META), encoding="utf-8")
    (latest / "user_data").write_bytes(b"#!/bin/sh\n")
    return tmp_path / "layout"


def kernel_knows(file_system):
    if shutil.which("modprobe"):
        subprocess.call(["modprobe", "-q", file_system])
    with open("/proc/filesystems", encoding="utf-8") as stream:
        return file_system in stream.read().split()


def make_ext4(layout, image):
    with open(str(image), "wb") as stream:
        stream.truncate(4 << 20)
    subprocess.check_call(["mkfs.ext4", "-q", "-O", "^has_journal", "-d", str(layout), str(image)])


def make_iso(layout, image):
    subprocess.check_call(["genisoimage", "-quiet", "-R", "-V", "config-2", "-o", str(image), str(layout)])


def make_vfat(layout, image):
    with open(str(image), "wb") as stream:
        stream.truncate(4 << 20)
    subprocess.check_call(["mkfs.vfat", "-n", "CONFIG-2", str(image)], stdout=subprocess.DEVNULL)
    place = str(image) + ".place"
    os.mkdir(place)
    subprocess.check_call(["mount", "-t", "vfat", "-o", "loop", str(image), place])
    try:
        subprocess.check_call(["cp", "-r", str(layout / "openstack"), place])
    finally:
        subprocess.check_call(["umount", place])


MAKERS = {"ext4": make_ext4, "iso9660": make_iso, "vfat": make_vfat}


@pytest.fixture(params=sorted(MAKERS))
def make(request):
    """Makes an image of one file system from a directory; `make.read` reads it."""
    if not kernel_knows(request.param):
        pytest.skip("this kernel has no %s" % request.param)
    known = "ext4" if request.param == "ext4" else configdrive.FILE_SYSTEMS

    def maker(layout, image):
        MAKERS[request.param](layout, image)

    maker.read = lambda path: configdrive.read(Host("/"), Tree("/"), str(path), known)
    return maker


def test_an_image_is_read_and_let_go(make, layout, tmp_path):
    image = tmp_path / "drive"
    make(layout, image)
    data = make.read(image)
    assert data.instance_id == META["uuid"]
    assert data.user_data == b"#!/bin/sh\n"
    assert data.origin == str(image)
    assert data.fingerprint.startswith("sha256:")
    assert (mounts(), leftovers()) == ([], [])


def test_a_drive_without_the_layout_is_let_go_too(make, tmp_path):
    (tmp_path / "empty").mkdir()
    image = tmp_path / "drive"
    (tmp_path / "empty" / "openstack").mkdir()
    make(tmp_path / "empty", image)
    with pytest.raises(AgentError) as caught:
        make.read(image)
    assert caught.value.code == "configdrive-absent"
    assert (mounts(), leftovers()) == ([], [])


def test_reading_leaves_the_image_as_it_was(make, layout, tmp_path):
    image = tmp_path / "drive"
    make(layout, image)
    before = image.read_bytes()
    make.read(image)
    assert image.read_bytes() == before


def test_an_image_of_another_file_system_is_refused(layout, tmp_path):
    """Only what OpenStack makes is mounted: an ext4 drive is no config drive."""
    image = tmp_path / "drive"
    make_ext4(layout, image)
    with pytest.raises(AgentError) as caught:
        read(image)
    assert caught.value.code == "configdrive-unreadable"
    assert str(image) in caught.value.message
    assert "\n" not in str(caught.value)
    assert leftovers() == []


def test_the_fingerprint_needs_no_mount_and_tells_drives_apart(layout, tmp_path):
    make_iso(layout, tmp_path / "one.iso")
    (layout / "openstack/latest/user_data").write_bytes(b"#!/bin/sh\ntrue\n")
    make_iso(layout, tmp_path / "two.iso")
    one, two = (configdrive.fingerprint(Tree("/"), str(tmp_path / name)) for name in ("one.iso", "two.iso"))
    assert one != two
    assert one == configdrive.fingerprint(Tree("/"), str(tmp_path / "one.iso"))
