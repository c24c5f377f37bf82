"""Whole boots: a real systemd, the real units, the agent in its place among them.

make vm-test ARGS="-k nspawn"
"""

import os
import re

import nspawn_tree
import pytest
from boots import (
    AFTER_AGENT,
    BASIC,
    FINAL,
    KEY,
    LOCAL,
    NETWORK,
    READY,
    SLOW_ONLINE,
    ended_well,
    show_figures,
    started_after,
    wants,
)

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]


@pytest.mark.parametrize("image", [pytest.param("image_tree", marks=pytest.mark.quick), "trixie_image"])
def test_first_boot_and_second(request, make_machine, image, capsys):
    """On Debian 12 and on Debian 13."""
    machine = make_machine(request.getfixturevalue(image))
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
    assert started_after(first, NETWORK, LOCAL, "network.target")
    assert started_after(first, FINAL, NETWORK, "network-online.target", "ssh.service")
    # A look at the keys by their number only: nobody else has made any.
    assert first.unit("tsagent-host-keys.service")["ConditionResult"] == "no"
    assert first.unit("tsagent-retry.timer")["InactiveExitTimestampMonotonic"] == 0
    show_figures(capsys, "%s, first boot" % image, first)

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
    show_figures(capsys, "%s, second boot" % image, second)


@pytest.mark.parametrize("image", ["image_tree", "trixie_image"])
def test_memory_of_the_largest_process(request, make_machine, image, capsys):
    machine = make_machine(request.getfixturevalue(image))
    machine.seed(BASIC)
    for name in ("first", "second"):
        nspawn_tree.measure_memory(machine.tree, first_boot=name == "first")
        boot = machine.boot()
        ended_well(boot)
        memory = {}
        for line in machine.read("/bench/memory").splitlines():
            unit, kibibytes = line.split()
            memory[unit] = int(kibibytes) * 1024
        os.unlink(machine.path("/bench/memory"))
        assert max(memory.values()) < 64 << 20, memory
        show_figures(capsys, "%s, %s boot, under time(1)" % (image, name), boot, memory)


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
