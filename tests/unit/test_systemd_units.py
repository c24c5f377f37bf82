"""The units: understood by every systemd they are to run on, calling the agent as it expects it."""

import ast
import os
import re
import subprocess

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = os.path.join(CHECKOUT, "packaging", "systemd")
KINDS = (".service", ".target", ".timer")
NAMES = sorted(name for name in os.listdir(UNITS) if name.endswith(KINDS))
DROP_INS = sorted(name for name in os.listdir(UNITS) if name.endswith(".d"))
STAGES = ("local", "network", "final")
SERVICES = [name for name in NAMES if name.endswith(".service")]

OLDEST = 219  # TencentOS Server 2.4 (el7); 239 is that of 3.1 (el8), 252 and newer those of the others

# The version of systemd in which each option in use here came; 0 where it is older than the notes of that.
# Source: "Added in version" of systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5),
# systemd.resource-control(5), systemd.timer(5) of systemd 257, and NEWS.
CAME_WITH = {
    "Unit": {
        "Description": 0,
        "DefaultDependencies": 0,
        "Conflicts": 0,
        "Before": 0,
        "After": 0,
        "Wants": 0,
        "RequiresMountsFor": 201,
        "ConditionPathExists": 0,
        "ConditionPathExistsGlob": 0,
        "ConditionKernelCommandLine": 0,
        "OnFailure": 0,
        "JobTimeoutSec": 0,
        "StopWhenUnneeded": 0,
    },
    "Service": {
        "Type": 0,
        "ExecStart": 0,
        "RemainAfterExit": 0,
        "SuccessExitStatus": 189,
        "KillMode": 187,
        "TimeoutStartSec": 188,
        "TimeoutStopSec": 188,
        "CapabilityBoundingSet": 0,
        "NoNewPrivileges": 187,
        "PrivateDevices": 209,
        "PrivateNetwork": 0,
        "PrivateTmp": 0,
        "ProtectHome": 214,
        "ProtectSystem": 214,
        "RestrictAddressFamilies": 211,
        "SystemCallArchitectures": 209,
        "UMask": 0,
        "TasksMax": 227,
        "OOMPolicy": 243,
    },
    "Timer": {"OnActiveSec": 0, "Unit": 0, "AccuracySec": 209},
    "Install": {"WantedBy": 0, "Also": 0},
}

# What `systemd-analyze security` of systemd 252 looks at, DynamicUser= with User=.
SANDBOXING = (  # noqa: SIM905 (names read better unquoted)
    "AmbientCapabilities CapabilityBoundingSet Delegate DeviceAllow DynamicUser IPAddressDeny KeyringMode "
    "LockPersonality MemoryDenyWriteExecute NoNewPrivileges NotifyAccess PrivateDevices PrivateMounts "
    "PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectClock ProtectControlGroups ProtectHome "
    "ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem "
    "RemoveIPC RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID RootDirectory "
    "SupplementaryGroups SystemCallArchitectures SystemCallFilter UMask User"
).split()

# Kinds of jobs that `systemctl` waits for, unless told not to.
WAITED_FOR = (  # noqa: SIM905
    "start stop restart reload reload-or-restart try-restart condrestart isolate rescue emergency default"
).split()


def text_of(name):
    """A unit file as it stands."""
    with open(os.path.join(UNITS, name), encoding="utf-8") as file:
        return file.read()


def read(name):
    """The options of a unit: (section, option, value), in order."""
    section, found = "", []
    for line in text_of(name).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def values(name, option):
    """The words of every line of an option."""
    return [word for _, key, value in read(name) if key == option for word in value.split()]


def comments_beside(name, option):
    """The block of comment lines that stands before an option, other options between them allowed."""
    block, fresh = [], False
    for line in text_of(name).splitlines():
        if line.startswith("#"):
            if fresh:
                block, fresh = [], False
            block.append(line)
        elif line.startswith(option + "="):
            return " ".join(block)
        else:
            fresh = True
            if not line:
                block = []
    raise AssertionError("%s has no %s" % (name, option))


def test_systemd_has_nothing_to_say_of_them():
    done = subprocess.run(
        ["systemd-analyze", "verify"] + [os.path.join(UNITS, name) for name in NAMES],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (done.returncode, done.stdout.decode("utf-8", "replace")) == (0, "")


def test_distributions_make_host_keys_only_where_there_are_none():
    assert DROP_INS == ["sshd-keygen.service.d", "sshd-keygen@.service.d"]
    for name in DROP_INS:
        option = ("Unit", "ConditionPathExistsGlob", "!/etc/ssh/ssh_host_*_key")
        assert read(os.path.join(name, "50-tsagent.conf")) == [option]
    assert "sshd-keygen.service" in values("tsagent-network.service", "Before")
    assert "sshd-keygen.service" in values("tsagent-host-keys.service", "After")


@pytest.mark.parametrize("name", NAMES)
def test_an_option_newer_than_the_oldest_systemd_says_so(name):
    for section, option, _ in read(name):
        came = CAME_WITH[section][option]
        if came > OLDEST:
            beside = comments_beside(name, option)
            assert "219" in beside and str(came) in beside, "%s: %s" % (option, beside)


@pytest.mark.parametrize("name", SERVICES)
def test_every_way_of_sandboxing_is_used_or_left_out_with_a_reason(name):
    used = {option for _, option, _ in read(name)}
    explained = set()
    for line in text_of(name).splitlines():
        if line.startswith("#"):
            explained.update(re.findall(r"\b([A-Z][A-Za-z]+)=", line))
    assert [option for option in SANDBOXING if option not in used | explained] == []
    assert [option for option in SANDBOXING if option in used & explained] == []


def test_what_users_run_is_not_sandboxed():
    for stage in STAGES:
        name = "tsagent-%s.service" % stage
        assert not {option for _, option, _ in read(name)} & set(SANDBOXING)


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
    holds_sshd = name in ("tsagent-network.service", "tsagent-host-keys.service")
    assert ("sshd.service" in waiting) == ("ssh.service" in waiting) == holds_sshd


@pytest.mark.parametrize("name", NAMES)
def test_no_unit_requires_another(name):
    """A stage that fails must keep nothing from starting, another stage of ours included."""
    options = {option for _, option, _ in read(name)}
    assert not options & {"Requires", "Requisite", "BindsTo", "PartOf", "RequiredBy", "FailureAction"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_limit_bounds_every_stage_that_somebody_waits_for(name):
    limit = values(name, "TimeoutStartSec")
    assert (limit == ["0"]) == (name == "tsagent-final.service")


def test_the_final_stage_waits_for_the_network_for_a_time_only():
    waits = values("tsagent-final.service", "After")
    assert "tsagent-online.target" in waits and not [word for word in waits if "network-online" in word]
    assert "network-online.target" in values("tsagent-online.target", "After")
    assert values("tsagent-online.target", "JobTimeoutSec") == ["5min"]


def test_preset_enables_every_unit_that_can_be_enabled():
    with open(os.path.join(UNITS, "50-tsagent.preset"), encoding="utf-8") as file:
        enabled = [line.split()[1] for line in file if line.startswith("enable ")]
    assert sorted(enabled) == [name for name in NAMES if "[Install]" in text_of(name)]


def word_of(node):
    """What a constant of the source says; None for anything else."""
    if hasattr(node, "value"):
        return node.value
    return getattr(node, "s", None)  # Python 3.6


def systemctl_calls():
    """The argument lists with `systemctl` that stand in the agent's source: (where, words)."""
    for top in ("tsagent", "modules"):
        for directory, _, files in os.walk(os.path.join(CHECKOUT, top)):
            for name in sorted(files):
                if name.endswith(".py"):
                    path = os.path.join(directory, name)
                    with open(path, encoding="utf-8") as file:
                        tree = ast.parse(file.read())
                    for node in ast.walk(tree):
                        if isinstance(node, ast.List):
                            words = [word_of(item) for item in node.elts]
                            if words[:1] == ["systemctl"]:
                                yield "%s:%d" % (os.path.relpath(path, CHECKOUT), node.lineno), words


def test_nothing_waits_for_a_job_of_systemd():
    """A unit ordered after the agent would wait for the agent, and the agent for the unit."""
    calls = list(systemctl_calls())
    assert len(calls) > 5
    for where, words in calls:
        if set(WAITED_FOR) & {word for word in words if isinstance(word, str)}:
            assert "--no-block" in words, where
