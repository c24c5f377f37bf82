"""Builds the machines of this directory: `python3 tests/machines/build.py [DIRECTORY]`.

They are put together from the vendor's documentation and from public bug reports, not copied from live
instances: see README.md. A change here is followed by running this program and committing what it wrote.
"""

import os
import shutil
import sys

from sysfs import GIB, SECTOR, Machine

COMMAND_LINE = (
    "BOOT_IMAGE=(hd0,msdos1)/boot/vmlinuz-%s root=UUID=4b499d76-769a-40a0-93dc-4a31a59add28 ro "
    "crashkernel=auto console=ttyS0,115200 console=tty0 panic=5 net.ifnames=0 biosdevname=0 "
    "intel_idle.max_cstate=1 intel_pstate=disable"
)
GUEST_MODULES = ["virtio_net", "virtio_blk", "virtio_balloon", "ata_piix", "crc32c_intel", "sunrpc"]
XEON_8255C = "Intel(R) Xeon(R) Platinum 8255C CPU @ 2.50GHz"

OS_31 = """NAME="TencentOS Server"
VERSION="3.1 (Final)"
ID="tencentos"
ID_LIKE="rhel fedora centos"
VERSION_ID="3.1"
PLATFORM_ID="platform:el8"
PRETTY_NAME="TencentOS Server 3.1 (Final)"
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:tencentos:tencentos:3"
HOME_URL="https://cloud.tencent.com/product/ts"

CENTOS_MANTISBT_PROJECT="CentOS-8"
CENTOS_MANTISBT_PROJECT_VERSION="8"
REDHAT_SUPPORT_PRODUCT="centos"
REDHAT_SUPPORT_PRODUCT_VERSION="8"
NAME_ORIG="CentOS Linux"
"""
OS_24 = """NAME="TencentOS Server"
VERSION="2.4"
ID="tencentos"
ID_LIKE="rhel fedora centos tlinux"
VERSION_ID="2.4"
PRETTY_NAME="TencentOS Server 2.4"
ANSI_COLOR="0;31"
CPE_NAME="cpe:/o:tencentos:tencentos:2"
HOME_URL="https://cloud.tencent.com/product/ts"
"""
OS_4 = """NAME="TencentOS Server"
VERSION="4.4"
ID="tencentos"
ID_LIKE="tencentos"
VERSION_ID="4.4"
PLATFORM_ID="platform:tl4"
PRETTY_NAME="TencentOS Server 4.4"
"""
OS_UNKNOWN = """NAME="Quokka Linux"
ID=Quokka
VERSION_ID="2031.1"
PRETTY_NAME="Quokka Linux 2031.1"
"""


def guest(machine, uuid, product="CVM"):
    """What every virtual machine of the cloud has in common."""
    machine.firmware("Tencent Cloud", product, uuid)
    machine.guest_board()
    machine.loopback()
    machine.system_mounts()


def linux(machine, release, os_release, boot_id, modules=()):
    machine.system(release, os_release, GUEST_MODULES + list(modules), COMMAND_LINE % release, boot_id)


def root_on_vda(machine, slot, gib, serial, partition_gib=None, fs_type="ext4", virtio=1):
    """A system disk with one partition that begins at 1 MiB; `partition_gib` when it is not grown yet."""
    end = (partition_gib or gib) * GIB // SECTOR
    machine.virtio_disk(
        "vda", slot, virtio, gib, serial, [(1, 2048, end - 2048 - (0 if partition_gib else 34), None)]
    )
    extra = "rw,data=ordered" if fs_type == "ext4" else "rw,attr2,inode64,noquota"
    machine.mount("253:1", "/", fs_type, "/dev/vda1", "rw,noatime", extra)


def s5_medium4():
    machine = Machine(
        "standard virtual machine at its first boot: the partition is not grown yet", "S5.MEDIUM4"
    )
    guest(machine, "CFAC763A-7094-446B-A8A9-B995E638471A")
    machine.processors(XEON_8255C, 1, 1, 2, 3733512)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:bf:b3:51", 2, "10.104.13.59", 18, "10.104.0.1")
    root_on_vda(machine, "06", 50, "disk-0a1b2c3d", partition_gib=20)
    linux(machine, "5.4.119-19-0009.6", OS_31, "1c8cfd45-2a6d-4b8b-9d0c-5a2f7d0c9e11")
    return machine


def gn7_2xlarge32():
    machine = Machine("virtual machine with one whole T4 and a data disk", "GN7.2XLARGE32")
    guest(machine, "6D1E5C0F-0B7E-4F53-8C35-0E1A5B3C7F20", product="Tencent Cloud CVM")
    machine.processors(XEON_8255C, 1, 4, 2, 32778952)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:3a:77:0e", 8, "10.0.4.17", 24, "10.0.4.1")
    root_on_vda(machine, "06", 100, "disk-77aabb01")
    machine.virtio_disk("vdb", "07", 2, 200, "disk-77aabb02")
    machine.pci("pci0000:00/0000:00:08.0", "10de", "1eb8", "0302", subsystem=("10de", "12a2"))
    linux(machine, "5.4.241-24.0017.23", OS_31, "5e3c9f7c-8f34-4a6e-86dd-0cf7d7f0a6b2")
    return machine


def gn7_vgpu():
    machine = Machine("virtual machine with half a T4: the device id is that of the board", "GN7.2XLARGE40")
    guest(machine, "0E7B8A51-6E0F-4D52-9B0C-94D3D2E6A7B8")
    machine.processors(XEON_8255C, 1, 5, 2, 41024376)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:9c:01:d4", 8, "10.0.4.33", 24, "10.0.4.1")
    root_on_vda(machine, "06", 100, "disk-5f5f0001")
    machine.pci("pci0000:00/0000:00:08.0", "10de", "1eb8", "0300", subsystem=("10de", "1311"))
    linux(machine, "5.4.241-24.0017.23", OS_31, "f0a1f1c2-14a1-4f2b-9f5b-7f6f3a5d1c10")
    return machine


def hccpnv4h():
    machine = Machine("cluster node: 8 A100 with NVSwitches, 4 NVMe, 2 ConnectX-5", "HCCPNV4h")
    machine.firmware("Inspur", "NF5488A5", "5F0C1D2E-3A4B-5C6D-7E8F-90A1B2C3D4E5", "01", ("AMI", "4.08.12"))
    machine.loopback()
    machine.system_mounts()
    machine.processors(
        "AMD EPYC 7K62 48-Core Processor", 2, 48, 2, 1056462052, 2, "AuthenticAMD", guest=False
    )
    machine.pci("pci0000:00/0000:00:02.0", "1a03", "2000", "0300", driver="ast")
    # The SmartNIC shows the cloud's disks and the primary interface as virtio devices.
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:11:22:33", 16, "10.1.2.8", 24, "10.1.2.1")
    root_on_vda(machine, "06", 480, "disk-4d4e0001", fs_type="xfs")
    machine.scsi_disk("sda", 1, 937703088, "INTEL SSDSC2KB48", "PHYF0123456A480BGN")
    buses = ("07", "0b", "48", "4c", "88", "8b", "c8", "cb")
    for index, bus in enumerate(buses):
        path = "pci0000:%s/0000:%s:00.0" % (bus, bus)
        machine.pci(path, "10de", "20b0", "0302", node=index // 4, subsystem=("10de", "134f"))
    for index in range(6):
        path = "pci0000:e0/0000:e0:%02x.0" % (index + 1)
        machine.pci(path, "10de", "1af1", "0680", node=1, subsystem=("10de", "13b8"))
    for index in range(4):
        path = "pci0000:2%d/0000:2%d:00.0" % (index, index)
        machine.nvme(
            index, path, 6251233968, "INTEL SSDPE2KE032T8", "PHLN0123004%d3P2BGN" % index, node=index // 2
        )
    for index, bus in enumerate(("61", "a1")):
        path = "pci0000:%s/0000:%s:00.0" % (bus, bus)
        mac = "0c:42:a1:00:00:0%d" % index
        pci = machine.adapter("eth%d" % (index + 1), path, "1017", 3 + index, mac, 4, 100000, node=index)
        machine.infiniband(
            "mlx5_%d" % index, pci, "0c42:a103:0000:000%d" % index, "eth%d" % (index + 1), "30.1.%d.8" % index
        )
    linux(
        machine,
        "5.4.241-1-tlinux4-0017.7",
        OS_31,
        "b2f1c0de-5a5a-4c7e-8e1d-90c2f4a1d3e5",
        ["mlx5_core", "mlx5_ib"],
    )
    return machine


def it5_4xlarge64():
    machine = Machine("high IO virtual machine with one local NVMe disk, not in use", "IT5.4XLARGE64")
    guest(machine, "9A3D2C1B-4E5F-4061-8273-94A5B6C7D8E9")
    machine.processors(XEON_8255C, 1, 8, 2, 65807600)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:5e:10:aa", 16, "172.16.0.9", 20, "172.16.0.1")
    machine.virtio_nic("eth1", "09", 3, 3, "20:90:6f:12:34:56", 16, "172.16.16.9", 20)
    root_on_vda(machine, "06", 50, "disk-15a50001", fs_type="xfs")
    machine.nvme(0, "pci0000:00/0000:00:07.0", 6972593152, "INTEL SSDPE2KX040T8", "BTLJ012345674P0DGN")
    linux(machine, "5.4.241-24.0017.23", OS_31, "7d5a2b6c-33d2-4b9c-a0b4-2c6d8e0f1a23")
    return machine


def bms5():
    machine = Machine("bare metal, a type without a size, firmware that names the server's maker", "BMS5")
    machine.firmware("Inspur", "NF8260M6", "D4C3B2A1-0F1E-2D3C-4B5A-69788796A5B4", "01", ("AMI", "05.01.01"))
    machine.loopback()
    machine.system_mounts()
    model = "Intel(R) Xeon(R) Platinum 8372HC CPU @ 3.40GHz"
    machine.processors(model, 4, 26, 2, 792286412, 4, guest=False)
    machine.pci("pci0000:00/0000:00:02.0", "1a03", "2000", "0300", driver="ast")
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:b0:05:00", 32, "10.2.0.5", 24, "10.2.0.1")
    pci = machine.adapter("eth1", "pci0000:3a/0000:3a:00.0", "1015", 3, "98:03:9b:aa:00:01", 4, 25000, node=0)
    machine.adapter("eth2", "pci0000:3a/0000:3a:00.1", "1015", 4, "98:03:9b:aa:00:02", 4, 25000, node=0)
    machine.bond("bond0", 5, "98:03:9b:aa:00:01", ["eth1", "eth2"])
    machine.infiniband("mlx5_bond_0", pci, "9803:9b03:00aa:0001", "bond0", "10.9.0.5", "25 Gb/sec (1X EDR)")
    root_on_vda(machine, "06", 100, "disk-b5b50001")
    linux(machine, "5.4.241-24.0017.23", OS_31, "3f0e9d8c-7b6a-4958-8776-655443322110", ["mlx5_core"])
    return machine


def unknown():
    machine = Machine(
        "nobody knows the type, the GPU, the system or the kernel; root on LVM on RAID 1", "XQ9.7XLARGE99"
    )
    machine.firmware("Nimbus Works", "Stratus 9", "11112222-3333-4444-5555-666677778888", "7")
    machine.guest_board()
    machine.loopback()
    machine.system_mounts()
    machine.processors("Quokka Q1", 1, 6, 1, 25000000, vendor="QuokkaInside")
    machine.virtio_nic("ens5", "05", 0, 2, "02:00:00:00:00:05", 1)
    machine.pci("pci0000:00/0000:00:08.0", "10de", "ffff", "0302", subsystem=("10de", "0000"))
    layout = [(1, 2048, 1048576, "EFI System"), (2, 1050624, 40000000, "raid")]
    machine.scsi_disk("sda", 1, 100000000, "Quokka Rust", "QR0001", layout, rotational=1)
    machine.scsi_disk("sdb", 2, 100000000, "Quokka Rust", "QR0002", layout, rotational=1)
    machine.mapped("md127", "9:127", 39934464, ["sda2", "sdb2"], "md", level="raid1", array_state="clean")
    machine.mapped("dm-0", "252:0", 30000000, ["md127"], "dm", name="system-root", uuid="LVM-abcdef")
    machine.mount("252:0", "/", "ext4", "/dev/mapper/system-root", "rw,relatime", "rw")
    machine.system(
        "7.1.0-quokka",
        OS_UNKNOWN,
        ["quokka"],
        "root=/dev/mapper/system-root ro quiet",
        "00000000-0000-4000-8000-000000000009",
    )
    return machine


def ts24_tk3():
    machine = Machine("TencentOS Server 2.4 with tkernel3, user mode of CentOS 7", "S3.LARGE8")
    guest(machine, "2B4D6F81-93A5-4B7C-8D9E-0F1A2B3C4D5E")
    machine.processors("Intel(R) Xeon(R) Gold 61xx CPU", 1, 4, 1, 8035132)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:24:24:24", 4, "10.0.17.4", 24, "10.0.17.1")
    root_on_vda(machine, "06", 50, "disk-24240001")
    linux(machine, "4.14.105-19-0024", OS_24, "ab12cd34-56ef-4a78-9b01-23456789abcd")
    return machine


def sr1_ts4():
    machine = Machine("Arm virtual machine with TencentOS Server 4 and tkernel5", "SR1.MEDIUM4")
    guest(machine, "7C6B5A49-3827-4615-8403-F2E1D0C9B8A7")
    machine.arm_processors(2, 3801234)
    machine.virtio_nic("eth0", "05", 0, 2, "52:54:00:a7:64:01", 2, "10.0.64.4", 24, "10.0.64.1")
    root_on_vda(machine, "06", 50, "disk-a7640001", fs_type="xfs")
    linux(machine, "6.6.98-40.2.tl4.aarch64", OS_4, "c0ffee00-1234-4abc-8def-0123456789ab")
    return machine


MACHINES = {
    "s5-medium4": s5_medium4,
    "gn7-2xlarge32": gn7_2xlarge32,
    "gn7-vgpu": gn7_vgpu,
    "hccpnv4h": hccpnv4h,
    "it5-4xlarge64": it5_4xlarge64,
    "bms5": bms5,
    "unknown": unknown,
    "ts24-tk3": ts24_tk3,
    "sr1-ts4": sr1_ts4,
}


def build(directory):
    """Write every machine below `directory`, replacing those that are there."""
    for name, machine in MACHINES.items():
        target = os.path.join(directory, name)
        shutil.rmtree(target, ignore_errors=True)
        machine().write(target)


if __name__ == "__main__":
    build(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
