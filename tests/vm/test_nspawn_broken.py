"""Boots with an agent that cannot work: nobody's login may depend on it.

make vm-test ARGS="-k broken"
"""

import glob
import os
import stat

import nspawn_tree
import pytest
from boots import BASIC, FINAL, LOCAL, NETWORK, SLOW_ONLINE, wants

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]

SOON = "[Service]\nTimeoutStartSec=3s\nTimeoutStopSec=2s\n"
# Deaf to SIGTERM, as a process in a system call that does not return.
HANG = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(10**6)\n"


def replace_run(machine, text):
    """Put something else in the place of the code that runs the stages."""
    (path,) = glob.glob(machine.path(nspawn_tree.SITE + "/tsagent/session/run.py"))
    machine.write(path[len(machine.tree) :], text)


def no_yaml(machine):
    """A library is gone."""
    nspawn_tree.remove(machine.path(nspawn_tree.SITE + "/yaml"))


def damaged(machine):
    """A file of the package is not what it was."""
    replace_run(machine, "\0\0\0 this is no Python\n")


def no_package(machine):
    """The whole package is gone; the units are not."""
    nspawn_tree.remove(machine.path(nspawn_tree.SITE + "/tsagent"))


def no_interpreter(machine):
    """The system's Python is gone."""
    os.unlink(machine.path("/usr/bin/python3"))


def hanging(machine):
    """Every stage hangs, and hears nothing."""
    replace_run(machine, HANG)
    for unit in (LOCAL, NETWORK, FINAL):
        nspawn_tree.drop_in(machine.tree, unit, "soon", SOON)


def read_only(machine):
    """There is nowhere to keep state or log."""
    machine.options.append("--bind-ro=%s:/var" % machine.path("/var"))
    machine.options.append("--tmpfs=/var/lib/systemd")  # without which systemd-logind does not start


def state_is_a_file(machine):
    """Somebody's file is where the state should be."""
    nspawn_tree.remove(machine.path("/var/lib/tsagent"))
    machine.write("/var/lib/tsagent", "")


BROKEN = (no_yaml, damaged, no_package, no_interpreter, hanging, read_only, state_is_a_file)


@pytest.mark.parametrize(
    "harm",
    [pytest.param(no_package, marks=pytest.mark.quick)] + [harm for harm in BROKEN if harm != no_package],
    ids=lambda harm: harm.__name__,
)
def test_broken_agent_keeps_nobody_from_logging_in(machine, harm):
    machine.seed(BASIC)
    machine.write("/bench/limit", "2")
    harm(machine)
    boot = machine.boot()
    # At least one stage could not do its work, and says so.
    results = {name: boot.unit(name)["Result"] for name in (LOCAL, NETWORK, FINAL)}
    assert set(results.values()) & {"exit-code", "timeout", "signal"}, results
    assert [line.split()[0] for line in boot["failed"] if not line.startswith("tsagent-")] == []
    # Everything else is there all the same: sshd, which shows host keys, and the console's prompt.
    for unit in (
        "ssh.service",
        "console-getty.service",
        "systemd-user-sessions.service",
        "multi-user.target",
    ):
        assert boot.unit(unit)["ActiveState"] == "active", unit
    assert "ssh-" in boot["scanned_keys"] or "ecdsa-" in boot["scanned_keys"]
    for name in boot["host_keys"]:
        if not name.endswith(".pub"):
            assert stat.S_IMODE(os.stat(machine.path("/etc/ssh/" + name)).st_mode) == 0o600
    assert boot.unit("tsagent-ready.target")["ActiveState"] == "active"
    assert boot.unit("tsagent-retry.timer")["ActiveState"] == "inactive"
    assert boot["jobs"].strip() == ""
    assert "ordering cycle" not in boot["journal"]


def test_broken_agent_that_is_mended_begins_its_first_boot(machine):
    machine.seed(BASIC)
    machine.write("/bench/limit", "2")
    path = machine.path(nspawn_tree.SITE + "/tsagent")
    os.rename(path, path + ".away")
    machine.boot()
    fallback = machine.contents("/etc/ssh")
    os.rename(path + ".away", path)
    os.unlink(machine.path("/bench/limit"))
    boot = machine.boot()
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert boot["status"]["adopted"] is False
    assert machine.read("/srv/ran") == "ran\n"
    # The keys that stood in are not taken for the image's own, nor for those of a machine in use.
    keys = machine.contents("/etc/ssh")
    assert sorted(boot["host_keys"]) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]
    assert keys["/etc/ssh/ssh_host_ed25519_key"] != fallback["/etc/ssh/ssh_host_ed25519_key"]


def test_broken_network_holds_up_the_final_stage_for_a_time_only(machine):
    """What is to come before network-online.target waits for a user command, which would wait for it."""
    waits = SLOW_ONLINE.replace("systemctl -q is-active ssh.service", "[ -e /srv/ran ]")
    wants(machine, "network-online.target", "slow-online.service", waits)
    nspawn_tree.drop_in(machine.tree, "tsagent-online.target", "soon", "[Unit]\nJobTimeoutSec=4s\n")
    machine.seed(dict(BASIC, runcmd=["echo ran >> /srv/ran"]))
    boot = machine.boot()
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert boot["failed"] == []
    assert machine.read("/srv/ran") == "ran\n"
    assert "tsagent-online.target: Job tsagent-online.target/start timed out" in boot["journal"]
    assert boot["system"] == "running"
