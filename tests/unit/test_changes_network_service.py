"""The running network service is told of files that are newer than its start."""

import os

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.network_service import ReloadNetwork, cards_of
from tsagent.host import Host, Runner

KEYFILE = "/etc/NetworkManager/system-connections/tsagent-%s.nmconnection"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-%s"


def told_to_manager(path, name):
    """What NetworkManager is asked for: the primary card stays up."""
    return [
        "nmcli connection load " + path % "eth0",
        "nmcli device reapply eth0",
        "nmcli connection load " + path % "eth1",
        "nmcli --wait 10 connection up id %s ifname eth1" % name,
    ]


TOLD = {
    ("networkd", "systemd-networkd.service"): ["networkctl reload"],
    ("networkmanager", "NetworkManager.service"): told_to_manager(KEYFILE, "tsagent eth1"),
    ("ifcfg", "NetworkManager.service"): told_to_manager(IFCFG, "System eth1"),
    ("ifcfg", "network.service"): ["ifup eth1"],
}


@pytest.fixture
def world(tmp_path):
    """A host whose tools write down how they were called; `running` is the one unit that is active."""

    class World:
        log = tmp_path / "log"

        def host(self, running):
            tools = tmp_path / "bin"
            tools.mkdir()
            for name in ("networkctl", "nmcli", "ifup"):
                self.tool(tools / name, 'echo "%s $*" >> %s' % (name, self.log))
            self.tool(tools / "systemctl", '[ "$3" = "%s" ]' % running)
            (tmp_path / "root/run/systemd/system").mkdir(parents=True)
            return Host(str(tmp_path / "root"), runner=Runner("%s:%s" % (tools, os.defpath)))

        def tool(self, path, script):
            path.write_text("#!/bin/sh\n%s\n" % script, encoding="utf-8")
            path.chmod(0o755)

    return World()


@pytest.mark.parametrize(("renderer", "service"), sorted(TOLD))
def test_each_service_is_told_in_its_own_way(world, renderer, service):
    host = world.host(service)
    change = ReloadNetwork(renderer, ["eth0", "eth1"], "eth0")
    assert change.probe(host).state == DIFFERS
    assert change.apply(host) == service
    assert world.log.read_text(encoding="utf-8").splitlines() == TOLD[(renderer, service)]


@pytest.mark.parametrize("renderer", ["networkd", "networkmanager", "ifcfg"])
def test_a_service_that_has_not_started_reads_its_files_by_itself(world, renderer):
    assert ReloadNetwork(renderer, ["eth1"]).probe(world.host("other.service")).state == CONVERGED


def test_cards_are_told_by_the_names_of_files():
    names = ["eth0", "eth1", "eth10"]
    assert cards_of(["/etc/systemd/network/10-tsagent-eth1.network"], names) == ["eth1"]
    assert cards_of(["/etc/sysconfig/rule-eth10", "/etc/sysconfig/ifcfg-eth0"], names) == ["eth0", "eth10"]
    assert cards_of(["/etc/systemd/network/10-tsagent-bond0.netdev"], names) == []
