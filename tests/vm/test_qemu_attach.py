"""A network card is plugged into a running machine, and taken out again: a real kernel, udev and systemd.

make vm-test ARGS="-k attach"
"""

import contextlib
import json
import os

import pytest
from nspawn_tree import BenchError

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a tree needs root"),
]

REPORT = "bench: the report is there"
MAC = "52:54:00:77:00:02"
ADDRESS = "10.106.0.17"
NETDEV = "user,id=net2,net=10.106.0.0/18,ipv6=off,restrict=on"
NIC = {
    "local-ipv4s": {
        ADDRESS: {"gateway": "10.106.0.1", "local-ipv4": ADDRESS, "subnet-mask": "255.255.192.0"}
    },
    "mac": MAC,
    "primary-local-ipv4": ADDRESS,
}
LOOK = (
    "ip -j rule; ip -j addr show; ip -j route show table all; ls /etc/systemd/network; "
    "cat /run/tsagent/cards; "
    "systemctl show tsagent-attach.service -p Result -p NRestarts"
)


class Seen:
    """The machine's rules, addresses and files, as LOOK prints them."""

    def __init__(self, text):
        rows = text.splitlines()
        self.rules = {rule["src"]: rule["table"] for rule in json.loads(rows[0]) if rule["src"] != "all"}
        self.addresses = {
            entry["local"]: link["ifname"] for link in json.loads(rows[1]) for entry in link["addr_info"]
        }
        self.routes = [
            (route["dst"], route.get("gateway"), route.get("dev"))
            for route in json.loads(rows[2])
            if str(route.get("table")) == "102"
        ]
        self.rest = rows[3:]


def test_a_card_is_plugged_in_and_taken_out(new_machine, new_cloud, key):
    """While the machine runs; then one while it is off."""
    cloud = new_cloud("attach", {"ssh_genkeytypes": ["ed25519"]})
    machine = new_machine("attach", cloud)
    machine.more = ["-device", "pcie-root-port,id=port9,chassis=9"]
    machine.start(stay=True)
    machine.wait_for(REPORT)
    before = Seen(machine.ssh(key, "root", LOOK))
    assert "102" not in before.rules.values()
    assert [row for row in before.rest if row.startswith("eth")] == [
        "eth0 " + cloud.macs[0].lower(),
        "eth1 " + cloud.macs[1].lower(),
    ]

    macs = cloud.tree["network"]["interfaces"]["macs"]
    macs[MAC] = NIC
    cloud.renew()
    plug = "device_add virtio-net-pci,netdev=net2,mac=%s,bus=port9,id=card2,romfile=" % MAC
    answer = machine.monitor("netdev_add " + NETDEV, plug)
    assert "Error" not in answer, answer
    machine.wait_for("network attach: (?!the metadata)")
    seen = Seen(machine.ssh(key, "root", LOOK))
    card = seen.addresses[ADDRESS]
    assert seen.rules[ADDRESS] == "102"
    assert sorted(seen.routes, key=str) == [("10.106.0.0/18", None, card), ("default", "10.106.0.1", card)]
    assert {key: seen.rules[key] for key in before.rules} == before.rules
    assert "10-tsagent-%s.network" % card in seen.rest

    macs[MAC] = None
    cloud.renew()
    mark = machine.said().count("network attach: ")
    machine.monitor("device_del card2")
    machine.wait_for("(?s)(network attach: .*){%d}" % (mark + 1))
    after = Seen(machine.ssh(key, "root", LOOK))
    assert (after.rules, after.rest) == (before.rules, before.rest)
    assert ADDRESS not in after.addresses and after.routes == []
    with contextlib.suppress(BenchError):  # the connection may go before the command has ended
        machine.ssh(key, "root", "systemctl poweroff")
    machine.wait_off()

    macs[MAC] = NIC
    cloud.renew()
    machine.more += ["-netdev", NETDEV, "-device", "virtio-net-pci,netdev=net2,romfile=,mac=" + MAC]
    machine.start(stay=True)
    machine.wait_for("network attach: (?!the metadata)")
    seen = Seen(machine.ssh(key, "root", LOOK))
    assert seen.rules[ADDRESS] == "102" and len(seen.routes) == 2
    with contextlib.suppress(BenchError):
        machine.ssh(key, "root", "systemctl poweroff")
    machine.wait_off()
