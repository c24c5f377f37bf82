"""The units of the compatibility package: understood by every systemd, and nothing waits for them."""

import os
import subprocess

import pytest
from test_systemd_units import CAME_WITH, OLDEST

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPAT = os.path.join(CHECKOUT, "packaging", "compat")
UNITS = ["cloud-final.service", "cloud-init.target"]


def read(name):
    """The options of a unit: (section, option, value), in order."""
    section, found = "", []
    with open(os.path.join(COMPAT, name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.append((section, key, value))
    return found


def test_systemd_has_nothing_to_say_of_them():
    paths = [COMPAT, os.path.join(CHECKOUT, "packaging", "systemd"), ""]
    done = subprocess.run(
        ["systemd-analyze", "verify"] + [os.path.join(COMPAT, name) for name in UNITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, SYSTEMD_UNIT_PATH=":".join(paths)),
    )
    assert (done.returncode, done.stdout.decode("utf-8", "replace")) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_the_oldest_systemd_knows_every_option(name):
    newer = OLDEST + 1
    assert [key for section, key, _ in read(name) if CAME_WITH[section].get(key, newer) > OLDEST] == []


@pytest.mark.parametrize("name", UNITS)
def test_nothing_waits_for_them_but_a_shutdown(name):
    assert [value for _, key, value in read(name) if key == "Before"] == ["shutdown.target"]
    assert ("Unit", "DefaultDependencies", "no") in read(name)  # multi-user.target does not wait either
    assert [value for _, key, value in read(name) if key == "WantedBy"] == ["tsagent-ready.target"]


def test_preset_enables_both():
    with open(os.path.join(COMPAT, "51-tsagent-cloud-init-compat.preset"), encoding="utf-8") as file:
        assert [line.split()[1] for line in file if line.startswith("enable ")] == UNITS
