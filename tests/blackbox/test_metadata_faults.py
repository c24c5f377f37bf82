"""Whole first boots from a metadata service that misbehaves: what ends how, and what is still done."""

import json
import os
import shutil
import socket
import time

import pytest

from tsagent.host.tree import Tree
from tsagent.sources.simulator.server import Simulator
from tsagent.state.config import load_config

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

ID = "/latest/meta-data/instance-id"
ZONE = "/latest/meta-data/placement/zone"
USER_DATA = "/latest/user-data"
CONFIG = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada"}],
    "write_files": [{"path": "/srv/file", "content": "text\n"}],
    "runcmd": ["echo ran >> count"],
}
TEXT = "#cloud-config\n" + json.dumps(CONFIG)
BUDGET = 2.0  # seconds that the image of these tests gives the metadata service
STARTING = 25.0  # seconds a loaded machine may take for all else: keys of three kinds among it


@pytest.fixture
def image(agent, tmp_path):
    """An image that does not wait for the metadata service as long as the default.

    The machine has the network card that the simulated instance is told it has.
    """
    folder = agent.root / "etc/tsagent"
    folder.mkdir()
    patient(agent, BUDGET)
    (agent.root / "usr/sbin").mkdir(parents=True)
    (agent.root / "usr/sbin/NetworkManager").write_text("")
    machine = tmp_path / "machine"
    shutil.copytree(agent.hardware, str(machine), symlinks=True)
    (machine / "sys/class/net/eth0/address").write_text(Simulator().tree["mac"] + "\n")
    agent.hardware = str(machine)
    return agent


def patient(agent, seconds):
    (agent.root / "etc/tsagent/agent.yaml").write_text("imds_deadline: %g\n" % seconds)


def boot(agent, url, *words, **options):
    return agent.run(*words, source="imds:" + url, **options)


def assert_whole(agent):
    """Everything that the user data asks for is there, once."""
    root = agent.root
    assert (root / "etc/hostname").read_text(encoding="utf-8") == "vm-1\n"
    assert (root / "srv/file").read_text(encoding="utf-8") == "text\n"
    assert (root / "count").read_text(encoding="utf-8") == "ran\n"
    assert "ada:" in (root / "etc/passwd").read_text(encoding="utf-8")
    assert (root / "etc/ssh/ssh_host_ed25519_key").exists()
    assert not agent.status()["provisional"] and agent.status()["instance_id"].startswith("ins-")


def assert_only_access(agent):
    """Nobody knows which instance this is: network and host keys, and nothing of anybody's user data."""
    root = agent.root
    status = agent.status()
    assert status["provisional"] and status["instance_id"] is None and status["state"] == "error"
    states = {module["name"]: module["state"] for module in status["modules"]}
    assert states["network"] == "done" and states["ssh"] in ("done", "nothing"), states
    assert (root / "etc/NetworkManager/system-connections/tsagent-eth0.nmconnection").exists()
    waiting = {name for name, state in states.items() if state == "pending"}
    assert {"users", "hostname", "commands"} <= waiting
    assert set(states.values()) <= {"done", "nothing", "pending"}
    assert not (root / "count").exists() and not (root / "srv").exists()
    assert "ada" not in (root / "etc/passwd").read_text(encoding="utf-8")
    assert (root / "etc/ssh/ssh_host_ed25519_key").exists()


def assert_one_error(agent, result, code):
    assert result.returncode == 1, result.stdout + result.stderr
    errors = agent.status()["errors"]
    assert [error["code"] for error in errors] == [code]
    assert "\n" not in errors[0]["message"] and "instance-id" in errors[0]["message"]
    assert "Traceback" not in result.stdout + result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and code in lines[0] and "metadata service" in lines[0], lines
    assert "metadata service" not in result.stdout
    log = (agent.root / "var/log/tsagent.log").read_text(encoding="utf-8")
    assert log.count(code) == 1 and "Traceback" not in log


@pytest.mark.parametrize(
    "fault",
    [
        "delay=0.3,times=2",
        "drip=2000",
        "cut,times=2",
        "status=503,times=3",
        "garbage,times=2",
        "down-until=1",
    ],
)
def test_a_fault_that_passes_ends_in_a_whole_boot(image, fault):
    patient(image, 60)
    with Simulator(user_data=TEXT, faults=[fault]) as simulator:
        result = boot(image, simulator.url)
        faulty = [request for request in simulator.requests if request.fault]
    assert result.returncode == 0, result.stdout + result.stderr
    assert faulty
    assert_whole(image)


@pytest.mark.parametrize(
    "fault, code",
    [
        ("delay=60", "imds-timeout"),
        ("drip", "imds-timeout"),
        ("cut", "imds-bad-answer"),
        ("status=503", "imds-bad-answer"),
        ("garbage", "imds-bad-answer"),
        ("redirect", "imds-bad-answer"),
        ("down-until=3600", "imds-bad-answer"),  # it resets every connection
    ],
)
def test_a_fault_that_stays_ends_provisional_within_the_budget(image, fault, code):
    with Simulator(user_data=TEXT, faults=[fault]) as simulator:
        began = time.monotonic()
        result = boot(image, simulator.url)
        seconds = time.monotonic() - began
        # Asked in one crawl, not anew in each stage.
        span = max(request.at for request in simulator.requests) - min(
            request.at for request in simulator.requests
        )
        assert {request.path for request in simulator.requests} == {ID}
    assert_one_error(image, result, code)
    assert_only_access(image)
    assert span <= BUDGET + 0.5 and seconds < BUDGET + STARTING


@pytest.mark.parametrize("fault", ["redirect", "status=403"])
def test_user_data_that_is_refused_degrades_the_boot(image, fault):
    patient(image, 60)
    with Simulator(user_data=TEXT, faults=[fault + ",path=" + USER_DATA]) as simulator:
        result = boot(image, simulator.url)
        asked = [request for request in simulator.requests if request.path == USER_DATA]
    assert result.returncode == 2, result.stdout + result.stderr
    assert len(asked) == 1
    warnings = [line for line in image.status()["warnings"] if "user data left out" in line]
    assert len(warnings) == 1
    assert image.status()["instance_id"] and not image.status()["provisional"]
    assert (image.root / "etc/hostname").read_text(
        encoding="utf-8"
    ) == "vm-0-17-tencentos\n"  # the metadata's
    assert not (image.root / "count").exists()


def test_a_value_that_is_refused_degrades_and_the_rest_is_done(image):
    patient(image, 60)
    with Simulator(user_data=TEXT, faults=["huge=52428800,path=" + ZONE]) as simulator:
        result = boot(image, simulator.url)
    assert result.returncode == 2
    assert len(image.status()["warnings"]) == 1 and ZONE in image.status()["warnings"][0]
    assert_whole(image)


def test_the_service_comes_back_and_the_boot_is_a_first_boot(image):
    """Down for good: access only. Back again: new host keys, no adoption, everything once."""
    with closed_port() as url:
        result = boot(image, url)
    assert_one_error(image, result, "imds-unreachable")
    assert_only_access(image)
    assert image("status").returncode == 1 and "provisional" in image("status").stdout
    provisional = key(image)
    with closed_port() as url:
        assert boot(image, url).returncode == 1
    assert key(image) == provisional
    with Simulator(user_data=TEXT) as simulator:
        result = boot(image, simulator.url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert_whole(image)
    assert key(image) != provisional
    assert not image.status()["adopted"]
    assert not (image.root / "var/lib/tsagent/instances/pending").exists()


def test_a_service_that_is_back_by_the_last_stage_leaves_no_error(image):
    """The stages as the units run them, one process each."""
    with closed_port() as url:
        assert boot(image, url, "--stage", "local").returncode == 0
        assert boot(image, url, "--stage", "network").returncode == 1
    with Simulator(user_data=TEXT) as simulator:
        result = boot(image, simulator.url, "--stage", "final")
    assert result.returncode == 0, result.stdout + result.stderr
    assert image.status()["errors"] == [] and image.status()["state"] == "done"
    assert_whole(image)


def test_host_keys_of_the_image_stay_while_provisional_and_go_with_the_first_boot(image):
    """An image with keys baked in and the mark of `clean`: touched only once the instance is known."""
    ssh = image.root / "etc/ssh"
    ssh.mkdir()
    for kind in ("rsa", "ecdsa", "ed25519"):
        (ssh / ("ssh_host_%s_key" % kind)).write_text("baked in")
    (image.root / "var/lib/tsagent").mkdir(parents=True)
    (image.root / "var/lib/tsagent/clean").write_text("")
    with closed_port() as url:
        assert_one_error(image, boot(image, url), "imds-unreachable")
    assert_only_access(image)
    assert {file.read_text(encoding="utf-8") for file in ssh.iterdir()} == {"baked in"}
    assert image.module("ssh")["state"] == "nothing"
    with Simulator(user_data=TEXT) as simulator:
        assert boot(image, simulator.url).returncode == 0
    assert_whole(image)
    assert not image.status()["adopted"] and key(image) != b"baked in"
    assert not (ssh / "ssh_host_rsa_key").exists()


def test_a_machine_in_use_stays_as_it_is_while_the_service_is_down(image):
    ssh = image.root / "etc/ssh"
    ssh.mkdir()
    (ssh / "ssh_host_ed25519_key").write_text("the old key")
    with closed_port() as url:
        assert boot(image, url).returncode == 1
    with Simulator(user_data=TEXT) as simulator:
        boot(image, simulator.url)
    assert os.listdir(str(ssh)) == ["ssh_host_ed25519_key"] and key(image) == b"the old key"
    assert image.status()["adopted"] and not (image.root / "count").exists()


def test_a_known_instance_asks_nobody(image):
    with Simulator(user_data=TEXT) as simulator:
        assert boot(image, simulator.url).returncode == 0
        asked = len(simulator.requests)
        assert 0 < asked <= 25 and simulator.connections == 1
        first = key(image)
        assert boot(image, simulator.url).returncode == 0
        assert len(simulator.requests) == asked
    with closed_port() as url:
        result = boot(image, url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert key(image) == first
    assert_whole(image)


def test_another_machine_with_the_same_state_is_fetched_anew(image, tmp_path):
    """A disk that is moved to, or cloned for, another machine: its DMI UUID tells."""
    other = tmp_path / "other-machine"
    shutil.copytree(image.hardware, str(other), symlinks=True)
    (other / "sys/class/dmi/id/product_uuid").write_text("11111111-2222-3333-4444-555555555555\n")
    with Simulator(user_data=TEXT) as simulator:
        assert boot(image, simulator.url).returncode == 0
    first = key(image)
    with closed_port() as url:
        result = boot(image, url, hardware=str(other))
    assert_one_error(image, result, "imds-unreachable")
    assert image.status()["provisional"] and image.status()["instance_id"] is None
    assert key(image) == first and (image.root / "count").read_text(encoding="utf-8") == "ran\n"
    with Simulator(user_data=TEXT, tree={"instance-id": "ins-clone"}) as simulator:
        assert boot(image, simulator.url, hardware=str(other)).returncode == 0
    assert image.status()["instance_id"] == "ins-clone" and not image.status()["adopted"]
    assert key(image) != first and (image.root / "count").read_text(encoding="utf-8") == "ran\nran\n"


def test_plan_says_the_same_and_touches_nothing(image):
    before = sorted(str(path) for path in image.root.rglob("*"))
    with closed_port() as url:
        result = image("plan", source="imds:" + url)
    assert result.returncode == 1
    assert result.stdout.count("imds-unreachable") == 1 and "Traceback" not in result.stdout + result.stderr
    assert sorted(str(path) for path in image.root.rglob("*")) == before


def test_a_budget_that_is_none_is_reported_and_the_default_holds(image):
    for value in ("0", "600", "yes", "soon", "[1]", ".nan", ".inf", "-.inf", "12:34:56", ""):
        (image.root / "etc/tsagent/agent.yaml").write_text("imds_deadline: %s\n" % value)
        config = load_config(Tree(str(image.root)), use_cache=False)
        assert len(config.problems) == 1 and config.imds_deadline == 120.0, value
    (image.root / "etc/tsagent/agent.yaml").write_text("\nimds_deadline: soon\n")
    with Simulator(user_data=TEXT) as simulator:
        assert boot(image, simulator.url).returncode == 2
    assert len(image.status()["warnings"]) == 1
    assert "agent.yaml:2:" in image.status()["warnings"][0] and "seconds" in image.status()["warnings"][0]
    assert_whole(image)


@pytest.mark.slow
def test_the_default_budget_is_two_minutes(image):
    (image.root / "etc/tsagent/agent.yaml").unlink()
    with closed_port() as url:
        began = time.monotonic()
        result = boot(image, url, timeout=200)
        seconds = time.monotonic() - began
    assert_one_error(image, result, "imds-unreachable")
    assert_only_access(image)
    assert 110 < seconds < 120 + STARTING


def key(agent):
    return (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes()


class closed_port:
    """The address of a port that refuses connections, and goes on doing so."""

    def __enter__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))  # bound, not listening
        return "http://127.0.0.1:%d" % self._socket.getsockname()[1]

    def __exit__(self, *ignored):
        self._socket.close()
