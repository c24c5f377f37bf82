"""Packages for real: dnf, rpm and createrepo_c with a repository of files, installed into a scratch root."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN
from tsagent.changes.package_managers import PackageManager, refused, why
from tsagent.changes.packages import InstallPackages, RefreshPackages, RestartIfRequired, UpgradePackages
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Clock, CommandResult, Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: A package for tests
License: MIT
BuildArch: noarch
{more}
%description
A package for tests.
%install
mkdir -p %{{buildroot}}/usr/share/{name}
for number in $(seq {files}); do echo {version} $number > %{{buildroot}}/usr/share/{name}/$number; done
%files
/usr/share/{name}
"""
# 1000 files: long enough that a kill comes in the middle of them.
PACKAGES = [
    ("tool", "1.0", 3, "Provides: greeter = 1"),
    ("tool", "2.0", 3, "Provides: greeter = 1"),
    ("plain", "1.0", 1, ""),
    ("large", "1.0", 1000, "Requires: plain"),
    ("broken", "1.0", 1, "Requires: something-nobody-has"),
]


GROUPS = """\
<comps>
  <group>
    <id>workshop</id><name>Work Shop</name><default>true</default><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">tool</packagereq><packagereq type="default">plain</packagereq>
      <packagereq type="optional">large</packagereq>
    </packagelist>
  </group>
</comps>
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository of the packages above, as a directory."""
    top = tmp_path_factory.mktemp("repository")
    for name, version, files, more in PACKAGES:
        spec = top / "package.spec"
        spec.write_text(SPEC.format(name=name, version=version, files=files, more=more), encoding="utf-8")
        macros = ["_topdir %s/build" % top, "_rpmdir %s/rpms" % top, "__os_install_post %{nil}"]
        build = ["rpmbuild", "-bb", "--quiet"] + ["--define=" + macro for macro in macros]
        subprocess.check_output(build + [str(spec)], stderr=subprocess.STDOUT)
    (top / "groups.xml").write_text(GROUPS, encoding="utf-8")
    subprocess.check_call(["createrepo_c", "--quiet", "-g", str(top / "groups.xml"), str(top / "rpms")])
    return top / "rpms"


@pytest.fixture
def root(scratch_root, repository):
    """A tree that knows the repository and has nothing installed."""
    (scratch_root / "etc/yum.repos.d").mkdir()
    text = "[local]\nname=local\nbaseurl=file://%s\ngpgcheck=0\nenabled=1\n" % repository
    (scratch_root / "etc/yum.repos.d/local.repo").write_text(text, encoding="utf-8")
    (scratch_root / "etc/os-release").write_text('ID="tencentos"\nVERSION_ID="4"\n', encoding="utf-8")
    return scratch_root


def make_host(root):
    host = Host(str(root), commands="here")
    host.facts = Facts(host.hardware, host.root)
    return host


@pytest.fixture
def host(root):
    return make_host(root)


def rpm(root, *words):
    return subprocess.check_output(["rpm", "--root", str(root)] + list(words)).decode().split()


def test_one_run_installs_and_the_next_changes_nothing(host, root):
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["packages"], tree)
    settings = {
        "packages": [["tool", "1.0"], {"dnf": ["large"], "apt": ["not-for-here"]}],
        "package_update": True,
    }
    context = Context("packages", settings, host.facts, host.root, host.hardware, commands="here")
    refresh, install = module.plan(context)
    assert install.probe(host).detail == "missing: tool-1.0, large"
    # A look leaves no trace: rpm would make a database.
    assert not any("rpm" in name for _, names, _ in os.walk(str(root)) for name in names)
    refresh.apply(host)
    assert install.apply(host) == "installed tool-1.0, large"
    assert sorted(rpm(root, "-qa", "--qf", "%{NAME}-%{VERSION} ")) == ["large-1.0", "plain-1.0", "tool-1.0"]
    assert (root / "usr/share/tool/3").read_text(encoding="utf-8") == "1.0 3\n"
    assert install.probe(host).state == CONVERGED
    assert install.apply(host) is None


def test_an_unknown_name_does_not_lose_the_others(host, root):
    change = InstallPackages(["tool", "no-such-package", "plain", "broken"])
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "packages-missing"
    assert "no-such-package (Error: Unable to find a match: no-such-package)" in caught.value.message
    assert "broken (" in caught.value.message and "tool" not in caught.value.message
    assert sorted(rpm(root, "-qa", "--qf", "%{NAME} ")) == ["plain", "tool"]
    assert change.probe(host).detail == "missing: no-such-package, broken"


def test_a_group_and_patterns_beside_what_is_not_there(host, root):
    change = InstallPackages(["@workshop", "@no-such-group", "greet*"])
    assert change.probe(host).state == UNKNOWN
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    why = "not installed: @no-such-group (Module or Group 'no-such-group' is not available.)"
    assert caught.value.message == why
    assert sorted(rpm(root, "-qa", "--qf", "%{NAME} ")) == ["plain", "tool"]


def test_what_a_probe_understands(host):
    InstallPackages([["tool", "1.0"]]).apply(host)
    for name in ("tool", "tool-1.0", "tool.noarch", "greeter", "/usr/share/tool/1"):
        assert InstallPackages([name]).probe(host).state == CONVERGED, name
    for name in ("plain", "tool-2.0", "/usr/share/tool/9", "/nowhere"):
        assert InstallPackages([name]).probe(host).state == DIFFERS, name
    assert InstallPackages([["tool", "2.0"]]).probe(host).state == DIFFERS
    for name in ("@core", "tool*", "https://example.org/x.rpm", "-tool"):
        assert InstallPackages(["tool", name]).probe(host).state == UNKNOWN, name
    assert InstallPackages(["tool"], manager="zypper").probe(host).state == UNKNOWN


def test_upgrade(host, root):
    InstallPackages([["tool", "1.0"]]).apply(host)
    RefreshPackages().apply(host)
    UpgradePackages().apply(host)
    assert rpm(root, "-q", "tool", "--qf", "%{VERSION}") == ["2.0"]
    assert (root / "usr/share/tool/1").read_text(encoding="utf-8") == "2.0 1\n"


def test_a_repository_that_cannot_be_reached(host, root):
    (root / "etc/yum.repos.d/local.repo").write_text(
        "[local]\nname=local\nbaseurl=file:///nowhere\ngpgcheck=0\nenabled=1\n", encoding="utf-8"
    )
    (root / "etc/dnf").mkdir(exist_ok=True)
    (root / "etc/dnf/dnf.conf").write_text("[main]\nskip_if_unavailable=1\n", encoding="utf-8")
    assert RefreshPackages().apply(host) == "could not be reached and left out: local"
    (root / "etc/dnf/dnf.conf").write_text("[main]\nskip_if_unavailable=0\n", encoding="utf-8")
    with pytest.raises(AgentError) as caught:
        RefreshPackages().apply(host)
    assert caught.value.code == "packages-refresh" and "Failed to download metadata" in caught.value.message


INSTALL = """
import sys
sys.path.insert(0, sys.argv[1])
from tsagent.changes.packages import InstallPackages
from tsagent.facts import Facts
from tsagent.host import Host
host = Host(sys.argv[2], commands="here")
host.facts = Facts(host.hardware, host.root)
InstallPackages(["large", "tool"]).apply(host)
"""


@pytest.mark.parametrize("moment", ["1", "500", "1000"])
def test_dnf_is_killed_in_the_middle_and_the_run_resumed(host, root, checkout, moment):
    """The agent and dnf get SIGKILL as soon as a certain file of a package is there."""
    change = InstallPackages(["large", "tool"])
    before = change.before(host)
    process = subprocess.Popen([sys.executable, "-c", INSTALL, checkout, str(root)], start_new_session=True)
    mark = str(root / "usr/share/large" / moment)
    deadline = time.monotonic() + 60
    while not any(name.startswith(mark) for name in names_like(mark)) and process.poll() is None:
        assert time.monotonic() < deadline
    with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="ascii") as stream:
        tools = [int(word) for word in stream.read().split()]
    process.kill()
    process.wait()
    assert tools, "dnf had ended before it could be killed"
    for tool in tools:
        os.kill(tool, signal.SIGKILL)
        while os.path.exists("/proc/%d" % tool) and state_of(tool) not in "ZX":
            pass

    (root / "usr/share/large/not-rpm;0000000a").write_text("kept", encoding="utf-8")
    assert change.probe_resumed(host, before).state == DIFFERS
    change.heal(host, before)
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert sorted(rpm(root, "-qa", "--qf", "%{NAME} ")) == ["large", "plain", "tool"]
    subprocess.check_call(["rpm", "--root", str(root), "-V", "large", "tool", "plain"])
    names = {str(number) for number in range(1, 1001)} | {"not-rpm;0000000a"}
    assert set(os.listdir(str(root / "usr/share/large"))) == names


def names_like(path):
    """Paths in the directory of `path`; rpm writes a file under a temporary name first."""
    directory = os.path.dirname(path)
    try:
        return [os.path.join(directory, name) for name in os.listdir(directory)]
    except OSError:
        return []


def state_of(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


class ReleasingClock(Clock):
    """A clock whose third pause lets the lock go, and whose pauses take as long as they say at once."""

    def __init__(self, holder=None):
        self.holder = holder
        self.now = 0.0
        self.pauses = 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.pauses += 1
        if self.pauses == 3 and self.holder is not None:
            self.holder.stdin.close()
            self.holder.wait()


HOLD = """
import fcntl, sys
stream = open(sys.argv[1], "w")
fcntl.lockf(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(host):
    """The lock of the tree's rpm database, held by another process."""
    place = subprocess.check_output(["rpm", "--eval", "%{_dbpath}"]).decode().strip()
    path = host.root.root + place + "/.rpm.lock"
    os.makedirs(os.path.dirname(path))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    yield holder
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_another_package_manager_is_waited_for(host, lock):
    host.clock = ReleasingClock(lock)
    PackageManager(host).wait_for_others()
    assert host.clock.pauses == 3


def test_but_not_for_ever(host, lock):
    host.clock = ReleasingClock()
    with pytest.raises(AgentError) as caught:
        InstallPackages(["tool"]).apply(host)
    assert caught.value.code == "packages-locked"
    assert 299 <= host.clock.now <= 302


def test_dpkg_of_a_tree(scratch_root):
    """The database of this machine's dpkg, seen in a tree."""
    names = ["dpkg", "no-such-package", "bash:amd64", ["dpkg", "0.1"]]
    if shutil.which("dpkg-query") is None:
        pytest.skip("this is no Debian: there is no dpkg to look at")
    shutil.copytree("/var/lib/dpkg/info", str(scratch_root / "var/lib/dpkg/info"))
    shutil.copy("/var/lib/dpkg/status", str(scratch_root / "var/lib/dpkg/status"))
    host = make_host(scratch_root)
    missing, unclear = PackageManager(host, "apt").missing(names + ["dp*"])
    assert (missing, unclear) == (["no-such-package", ["dpkg", "0.1"]], ["dp*"])


def test_apt_waits_for_its_locks(scratch_root):
    host = make_host(scratch_root)
    host.clock = ReleasingClock()
    host.root.write_atomic("/var/lib/dpkg/lock-frontend", b"")
    PackageManager(host, "apt").wait_for_others()
    assert host.clock.pauses == 0
    path = str(scratch_root / "var/lib/dpkg/lock-frontend")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(AgentError, match="another package manager has held"):
        PackageManager(host, "apt").wait_for_others()
    holder.communicate()


def test_a_restart_that_is_required(host):
    change = RestartIfRequired()
    host.runner.path = "/nonexistent"
    assert (change.probe(host).state, change.wants_reboot) == (CONVERGED, False)
    host.root.write_atomic("/run/reboot-required", b"*** System restart required ***\n")
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.wants_reboot is True


def test_needs_restarting_is_asked(host, tmp_path):
    tool = tmp_path / "needs-restarting"
    host.runner.path = "%s:%s" % (tmp_path, host.runner.path)
    for status, state in ((0, CONVERGED), (1, DIFFERS)):
        tool.write_text('#!/bin/sh\n[ "$*" = -r ] && exit %d\n' % status, encoding="utf-8")
        tool.chmod(0o755)
        assert RestartIfRequired().probe(host).state == state


@pytest.mark.parametrize(
    "output, reason, unknown",
    [
        (b"x\nNo match for argument: nosuch\nError: Unable to find a match: nosuch\n", "Error: Unable", True),
        (b"No package nosuch available.\nNothing to do\n", "No package nosuch", True),
        (b"Reading lists...\nE: Unable to locate package nosuch\n", "E: Unable to locate", False),
        (b"Complete!\n", "Complete!", False),
        (
            (
                b"\nYou have enabled checking of packages via GPG keys. This is a good thing.\n"
                b"Problem repository: [x]\npassword: s3cret\nusername: u\n"
            ),
            "no GPG key is installed",
            False,
        ),
    ],
)
def test_what_the_managers_say(output, reason, unknown):
    assert why(CommandResult(["dnf"], 1, output, 0.1, False, 1)).startswith(reason)
    assert refused(output.decode(), "nosuch") is unknown


def test_no_manager():
    host = Host("/")
    with pytest.raises(AgentError, match="no package manager is known"):
        PackageManager(host)


@pytest.mark.parametrize(
    "config, valid",
    [
        ({"packages": ["a", ["b", "1.0"], {"apt": ["c", ["d", "2"]], "snap": ["e"], "dnf": ["f"]}]}, True),
        ({"package_update": True, "package_upgrade": False, "package_reboot_if_required": True}, True),
        ({"apt_update": False, "apt_upgrade": False, "apt_reboot_if_required": False}, True),
        ({"packages": ["p1", ["p2"]]}, False),
        ({"packages": ["p1", ["p2", "p3", "p4"]]}, False),
        ({"packages": []}, False),
        ({"packages": [{"zypper": ["x"]}]}, False),
        ({"packages": [{"apt": "x"}]}, False),
        ({"packages": [1]}, False),
        ({"package_update": "yes"}, False),
    ],
)
def test_schema(config, valid, checkout):
    with open(checkout + "/schemas/packages.json", encoding="utf-8") as stream:
        schema = json.load(stream)
    assert jsonschema.Draft4Validator(schema).is_valid(config) is valid
