"""The Debian packages, installed, upgraded, removed and purged by the apt of Debian 12 and of Debian 13."""

import os
import shutil
import subprocess

import pytest
from builder import LATER, checkout_data, run
from installed import (
    Recorder,
    assert_bytecode_is_valid,
    assert_enabled,
    assert_validators_are_complete,
    difference,
    inside,
    leave_traces,
    snapshot,
)

SITE = "/usr/lib/python3/dist-packages"
# The package manager's own, and what makes the tree a system that runs.
BOOKS = (
    "/run/systemd",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/apt",
    "/var/cache/debconf",
    "/var/log/apt",
    "/var/log/dpkg.log",
    "/dev",
)
# What may be asked of systemctl: nothing that starts or stops a unit.
QUIET = {"preset", "daemon-reload"}


@pytest.fixture(params=["bookworm", "trixie"])
def system(request, debian):
    """A tree of one Debian release."""
    return System(debian(request.param))


class System:
    def __init__(self, tree):
        self.tree = tree

    def apt(self, *words):
        return inside(self.tree, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *words)

    def install(self, folder, *names):
        """apt-get install of files; its own resolver sees to what they depend on."""
        os.makedirs(self.tree + "/packages")
        for name in os.listdir(folder):
            shutil.copy(os.path.join(folder, name), self.tree + "/packages")
        try:
            files = [self.file(name) for name in names]
            return self.apt("install", "--no-install-recommends", "--allow-downgrades", *files)
        finally:
            shutil.rmtree(self.tree + "/packages")

    def file(self, name):
        (found,) = [entry for entry in os.listdir(self.tree + "/packages") if entry.startswith(name + "_")]
        return "/packages/" + found

    def verify(self, name):
        """What `dpkg -V` says; its status is of no interest."""
        done = subprocess.run(["chroot", self.tree, "dpkg", "-V", name], stdout=subprocess.PIPE, timeout=60)
        return done.stdout.decode("utf-8").splitlines()

    def python(self):
        return ["chroot", self.tree, "/usr/bin/python3"]


def test_installed_upgraded_removed_purged(system, debs, later_debs):
    before = snapshot(system.tree, BOOKS)
    recorder = Recorder(system.tree)
    system.install(debs, "tsagent")
    # Nothing is started on the machine that it comes to.
    assert recorder.end() <= QUIET
    assert system.verify("tsagent") == []
    assert_enabled(system.tree)
    assert_bytecode_is_valid(system.python(), SITE)
    assert_validators_are_complete(system.python(), SITE)
    with open(system.tree + "/usr/bin/tsagent", encoding="utf-8") as file:
        assert file.readline() == "#!/usr/bin/python3 -I\n"
    assert inside(system.tree, "tsagent", "--version").startswith("tsagent ")
    assert "kernel_parameters" in inside(system.tree, "tsagent", "modules")
    for path in checkout_data():
        assert os.path.exists(system.tree + os.path.join(SITE, "tsagent", path)), path

    # A boot leaves its state, and the administrator decides otherwise.
    leave_traces(system.tree)
    with open(system.tree + "/etc/tsagent/agent.yaml", "a", encoding="utf-8") as file:
        file.write("sources: [nocloud]\n")
    run(["systemctl", "--root", system.tree, "disable", "tsagent-final.service"])

    recorder = Recorder(system.tree)
    system.install(later_debs, "tsagent")
    assert recorder.end() <= QUIET
    assert LATER in inside(system.tree, "dpkg-query", "--show", "tsagent")
    with open(system.tree + "/etc/tsagent/agent.yaml", encoding="utf-8") as file:
        assert file.read().endswith("sources: [nocloud]\n")
    assert os.path.exists(system.tree + "/var/lib/tsagent/instances/i-1/journal.jsonl")
    links = os.listdir(system.tree + "/etc/systemd/system/multi-user.target.wants")
    assert "tsagent-local.service" in links and "tsagent-final.service" not in links
    assert_bytecode_is_valid(system.python(), SITE)

    recorder = Recorder(system.tree)
    system.apt("remove", "tsagent")
    assert recorder.end() <= QUIET
    assert not os.path.exists(system.tree + SITE + "/tsagent")
    # A removal keeps configuration and state, as Debian does.
    assert os.path.exists(system.tree + "/etc/tsagent/agent.yaml")
    assert os.path.exists(system.tree + "/var/lib/tsagent/instances/i-1/journal.jsonl")

    system.apt("purge", "tsagent")
    assert difference(before, snapshot(system.tree, BOOKS)) == []


def test_cloud_inits_command_is_a_package_of_its_own(system, debs):
    system.install(debs, "tsagent")
    before = snapshot(system.tree, BOOKS)
    assert not os.path.exists(system.tree + "/usr/bin/cloud-init")
    system.install(debs, "tsagent-cloud-init-compat")
    assert system.verify("tsagent-cloud-init-compat") == []
    assert_enabled(system.tree, "compat")
    assert "tsagent" in inside(system.tree, "cloud-init", "--version")
    os.makedirs(system.tree + "/var/lib/cloud")
    os.symlink("/run/cloud-init/instance", system.tree + "/var/lib/cloud/instance")
    system.apt("purge", "tsagent-cloud-init-compat")
    assert difference(before, snapshot(system.tree, BOOKS)) == []
