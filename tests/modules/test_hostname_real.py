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


def test_the_tree_gets_its_name_and_hosts_line(scratch_root):
    (scratch_root / "etc/hosts").write_text("# mine\n127.0.0.1 localhost\n10.0.0.9 db # 127.0.1.1\n")
    settings = {"fqdn": "web.example.com", "manage_etc_hosts": True}
    changes, host = plan(scratch_root, settings)
    for change in changes:
        if not change.needs_live:
            assert change.probe(host).state == DIFFERS
            change.apply(host)
    assert (scratch_root / "etc/hostname").read_text(encoding="utf-8") == "web.example.com\n"
    lines = "# mine\n127.0.0.1 localhost\n127.0.1.1 web.example.com web\n10.0.0.9 db # 127.0.1.1\n"
    assert (scratch_root / "etc/hosts").read_text(encoding="utf-8") == lines
    again, host = plan(scratch_root, settings)
    assert {change.probe(host).state for change in again if not change.needs_live} == {CONVERGED}
    renamed, host = plan(scratch_root, dict(settings, fqdn="www.example.org"))
    renamed[-1].apply(host)
    expected = lines.replace("web.example.com web", "www.example.org www")
    assert (scratch_root / "etc/hosts").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    "before, after",
    [
        (None, "127.0.0.1 localhost\n127.0.1.1 web\n::1 localhost\n"),
        (b"", "127.0.1.1 web\n"),
        (b"127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.1.1 web\n"),
        (b"127.0.1.1 old\n10.0.0.1 a\n127.0.1.1 older\n", "127.0.1.1 web\n10.0.0.1 a\n"),
        (b"127.0.1.1\tweb # mine\n", "127.0.1.1\tweb # mine\n"),
    ],
)
def test_hosts_line(before, after):
    edit = load().with_own_line
    assert edit(before, "127.0.1.1 web").decode() == after
    assert edit(edit(before, "127.0.1.1 web"), "127.0.1.1 web").decode() == after


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
