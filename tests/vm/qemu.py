"""Boots a disk image in QEMU as an instance of the cloud: firmware's words, metadata service, cards, disks.

The processor is emulated, in software alone: function and order are seen here, no figures of time. What the
machine's journal says is seen at once on its second serial port; a test waits for such a line, never for a
time. Disks are opened past this machine's cache (O_DIRECT): SIGKILL is a power cut. Each boot has a limit;
QEMU is killed with the process that started it, whatever becomes of that.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from nspawn_tree import CHECKOUT, BenchError, run
from qemu_tree import START

from tsagent.sources.simulator.tree import instance_tree

BOOT_LIMIT = 900  # seconds from start to power-off, on a machine that others use as well
LOOK = 0.02  # seconds between two looks at what the machine says
INSTANCE_TYPE = "IT5.4XLARGE64"  # one of those with a local NVMe disk
METADATA = "169.254.0.23"
SECOND = "10.105.0.17"  # the second card's address, of the simulator's making
NVME_SERIAL = "bench-nvme"
COMMAND_LINE = (
    "root=/dev/vda1 rootfstype=ext4 ro console=ttyS0,115200 ignore_loglevel net.ifnames=0 mitigations=off "
    "random.trust_cpu=on audit=0 systemd.show_status=no"
)


class Cloud:
    """The metadata service of one instance, on this machine; `folder` keeps its files.

    `key` is the path of a private key whose public half it gives out. `other` makes it that of another
    instance: another id, UUID and cards.
    """

    def __init__(self, folder, key, user_data, other=False):
        os.makedirs(folder, exist_ok=True)
        with open(key + ".pub", encoding="utf-8") as file:
            self.tree = instance_tree(INSTANCE_TYPE, nics=2, keys=[file.read().strip()])
        if other:
            text = json.dumps(self.tree)
            for name in ("instance-id", "uuid"):
                value = self.tree[name]
                text = text.replace(value, value[:-4] + ("0000" if value[-4:] != "0000" else "1111"))
            cards = self.tree["network"]["interfaces"]["macs"]
            self.tree = json.loads(text.replace("52:54:00:", "52:54:01:"))
        self.volume = next(iter(self.tree["volumes"]))
        self.macs = list(self.tree["network"]["interfaces"]["macs"])
        paths = [os.path.join(folder, name) for name in ("tree.json", "user-data")]
        served = self.tree
        if other:  # laid over the simulator's own instance, whose cards this one has not
            served = json.loads(json.dumps(self.tree))
            served["network"]["interfaces"]["macs"].update(dict.fromkeys(cards))
        for path, text in zip(paths, (json.dumps(served), user_data)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        self.log_path = os.path.join(folder, "requests")
        words = [sys.executable, "-m", "tsagent", "imds", "serve", "--instance-type", INSTANCE_TYPE]
        words += ["--tree", paths[0], "--user-data", paths[1]]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=CHECKOUT
            )
        line = self.process.stdout.readline().decode("utf-8")
        found = re.search(r":(\d+)/ ", line)
        if not found:
            self.close()
            raise BenchError("the simulator did not start: %s" % line)
        self.port = int(found.group(1))

    def renew(self):
        """Serve what `tree` says by now."""
        with open(os.path.join(os.path.dirname(self.log_path), "tree.json"), "w", encoding="utf-8") as file:
            json.dump(self.tree, file)
        self.process.send_signal(signal.SIGHUP)

    def requests(self):
        """What was asked for until now, a line each."""
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def close(self):
        """End the service."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Machine:
    """A disk image's copy-on-write copy that can be booted, again and again, as an instance of a cloud."""

    def __init__(self, image, folder, cloud, uuid=None):
        os.makedirs(folder)
        self.image = image
        self.folder = folder
        self.cloud = cloud
        self.uuid = uuid or cloud.tree["uuid"]
        self.ports = [_free_port(), _free_port()]  # of this machine, leading to sshd by either card
        self.more = []  # further words for QEMU: what only one test's machine has
        self.process = None
        self.started = 0.0
        self.asked = 0
        for name in ("nvme", "volume"):
            with open(self.file(name), "wb") as file:
                file.truncate(64 << 20)
        backing = ["-b", os.path.abspath(image.disk), "-F", "raw"]
        run(["qemu-img", "create", "-q", "-f", "qcow2"] + backing + [self.file("disk.qcow2")])

    def clone(self, folder, cloud):
        """Another machine with a copy of the disk as it is; this one is off."""
        other = Machine(self.image, folder, cloud)
        shutil.copy(self.file("disk.qcow2"), other.file("disk.qcow2"))
        return other

    def file(self, name):
        """The path of a file of this machine's."""
        return os.path.join(self.folder, name)

    def start(self, stay=False):
        """Power on. With `stay` the machine stays on when it has written its report."""
        for name in ("console", "journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.file(name))
        self.asked = len(self.cloud.requests())
        with open(self.file("qemu.log"), "wb") as log:
            self.process = subprocess.Popen(
                self._command(stay), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.started = time.monotonic()

    def _command(self, stay):
        forward = "socat - TCP4:127.0.0.1:%d" % self.cloud.port
        nets = [
            "user,id=net0,net=169.254.0.0/16,host=169.254.0.2,dns=169.254.0.3,dhcpstart=169.254.16.15,"
            "ipv6=off,restrict=on,guestfwd=tcp:%s:80-cmd:%s,hostfwd=tcp:127.0.0.1:%d-:22"
            % (METADATA, forward, self.ports[0]),
            "user,id=net1,net=10.105.0.0/18,host=10.105.0.1,dns=10.105.0.3,dhcpstart=10.105.0.200,"
            "ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:%d-%s:22" % (self.ports[1], SECOND),
        ]
        # The firmware says what the cloud's says; the agent goes by it.
        firmware = "type=1,manufacturer=Tencent Cloud,product=CVM,version=3.0,uuid=" + self.uuid
        words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
        words += ["-display", "none", "-no-reboot", "-machine", "q35", "-smp", "2", "-m", "1024"]
        words += ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"]
        words += ["-kernel", self.image.kernel, "-initrd", self.image.initrd]
        words += ["-append", COMMAND_LINE + (" bench.stay" if stay else "")]
        words += ["-smbios", firmware, "-uuid", self.uuid, "-device", "virtio-rng-pci"]
        words += ["-serial", "file:" + self.file("console"), "-serial", "file:" + self.file("journal")]
        for index, net in enumerate(nets):
            card = "virtio-net-pci,netdev=net%d,mac=%s,romfile=" % (index, self.cloud.macs[index])
            words += ["-netdev", net, "-device", card]
        drives = (
            ("disk.qcow2", "qcow2", "virtio-blk-pci,serial=disk-rootroot"),
            ("volume", "raw", "virtio-blk-pci,serial=" + self.cloud.volume),
            ("nvme", "raw", "nvme,serial=" + NVME_SERIAL),
        )
        for name, form, device in drives:
            known = name.split(".")[0]
            drive = "if=none,id=%s,file=%s,format=%s,cache=none" % (known, self.file(name), form)
            words += ["-drive", drive, "-device", "%s,drive=%s" % (device, known)]
        return words + self.more + ["-monitor", "unix:%s,server=on,wait=off" % self.file("monitor")]

    def monitor(self, *commands):
        """Give QEMU's monitor commands, such as to plug something in; what it answers."""
        answers = b""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as line:
            line.settimeout(60)
            line.connect(self.file("monitor"))
            for command in ("",) + commands:  # its greeting ends with a prompt, too
                if command:
                    line.sendall(command.encode("ascii") + b"\n")
                prompts = answers.count(b"(qemu) ")
                while answers.count(b"(qemu) ") == prompts:
                    answers += line.recv(4096)
        return answers.decode("utf-8", "replace")

    def said(self):
        """What the machine has said until now: the kernel on its console, its journal; what it asked for."""
        return "".join(self._read(name) for name in ("console", "journal")) + self.requests()

    def requests(self):
        """What was asked of the metadata service since the power came on, a line each."""
        return self.cloud.requests()[self.asked :]

    def _read(self, name):
        try:
            with open(self.file(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for(self, pattern, limit=BOOT_LIMIT):
        """Until the machine says this. Raises BenchError past the limit, or where it is off before."""
        expression = re.compile(pattern)
        while True:
            off = self.process.poll() is not None
            if expression.search(self.said()):
                return
            if off:
                raise BenchError("the machine was off before it said %r\n%s" % (pattern, self.last_words()))
            if time.monotonic() > self.started + limit:
                raise BenchError("it has not said %r in %d s\n%s" % (pattern, limit, self.last_words()))
            time.sleep(LOOK)

    def wait_off(self, limit=BOOT_LIMIT):
        """Until the machine has powered off; seconds since it was started."""
        try:
            status = self.process.wait(max(1.0, self.started + limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BenchError("it is not off in %d s\n%s" % (limit, self.last_words())) from None
        if status != 0:
            raise BenchError("QEMU: status %d\n%s\n%s" % (status, self._read("qemu.log"), self.last_words()))
        return time.monotonic() - self.started

    def cut_power(self):
        """What no machine expects."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def last_words(self):
        """The end of what the machine said, for a person."""
        return "\n".join(self._read(name)[-5000:] for name in ("qemu.log", "console", "journal"))

    def report(self):
        """What the collector wrote; the machine is off."""
        with self.mounted() as (root, _):
            return read_report(root)

    def ssh(self, key, user, command, card=0, limit=120):
        """Run a command in the machine as this user, by one card's forwarded port; its output."""
        return run(self.ssh_command(key, user, card) + [command], limit=limit)

    def ssh_command(self, key, user, card=0):
        """The words that log in with a private key; the host's key is then in the file known_hosts."""
        words = ["ssh", "-i", key, "-p", str(self.ports[card]), "-F", "/dev/null"]
        options = ["IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=60", "LogLevel=ERROR"]
        options += ["StrictHostKeyChecking=accept-new", "UserKnownHostsFile=" + self.file("known_hosts")]
        for option in options:
            words += ["-o", option]
        return words + ["%s@127.0.0.1" % user]

    @contextlib.contextmanager
    def mounted(self):
        """The root file system of the machine, which is off, read-only; and its disk as a file."""
        disk, point = self.file("look.raw"), self.file("look")
        run(["qemu-img", "convert", "-O", "raw", self.file("disk.qcow2"), disk], limit=300)
        os.makedirs(point, exist_ok=True)
        try:
            run(["mount", "-o", "ro,loop,offset=%d" % START, disk, point])
            try:
                yield point, disk
            finally:
                run(["umount", point])
        finally:
            os.unlink(disk)


def make_key(folder):
    """A new key pair; the path of its private half."""
    path = os.path.join(folder, "id_ed25519")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", path])
    return path


def read_report(root):
    """The collector's report in a root file system. Raises BenchError where there is none."""
    try:
        with open(os.path.join(root, "bench/report.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise BenchError("the boot ended without a report") from None


def _free_port():
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def file_system_problems(disk):
    """What a forced look at the root file system of a disk finds, None where it is clean."""
    words = ["e2fsck", "-fn", "%s?offset=%d" % (disk, START)]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
    )
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")
