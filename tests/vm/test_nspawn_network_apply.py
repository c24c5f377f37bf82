"""A network configuration that is tried under a whole systemd, and a power cut in the middle of it.

make vm-test ARGS="-k nspawn_network_apply"
"""

import json
import os

import nspawn_tree
import pytest
from boots import wants

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]
URL = "http://169.254.0.23"
FILES = "/etc/systemd/network/"
TRIAL = "/var/lib/tsagent/network/trial.json"
# The card eth1 leads to another network namespace: a gateway, and behind it a web server.
LAB = """\
[Unit]
Description=The neighbours of this machine
DefaultDependencies=no
Before=network-pre.target tsagent-local.service
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'ip netns add there; ip link add eth1 type veth peer name peer1 netns there; \
  ip -n there link set lo up; ip -n there link set peer1 up; \
  ip -n there addr add 10.77.0.1/24 dev peer1; ip -n there addr add 169.254.0.23/32 dev lo'
"""
WEB = """\
[Unit]
Description=A metadata service that answers
DefaultDependencies=no
After=bench-lab.service
Requires=bench-lab.service
[Service]
ExecStart=/sbin/ip netns exec there /usr/bin/python3 -m http.server --bind 169.254.0.23 80
"""
APPLY = (
    """\
[Unit]
Description=Somebody tries a configuration that is wrong
After=tsagent-ready.target systemd-networkd.service
[Service]
ExecStart=/usr/bin/tsagent network apply --input /bench/wrong.json --source imds:%s --timeout 100
"""
    % URL
)


def config(address, gateway, **more):
    card = {"addresses": [address], "routes": [{"to": "0.0.0.0/0", "via": gateway}]}
    return json.dumps(dict({"version": 2, "renderer": "networkd", "ethernets": {"eth1": card}}, **more))


@pytest.fixture
def lab(machine):
    """A machine of the image, with systemd-networkd, a gateway and a metadata service."""
    nspawn_tree.run(["systemctl", "--root", machine.tree, "enable", "systemd-networkd.service"])
    machine.write("/etc/systemd/system-preset/05-network.preset", "enable systemd-networkd.service\n")
    wants(machine, "sysinit.target", "bench-lab.service", LAB)
    wants(machine, "sysinit.target", "bench-web.service", WEB)
    machine.seed({})
    machine.write("/var/lib/cloud/seed/nocloud/network-config", config("10.77.0.5/24", "10.77.0.1"))
    bridge = {"bridges": {"br7": {"addresses": ["10.78.0.5/24"]}}}
    machine.write("/bench/wrong.json", config("10.77.0.5/24", "10.77.0.99", **bridge))
    machine.write("/bench/right.json", config("10.77.0.6/24", "10.77.0.1"))
    return machine


def words(name):
    return ["tsagent", "network", "apply", "--input", "/bench/%s.json" % name] + [
        "--source", "imds:" + URL, "--timeout", "3", "--format", "json",
    ]  # fmt: skip


def held(boot, name):
    """The IPv4 addresses that a card of ours holds, by its name."""
    found = json.loads(boot["extra"][name][1])
    return {
        item["ifname"]: [each["local"] for each in item["addr_info"] if each["family"] == "inet"]
        for item in found
        if item["ifname"] in ("eth1", "br7")
    }


def test_a_power_cut_in_the_middle_and_then_a_wrong_one_and_a_right_one(lab):
    wants(lab, "multi-user.target", "bench-apply.service", APPLY)
    lab.boot_and_cut_power(FILES + "10-tsagent-br7.network")
    assert lab.read(TRIAL) is not None
    os.unlink(lab.path("/etc/systemd/system/multi-user.target.wants/bench-apply.service"))
    lab.ask(
        addresses=["ip", "-j", "addr"],
        wrong=words("wrong"),
        after=["ip", "-j", "addr"],
        right=words("right"),
        now=["ip", "-j", "addr"],
        status=["tsagent", "status"],
    )
    boot = lab.boot()
    network = boot.module("network")
    assert network["state"] == "done", network
    assert network["warnings"] == [
        "the agent or the machine was stopped while a network configuration was being tried"
    ]
    assert lab.read(TRIAL) is None
    assert held(boot, "addresses") == {"eth1": ["10.77.0.5"]}

    status, output = boot["extra"]["wrong"]
    document = json.loads(output[: output.rindex("}") + 1])
    assert (status, document["state"], document["error"]["code"]) == (1, "put-back", "network-put-back")
    lost = "it lost the metadata service (%s) and the gateway for 3 s" % URL
    assert lost in document["error"]["message"]
    assert held(boot, "after") == {"eth1": ["10.77.0.5"]}

    status, output = boot["extra"]["right"]
    assert (status, json.loads(output)["state"]) == (0, "applied"), output
    assert held(boot, "now") == {"eth1": ["10.77.0.6"]}
    assert "10.77.0.6/24" in lab.read(FILES + "10-tsagent-eth1.network")
    assert lab.read(FILES + "10-tsagent-br7.network") is None
