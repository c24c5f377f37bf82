"""The units: understood by the oldest systemd they are to run on, calling the agent as it expects it."""

import os
import subprocess

import pytest

UNITS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "packaging", "systemd"
)
NAMES = sorted(name for name in os.listdir(UNITS) if not name.endswith(".preset"))
STAGES = ("local", "network", "final")

# Of the options that systemd 219 has, those in use here. Source: systemd.unit(5), systemd.service(5) and
# systemd.kill(5) of that version.
KNOWN_TO_219 = {
    "Unit": {
        "Description",
        "DefaultDependencies",
        "Conflicts",
        "Before",
        "After",
        "Wants",
        "RequiresMountsFor",
        "ConditionPathExists",
    },
    "Service": {
        "Type",
        "ExecStart",
        "RemainAfterExit",
        "SuccessExitStatus",
        "KillMode",
        "TimeoutStartSec",
        "TimeoutStopSec",
    },
    "Install": {"WantedBy", "Also"},
}


def read(name):
    """The options of a unit: (section, option, value), in order."""
    section, found = "", []
    with open(os.path.join(UNITS, name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.append((section, key, value))
    return found


def values(name, option):
    """The words of every line of an option."""
    return [word for _, key, value in read(name) if key == option for word in value.split()]


def test_systemd_has_nothing_to_say_of_them():
    done = subprocess.run(
        ["systemd-analyze", "verify"] + [os.path.join(UNITS, name) for name in NAMES],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (done.returncode, done.stdout.decode("utf-8", "replace")) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_the_oldest_systemd_knows_every_option(name):
    unknown = [key for section, key, _ in read(name) if key not in KNOWN_TO_219[section]]
    assert unknown == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_called_by_the_line_that_starts_the_least(stage):
    name = "tsagent-%s.service" % stage
    local = "/usr/bin/python3 -I -S /usr/libexec/tsagent/agent local"
    line = local if stage == "local" else "/bin/sh /usr/libexec/tsagent/stage " + stage
    assert values(name, "ExecStart") == line.split()
    # The local stage says when it is done; the process goes on.
    assert values(name, "Type") == ["notify" if stage == "local" else "oneshot"]
    assert values(name, "SuccessExitStatus") == ["2"]


def test_later_stages_are_skipped_when_nothing_is_due():
    skips = {stage: values("tsagent-%s.service" % stage, "ConditionPathExists") for stage in STAGES}
    path = "!/run/tsagent/nothing-due"
    assert skips == {"local": [], "network": [path], "final": [path]}


@pytest.mark.parametrize("name", NAMES)
def test_login_waits_for_none_but_sshd_for_the_network_stage(name):
    waiting = values(name, "Before")
    assert not [
        word for word in waiting if "getty" in word or "user-sessions" in word or "multi-user" in word
    ]
    assert ("sshd.service" in waiting) == ("ssh.service" in waiting) == (name == "tsagent-network.service")


def test_preset_enables_every_unit():
    with open(os.path.join(UNITS, "50-tsagent.preset"), encoding="utf-8") as file:
        enabled = [line.split()[1] for line in file if line.startswith("enable ")]
    assert sorted(enabled) == NAMES
