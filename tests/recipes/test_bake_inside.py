"""`tsagent bake` called inside an image, as virt-customize and kickstart call it: in a chroot, root `/`."""

import os
import shutil
import sys

import nspawn_tree
from conftest import CHECKOUT, call, install

sys.path.insert(0, os.path.join(CHECKOUT, "tests", "modules"))

from test_gpu_driver_real import OS_RELEASE, RELEASE, repository  # noqa: E402, F401 (a fixture)

CONFIG = "defaults: {gpu_driver: {repository: 'file:///srv/nvidia'}}\n"


def test_driver_is_downloaded_and_nothing_else_is_touched(deb, tree, repository):  # noqa: F811
    image = tree(nspawn_tree.base_tree(packages=nspawn_tree.PACKAGES + ",dnf,rpm"))
    install(image, deb)
    shutil.copytree(repository[len("file://") :], image + "/srv/nvidia")
    nspawn_tree.write(image, "/etc/os-release", OS_RELEASE)
    nspawn_tree.write(image, "/lib/modules/%s/modules.dep" % RELEASE, "")
    nspawn_tree.write(image, "/etc/tsagent/agent.d/10-image.yaml", CONFIG)
    before = nspawn_tree.contents(image, "/etc")
    done = call(["chroot", image, "/usr/bin/tsagent", "bake", "--gpu", "A100"], env=nspawn_tree.QUIET)
    assert done.returncode == 0, done.stdout
    assert "kmod-nvidia-open-dkms, nvidia-driver-cuda, nvidia-fabric-manager (580-open)" in done.stdout
    files = os.listdir(image + "/var/cache/tsagent/packages/files")
    assert sorted(name.rsplit("-", 2)[0] for name in files) == [
        "kernel-devel",
        "kmod-nvidia-open-dkms",
        "nvidia-driver-cuda",
        "nvidia-fabric-manager",
    ]
    assert nspawn_tree.contents(image, "/etc") == before
    assert nspawn_tree.run(["rpm", "--root", image, "-qa"]).strip() == ""
    assert not os.path.exists(image + "/var/lib/tsagent/instances")
