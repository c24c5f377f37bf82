"""WireGuard with the real wg-quick and systemctl: the file it reads, the unit that boots it."""

import os
import stat
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Clock, Host, Runner
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover, load_schemas
from tsagent.registry.loading import load_module
from tsagent.userdata.validation import validate

UNIT = "[Unit]\nDescription=%I\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


class Hurried(Clock):
    """A clock on which waiting takes no time."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def plan(host, settings):
    module = load_module(discover(Host("/").root, use_cache=False).modules["wireguard"], Host("/").root)
    facts = Facts.from_data({"os": {"family": "debian", "package_manager": "apt"}})
    context = Context("wireguard", {"wireguard": settings}, facts, host.root, host.hardware)
    return list(module.plan(context))


@pytest.fixture
def tools(scratch_root):
    (scratch_root / "usr/bin").mkdir(parents=True)
    (scratch_root / "usr/bin/wg-quick").write_text("")
    units = scratch_root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / "wg-quick@.service").write_text(UNIT)
    return scratch_root


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="wg-quick is root's")
def test_wg_quick_reads_the_file_and_the_unit_is_enabled(tools):
    key = subprocess.check_output(["wg", "genkey"]).decode().strip()
    peer = subprocess.check_output(["wg", "pubkey"], input=key.encode()).decode().strip()
    text = "[Interface]\nPrivateKey = %s\nAddress = 10.99.0.2/32\n[Peer]\nPublicKey = %s\n" % (key, peer)
    host = Host(str(tools), commands="skip")
    settings = {"interfaces": [{"name": "wg0", "content": text + "AllowedIPs = 10.99.0.0/24"}]}
    for change in plan(host, settings):
        if not change.needs_live:
            assert change.probe(host).state == DIFFERS
            assert key not in " ".join([change.describe(), str(change.payload())] + change.detail(host))
            change.apply(host)
    assert {change.probe(host).state for change in plan(host, settings)[:2]} == {CONVERGED}
    path = tools / "etc/wireguard/wg0.conf"
    assert stat.S_IMODE(os.stat(str(path)).st_mode) == 0o600
    understood = subprocess.check_output(["wg-quick", "strip", str(path)]).decode()
    assert "PrivateKey = " + key in understood and "AllowedIPs = 10.99.0.0/24" in understood
    assert "Address" not in understood  # that one is wg-quick's own
    link = tools / "etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"
    assert os.readlink(str(link)).endswith("/usr/lib/systemd/system/wg-quick@.service")


@pytest.mark.parametrize("state, fails", [("active", False), ("failed", True)])
def test_a_tunnel_that_stays_down_is_told(tools, tmp_path, state, fails):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text("#!/bin/sh\necho %s\n" % state)
    (programs / "systemctl").chmod(0o755)
    host = Host(str(tools), runner=Runner("%s:/usr/bin:/bin" % programs), clock=Hurried())
    changes = plan(host, {"interfaces": [{"name": "wg0", "content": "x"}], "readinessprobe": ["true"]})
    (up,) = [change for change in changes if change.type == "verify"]
    assert up in changes[-1].requires  # the user's tests come after
    if not fails:
        up.apply(host)
        return
    with pytest.raises(AgentError) as caught:
        up.apply(host)
    assert caught.value.code == "tunnel-down" and "it is failed" in str(caught.value)


@pytest.mark.parametrize(
    "value, valid",
    [
        (None, True),
        ({"interfaces": [{"name": "wg0", "config_path": "/etc/wireguard/wg0.conf", "content": "x"}]}, True),
        ({"interfaces": [{"name": "wg0"}], "readinessprobe": ["true"]}, True),
        ({"interfaces": []}, False),
        ({"readinessprobe": ["true"]}, False),
        ({"interfaces": [{"nam": "wg0"}]}, False),
        ({"interfaces": [{"name": 0}]}, False),
        ({"interfaces": [{"name": "wg0"}], "readinessprobe": ["true", "true"]}, False),
        ({"interfaces": [{"name": "wg0"}], "readinessprobe": ["true", 1]}, False),
        ("wg0", False),
        ({}, False),
    ],
)
def test_verdicts(value, valid):
    modules = discover(Host("/").root, use_cache=False).modules
    schemas = load_schemas(Host("/"), {"wireguard": modules["wireguard"]})
    found = [item for item in validate({"wireguard": value}, None, schemas) if item.severity == "error"]
    assert bool(found) != valid, found
    assert all("PrivateKey" not in str(item.message) for item in found)
