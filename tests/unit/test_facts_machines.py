"""The facts of each recorded machine, and the doubts about it."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.facts import Facts, Record
from tsagent.facts.pci import vgpu
from tsagent.facts.text import render
from tsagent.host.tree import Tree

MACHINES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "machines")
NAMES = sorted(
    name for name in os.listdir(MACHINES) if os.path.exists(os.path.join(MACHINES, name, "machine.json"))
)
GIB = 1 << 30


def facts_of(name, instance_type=None):
    directory = os.path.join(MACHINES, name)
    with open(os.path.join(directory, "machine.json"), encoding="utf-8") as stream:
        recorded = json.load(stream)["instance_type"]
    tree = Tree(directory)
    return Facts(tree, tree, instance_type or recorded)


def tree_of(directory):
    """Every file and link below a directory with its content."""
    found = {}
    for place, _, names in os.walk(directory):
        directories = [d for d in os.listdir(place) if os.path.islink(os.path.join(place, d))]
        for name in set(names) | set(directories):
            path = os.path.join(place, name)
            if os.path.islink(path):
                found[os.path.relpath(path, directory)] = os.readlink(path)
            else:
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, directory)] = stream.read()
    return found


def test_the_machines_are_what_their_program_builds(tmp_path):
    subprocess.run([sys.executable, os.path.join(MACHINES, "build.py"), str(tmp_path)], check=True)
    assert sorted(os.listdir(str(tmp_path))) == NAMES
    for name in NAMES:
        assert tree_of(os.path.join(MACHINES, name)) == tree_of(str(tmp_path / name)), name


@pytest.mark.parametrize("name", NAMES)
def test_every_section_is_json_and_says_where_it_came_from(name):
    data = facts_of(name).as_data()
    assert json.loads(json.dumps(data)) == data
    for section in Facts.SECTIONS:
        records = data[section] if isinstance(data[section], list) else [data[section]]
        for record in records:
            assert record["source"], (section, record)
    assert data["problems"] == {}


@pytest.mark.parametrize("name", NAMES)
def test_data_makes_the_same_facts_again(name):
    data = facts_of(name).as_data()
    again = Facts.from_data(json.loads(json.dumps(data)))
    assert again.as_data() == data
    assert again.rdma_cluster() == facts_of(name).rdma_cluster()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "unknown"])
def test_nothing_is_doubtful_about_a_machine_that_keeps_its_promise(name):
    assert facts_of(name).doubts() == []


def test_standard_machine():
    facts = facts_of("s5-medium4")
    assert (facts.cpu.logical, facts.cpu.cores, facts.cpu.sockets, facts.cpu.threads_per_core) == (2, 1, 1, 2)
    assert facts.cpu.architecture == "x86_64"
    assert facts.cpu.numa_nodes[0].cpus == [0, 1]
    assert facts.memory.total_bytes == 3733512 * 1024
    assert facts.gpus == facts.nvswitches == facts.nvme == facts.rdma == []
    assert facts.dmi.platform == "tencent-cloud"
    assert facts.dmi.uuid == "cfac763a-7094-446b-a8a9-b995e638471a"
    assert (facts.virtualization.kind, facts.virtualization.bare_metal) == ("kvm", False)
    assert (facts.os.family, facts.os.package_manager, facts.os.tencentos) == ("el8", "dnf", True)
    assert (facts.os.user_mode, facts.os.rhel_generation, facts.os.major) == ("CentOS 8", 8, 3)
    assert (facts.kernel.line, facts.kernel.version) == ("tkernel4", [5, 4, 119])
    assert facts.kernel.parameters["net.ifnames"] == "0"
    assert "virtio_net" in facts.kernel.modules


def test_root_partition_that_is_not_grown():
    facts = facts_of("s5-medium4")
    root = facts.root_filesystem
    assert (root.device, root.fs_type, root.disk, root.disks) == ("/dev/vda1", "ext4", "vda", ["vda"])
    assert [item.type for item in root.chain] == ["partition", "disk"]
    assert (root.partition.partition_number, root.partition.start_bytes) == (1, 1 << 20)
    assert root.partition.size_bytes + root.partition.start_bytes == 20 * GIB
    assert root.chain[-1].size_bytes == 50 * GIB
    assert root.reason is None
    disk = facts.disks[0]
    assert (disk.name, disk.size_bytes, disk.root, disk.transport) == ("vda", 50 * GIB, True, "virtio")
    assert (disk.cloud_disk, disk.removable, disk.rotational) == ("disk-0a1b2c3d", False, True)
    assert disk.partitions[0].mounts == ["/"]
    assert disk.in_use == ["partition vda1", "vda1 mounted on /"]


def test_network_of_a_virtual_machine():
    nics = {nic.name: nic for nic in facts_of("s5-medium4").nics}
    eth0 = nics["eth0"]
    assert (eth0.mac, eth0.driver, eth0.kind, eth0.bus) == (
        "52:54:00:bf:b3:51",
        "virtio_net",
        "physical",
        "virtio",
    )
    assert (eth0.pci_address, eth0.virtio_address) == ("0000:00:05.0", "virtio0")
    assert (eth0.rx_queues, eth0.tx_queues, eth0.mtu, eth0.carrier) == (2, 2, 1500, True)
    assert eth0.ipv4 == [{"address": "10.104.13.59", "prefix": 18}]
    assert eth0.gateways == [{"address": "10.104.0.1", "family": "ipv4", "default": True}]
    assert (eth0.primary, nics["lo"].primary, nics["lo"].kind) == (True, False, "loopback")
    assert eth0.addresses_source == "/addresses.json"


def test_a_second_interface_is_not_primary():
    nics = {nic.name: nic for nic in facts_of("it5-4xlarge64").nics}
    assert (nics["eth0"].primary, nics["eth1"].primary) == (True, False)
    assert (nics["eth1"].ipv4[0].address, nics["eth1"].gateways) == ("172.16.16.9", [])


def test_whole_gpu():
    facts = facts_of("gn7-2xlarge32")
    assert len(facts.gpus) == 1  # the virtual screen is none
    gpu = facts.gpus[0]
    assert (gpu.vendor, gpu.model, gpu.architecture) == ("NVIDIA", "T4", "Turing")
    assert (gpu.vendor_id, gpu.device_id, gpu.pci_class) == ("10de", "1eb8", "0302")
    assert (gpu.address, gpu.driver, gpu.numa_node) == ("0000:00:08.0", None, None)
    assert (gpu.vgpu, gpu.vgpu_share) == (False, None)
    assert [disk.cloud_disk for disk in facts.disks] == ["disk-77aabb01", "disk-77aabb02"]
    assert [disk.root for disk in facts.disks] == [True, False]
    assert facts.disks[1].in_use == []
    assert facts.dmi.platform == "tencent-cloud"


def test_share_of_a_gpu_needs_type_and_pci():
    assert [(gpu.vgpu, gpu.vgpu_share) for gpu in facts_of("gn7-vgpu").gpus] == [(True, "1/2")]
    # The same machine under the name of a type with a whole one.
    assert [gpu.vgpu for gpu in facts_of("gn7-vgpu", "GN7.2XLARGE32").gpus] == [False]
    # The name alone is no evidence: no GPU, no vGPU.
    facts = facts_of("s5-medium4", "GN7.2XLARGE40")
    assert facts.gpus == []
    assert any("PCI shows 0" in doubt for doubt in facts.doubts())
    # A share of a T4 is promised, a GPU of another maker and unknown model is there.
    data = facts_of("gn7-vgpu").as_data()
    other = dict(data["gpus"][0], vendor="AMD", model=None)
    assert vgpu(Facts.from_data(data).instance, Record(other)) == (False, None)
    # A share of an A10 is promised, a T4 is there.
    assert [gpu.vgpu for gpu in facts_of("gn7-vgpu", "GNV4v.XLARGE24").gpus] == [False]


def test_cluster_node():
    facts = facts_of("hccpnv4h")
    assert [gpu.model for gpu in facts.gpus] == ["A100"] * 8
    assert {gpu.architecture for gpu in facts.gpus} == {"Ampere"}
    assert [gpu.numa_node for gpu in facts.gpus] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [switch.model for switch in facts.nvswitches] == ["NVSwitch 2"] * 6
    assert (facts.cpu.logical, facts.cpu.cores, facts.cpu.sockets) == (192, 96, 2)
    assert [node.cpu_list for node in facts.cpu.numa_nodes] == ["0-47,96-143", "48-95,144-191"]
    assert facts.virtualization.bare_metal
    assert facts.kernel.line == "tkernel4"
    assert [disk.serial for disk in facts.disks if disk.name == "sda"] == ["PHYF0123456A480BGN"]


def test_nvme_of_a_cluster_node():
    found = facts_of("hccpnv4h").nvme
    assert [controller.name for controller in found] == ["nvme0", "nvme1", "nvme2", "nvme3"]
    first = found[0]
    assert (first.transport, first.model, first.serial) == (
        "pcie",
        "INTEL SSDPE2KE032T8",
        "PHLN012300403P2BGN",
    )
    assert (first.pci_address, first.numa_node, first.state) == ("0000:20:00.0", 0, "live")
    assert first.namespaces == [
        {
            "name": "nvme0n1",
            "device": "/dev/nvme0n1",
            "size_bytes": 6251233968 * 512,
            "in_use": [],
            "partitions": [],
            "mounts": [],
            "root_disk": False,
        }
    ]


def test_rdma_of_a_cluster_node():
    facts = facts_of("hccpnv4h")
    first = facts.rdma[0]
    assert (first.device, first.model, first.pci_id) == ("mlx5_0", "ConnectX-5", "15b3:1017")
    assert (first.driver, first.netdevs, first.numa_node) == ("mlx5_core", ["eth1"], 0)
    assert (first.pci_address, first.virtual_function) == ("0000:61:00.0", False)
    port = first.ports[0]
    assert (port.link_layer, port.state, port.active, port.rate_gbps) == ("Ethernet", "ACTIVE", True, 100.0)
    assert port.gid_types == ["IB/RoCE v1", "RoCE v2"]
    assert port.gids[3] == {"index": 3, "type": "RoCE v2", "netdev": "eth1"}
    assert facts.rdma_cluster().cluster
    assert facts.rdma_cluster().devices == ["mlx5_0", "mlx5_1"]
    # Under a name that nobody knows, two fast adapters still say it.
    assert facts_of("hccpnv4h", "XQ9.LARGE8").rdma_cluster().cluster


def test_an_rdma_capable_nic_alone_is_no_cluster():
    facts = facts_of("bms5")
    assert [(record.device, record.model) for record in facts.rdma] == [("mlx5_bond_0", "ConnectX-4 Lx")]
    assert not facts.rdma_cluster().cluster
    assert not facts_of("s5-medium4").rdma_cluster().cluster


def fabric(device, netdev, rate=100.0, virtual=False):
    port = {"port": 1, "rate_gbps": rate, "active": True}
    return {
        "device": device,
        "pci_id": "15b3:1017",
        "netdevs": [netdev],
        "ports": [port],
        "virtual_function": virtual,
    }


@pytest.mark.parametrize(
    "devices, cluster",
    [
        ([fabric("a", "eth1"), fabric("b", "eth2")], ["a", "b"]),
        ([fabric("a", "eth1")], []),
        ([fabric("a", "eth1"), fabric("b", "eth2", rate=25.0)], []),
        ([fabric("a", "eth1"), fabric("b", "eth2", virtual=True)], []),
        # eth0 carries the primary interface, which is a bond
        ([fabric("a", "eth1"), fabric("b", "eth0")], []),
        ([fabric("a", "eth1"), fabric("b", "eth0"), fabric("c", "eth2")], ["a", "c"]),
        ([dict(fabric("rxe0", "eth1"), pci_id=None), fabric("b", "eth2")], []),
    ],
)
def test_what_is_a_cluster_when_the_name_does_not_tell(devices, cluster):
    nics = [{"name": "bond0", "primary": True, "ports": ["eth0"]}, {"name": "eth0", "master": "bond0"}]
    found = Facts.from_data({"rdma": devices, "nics": nics}).rdma_cluster()
    assert (found.cluster, found.devices) == (bool(cluster), cluster)


def test_bare_metal_without_a_size():
    facts = facts_of("bms5")
    assert (facts.instance.vcpu, facts.cpu.logical, facts.cpu.sockets) == (208, 208, 4)
    assert len(facts.cpu.numa_nodes) == 4
    assert facts.dmi.platform == "other"
    assert (facts.virtualization.kind, facts.virtualization.bare_metal) == ("none", True)
    assert facts.gpus == []  # the management controller's screen is none


def test_bond_and_its_ports():
    nics = {nic.name: nic for nic in facts_of("bms5").nics}
    assert (nics["bond0"].kind, nics["bond0"].ports) == ("bond", ["eth1", "eth2"])
    assert (nics["eth2"].kind, nics["eth2"].master) == ("physical", "bond0")
    assert (nics["eth2"].mac, nics["eth2"].permanent_mac) == ("98:03:9b:aa:00:01", "98:03:9b:aa:00:02")
    assert nics["eth1"].speed_mbps == 25000
    assert nics["eth0"].primary


def test_local_nvme_of_a_high_io_machine():
    facts = facts_of("it5-4xlarge64")
    assert [namespace.in_use for namespace in facts.nvme[0].namespaces] == [[]]
    assert facts.root_filesystem.fs_type == "xfs"
    assert [(disk.name, disk.transport, disk.root) for disk in facts.disks] == [
        ("nvme0n1", "nvme", False),
        ("vda", "virtio", True),
    ]


def test_machine_that_nobody_knows():
    facts = facts_of("unknown")
    assert [(gpu.vendor, gpu.architecture, gpu.model) for gpu in facts.gpus] == [("NVIDIA", "unknown", None)]
    assert (facts.os.family, facts.os.id, facts.os.package_manager) == ("unknown", "quokka", None)
    assert facts.kernel.line == "other"
    assert facts.virtualization.kind == "other"
    assert [nic.name for nic in facts.nics if nic.primary] == ["ens5"]
    doubts = " ".join(facts.doubts())
    for part in ("not known here", "promises 28 vCPU", "99 GB", "10de:ffff", "distribution"):
        assert part in doubts


def test_root_on_lvm_on_raid():
    root = facts_of("unknown").root_filesystem
    assert [(item.name, item.type) for item in root.chain] == [
        ("dm-0", "dm"),
        ("md127", "md"),
        ("sda2", "partition"),
        ("sda", "disk"),
        ("sdb2", "partition"),
        ("sdb", "disk"),
    ]
    assert (root.disk, root.disks, root.chain[0].dm_name) == (None, ["sda", "sdb"], "system-root")
    disks = {disk.name: disk for disk in facts_of("unknown").disks}
    assert disks["sda"].partition_table == "gpt"
    assert disks["sda"].partitions[1].holders == ["md127"]
    assert disks["sda"].in_use == ["partition sda1", "partition sda2", "sda2 held by md127"]
    assert disks["md127"].holders == ["dm-0"]
    assert all(disk.root for disk in disks.values())


def test_tencentos_2_and_4():
    old, new = facts_of("ts24-tk3"), facts_of("sr1-ts4")
    assert (old.os.family, old.os.user_mode, old.os.package_manager) == ("el7", "CentOS 7", "yum")
    assert (old.os.rhel_generation, old.kernel.line) == (7, "tkernel3")
    assert (new.os.family, new.os.package_manager, new.kernel.line) == ("tl4", "dnf", "tkernel5")
    assert (new.cpu.architecture, new.cpu.vendor, new.cpu.model) == ("aarch64", "ARM", "Neoverse-N1")
    assert (new.cpu.cores, new.cpu.sockets, new.cpu.hypervisor_flag) == (2, 1, None)
    assert new.virtualization.kind == "kvm"


@pytest.mark.parametrize(
    "name, claimed, doubt",
    [
        ("hccpnv4h", "HCCPNV4s", "promises 256 vCPU, the machine has 192: the machine overrules the name"),
        ("hccpnv4h", "HCCG5v", "promises V100, PCI shows A100"),
        (
            "gn7-2xlarge32",
            "GN7.10XLARGE160",
            "promises 2 GPU(s), PCI shows 1: the machine overrules the name",
        ),
        ("gn7-2xlarge32", "S5.2XLARGE32", "promises no GPU, PCI shows 1"),
        ("s5-medium4", "S5.MEDIUM8", "promises 8 GB of memory, the kernel has 3.6 GB"),
        ("s5-medium4", "IT5.8XLARGE128", "promises 2 local NVMe disk(s), the machine shows 0"),
        ("s5-medium4", "HCCIC5", "promises RDMA adapters, the machine shows no RDMA device"),
        ("s5-medium4", "SR1.MEDIUM4", "is an Arm family, the machine is x86_64"),
        ("s5-medium4", "<html>", "is not a name that can be parsed"),
    ],
)
def test_doubts(name, claimed, doubt):
    assert any(doubt in text for text in facts_of(name, claimed).doubts()), facts_of(name, claimed).doubts()


def test_one_gpu_missing(tmp_path):
    data = facts_of("hccpnv4h").as_data()
    del data["gpus"][3]
    assert Facts.from_data(data).doubts() == [
        "HCCPNV4h promises 8 GPU(s), PCI shows 7: the machine overrules the name"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_text_for_people(name):
    facts = facts_of(name)
    text = render(facts.as_data())
    assert facts.instance.type in text
    assert facts.kernel.release in text
    assert "/sys/class/dmi/id" in text
    assert ("Doubts" in text) == (name == "unknown")
    for doubt in facts.doubts():
        assert "? " + doubt in text
    assert text == "\n".join(line.rstrip() for line in text.split("\n"))


def test_text_of_the_cluster_node():
    text = render(facts_of("hccpnv4h").as_data())
    assert text.count("NVIDIA A100, Ampere") == 8
    assert "nvme3n1" in text
    assert "100 Gb/sec" in text
    assert "vda1 (partition)" in text
