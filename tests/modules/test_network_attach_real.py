"""Cards that come and go while the machine runs: the whole agent, the simulator of the metadata service, a
real network service, real packets.
"""

import os

import pytest
from network_fabric import inside

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
FOLDERS = {
    "networkmanager": "/etc/NetworkManager/system-connections",
    "networkd": "/etc/systemd/network",
}
PROGRAM = """
import json, os, resource, subprocess, sys
from network_fabric import mac, sh, wait_for
from tsagent.sources.simulator import Simulator

def nic(number):
    address = "10.%d.0.%d" % (number, number + 5)
    detail = {"gateway": "10.%d.0.1" % number, "local-ipv4": address, "subnet-mask": "255.255.255.0"}
    return {"local-ipv4s": {address: detail}, "mac": mac(number), "primary-local-ipv4": address}

def files():
    return {name: open(folder + "/" + name).read() for name in sorted(os.listdir(folder))}

def agent(*words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "tsagent"] + list(words) + ["--source", "imds:" + cloud.url],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [done.returncode, done.stdout.decode(), spent]

def plug(number):
    fabric.card(number, "10.%d.0.1/24" % number, dhcp=number == 0)
    macs[mac(number).upper()] = nic(number)

folder, service = FOLDER, SERVICE
fabric.lay_over()
open("/etc/tsagent/agent.yaml", "w").write("network: {renderer: %s}\\n" % service)
seen = {}
with Simulator(nics=0) as cloud:
    macs = {}
    cloud.tree["network"]["interfaces"]["macs"] = macs
    plug(0)
    plug(1)
    cloud.tree["mac"] = mac(0).upper()
    seen["boot"] = agent("run", "--only", "network", "--stage", "network")
    assert seen["boot"][0] == 0 and files(), seen["boot"]
    fabric.start(service)
    fabric.online()
    fabric.settled([["10.1.0.6", "101"]])
    first = files()
    seen["nothing"] = agent("network", "attach")
    primary = fabric.connection("eth0")

    plug(2)
    plug(3)
    seen["come"] = agent("network", "attach")
    fabric.has("10.2.0.7", "10.3.0.8")
    fabric.settled([["10.1.0.6", "101"], ["10.2.0.7", "102"], ["10.3.0.8", "103"]])
    seen["ways"] = [fabric.way_of("10.%d.0.%d" % (number, number + 5)) for number in range(4)]
    after = files()
    seen["first"] = [name for name in first if after.get(name) != first[name]]
    seen["more"] = sorted(set(after) - set(first))

    sh("ip link del eth1")
    del macs[mac(1).upper()]
    seen["gone"] = agent("network", "attach")
    fabric.settled([["10.2.0.7", "102"], ["10.3.0.8", "103"]])
    seen["left"] = sorted(files())
    seen["same"] = fabric.connection("eth0") == primary
    seen["again"] = agent("run", "--only", "network", "--again")
    seen["last"] = sorted(files())
print(json.dumps(seen))
"""


@pytest.mark.parametrize("service", sorted(FOLDERS))
def test_cards_come_and_go(tmp_path, service):
    program = PROGRAM.replace("FOLDER", repr(FOLDERS[service])).replace("SERVICE", repr(service))
    seen = inside(program, tmp_path)
    for step in ("boot", "nothing", "come", "gone", "again"):
        assert seen[step][0] == 0, seen[step]
    assert "tells of no other cards" in seen["nothing"][1]
    assert seen["ways"] == [[[number], 40] for number in range(4)]
    assert seen["first"] == []  # no file of a card that was there is another
    assert [name for name in seen["more"] if "eth2" not in name and "eth3" not in name] == []
    assert len(seen["more"]) == 2
    assert not [name for name in seen["left"] if "eth1" in name]
    assert len(seen["left"]) == len(seen["last"]) == 3
    assert seen["same"], "the primary card's connection was taken down"
    print({step: round(seen[step][2], 3) for step in ("boot", "nothing", "come", "gone")})
