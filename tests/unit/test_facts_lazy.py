"""Facts cost what is asked for: nothing at import, a file of its own a section, few reads at each boot."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.facts import Facts
from tsagent.facts.record import Record
from tsagent.host.tree import Tree

MACHINE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "machines", "gn7-2xlarge32"
)
HOT = ("dmi", "kernel", "root_filesystem", "os")
HEAVY = {
    "argparse", "asyncio", "dataclasses", "email", "http", "inspect", "jinja2", "json", "jsonschema",
    "logging", "netifaces", "pathlib", "random", "requests", "shutil", "socket", "ssl", "subprocess",
    "tempfile", "typing", "urllib", "urllib3", "yaml",
}  # fmt: skip


class Counting(Tree):
    """A tree that notes what is asked of it."""

    def __init__(self, root):
        super().__init__(root)
        self.asked = []

    def read(self, path, limit=None):
        self.asked.append(path)
        return super().read(path, limit)

    def listdir(self, path):
        self.asked.append(path)
        return super().listdir(path)


def test_a_new_facts_reads_nothing():
    tree = Counting(MACHINE)
    Facts(tree, tree, "GN7.2XLARGE32")
    assert tree.asked == []


def test_a_section_is_read_once():
    tree = Counting(MACHINE)
    facts = Facts(tree, tree)
    first = facts.kernel
    reads = len(tree.asked)
    assert facts.kernel is first
    assert len(tree.asked) == reads


def test_what_each_boot_reads_is_little():
    tree = Counting(MACHINE)
    facts = Facts(tree, tree)
    for section in HOT:
        getattr(facts, section)
    # 7 of firmware, 4 of the kernel, os-release, mountinfo, and 4 for each of partition and disk.
    assert len(tree.asked) <= 25, tree.asked
    assert not [path for path in tree.asked if "/sys/bus" in path or "cpuinfo" in path]


def modules_after(statements):
    """The modules that a fresh interpreter has loaded after some statements, and not before."""
    program = "import sys, os, errno, stat, re; before = set(sys.modules)\n%s\n" % statements
    program += "print('\\n'.join(sorted(set(sys.modules) - before)))"
    root = os.path.dirname(os.path.dirname(os.path.dirname(MACHINE)))
    # -S -E: neither site packages nor the environment may bring modules along.
    process = subprocess.run(
        [sys.executable, "-S", "-E", "-c", "import sys; sys.path.insert(0, %r)\n%s" % (root, program)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return process.stdout.decode("utf-8").split()


def test_importing_facts_imports_no_section():
    found = modules_after("import tsagent.facts")
    assert {name for name in found if name.startswith("tsagent")} == {
        "tsagent",
        "tsagent.errors",
        "tsagent.facts",
        "tsagent.facts.record",
    }
    assert not HEAVY & set(found)


def test_the_sections_of_each_boot_import_nothing_heavy():
    look = "; ".join("facts.%s" % section for section in HOT)
    found = modules_after(
        "from tsagent.facts import Facts; from tsagent.host.tree import Tree\n"
        "tree = Tree(%r); facts = Facts(tree, tree); %s" % (MACHINE, look)
    )
    assert not HEAVY & set(found), sorted(HEAVY & set(found))
    assert "tsagent.facts.root_filesystem" in found
    assert not {"tsagent.facts.pci", "tsagent.facts.instance_tables", "tsagent.facts.block"} & set(found)


def test_addresses_of_a_recorded_machine_need_no_netifaces():
    found = modules_after(
        "from tsagent.facts import Facts; from tsagent.host.tree import Tree\n"
        "tree = Tree(%r); Facts(tree, tree).nics" % MACHINE
    )
    assert "tsagent.facts.addresses" in found
    assert "netifaces" not in found


def test_missing_netifaces_is_a_reason_and_no_crash():
    program = (
        "import sys; sys.path.insert(0, %r); sys.modules['netifaces'] = None\n"
        "from tsagent.facts import Facts; from tsagent.host.tree import Tree; import json\n"
        "nics = Facts(Tree('/'), Tree('/')).nics\n"
        "print(json.dumps([nics.problem, [nic for nic in nics if nic.name == 'lo']]))"
    ) % os.path.dirname(os.path.dirname(os.path.dirname(MACHINE)))
    process = subprocess.run([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE, check=True)
    problem, interfaces = json.loads(process.stdout.decode("utf-8"))
    assert "netifaces" in problem
    assert (interfaces[0]["ipv4"], interfaces[0]["mtu"]) == ([], 65536)
    assert "netifaces" in interfaces[0]["addresses_problem"]


def test_facts_from_data():
    facts = Facts.from_data(
        {"gpus": [{"model": "T4", "architecture": "Turing"}], "kernel": {"line": "tkernel4"}, "nics": []}
    )
    assert facts.gpus[0].model == "T4"
    assert facts.gpus[0].driver is None
    assert (facts.kernel.line, facts.kernel.release) == ("tkernel4", None)
    assert facts.nics == facts.disks == facts.nvme == []
    assert (facts.os.family, facts.dmi.platform, facts.root_filesystem.chain) == (None, None, None)
    assert (facts.instance.type, facts.instance.known) == (None, False)
    assert facts.rdma_cluster() == {"cluster": False, "reason": "no RDMA device", "devices": []}
    assert facts.doubts() == []
    json.dumps(facts.as_data())


def test_facts_from_nothing():
    facts = Facts.from_data({})
    assert facts.instance_type is None
    assert facts.doubts() == []
    assert set(facts.as_data()) == set(Facts.SECTIONS) | {"problems", "doubts"}


@pytest.mark.parametrize(
    "data", [{"gpu": []}, {"gpus": {}}, {"kernel": []}, {"kernel": "5.4"}, {"gpus": None}, {"hardware": {}}]
)
def test_facts_from_data_of_the_wrong_shape(data):
    with pytest.raises(ValueError):
        Facts.from_data(data)


def test_a_misspelt_section_or_key_is_found():
    facts = Facts.from_data({})
    with pytest.raises(AttributeError, match="gpuz"):
        facts.gpuz  # noqa: B018
    with pytest.raises(AttributeError, match="releese"):
        facts.kernel.releese  # noqa: B018


def test_a_record_is_a_dict():
    record = Record(model="T4")
    record.driver = None
    assert record == {"model": "T4", "driver": None}
    assert json.loads(json.dumps(record)) == record
