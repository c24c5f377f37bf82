"""Seeds for real: the kernel's own device, a file, and commands."""

import gzip
import json
import os
import stat

import pytest

from tsagent.changes import SeedCommand, SeedDevice, entropy
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

SECRET = b"seed-5d1f-secret"


@pytest.fixture
def host(tmp_path):
    (tmp_path / "var/log").mkdir(parents=True)
    result = Host(str(tmp_path), commands="here")
    result.instance_dir = "/var/lib/tsagent/instances/i-1"
    return result


def planned(host, settings, **sensitive):
    module = load_module(discover(Host("/").root, use_cache=False).modules["random_seed"], host.root)
    settings = {"random_seed": settings}
    context = Context("random_seed", settings, None, host.root, host.root, sensitive=sensitive)
    answer = module.plan(context)
    return list(answer) if not hasattr(answer, "reason") else []


def test_the_kernel_takes_a_seed(host, tmp_path):
    """A device node of the tree stands for the machine's: major 1, minor 9 is /dev/urandom itself."""
    (tmp_path / "dev").mkdir()
    os.mknod(str(tmp_path / "dev/urandom"), 0o666 | stat.S_IFCHR, os.makedev(1, 9))
    (change,) = planned(host, {"data": gzip.compress(SECRET), "encoding": "gz"})
    assert isinstance(change, SeedDevice) and change.data == SECRET
    assert change.apply(host) is None
    assert stat.S_ISCHR(os.stat(str(tmp_path / "dev/urandom")).st_mode)
    assert SECRET.decode() not in change.describe() + json.dumps(change.payload())


def test_a_device_that_is_not_there_is_not_made(host, tmp_path):
    with pytest.raises(FileNotFoundError):
        SeedDevice("/dev/urandom", SECRET).apply(host)
    assert not (tmp_path / "dev").exists()


def test_a_file_is_added_to_and_the_command_sees_its_name(host, tmp_path):
    seed = tmp_path / "seed"
    seed.write_bytes(b"before ")
    settings = {
        "file": "/seed",
        "data": SECRET.decode(),
        "command": ["sh", "-c", 'echo "at $RANDOM_SEED_FILE"'],
    }
    changes = planned(host, settings, meta_data={"random_seed": "IGFmdGVy"})
    assert [change.apply(host) for change in changes] == [None, None]
    assert seed.read_bytes() == b"before " + SECRET + b" after"
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    log = (tmp_path / "var/log/tsagent-output.log").read_text()
    assert log == "--- random_seed command ---\nat /seed\n"


def test_a_program_that_is_not_there(host):
    assert SeedCommand(["no-such-program"], "/x").apply(host) == "left out: the program is not installed"
    with pytest.raises(AgentError, match="not installed") as caught:
        SeedCommand(["no-such-program"], "/x", required=True).apply(host)
    assert caught.value.code == "no-such-program"
    with pytest.raises(AgentError, match="has none"):
        SeedCommand([], "/x", required=True).apply(host)
    with pytest.raises(AgentError, match="failed with status 1"):
        SeedCommand(["false"], "/x").apply(host)
    chroot = Host(host.root.root, commands="chroot")
    assert SeedCommand(["sh", "-c", "true"], "/x").apply(chroot).startswith("left out")


def test_a_command_without_an_end_holds_up_the_login_no_longer_than_its_limit(host, monkeypatch):
    monkeypatch.setattr(entropy, "SEED_LIMIT", 0.1)
    endless = ["sh", "-c", "while true; do sleep 1; done"]
    with pytest.raises(AgentError, match="was stopped after") as caught:
        SeedCommand(endless, "/dev/urandom").apply(host)
    assert caught.value.code == "timed-out"
