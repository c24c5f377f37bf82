"""Whole boots: a real systemd, the real units, the agent in its place among them.

make vm-test ARGS="-k nspawn"
"""

import os
import re

import pytest

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR ada@example"
LOCAL, NETWORK, FINAL = ("tsagent-%s.service" % stage for stage in ("local", "network", "final"))
READY = "tsagent-ready.target"
# Ends well only when the target is reached while the final stage still runs.
SEE_MULTI_USER = "timeout 60 sh -c 'until systemctl -q is-active multi-user.target; do sleep 0.1; done'"
BASIC = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada", "ssh_authorized_keys": [KEY]}],
    "write_files": [
        {"path": "/srv/file", "content": "text\n"},
        {"path": "/srv/hers", "content": "x", "owner": "ada:ada", "permissions": "0600"},
    ],
    "runcmd": [SEE_MULTI_USER, "echo ran >> /srv/ran"],
}
# Held up until sshd is there: were sshd to wait for it in turn, both would have to wait for its limit.
SLOW_ONLINE = """\
[Unit]
Description=A network that is long in coming online
DefaultDependencies=no
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/bin/timeout 90 sh -c 'until systemctl -q is-active ssh.service; do sleep 0.1; done'
[Install]
WantedBy=network-online.target
"""
AFTER_AGENT = """\
[Unit]
Description=Somebody's service that comes after the agent
After=tsagent-ready.target
Wants=tsagent-ready.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /srv/ran > /srv/after-agent'
[Install]
WantedBy=multi-user.target
"""


def wants(machine, target, unit, text):
    """A unit of somebody else's, enabled."""
    machine.write("/etc/systemd/system/" + unit, text)
    directory = machine.path("/etc/systemd/system/%s.wants" % target)
    os.makedirs(directory, exist_ok=True)
    os.symlink("../" + unit, os.path.join(directory, unit))


def ended_well(boot):
    """Nothing of ours failed, nothing at all is left to do."""
    assert boot["failed"] == []
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert boot["wait_status"] == 0
    assert boot["system"] == "running"
    assert "ordering cycle" not in boot["journal"]
    assert "Traceback" not in boot["journal"]


def show_figures(capsys, name, boot):
    """A line for people: CPU of our units beside that of an import."""
    parts = ["%s %.0f ms" % (stage, seconds * 1000) for stage, seconds in sorted(boot.cpu().items())]
    line = "%s: %.1f s from start to power-off; CPU of our units: %.0f ms (%s)" % (
        name,
        boot.seconds,
        sum(boot.cpu().values()) * 1000,
        ", ".join(parts),
    )
    beside = "python3 -I -c 'import yaml' %.0f ms, pass %.0f ms" % (
        boot["cpu_yaml"] * 1000,
        boot["cpu_pass"] * 1000,
    )
    with capsys.disabled():
        print("\n%s; %s" % (line, beside))


@pytest.mark.quick
def test_first_boot_and_second(machine, capsys):
    machine.seed(BASIC)
    machine.ask(user=["id", "-un", "ada"])
    first = machine.boot()
    ended_well(first)
    assert first.status == 0
    assert first["hostname"] == "vm-1" and machine.read("/etc/hostname") == "vm-1\n"
    assert first["extra"]["user"] == [0, "ada\n"]
    assert KEY in machine.read("/home/ada/.ssh/authorized_keys")
    assert machine.read("/srv/file") == "text\n"
    assert machine.read("/srv/ran") == "ran\n"
    assert sorted(first["host_keys"]) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]

    # sshd started once, with the keys there, and shows this key to who asks.
    ssh = first.unit("ssh.service")
    assert (ssh["ActiveState"], ssh["NRestarts"]) == ("active", 0)
    assert ssh["InactiveExitTimestampMonotonic"] >= first.unit(NETWORK)["ActiveEnterTimestampMonotonic"] > 0
    public = machine.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert public in first["scanned_keys"]
    # Local before the network's preparation, each stage after the one before.
    local, network, final = (first.unit(name) for name in (LOCAL, NETWORK, FINAL))
    assert (
        local["ActiveEnterTimestampMonotonic"]
        <= first.unit("network-pre.target")["ActiveEnterTimestampMonotonic"]
    )
    assert local["ActiveEnterTimestampMonotonic"] <= network["ExecMainStartTimestampMonotonic"]
    # One process did all of it, and each stage's work is its own unit's.
    pids = set(re.findall(r"tsagent\[(\d+)\]: stage (?:local|network|final)", first["journal"]))
    assert len(pids) == 1, pids
    assert min(first.cpu().values()) > 0.005, first.cpu()
    assert network["ExecMainExitTimestampMonotonic"] <= final["ExecMainStartTimestampMonotonic"]
    # Nobody waited for the final stage to log in. (That it saw multi-user.target is a command of its own.)
    for unit in (
        "systemd-user-sessions.service",
        "console-getty.service",
        "ssh.service",
        "multi-user.target",
    ):
        active = first.unit(unit)["ActiveEnterTimestampMonotonic"]
        assert 0 < active < final["ExecMainExitTimestampMonotonic"], unit
    assert first.unit(READY)["ActiveEnterTimestampMonotonic"] >= final["ExecMainExitTimestampMonotonic"]
    show_figures(capsys, "first boot", first)

    second = machine.boot()
    ended_well(second)
    assert second["boot_id"] != first["boot_id"] and second["machine_id"] == first["machine_id"]
    assert second["nothing_due"]
    assert second.unit(LOCAL)["Result"] == "success"
    for name in (NETWORK, FINAL):
        unit = second.unit(name)
        assert unit["ConditionResult"] == "no" and unit["ExecMainStartTimestampMonotonic"] == 0, unit
    assert second.unit(READY)["ActiveState"] == "active"
    assert second["host_keys"] == first["host_keys"]
    assert machine.read("/srv/ran") == "ran\n"
    assert second["hostname"] == "vm-1"
    assert all(module["changes"] == [] for module in second["status"]["modules"])
    show_figures(capsys, "second boot", second)


def test_clone_is_a_new_instance(make_machine, machine, work):
    machine.seed(BASIC)
    first = machine.boot()
    ended_well(first)
    clone = make_machine(machine.tree)
    clone.write("/etc/machine-id", os.urandom(16).hex() + "\n", 0o444)
    clone.seed(dict(BASIC, hostname="vm-2"), instance_id="i-clone")
    boot = clone.boot()
    ended_well(boot)
    assert boot["machine_id"] != first["machine_id"]
    assert boot["status"]["instance_id"] == "i-clone"
    assert sorted(boot["host_keys"]) == sorted(first["host_keys"])
    assert set(boot["host_keys"].values()).isdisjoint(first["host_keys"].values())
    assert boot["hostname"] == "vm-2"
    assert clone.read("/srv/ran") == "ran\nran\n"


def test_reboot_in_runcmd_reboots_once(machine):
    note = "echo %s $(cat /proc/sys/kernel/random/boot_id) >> /srv/log"
    machine.seed(dict(BASIC, runcmd=[note % "before", "reboot", note % "after"]))
    first = machine.boot()
    assert first.status == 133, "no reboot was asked for"
    second = machine.boot()
    assert second.status == 0, "it rebooted again"
    ran = [line.split() for line in machine.read("/srv/log").splitlines()]
    assert [word for word, _ in ran] == ["before", "after"]
    assert ran[1][1] == second["boot_id"] != ran[0][1]
    states = [change["state"] for change in second.module("commands")["changes"]]
    assert states[0] == "before" and states[1] in ("before", "interrupted") and states[2] == "applied"
    assert second["failed"] == []
    third = machine.boot()
    assert third.status == 0
    assert len(machine.read("/srv/log").splitlines()) == 2


def test_machine_in_use_is_adopted(make_machine, used_tree):
    machine = make_machine(used_tree)
    machine.write("/etc/hostname", "theirs\n")
    machine.write("/srv/file", "theirs\n")
    machine.seed(BASIC)
    before = machine.contents("/etc/ssh", "/srv", "/home")
    passwd = machine.read("/etc/passwd")
    boot = machine.boot()
    assert boot["failed"] == [] and boot["wait_status"] == 0
    assert boot["status"]["adopted"] is True
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert boot.module("network")["state"] == "adopted"
    assert boot["hostname"] == "theirs" and machine.read("/etc/hostname") == "theirs\n"
    assert machine.contents("/etc/ssh", "/srv", "/home") == before
    assert machine.read("/etc/passwd") == passwd
    public = machine.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert public in boot["scanned_keys"]
    again = machine.boot()
    assert again["status"]["adopted"] is True
    assert machine.contents("/etc/ssh", "/srv", "/home") == before


def test_switched_off_changes_nothing(make_machine, used_tree):
    machine = make_machine(used_tree)
    machine.seed(BASIC)
    machine.write("/etc/tsagent/disabled", "")
    folders = ("/etc", "/srv", "/home", "/root", "/var/lib/tsagent", "/var/lib/cloud")
    before = machine.contents(*folders)
    boot = machine.boot()
    assert boot["failed"] == []
    assert boot["status"]["state"] == "disabled"
    assert boot["wait_status"] == 0
    for name in (LOCAL, NETWORK, FINAL):
        assert boot.unit(name)["Result"] == "success" and boot.unit(name)["ExecMainStatus"] == 0
    after = machine.contents(*folders)
    changed = {path for path in set(before) | set(after) if before.get(path) != after.get(path)}
    # What systemd itself keeps there; nothing of it is the agent's.
    assert {path for path in changed if not path.startswith(("/etc/.", "/etc/machine-id"))} == set()


def test_power_cut_in_a_command(machine):
    step = "echo %s >> /srv/log"
    hang = step % "two" + "; [ -e /srv/hung ] || { sync; touch /srv/hung; sleep 600; }"
    machine.seed(dict(BASIC, runcmd=[step % "one", hang, step % "three"]))
    machine.boot_and_cut_power("/srv/hung")
    assert machine.read("/srv/log") == "one\ntwo\n"
    keys = machine.contents("/etc/ssh")
    boot = machine.boot()
    ended_well(boot)
    assert machine.read("/srv/log") == "one\ntwo\ntwo\nthree\n"
    changes = boot.module("commands")["changes"]
    assert [change["state"] for change in changes] == ["before", "applied", "applied"]
    assert [change.get("repeated", False) for change in changes] == [False, True, False]
    assert machine.contents("/etc/ssh") == keys


def test_sshd_waits_for_no_network_and_others_for_the_agent(machine):
    """Both a network that never comes online and services of others have their place beside the agent."""
    wants(machine, "network-online.target", "slow-online.service", SLOW_ONLINE)
    wants(machine, "multi-user.target", "after-agent.service", AFTER_AGENT)
    machine.seed(dict(BASIC, runcmd=["echo ran >> /srv/ran"]))
    for _ in range(2):
        boot = machine.boot()
        ended_well(boot)
        assert machine.read("/srv/after-agent") == machine.read("/srv/ran") == "ran\n"
        os.unlink(machine.path("/srv/after-agent"))
