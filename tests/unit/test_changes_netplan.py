"""netplan at the first boot: files are written for the service behind it, which is started if nobody does."""

import os

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.netplan import GenerateNetplan
from tsagent.host import Host, Runner
from tsagent.host.process import CommandFailed


@pytest.fixture
def world(tmp_path):
    """A host whose tools write down how they were called; `netplan` leaves one file with this name."""

    def make(generated, enabled=True, status=0):
        tools, root, log = tmp_path / "bin", tmp_path / "root", tmp_path / "log"
        for folder in (tools, root / "run/systemd/system", root / "run/systemd/network"):
            folder.mkdir(parents=True)
        scripts = {
            "netplan": "echo netplan $* >> %s; touch %s/run/systemd/network/%s; exit %d"
            % (log, root, generated, status),
            "systemctl": "echo systemctl $* >> %s; [ $1 != is-enabled ] || exit %d" % (log, not enabled),
        }
        for name, script in scripts.items():
            (tools / name).write_text("#!/bin/sh\n%s\n" % script, encoding="utf-8")
            (tools / name).chmod(0o755)
        host = Host(str(root), runner=Runner("%s:%s" % (tools, os.defpath)))
        return host, lambda: log.read_text(encoding="utf-8").splitlines()

    return make


ASKED = "systemctl is-enabled --quiet systemd-networkd.service"
STARTED = ["systemctl daemon-reload", "systemctl --no-block start systemd-networkd.service"]


@pytest.mark.parametrize(
    ("generated", "enabled", "told"),
    [
        ("10-netplan-eth0.network", True, [ASKED]),
        ("10-netplan-eth0.network", False, [ASKED] + STARTED),
        ("10-tsagent-eth0.link", False, []),  # NetworkManager is behind it
    ],
)
def test_netplan_is_asked_and_its_service_is_started_where_nothing_else_would(
    world, generated, enabled, told
):
    host, log = world(generated, enabled)
    change = GenerateNetplan()
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert log() == ["netplan generate"] + told


def test_what_netplan_refuses_is_an_error(world):
    host, log = world("10-netplan-eth0.network", status=1)
    with pytest.raises(CommandFailed):
        GenerateNetplan().apply(host)
    assert log() == ["netplan generate"]


def test_without_netplan_there_is_nothing_to_do(tmp_path):
    host = Host(str(tmp_path), runner=Runner(str(tmp_path)))
    assert GenerateNetplan().probe(host).state == CONVERGED
