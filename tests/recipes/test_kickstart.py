"""Kickstart: valid for each distribution; its %post run in a tree, with a repository of files."""

import os
import shutil

import nspawn_tree
import pytest
from conftest import CHECKOUT, install, is_an_image
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

FILE = os.path.join(CHECKOUT, "packaging/recipes/kickstart/tsagent.ks")
SPEC = """\
Name: tsagent
Version: 1
Release: 1
Summary: A stand-in
License: Apache-2.0
BuildArch: noarch
%description
The agent itself is in the tree already: no repository of RPM distributions can be reached here.
%files
"""


def parse(version):
    """The file as anaconda of a distribution reads it. Raises KickstartError."""
    parser = KickstartParser(makeVersion(version))
    parser.readKickstart(FILE)
    return parser.handler


@pytest.mark.parametrize("version", ["RHEL7", "RHEL8", "RHEL9"])
def test_valid(version):
    handler = parse(version)
    assert "-cloud-init" not in handler.packages.packageList
    assert "cloud-init" in handler.packages.excludedList


def test_post_makes_an_image(work, deb, tree):
    (script,) = [script for script in parse("RHEL9").scripts if script.type == 1]
    assert script.errorOnFail
    machine = tree(nspawn_tree.base_tree(packages=nspawn_tree.PACKAGES + ",dnf,rpm"))
    install(machine, deb)
    top = os.path.join(work, "rpm")
    nspawn_tree.write(top, "/tsagent.spec", SPEC)
    nspawn_tree.run(["rpmbuild", "-bb", "--quiet", "--define", "_topdir " + top, top + "/tsagent.spec"])
    repository = os.path.join(machine, "srv/repository")
    shutil.copytree(top + "/RPMS/noarch", repository)
    nspawn_tree.run(["createrepo_c", "--quiet", repository])
    text = script.script.replace("https://repository.example.com/tsagent/tl4/", "file:///srv/repository")
    assert "file:///srv/repository" in text
    text = text.replace("gpgcheck=1", "gpgcheck=0")  # nobody signed the stand-in
    for name in ("tsagent-post.log", "anaconda-ks.cfg"):
        nspawn_tree.write(machine, "/root/" + name, "x")
    os.makedirs(machine + "/etc/yum.repos.d", exist_ok=True)  # which every RPM distribution has
    nspawn_tree.write(machine, "/root/post.sh", text)
    nspawn_tree.run(["chroot", machine, script.interp, "/root/post.sh"], env=nspawn_tree.QUIET)
    listed = nspawn_tree.run(["rpm", "--root", machine, "-q", "tsagent"])
    assert listed.strip() == "tsagent-1-1.noarch"
    is_an_image(machine)
    assert not os.path.exists(machine + "/root/anaconda-ks.cfg")
