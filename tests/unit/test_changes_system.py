"""Units, host names, verifications and the tuning profile: what each change sees, does and refuses."""

import os
import subprocess
import sys

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe
from tsagent.changes.system import EnableUnit, SetHostname, SwitchTunedProfile, Verify
from tsagent.errors import AgentError
from tsagent.host import Clock, Host, Interrupted, Runner

UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


class CountedClock(Clock):
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.sleeps = 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.sleeps += 1


@pytest.fixture
def tree(tmp_path):
    """A scratch root; `put` writes a file of it."""

    class Tree:
        path = tmp_path / "root"

        def put(self, path, text):
            file = self.path / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

        def links(self):
            """Every link below /etc/systemd/system and where it leads."""
            top = str(self.path / "etc/systemd/system")
            found = {}
            for directory, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(directory, name)
                    if os.path.islink(path):
                        found[path[len(top) + 1 :]] = os.readlink(path)
            return found

        def host(self, systemctl):
            return Host(str(self.path)) if systemctl else Host(str(self.path), runner=Runner("/nonexistent"))

    Tree.path.mkdir()
    return Tree()


UNITS = {
    "plain.service": (UNIT, "plain.service"),
    "several.service": (
        "[Install]\nWantedBy=a.target b.target\nRequiredBy=c.target\nAlias=other.service\n",
        "several.service",
    ),
    "with.service": ("[Install]\nWantedBy=multi-user.target\nAlso=with.timer\n", "with.service"),
    "worker@.service": ("[Install]\nWantedBy=multi-user.target\nAlias=w@%i.service\n", "worker@7.service"),
    "default@.service": ("[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n", "default@.service"),
    "reset.service": ("[Install]\nWantedBy=a.target\nWantedBy=\nWantedBy=b.target\n", "reset.service"),
    "broken.service": ("[Install]\nWantedBy=a.target \\\n  b.target\n", "broken.service"),
    "commented.service": (
        "[Install]\n# WantedBy=a.target\n; Alias=x.service\nWantedBy=b.target\n",
        "commented.service",
    ),
}


@pytest.mark.parametrize("name", sorted(UNITS))
def test_links_made_without_systemctl_are_those_systemctl_makes(tree, name):
    text, unit = UNITS[name]
    made = []
    for systemctl in (True, False):
        tree.put("/usr/lib/systemd/system/" + name, text)
        tree.put(
            "/usr/lib/systemd/system/with.timer", "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n"
        )
        host = tree.host(systemctl)
        change = EnableUnit(unit)
        assert change.probe(host).state == DIFFERS
        change.apply(host)
        assert change.probe(host).state == CONVERGED
        made.append(tree.links())
        for link in made[-1]:
            os.unlink(str(tree.path / "etc/systemd/system" / link))
    assert made[0] == made[1] != {}


def test_an_enabled_unit_is_left_alone(tree):
    tree.put("/usr/lib/systemd/system/a.service", UNIT)
    host = tree.host(False)
    EnableUnit("a").apply(host)
    before = os.lstat(str(tree.path / "etc/systemd/system/multi-user.target.wants/a.service"))
    assert EnableUnit("a").probe(host).state == CONVERGED
    EnableUnit("a").apply(host)
    after = os.lstat(str(tree.path / "etc/systemd/system/multi-user.target.wants/a.service"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_missing_unit_is_named(tree):
    change = EnableUnit("gone.service")
    assert change.probe(tree.host(True)).state == DIFFERS
    with pytest.raises(AgentError) as caught:
        change.apply(tree.host(True))
    assert caught.value.code == "no-such-unit" and "gone.service" in str(caught.value)


@pytest.mark.parametrize("how", ["link", "empty"])
def test_a_masked_unit_is_never_unmasked(tree, how):
    tree.put("/usr/lib/systemd/system/a.service", UNIT)
    tree.put("/etc/systemd/system/a.service", "")
    if how == "link":
        os.unlink(str(tree.path / "etc/systemd/system/a.service"))
        os.symlink("/dev/null", str(tree.path / "etc/systemd/system/a.service"))
    change = EnableUnit("a.service")
    assert change.probe(tree.host(True)).detail == "masked"
    with pytest.raises(AgentError) as caught:
        change.apply(tree.host(True))
    assert caught.value.code == "unit-masked"


def test_a_unit_without_an_install_section_is_only_started(tree):
    tree.put("/usr/lib/systemd/system/static.service", "[Service]\nExecStart=/bin/true\n")
    assert EnableUnit("static.service").probe(tree.host(True)).state == CONVERGED


@pytest.mark.parametrize(
    "name", ["../evil.service", "a/b.service", ".service", "@x.service", "a b.service", "x;y.service"]
)
def test_what_is_no_unit_name_is_refused(tree, name):
    with pytest.raises(AgentError) as caught:
        EnableUnit(name).probe(tree.host(True))
    assert caught.value.code == "bad-unit-name"


def test_an_install_section_cannot_write_outside_the_unit_directory(tree):
    tree.put(
        "/usr/lib/systemd/system/a.service", "[Install]\nAlias=../../../tmp/x.service\nWantedBy=b.target\n"
    )
    EnableUnit("a.service").apply(tree.host(False))
    assert tree.links() == {"b.target.wants/a.service": "/usr/lib/systemd/system/a.service"}
    assert not os.path.lexists(str(tree.path / "tmp/x.service"))


HOSTNAME = """
import sys
sys.path.insert(0, sys.argv[1])
from tsagent.changes.system import SetHostname
from tsagent.host import Host
host = Host("/")
change = SetHostname("tsagent-test.example")
print(change.probe(host).state, change.apply(host), change.probe(host).state)
"""


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_the_kernel_takes_the_host_name(checkout):
    script = "%s -c '%s' %s && uname -n" % (sys.executable, HOSTNAME, checkout)
    done = subprocess.run(["unshare", "--uts", "sh", "-c", script], stdout=subprocess.PIPE, timeout=60)
    assert done.stdout.decode().split() == ["differs", "None", "converged", "tsagent-test.example"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\nb", "a/b", "\u00fc" * 33])
def test_what_no_kernel_takes_as_a_host_name_is_refused(name):
    with pytest.raises(AgentError) as caught:
        SetHostname(name)
    assert caught.value.code == "bad-hostname"


def test_the_longest_host_name_is_taken():
    assert SetHostname("x" * 64).name == "x" * 64


def test_a_verification_looks_until_its_patience_ends(tmp_path):
    clock = CountedClock()
    host = Host(str(tmp_path), clock=clock)
    looks = []

    def look(seen_host):
        looks.append(clock.now)
        return Probe(CONVERGED, "there") if clock.now >= 3 else Probe(DIFFERS, "not yet")

    assert Verify("it is there", look, patience=10).apply(host) == "there"
    assert looks[-1] == 3


@pytest.mark.parametrize("state", [DIFFERS, UNKNOWN])
def test_a_verification_that_fails_says_what_and_what_to_do(tmp_path, state):
    host = Host(str(tmp_path), clock=CountedClock())
    change = Verify(
        "8 GPUs are there",
        lambda seen: Probe(state, "7 are"),
        hint="see dmesg",
        code="gpu-missing",
        patience=2,
    )
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "gpu-missing"
    assert str(caught.value) == "it is not so that 8 GPUs are there: 7 are (see dmesg)"
    assert host.clock.now == 2


def test_a_shutdown_ends_a_patient_verification(tmp_path):
    host = Host(str(tmp_path), clock=CountedClock())
    host.runner.interrupt()
    with pytest.raises(Interrupted):
        Verify("x", lambda seen: Probe(DIFFERS), patience=1000).apply(host)
    assert host.clock.sleeps == 0


def test_a_profile_in_a_tree_is_left_for_the_services_start(tree):
    host = tree.host(True)
    tree.put("/etc/tuned/active_profile", "balanced\n")
    tree.put("/etc/tuned/profile_mode", "auto\n")
    change = SwitchTunedProfile("virtual-guest")
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert (tree.path / "etc/tuned/active_profile").read_text(encoding="utf-8") == "virtual-guest\n"
    assert (tree.path / "etc/tuned/profile_mode").read_text(encoding="utf-8") == "manual\n"


def test_a_profile_tuned_chose_itself_is_not_one_that_was_switched_to(tree):
    tree.put("/etc/tuned/active_profile", "virtual-guest\n")
    tree.put("/etc/tuned/profile_mode", "auto\n")
    assert SwitchTunedProfile("virtual-guest").probe(tree.host(True)).state == DIFFERS


# Answers as systemctl does: SHOWN is what `show` says; each call leaves a line in CALLS.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$CALLS"
if [ "$1" = show ]; then cat "$SHOWN"; fi
"""
TUNED_ADM = """#!/bin/sh
echo "tuned-adm $*" >> "$CALLS"
if [ "$1" = active ]; then echo "Current active profile: virtual-guest"; fi
"""


@pytest.fixture
def booted(tree, tmp_path):
    """A live host whose systemctl and tuned-adm note how they are called; `shown` is tuned's state."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("tuned-adm", TUNED_ADM)):
        text = text.replace("$CALLS", str(tmp_path / "calls")).replace("$SHOWN", str(tmp_path / "shown"))
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    host = Host(str(tree.path), runner=Runner("%s:/usr/bin:/bin" % programs), clock=CountedClock())
    host.live = True
    (tree.path / "run/systemd/system").mkdir(parents=True)

    def shown(text):
        (tmp_path / "shown").write_text(text, encoding="utf-8")

    host.shown = shown
    host.calls = lambda: (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    return host


def test_tuned_is_started_without_waiting_in_the_transaction(booted):
    booted.shown("ActiveState=active\n")
    assert SwitchTunedProfile("virtual-guest").apply(booted) == "in force and verified"
    assert booted.calls()[0] == "start --no-block tuned.service"
    assert "tuned-adm profile virtual-guest" in booted.calls()


def test_tuned_ordered_after_the_agent_is_left_the_choice(booted, tree):
    booted.shown("ActiveState=inactive\nJob=512\n")
    told = SwitchTunedProfile("virtual-guest").apply(booted)
    assert "after the agent" in told
    assert (tree.path / "etc/tuned/active_profile").read_text(encoding="utf-8") == "virtual-guest\n"
    assert (tree.path / "etc/tuned/profile_mode").read_text(encoding="utf-8") == "manual\n"
    assert not [call for call in booted.calls() if call.startswith("tuned-adm")]
    assert booted.clock.now < 60


@pytest.mark.parametrize("shown", ["ActiveState=failed\n", "ActiveState=inactive\n", ""])
def test_tuned_that_does_not_start_is_an_error_at_once(booted, shown):
    booted.shown(shown)
    with pytest.raises(AgentError) as caught:
        SwitchTunedProfile("virtual-guest").apply(booted)
    assert caught.value.code == "tuned-not-started"
    assert booted.clock.sleeps == 0


def test_tuned_that_is_for_ever_starting_is_given_up(booted):
    booted.shown("ActiveState=activating\nJob=512\n")
    with pytest.raises(AgentError) as caught:
        SwitchTunedProfile("virtual-guest").apply(booted)
    assert caught.value.code == "tuned-not-started"


def test_a_unit_is_started_without_waiting_for_it(booted, tree):
    tree.put("/etc/systemd/system/plain.service", UNIT)
    wants = tree.path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "plain.service").symlink_to("/etc/systemd/system/plain.service")
    EnableUnit("plain.service").apply(booted)
    assert booted.calls() == ["start --no-block plain.service"]


@pytest.mark.parametrize("name", ["", "  ", "../x", "-f", "a/b", ".hidden"])
def test_what_is_no_profile_name_is_refused(name):
    with pytest.raises(AgentError) as caught:
        SwitchTunedProfile(name)
    assert caught.value.code == "bad-profile"
