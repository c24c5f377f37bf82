"""Packer: the recipe's provisioners over ssh, against a machine in the middle of its first boot."""

import contextlib
import os
import signal
import subprocess
import time

import nspawn_tree
import pytest
from conftest import call, install, is_an_image
from nspawn import Machine

LIMIT = 240  # seconds until the machine's sshd answers


@contextlib.contextmanager
def booted(tree):
    """A machine that stays up: the process id of its init. Nothing of it is left afterwards."""
    machine = Machine(tree)
    os.makedirs(machine.path("/bench"), exist_ok=True)
    with open(machine.path("/bench/console"), "wb") as console:
        process = subprocess.Popen(
            machine._command(), stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
            start_new_session=True, env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"),
        )  # fmt: skip
    try:
        yield _init_of(process)
    finally:
        machine._power_off(process)


def _init_of(process):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, "the machine has ended"
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="ascii") as file:
            for pid in file.read().split():
                with contextlib.suppress(OSError), open("/proc/%s/comm" % pid, encoding="ascii") as comm:
                    if comm.read().strip() == "systemd":
                        return pid
        time.sleep(0.1)
    raise AssertionError("no init")


def halt(init):
    """Power off as a person would; the machine's own systemd ends it."""
    os.kill(int(init), signal.SIGRTMIN + 4)
    deadline = time.monotonic() + 60
    while os.path.exists("/proc/" + init) and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.fixture
def builder(work, deb, recipe, tree):
    """(recipe's directory, machine's tree, Packer's command line)."""
    directory = recipe("packer")
    nspawn_tree.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/builder.key"])
    with open(directory + "/builder.key.pub", encoding="ascii") as file:
        public = file.read().strip()
    with open(directory + "/seed/user-data", encoding="utf-8") as file:
        user_data = file.read()
    lines = [line for line in user_data.splitlines() if "ssh-ed25519" in line]
    assert len(lines) == 1
    user_data = user_data.replace(lines[0].strip(), "- " + public)
    machine = tree(nspawn_tree.base_tree())
    install(machine, deb)
    # It has no network here, and would wait for one, for two minutes.
    nspawn_tree.write(machine, "/etc/systemd/system-preset/10-bench.preset", "disable systemd-networkd*\n")
    nspawn_tree.clean(machine)
    words = ["packer", "build", "-only=null.machine", "-var", "package=" + deb]

    def seed(more):
        nspawn_tree.write(machine, "/var/lib/cloud/seed/nocloud/user-data", user_data + more)
        nspawn_tree.write(machine, "/var/lib/cloud/seed/nocloud/meta-data", "instance-id: builder\n")

    return directory, machine, words, seed


def build(init, words, directory):
    environment = dict(os.environ, PACKER_NO_COLOR="1", CHECKPOINT_DISABLE="1")
    return call(["nsenter", "--target", init, "--net", "--"] + words + ["."], cwd=directory, env=environment)


def test_recipe_is_in_packers_own_form_and_valid(recipe, deb):
    directory = recipe("packer")
    nspawn_tree.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/builder.key"])
    done = call(["packer", "fmt", "-check", "."], cwd=directory)
    assert done.returncode == 0, done.stdout
    words = ["packer", "validate", "-var", "package=" + deb, "-var", "base_image=/dev/null", "."]
    done = call(words, cwd=directory)
    assert done.returncode == 0, done.stdout


def test_provisioners_wait_for_the_first_boot_and_leave_an_image(builder):
    directory, machine, words, seed = builder
    # Still at work when Packer comes: what follows the wait must find it done.
    seed("runcmd: [sleep 15, touch /srv/done]\n")
    with booted(machine) as init:
        done = build(init, words, directory)
        assert done.returncode == 0, done.stdout[-6000:]
        assert "stage final: done" in done.stdout and os.path.exists(machine + "/srv/done")
        halt(init)
    is_an_image(machine)
    assert not os.path.exists(machine + "/home/builder/.ssh/authorized_keys")
    assert [name for name in os.listdir(machine + "/var/tmp") if "tsagent" in name] == []


@pytest.mark.parametrize("accept, code", [("true", 0), ("false", 1)])
def test_degraded_goes_on_only_where_that_is_accepted(builder, accept, code):
    directory, machine, words, seed = builder
    seed("no_such_key: 1\n")
    with booted(machine) as init:
        done = build(init, words + ["-var", "accept_degraded=" + accept], directory)
        assert done.returncode == code, done.stdout[-6000:]
        assert "state: degraded" in done.stdout
        halt(init)
    assert os.path.exists(machine + "/var/lib/tsagent/clean") == (code == 0)


def test_a_failed_first_boot_fails_the_build(builder):
    directory, machine, words, seed = builder
    seed("runcmd: [exit 3]\n")
    with booted(machine) as init:
        done = build(init, words, directory)
        assert done.returncode == 1 and "state: error" in done.stdout
        halt(init)
    assert not os.path.exists(machine + "/var/lib/tsagent/clean")
