"""`tsagent network apply` on a real NetworkManager and a real systemd-networkd, in a network namespace.

The machine and its neighbours are in network_machine.py, what happens to it in network_scenarios.py.
"""

import json
import os
import subprocess
import sys

import pytest
from jsonschema import Draft4Validator

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
]
both = pytest.mark.parametrize("service", ["networkmanager", "networkd"])
BACK = "the gateway for 1.5 s. The former one is in place again"


def run(service, scenario):
    """What the scenario returns."""
    words = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words += [sys.executable, "-B", os.path.join(HERE, "network_machine.py"), service, scenario]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    output = done.stdout.decode()
    assert "REPORT " in output, output + done.stderr.decode()
    return json.loads(output.split("REPORT ", 1)[1])


def addresses(state):
    return state["addresses"]["eth1"]


@pytest.mark.parametrize("service", ["networkmanager", "networkd", "netplan"])
def test_what_loses_the_metadata_service_is_put_back(service):
    seen = run(service, "wrong")
    for name in ("gateway", "address") if "gateway" in seen else ("address",):
        status, printed, error = seen[name]
        assert (status, printed) == (1, ""), seen[name]
        # The network scripts have a route to all of 169.254.0.0/16, which may do without the gateway.
        assert service == "scripts" or "it lost the metadata service (http://169.254.0.23) and" in error
        assert BACK in error and "(network-put-back)" in error
        assert seen["after " + name] == seen["before"]
    assert seen["reaches"] and not seen["trial"]


def test_without_a_metadata_service_the_gateway_counts():
    seen = run("networkd", "gateway_alone")
    assert seen["lost"][0] == 1 and "it lost the gateway for" in seen["lost"][2]
    assert seen["after"] == seen["before"]
    assert seen["kept"][0] == 0, seen["kept"]
    assert addresses(seen["now"]) == ["10.77.0.6/24"]


def test_an_instances_own_configuration_is_tried_likewise():
    seen = run("networkmanager", "own")
    assert seen["run"] == 1
    assert seen["after"] == seen["before"]
    assert seen["told"]["state"] == "interrupted", seen["told"]
    status, document = seen["again"]
    assert (status, document["state"], document["error"]["code"]) == (1, "put-back", "network-put-back")
    with open(os.path.join(CHECKOUT, "schemas", "outputs", "network-apply.json")) as file:
        Draft4Validator(json.load(file)).validate(document)
    assert seen["right"][0] == 0, seen["right"]
    assert addresses(seen["now"]) == ["10.77.0.6/24"]


@both
def test_a_running_service_takes_up_a_further_card(service):
    seen = run(service, "further_card")
    assert seen["done"][0] == 0, seen["done"]
    state = seen["state"]
    assert addresses(state) == ["10.77.0.5/24"] and state["addresses"]["eth2"] == [
        "10.11.0.5/24",
        "10.11.0.6/24",
    ]
    assert "from 10.11.0.5 lookup 102" in seen["rules"]
    assert ["default", "10.11.0.1", "eth2"] in [route[:3] for route in state["routes"]]
    assert ["default", "10.77.0.1", "eth1"] in [route[:3] for route in state["routes"]]
    assert seen["same"], "the primary card's connection was taken down"


@both
def test_what_is_right_stays_and_so_does_an_edit(service):
    seen = run(service, "right")
    assert seen["applied"][0] == 0 and seen["applied"][1].startswith("applied: "), seen["applied"]
    assert addresses(seen["state"]) == ["10.77.0.6/24"]
    status, printed, warned = seen["edited"]
    assert (status, printed[:9]) == (0, "nothing: ") and "it was edited" in warned
    assert seen["kept"] == [True, ["10.77.0.6/24"]]
    assert seen["forced"][0] == 0 and "saved as" in seen["forced"][1]
    assert addresses(seen["after"]) == ["10.77.0.7/24"]
    assert seen["saved"]
    assert seen["removed"][0] == 0 and "it was removed" in seen["removed"][2]
    assert seen["stays away"]


@both
def test_what_was_tried_when_the_agent_was_killed_is_put_back_by_the_next_run(service):
    seen = run(service, "killed")
    assert seen["left"]
    status, printed = seen["resumed"]
    assert status == 2 and "was being tried" in printed, printed
    assert "warning: the agent or the machine was stopped" in seen["status"]
    assert seen["after"] == seen["before"]
    assert seen["reaches"]


def test_neither_a_signal_nor_the_loss_of_the_terminal_leaves_a_trial_behind():
    seen = run("networkd", "ended")
    status, error = seen["ended"]
    assert status == 1 and "(interrupted)" in error
    assert seen["hung up"] == 1
    assert seen["after end"] == seen["before"]
    assert seen["after"] == seen["before"]
    assert seen["reaches"]
