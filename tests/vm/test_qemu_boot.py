"""A first boot as on the cloud: metadata service, a disk larger than its partition, two cards, NVMe, RDMA.

make vm-test ARGS="-k qemu"
"""

import contextlib
import json
import os

import pytest
from nspawn_tree import BenchError, run
from qemu import METADATA, NVME_SERIAL, SECOND, file_system_problems, read_report
from qemu_tree import DISK_BYTES, ROOT_BYTES, START

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]

REPORT = "bench: the report is there"
FIRST_BOOT = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada", "sudo": "ALL=(ALL) NOPASSWD:ALL"}],
    "write_files": [
        {"path": "/srv/file", "content": "text\n"},
        {"path": "/srv/hers", "content": "x", "owner": "ada:ada", "permissions": "0600"},
    ],
    "runcmd": ["echo ran >> /srv/ran"],
}
READ = ("/srv/ran", "/srv/file", "/var/lib/tsagent/handoff.json", "/etc/ssh/ssh_host_ed25519_key.pub")


class Boot:
    """What was seen of a boot: `report` from inside, the rest from outside."""

    def __init__(self, machine, key=None):
        self.machine = machine
        self.logins = {}
        machine.start(stay=key is not None)
        if key:
            machine.wait_for(REPORT)
            for card in (0, 1):
                self.logins[card] = machine.ssh(key, "root", "id -un; hostname", card=card)
            with open(machine.file("known_hosts"), encoding="utf-8") as file:
                self.offered = file.read()
            with contextlib.suppress(BenchError):  # the connection may go before the command has ended
                machine.ssh(key, "root", "systemctl poweroff")
        self.seconds = machine.wait_off()
        self.requests = machine.requests().splitlines()
        with machine.mounted() as (root, disk):
            self.report = read_report(root)
            self.problems = file_system_problems(disk)
            (self.partition,) = json.loads(run(["sfdisk", "--json", disk]))["partitiontable"]["partitions"]
            self.files = {}
            for name in READ:
                with open(root + name, encoding="utf-8") as file:
                    self.files[name] = file.read()

    def module(self, name):
        """The entry of one of the agent's modules."""
        return next(module for module in self.report["status"]["modules"] if module["name"] == name)

    def look(self, name):
        """What one of the collector's commands printed; JSON where it is that."""
        status, text = self.report["looks"][name]
        assert status == 0, text
        return json.loads(text) if text.startswith(("{", "[")) else text.strip()

    def facts(self):
        """What `tsagent facts` says."""
        return self.look("facts")

    def ended_well(self):
        """Nothing failed, nothing is left to do, the file system is clean."""
        assert self.report["failed"] == []
        assert self.report["status"]["state"] == "done", self.report["status_text"]
        assert self.report["wait_status"] == 0
        assert self.report["system"] == "running"
        assert self.problems is None

    def cards_are_configured(self):
        """Each card has its address; the second one its own table, and a rule that leads there."""
        addresses = {
            link["ifname"]: [
                (entry["local"], entry["prefixlen"])
                for entry in link["addr_info"]
                if entry["scope"] == "global"
            ]
            for link in self.look("addresses")
        }
        assert addresses["eth0"] == [("169.254.16.15", 16)]
        assert addresses["eth1"] == [(SECOND, 18)]
        rules = [rule for rule in self.look("rules") if rule.get("src") == SECOND]
        assert [rule["table"] for rule in rules] == ["101"]
        routes = [route for route in self.look("routes") if route.get("table") == "101"]
        assert sorted((route["dst"], route.get("gateway"), route["dev"]) for route in routes) == [
            ("10.105.0.0/18", None, "eth1"),
            ("default", "10.105.0.1", "eth1"),
        ]
        states = [line.split()[-1] for line in self.look("links").splitlines() if " eth" in line]
        assert states == ["configured", "configured"]


@pytest.fixture(scope="module")
def machine(new_machine, new_cloud):
    """A machine of the image, told what FIRST_BOOT says."""
    return new_machine("first", new_cloud("first", FIRST_BOOT))


@pytest.fixture(scope="module")
def first(machine, key):
    """Its first boot."""
    return Boot(machine, key)


@pytest.mark.quick
def test_first_boot_ends_well(first, capsys):
    first.ended_well()
    assert first.report["status"]["source"] == "imds"
    assert first.report["status"]["instance_id"] == first.machine.cloud.tree["instance-id"]
    assert first.facts()["dmi"]["platform"] == "tencent-cloud"
    assert sum(" /latest/user-data 200" in line for line in first.requests) == 1
    assert first.report["hostname"] == "vm-1"
    assert first.files["/srv/file"] == "text\n" and first.files["/srv/ran"] == "ran\n"
    with capsys.disabled():
        print("\nfirst boot in QEMU: %.0f s to power-off" % first.seconds)


@pytest.mark.quick
def test_root_grows_online(first):
    changes = {change["type"]: change for change in first.module("disk_growth")["changes"]}
    assert sorted(change["state"] for change in changes.values()) == ["applied", "applied"]
    room = DISK_BYTES - START - (1 << 20)
    assert first.partition["start"] == START // 512 and first.partition["size"] * 512 >= room > ROOT_BYTES
    (disk,) = [disk for disk in first.look("blocks")["blockdevices"] if disk["name"] == "vda"]
    assert disk["children"][0]["size"] == first.partition["size"] * 512
    assert int(first.look("root_bytes")) > 0.95 * room


@pytest.mark.quick
def test_both_cards_are_configured_in_the_first_boot(first):
    first.cards_are_configured()


@pytest.mark.quick
def test_login_with_the_key_from_metadata(first):
    assert first.logins == {0: "root\nvm-1\n", 1: "root\nvm-1\n"}
    assert first.files["/etc/ssh/ssh_host_ed25519_key.pub"].split()[1] in first.offered
    assert sorted(first.report["host_keys"]) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]
    sshd, network = (first.report["units"][name] for name in ("ssh.service", "tsagent-network.service"))
    assert 0 < network["ExecMainExitTimestampMonotonic"] <= sshd["ExecMainStartTimestampMonotonic"]


@pytest.mark.quick
def test_facts_show_the_hardware(first):
    facts = first.facts()
    assert [(device["serial"], device["transport"]) for device in facts["nvme"]] == [(NVME_SERIAL, "pcie")]
    disks = {disk["name"]: disk for disk in facts["disks"]}
    assert disks["vdb"]["cloud_disk"] == first.machine.cloud.volume
    assert disks["vda"]["root"] and not disks["vdb"]["root"]
    (device,) = facts["rdma"]
    assert device["device"] == "rxe0" and device["netdevs"] == ["eth0"]
    assert [(port["link_layer"], port["active"]) for port in device["ports"]] == [("Ethernet", True)]


@pytest.mark.quick
def test_hand_off_starts_tuned(first):
    tuning = json.loads(first.files["/var/lib/tsagent/handoff.json"])["tuning"]
    assert tuning["service"] == "tuned" and tuning["state"] == "handed-over"
    assert first.look("tuned") == "Current active profile: " + tuning["profile"]
    assert first.report["units"]["tuned.service"]["ActiveState"] == "active"
    (switch,) = [change for change in first.module("handoff")["changes"] if "tuned to" in change["describe"]]
    assert switch["state"] == "applied" and "verified" in switch["note"]


def test_second_boot_asks_nobody(machine, first):
    second = Boot(machine)
    second.ended_well()
    assert second.report["boot_id"] != first.report["boot_id"]
    assert second.report["machine_id"] == first.report["machine_id"]
    assert second.report["nothing_due"]
    assert second.requests == [], "%s was asked" % METADATA
    assert second.report["host_keys"] == first.report["host_keys"]
    assert second.files == first.files
    assert second.partition == first.partition
    second.cards_are_configured()
    assert second.look("tuned") == first.look("tuned")


def test_clone_is_a_new_instance(machine, first, new_cloud, key, work):
    cloud = new_cloud("other", dict(FIRST_BOOT, hostname="vm-2"), other=True)
    clone = machine.clone(os.path.join(work, "clone"), cloud)
    try:
        boot = Boot(clone, key)
    finally:
        clone.cut_power()
    boot.ended_well()
    assert boot.report["status"]["instance_id"] == cloud.tree["instance-id"]
    assert boot.report["hostname"] == "vm-2"
    assert boot.logins[0] == "root\nvm-2\n"
    assert sorted(boot.report["host_keys"]) == sorted(first.report["host_keys"])
    assert set(boot.report["host_keys"].values()).isdisjoint(first.report["host_keys"].values())
    assert boot.files["/srv/ran"] == "ran\nran\n"
    boot.cards_are_configured()
