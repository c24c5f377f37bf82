"""A Debian machine with a kernel of its own, as a disk image: what QEMU boots.

The tree is that of nspawn_tree.py with Debian's kernel and tuned. Emulated without hardware help a boot is
slow, so the tree and the initial RAM disk hold only the kernel modules that this machine needs.
"""

import fcntl
import glob
import hashlib
import os
import shutil

import nspawn_tree
from nspawn_tree import BenchError, cache, copy, remove, run, write

PACKAGES = nspawn_tree.PACKAGES + ",e2fsprogs,kmod,linux-image-amd64,initramfs-tools,libpam-systemd,tuned"
# What the initial RAM disk needs to find the root file system, and what the machine loads later; with all
# that these depend on. rdma_rxe is the reason for the big kernel: the cloud flavour has none.
BOOT_MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c")
LATER_MODULES = (  # noqa: SIM905 (names read better unquoted)
    "virtio_net nvme virtio_rng autofs4 configfs fuse loop dm_mod efi_pstore qemu_fw_cfg button evdev "
    "rdma_rxe ib_umad ib_uverbs rdma_ucm crc32_generic tcp_bbr sch_fq sch_fq_codel msr"
).split()
INITRAMFS = "MODULES=list\nBUSYBOX=n\nKEYMAP=n\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\nFSTYPE=ext4\n"
# Nothing of the test looks at these, and an emulated processor takes seconds for each.
MASKED = (  # noqa: SIM905
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service "
    "fstrim.timer systemd-tmpfiles-clean.timer serial-getty@ttyS0.service getty@tty1.service "
    "systemd-pstore.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount"
).split()
# What is said in the machine is seen outside at once, on the second serial port.
JOURNAL = "[Journal]\nForwardToConsole=yes\nTTYPath=/dev/ttyS1\nMaxLevelConsole=info\n"
# networkd is this machine's network service. (The nspawn machines have no card.)
ENABLED = ("systemd-networkd.service", "systemd-networkd-wait-online.service", "bench-rdma.service")
RDMA_UNIT = """\
[Unit]
Description=An RDMA device in software, in place of the cluster's
After=systemd-networkd.service
Before=tsagent-final.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/modprobe rdma_rxe
ExecStart=/usr/bin/rdma link add rxe0 type rxe netdev eth0

[Install]
WantedBy=multi-user.target
"""
COLLECTOR = os.path.join(nspawn_tree.HERE, "qemu_collect.py")
COLLECT_UNIT = nspawn_tree.COLLECT_UNIT.replace("collect.py", os.path.basename(COLLECTOR))
ROOT_UUID = "6a1c9c2e-7a0b-4f5e-9d3c-2b8f1e4d7c60"
START = 1 << 20  # bytes before the root partition
ROOT_BYTES = 1200 << 20
DISK_BYTES = 3 << 30


def kernel_tree(packages=PACKAGES, modules=LATER_MODULES):
    """The cached tree with a kernel, without the agent; made first where there is none. Its path.

    `modules` are those of the kernel that the machine may load later.
    """
    base = nspawn_tree.base_tree(packages=packages)
    parts = (os.path.basename(base), BOOT_MODULES, list(modules), INITRAMFS)
    wanted = hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:12]
    tree = os.path.join(cache(), "qemu-" + wanted)
    with open(os.path.join(cache(), "lock-qemu"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(tree):
            partial = tree + ".partial"
            remove(partial)
            _shrink_kernel(copy(base, partial), modules)
            os.rename(partial, tree)
    return tree


def _shrink_kernel(tree, modules):
    """Leave the modules that are named and those they depend on; make the initial RAM disk anew."""
    release = kernel_release(tree)
    keep = set()
    for name in BOOT_MODULES + tuple(modules):
        words = ["chroot", tree, "modprobe", "--set-version", release, "--show-depends", name]
        for line in run(words).splitlines():
            if line.startswith("insmod "):
                keep.add(os.path.realpath(tree + line.split()[1]))
    if not keep:
        raise BenchError("%s: no kernel modules" % tree)
    top = os.path.realpath(os.path.join(tree, "lib/modules", release, "kernel"))
    for path, _, files in os.walk(top):
        for name in files:
            if os.path.realpath(os.path.join(path, name)) not in keep:
                os.unlink(os.path.join(path, name))
    run(["chroot", tree, "depmod", release])
    write(tree, "/etc/initramfs-tools/conf.d/bench", INITRAMFS)
    write(tree, "/etc/initramfs-tools/modules", "\n".join(BOOT_MODULES) + "\n")
    # The modules are named, so nobody need look for hardware.
    os.unlink(os.path.join(tree, "usr/share/initramfs-tools/hooks/udev"))
    for script in glob.glob(os.path.join(tree, "usr/share/initramfs-tools/scripts/*/udev")):
        os.unlink(script)
    run(["chroot", tree, "update-initramfs", "-u", "-k", release], limit=600)


def kernel_release(tree):
    """The release of the one kernel in a tree."""
    names = os.listdir(os.path.join(tree, "lib/modules"))
    if len(names) != 1:
        raise BenchError("%s: %d kernels where one is expected" % (tree, len(names)))
    return names[0]


def prepare(tree):
    """What makes a machine of a tree with the agent: its services, its journal on the second serial port."""
    preset = "".join("enable %s\n" % name for name in ENABLED)
    write(tree, "/etc/systemd/system-preset/05-qemu.preset", preset)
    write(tree, "/etc/systemd/journald.conf.d/bench.conf", JOURNAL)
    write(tree, "/etc/systemd/system/bench-rdma.service", RDMA_UNIT)
    shutil.copy(COLLECTOR, os.path.join(tree, "bench"))
    write(tree, "/etc/systemd/system/bench-collect.service", COLLECT_UNIT)
    # The root is read-only when systemd would apply presets at a first boot: what is to start is enabled in
    # the image.
    run(["systemctl", "--root", tree, "preset", *ENABLED])
    write(tree, "/etc/fstab", "UUID=%s / ext4 defaults 0 1\n" % ROOT_UUID)
    for name in MASKED:
        target = os.path.join(tree, "etc/systemd/system", name)
        if os.path.lexists(target):
            os.unlink(target)
        os.symlink("/dev/null", target)


def agent_image(work):
    """A disk image of a cleaned tree with the agent in it, below the directory `work`."""
    tree = copy(kernel_tree(), os.path.join(work, "qemu"))
    nspawn_tree.install_agent(tree, nspawn_tree.build_package(work))
    prepare(tree)
    nspawn_tree.clean(tree)
    image = make_image(tree, os.path.join(work, "image-qemu"))
    remove(tree)
    return image


class Image:
    """What a machine is started with: a disk, a kernel and its initial RAM disk."""

    def __init__(self, folder):
        self.disk = os.path.join(folder, "disk.raw")
        self.kernel = os.path.join(folder, "vmlinuz")
        self.initrd = os.path.join(folder, "initrd.img")


def make_image(tree, folder):
    """A GPT disk, with a root partition that is smaller than the disk, of a tree; no loop device needed."""
    os.makedirs(folder)
    image = Image(folder)
    release = kernel_release(tree)
    shutil.copy(os.path.join(tree, "boot", "vmlinuz-" + release), image.kernel)
    shutil.copy(os.path.join(tree, "boot", "initrd.img-" + release), image.initrd)
    # As after a package's installation: nothing is to be made anew at the first boot.
    for name in ("etc/.updated", "var/.updated"):
        write(tree, name, "")
    with open(image.disk, "wb") as file:
        file.truncate(DISK_BYTES)
    table = "label: gpt\nstart=%d, size=%d, type=linux, name=root\n" % (START // 512, ROOT_BYTES // 512)
    script = os.path.join(folder, "table")
    with open(script, "w", encoding="ascii") as file:
        file.write(table)
    run(["sh", "-c", 'sfdisk --quiet "$1" < "$2"', "sh", image.disk, script])
    words = ["mkfs.ext4", "-q", "-F", "-U", ROOT_UUID, "-E", "offset=%d,lazy_itable_init=1" % START]
    run(words + ["-d", tree, image.disk, "%dk" % (ROOT_BYTES >> 10)], limit=300)
    return image
