"""The RPM packages, installed, upgraded and removed by dnf from a repository that createrepo_c made."""

import glob
import importlib.util
import os
import shutil
import subprocess

import pytest
from builder import LATER, checkout_data, run
from installed import (
    Recorder,
    assert_bytecode_is_valid,
    assert_enabled,
    assert_validators_are_complete,
    difference,
    inside,
    leave_traces,
    snapshot,
)

PYTHON = {"el7": "3.6", "el8": "3.6", "tl4": "3.11"}
COMMON = ["/bin/sh", "systemd", "/usr/bin/python3"]
REQUIRED = {
    "el7": ["python36-PyYAML", "python36-jsonschema", "python36-netifaces", "python36-requests"],
    "el8": ["python3-jsonschema", "python3-netifaces", "python3-pyyaml", "python3-requests"],
    "tl4": ["python3-jsonschema", "python3-netifaces", "python3-pyyaml", "python3-requests"],
}
# The package managers' own, and what makes the tree a system that runs.
BOOKS = (
    "/run/systemd",
    "/var/lib/rpm",
    "/var/lib/dnf",
    "/var/cache/dnf",
    "/var/log",
    "/dev",
    "/etc/ld.so.cache",
)

STUB = """\
Name: distribution-stub
Version: 1
Release: 1
Summary: What the distribution has
License: none
BuildArch: noarch
%(provides)s
%%description
%(target)s
%%install
%%files
%(folders)s
"""
# Folders that are the distribution's: of its packages `filesystem` and `python3-libs`.
FOLDERS = ["/usr/share/man/man%d" % section for section in (1, 5, 8)] + [
    "/usr/share/doc",
    "/usr/share/licenses",
]


@pytest.fixture(params=sorted(PYTHON))
def system(request, tmp_path, debian, rpms):
    """A tree that stands in for one distribution, with a repository of this checkout's packages."""
    return System(request.param, tmp_path, debian("bookworm"), rpms)


class System:
    def __init__(self, target, work, tree, packages):
        self.target = target
        self.tree = tree
        self.python = [find_python(PYTHON[target])]
        self.site = tree + "/usr/lib/python%s/site-packages" % PYTHON[target]
        self.repository = str(work / "repository")
        self.home = str(work / "home")
        os.makedirs(self.home)
        os.makedirs(self.repository)
        # Where those distributions keep it; Debian's rpm has another place.
        with open(self.home + "/.rpmmacros", "w", encoding="utf-8") as file:
            file.write("%_dbpath /var/lib/rpm\n")
        self.build_stub(work)
        self.publish(packages)
        self.dnf("install", "distribution-stub")

    def environment(self):
        return dict(os.environ, HOME=self.home, LC_ALL="C.UTF-8")

    def build_stub(self, work):
        provides = COMMON + REQUIRED[self.target] + ["python(abi) = " + PYTHON[self.target]]
        spec = work / "stub.spec"
        lines = "".join("Provides: %s\n" % name for name in provides)
        python = "/usr/lib/python" + PYTHON[self.target]
        folders = FOLDERS + [python, python + "/site-packages"]
        text = STUB % {
            "provides": lines,
            "target": self.target,
            "folders": "".join("%%dir %s\n" % folder for folder in folders),
        }
        text = text.replace(
            "%install\n", "%install\nmkdir -p " + " ".join("%{buildroot}" + f for f in folders) + "\n"
        )
        spec.write_text(text)
        run(
            ["rpmbuild", "-bb", "--define", "_topdir %s" % (work / "stub"), str(spec)], env=self.environment()
        )
        shutil.copy(str(work / "stub/RPMS/noarch/distribution-stub-1-1.noarch.rpm"), self.repository)

    def package(self, name):
        """The file of a package."""
        (found,) = glob.glob("%s/%s-[0-9]*.noarch.rpm" % (self.repository, name))
        return found

    def publish(self, packages):
        """Add a folder's packages for this target to the repository."""
        for name in os.listdir(packages):
            if ".%s." % self.target in name:
                shutil.copy(os.path.join(packages, name), self.repository)
        run(["createrepo_c", "-q", self.repository])

    def dnf(self, *words):
        options = [
            "--installroot=" + self.tree,
            "--releasever=8",
            "--repofrompath=local,file://" + self.repository,
            "--repo=local",
            "--setopt=local.gpgcheck=0",
            "--refresh",
        ]
        output = run(["dnf", "-y"] + options + list(words), env=self.environment())
        assert "scriptlet failed" not in output, output  # that is no failure to dnf
        return output

    def rpm(self, *words):
        return run(["rpm", "--root", self.tree] + list(words), env=self.environment())

    def rpm_verify(self):
        """What `rpm -V` says, a line each; it fails where it says anything."""
        done = subprocess.run(
            ["rpm", "--root", self.tree, "-V", "tsagent"],
            stdout=subprocess.PIPE,
            env=self.environment(),
            timeout=60,
        )
        return done.stdout.decode("utf-8").splitlines()

    def names(self):
        return self.rpm("-qa", "--qf", "%{NAME} %{VERSION}\\n")


def find_python(version):
    """The interpreter that the build takes for this version."""
    path = os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "rpm", "build.py"
    )
    spec = importlib.util.spec_from_file_location("rpm_build", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.find_python(version)


def test_installed_upgraded_removed(system, later_rpms):
    before = snapshot(system.tree, BOOKS)
    recorder = Recorder(system.tree)
    system.dnf("install", "tsagent")
    # Nothing is started on the machine that it comes to.
    assert recorder.end() <= {"preset", "daemon-reload"}
    assert system.rpm_verify() == []
    assert_enabled(system.tree)
    assert_bytecode_is_valid(system.python, system.site)
    assert_validators_are_complete(system.python, system.site)
    with open(system.tree + "/usr/bin/tsagent", encoding="utf-8") as file:
        assert file.readline() == "#!/usr/bin/python3 -I\n"
    assert os.stat(system.tree + "/var/lib/tsagent").st_mode & 0o7777 == 0o700
    assert not os.path.exists(system.tree + "/var/log/tsagent.log")
    for path in checkout_data():
        assert os.path.exists(os.path.join(system.site, "tsagent", path)), path

    # A boot leaves its state, and the administrator decides otherwise.
    leave_traces(system.tree)
    with open(system.tree + "/etc/tsagent/agent.yaml", "a", encoding="utf-8") as file:
        file.write("sources: [nocloud]\n")
    run(["systemctl", "--root", system.tree, "disable", "tsagent-final.service"])

    system.publish(later_rpms)
    recorder = Recorder(system.tree)
    system.dnf("upgrade", "tsagent")
    assert recorder.end() <= {"daemon-reload"}
    assert "tsagent " + LATER in system.names()
    with open(system.tree + "/etc/tsagent/agent.yaml", encoding="utf-8") as file:
        assert file.read().endswith("sources: [nocloud]\n")
    assert os.path.exists(system.tree + "/var/lib/tsagent/instances/i-1/journal.jsonl")
    links = os.listdir(system.tree + "/etc/systemd/system/multi-user.target.wants")
    assert "tsagent-local.service" in links and "tsagent-final.service" not in links
    assert_bytecode_is_valid(system.python, system.site)
    changed = [line for line in system.rpm_verify() if not line.endswith("/etc/tsagent/agent.yaml")]
    assert changed == []

    recorder = Recorder(system.tree)
    system.dnf("remove", "tsagent")
    assert recorder.end() <= {"disable", "daemon-reload"}
    # rpm keeps a configuration file that somebody edited, under another name.
    saved = system.tree + "/etc/tsagent/agent.yaml.rpmsave"
    assert os.path.exists(saved)
    os.unlink(saved)
    os.rmdir(system.tree + "/etc/tsagent")
    assert difference(before, snapshot(system.tree, BOOKS)) == []
    assert [name for name in os.listdir(system.tree + "/var/log") if "tsagent" in name] == []


def test_the_installed_command_and_the_units_launcher_run_on_the_systems_python(debian, tmp_path, rpms):
    system = System("tl4", tmp_path, debian("bookworm"), rpms)
    system.dnf("install", "tsagent")
    # The tree's Python is 3.11 as well, and looks elsewhere: it is shown this distribution's folder.
    with open(
        system.tree + "/usr/lib/python3/dist-packages/site-packages.pth", "w", encoding="utf-8"
    ) as file:
        file.write("/usr/lib/python3.11/site-packages\n")
    assert inside(system.tree, "/usr/bin/tsagent", "--version").startswith("tsagent ")
    assert "kernel_parameters" in inside(system.tree, "/usr/bin/tsagent", "modules")
    # Without `site` the launcher names the folders itself, that of libraries with C parts among them.
    os.makedirs(system.tree + "/usr/lib64/python3.11")
    os.symlink("/usr/lib/python3/dist-packages", system.tree + "/usr/lib64/python3.11/site-packages")
    output = inside(system.tree, "/usr/bin/python3", "-I", "-S", "-c", IMPORTS)
    assert output == "tsagent.cli.unit\n"


# The launcher up to where it would run a stage.
IMPORTS = """
with open("/usr/libexec/tsagent/agent") as file:
    text = file.read()
head, found, _ = text.partition("code = main(")
assert found
exec(head)
import jsonschema, netifaces, requests, yaml
print(main.__module__)
"""


def test_cloud_inits_command_is_a_package_of_its_own(system):
    system.dnf("install", "tsagent")
    before = snapshot(system.tree, BOOKS)
    assert not os.path.exists(system.tree + "/usr/bin/cloud-init")
    system.dnf("install", "tsagent-cloud-init-compat")
    assert system.rpm("-V", "tsagent-cloud-init-compat") == ""
    assert_enabled(system.tree, "compat")
    os.makedirs(system.tree + "/var/lib/cloud")
    os.symlink("/run/cloud-init/instance", system.tree + "/var/lib/cloud/instance")
    system.dnf("remove", "tsagent-cloud-init-compat")
    assert difference(before, snapshot(system.tree, BOOKS)) == []
    assert (
        system.rpm("-q", "--conflicts", "-p", system.package("tsagent-cloud-init-compat")).strip()
        == "cloud-init"
    )
