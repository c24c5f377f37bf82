"""What is rendered, read by the real services: NetworkManager and systemd-networkd in a network namespace.

ifcfg files have theirs in tests/ifcfg (`make ifcfg-test`).
"""

import json
import os
import subprocess

import pytest

from tsagent import netconfig
from tsagent.netconfig import renderers

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "network_namespace.sh")
MACS = ["52:54:00:aa:00:0%d" % number for number in (1, 2, 3)]
NICS = [
    {
        "name": "eth%d" % (index + 1),
        "mac": mac,
        "permanent_mac": mac,
        "kind": "physical",
        "ifindex": index + 2,
    }
    for index, mac in enumerate(MACS)
]
STATIC = {
    "links": [
        {"id": "tap1", "type": "phy", "ethernet_mac_address": MACS[0].upper(), "mtu": 1450},
        {"id": "tap2", "type": "ovs", "ethernet_mac_address": MACS[1]},
        {"id": "tap3", "type": "vif", "ethernet_mac_address": MACS[2]},
    ],
    "networks": [
        {
            "id": "a",
            "type": "ipv4",
            "link": "tap1",
            "ip_address": "10.9.0.5",
            "netmask": "255.255.255.0",
            "gateway": "10.9.0.1",
            "routes": [{"network": "172.16.0.0", "netmask": "255.240.0.0", "gateway": "10.9.0.254"}],
        },
        {
            "id": "b",
            "type": "ipv6",
            "link": "tap1",
            "ip_address": "fd00:9::5",
            "netmask": "64",
            "gateway": "fd00:9::1",
        },
        {"id": "c", "type": "ipv4", "link": "tap2", "ip_address": "10.10.0.5/16"},
        {"id": "d", "type": "ipv4_dhcp", "link": "tap3"},
    ],
    "services": [{"type": "dns", "address": "10.9.0.2"}],
}
SECOND_CARD = {
    "nics": [
        {
            "mac": MACS[2],
            "primary": True,
            "local_ipv4s": ["10.77.0.50"],
            "prefix": 24,
            "gateway": "10.77.0.1",
        },
        {"mac": MACS[0], "local_ipv4s": ["10.11.0.5", "10.11.0.6"], "prefix": 24, "gateway": "10.11.0.1"},
    ]
}
real = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]


def write(tmp_path, form, config, renderer):
    network = netconfig.read(form, config)
    netconfig.resolve(network, NICS)
    files = renderers.render(network, renderer, renderers.Options())
    assert [str(problem) for problem in network.problems] == []
    for item in files:
        path = tmp_path / item.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        os.chmod(str(path), item.mode)
    return files


class Seen:
    """What the kernel of the namespace holds once the service has done its work."""

    def __init__(self, text):
        documents = [json.loads(row) for row in text.splitlines() if row.strip()]
        self.links = {item["ifname"]: item for item in documents[0]}
        self.routes = documents[1]
        self.rules = documents[2]

    def addresses(self, name):
        return {
            "%s/%d" % (item["local"], item["prefixlen"])
            for item in self.links[name]["addr_info"]
            if item["scope"] == "global"
        }

    def route(self, to, device, table="main"):
        return [
            item.get("gateway")
            for item in self.routes
            if (item["dst"], item.get("dev"), str(item.get("table", "main"))) == (to, device, table)
        ]


def run(service, tree, expected, **environment):
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        argv + ["sh", SCRIPT, service, str(tree)] + expected,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(os.environ, **environment),
    )
    assert done.returncode == 0, done.stderr.decode()
    return Seen(done.stdout.decode())


@pytest.mark.parametrize(
    "service", [pytest.param(name, marks=real) for name in ("networkmanager", "networkd")]
)
def test_static_addresses_routes_and_dhcp(tmp_path, service):
    write(tmp_path, "openstack", STATIC, service)
    seen = run(service, tmp_path, ["10.9.0.5/24", "fd00:9::5/64", "10.10.0.5/16", "10.77.0.5"])
    assert seen.addresses("eth1") == {"10.9.0.5/24", "fd00:9::5/64"}
    assert seen.addresses("eth2") == {"10.10.0.5/16"}
    assert len(seen.addresses("eth3")) == 1
    assert seen.links["eth1"]["mtu"] == 1450
    assert seen.route("default", "eth1") == ["10.9.0.1", "fd00:9::1"]
    assert seen.route("172.16.0.0/12", "eth1") == ["10.9.0.254"]
    assert seen.route("default", "eth2") == []
    assert seen.route("default", "eth3") == ["10.77.0.1"]


@pytest.mark.parametrize(
    "service", [pytest.param(name, marks=real) for name in ("networkmanager", "networkd")]
)
def test_a_second_card_has_its_own_table(tmp_path, service):
    write(tmp_path, "imds", SECOND_CARD, service)
    seen = run(service, tmp_path, ["10.77.0.5", "10.11.0.5/24", "10.11.0.6/24"])
    assert seen.addresses("eth1") == {"10.11.0.5/24", "10.11.0.6/24"}
    assert seen.route("default", "eth1") == []
    assert seen.route("default", "eth1", "101") == ["10.11.0.1"]
    rules = {(rule["src"], str(rule["table"])) for rule in seen.rules if rule["priority"] == 101}
    assert rules == {("10.11.0.5", "101"), ("10.11.0.6", "101")}
    assert seen.route("default", "eth3") == ["10.77.0.1"]


@pytest.mark.parametrize(
    "service", [pytest.param(name, marks=real) for name in ("networkmanager", "networkd")]
)
def test_a_card_is_found_by_its_address_alone(tmp_path, service):
    """Rendered without a machine to look at, as `tsagent network render` does."""
    data = {
        "version": 2,
        "ethernets": {"any": {"match": {"macaddress": MACS[1]}, "addresses": ["10.12.0.5/24"]}},
    }
    netconfig.render(json.dumps(data).encode(), "input", service, str(tmp_path))
    seen = run(service, tmp_path, ["10.12.0.5/24"])
    assert seen.addresses("eth2") == {"10.12.0.5/24"}
