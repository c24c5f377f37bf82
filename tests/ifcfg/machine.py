"""Runs test_ifcfg_kernel.py in a machine whose kernel has bonds, VLANs, VRFs and dummies.

    machine.py [PYTEST'S WORDS...]

Debian's kernel comes with apt and is kept; nothing is installed. QEMU boots it (emulated: KVM is not asked
for) on this file system, which it sees through 9p, read-only, with an overlay in memory above. Exit status:
pytest's.
"""

import glob
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

from plugin import CACHE, built

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = (
    "virtio_pci", "9pnet_virtio", "9p", "overlay", "veth", "bridge", "bonding", "8021q", "vrf", "dummy",
)  # fmt: skip
LIMIT = 1500  # seconds; about 500 are needed
# Emulated, everything takes twenty times as long: the tests' patience grows with it.
PATIENCE = 8
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read module; do $b insmod /modules/$module max_bonds=0 || $b insmod /modules/$module; done </order
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose host /host
$b mount -t tmpfs none /memory
$b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work none /new
for name in proc sys dev; do $b mount --move /$name /new/$name; done
$b mount -t tmpfs none /new/run
$b mkdir -p /new/lib/modules /new/dev/shm
$b mount --bind /new{modules} /new/lib/modules
$b chroot /new /bin/sh -c {command} >/new/dev/ttyS1 2>&1
echo "status $?" >/new/dev/ttyS1
echo o >/new/proc/sysrq-trigger
$b sleep 60
"""


def kernel():
    """The unpacked packages of a kernel and a static busybox."""
    target = os.path.join(CACHE, "kernel")
    if os.path.exists(target):
        return target
    depends = subprocess.check_output(["apt-cache", "depends", "linux-image-amd64"]).decode("utf-8")
    name = next(word for word in depends.split() if word.startswith("linux-image-"))
    if name == "linux-image-amd64":
        name = [word for word in depends.split() if word.startswith("linux-image-")][1]
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        subprocess.check_call(["apt-get", "-q", "download", name, "busybox-static"], cwd=work)
        for package in glob.glob(work + "/*.deb"):
            subprocess.check_call(["dpkg", "-x", package, work + "/tree"])
        (version,) = os.listdir(work + "/tree/lib/modules")
        subprocess.check_call(["depmod", "-b", work + "/tree", version])
        os.rename(work + "/tree", target)
    return target


def first_stage(tree, command, target):
    """Write the initrd that loads modules and runs a command in this file system."""
    (version,) = os.listdir(tree + "/lib/modules")
    with tempfile.TemporaryDirectory() as work:
        for name in ("bin", "modules", "proc", "sys", "dev", "host", "memory", "new"):
            os.mkdir(os.path.join(work, name))
        shutil.copy(tree + "/bin/busybox", work + "/bin")
        order = []
        for module in MODULES:
            argv = ["modprobe", "-d", tree, "-S", version, "--show-depends", module]
            for row in subprocess.check_output(argv).decode("utf-8").splitlines():
                path = row.split()[1]
                if row.startswith("insmod") and os.path.basename(path) not in order:
                    shutil.copy(path, work + "/modules")
                    order.append(os.path.basename(path))
        with open(work + "/order", "w", encoding="utf-8") as stream:
            stream.write("\n".join(order) + "\n")
        with open(work + "/init", "w", encoding="utf-8") as stream:
            stream.write(INIT.format(modules=tree + "/lib/modules", command=shlex.quote(command)))
        os.chmod(work + "/init", 0o755)
        pack = "find . | cpio -o -H newc --quiet | gzip -1 >%s" % shlex.quote(target)
        subprocess.check_call(["sh", "-c", pack], cwd=work)


def main():
    """Command line."""
    built()
    tree = kernel()
    (image,) = glob.glob(tree + "/boot/vmlinuz-*")
    words = [
        "PATIENCE=%d" % PATIENCE,
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=" + os.path.expanduser("~"),
    ]
    words += ["PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C"]
    for name in ("TSAGENT_NETWORK_SCRIPTS", "XDG_CACHE_HOME"):
        if os.environ.get(name):
            words.append("%s=%s" % (name, os.path.abspath(os.environ[name])))
    words += [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=0"]
    words += ["test_ifcfg_kernel.py"] + sys.argv[1:]
    command = "ip link set lo up; cd %s && exec env %s" % (
        shlex.quote(HERE),
        " ".join(map(shlex.quote, words)),
    )
    with tempfile.TemporaryDirectory() as work:
        first_stage(tree, command, work + "/initrd")
        argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2"]
        argv += ["-m", "3072", "-nodefaults", "-nographic", "-no-reboot", "-kernel", image]
        argv += ["-initrd", work + "/initrd", "-append", "console=ttyS0 quiet panic=-1"]
        for name in ("console", "said"):
            argv += ["-chardev", "file,id=%s,path=%s/%s" % (name, work, name), "-serial", "chardev:" + name]
        shared = "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"
        argv += ["-fsdev", shared, "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"]
        try:
            subprocess.call(argv, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            print("the machine did not end within %d s" % LIMIT)
        with open(work + "/said", encoding="utf-8", errors="replace") as stream:
            said = stream.read().replace("\r", "")
        text, _, status = said.rpartition("status ")
        print(text or said)
        if not status.strip().isdigit():
            with open(work + "/console", encoding="utf-8", errors="replace") as stream:
                print(stream.read()[-2000:])
            return 1
        return int(status)


if __name__ == "__main__":
    sys.exit(main())
