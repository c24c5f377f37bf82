"""Machines to boot: an image with the agent in it, made once a run, and copies of it."""

import os
import tempfile

import nspawn_tree
import pytest
from nspawn import Machine


@pytest.fixture(scope="session")
def work():
    """A directory on the file system of the cached tree; it goes with all that is in it."""
    directory = tempfile.mkdtemp(prefix="work-", dir=nspawn_tree.cache())
    yield directory
    nspawn_tree.remove(directory)


@pytest.fixture(scope="session")
def used_tree(work):
    """A tree as a machine in use has it: the agent installed, the distribution's host keys still there."""
    tree = nspawn_tree.copy(nspawn_tree.base_tree(), os.path.join(work, "used"))
    nspawn_tree.install_agent(tree, nspawn_tree.build_wheel(work))
    return tree


@pytest.fixture(scope="session")
def image_tree(work, used_tree):
    """The same as an image: cleaned, never booted."""
    tree = nspawn_tree.copy(used_tree, os.path.join(work, "image"))
    nspawn_tree.clean(tree)
    return tree


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
