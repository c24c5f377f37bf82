"""A whole crawl over loopback: what is asked, over what, and what becomes of it."""

import json
import os
import subprocess
import sys

import pytest

from tsagent.errors import AgentError
from tsagent.host.clock import Clock
from tsagent.sources.data import SourceData
from tsagent.sources.imds import credentials, fetch
from tsagent.sources.simulator import Simulator

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIz8+zBC09XHDiEz9VT4eS6YWrpK1G3aSBAzQUCedA8y somebody"
EVERYTHING = {
    "role": "CVMas",
    "spot": "2018-08-18 12:05:33",
    "password": "canary-5e3a",
    "hostname": "web-1",
    "keys": (KEY,),
}
DEAD = "http://127.0.0.1:1"


def crawl(simulator, **limits):
    return fetch(simulator.url, Clock(), deadline=20.0, **limits)


@pytest.mark.parametrize("instance_type", ["S5.MEDIUM4", "GN7.2XLARGE32", "IT5.4XLARGE64", "BMS5", "X99.odd"])
def test_one_nic_takes_at_most_25_requests_over_one_connection(instance_type):
    with Simulator(instance_type, user_data="#!/bin/sh\n", **EVERYTHING) as simulator:
        data = crawl(simulator)
        paths = [request.path for request in simulator.requests]
        assert simulator.connections == 1
    assert len(paths) <= 25
    assert len(set(paths)) == len(paths)
    assert data.metadata["instance_type"] == instance_type
    assert data.warnings == []


def test_many_keys_do_not_take_it_past_25():
    keys = [KEY + str(number) for number in range(5)]
    with Simulator(keys=keys, password="p", spot="2018-08-18 12:05:33") as simulator:
        data = crawl(simulator)
        assert len(simulator.requests) == 25
    assert data.metadata["public_keys"] == keys
    assert data.sensitive["password"] == "p"
    assert data.metadata["nics"][0]["gateway"] == "10.104.0.1"


def test_what_is_asked_is_there():
    """With listings to go by, nothing is asked for that answers 404."""
    with Simulator(user_data="x", **EVERYTHING) as simulator:
        crawl(simulator)
        assert {request.status for request in simulator.requests} == {200}


def test_the_normalised_metadata():
    with Simulator("S5.MEDIUM4", user_data=b"\x1f\x8b\x00raw", **EVERYTHING) as simulator:
        data = crawl(simulator)
        tree = simulator.tree
    mac = tree["mac"]
    assert data.source == "imds"
    assert data.origin == simulator.url
    assert data.user_data == b"\x1f\x8b\x00raw"
    assert data.metadata == {
        "instance_id": tree["instance-id"],
        "instance_name": "simulated S5.MEDIUM4",
        "instance_type": "S5.MEDIUM4",
        "image_id": tree["instance"]["image-id"],
        "uuid": tree["uuid"],
        "app_id": "1250000000",
        "hostname": "web-1",
        "region": "ap-guangzhou",
        "zone": "ap-guangzhou-3",
        "public_keys": [KEY],
        "mac": mac.lower(),
        "local_ipv4": "10.104.0.17",
        "public_ipv4": "139.199.11.29",
        "volumes": list(tree["volumes"]),
        "spot_termination_time": "2018-08-18 12:05:33",
        "nics": [
            {
                "mac": mac.lower(),
                "primary": True,
                "local_ipv4": "10.104.0.17",
                "local_ipv4s": ["10.104.0.17"],
                "netmask": "255.255.192.0",
                "prefix": 18,
                "gateway": "10.104.0.1",
                "public_ipv4": "139.199.11.29",
                "vpc_id": "vpc-ja82n9op",
                "subnet_id": "subnet-ja82n9op",
            }
        ],
    }
    assert data.network == {"format": "imds", "config": {"nics": data.metadata["nics"]}}
    assert data.sensitive == {"password": "canary-5e3a"}
    assert SourceData.from_json(json.loads(json.dumps(data.to_json()))).__dict__ == data.__dict__


def test_no_secret_is_in_what_is_public():
    steps = []
    odd = {"password": "canary-5e3a\nsecond line"}
    with Simulator(tree=odd) as simulator:
        data = fetch(simulator.url, Clock(), deadline=3.0, trace=steps.append, random=lambda: 0.0)
    assert len(data.warnings) == 1
    assert "canary" not in repr((data.warnings, steps, data.metadata, data))
    assert data.sensitive == {}


def test_credentials_are_not_part_of_a_crawl():
    with Simulator(**EVERYTHING) as simulator:
        data = crawl(simulator)
        assert not [request for request in simulator.requests if "cam" in request.path]
        found = credentials(simulator.url, Clock())
    assert found["TmpSecretKey"] == "simulated-secret-key"
    assert "simulated-secret-key" not in json.dumps(data.to_json())


def test_an_instance_without_a_role_has_no_credentials():
    with Simulator() as simulator, pytest.raises(AgentError) as caught:
        credentials(simulator.url, Clock())
    assert caught.value.code == "imds-no-role"


def test_several_nics():
    with Simulator(nics=3) as simulator:
        # The primary is the one the service names, not the first of the listing.
        simulator.tree["mac"] = list(simulator.tree["network"]["interfaces"]["macs"])[1]
        data = crawl(simulator)
        assert len(simulator.requests) <= 41
        assert simulator.connections == 1
    assert [nic["primary"] for nic in data.metadata["nics"]] == [False, True, False]
    assert [nic["local_ipv4"] for nic in data.metadata["nics"]] == [
        "10.104.0.17",
        "10.105.0.17",
        "10.106.0.17",
    ]
    assert all(nic["prefix"] == 18 and nic["gateway"] for nic in data.metadata["nics"])


def test_many_addresses_of_one_nic_cost_one_request_more():
    macs = "network/interfaces/macs/52:54:00:98:FA:00/local-ipv4s/"
    more = {macs + "10.104.0.%d" % number: {"local-ipv4": "10.104.0.%d" % number} for number in range(30, 60)}
    with Simulator(tree=more) as simulator:
        simulator.tree["mac"] = "52:54:00:98:FA:00"
        data = crawl(simulator)
        assert len(simulator.requests) <= 25
    nic = data.metadata["nics"][0]
    assert nic["local_ipv4"] == "10.104.0.17"
    assert len(nic["local_ipv4s"]) == 31
    assert nic["netmask"] == "255.255.192.0"


def test_a_bare_service_still_boots():
    """Only the instance id: every other getter is optional."""
    bare = {name: None for name in Simulator().tree if name != "instance-id"}
    with Simulator(tree=bare) as simulator:
        data = crawl(simulator)
        # Only the documented paths are tried unlisted, each once.
        assert len(simulator.requests) <= 12
    assert data.metadata == {
        "instance_id": data.instance_id,
        "nics": [],
        "public_keys": [],
        "volumes": [],
    }
    assert data.user_data is None
    assert data.network is None
    assert data.warnings == []


def test_the_type_is_asked_for_where_the_listing_lacks_it():
    """The documented sample of the top listing has no `instance/`, though the path answers."""
    with Simulator() as simulator:
        listing = "instance-id\ninstance-name\nlocal-ipv4\nmac\nnetwork/\nplacement/\npublic-ipv4\nuuid\n"
        answer = simulator.answer
        simulator.answer = lambda path: (
            (200, listing.encode()) if path == "/latest/meta-data/" else answer(path)
        )
        data = crawl(simulator)
    assert data.metadata["instance_type"] == "S5.MEDIUM4"
    assert "hostname" not in data.metadata  # undocumented: taken only where listed


def test_a_malformed_nic_costs_only_itself():
    changes = {
        "network/interfaces/macs": {"..%2f..": {}, "junk": "x", "52:54:00:00:00:01": {"local-ipv4s": {}}}
    }
    with Simulator(tree=changes) as simulator:
        simulator.tree["network"]["interfaces"]["macs"].pop("..%2f..")
        data = crawl(simulator, random=lambda: 0.0)
    assert [bool(nic["local_ipv4"]) for nic in data.metadata["nics"]] == [True, False]
    assert len(data.warnings) == 2
    assert "no MAC" in data.warnings[0]
    assert "52:54:00:00:00:01" in data.warnings[1]


@pytest.mark.parametrize(
    "leaf, value", [("gateway", "<html>"), ("gateway", "300.1.1.1"), ("subnet-mask", "255.0.255.0")]
)
def test_a_malformed_value_of_a_nic_is_none(leaf, value):
    with Simulator() as simulator:
        mac = simulator.tree["mac"]
        simulator.tree["network"]["interfaces"]["macs"][mac]["local-ipv4s"]["10.104.0.17"][leaf] = value
        data = fetch(simulator.url, Clock(), deadline=10.0, random=lambda: 0.0)
    nic = data.metadata["nics"][0]
    assert nic[{"gateway": "gateway", "subnet-mask": "netmask"}[leaf]] is None
    assert nic["local_ipv4"] == "10.104.0.17"
    assert len(data.warnings) == 1


def test_no_instance_id_is_no_metadata_service():
    with Simulator(tree={"instance-id": None}) as simulator, pytest.raises(AgentError) as caught:
        crawl(simulator)
    assert caught.value.code == "imds-bad-answer"
    assert "404" in caught.value.message


def test_the_environment_and_netrc_are_ignored(tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password canary\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, DEAD)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Simulator() as simulator:
        data = crawl(simulator)
        headers = [request.headers for request in simulator.requests]
    assert data.instance_id
    assert all("authorization" not in sent and "cookie" not in sent for sent in headers)
    assert {sent["accept-encoding"] for sent in headers} == {"identity"}


def test_a_server_that_closes_after_each_answer_is_served_too():
    with Simulator() as simulator:
        answer = simulator._server.RequestHandlerClass
        closing = type("Closing", (answer,), {"protocol_version": "HTTP/1.0"})
        simulator._server.RequestHandlerClass = closing
        data = crawl(simulator)
    assert data.metadata["nics"]
    assert data.warnings == []


def test_memory_stays_small_when_answers_are_large(checkout):
    """A fresh process, so that its peak is this crawl's: 50 MB offered for the user data.

    Not ru_maxrss: a process takes its parent's along until it has a program of its own.
    """
    program = (
        "import sys\n"
        "sys.path.insert(0, %r)\n"
        "from tsagent.host.clock import Clock\n"
        "from tsagent.sources.imds import fetch\n"
        "fetch(sys.argv[1], Clock(), deadline=20.0)\n"
        "(line,) = [line for line in open('/proc/self/status') if line.startswith('VmHWM:')]\n"
        "print(line.split()[1])\n" % checkout
    )
    with Simulator(faults=["huge=52428800,path=/latest/user-data"]) as simulator:
        output = subprocess.check_output(
            [sys.executable, "-c", program, simulator.url], env={"PATH": os.environ["PATH"]}
        )
    assert int(output) < 100 * 1024  # KiB; the interpreter with requests takes some 35 MB of it
