"""virt-customize: a disk image that exists already gets the agent, its configuration, and is cleaned."""

import glob
import os
import subprocess

import nspawn_tree
from conftest import call, download


def debugfs(image, command):
    """What debugfs prints of an ext4 image that nobody has mounted."""
    return subprocess.check_output(["debugfs", "-R", command, image], stderr=subprocess.DEVNULL).decode()


def test_disk_image_gets_the_agent(work, deb, recipe):
    directory = recipe("virt-customize")
    image = os.path.join(work, "disk.raw")
    with open(image, "wb") as file:
        file.truncate(2 << 30)
    nspawn_tree.run(["mkfs.ext4", "-q", "-d", nspawn_tree.base_tree(), image], limit=120)
    # The appliance's kernel: not installed here, so that this machine's boot stays what it is.
    kernel = os.path.join(work, "kernel")
    meta = download(work, "linux-image-cloud-amd64")
    name = nspawn_tree.run(["dpkg-deb", "-f", meta, "Depends"]).split()[0]
    nspawn_tree.run(["dpkg", "-x", download(work, name), kernel])
    (modules,) = glob.glob(kernel + "/lib/modules/*")
    nspawn_tree.run(["depmod", "-b", kernel, os.path.basename(modules)])
    os.makedirs("/lib/modules", exist_ok=True)  # supermin looks for it on the machine itself
    config = os.path.join(work, "agent.yaml")
    with open(config, "w", encoding="ascii") as file:
        file.write("sources: [nocloud]\n")
    done = call(
        [os.path.join(directory, "bake.sh"), image, deb, config],
        env=dict(
            nspawn_tree.QUIET,
            LIBGUESTFS_BACKEND="direct",
            LIBGUESTFS_BACKEND_SETTINGS="force_tcg",
            SUPERMIN_KERNEL=glob.glob(kernel + "/boot/vmlinuz-*")[0],
            SUPERMIN_MODULES=modules,
            VIRT_CUSTOMIZE_OPTIONS="--no-network --format raw",
        ),
    )
    assert done.returncode == 0, done.stdout
    assert debugfs(image, "cat /etc/machine-id") == "uninitialized\n"
    assert debugfs(image, "cat /etc/tsagent/agent.d/10-image.yaml") == "sources: [nocloud]\n"
    assert " clean " in debugfs(image, "ls /var/lib/tsagent")
    assert "ssh_host_" not in debugfs(image, "ls /etc/ssh")
    assert "tsagent" not in debugfs(image, "ls /var/tmp")
    assert "tsagent-local.service" in debugfs(image, "ls /etc/systemd/system/multi-user.target.wants")
    nspawn_tree.run(["e2fsck", "-f", "-n", image])


def test_usage(recipe):
    done = call([os.path.join(recipe("virt-customize"), "bake.sh"), "image.qcow2"])
    assert done.returncode == 64 and done.stdout.startswith("usage: ")
