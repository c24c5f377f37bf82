"""What instance type names promise: every documented rule and exception, and names that are none."""

import pytest

from tsagent.facts import instance_tables as tables
from tsagent.facts.instance_type import parse


@pytest.mark.parametrize(
    "name, vcpu, memory_gb",
    [
        ("S5.SMALL1", 1, 1),
        ("S5.SMALL2", 1, 2),
        ("S5.MEDIUM4", 2, 4),
        ("S5.LARGE8", 4, 8),
        ("S5.XLARGE16", 4, 16),  # no number before it: one
        ("S5.2XLARGE16", 8, 16),
        ("S5.16XLARGE256", 64, 256),
        ("M6.31MEDIUM470", 62, 470),
        ("M6ce.31MEDIUM216", 62, 216),
        ("C5.26XLARGE368", 104, 368),
        ("GN10Xp.20XLARGE320", 80, 320),
        ("GT4.41XLARGE948", 164, 948),
        ("PNV4.56XLARGE932", 224, 932),
        ("GI3X.45XLARGE452", 180, 452),
        ("HCCPNV6s.96XLARGE2304-ne", 384, 2304),
    ],
)
def test_rule_of_sizes(name, vcpu, memory_gb):
    found = parse(name)
    assert (found.vcpu, found.memory_gb, found.exception) == (vcpu, memory_gb, False)


@pytest.mark.parametrize(
    "name, vcpu",
    [
        ("GN10Xp.2XLARGE40", 10),
        ("GN7.2XLARGE40", 10),
        ("GN8.LARGE56", 6),
        ("GN8.3XLARGE112", 14),
        ("GT4.20XLARGE474", 82),
        ("GI1.10XLARGE160", 42),
        ("GI3X.22XLARGE226", 90),
        ("GNV4v.XLARGE24", 6),
        ("GNV4v.3XLARGE58", 14),
        ("SA2.22XLARGE224", 90),
    ],
)
def test_exceptions_of_the_rule(name, vcpu):
    found = parse(name)
    assert found.vcpu == vcpu
    assert found.exception
    assert found.known


@pytest.mark.parametrize(
    "instance_class, families",
    [
        (
            "standard",
            "S1 S2 S3 S4 S5 S6 S7 S8 S9 S8e S9e S9pro S2ne S5se SN3ne SA1 SA2 SA3 SA4 SA5 SA9 SA9e SR1 SK1",
        ),
        ("compute", "C2 C3 C4 C5 C6 CN3 TC3"),
        ("memory", "M1 M2 M3 M4 M5 M6 M6ce M6p M6mp M8 M9 MA2 MA3 MA4 MA5 MA9 MA9e"),
        ("high-io", "I1 I2 I3 IT2 IT3 IT5 ITA5"),
        ("big-data", "D1 D2 D3"),
        (
            "gpu",
            "GN6 GN6S GN7 GN7vi GN7vw GN8 GN10X GN10Xp GI1 GI3X GT4 GNV4 GNV4v PNV4 PNV5b PNV6 GC49",
        ),
        ("hpc", "HCCG5v HCCG5vm HCCIC5 HCCPNV4h HCCPNV4s HCCPNV4sne HCCPNV5 HCCPNV6 HCCPNV6s"),
        (
            "bare-metal",
            "BMS4 BMS5 BMSA2 BMSC4 BMM5 BMM5c BMM5r BMI5 BMIA2 BMD3 BMDA2 BMG5t BMGNV4 BMGC37 BMIK1 BMDK1",
        ),
    ],
)
def test_classes_of_families(instance_class, families):
    for family in families.split():
        found = parse(family + ".LARGE8")
        assert (found.instance_class, found.known) == (instance_class, True), family
        assert found.bare_metal == (instance_class in ("bare-metal", "hpc"))


def test_arm_families():
    assert [f for f in ("SR1", "BMIK1", "BMDK1", "S5", "BMS5") if parse(f + ".LARGE8").arm] == [
        "SR1",
        "BMIK1",
        "BMDK1",
    ]


@pytest.mark.parametrize(
    "name, vendor, model, count, share",
    [
        ("GN6.7XLARGE48", "NVIDIA", "P4", 1, None),
        ("GN6.14XLARGE96", "NVIDIA", "P4", 2, None),
        ("GN6S.2XLARGE40", "NVIDIA", "P4", 2, None),
        ("GN7.LARGE20", "NVIDIA", "T4", 1, "1/4"),
        ("GN7.2XLARGE40", "NVIDIA", "T4", 1, "1/2"),
        ("GN7.2XLARGE32", "NVIDIA", "T4", 1, None),
        ("GN7.5XLARGE80", "NVIDIA", "T4", 1, None),
        ("GN7.8XLARGE128", "NVIDIA", "T4", 1, None),
        ("GN7.10XLARGE160", "NVIDIA", "T4", 2, None),
        ("GN7.20XLARGE320", "NVIDIA", "T4", 4, None),
        ("GN7vi.10XLARGE160", "NVIDIA", "T4", 2, None),
        ("GI3X.45XLARGE452", "NVIDIA", "T4", 4, None),
        ("GN7vw.LARGE16", "NVIDIA", "T4", 1, "1/4"),
        ("GN7vw.2XLARGE32", "NVIDIA", "T4", 1, "1/2"),
        ("GN7vw.4XLARGE64", "NVIDIA", "T4", 1, "1"),
        ("GN8.LARGE56", "NVIDIA", "P40", 1, None),
        ("GN8.14XLARGE448", "NVIDIA", "P40", 8, None),
        ("GN10X.2XLARGE40", "NVIDIA", "V100", 1, None),
        ("GN10X.9XLARGE160", "NVIDIA", "V100", 4, None),
        ("GN10X.18XLARGE320", "NVIDIA", "V100", 8, None),
        ("GN10Xp.5XLARGE80", "NVIDIA", "V100", 2, None),
        ("GT4.4XLARGE96", "NVIDIA", "A100", 1, None),
        ("GT4.41XLARGE948", "NVIDIA", "A100", 8, None),
        ("PNV4.28XLARGE466", "NVIDIA", "A10", 4, None),
        ("GNV4.3XLARGE44", "NVIDIA", "A10", 1, None),
        ("GNV4v.XLARGE24", "NVIDIA", "A10", 1, "1/4"),
        ("GNV4v.3XLARGE58", "NVIDIA", "A10", 1, "1/2"),
        ("GNV4v.7XLARGE116", "NVIDIA", "A10", 1, "1"),
        ("GI1.10XLARGE160", "Intel", "SG1", 4, None),
        ("PNV6.48XLARGE1152", "NVIDIA", "H20", None, None),
        ("BMG5t", "NVIDIA", "T4", 4, None),
        ("BMG5v", "NVIDIA", "V100", 8, None),
        ("BMGNV4", "NVIDIA", "A10", 16, None),
        ("HCCG5v", "NVIDIA", "V100", 8, None),
        ("HCCPNV4h", "NVIDIA", "A100", 8, None),
        ("HCCPNV4s", "NVIDIA", "A100", 8, None),
        ("HCCPNV5", "NVIDIA", "H800", 8, None),
        ("HCCPNV6.96XLARGE2304-ne", "NVIDIA", "H20", 8, None),
    ],
)
def test_promised_accelerators(name, vendor, model, count, share):
    found = parse(name).accelerator
    assert (found.vendor, found.model, found.count, found.share) == (vendor, model, count, share)
    assert found.vgpu == (share is not None)


@pytest.mark.parametrize("name", ["S5.MEDIUM4", "HCCIC5", "BMS5", "IT5.4XLARGE64", "XQ9.7XLARGE99"])
def test_types_without_accelerators(name):
    assert parse(name).accelerator is None


@pytest.mark.parametrize(
    "name, disks",
    [
        ("IT5.4XLARGE64", [("nvme", 1)]),
        ("IT5.8XLARGE128", [("nvme", 2)]),
        ("IT5.16XLARGE256", [("nvme", 4)]),
        ("IT3.16XLARGE256", [("nvme", 4)]),
        ("IT5.21XLARGE320", [("nvme", None)]),
        ("I3.LARGE16", [("nvme", None)]),
        ("D3.8XLARGE128", [("hdd", None)]),
        ("BMI5", [("nvme", 2)]),
        ("BMM5", [("nvme", 2)]),
        ("BMIA2", [("nvme", 4)]),
        ("BMDA2", [("hdd", 12), ("nvme", 1)]),
        ("HCCPNV4h", [("nvme", 4)]),
        ("HCCG5v", [("nvme", 4)]),
        ("HCCIC5", [("nvme", 2)]),
    ],
)
def test_promised_local_disks(name, disks):
    assert [(disk.kind, disk.count) for disk in parse(name).local_disks] == disks


@pytest.mark.parametrize("name", ["S5.MEDIUM4", "GN7.2XLARGE32", "BMS5"])
def test_types_without_local_disks(name):
    assert parse(name).local_disks is None


def test_promised_rdma():
    assert parse("HCCPNV4h").rdma == {"count": 2, "gbps": 100, "adapter": "ConnectX-5"}
    assert parse("HCCIC5").rdma.count == 2
    assert parse("GT4.41XLARGE948").rdma is None


def test_type_without_size():
    found = parse("BMS5")
    assert (found.family, found.size, found.vcpu, found.memory_gb) == ("BMS5", None, 208, 768)
    assert found.known


def test_type_without_size_of_a_machine_not_in_the_tables():
    found = parse("BMS99")
    assert (found.family, found.known, found.vcpu, found.memory_gb) == ("BMS99", True, None, None)


def test_suffix():
    found = parse("HCCPNV6s.96XLARGE2304-ne")
    assert (found.family, found.size, found.suffix) == ("HCCPNV6s", "96XLARGE2304", "ne")


def test_unknown_family_is_parsed_by_the_rule_and_marked():
    found = parse("XQ9.7XLARGE99")
    assert (found.family, found.vcpu, found.memory_gb) == ("XQ9", 28, 99)
    assert (found.known, found.instance_class) == (False, "unknown")


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "  ",
        "S5.",
        ".MEDIUM4",
        "S5.HUGE4",
        "S5.MEDIUM",
        "S5.MEDIUM4.X",
        "S5 MEDIUM4",
        "<html>404</html>",
    ],
)
def test_names_that_are_none(name):
    found = parse(name)
    assert (found.family, found.vcpu, found.known) == (None, None, False)
    assert found.instance_class == "unknown"


@pytest.mark.parametrize(
    "name", ["S5.MEDIUM4\0", "S5.MEDIUM4\n", "9" * 100000, "S5.9999999XLARGE1", 5, b"S5"]
)
def test_garbage_never_raises(name):
    found = parse(name)
    assert found.type is None or len(found.type) <= 128


def test_tables_agree_with_each_other():
    """Every family in a table belongs to a class, and every exception is one."""
    for table in (tables.ACCELERATORS, tables.LOCAL_DISKS, tables.RDMA, tables.WHOLE_MACHINES):
        for family in table:
            assert parse(family).known, family
    for name in list(tables.VCPU_EXCEPTIONS) + list(tables.VGPU):
        found = parse(name)
        assert found.known, name
        assert found.size, name
    for name in tables.VGPU:
        assert parse(name).accelerator.vgpu, name
