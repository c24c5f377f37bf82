"""The host name on a real kernel (in a UTS namespace of its own) and in a real tree."""

import os
import subprocess
import sys

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module


def load():
    tree = Host("/").root
    return load_module(discover(tree, use_cache=False).modules["hostname"], tree)


def plan(root, settings):
    host = Host(str(root), commands="skip")
    facts = Facts.from_data({"os": {"family": "el8"}})
    return list(load().plan(Context("hostname", settings, facts, host.root, host.hardware))), host


def test_the_tree_gets_its_name(scratch_root):
    settings = {"fqdn": "web.example.com"}
    changes, host = plan(scratch_root, settings)
    for change in changes:
        if not change.needs_live:
            assert change.probe(host).state == DIFFERS
            change.apply(host)
    assert (scratch_root / "etc/hostname").read_text(encoding="utf-8") == "web.example.com\n"
    again, host = plan(scratch_root, settings)
    assert {change.probe(host).state for change in again if not change.needs_live} == {CONVERGED}


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="a UTS namespace needs root")
def test_the_kernel_takes_the_name(checkout):
    program = """
import os, sys
sys.path.insert(0, sys.argv[1])
from tsagent.changes.system import SetHostname
from tsagent.host import Host
host = Host("/")
change = SetHostname("web.example.com")
print(change.probe(host).state)
change.apply(host)
print(change.probe(host).state, os.uname().nodename)
"""
    before = os.uname().nodename
    text = subprocess.check_output(["unshare", "--uts", sys.executable, "-c", program, checkout])
    assert text.decode().split() == ["differs", "converged", "web.example.com"]
    assert os.uname().nodename == before
