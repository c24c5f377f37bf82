"""What is booted: one tree, with cloud-init, with tsagent, and with neither; and whether the work was done.

All arms of a suite are copies of one Debian tree into which cloud-init was installed with its dependencies;
where it is not measured, it was purged again. So what else is installed is the same, byte for byte.
"""

import glob
import hashlib
import os
import re
import shutil
import stat
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "vm"))

import nspawn  # noqa: E402
import nspawn_tree  # noqa: E402

NONE, PEER, AGENT = "no agent", "cloud-init", "tsagent"
ARMS = (NONE, PEER, AGENT)
SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
PACKAGES = nspawn_tree.PACKAGES + ",cloud-init,strace"
UNITS = {NONE: (), PEER: ("cloud-",), AGENT: ("tsagent-",)}  # how the names of their units begin
USER_DATA = os.path.join(HERE, "user-data.yaml")
INSTANCE = '{"instance-id": "i-bench"}\n'
# cloud-init looks nowhere else: no probing of other sources, no waiting for any. The locale that Debian 12's
# asks for is in no small tree: that module would fail.
PEER_CONFIGURATION = "datasource_list: [NoCloud]\nlocale: false\n"
# A container has the firmware of the machine below it. This one says that it is Tencent Cloud's, so that the
# agent asks the metadata service; the address of that is here, and the card that it speaks of.
CLOUD = (
    """\
set -e
ip link add eth0 address %s type veth peer name outside
mkdir /run/class
mount -t tmpfs tmpfs /run/class
cp -a /sys/class/net /sys/class/block /run/class
mkdir -p /run/class/dmi/id
echo Tencent Cloud > /run/class/dmi/id/sys_vendor
echo CVM > /run/class/dmi/id/product_name
echo 12345678-1234-4321-abcd-123456789abc > /run/class/dmi/id/product_uuid
mount --bind /run/class /sys/class
ip link set lo up
ip address add 169.254.0.23/32 dev lo
"""
    % "52:54:00:98:fa:00"
)
CLOUD_UNIT = """\
[Unit]
Description=The cloud around the container
DefaultDependencies=no
Before=tsagent-local.service

[Service]
Type=oneshot
ExecStart=/bin/sh /bench/cloud

[Install]
WantedBy=sysinit.target
"""
SERVICE_UNIT = """\
[Unit]
Description=The simulator of the metadata service
DefaultDependencies=no
After=bench-cloud.service
Before=tsagent-network.service

[Service]
ExecStart=/usr/bin/tsagent imds serve --bind 169.254.0.23 --port 80 --user-data /bench/user-data.yaml
ExecStartPost=/bin/bash -c 'until : 2>/dev/null </dev/tcp/169.254.0.23/80; do sleep 0.05; done'
TimeoutStartSec=30
StandardError=append:/bench/requests

[Install]
WantedBy=sysinit.target
"""
# Begins when everything else has ended, so that it takes no time from what is measured.
COLLECT_UNIT = """\
[Unit]
Description=Tell the benchmark how the boot went, and power off
After=multi-user.target ssh.service
After=tsagent-ready.target tsagent-final.service cloud-init.target cloud-final.service

[Service]
Type=simple
ExecStart=/usr/bin/python3 -I -S /bench/collect_figures.py

[Install]
WantedBy=multi-user.target
"""
# The shell's `times`: its own, and that of its children.
GENERATOR = """\
#!/bin/bash
/bench/cloud-init-generator "$@"
status=$?
times > "$1/bench-times"
exit $status
"""
FILES = {"/srv/plain": ("a line\n", 0o644), "/srv/private": ("for root alone\n", 0o600)}
FILES["/srv/encoded"] = ("base 64\n", 0o644)
COMMANDS = ("/srv/commands", "one\ntwo\n")
KEY_FILES = ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]


def make(suite, arm, work, package):
    """The tree of an arm as an image: installed, cleaned, never booted. `package`: the agent's. Its path."""
    tree = os.path.join(work, "%s-%s" % (suite, arm.replace(" ", "-")))
    nspawn_tree.copy(nspawn_tree.base_tree(suite, PACKAGES), tree)
    if arm != PEER:
        nspawn_tree.run(["chroot", tree, "dpkg", "--purge", "cloud-init"])
    if arm == AGENT:
        _install_agent(tree, package)
    elif arm == PEER:
        nspawn_tree.write(tree, "/etc/cloud/cloud.cfg.d/90_bench.cfg", PEER_CONFIGURATION)
        _time_generator(tree)
    _install_collector(tree)
    if arm != NONE:  # without an agent nobody would make others
        for path in glob.glob(os.path.join(tree, "etc/ssh/ssh_host_*")):
            os.unlink(path)
    if arm == AGENT:
        nspawn_tree.clean(tree)
    nspawn_tree.write(tree, "/etc/machine-id", "uninitialized\n", 0o444)
    return tree


def _install_agent(tree, package):
    name = os.path.basename(package)
    shutil.copy(package, os.path.join(tree, name))
    nspawn_tree.run(["chroot", tree, "dpkg", "--install", "/" + name], limit=300, env=nspawn_tree.QUIET)
    os.unlink(os.path.join(tree, name))


def _time_generator(tree):
    """Let the generator that looks for a source tell its CPU, which counts for no unit."""
    generator = os.path.join(tree, "usr/lib/systemd/system-generators/cloud-init-generator")
    os.makedirs(os.path.join(tree, "bench"), exist_ok=True)
    os.rename(generator, os.path.join(tree, "bench/cloud-init-generator"))
    nspawn_tree.write(tree, generator[len(tree) :], GENERATOR, 0o755)


def generator_cpu(report):
    """CPU seconds of that generator, user and system. 0 without it."""
    children = report["generator"].split("\n")[1:2]  # the shell's own stand in the line before
    times = re.findall(r"(\d+)m([\d.]+)s", children[0]) if children else []
    return sum(60 * int(minutes) + float(seconds) for minutes, seconds in times)


def _install_collector(tree):
    for name in ("collect_figures.py", "launch.py"):
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            nspawn_tree.write(tree, "/bench/" + name, file.read())
    nspawn_tree.write(tree, "/etc/systemd/system/bench-collect.service", COLLECT_UNIT)
    nspawn_tree.write(tree, "/etc/systemd/system-preset/10-bench.preset", nspawn_tree.PRESET)
    nspawn_tree.run(["systemctl", "--root", tree, "enable", "bench-collect.service"])
    # Debian 13's makes keys of all types at a first boot, whatever the agent was told.
    nspawn_tree.run(["systemctl", "--root", tree, "mask", "sshd-keygen.service"])


def version(tree, arm):
    """Which version an arm is of."""
    if arm == PEER:
        query = ["dpkg-query", "--show", "--showformat", "${Version}", "cloud-init"]
        return nspawn_tree.run(["chroot", tree] + query).strip()
    if arm == AGENT:
        return nspawn_tree.run(["chroot", tree, "tsagent", "--version"]).split()[-1]
    return ""


def machine(tree, target):
    """A machine whose tree, at `target`, is as this image, told what to do.

    What differs is copied, and nothing else: the disk is quiet again when the boot begins.
    """
    os.makedirs(target, exist_ok=True)
    words = ["rsync", "--archive", "--hard-links", "--acls", "--xattrs", "--numeric-ids", "--delete"]
    nspawn_tree.run(words + [tree + "/", target + "/"], limit=300)
    made = nspawn.Machine(target)
    with open(USER_DATA, encoding="utf-8") as file:
        text = file.read()
    made.write(nspawn.SEED + "/meta-data", INSTANCE)
    made.write(nspawn.SEED + "/user-data", text)
    os.sync()
    return made


def ask_metadata_service(made):
    """Let the agent of this machine have all it is told from a simulator inside of it."""
    nspawn_tree.remove(made.path(nspawn.SEED))
    with open(USER_DATA, encoding="utf-8") as file:
        made.write("/bench/user-data.yaml", file.read())
    made.write("/bench/cloud", CLOUD)
    for name, text in (("bench-cloud.service", CLOUD_UNIT), ("bench-imds.service", SERVICE_UNIT)):
        made.write("/etc/systemd/system/" + name, text)
        nspawn_tree.run(["systemctl", "--root", made.tree, "enable", name])


def requests(made):
    """The requests that this machine's metadata service was asked so far: their paths."""
    lines = (made.read("/bench/requests") or "").splitlines()
    return [line.partition(" GET ")[2].split()[0] for line in lines if " GET " in line]


def units(tree, arm):
    """The services of an arm that are started at boot: name -> the text of the unit."""
    found = {}
    for start in UNITS[arm]:
        for path in glob.glob(os.path.join(tree, "usr/lib/systemd/system", start + "*.service")):
            with open(path, encoding="utf-8") as file:
                found[os.path.basename(path)] = file.read()
    return {name: text for name, text in found.items() if "hotplug" not in name}


def mistakes(made, arm, report, keys=None):
    """What is wrong with a boot: a list of lines, empty when all the work was done, once.

    `keys` is what host_keys() said after the boot before this one: they must be the same.
    """
    found = []
    if report["failed"] or report["system"] != "running":
        found.append("the system is %s, failed: %s" % (report["system"], report["failed"]))
    if report["ssh"]["ActiveState"] != "active" or not report["scanned_keys"].strip():
        found.append("sshd does not answer")
    if keys is not None and host_keys(made) != keys:
        found.append("the host keys are others than before")
    if arm == NONE:
        return found
    found += report["complaints"][arm]
    if sorted(host_keys(made)) != KEY_FILES:
        found.append("host keys: %s" % sorted(host_keys(made)))
    for path, (text, mode) in FILES.items():
        if made.read(path) != text or stat.S_IMODE(os.stat(made.path(path)).st_mode) != mode:
            found.append("%s is not as ordered" % path)
    if made.read(COMMANDS[0]) != COMMANDS[1]:
        found.append("the commands printed %r" % made.read(COMMANDS[0]))
    return found + _mistakes_of_user(made)


def _mistakes_of_user(made):
    entry = next((line for line in made.read("/etc/passwd").splitlines() if line.startswith("ada:")), None)
    if entry is None:
        return ["there is no user"]
    _, _, uid, _, _, home, shell = entry.split(":")
    path = os.path.join(home, ".ssh/authorized_keys")
    with open(USER_DATA, encoding="utf-8") as file:
        key = next(line.strip(" -\n") for line in file if "ssh-ed25519" in line)
    if shell != "/bin/bash" or key not in (made.read(path) or ""):
        return ["the user has not the shell or not the key"]
    if os.stat(made.path(path)).st_uid != int(uid):
        return ["the user's keys are not the user's"]
    return []


def host_keys(made):
    """The host keys of a machine: name -> digest."""
    found = {}
    for path in glob.glob(made.path("/etc/ssh/ssh_host_*")):
        with open(path, "rb") as file:
            found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return found
