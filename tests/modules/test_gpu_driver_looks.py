"""The looks at a driver, with stand-ins for NVIDIA's tools: no GPU is needed to see each way they fail."""

import importlib
import os

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.facts import Facts
from tsagent.host import Host, Runner
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (root@build)\n"
PROPRIETARY = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8 12:41:17 UTC 2025\n"


@pytest.fixture
def machine(tmp_path):
    """A host whose programs are the scripts a test puts down, and whose /proc is a directory."""
    tools = tmp_path / "bin"
    tools.mkdir()
    hardware = tmp_path / "hardware"
    (hardware / "proc/driver/nvidia").mkdir(parents=True)

    def make(driver=None, **scripts):
        for name, script in scripts.items():
            path = tools / name.replace("_", "-")
            path.write_text("#!/bin/sh\n" + script + "\n", encoding="utf-8")
            os.chmod(str(path), 0o755)
        version = hardware / "proc/driver/nvidia/version"
        if driver:
            version.write_text(driver, encoding="utf-8")
        return Host(str(tmp_path), hardware=str(hardware), runner=Runner(str(tools)))

    return make


@pytest.fixture
def looks():
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["gpu_driver"], tree)
    return importlib.import_module(module.__name__ + ".looks")


def test_versions_of_both_flavours_are_read(looks):
    assert looks.loaded_version(OPEN) == "580.159.04"
    assert looks.loaded_version(PROPRIETARY) == "550.163.01"
    assert looks.loaded_version("something else 12.3") is None
    assert looks.loaded_version(None) is None


LIST = (
    "echo 'GPU 0: NVIDIA A100 (UUID: GPU-1)'; echo '  MIG 1g.5gb Device 0: (UUID: MIG-1)'; "
    "echo 'GPU 1: NVIDIA A100 (UUID: GPU-2)'"
)


def test_every_gpu_must_be_listed_and_shares_of_one_do_not_count(machine, looks):
    host = machine(nvidia_smi=LIST)
    assert looks.lists_every_gpu(2)(host).state == CONVERGED
    seen = looks.lists_every_gpu(8)(host)
    assert (seen.state, seen.detail) == (DIFFERS, "nvidia-smi lists 2 of 8")


def test_a_failing_or_missing_nvidia_smi_says_so(machine, looks):
    assert looks.lists_every_gpu(1)(machine()).detail == "nvidia-smi is not installed"
    words = "couldn't communicate with the NVIDIA driver"
    seen = looks.lists_every_gpu(1)(machine(nvidia_smi='echo "%s"; exit 9' % words))
    assert seen.state == DIFFERS and words in seen.detail


def test_a_module_of_another_version_than_the_package_differs(machine, looks):
    agree = looks.versions_agree(["kmod-nvidia-open-dkms"])
    assert agree(machine(OPEN, rpm="echo 580.159.04")).state == CONVERGED
    seen = agree(machine(OPEN, rpm="echo 595.84"))
    assert (seen.state, seen.detail) == (DIFFERS, "580.159.04 is loaded, 595.84 is installed")


def test_without_a_package_the_module_file_tells(machine, looks):
    agree = looks.versions_agree(["kmod-nvidia-open-dkms"])
    absent = "echo 'package is not installed'; exit 1"
    assert agree(machine(PROPRIETARY, rpm=absent, modinfo="echo 550.163.01")).state == CONVERGED
    assert agree(machine(PROPRIETARY, rpm=absent, modinfo="exit 1")).state == DIFFERS


def test_nothing_loaded_differs(machine, looks):
    assert looks.is_loaded(machine()).state == DIFFERS
    assert looks.versions_agree([])(machine()).detail == "the module nvidia is not loaded"


def test_persistence_must_be_on_for_each_gpu(machine, looks):
    assert looks.persistence_is_on(machine(nvidia_smi="echo Enabled; echo Enabled")).state == CONVERGED
    assert (
        looks.persistence_is_on(machine(nvidia_smi="echo Enabled; echo Disabled")).detail == "off for 1 of 2"
    )


def test_the_fabric_manager_must_be_of_the_exact_version_and_run(machine, looks):
    fits = looks.fabric_manager_fits
    assert fits(machine(OPEN, rpm="echo 580.159.04", systemctl="echo active")).state == CONVERGED
    assert (
        "its service is failed" in fits(machine(OPEN, rpm="echo 580.159.04", systemctl="echo failed")).detail
    )
    assert fits(machine(OPEN, rpm="echo 580.95.05", systemctl="echo active")).state == DIFFERS
    assert "not installed" in fits(machine(OPEN, rpm="exit 1")).detail


def test_another_installer_is_known_by_its_command_line(looks):
    helper = "/bin/bash\0/usr/local/qcloud/nv/nv_driver_install_helper.sh\0"
    assert looks.is_other_installer(helper)
    assert not looks.is_other_installer("/usr/bin/vi\0/root/notes about nv_driver_install_helper.sh.txt\0")
    assert not looks.is_other_installer(None)


FACTS = {
    "instance": {"type": "GN7.2XLARGE32", "family": "GN7", "instance_class": "gpu"},
    "kernel": {"release": "5.4.241-24.0017.23", "version": [5, 4, 241], "line": "tkernel4"},
    "os": {"id": "tencentos", "package_manager": "dnf", "rhel_generation": 8},
    "virtualization": {"kind": "kvm"},
    "gpus": [
        {
            "address": "0000:00:08.0",
            "vendor_id": "10de",
            "device_id": "1db6",
            "architecture": "Volta",
            "model": "V100",
        }
    ],
}
REPOSITORY = "[cuda]\nname=cuda\nbaseurl=https://mirror.example/cuda\n"


@pytest.mark.parametrize(
    "settings,code",
    [
        ({"flavour": "open"}, "gpu-driver-refused"),
        ({"branch": 595}, "gpu-driver-refused"),
        ({"branch": "abc"}, "bad-branch"),
        ({"branch": 550, "version": "580.159.04"}, "bad-branch"),
        ({"version": "580"}, "bad-version"),
        ({"repository": "https://user:hunter2@mirror.example/"}, "bad-repository"),
        ({"repository": "https://mirror.example/\n[evil]"}, "bad-repository"),
        ({"repository": "https://mirror.example/\n"}, "bad-repository"),
        ({"repository": "http://mirror.example/cuda/"}, "bad-repository"),
        ({"version": "580.159.04\n"}, "bad-version"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(tmp_path, settings, code):
    refused(tmp_path, settings, code, REPOSITORY)


def test_an_asked_for_driver_without_a_repository_is_an_error(tmp_path):
    refused(tmp_path, {"enabled": True}, "gpu-driver-source", None)


def refused(tmp_path, settings, code, repository):
    from tsagent.errors import AgentError

    if repository:
        (tmp_path / "etc/yum.repos.d").mkdir(parents=True)
        (tmp_path / "etc/yum.repos.d/cuda.repo").write_text(repository, encoding="utf-8")
    host = Host(str(tmp_path))
    context = Context(
        "gpu_driver", {"gpu_driver": settings}, Facts.from_data(FACTS), host.root, host.hardware
    )
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["gpu_driver"], tree)
    with pytest.raises(AgentError) as caught:
        list(module.plan(context))
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)
