"""The packages, built once, and trees to install them into.

The trees are Debian's, of the cache that the tests of whole boots use. For RPM packages such a tree stands in
for the distribution: what they require is provided by a stub package; the shell and the systemctl that they
call are real.
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
for folder in (HERE, os.path.join(CHECKOUT, "tests", "vm")):
    sys.path.insert(0, folder)

import nspawn_tree  # noqa: E402 (of tests/vm)
from builder import LATER, build_deb, build_rpm, run  # noqa: E402


@pytest.fixture(scope="session")
def rpms(tmp_path_factory):
    """The folder of the RPM packages of this checkout."""
    return build_rpm(tmp_path_factory.mktemp("rpm"))


@pytest.fixture(scope="session")
def later_rpms(tmp_path_factory):
    """The folder of the same packages, of a later version."""
    return build_rpm(tmp_path_factory.mktemp("rpm-later"), "--version", LATER)


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The folder of the Debian packages of this checkout."""
    return build_deb(tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="session")
def later_debs(tmp_path_factory):
    """The folder of the same packages, of a later version."""
    return build_deb(tmp_path_factory.mktemp("deb-later"), "--version", LATER)


@pytest.fixture
def debian(tmp_path):
    """A function: suite -> a tree of it, of this test's own.

    A copy-on-write view of the cached tree. `make package-test` gives the tests a mount namespace of their
    own, so that no mount outlives them.
    """
    if os.geteuid() != 0:
        pytest.fail("installing into a tree needs root")
    mounted = []

    def make(suite):
        folders = {name: str(tmp_path / suite / name) for name in ("upper", "work", "tree")}
        for path in folders.values():
            os.makedirs(path)
        folders["lower"] = nspawn_tree.base_tree(suite)
        options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**folders)
        run(["mount", "-t", "overlay", "-o", options, "tsagent-test", folders["tree"]])
        mounted.append(folders["tree"])
        return folders["tree"]

    yield make
    for tree in mounted:
        run(["umount", tree])
        nspawn_tree.remove(os.path.dirname(tree))
