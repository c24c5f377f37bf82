"""Texts of the kernel and of distributions, taken apart."""

import json

import pytest

from tsagent.facts import Facts, addresses
from tsagent.facts.dmi import platform
from tsagent.facts.kernel import kernel_line, parse_command_line, parse_version
from tsagent.facts.memory import parse_meminfo
from tsagent.facts.mounts import parse_mountinfo, parse_mounts
from tsagent.facts.operating_system import family_of, parse_os_release
from tsagent.facts.processor import parse_cpuinfo
from tsagent.facts.reading import cpu_list, is_pci_address, pci_address
from tsagent.host.tree import Tree


@pytest.mark.parametrize(
    "release, line",
    [
        ("4.14.105-19-0024", "tkernel3"),
        ("4.14.105-19-0020.1", "tkernel3"),
        ("4.14.105-1-tlinux3-0023.1", "tkernel3"),
        ("5.4.119-19-0009.6", "tkernel4"),
        ("5.4.119-19.0009.27", "tkernel4"),
        ("5.4.119-1.0007.tlinux4", "tkernel4"),
        ("5.4.241-1-tlinux4-0017.prerelease4", "tkernel4"),
        ("5.4.241-24.0017.23", "tkernel4"),
        ("5.4.241-24.0017.41.1", "tkernel4"),
        ("6.6.30-5.tl4.x86_64", "tkernel5"),
        ("6.6.117-45.11.4.tl4.x86_64", "tkernel5"),
        ("6.6.34-9.oc9.x86_64", "tkernel5"),
        ("5.4.0-100-generic", "other"),
        ("5.4.241-1.el8.elrepo.x86_64", "other"),
        ("4.18.0-348.7.1.el8_5.x86_64", "other"),
        ("4.14.355-275.582.amzn2.x86_64", "other"),
        ("3.10.0-1160.el7.x86_64", "other"),
        ("6.6.9-arch1-1", "other"),
        ("6.12.0-tlinux6-0001", "other"),
        ("5.5.0-tlinux3-0023.1", "other"),
        ("", "other"),
        (None, "other"),
        ("garbage", "other"),
    ],
)
def test_kernel_lines(release, line):
    found, reason = kernel_line(release)
    assert found == line
    assert reason


def test_versions_compare_as_numbers():
    assert parse_version("5.4.241-24.0017.23") == [5, 4, 241]
    assert parse_version("6.6") == [6, 6]
    assert parse_version("five") == []
    assert parse_version("4.9.1") < parse_version("4.14.105")


def test_command_line():
    text = (
        'ro console=tty0 console=ttyS0,115200 root=UUID=4b49-a=b "dyndbg=file a.c +p" tsagent=off -- init=x'
    )
    assert parse_command_line(text) == {
        "ro": True,
        "console": "ttyS0,115200",
        "root": "UUID=4b49-a=b",
        "dyndbg": "file a.c +p",
        "tsagent": "off",
    }


def test_command_line_with_an_open_quote():
    assert parse_command_line('a="b c d=e')["a"] == "b c d=e"


@pytest.mark.parametrize(
    "text, family",
    [
        ("ID=tencentos\nVERSION_ID=2.4\n", "el7"),
        ("ID=TencentOS\nVERSION_ID='2.4'\n", "el7"),
        ('ID="tencentos"\nVERSION_ID="3.1"\nPLATFORM_ID="platform:el8"\n', "el8"),
        ('ID="tencentos"\nVERSION_ID="3.3"\n', "el8"),
        ('ID="tencentos"\nVERSION_ID="4.4"\nPLATFORM_ID="platform:tl4"\n', "tl4"),
        ('ID="tencentos"\nVERSION_ID="4"\n', "tl4"),
        ('ID="tencentos"\nVERSION_ID="5"\n', "tl5"),
        ("ID=opencloudos\nVERSION_ID=9.2\nPLATFORM_ID=platform:oc9\n", "oc9"),
        ("ID=centos\nVERSION_ID=7\nID_LIKE='rhel fedora'\n", "el7"),
        ("ID=almalinux\nVERSION_ID=9.4\nID_LIKE='rhel centos fedora'\nPLATFORM_ID=platform:el9\n", "el9"),
        ("ID=rocky\nVERSION_ID=8.9\nID_LIKE='rhel centos fedora'\n", "el8"),
        ("ID=debian\nVERSION_ID=12\n", "debian"),
        ("ID=debian\n", "debian"),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=22.04\n", "debian"),
        ("ID=fedora\nVERSION_ID=40\nPLATFORM_ID=platform:f40\n", "fedora"),
        ("ID=opensuse-leap\nID_LIKE='suse opensuse'\nVERSION_ID=15.5\n", "suse"),
        ("ID=quokka\n", "unknown"),
        ("", "unknown"),
    ],
)
def test_families_of_distributions(tmp_path, text, family):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(text or "\n", encoding="utf-8")
    assert Facts(Tree(str(tmp_path)), Tree(str(tmp_path))).os.family == family


def test_os_release_falls_back_to_usr_lib(tmp_path):
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/os-release").write_text("ID=debian\n", encoding="utf-8")
    found = Facts(Tree(str(tmp_path)), Tree(str(tmp_path))).os
    assert (found.id, found.package_manager, found.source) == ("debian", "apt", "/usr/lib/os-release")


def test_package_manager_of_an_unknown_distribution_is_what_is_installed(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/zypper").write_text("", encoding="utf-8")
    assert Facts(Tree(str(tmp_path)), Tree(str(tmp_path))).os.package_manager == "zypper"


def test_os_release_quoting():
    values = parse_os_release('# c\nNAME="a \\"b\\" \\$x"\nID=\'x y\'\n export=1\nBAD LINE\nE=\nN=a=b\n')
    assert values == {"NAME": 'a "b" $x', "ID": "x y", "export": "1", "E": "", "N": "a=b"}
    assert family_of("tencentos", [], None, None) == "unknown"


@pytest.mark.parametrize(
    "vendor, product, expected",
    [
        ("Tencent Cloud", "CVM", "tencent-cloud"),
        ("Tencent Cloud", "Tencent Cloud CVM", "tencent-cloud"),
        (None, "Tencent Cloud CVM", "tencent-cloud"),
        ("QEMU", "Standard PC", "other"),
        ("Not Tencent Cloud", "x", "other"),
        (None, None, "unknown"),
    ],
)
def test_platforms(vendor, product, expected):
    assert platform(vendor, product) == expected


def test_mountinfo_with_escapes_optional_fields_and_torn_rows():
    text = (
        "36 35 254:1 / / rw,noatime shared:1 master:2 - ext4 /dev/vda1 rw,errors=continue\n"
        "37 36 0:45 /sub /mnt/a\\040b rw - btrfs /dev/vdb rw\n"
        "38 36 x:y / /bad rw - ext4 /dev/x rw\n"
        "39 36 254:2 / /torn rw"
    )
    found = parse_mountinfo(text)
    assert [(m.device, m.target, m.fs_type, m.source) for m in found] == [
        ("254:1", "/", "ext4", "/dev/vda1"),
        ("0:45", "/mnt/a b", "btrfs", "/dev/vdb"),
    ]
    assert found[0].options == ["rw", "noatime", "errors=continue"]


def test_mounts_without_device_numbers():
    found = parse_mounts("/dev/vda1 / ext4 rw,relatime 0 0\nshort row\n")
    assert [(m.device, m.target, m.source, m.options) for m in found] == [
        (None, "/", "/dev/vda1", ["rw", "relatime"])
    ]


def test_cpu_lists():
    assert cpu_list("0-3,8,10-11") == [0, 1, 2, 3, 8, 10, 11]
    assert cpu_list("") == cpu_list(None) == cpu_list("x-y,5-1,-3") == []
    assert cpu_list("0-99999999") == []


def test_cpuinfo_of_arm_has_no_topology_and_others_have_trailers():
    blocks = parse_cpuinfo("processor\t: 0\nCPU part\t: 0xd0c\n\nprocessor\t: 1\n\nHardware\t: Board\n")
    assert len(blocks) == 2
    assert parse_cpuinfo("Processor : AArch64 rev 1\nprocessor : 0\n") == [{"processor": "0"}]


def test_meminfo_units():
    text = "MemTotal:  16 kB\nHugePages_Total:  3\nNode 0 MemFree:  2 kB\nbroken\nX: y kB\n"
    assert parse_meminfo(text) == {"MemTotal": 16384, "HugePages_Total": 3, "MemFree": 2048}


def test_pci_addresses():
    assert is_pci_address("0000:00:05.0")
    assert is_pci_address("10000:e1:00.0")
    assert not is_pci_address("virtio0")
    assert not is_pci_address("0000:00:05")
    assert pci_address("/sys/devices/pci0000:00/0000:00:05.0/virtio2/net/eth0") == "0000:00:05.0"
    assert pci_address(None) is None


@pytest.mark.parametrize(
    "netmask, length",
    [
        ("255.255.255.0", 24),
        ("255.255.192.0", 18),
        ("0.0.0.0", 0),
        ("255.255.255.255", 32),
        ("ffff:ffff:ffff:ffff::", 64),
        ("ffff:ffff:ffff:ffff::/64", 64),
        ("255.0.255.0", None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_prefix_lengths(netmask, length):
    assert addresses.prefix_length(netmask) == length


class FakeNetifaces:
    """What the module of that name gives."""

    AF_INET, AF_INET6 = 2, 10

    @staticmethod
    def interfaces():
        return ["lo", "eth0", "gone"]

    @staticmethod
    def ifaddresses(name):
        if name == "gone":
            raise ValueError("You must specify a valid interface name.")
        if name == "lo":
            return {2: [{"addr": "127.0.0.1", "netmask": "255.0.0.0"}]}
        return {
            17: [{"addr": "52:54:00:00:00:01"}],
            10: [{"addr": "fe80::1%eth0", "netmask": "ffff:ffff:ffff:ffff::/64"}],
        }

    @staticmethod
    def gateways():
        return {
            "default": {2: ("10.0.0.1", "eth0")},
            2: [("10.0.0.1", "eth0", True), ("10.0.0.9", "eth1", False)],
            10: [("fe80::9%eth0", "eth0", False)],
        }


def test_live_addresses_in_the_recorded_form():
    found = addresses._live(FakeNetifaces)
    assert found.interfaces == {
        "lo": {"ipv4": [{"address": "127.0.0.1", "prefix": 8}], "ipv6": []},
        "eth0": {"ipv4": [], "ipv6": [{"address": "fe80::1", "prefix": 64}]},
    }
    assert [(g.interface, g.address, g.family, g.default) for g in found.gateways] == [
        ("eth0", "10.0.0.1", "ipv4", True),
        ("eth1", "10.0.0.9", "ipv4", False),
        ("eth0", "fe80::9", "ipv6", False),
    ]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\0\0", b"[1]", b"{", b'{"interfaces": 5, "gateways": {}}', b"\xff", b"[" * 100000]
    + [json.dumps({"interfaces": {"eth0": 3}, "gateways": [5, {"interface": "eth0"}]}).encode("ascii")],
)
def test_recorded_addresses_of_the_wrong_shape(tmp_path, content):
    if content is not None:
        (tmp_path / "addresses.json").write_bytes(content)
    found = addresses.gather(Facts(Tree(str(tmp_path)), Tree(str(tmp_path))))
    assert found.gateways == []
    assert found.problem or not any(a.ipv4 + a.ipv6 for a in found.interfaces.values())


def test_addresses_that_are_handed_in(tmp_path):
    given = {
        "interfaces": {"eth0": {"ipv4": [{"address": "10.0.0.5", "prefix": 24}]}},
        "gateways": [{"interface": "eth0", "address": "10.0.0.1", "default": True}],
    }
    found = addresses.gather(Facts(Tree(str(tmp_path)), Tree(str(tmp_path)), addresses=given))
    assert found.interfaces.eth0 == {"ipv4": [{"address": "10.0.0.5", "prefix": 24}], "ipv6": []}
    assert found.gateways[0].family == "ipv4"
    assert found.source == "given"
