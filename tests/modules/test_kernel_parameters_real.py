"""Kernel parameters on a real kernel: applied and verified in a network namespace of the test's own."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.system import SetSysctl
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

FACTS = {
    "instance": {"type": "S5.LARGE8", "family": "S5", "instance_class": "standard", "source": "metadata"},
    "kernel": {"release": "5.4.241-24.0017.23", "line": "tkernel4"},
    "virtualization": {"kind": "kvm"},
    "memory": {"total_bytes": 8 << 30},
}

INSIDE = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[1] + "/tests/modules")
from test_kernel_parameters_real import run_inside
print("RESULT " + json.dumps(run_inside(sys.argv[2])))
"""


def plan(root, hardware, settings):
    """What the module plans for a tree, and its context."""
    tree = Host("/").root
    host = Host(root, hardware=hardware)
    context = Context("kernel_parameters", settings, Facts.from_data(FACTS), host.root, host.hardware)
    module = load_module(discover(tree, use_cache=False).modules["kernel_parameters"], tree)
    answer = module.plan(context)
    return list(answer), context


def run_inside(root):
    """In the namespace: plan for a tree against the real /proc/sys, apply live what is per namespace."""
    settings = {"kernel_parameters": {"sysctl": {"net.ipv4.tcp_fin_timeout": 33}}}
    changes, context = plan(root, "/", settings)
    live = Host("/")
    changes[0].apply(Host(root))
    own = [
        change
        for change in changes[1:]
        if change.target in ("net.core.somaxconn", "net.ipv4.tcp_fin_timeout")
    ]
    before = [change.probe(live).state for change in own]
    for change in own:
        change.apply(live)
    applied = {}
    for change in own:
        with open(change.file, encoding="utf-8") as stream:
            applied[change.target] = stream.read().split()
    left_out = [item.key for item in context.decisions if item.value is None]
    return {
        "before": before,
        "after": [change.probe(live).state for change in own],
        "applied": applied,
        "left_out": left_out,
    }


def run_script(code, *arguments):
    command = ["unshare", "-n", sys.executable, "-c", code]
    done = subprocess.run(
        command + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
    )
    output = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, output
    return json.loads(output.split("RESULT ", 1)[1].splitlines()[0])


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_values_reach_the_kernel_and_the_file_is_one_sysctl_reads(checkout, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    # A namespace starts with the kernel's default of 4096, which the table's value would not change.
    code = (
        "import subprocess; subprocess.check_call(['sysctl', '-q', '-w', 'net.core.somaxconn=100'])\n"
        + INSIDE
    )
    result = run_script(code, checkout, str(root))
    assert result["before"] == [DIFFERS, DIFFERS]
    assert result["after"] == [CONVERGED, CONVERGED]
    assert result["applied"] == {"net.core.somaxconn": ["4096"], "net.ipv4.tcp_fin_timeout": ["33"]}
    assert "net.ipv4.tcp_tw_recycle" in result["left_out"]  # gone since Linux 4.12
    drop_in = str(root / "etc/sysctl.d/60-tsagent.conf")
    with open(drop_in, encoding="utf-8") as stream:
        own = [line for line in stream if line.startswith(("net.core.somaxconn", "net.ipv4.tcp_fin"))]
    only = tmp_path / "own.conf"
    only.write_text("".join(own), encoding="utf-8")
    said = subprocess.run(["unshare", "-n", "sysctl", "-p", str(only)], stdout=subprocess.PIPE)
    assert said.returncode == 0
    assert said.stdout.decode().splitlines() == ["net.core.somaxconn = 4096", "net.ipv4.tcp_fin_timeout = 33"]


CLAMPED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tsagent.changes.system import SetSysctl
from tsagent.errors import AgentError
from tsagent.host import Host
host = Host("/")
codes = []
tries = [("net.core.rmem_default", "1"), ("net.ipv4.no_such_key", "1")]
for key, value in tries + [("net.ipv4.tcp_rmem", "4096  87380\\t6291456")]:
    try:
        SetSysctl(key, value).apply(host)
        codes.append(SetSysctl(key, value).probe(host).state)
    except AgentError as error:
        codes.append(error.code)
print("RESULT " + json.dumps(codes))
"""


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_a_value_the_kernel_refuses_is_a_failure_and_white_space_is_none(checkout):
    # Some versions of sysctl succeed although the kernel said no: reading back finds it.
    refused, absent, spaced = run_script(CLAMPED, checkout)
    assert refused == "sysctl-not-taken"
    assert absent == "sysctl-not-taken"
    assert spaced == CONVERGED


@pytest.mark.parametrize(
    "key",
    ["../etc/passwd", "net..core", "/etc/passwd", "net.core/../../x", "kernel", "net.core.*", "a b.c", ""],
)
def test_a_key_that_leads_anywhere_else_is_refused(key):
    with pytest.raises(AgentError) as caught:
        SetSysctl(key, 1)
    assert caught.value.code == "bad-sysctl-key"


def test_keys_are_read_as_sysctl_reads_them():
    assert (
        SetSysctl("net.ipv4.conf.eth0/100.rp_filter", 1).file == "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"
    )
    assert (
        SetSysctl("net/ipv4/conf/eth0.100/rp_filter", 1).file == "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"
    )


@pytest.mark.parametrize("value", ["1\nkernel.sysrq = 1", "", "  ", "1\x00"])
def test_a_value_that_is_no_line_is_refused(tmp_path, value):
    with pytest.raises(AgentError) as caught:
        plan(str(tmp_path), None, {"kernel_parameters": {"sysctl": {"vm.swappiness": value}}})
    assert caught.value.code == "bad-sysctl-value"


def test_planning_again_after_applying_gives_the_same_file(tmp_path):
    """A value that is only ever raised stays in the file once it is in force."""
    hardware = tmp_path / "hardware"
    (hardware / "proc/sys/net/core").mkdir(parents=True)
    current = hardware / "proc/sys/net/core/somaxconn"
    current.write_text("128\n", encoding="utf-8")
    first, _ = plan(str(tmp_path), str(hardware), {})
    current.write_text("4096\n", encoding="utf-8")
    second, _ = plan(str(tmp_path), str(hardware), {})
    assert b"net.core.somaxconn = 4096" in first[0].content
    assert first[0].content == second[0].content
