"""The recipes of packaging/recipes, each run for real: packages built here, Debian trees, real tools."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECIPES = os.path.join(CHECKOUT, "packaging", "recipes")
sys.path.insert(0, os.path.join(CHECKOUT, "tests", "vm"))

import nspawn_tree  # noqa: E402 (beside the machines that boot)
from nspawn import Machine  # noqa: E402

SUITE_OF_MKOSI = "trixie"  # Debian 12's own is older than the configuration of today's


@pytest.fixture(scope="session")
def work():
    """A directory that goes with all that is in it."""
    directory = tempfile.mkdtemp(prefix="recipes-", dir=nspawn_tree.cache())
    yield directory
    nspawn_tree.remove(directory)


@pytest.fixture(scope="session")
def deb(work):
    """The package file of the agent, built from this checkout."""
    output = os.path.join(work, "dist")
    nspawn_tree.run(
        ["/usr/bin/python3", os.path.join(CHECKOUT, "packaging/deb/build.py"), "--output", output], limit=300
    )
    return next(os.path.join(output, name) for name in os.listdir(output) if name.startswith("tsagent_"))


@pytest.fixture
def recipe(work):
    """Makes a copy of a recipe to work in."""
    copies = []

    def make(name):
        copies.append(os.path.join(work, name))
        shutil.copytree(os.path.join(RECIPES, name), copies[-1])
        return copies[-1]

    yield make
    for path in copies:
        nspawn_tree.remove(path)


@pytest.fixture
def tree(work):
    """Makes a copy of a tree; it goes after the test."""
    copies = []

    def make(source):
        copies.append(os.path.join(work, "tree%d" % len(copies)))
        return nspawn_tree.copy(source, copies[-1])

    yield make
    for path in copies:
        nspawn_tree.remove(path)


def install(tree, deb):
    """The package as dpkg installs it in an image; no service is started here."""
    nspawn_tree.write(tree, "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    shutil.copy(deb, os.path.join(tree, "var/tmp/tsagent.deb"))
    nspawn_tree.run(["chroot", tree, "dpkg", "-i", "/var/tmp/tsagent.deb"], env=nspawn_tree.QUIET)
    for name in ("usr/sbin/policy-rc.d", "var/tmp/tsagent.deb"):
        os.unlink(os.path.join(tree, name))


def machine_of(tree):
    """A tree as a machine that tells how its boot went."""
    nspawn_tree.write(tree, "/etc/systemd/system/bench-collect.service", nspawn_tree.COLLECT_UNIT)
    nspawn_tree.write(tree, "/etc/systemd/system-preset/10-bench.preset", nspawn_tree.PRESET)
    with open(nspawn_tree.COLLECTOR, encoding="utf-8") as file:
        nspawn_tree.write(tree, "/bench/collect.py", file.read())
    os.symlink("/usr/bin/" + os.readlink(os.path.join(tree, "usr/bin/python3")), tree + "/bench/python3")
    nspawn_tree.run(["systemctl", "--root", tree, "enable", "bench-collect.service"])
    # It has no network here, and would wait for one, for two minutes.
    for unit in ("systemd-networkd.service", "systemd-networkd-wait-online.service", "ssh.socket"):
        nspawn_tree.run(["systemctl", "--root", tree, "disable", unit])
    return Machine(tree)


def download(work, name, suite=None):
    """The .deb of a package: of this machine's Debian, or of another suite of the same mirror."""
    target = os.path.join(work, "downloaded-" + name)
    os.makedirs(target)
    options = ["-o", "APT::Sandbox::User=root"]
    if suite is not None:
        lists = os.path.join(work, "apt-" + suite)
        for folder in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(lists, folder), exist_ok=True)
        sources = os.path.join(lists, "debian.sources")
        with open(sources, "w", encoding="ascii") as file:
            file.write(source(suite))
        options += ["-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=/dev/null"]
        options += ["-o", "Dir::State::lists=%s/lists" % lists, "-o", "Dir::Cache=%s/cache" % lists]
        nspawn_tree.run(["apt-get", "-q"] + options + ["update"], limit=300)
    nspawn_tree.run(["apt-get", "-q"] + options + ["download", name], limit=300, cwd=target)
    (file,) = os.listdir(target)
    return os.path.join(target, file)


def source(*suites):
    """A sources.list(5) entry of this machine's mirror."""
    mirror = os.environ.get("TSAGENT_VM_MIRROR") or nspawn_tree.mirror()
    return (
        "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n" % (mirror, " ".join(suites))
    )


def is_an_image(tree):
    """What a cleaned tree looks like."""
    assert os.path.exists(os.path.join(tree, "var/lib/tsagent/clean"))
    # `code`: the code of a boot in one file, which is of the image and of no machine.
    assert set(os.listdir(os.path.join(tree, "var/lib/tsagent"))) <= {"clean", "code"}
    assert not [name for name in os.listdir(os.path.join(tree, "etc/ssh")) if name.startswith("ssh_host_")]
    with open(os.path.join(tree, "etc/machine-id"), encoding="ascii") as file:
        assert file.read() == "uninitialized\n"
    assert not os.path.exists(os.path.join(tree, "var/log/tsagent.log"))
    assert os.path.exists(os.path.join(tree, "etc/tsagent/agent.d/10-image.yaml"))


def call(argv, limit=600, **options):
    """Run to the end; the process, with its output as text."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=limit,
        **options,
    )
