"""The power goes at some moment of the first boot; the next boot must end as if it had not.

The moment is a line that the machine says, never a time. What the agent and its tools had not flushed to disk
is lost: QEMU writes past this machine's cache and is killed.

make vm-test ARGS="-k power_cut"
"""

import json
import os
import re

import pytest
from nspawn_tree import contents, run
from qemu import file_system_problems, read_report
from qemu_tree import START

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR bob@example"
SAY = "echo 'bench: in the command' > /dev/kmsg"
USER_DATA = {
    "hostname": "vm-1",
    "groups": ["crew"],
    "users": [
        "default",
        {"name": "ada", "groups": "crew", "sudo": "ALL=(ALL) NOPASSWD:ALL"},
        {"name": "bob", "lock_passwd": True, "ssh_authorized_keys": [KEY]},
    ],
    "write_files": [
        {"path": "/srv/one", "content": "one\n" * 1000},
        {"path": "/srv/two", "content": "two\n", "owner": "ada:crew", "permissions": "0640"},
        {"path": "/etc/motd", "content": "added\n", "append": True},
        {"path": "/srv/last", "content": "last\n", "defer": True},
    ],
    # Nothing is flushed here: that is the agent's affair.
    "runcmd": [
        "echo one >> /srv/log",
        "echo two >> /srv/log; %s; tail -n 1 /srv/log > /srv/copy" % SAY,
        "echo three >> /srv/log; mkdir -p /srv/d/e; cp /etc/os-release /srv/d/e",
    ],
}
SAID = r"tsagent\[\d+\]: "
POINTS = {
    "local_stage_begins": (SAID + "stage local",),
    "network_written": (SAID + "network: write .*eth0.network .*: applied",),
    "metadata_half_read": (r"GET /latest/meta-data/placement/\S+ 200",),
    "network_rewritten": (SAID + "network: write .*eth1.network .*: applied",),
    "host_name": (SAID + "hostname: write .*: applied",),
    "host_keys": (SAID + "ssh: make a .*host key .*: applied",),
    "in_useradd": (r"useradd\[\d+\]: new user: name=ada",),
    "account_without_keys": (SAID + "users: create user ada: applied",),
    "second_account": (SAID + "users: create user bob: applied",),
    "files": (SAID + "files: write /srv/one .*: applied",),
    "partition_grown": (SAID + "disk_growth: grow partition .*: applied",),
    "in_resize": (r"EXT4-fs \(vda1\): resizing filesystem",),
    "resize_done": (r"EXT4-fs \(vda1\): resized filesystem",),
    "kernel_parameters": (SAID + "kernel_parameters: set .*: applied",),
    "network_stage_ends": (r"Finished tsagent-network.service",),
    "final_stage_begins": (SAID + "stage final",),
    "in_a_command": ("bench: in the command",),
    "commands_done": (SAID + "commands: done",),
    "hand_off_written": (SAID + "handoff: write /run/tsagent/handoff.json .*: applied",),
    "ready": (r"Reached target tsagent-ready.target",),
    "twice": (SAID + "users: create user ada: applied", SAID + "stage final"),
}

FOLDERS = ("/etc", "/srv", "/home", "/root", "/var/lib/tsagent")
# Compared by kind: there, with the same mode and owner, and not empty.
BY_KIND = re.compile(
    r"^/etc/(machine-id|ssh/ssh_host_|(passwd|shadow|group|gshadow|subuid|subgid)-$|\.updated)|"
    r"^/var/lib/tsagent/(.*\.jsonl$|cache/|identity|handoff|instances/[^/]*/(snapshot|settings))"
)
NOT_COMPARED = re.compile(r"^/srv/log$|^/etc/\.pwd\.lock$|^/var/lib/tsagent/instances/pending")
LEFT_OPEN = re.compile(r"\.tsagent-new$|^/etc/(?!\.pwd)[^/]*\.lock$|^/etc/(shadow|gshadow|passwd|group)\+$")


class Settled:
    """A machine's disk after a boot that ran to its end."""

    def __init__(self, machine):
        machine.start()
        self.seconds = machine.wait_off()
        with machine.mounted() as (root, disk):
            self.report = read_report(root)
            self.problems = file_system_problems(disk)
            (self.partition,) = json.loads(run(["sfdisk", "--json", disk]))["partitiontable"]["partitions"]
            header = run(["dumpe2fs", "-h", "%s?offset=%d" % (disk, START)])
            self.root_blocks = re.search(r"^Block count: +(\d+)$", header, re.MULTILINE).group(1)
            self.files = contents(root, *FOLDERS)
            self.empty = {path for path in self.files if _is_empty(root + path)}
            with open(root + "/srv/log", encoding="utf-8") as file:
                self.log = file.read().split()

    def tree(self):
        """Every file, what differs from machine to machine by kind."""
        return {
            path: entry[:3] if BY_KIND.search(path) else entry
            for path, entry in self.files.items()
            if not NOT_COMPARED.search(path)
        }

    def module_states(self):
        """How each of the agent's modules ended; what was done before the cut leaves nothing to do after."""
        states = {module["name"]: module["state"] for module in self.report["status"]["modules"]}
        return {name: "done" if state == "nothing" else state for name, state in states.items()}

    def repeated(self):
        """How many of the user's commands are reported as repeated."""
        commands = [module for module in self.report["status"]["modules"] if module["name"] == "commands"]
        return sum(bool(change.get("repeated")) for module in commands for change in module["changes"])


def _is_empty(path):
    return os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) == 0


@pytest.fixture(scope="module")
def cloud(new_cloud):
    """All of these machines are the same instance, at different times."""
    return new_cloud("cuts", USER_DATA)


@pytest.fixture(scope="module")
def undisturbed(new_machine, cloud):
    """A first boot that nothing happens to."""
    settled = Settled(new_machine("undisturbed", cloud))
    assert settled.report["status"]["state"] == "done", settled.report["status_text"]
    assert settled.log == ["one", "two", "three"]
    return settled


@pytest.mark.parametrize("point", POINTS)
def test_power_cut(new_machine, cloud, undisturbed, point, capsys):
    machine = new_machine("cut-" + point, cloud)
    for pattern in POINTS[point]:
        machine.start()
        machine.wait_for(pattern)
        machine.cut_power()
    after = Settled(machine)
    with capsys.disabled():
        print("\ncut at %s; next boot: %.0f s" % (point, after.seconds), end=" ", flush=True)
    assert after.report["status"]["state"] == "done", after.report["status_text"]
    assert after.report["failed"] == [] and after.report["wait_status"] == 0
    assert after.problems is None
    states = undisturbed.module_states()
    if after.report["nothing_due"]:  # the cut came after the end: only the local stage ran
        states = {name: state for name, state in states.items() if name in after.module_states()}
    assert after.module_states() == states
    ours, theirs = after.tree(), undisturbed.tree()
    different = {path for path in set(ours) | set(theirs) if ours.get(path) != theirs.get(path)}
    assert {path: (ours.get(path), theirs.get(path)) for path in different} == {}
    assert after.empty == undisturbed.empty
    assert [path for path in after.files if LEFT_OPEN.search(path)] == []
    assert (after.partition["start"], after.partition["size"]) == (
        undisturbed.partition["start"],
        undisturbed.partition["size"],
    )
    assert after.root_blocks == undisturbed.root_blocks
    assert sorted(after.report["host_keys"]) == sorted(undisturbed.report["host_keys"])
    assert list(dict.fromkeys(after.log)) == ["one", "two", "three"]
    assert len(after.log) <= 3 + after.repeated(), "a command ran again and nobody says so: %s" % after.log
    assert after.report["hostname"] == "vm-1"
