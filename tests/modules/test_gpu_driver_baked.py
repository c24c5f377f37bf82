"""The driver's packages downloaded while the image is built, and installed at a first boot without network.

Real dnf, a repository of packages made here that is gone at the first boot, and machines as recorded.
"""

import json
import os
import shutil
import subprocess
import sys

import jsonschema
import pytest
from test_gpu_driver_real import installed, repository, root  # noqa: F401 (fixtures)

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MACHINES = os.path.join(CHECKOUT, "tests", "machines")
A100_X8 = os.path.join(MACHINES, "hccpnv4h")

pytestmark = [pytest.mark.real, pytest.mark.slow]


class Image:
    """A tree that is baked, and then booted without any network."""

    def __init__(self, root, mirror):  # noqa: F811 (the fixture)
        self.root = root
        self.mirror = mirror

    def configure(self, **defaults):
        text = json.dumps({"defaults": defaults})
        (self.root / "etc/tsagent/agent.d").mkdir(parents=True, exist_ok=True)
        (self.root / "etc/tsagent/agent.d/10-image.yaml").write_text(text, encoding="utf-8")

    def tsagent(self, *words, **options):
        return subprocess.run(
            options.get("before", []) + [sys.executable, "-B", "-m", "tsagent"] + list(words),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
            env=dict(os.environ, PYTHONPATH=CHECKOUT), cwd="/", timeout=300,
        )  # fmt: skip

    def bake(self, *words):
        return self.tsagent("bake", "--root", str(self.root), *words)

    def first_boot(self, machine):
        """Without network and without the repository; the entry of the module gpu_driver."""
        shutil.rmtree(str(self.mirror), ignore_errors=True)
        words = ["--root", str(self.root), "--source", "none", "--stage", "final"]
        hardware = ["--hardware", str(machine)]
        self.result = self.tsagent("run", *(words + hardware), before=["unshare", "-n"])
        status = json.loads((self.root / "run/tsagent/status.json").read_text(encoding="utf-8"))
        return {module["name"]: module for module in status["modules"]}


@pytest.fixture
def image(root, repository, tmp_path):  # noqa: F811
    mirror = tmp_path / "mirror"
    shutil.copytree(repository[len("file://") :], str(mirror))
    image = Image(root, mirror)
    image.configure(gpu_driver={"repository": "file://%s" % mirror})
    return image


@pytest.fixture
def v100(tmp_path):
    """The machine with eight A100, and V100 in their places."""
    machine = tmp_path / "v100"
    shutil.copytree(A100_X8, str(machine), symlinks=True)
    changed = 0
    for top, _, names in os.walk(str(machine / "sys")):
        path = os.path.join(top, "device")
        if "device" in names and os.path.isfile(path):
            with open(path, encoding="ascii") as file:
                text = file.read()
            if text.strip() in ("0x20b0", "0x20b2"):
                with open(path, "w", encoding="ascii") as file:
                    file.write("0x1db6\n")
                changed += 1
    assert changed == 8
    return machine


def test_first_boot_installs_what_was_baked(image):
    result = image.bake("--gpu", "A100")
    assert result.returncode == 0, result.stdout + result.stderr
    assert installed(image.root) == {}  # downloaded, not installed
    assert not (image.root / "etc/yum.repos.d/tsagent-nvidia.repo").exists()
    assert not (image.root / "etc/dnf/modules.d/nvidia-driver.module").exists()
    modules = image.first_boot(A100_X8)
    assert installed(image.root) == {
        "kernel-devel": "5.4.241",
        "kmod-nvidia-open-dkms": "580.159.04",
        "nvidia-driver-cuda": "580.159.04",
        "nvidia-fabric-manager": "580.159.04",
    }, image.result.stdout
    notes = [item["note"] for item in modules["gpu_driver"]["changes"] if item["type"] == "install_packages"]
    assert len(notes) == 2 and all("downloaded ahead" in note for note in notes)


def test_one_image_for_several_gpus(image, v100, tmp_path):
    assert image.bake("--gpu", "A100", "--gpu", "V100").returncode == 0
    other = tmp_path / "clone"
    shutil.copytree(str(image.root), str(other), symlinks=True)
    image.first_boot(A100_X8)
    assert "kmod-nvidia-open-dkms" in installed(image.root)
    assert "kmod-nvidia-latest-dkms" not in installed(image.root)
    Image(other, image.mirror).first_boot(v100)
    assert "kmod-nvidia-latest-dkms" in installed(other)
    assert "kmod-nvidia-open-dkms" not in installed(other)


def test_the_branch_that_the_image_names_is_baked_and_installed(image):
    image.configure(gpu_driver={"repository": "file://%s" % image.mirror, "branch": 550, "flavour": "open"})
    assert image.bake("--gpu", "A100").returncode == 0
    image.first_boot(A100_X8)
    assert installed(image.root)["kmod-nvidia-open-dkms"] == "550.163.01"


def test_another_gpu_than_was_baked_for_is_an_error_that_names_both(image, v100):
    assert image.bake("--gpu", "A100").returncode == 0
    module = image.first_boot(v100)["gpu_driver"]
    assert module["state"] == "failed"
    assert "kmod-nvidia-latest-dkms" in module["reason"]
    assert "downloaded ahead do not serve" in module["reason"] and "(580-open)" in module["reason"]
    assert "kmod-nvidia-latest-dkms" not in installed(image.root)


def test_another_branch_of_the_same_names_is_not_taken(image):
    """The packages of two module streams are called the same."""
    assert image.bake("--gpu", "A100").returncode == 0
    image.configure(gpu_driver={"repository": "file://%s" % image.mirror, "branch": 550, "flavour": "open"})
    module = image.first_boot(A100_X8)["gpu_driver"]
    assert module["state"] == "failed" and "(580-open)" in module["reason"]
    assert "nvidia-driver-cuda" not in installed(image.root)


def test_no_repository_configured_at_the_first_boot(image):
    """The image's own repository file is what the driver was baked from, and it is taken out."""
    image.configure()
    repo = image.root / "etc/yum.repos.d/nvidia.repo"
    repo.parent.mkdir(parents=True)
    repo.write_text("[nvidia]\nname=n\nbaseurl=file://%s\ngpgcheck=0\nenabled=1\n" % image.mirror)
    assert image.bake("--gpu", "A100").returncode == 0
    repo.unlink()
    image.first_boot(A100_X8)
    assert installed(image.root)["nvidia-driver-cuda"] == "580.159.04"


def test_no_repository_and_another_gpu(image, v100):
    image.configure()
    repo = image.root / "etc/yum.repos.d/nvidia.repo"
    repo.parent.mkdir(parents=True)
    repo.write_text("[nvidia]\nname=n\nbaseurl=file://%s\ngpgcheck=0\nenabled=1\n" % image.mirror)
    assert image.bake("--gpu", "A100").returncode == 0
    repo.unlink()
    module = image.first_boot(v100)["gpu_driver"]
    assert module["state"] == "failed" and module["code"] == "gpu-driver-source"
    assert "wanted: branch 580, proprietary" in module["reason"]
    assert "what was downloaded ahead does not serve" in module["reason"]


def test_packages_of_the_image_are_baked_too(image):
    repo = image.root / "etc/yum.repos.d/local.repo"
    repo.parent.mkdir(parents=True)
    repo.write_text("[local]\nname=n\nbaseurl=file://%s\ngpgcheck=0\nenabled=1\n" % image.mirror)
    image.configure(packages={"packages": ["kernel-devel"]})
    assert image.bake().returncode == 0
    modules = image.first_boot(os.path.join(MACHINES, "s5-medium4"))
    assert installed(image.root) == {"kernel-devel": "5.4.241"}, modules["packages"]


def test_clean_keeps_what_was_baked(image):
    assert image.bake("--gpu", "A100").returncode == 0
    assert image.tsagent("clean", "--root", str(image.root), "--logs", "--machine-id").returncode == 0
    image.first_boot(A100_X8)
    assert installed(image.root)["nvidia-driver-cuda"] == "580.159.04"


def test_a_bake_replaces_the_one_before(image):
    image.bake("--gpu", "V100")
    assert image.bake("--gpu", "A100").returncode == 0
    names = os.listdir(str(image.root / "var/cache/tsagent/packages/files"))
    assert not [name for name in names if "latest" in name] and len(names) == 4


def test_json(image, checkout):
    result = image.bake("--gpu", "A100", "--gpu", "H20", "--format", "json")
    document = json.loads(result.stdout)
    with open(os.path.join(checkout, "schemas/outputs/bake.json"), encoding="utf-8") as file:
        jsonschema.Draft4Validator(json.load(file)).validate(document)
    assert {item["gpu"] for item in document["sets"]} == {"A100", "H20"}
    held = set(os.listdir(str(image.root / "var/cache/tsagent/packages/files")))
    assert {name for item in document["sets"] for name in item["files"]} == held


def test_what_cannot_be_baked_is_said_in_a_line(image):
    def fails(code, words, *text):
        result = image.bake(*words)
        assert result.returncode == code and len(result.stderr.splitlines()) == 1, result.stderr
        assert all(part in result.stderr for part in text), result.stderr

    fails(64, ["--gpu", "A1000"], "--gpu A1000", "A100")
    image.configure(gpu_driver={"repository": "file://%s" % image.mirror, "version": "580.10.01"})
    fails(1, ["--gpu", "A100"], "580.10.01", "packages-missing")
    image.configure(gpu_driver={"repository": "file:///nowhere"})
    fails(1, ["--gpu", "A100"], "packages-missing")
    image.configure(gpu_driver={"repository": "file://%s" % image.mirror, "branch": 550})
    fails(1, ["--gpu", "B200"], "gpu-driver-refused")
    image.configure()
    fails(1, ["--gpu", "A100"], "no package repository here", "bake-nothing")
    assert not (image.root / "var/cache/tsagent/packages/partial").exists()
