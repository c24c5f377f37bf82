"""The network of a whole boot: systemd-networkd alone, and netplan in front of it.

make vm-test ARGS="-k nspawn_network"
"""

import json
import os

import nspawn_tree
import pytest
from boots import ended_well

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]
NETWORK = {
    "version": 2,
    "ethernets": {
        "host0": {
            "addresses": ["10.99.0.5/24"],
            "accept-ra": False,
            "routes": [{"to": "default", "via": "10.99.0.1"}],
        },
        # It has no carrier, ever.
        "card1": {"dhcp4": True, "optional": True},
    },
}
WAITS = "systemd-networkd-wait-online.service"


def start(make_machine, tree, enabled):
    machine = make_machine(tree)
    # One card on a bridge of nspawn's own, which is up; the other one's end is down.
    machine.options = ["--network-zone=t%d" % os.getpid(), "--network-veth-extra=t%d:card1" % os.getpid()]
    for name in ("systemd-networkd.service", WAITS):
        nspawn_tree.run(["systemctl", "--root", machine.tree, "enable" if enabled else "disable", name])
    machine.write(
        "/etc/systemd/system-preset/05-network.preset", "disable systemd-networkd*\n" * (not enabled)
    )
    machine.seed({})
    machine.write("/var/lib/cloud/seed/nocloud/network-config", json.dumps(NETWORK))
    machine.ask(
        addresses=["ip", "-j", "addr"],
        routes=["ip", "-j", "route"],
        cards=["networkctl", "list"],
        files=["ls", "/etc/systemd/network", "/etc/netplan", "/run/systemd/network"],
        wait=["systemctl", "show", "-p", "Result,ActiveState", WAITS],
    )
    return machine


def seen(boot):
    ended_well(boot)
    found = {item["ifname"]: item for item in json.loads(boot["extra"]["addresses"][1])}
    held = [item["local"] for item in found["host0"]["addr_info"] if item["family"] == "inet"]
    assert held == ["10.99.0.5"], boot["extra"]
    assert [
        item["gateway"] for item in json.loads(boot["extra"]["routes"][1]) if item["dst"] == "default"
    ] == ["10.99.0.1"]
    assert "NO-CARRIER" in found["card1"]["flags"]


def test_a_card_without_a_carrier_holds_up_nobody(make_machine, image_tree):
    machine = start(make_machine, image_tree, True)
    boot = machine.boot()
    seen(boot)
    assert "10-tsagent-host0.network" in boot["extra"]["files"][1]
    assert boot["extra"]["wait"][1] == "Result=success\nActiveState=active\n"
    assert boot.unit("network-online.target")["ActiveState"] == "active"


def test_netplan_gets_its_file_and_a_service_behind_it(work, package, make_machine):
    tree = nspawn_tree.copy(
        nspawn_tree.base_tree(nspawn_tree.SUITE, nspawn_tree.PACKAGES + ",netplan.io"),
        os.path.join(work, "netplan"),
    )
    nspawn_tree.install_agent(tree, package)
    nspawn_tree.clean(tree)
    machine = start(make_machine, tree, False)
    boot = machine.boot()
    seen(boot)
    assert machine.read("/etc/netplan/50-tsagent.yaml").startswith("# Written by tsagent")
    assert "10-netplan-host0.network" in boot["extra"]["files"][1]
    again = machine.boot()
    seen(again)
