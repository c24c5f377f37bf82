"""What the machine of network_machine.py goes through; each returns what its test looks at."""

import json
import os
import signal
import subprocess
import sys

from network_machine import GOOD, STATE, call, until

TRIAL = STATE + "/trial.json"
BRIDGE = {
    "bridges": {"br7": {"interfaces": ["eth2"], "addresses": ["10.78.0.5/24"]}},
    "ethernets": {"eth2": {}},
}


def wrong(machine):
    """A gateway that is not there; an address from which nothing is reached, and a bridge beside it."""
    before = machine.state()
    machine.write_input("gateway", "10.77.0.5/24", "10.77.0.99")
    machine.write_input("address", "10.99.0.5/24", "10.99.0.1", **BRIDGE)
    seen = {"before": before}
    for name in ("gateway", "address") if machine.service == "scripts" else ("address",):
        seen[name] = told(machine.apply(name))
        until(lambda: machine.state()["addresses"] == before["addresses"], "the former addresses")
        seen["after " + name] = machine.state()
    return dict(seen, reaches=machine.reaches(), trial=os.path.exists(TRIAL))


def gateway_alone(machine):
    """No metadata service: that the gateway answers is what counts."""
    machine.write_input("gateway", "10.77.0.5/24", "10.77.0.99")
    machine.write_input("right", "10.77.0.6/24", "10.77.0.1")
    before = machine.state()
    machine.server_off()
    lost = told(machine.apply("gateway", "--source", "none"))
    after = machine.state()
    kept = told(machine.apply("right", "--source", "none"))
    return {"before": before, "lost": lost, "after": after, "kept": kept, "now": machine.state()}


def further_card(machine):
    """As in a first boot: the service runs, and the file of a further card comes after it has started."""
    card = {"addresses": ["10.11.0.5/24", "10.11.0.6/24"]}
    card["routes"] = [{"to": "0.0.0.0/0", "via": "10.11.0.1", "table": 102}]
    card["routing-policy"] = [{"from": "10.11.0.5", "table": 102, "priority": 102}]
    machine.write_input("both", *GOOD, ethernets={"eth2": card})
    before = machine.connected_since("eth1")
    done = told(machine.apply("both"))
    until(lambda: len(machine.state()["addresses"]["eth2"]) == 2, "addresses of the further card")
    same = machine.connected_since("eth1") == before
    return {"done": done, "state": machine.state(), "rules": call("ip", "rule"), "same": same}


# NetworkManager makes a profile of its own for a card that has none; it must not be the one taken.
further_card.main = ""


def own(machine):
    """What the instance itself is told: by `run` in the middle of a terminal's loss, and by `apply`."""
    before = machine.state()
    machine.tell_instance("i-1", "10.77.0.5/24", "10.77.0.99")
    run = ["-m", "tsagent", "run", "--only", "network", "--again", "--source", "nocloud:/run/seed"]
    # On a terminal that goes, as with ssh: every process of its session is hung up on.
    status = machine.on_a_terminal_that_goes(
        run, lambda: os.path.exists(TRIAL) and not machine.reaches(), signal.SIGTERM
    )
    seen = {
        "before": before,
        "run": status,
        "after": machine.state(),
        "told": machine.network_of_the_status(),
    }
    again = machine.agent("apply", "--source", "nocloud:/run/seed", "--timeout", "1.5", "--format", "json")
    seen["again"] = [again.returncode, json.loads(again.stdout)]
    machine.tell_instance("i-2", "10.77.0.6/24", "10.77.0.1")
    seen["right"] = told(machine.agent("apply", "--source", "nocloud:/run/seed"))
    seen["now"] = machine.state()
    return seen


def right(machine):
    """One that is right stays; so does what somebody edits or removes, until it is forced."""
    machine.write_input("right", "10.77.0.6/24", "10.77.0.1")
    machine.write_input("next", "10.77.0.7/24", "10.77.0.1")
    seen = {"applied": told(machine.apply("right")), "state": machine.state()}
    (path,) = machine.files()
    with open(path, "a") as file:
        file.write("# mine\n")
    with open(path) as file:
        edited = file.read()
    seen["edited"] = told(machine.apply("next"))
    seen["kept"] = [machine.files()[path][0] == edited, machine.state()["addresses"]["eth1"]]
    seen["forced"] = told(machine.apply("next", "--force"))
    seen["after"] = machine.state()
    with open(STATE + "/saved" + path) as file:
        seen["saved"] = file.read() == edited
    os.unlink(path)
    seen["removed"] = told(machine.apply("next"))
    seen["stays away"] = not os.path.exists(path)
    return seen


def _being_tried(machine):
    """Writes a configuration that is wrong; gives a look whether it is being tried."""
    before = machine.files()
    machine.write_input("gateway", "10.77.0.5/24", "10.77.0.99")
    return lambda: os.path.exists(TRIAL) and machine.files() != before and not machine.reaches()


def killed(machine):
    """Killed in the middle, and the next run."""
    seen = {"before": machine.state()}
    tried = _being_tried(machine)
    process = machine.apply("gateway", "--timeout", "60", wait=False)
    until(tried, "it is being tried")
    process.kill()
    process.communicate()
    seen["left"] = os.path.exists(TRIAL)
    words = [sys.executable, "-B", "-m", "tsagent", "run", "--only", "network", "--source", "none"]
    done = subprocess.run(words, env=machine.environment(), stdout=subprocess.PIPE, universal_newlines=True)
    seen["resumed"] = [done.returncode, done.stdout]
    until(lambda: machine.state() == seen["before"], "the former state")
    seen["status"] = call(sys.executable, "-m", "tsagent", "status", env=machine.environment())
    return dict(seen, after=machine.state(), reaches=machine.reaches())


def ended(machine):
    """Told to end in the middle; left by its terminal in the middle."""
    seen = {"before": machine.state()}
    tried = _being_tried(machine)
    process = machine.apply("gateway", "--timeout", "60", wait=False)
    until(tried, "it is being tried")
    process.send_signal(signal.SIGTERM)
    seen["ended"] = [process.wait(30), process.communicate()[1]]
    seen["after end"] = machine.state()
    words = ["-m", "tsagent", "network"] + machine.words("gateway")
    seen["hung up"] = machine.on_a_terminal_that_goes(words, tried)
    return dict(seen, after=machine.state(), reaches=machine.reaches())


def told(done):
    return [done.returncode, done.stdout, done.stderr]
