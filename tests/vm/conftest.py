"""Machines to boot: an image with the agent in it, made once a run, and copies of it."""

import json
import os
import tempfile

import nspawn_tree
import pytest
import qemu
import qemu_tree
from nspawn import Machine


@pytest.fixture(scope="session")
def work():
    """A directory on the file system of the cached tree; it goes with all that is in it.

    With TSAGENT_VM_KEEP in the environment it stays.
    """
    directory = tempfile.mkdtemp(prefix="work-", dir=nspawn_tree.cache())
    yield directory
    if not os.environ.get("TSAGENT_VM_KEEP"):
        nspawn_tree.remove(directory)


@pytest.fixture(scope="session")
def package(work):
    """The agent's Debian package."""
    return nspawn_tree.build_package(work)


@pytest.fixture(scope="session")
def used_tree(work, package):
    """A tree as a machine in use has it: the agent installed, the distribution's host keys still there."""
    tree = nspawn_tree.copy(nspawn_tree.base_tree(), os.path.join(work, "used"))
    nspawn_tree.install_agent(tree, package)
    return tree


@pytest.fixture(scope="session")
def image_tree(work, used_tree):
    """The same as an image: cleaned, never booted."""
    tree = nspawn_tree.copy(used_tree, os.path.join(work, "image"))
    nspawn_tree.clean(tree)
    return tree


def _image(work, package, name, *of):
    tree = nspawn_tree.copy(nspawn_tree.base_tree(*of), os.path.join(work, name))
    nspawn_tree.install_agent(tree, package)
    nspawn_tree.clean(tree)
    return tree


@pytest.fixture(scope="session")
def trixie_image(work, package):
    """An image of Debian 13."""
    return _image(work, package, "trixie", "trixie")


@pytest.fixture(scope="session")
def both_image(work, package):
    """An image with cloud-init in it, too."""
    return _image(work, package, "both", nspawn_tree.SUITE, nspawn_tree.PACKAGES + ",cloud-init")


@pytest.fixture
def make_machine(work):
    """Makes machines of a tree; they are removed after the test."""
    machines = []

    def make(tree):
        target = os.path.join(work, "machine%d" % len(machines))
        machines.append(Machine(nspawn_tree.copy(tree, target)))
        return machines[-1]

    yield make
    for machine in machines:
        machine.remove()


@pytest.fixture
def machine(make_machine, image_tree):
    """A machine of the image, before its first boot."""
    return make_machine(image_tree)


@pytest.fixture(scope="session")
def key(work):
    """A private key's path; the metadata service gives out the public one."""
    return qemu.make_key(work)


@pytest.fixture(scope="session")
def qemu_image(work):
    """A disk image with the agent in it, cleaned, never booted."""
    return qemu_tree.agent_image(work)


@pytest.fixture(scope="module")
def new_cloud(work, key):
    """Starts metadata services, each with a name and a cloud-config; they end with the tests of the file."""
    clouds = []

    def new(name, config, **options):
        folder = os.path.join(work, "cloud-" + name)
        clouds.append(qemu.Cloud(folder, key, "#cloud-config\n" + json.dumps(config), **options))
        return clouds[-1]

    yield new
    for cloud in clouds:
        cloud.close()


@pytest.fixture(scope="module")
def new_machine(work, qemu_image):
    """Makes QEMU machines, each with a name and a metadata service; none outlives the tests of the file."""
    machines = []

    def new(name, cloud):
        machines.append(qemu.Machine(qemu_image, os.path.join(work, "machine-" + name), cloud))
        return machines[-1]

    yield new
    for machine in machines:
        machine.cut_power()
