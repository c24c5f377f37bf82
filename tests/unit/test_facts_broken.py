"""A machine may lack any file or hold garbage in it: facts get thinner, and nothing raises."""

import os
import re
import shutil

import pytest

from tsagent.facts import Facts
from tsagent.facts.text import render
from tsagent.host.tree import Tree

MACHINES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "machines")
TYPES = {"unknown": "XQ9.7XLARGE99", "hccpnv4h": "HCCPNV4h", "bms5": "BMS5", "gn7-vgpu": "GN7.2XLARGE40"}


def look(root, instance_type=None):
    """Everything there is to see of a machine, as people and programs see it."""
    tree = Tree(str(root))
    facts = Facts(tree, tree, instance_type)
    facts.rdma_cluster()
    data = facts.as_data()
    render(data)
    return data


def paths_of(root):
    """Every file and link below a directory; `os.walk` counts links to directories as directories."""
    found = []
    for place, directories, names in os.walk(str(root)):
        links = [name for name in directories if os.path.islink(os.path.join(place, name))]
        found.extend(os.path.join(place, name) for name in names + links)
    return sorted(found)


def of_each_kind(root, seen=None):
    """The same, one path of each kind not in `seen`: those that differ in numbers only are alike."""
    seen = set() if seen is None else seen
    found = []
    for path in paths_of(root):
        kind = re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", os.path.relpath(path, str(root)))
        if kind not in seen:
            seen.add(kind)
            found.append(path)
    return found


@pytest.fixture
def copy(tmp_path):
    def of(name):
        target = tmp_path / name
        shutil.copytree(os.path.join(MACHINES, name), str(target), symlinks=True)
        return target

    return of


def spoil(path, how):
    """Put something else in the place of a file or link; returns what puts it back."""
    kept = path + ".kept"
    os.rename(path, kept)
    if how == "directory":
        os.mkdir(path)
    elif how == "loop":
        os.symlink(os.path.basename(path), path)
    elif how == "fifo":
        os.mkfifo(path)
    elif how is not None:
        with open(path, "wb") as stream:
            stream.write(how)

    def restore():
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.rename(kept, path)

    return restore


def test_any_one_file_may_be_missing(copy):
    """A file of each kind, in the first machine that has one."""
    seen = set()
    for name in ("gn7-vgpu", "unknown", "bms5", "hccpnv4h"):
        root = copy(name)
        for path in of_each_kind(root, seen):
            restore = spoil(path, None)
            look(root, TYPES[name])
            restore()
    assert len(seen) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unknown", "hccpnv4h"])
def test_any_one_file_may_be_missing_each_in_turn(copy, name):
    root = copy(name)
    for path in paths_of(root):
        restore = spoil(path, None)
        look(root, TYPES[name])
        restore()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(b"\xff\xfe garbage \0\n\n:-=,", id="bytes"),
        pytest.param("directory", id="directory"),
        pytest.param("loop", id="loop"),
        pytest.param(b"", id="empty", marks=pytest.mark.slow),
        pytest.param(b"\0" * 64, id="nul", marks=pytest.mark.slow),
        pytest.param(b"-1\n", id="negative", marks=pytest.mark.slow),
        pytest.param(b"9" * 5000, id="huge", marks=pytest.mark.slow),
        pytest.param("fifo", id="fifo", marks=pytest.mark.slow),
    ],
)
def test_any_one_file_may_hold_garbage(copy, how):
    root = copy("unknown")
    for path in of_each_kind(root):
        restore = spoil(path, how)
        look(root, TYPES["unknown"])
        restore()


def test_files_cut_in_the_middle(copy):
    root = copy("gn7-vgpu")
    for path in of_each_kind(root):
        if os.path.islink(path) or os.path.getsize(path) < 2:
            continue
        with open(path, "rb") as stream:
            data = stream.read()
        restore = spoil(path, data[: len(data) // 2])
        look(root, TYPES["gn7-vgpu"])
        restore()


@pytest.mark.parametrize("how", [b"\0\xff" * 40, "directory", "loop"], ids=["bytes", "directory", "loop"])
def test_all_files_at_once(copy, how):
    root = copy("hccpnv4h")
    for path in paths_of(root):
        spoil(path, how)
    data = look(root, TYPES["hccpnv4h"])
    assert data["kernel"]["line"] == "other"
    assert data["instance"]["accelerator"]["count"] == 8  # what the name promises needs no file


def test_an_empty_root(tmp_path):
    data = look(tmp_path)
    assert data["gpus"] == data["nics"] == data["disks"] == data["nvme"] == data["rdma"] == []
    assert data["dmi"]["platform"] == "unknown"
    assert data["os"]["family"] == "unknown"
    assert (data["kernel"]["release"], data["kernel"]["line"]) == (None, "other")
    assert data["cpu"]["logical"] is None
    assert data["root_filesystem"]["chain"] == []
    assert "mountinfo" in data["root_filesystem"]["reason"]
    assert data["virtualization"]["kind"] == "unknown"
    assert "addresses" in data["problems"]["nics"]


def test_a_root_that_is_not_there(tmp_path):
    look(tmp_path / "nowhere")


def test_links_cannot_lead_out_of_the_tree(copy, tmp_path):
    root = copy("gn7-vgpu")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "os-release").write_text("ID=outside\n", encoding="utf-8")
    os.unlink(str(root / "etc/os-release"))
    os.symlink("../../outside/os-release", str(root / "etc/os-release"))
    assert look(root)["os"]["id"] is None
    os.unlink(str(root / "etc/os-release"))
    os.symlink(str(outside / "os-release"), str(root / "etc/os-release"))
    assert look(root)["os"]["id"] is None


def test_a_huge_file_is_not_read_into_memory(copy):
    root = copy("gn7-vgpu")
    path = str(root / "proc/cpuinfo")
    os.truncate(path, 1 << 34)  # sparse: 16 GiB
    os.truncate(str(root / "proc/self/mountinfo"), 1 << 34)
    data = look(root)
    assert data["cpu"]["model"] is None
    assert data["root_filesystem"]["device"] == "/dev/vda1"  # from /proc/mounts


def test_a_section_that_fails_is_empty_and_says_why(tmp_path):
    class Failing(Tree):
        def text(self, path, default=None):
            raise OSError(5, "Input/output error", path)

        def listdir(self, path):
            raise ValueError("bad directory")

    tree = Failing(str(tmp_path))
    facts = Facts(tree, tree)
    assert facts.dmi.product_name is None
    assert "Input/output error" in facts.dmi.problem
    assert facts.gpus == []
    assert facts.gpus.problem == "ValueError: bad directory"
    data = facts.as_data()
    assert {"dmi", "gpus", "disks", "nics"} <= set(data["problems"])
    assert "Input/output error" in render(data)
    again = Facts.from_data(data)
    assert again.gpus.problem == "ValueError: bad directory"


def write(root, path, text):
    place = root / path[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def mountinfo(root, number, fs_type, source):
    write(root, "/proc/self/mountinfo", "22 1 %s / / rw - %s %s rw\n" % (number, fs_type, source))


@pytest.mark.parametrize(
    "number, fs_type, source",
    [("0:30", "overlay", "overlay"), ("0:31", "tmpfs", "none"), ("0:9", "nfs4", "s:/x")],
)
def test_root_on_no_device(tmp_path, number, fs_type, source):
    mountinfo(tmp_path, number, fs_type, source)
    root = look(tmp_path)["root_filesystem"]
    assert (root["chain"], root["disk"], root["device"], root["fs_type"]) == ([], None, None, fs_type)
    assert fs_type in root["reason"]
    assert "no block device" in root["reason"]


def disk_of_many(copy):
    """A machine with an ordinary disk vda and its partition vda1."""
    return copy("gn7-vgpu")


def test_root_on_btrfs_is_found_by_name(copy):
    root = disk_of_many(copy)
    mountinfo(root, "0:33", "btrfs", "/dev/vda1")
    found = look(root)["root_filesystem"]
    assert ([item["name"] for item in found["chain"]], found["disk"]) == (["vda1", "vda"], "vda")


def test_root_by_proc_mounts_alone(copy):
    root = disk_of_many(copy)
    os.unlink(str(root / "proc/self/mountinfo"))
    found = look(root)["root_filesystem"]
    assert (found["disk"], found["major_minor"], found["options"]) == (
        "vda",
        "253:1",
        ["rw", "noatime", "data=ordered"],
    )


def test_root_named_dev_root_is_found_by_number(copy):
    root = disk_of_many(copy)
    mountinfo(root, "253:1", "ext4", "/dev/root")
    assert look(root)["root_filesystem"]["device"] == "/dev/vda1"


def test_root_without_the_links_by_number(copy):
    root = disk_of_many(copy)
    shutil.rmtree(str(root / "sys/dev"))
    assert look(root)["root_filesystem"]["disk"] == "vda"


def test_a_later_mount_covers_the_root(copy):
    root = disk_of_many(copy)
    first = "22 1 0:2 / / rw - rootfs rootfs rw\n"
    path = root / "proc/self/mountinfo"
    path.write_text(first + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert look(root)["root_filesystem"]["disk"] == "vda"


def test_devices_that_hold_each_other(copy):
    """A loop of slaves cannot be, but a recorded tree may have one."""
    root = copy("unknown")
    slaves = root / "sys/devices/virtual/block/md127/slaves"
    os.symlink("../../dm-0", str(slaves / "dm-0"))
    found = look(root)["root_filesystem"]
    assert found["disks"] == ["sda", "sdb"]


@pytest.mark.parametrize(
    "vendor, device, pci_class, expected",
    [
        ("1013", "00b8", "030000", None),  # cirrus
        ("1234", "1111", "030000", None),  # bochs
        ("1af4", "1050", "038000", None),  # virtio
        ("1b36", "0100", "030000", None),  # qxl
        ("1a03", "2000", "030000", None),  # a management controller
        ("1002", "515e", "030000", None),  # the same, by AMD
        ("10de", "1eb8", "020000", None),  # no display
        ("10de", "2330", "030200", ("NVIDIA", "Hopper", "H100")),
        ("10de", "2bb5", "030000", ("NVIDIA", "Blackwell", "RTX PRO 6000 Server")),
        ("10de", "abcd", "030200", ("NVIDIA", "unknown", None)),
        ("1002", "740f", "120000", ("AMD", "CDNA 2", "MI210")),
        ("8086", "4907", "038000", ("Intel", "Xe", "SG1")),
        ("19e5", "d801", "120000", ("Huawei", "unknown", None)),
        ("beef", "0001", "030200", ("beef", "unknown", None)),
    ],
)
def test_what_is_a_gpu(tmp_path, vendor, device, pci_class, expected):
    directory = "/sys/bus/pci/devices/0000:00:09.0"
    for name, value in (("vendor", vendor), ("device", device), ("class", pci_class)):
        write(tmp_path, "%s/%s" % (directory, name), "0x%s\n" % value)
    found = [(gpu["vendor"], gpu["architecture"], gpu["model"]) for gpu in look(tmp_path)["gpus"]]
    assert found == ([expected] if expected else [])


def test_nvme_with_native_multipathing_and_use(copy):
    """The controller holds a hidden path; the disk stands under the subsystem."""
    root = copy("it5-4xlarge64")
    controller = root / "sys/devices/pci0000:00/0000:00:07.0/nvme/nvme0"
    hidden = controller / "nvme0c0n1"
    hidden.mkdir()
    (hidden / "size").write_text("8\n", encoding="utf-8")
    head = root / "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1"
    head.parent.mkdir(parents=True)
    shutil.move(str(controller / "nvme0n1"), str(head))
    link = root / "sys/class/block/nvme0n1"
    os.unlink(str(link))
    os.symlink("../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", str(link))
    with open(str(root / "proc/self/mountinfo"), "a", encoding="utf-8") as stream:
        stream.write("90 22 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n")
    with open(str(root / "proc/swaps"), "a", encoding="utf-8") as stream:
        stream.write("/dev/vda1 partition 1 0 -2\n")
    data = look(root)
    namespace = data["nvme"][0]["namespaces"][0]
    assert (namespace["name"], namespace["mounts"]) == ("nvme0n1", ["/data"])
    assert namespace["in_use"] == ["nvme0n1 mounted on /data"]
    assert namespace["size_bytes"] == 6972593152 * 512
    vda = next(disk for disk in data["disks"] if disk["name"] == "vda")
    assert "vda1 is swap" in vda["in_use"]


def test_local_disk_shown_as_virtio(copy):
    """Some hosts hand local disks out as virtio disks whose serial says so."""
    root = copy("gn7-2xlarge32")
    for place, _, names in os.walk(str(root / "sys/devices")):
        if os.path.basename(place) == "vdb" and "serial" in names:
            with open(os.path.join(place, "serial"), "w", encoding="utf-8") as stream:
                stream.write("ldisk-12345678\n")
    data = look(root, "IT5.4XLARGE64")
    vdb = next(disk for disk in data["disks"] if disk["name"] == "vdb")
    assert (vdb["local_disk"], vdb["cloud_disk"]) == ("ldisk-12345678", None)
    assert not any("local NVMe" in doubt for doubt in data["doubts"])


def test_loop_devices_without_content_are_left_out(tmp_path):
    for name, size in (("loop0", 0), ("loop1", 2048), ("sda", 0)):
        write(tmp_path, "/sys/class/block/%s/size" % name, "%d\n" % size)
    disks = look(tmp_path)["disks"]
    assert [(disk["name"], disk["type"]) for disk in disks] == [("loop1", "loop"), ("sda", "disk")]


def test_primary_interface_without_any_gateway(copy):
    """A bond rather than its ports, and one with a carrier rather than one without."""
    root = copy("bms5")
    os.unlink(str(root / "addresses.json"))
    for place, _, names in os.walk(str(root / "sys/devices")):
        if os.path.basename(place) == "eth0" and "carrier" in names:
            os.unlink(os.path.join(place, "carrier"))
    assert [nic["name"] for nic in look(root)["nics"] if nic["primary"]] == ["bond0"]


def test_container_marks(tmp_path):
    write(tmp_path, "/run/systemd/container", "systemd-nspawn\n")
    assert look(tmp_path)["virtualization"]["container"] == "systemd-nspawn"


def test_container_in_the_environment_of_init(tmp_path):
    write(tmp_path, "/proc/1/environ", "A=b\0container=lxc\0")
    found = look(tmp_path)["virtualization"]
    assert (found["container"], found["bare_metal"]) == ("lxc", False)


def test_xen(tmp_path):
    write(tmp_path, "/sys/hypervisor/type", "xen\n")
    assert look(tmp_path)["virtualization"]["kind"] == "xen"


def test_bare_metal_with_the_clouds_name(copy):
    """Firmware may bear the cloud's name on bare metal too: the processor's word counts."""
    root = copy("bms5")
    place = root / "sys/devices/virtual/dmi/id"
    (place / "sys_vendor").write_text("Tencent Cloud\n", encoding="utf-8")
    (place / "product_name").write_text("CPM\n", encoding="utf-8")
    data = look(root)
    assert (data["dmi"]["platform"], data["virtualization"]["bare_metal"]) == ("tencent-cloud", True)
