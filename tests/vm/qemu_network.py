"""A machine in QEMU whose kernel knows every kind of network device: services do there what is rendered.

One boot, one service after the other: each gets its files, is started by systemd with a real udev beside it,
and is stopped again. No agent is in the machine; the files are rendered outside. What the kernel then holds
comes out by the second serial port.
"""

import json
import os
import shutil
import subprocess

import nspawn_tree
import qemu_tree
from nspawn_tree import BenchError, copy, remove, run, write
from qemu import COMMAND_LINE

PACKAGES = nspawn_tree.PACKAGES + ",e2fsprogs,kmod,linux-image-amd64,initramfs-tools,network-manager"
MODULES = (  # noqa: SIM905 (names read better unquoted)
    "virtio_net virtio_rng autofs4 configfs efi_pstore qemu_fw_cfg button evdev crc32_generic fuse "
    "bonding 8021q bridge vrf dummy"
).split()
GUEST = os.path.join(nspawn_tree.HERE, "qemu_network_guest.py")
LIMIT = 900  # seconds from start to power-off, on a machine that others use as well
CARDS = 6
# Each card has a cable; at its other end is QEMU's own DHCP server, in a network of the card's own.
NETWORK = "10.5%d.0"
UNIT = """\
[Unit]
Description=Network services, one after the other
After=basic.target

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I /bench/qemu_network_guest.py
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""


def mac(number):
    """The hardware address of the card eth<number>."""
    return "52:54:00:aa:01:%02x" % number


def make_image(work, scenarios):
    """A disk image with these scenarios, a dict each: see the guest's program.

    `files` are {path: (text, mode)}.
    """
    tree = copy(qemu_tree.kernel_tree(PACKAGES, MODULES), os.path.join(work, "network"))
    for index, scenario in enumerate(scenarios):
        top = "/bench/scenarios/%d" % index
        for path, (text, mode) in scenario.pop("files").items():
            write(tree, top + "/tree" + path, text, mode)
        write(tree, top + "/scenario.json", json.dumps(scenario))
    shutil.copy(GUEST, os.path.join(tree, "bench"))
    write(tree, "/etc/systemd/system/bench-network.service", UNIT)
    write(tree, "/etc/fstab", "UUID=%s / ext4 defaults 0 1\n" % qemu_tree.ROOT_UUID)
    write(tree, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    run(["systemctl", "--root", tree, "enable", "bench-network.service"])
    services = [
        "NetworkManager.service",
        "NetworkManager-wait-online.service",
        "systemd-networkd.service",
        "ssh.service",
    ]
    run(["systemctl", "--root", tree, "disable"] + services)
    # networkd's socket would start it anew as soon as a link changes.
    for name in [*qemu_tree.MASKED, "systemd-networkd.socket"]:
        target = os.path.join(tree, "etc/systemd/system", name)
        if not os.path.lexists(target):
            os.symlink("/dev/null", target)
    image = qemu_tree.make_image(tree, os.path.join(work, "image-network"))
    remove(tree)
    return image


def boot(image, folder):
    """Boot the image once; what it found out for each scenario."""
    os.makedirs(folder)
    report, console = os.path.join(folder, "report"), os.path.join(folder, "console")
    words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
    words += ["-display", "none", "-no-reboot", "-machine", "q35", "-smp", "2", "-m", "1024"]
    words += ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"]
    words += ["-kernel", image.kernel, "-initrd", image.initrd, "-append", COMMAND_LINE]
    words += ["-serial", "file:" + console, "-serial", "file:" + report, "-device", "virtio-rng-pci"]
    words += ["-drive", "if=none,id=disk,file=%s,format=raw,snapshot=on" % image.disk]
    words += ["-device", "virtio-blk-pci,drive=disk"]
    for number in range(CARDS):
        words += ["-netdev", "user,id=net%d,net=%s.0/24,ipv6=off,restrict=on" % (number, NETWORK % number)]
        words += ["-device", "virtio-net-pci,netdev=net%d,mac=%s,romfile=" % (number, mac(number))]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        output = "it is not off in %d s" % LIMIT
    with open(report, encoding="utf-8", errors="replace") as file:
        text = file.read().strip()
    if not text:
        with open(console, encoding="utf-8", errors="replace") as file:
            raise BenchError("no report: %s\n%s" % (output, file.read()[-6000:]))
    return json.loads(text.splitlines()[-1])
