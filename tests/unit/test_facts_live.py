"""The facts of the machine the tests run on, against what its own tools say."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.facts import Facts
from tsagent.host.tree import Tree


def said(*command):
    """The JSON a tool prints. A tool that is missing is a failure."""
    process = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=dict(os.environ, LC_ALL="C"))
    return json.loads(process.stdout.decode("utf-8"))


@pytest.fixture(scope="module")
def facts():
    return Facts(Tree("/"), Tree("/"))


def test_processors_against_lscpu(facts):
    fields = {}
    for entry in said("lscpu", "-J")["lscpu"]:
        fields[entry["field"].rstrip(":")] = entry["data"]
        for child in entry.get("children", []):
            fields[child["field"].rstrip(":")] = child["data"]
            for grandchild in child.get("children", []):
                fields[grandchild["field"].rstrip(":")] = grandchild["data"]
    cpu = facts.cpu
    assert cpu.architecture == fields["Architecture"]
    assert cpu.vendor == fields["Vendor ID"]
    assert cpu.model == fields["Model name"]
    assert cpu.sockets == int(fields["Socket(s)"])
    assert cpu.cores == int(fields["Core(s) per socket"]) * int(fields["Socket(s)"])
    assert cpu.threads_per_core == int(fields["Thread(s) per core"])
    assert cpu.logical == cpu.cores * cpu.threads_per_core
    assert len(cpu.numa_nodes) == int(fields.get("NUMA node(s)", 0))


def test_disks_against_lsblk(facts):
    listed = said("lsblk", "-J", "-b", "-o", "NAME,MAJ:MIN,SIZE,RO,RM,TYPE,ROTA,MOUNTPOINT,START,SERIAL")
    # Loop devices come and go with whatever else runs here.
    theirs = {entry["name"]: entry for entry in listed["blockdevices"] if entry["type"] != "loop"}
    ours = {disk.name: disk for disk in facts.disks if disk.type != "loop"}
    assert ours
    assert set(ours) <= set(theirs) | {"dm-%d" % number for number in range(99)}
    for name in set(theirs) & set(ours):
        entry, disk = theirs[name], ours[name]
        assert (disk.size_bytes, disk.major_minor) == (int(entry["size"]), entry["maj:min"].strip())
        assert (disk.read_only, disk.removable) == (entry["ro"], entry["rm"])
        assert disk.rotational == entry["rota"]
        if entry["serial"]:  # lsblk has it from udev, which not every machine runs
            assert disk.serial == entry["serial"]
        parts = [child for child in entry.get("children", []) if child["type"] == "part"]
        assert sorted((part.name, part.size_bytes) for part in disk.partitions) == sorted(
            (child["name"], int(child["size"])) for child in parts
        )
    missing = [entry for entry in theirs.values() if entry["name"] not in ours and int(entry["size"])]
    assert missing == []


def test_root_against_findmnt(facts):
    entry = said("findmnt", "-J", "-o", "SOURCE,FSTYPE,OPTIONS,MAJ:MIN", "/")["filesystems"][-1]
    root = facts.root_filesystem
    assert root.fs_type == entry["fstype"]
    assert root.major_minor == entry["maj:min"]
    assert set(root.options) == set(entry["options"].split(","))
    if root.device is not None and entry["source"].startswith("/dev/"):
        assert os.path.realpath(root.device) == os.path.realpath(entry["source"].split("[")[0])
        assert root.chain[-1].type in ("disk", "loop")
    else:
        assert root.reason


def test_addresses_against_ip(facts):
    ours = {nic.name: nic for nic in facts.nics}
    theirs = {entry["ifname"].split("@")[0]: entry for entry in said("ip", "-j", "addr")}
    assert set(ours) == set(theirs)
    for name, entry in theirs.items():
        nic = ours[name]
        assert (nic.mac, nic.mtu, nic.ifindex) == (entry.get("address"), entry["mtu"], entry["ifindex"])
        assert nic.operstate == entry["operstate"].lower()
        for family, key in (("inet", nic.ipv4), ("inet6", nic.ipv6)):
            expected = sorted(
                (a["local"], a["prefixlen"]) for a in entry["addr_info"] if a["family"] == family
            )
            assert sorted((address.address, address.prefix) for address in key) == expected


def test_gateways_against_ip(facts):
    for family, option in (("ipv4", "-4"), ("ipv6", "-6")):
        routes = [
            route for route in said("ip", "-j", option, "route", "show", "default") if "gateway" in route
        ]
        ours = {
            (nic.name, gateway.address)
            for nic in facts.nics
            for gateway in nic.gateways
            if gateway.family == family
        }
        assert ours == {(route["dev"], route["gateway"]) for route in routes}
        if routes and family == "ipv4":
            assert [nic.name for nic in facts.nics if nic.primary] == [routes[0]["dev"]]


def test_kernel_and_memory_against_the_system(facts):
    assert facts.kernel.release == os.uname().release
    assert facts.memory.total_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_every_section_is_json(facts):
    data = facts.as_data()
    assert json.loads(json.dumps(data)) == data


def test_a_recording_of_this_machine_gives_the_same_facts(tmp_path):
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    target = tmp_path / "recorded"
    subprocess.run([sys.executable, os.path.join(here, "machines", "record.py"), str(target)], check=True)
    tree = Tree(str(target))
    recorded, live = Facts(tree, tree).as_data(), Facts(Tree("/"), Tree("/")).as_data()
    for data in (recorded, live):
        data["disks"] = [disk for disk in data["disks"] if disk["type"] != "loop"]
    for nic in recorded["nics"] + live["nics"]:
        assert nic.pop("addresses_source") in ("/addresses.json", "netifaces")
    for card in recorded["queues"] + live["queues"]:
        assert card.pop("channels_source") in ("/channels.json", "ethtool")
        card.pop("channels_problem")
    for name in Facts.SECTIONS:
        assert recorded[name] == live[name], name
