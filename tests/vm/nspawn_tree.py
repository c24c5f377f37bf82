"""A bootable Debian tree, made once and kept, with the agent's package in it as an image builder puts it.

The tree is debootstrap's, from the mirror that this machine's own /etc/apt names, in
`$TSAGENT_VM_CACHE` (default `~/.cache/tsagent-vm`). It is made anew when what it is made of changes.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
BUILDER = os.path.join(CHECKOUT, "packaging", "deb", "build.py")
COLLECTOR = os.path.join(HERE, "collect.py")

SUITE = "bookworm"
SUITES = ("bookworm", "trixie", "forky", "bullseye", "stable", "testing", "sid")  # a mirror has them all
PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,iproute2,openssh-server,sudo,cloud-guest-utils,time,"
    "python3,python3-yaml,python3-requests,python3-jsonschema,python3-netifaces"
)
# Nothing here reads these, and without them a copy takes half the time.
UNREAD = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
)
QUIET = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
BUILD_LIMIT = 1200  # seconds for debootstrap, downloads included
SITE = "usr/lib/python3/dist-packages"
STAGES = ("tsagent-local.service", "tsagent-network.service", "tsagent-final.service")

COLLECT_UNIT = """\
[Unit]
Description=Tell the bench how the boot went, and power off

[Service]
Type=simple
ExecStart=/bench/python3 -I /bench/collect.py

[Install]
WantedBy=multi-user.target
"""


# A tree whose machine-id is yet to be chosen gets its units' presets at its first boot. Without a network
# card networkd would wait for one, for two minutes; and the service itself is to be sshd here.
PRESET = """\
enable bench-collect.service
disable systemd-networkd.service
disable systemd-networkd-wait-online.service
disable ssh.socket
"""


class BenchError(Exception):
    """The bench itself cannot do its work."""


def run(argv, limit=120, **options):
    """Run a command to its end; its output. Raises BenchError with the last of it when it fails."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit,
        **options,
    )
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise BenchError("%s: status %d\n%s" % (" ".join(argv), done.returncode, output[-4000:]))
    return output


def cache():
    """The directory that keeps the tree between runs."""
    path = os.environ.get("TSAGENT_VM_CACHE") or os.path.expanduser("~/.cache/tsagent-vm")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def mirror():
    """The address of the Debian mirror that this machine uses: the first that serves a Debian suite."""
    lines = []
    for path in sorted(glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*")):
        if path.endswith((".list", ".sources")):
            with open(path, encoding="utf-8") as file:
                lines += file.read().splitlines()
    for address, suite in _sources(lines):
        if suite in SUITES:
            return address
    raise BenchError("no Debian mirror in /etc/apt: set TSAGENT_VM_MIRROR to the address of one")


def _sources(lines):
    """The (address, suite) pairs of both forms of sources.list(5)."""
    addresses = []
    for line in lines:
        words = [word for word in line.split() if not word.startswith(("[", "signed-by=")) and word != "]"]
        if words[:1] == ["deb"] and len(words) > 2:
            yield words[1], words[2]
        elif words[:1] == ["URIs:"]:
            addresses = words[1:]
        elif words[:1] == ["Suites:"]:
            for address in addresses:
                for suite in words[1:]:
                    yield address, suite


def base_tree(suite=SUITE, packages=PACKAGES):
    """The cached tree of a Debian suite without the agent, made first where there is none. Its path.

    `packages` are names with commas between: `PACKAGES + ",tuned"` for more than the usual.
    """
    top = cache()
    wanted = hashlib.sha256(("%s %s %s" % (suite, packages, UNREAD)).encode("ascii")).hexdigest()[:12]
    tree = os.path.join(top, "debian-%s-%s" % (suite, wanted))
    if os.path.isdir(tree):
        return tree
    usual = base_tree(suite) if packages.startswith(PACKAGES + ",") else None
    with open(os.path.join(top, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(tree):
            partial = tree + ".partial"
            remove(partial)
            if usual is None:
                _debootstrap(suite, packages, partial)
            else:
                # debootstrap installs in an order of its own, which not every package bears.
                _install(copy(usual, partial), packages[len(PACKAGES) + 1 :].split(","))
            for name in UNREAD:
                remove(os.path.join(partial, name))
            # Kept on disk, the journal of a boot that went wrong can be read from outside.
            os.makedirs(os.path.join(partial, "var/log/journal"), exist_ok=True)
            os.rename(partial, tree)
    return tree


def _debootstrap(suite, packages, tree):
    address = os.environ.get("TSAGENT_VM_MIRROR") or mirror()
    words = ["debootstrap", "--variant=minbase", "--include=" + packages, suite, tree, address]
    run(words, limit=BUILD_LIMIT, env=QUIET)


def _install(tree, packages):
    """More packages by the tree's own apt-get; none of their services is started here."""
    policy = os.path.join(tree, "usr/sbin/policy-rc.d")
    write(tree, "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    for words in (["update"], ["install", "-y", "--no-install-recommends"] + packages):
        run(["chroot", tree, "apt-get", "-q"] + words, limit=BUILD_LIMIT, env=QUIET)
    os.unlink(policy)


def copy(source, target):
    """A copy of a tree, sharing its blocks where the file system can."""
    run(["cp", "-a", "--reflink=auto", source, target], limit=300)
    return target


def remove(tree):
    """Remove a tree, whatever state it is in."""
    if os.path.lexists(tree):
        run(["rm", "-rf", "--one-file-system", tree], limit=300)


def build_package(work):
    """The path of this checkout's Debian package, as `make deb` builds it."""
    output = run([sys.executable, BUILDER, "--output", os.path.join(work, "packages")], limit=600)
    (path,) = [line for line in output.splitlines() if os.path.basename(line).startswith("tsagent_")]
    return path


def install_agent(tree, package):
    """The package, by the tree's own dpkg; and the collector, which is the bench's own."""
    name = os.path.basename(package)
    shutil.copy(package, os.path.join(tree, name))
    run(["chroot", tree, "dpkg", "--install", "/" + name], limit=300, env=QUIET)
    os.unlink(os.path.join(tree, name))
    os.makedirs(os.path.join(tree, "bench"), exist_ok=True)
    shutil.copy(COLLECTOR, os.path.join(tree, "bench", "collect.py"))
    # The collector tells of a boot even where /usr/bin/python3 is gone.
    os.symlink("/usr/bin/" + os.readlink(os.path.join(tree, "usr/bin/python3")), tree + "/bench/python3")
    write(tree, "/etc/systemd/system/bench-collect.service", COLLECT_UNIT)
    write(tree, "/etc/systemd/system-preset/10-bench.preset", PRESET)
    run(["systemctl", "--root", tree, "enable", "bench-collect.service"])


def measure_memory(tree, first_boot):
    """Have the stages note the memory of their largest process in /bench/memory, a line each: name, KiB.

    By time(1), which stands between systemd and the agent: for boots whose CPU is not looked at.
    """
    for name in STAGES:
        with open(os.path.join(tree, "usr/lib/systemd/system", name), encoding="utf-8") as file:
            (line,) = [text for text in file.read().splitlines() if text.startswith("ExecStart=")]
        program = "/usr/bin/time --append --output=/bench/memory --format='%s %%%%M'" % name
        command = line.replace("=", "=%s " % program, 1)
        # The one who says that the local stage is done is not the unit's first process now, and systemd
        # knows whom it heard from only as long as that one lives: which a first boot's does.
        kind = "Type=oneshot" if "local" in name and not first_boot else "NotifyAccess=all"
        drop_in(tree, name, "memory", "[Service]\nExecStart=\n%s\n%s\n" % (command, kind))


def drop_in(tree, unit, name, text):
    """An administrator's drop-in of a unit."""
    write(tree, "/etc/systemd/system/%s.d/%s.conf" % (unit, name), text)


def clean(tree):
    """What an image builder does last: nothing of this machine is left in the image."""
    run(["chroot", tree, "/usr/bin/tsagent", "clean", "--machine-id", "--logs"])


def write(tree, path, content, mode=0o644):
    """A file in a tree. The tree is one of ours and not running."""
    target = os.path.join(tree, path.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)  # never through a link, which would lead out of the tree
    with open(target, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
    os.chmod(target, mode)


def contents(tree, *folders):
    """Every file below these folders of a tree: path -> (type, mode, owner, digest or target)."""
    found = {}
    for folder in folders:
        for path, names, files in os.walk(os.path.join(tree, folder.lstrip("/"))):
            for name in names + files:
                full = os.path.join(path, name)
                entry = os.lstat(full)
                what = ""
                if stat.S_ISLNK(entry.st_mode):
                    what = os.readlink(full)
                elif stat.S_ISREG(entry.st_mode):
                    with open(full, "rb") as file:
                        what = hashlib.sha256(file.read()).hexdigest()
                found[full[len(tree) :]] = (entry.st_mode, entry.st_uid, entry.st_gid, what)
    return found
