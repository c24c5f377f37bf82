"""The driver's packages through real dnf: a modular repository like NVIDIA's, of packages made here.

Shows that what the module plans pins the branch and the flavour: the repository holds newer branches too.
"""

import os
import subprocess

import pytest

from tsagent.changes.base import CONVERGED
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

pytestmark = pytest.mark.real

RELEASE = "5.4.241-24.0017.23"
SPEC = """
Name: {name}
Version: {version}
Release: {release}
Summary: {name}
License: MIT
BuildArch: noarch
{requires}
%description
A stand-in.
%files
"""
VERSIONS = {550: "550.163.01", 580: "580.159.04", 595: "595.84"}
MODULE = """---
document: modulemd
version: 2
data:
  name: nvidia-driver
  stream: "{stream}"
  version: 20261101000000
  context: abcdef01
  arch: x86_64
  summary: NVIDIA driver
  description: NVIDIA driver
  license:
    module: [MIT]
  artifacts:
    rpms:
{artifacts}
...
"""
CARDS = {"A100": ("20b2", "Ampere"), "V100": ("1db6", "Volta"), "H20": ("2329", "Hopper")}
OS_RELEASE = 'ID="tencentos"\nVERSION_ID="3.1"\nPLATFORM_ID="platform:el8"\n'


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with three branches in five streams, as the module expects NVIDIA's to be."""
    top = tmp_path_factory.mktemp("nvidia")
    packages = [("kernel-devel", "5.4.241", "24.0017.23", "")]
    streams = {}
    for branch, version in VERSIONS.items():
        for name in ("nvidia-driver-cuda", "nvidia-fabric-manager"):
            requires = "Requires: nvidia-kmod = %s" % version if name == "nvidia-driver-cuda" else ""
            packages.append((name, version, "1.el8", requires))
        for flavour, suffix in (("open", "open"), ("latest", "dkms")):
            if (branch, flavour) == (595, "latest"):
                continue
            kmod = "kmod-nvidia-%s-dkms" % flavour
            packages.append((kmod, version, "1.el8", "Provides: nvidia-kmod = %s" % version))
            names = (kmod, "nvidia-driver-cuda", "nvidia-fabric-manager")
            streams["%d-%s" % (branch, suffix)] = ["%s-0:%s-1.el8.noarch" % (name, version) for name in names]
    for number, (name, version, release, requires) in enumerate(packages):
        spec = top / ("%d.spec" % number)
        spec.write_text(
            SPEC.format(name=name, version=version, release=release, requires=requires), encoding="utf-8"
        )
        run("rpmbuild", "-bb", "--quiet", "--define", "_topdir %s/build" % top, str(spec))
    directory = top / "build/RPMS/noarch"
    run("createrepo_c", "--quiet", str(directory))
    text = ""
    for stream, artifacts in sorted(streams.items()):
        text += MODULE.format(stream=stream, artifacts="\n".join("    - " + item for item in artifacts))
    (top / "modules.yaml").write_text(text, encoding="utf-8")
    run("modifyrepo_c", "--mdtype=modules", str(top / "modules.yaml"), str(directory / "repodata"))
    return "file://%s" % directory


@pytest.fixture
def root(tmp_path):
    """The tree of an image that is being built."""
    top = tmp_path / "root"
    for path, text in (
        ("etc/os-release", OS_RELEASE),
        ("lib/modules/%s/modules.dep" % RELEASE, ""),
        ("usr/lib/systemd/system/nvidia-persistenced.service", "[Install]\nWantedBy=multi-user.target\n"),
        ("usr/lib/systemd/system/nvidia-fabricmanager.service", "[Install]\nWantedBy=multi-user.target\n"),
    ):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")
    return top


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")
    return done.stdout.decode("utf-8")


def plan(root, settings, model="A100", count=1, nvswitches=0):
    device, architecture = CARDS[model]
    facts = {
        "instance": {"type": "HCCPNV4h", "family": "HCCPNV4h", "instance_class": "hpc"},
        "kernel": {"release": RELEASE, "version": [5, 4, 241], "line": "tkernel4", "source": "/proc"},
        "os": {"id": "tencentos", "package_manager": "dnf", "rhel_generation": 8},
        "cpu": {"architecture": "x86_64"},
        "virtualization": {"kind": "none"},
        "gpus": [
            {
                "address": "0000:%02x:00.0" % (8 + number),
                "vendor_id": "10de",
                "device_id": device,
                "architecture": architecture,
                "model": model,
                "source": "/sys/bus/pci/devices/0000:%02x:00.0" % (8 + number),
            }
            for number in range(count)
        ],
        "nvswitches": [{"address": "0000:%02x:00.0" % (80 + number)} for number in range(nvswitches)],
    }
    host = Host(str(root))
    context = Context(
        "gpu_driver", {"gpu_driver": settings}, Facts.from_data(facts), host.root, host.hardware
    )
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["gpu_driver"], tree)
    return host, [change for change in module.plan(context) if not change.needs_live]


def apply_all(host, changes):
    """Apply what is not so yet, as the engine would."""
    for change in changes:
        if change.probe(host).state != CONVERGED:
            change.apply(host)


def installed(root):
    """Name to version of the packages in a tree."""
    text = run("rpm", "--root=%s" % root, "-qa", "--qf", "%{NAME} %{VERSION}\\n")
    return dict(line.split() for line in text.splitlines() if line.strip())


def test_eight_a100_with_nvswitches_get_one_version_of_everything(root, repository):
    host, changes = plan(root, {"repository": repository}, count=8, nvswitches=6)
    apply_all(host, changes)
    assert installed(root) == {
        "kernel-devel": "5.4.241",
        "kmod-nvidia-open-dkms": "580.159.04",
        "nvidia-driver-cuda": "580.159.04",
        "nvidia-fabric-manager": "580.159.04",
    }
    for unit in ("nvidia-persistenced.service", "nvidia-fabricmanager.service"):
        assert os.path.islink(str(root / "etc/systemd/system/multi-user.target.wants" / unit))


def test_a_second_run_has_nothing_left_to_do(root, repository):
    host, changes = plan(root, {"repository": repository})
    apply_all(host, changes)
    host, changes = plan(root, {"repository": repository})
    assert [(change.describe(), change.probe(host).state) for change in changes] == [
        (change.describe(), CONVERGED) for change in changes
    ]


def test_a_v100_gets_the_proprietary_modules_of_the_last_branch_that_runs_it(root, repository):
    host, changes = plan(root, {"repository": repository}, model="V100")
    apply_all(host, changes)
    packages = installed(root)
    assert packages["kmod-nvidia-latest-dkms"] == packages["nvidia-driver-cuda"] == "580.159.04"
    assert "kmod-nvidia-open-dkms" not in packages


@pytest.mark.parametrize(
    "settings", [{"branch": 550, "flavour": "open"}, {"version": "550.163.01", "flavour": "open"}]
)
def test_the_branch_and_the_version_a_user_names_are_what_is_installed(root, repository, settings):
    host, changes = plan(root, dict(settings, repository=repository), model="H20", nvswitches=4)
    apply_all(host, changes)
    packages = installed(root)
    assert packages["kmod-nvidia-open-dkms"] == packages["nvidia-fabric-manager"] == "550.163.01"


def test_a_version_the_repository_lacks_is_named_in_the_error(root, repository):
    host, changes = plan(root, {"repository": repository, "version": "580.10.01"})
    with pytest.raises(AgentError) as caught:
        apply_all(host, changes)
    assert "580.10.01" in str(caught.value)
    assert "kmod-nvidia-open-dkms" not in installed(root)


def test_the_stream_file_is_the_one_dnf_writes(root, repository):
    host, changes = plan(root, {"repository": repository})
    for change in changes:
        if change.type in ("write_file", "edit_file"):
            change.apply(host)
    ours = root / "etc/dnf/modules.d/nvidia-driver.module"
    text = ours.read_text(encoding="utf-8")
    ours.unlink()
    run(
        "dnf", "-y", "--installroot=%s" % root, "--releasever=8", "module", "enable", "nvidia-driver:580-open"
    )
    assert ours.read_text(encoding="utf-8") == text
