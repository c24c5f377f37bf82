"""Sets up what `make demo`, `make test` and `make lint` need, from nothing but make and Python 3.6 or newer.

    python3 tools/bootstrap.py PROFILE [--venv DIR] [--requirements FILE]...

PROFILE is what for: demo, test, package, package-test, boot, bench, fuzz, recipes, ifcfg, ifcfg-vm, lint or
venv.

First the system's packages: what is missing is installed with apt-get, dnf or yum by root; anybody else is
shown the one line that does. Then a virtual environment with the libraries. Both are remembered in the
environment, so that a second call returns at once and asks nobody, until a requirement changes.
`venv` is the environment alone, for another interpreter or other pins: CI's.
"""

import argparse
import contextlib
import fcntl
import glob
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = "tests/requirements-newest.txt" if sys.version_info >= (3, 7) else "tests/requirements-el8.txt"
LINT_LIBRARIES = "tools/requirements-lint.txt"
BENCH_LIBRARIES = "tools/requirements-bench.txt"
FUZZ_LIBRARIES = "tools/requirements-fuzz.txt"
LINT_PYTHON = (3, 10)  # mypy's own minimum
OLD_PIP = "pip==21.3.1"  # the last for Python 3.6, whose own cannot install today's packages
SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"]  # a user's PATH on Debian leaves these out
POLICY = "/usr/sbin/policy-rc.d"  # Debian: whether a package may start its service


class Need:
    """Something the machine must have: any of `commands`, or one of Python's own parts by name."""

    def __init__(self, commands, apt, rpm, root=False, required=False, units=()):
        self.commands = commands.split()
        self.apt = apt
        self.rpm = rpm
        self.root = root  # only root's tests use it
        self.required = required  # without it nothing works at all
        self.units = units  # services that come with it and must not start on somebody's machine

    def met(self):
        """Whether the machine has it."""
        return any(PARTS[name]() if name in PARTS else find_command(name) for name in self.commands)


def find_command(name):
    """The path of a command, or None."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath)] + SBIN))


def has_venv():
    """Whether this Python makes virtual environments with pip in them; Debian ships that apart."""
    try:
        import ensurepip
        import venv  # noqa: F401
    except ImportError:
        return False
    return bool(ensurepip.version())


def has_headers():
    """Whether C extensions can be compiled for this Python: netifaces comes as source."""
    return os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))


def has_yaml_header():
    """Whether the old PyYAML, which comes as source, gets its C loader."""
    return os.path.exists("/usr/include/yaml.h")


def has_library(name):
    """Whether something can be built with a library that pkg-config knows."""
    if find_command("pkg-config") is None:
        return False
    done = subprocess.run(["pkg-config", "--exists", name], stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def has_system_library(name):
    """Whether the system's own Python, which packages are built with, has this library."""
    return bool(glob.glob("/usr/lib/python3*/*-packages/%s*" % name))


PARTS = {
    "python:venv": has_venv,
    "python:headers": has_headers,
    "yaml.h": has_yaml_header,
    "fastjsonschema": lambda: has_system_library("fastjsonschema"),
    "setuptools": lambda: has_system_library("setuptools"),
    "shtab": lambda: has_system_library("shtab"),
    "glib.pc": lambda: has_library("gio-unix-2.0"),
    "libudev.pc": lambda: has_library("libudev"),
    "libsystemd.pc": lambda: has_library("libsystemd"),
    "libndp.pc": lambda: has_library("libndp"),
    "uuid.pc": lambda: has_library("uuid"),
    "dbus-1.pc": lambda: has_library("dbus-1"),
}

PYTHON = [
    Need("python:venv", "python3-venv", "python3-pip", required=True),
    Need("python:headers", "python3-dev", "python3-devel", required=True),
    Need("gcc cc", "gcc libc6-dev", "gcc", required=True),
]
if sys.version_info < (3, 7):
    PYTHON.append(Need("yaml.h", "libyaml-dev", "libyaml-devel"))
DEMO = [
    Need("mount", "mount", "util-linux", root=True),
    Need("losetup", "mount", "util-linux", root=True),
    Need("unshare", "util-linux", "util-linux", root=True),
    Need("sfdisk", "fdisk", "util-linux"),
    Need("growpart", "cloud-guest-utils", "cloud-utils-growpart gdisk"),  # el7's sfdisk knows no GPT
    Need("mkfs.ext4", "e2fsprogs", "e2fsprogs"),
    Need("ssh-keygen", "openssh-client", "openssh"),
    Need("useradd", "passwd", "shadow-utils"),
    Need("ip", "iproute2", "iproute"),
    Need("dpkg-deb rpmbuild", "dpkg", "rpm-build"),  # the demo installs a package it makes
    Need("dpkg-deb createrepo_c", "dpkg", "createrepo_c"),
]
TEST = [
    Need("xfs_growfs", "xfsprogs", "xfsprogs"),
    Need("mkfs.vfat", "dosfstools", "dosfstools"),
    Need("mkfs.btrfs", "btrfs-progs", "btrfs-progs"),
    Need("sgdisk", "gdisk", "gdisk"),
    Need("genisoimage mkisofs xorrisofs", "genisoimage", "xorriso"),
    Need("strace", "strace", "strace"),
    Need("dnf", "dnf", "dnf"),
    Need("createrepo_c", "createrepo-c", "createrepo_c"),
    Need("rpmbuild", "rpm", "rpm-build"),
    Need("visudo", "sudo", "sudo"),
    Need("doas", "opendoas", "opendoas"),
    Need("ssh-import-id", "ssh-import-id", "ssh-import-id"),
    Need("sshd", "openssh-server", "openssh-server", units=["ssh.service", "sshd.service"]),
    Need("systemctl", "systemd", "systemd", root=True),
    Need("tuned-adm", "tuned", "tuned", root=True, units=["tuned.service"]),
    Need("dbus-daemon", "dbus", "dbus-daemon"),
    Need("dnsmasq", "dnsmasq-base", "dnsmasq", root=True, units=["dnsmasq.service"]),
    Need("ethtool", "ethtool", "ethtool"),
    Need("openssl", "openssl", "openssl"),
    Need("xkbcli", "libxkbcommon-tools", "libxkbcommon-utils"),
    Need("chronyd", "chrony", "chrony", units=["chrony.service", "chronyd.service"]),
    Need("wg-quick", "wireguard-tools", "wireguard-tools", root=True),
    Need("rsyslogd", "rsyslog", "rsyslog", units=["rsyslog.service"]),
    Need("locale-gen localedef", "locales", "glibc-common"),
    Need("update-ca-certificates update-ca-trust", "ca-certificates", "ca-certificates", root=True),
    Need("gpg", "gpg gpg-agent", "gnupg2"),
    Need("trust", "p11-kit p11-kit-modules", "p11-kit p11-kit-trust", root=True),
    Need("nmcli", "network-manager", "NetworkManager", units=["NetworkManager.service"]),
    Need("netplan", "netplan.io", "netplan"),
    Need("puppet", "puppet-agent", "puppet", root=True, units=["puppet.service", "puppet-agent.service"]),
    Need("ruby", "ruby", "ruby", root=True),
    Need("ansible-pull", "ansible-core", "ansible-core", root=True),
    Need("git", "git", "git", root=True),
]
PACKAGE = [
    Need("dpkg-buildpackage", "dpkg-dev", "dpkg-dev"),
    Need("dh", "debhelper", "debhelper"),
    Need("dh_python3", "dh-python", "dh-python"),
    Need("setuptools", "python3-setuptools", "python3-setuptools"),
    Need("fastjsonschema", "python3-fastjsonschema", "python3-fastjsonschema"),
    Need("shtab", "python3-shtab", "python3-shtab"),
    Need("rpmbuild", "rpm", "rpm-build"),
]
BOOT = [
    Need("systemd-nspawn", "systemd-container", "systemd-container", root=True),
    Need("debootstrap", "debootstrap", "debootstrap", root=True),
    Need("journalctl", "systemd", "systemd", root=True),
    Need("qemu-system-x86_64", "qemu-system-x86", "qemu-kvm-core", root=True),
    Need("qemu-img", "qemu-utils", "qemu-img", root=True),
    Need("socat", "socat", "socat", root=True),
    Need("setpriv", "util-linux", "util-linux", root=True),
    Need("mount", "mount", "util-linux", root=True),
    Need("sfdisk", "fdisk", "util-linux", root=True),
    Need("mkfs.ext4", "e2fsprogs", "e2fsprogs", root=True),
    Need("ssh", "openssh-client", "openssh-clients", root=True),
    Need("ip", "iproute2", "iproute", root=True),
]
PACKAGE_TEST = [
    Need("lintian", "lintian", ""),
    Need("rpmlint", "rpmlint", "rpmlint"),
    Need("rpm2cpio", "rpm2cpio", "rpm"),
    Need("cpio", "cpio", "cpio"),
    Need("dnf", "dnf", "dnf"),
    Need("createrepo_c", "createrepo-c", "createrepo_c"),
    Need("debootstrap", "debootstrap", "debootstrap", root=True),
    Need("systemctl", "systemd", "systemd"),
    Need("man", "man-db", "man-db"),
    Need("zsh", "zsh", "zsh"),
    Need("git", "git", "git"),
]
RECIPES = [
    Need("virt-customize", "guestfs-tools", "guestfs-tools", root=True),
    Need("qemu-system-x86_64", "qemu-system-x86", "qemu-kvm", root=True),
    Need("packer", "packer", "packer", root=True),
    Need("nsenter", "util-linux", "util-linux", root=True),
    Need("createrepo_c", "createrepo-c", "createrepo_c"),
    # What mkosi calls; itself it comes from a newer Debian.
    Need("reprepro", "reprepro", "reprepro", root=True),
    Need("depmod", "kmod", "kmod", root=True),
    Need("debugfs", "e2fsprogs", "e2fsprogs"),
]
IFCFG = [
    Need("meson", "meson", "meson", root=True),
    Need("ninja ninja-build", "ninja-build", "ninja-build", root=True),
    Need("pkg-config", "pkg-config", "pkgconf-pkg-config", root=True),
    Need("msgfmt", "gettext", "gettext", root=True),
    Need("xsltproc", "xsltproc", "libxslt", root=True),
    Need("dpkg-source", "dpkg-dev", "dpkg-dev", root=True),
    Need("glib.pc", "libglib2.0-dev", "glib2-devel", root=True),
    Need("libudev.pc", "libudev-dev", "systemd-devel", root=True),
    Need("libsystemd.pc", "libsystemd-dev", "systemd-devel", root=True),
    Need("libndp.pc", "libndp-dev", "libndp-devel", root=True),
    Need("uuid.pc", "uuid-dev", "libuuid-devel", root=True),
    Need("dbus-1.pc", "libdbus-1-dev", "dbus-devel", root=True),
    Need("unshare", "util-linux", "util-linux", root=True),
    Need("ip", "iproute2", "iproute", root=True),
    Need("dbus-daemon", "dbus", "dbus-daemon", root=True),
    Need("dnsmasq", "dnsmasq-base", "dnsmasq", root=True, units=["dnsmasq.service"]),
    Need("nmcli", "network-manager", "NetworkManager", root=True, units=["NetworkManager.service"]),
]
IFCFG_VM = [
    Need("qemu-system-x86_64", "qemu-system-x86", "qemu-kvm-core", root=True),
    Need("cpio", "cpio", "cpio", root=True),
    Need("depmod", "kmod", "kmod", root=True),
    Need("gzip", "gzip", "gzip", root=True),
]
BENCH = [
    Need("systemd-nspawn", "systemd-container", "systemd-container", root=True),
    Need("debootstrap", "debootstrap", "debootstrap", root=True),
    Need("journalctl", "systemd", "systemd", root=True),
    Need("rsync", "rsync", "rsync", root=True),
]
LINT = [Need("shellcheck", "shellcheck", "ShellCheck")]
PROFILES = {
    "demo": (PYTHON + DEMO, [LIBRARIES]),
    "test": (PYTHON + DEMO + TEST, [LIBRARIES]),
    "package": (PYTHON + PACKAGE, [LIBRARIES]),
    "package-test": (PYTHON + PACKAGE + PACKAGE_TEST, [LIBRARIES]),
    "boot": (PYTHON + PACKAGE + BOOT, [LIBRARIES]),
    "recipes": (PYTHON + PACKAGE + BOOT + RECIPES, [LIBRARIES, "tests/recipes/requirements.txt"]),
    "ifcfg": (PYTHON + IFCFG, [LIBRARIES]),
    "ifcfg-vm": (PYTHON + IFCFG + IFCFG_VM, [LIBRARIES]),
    "bench": (PYTHON + PACKAGE + BENCH, [LIBRARIES, BENCH_LIBRARIES]),
    "fuzz": (PYTHON + DEMO + TEST, [LIBRARIES, FUZZ_LIBRARIES]),
    "lint": (PYTHON + LINT, [LIBRARIES, LINT_LIBRARIES]),
    "venv": (PYTHON, [LIBRARIES]),
}


class Trouble(Exception):
    """What stops the set-up, in a line or two for the person who called it."""


def say(message):
    """Tell what happens, on stderr."""
    print("bootstrap: " + message, file=sys.stderr, flush=True)


def run_quietly(argv, environment=None):
    """Run a command that is of interest only when it fails: then its last lines are shown."""
    with tempfile.TemporaryFile() as output:
        status = subprocess.call(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=CHECKOUT,
        )
        if status:
            output.seek(0)
            lines = output.read().decode("utf-8", "replace").splitlines()[-30:]
            raise Trouble("%s\n%s failed with status %d" % ("\n".join(lines), quoted(argv), status))


def quoted(argv):
    """A command as one would type it."""
    return " ".join(shlex.quote(word) for word in argv)


class PackageManager:
    """apt-get, dnf or yum: how it is called, and which of a need's package names are its own."""

    def __init__(self):
        self.name = next((name for name in ("apt-get", "dnf", "yum") if find_command(name)), None)
        if self.name == "dnf" and find_command("apt-get"):
            self.name = "apt-get"

    def packages(self, needs):
        """The packages that bring these needs, each once."""
        names = " ".join(need.apt if self.name == "apt-get" else need.rpm for need in needs)
        return sorted(set(names.split()))

    def commands(self, packages):
        """The commands that install these packages."""
        if self.name == "apt-get":
            options = ["-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]
            return [["apt-get", "-qq", "update"], ["apt-get", "install", "-y", "-qq"] + options + packages]
        if self.name == "dnf":  # what the enabled repositories lack must not keep the rest away
            options = ["--setopt=install_weak_deps=False", "--setopt=strict=0"]
            return [["dnf", "install", "-y", "-q"] + options + packages]
        return [["yum", "install", "-y", "-q", "--skip-broken"] + packages]

    def install(self, needs):
        """Install what brings these needs, and leave their services asleep. Needs root."""
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
        with services_asleep():
            for command in self.commands(self.packages(needs)):
                run_quietly(command, environment)
        units = [unit for need in needs for unit in need.units]
        if units and os.path.isdir("/run/systemd/system"):
            for unit in units:  # one of a need's names may not exist here
                subprocess.call(["systemctl", "disable", "--quiet", unit], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def services_asleep():
    """Debian starts a service when its package is installed: not while this lasts."""
    if not os.path.isdir("/usr/share/debconf") or os.path.lexists(POLICY):
        yield
        return
    with open(POLICY, "w", encoding="utf-8") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    os.chmod(POLICY, 0o755)
    try:
        yield
    finally:
        os.unlink(POLICY)


def install_system(needs):
    """Install what the machine lacks. Raises Trouble where that is impossible and nothing works without."""
    root = os.geteuid() == 0
    missing = [need for need in needs if not need.met() and (root or not need.root)]
    if not missing:
        return
    manager = PackageManager()
    names = ", ".join(need.commands[0] for need in missing)
    if manager.name is None:
        raise Trouble("missing: %s; and there is no apt-get, dnf or yum here to install them with" % names)
    if not root:
        line = " && ".join(quoted(command) for command in manager.commands(manager.packages(missing)))
        raise Trouble("missing: %s. As root, run:\n%s" % (names, line))
    say("installing with %s: %s" % (manager.name, " ".join(manager.packages(missing))))
    manager.install(missing)
    missing = [need for need in missing if not need.met()]
    names = ", ".join(need.commands[0] for need in missing)
    if any(need.required for need in missing):
        raise Trouble("still missing after the installation: %s" % names)
    if missing:
        say("no enabled repository has: %s. What uses them will fail." % names)


def digest(*paths):
    """What an environment was made from: this interpreter and these files."""
    parts = [sys.executable, sys.version]
    for path in paths:
        with open(os.path.join(CHECKOUT, path), encoding="utf-8") as file:
            parts.append(file.read())
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def read_stamp(path):
    """A stamp's digest, or None."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def install_libraries(venv, requirements, fresh):
    """Make the virtual environment anew where `fresh`, and install the requirements into it."""
    if fresh:
        say("making %s for Python %d.%d" % ((venv,) + sys.version_info[:2]))
        run_quietly([sys.executable, "-m", "venv", "--clear", venv])
    python = os.path.join(venv, "bin", "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if fresh and sys.version_info < (3, 7):
        run_quietly(pip + [OLD_PIP])
    say("installing %s" % ", ".join(requirements))
    files = [word for path in requirements for word in ("-r", os.path.join(CHECKOUT, path))]
    run_quietly(pip + files)


def set_up(profile, venv, requirements):
    """Bring the machine and the environment to what `profile` needs, or return at once if they are there."""
    needs, default = PROFILES[profile]
    requirements = requirements or default
    wanted = digest(os.path.abspath(__file__), *requirements)
    stamp = os.path.join(venv, "ready-" + profile)
    if read_stamp(stamp) == wanted and os.path.exists(os.path.join(venv, "bin", "python")):
        return
    if profile == "lint" and sys.version_info < LINT_PYTHON:
        raise Trouble("the type checker needs Python %d.%d; try PYTHON=python3.11" % LINT_PYTHON)
    os.makedirs(os.path.dirname(venv), exist_ok=True)
    with open(venv + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_system(needs)
        base = os.path.join(venv, "ready-libraries")
        base_wanted = digest(requirements[0])
        fresh = read_stamp(base) != base_wanted or not os.path.exists(os.path.join(venv, "bin", "python"))
        if fresh or requirements[1:]:
            install_libraries(venv, requirements, fresh)
        for path, text in ((base, base_wanted), (stamp, wanted)):
            with open(path, "w", encoding="ascii") as file:
                file.write(text + "\n")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description="set up what the project's make targets need")
    parser.add_argument("profile", choices=sorted(PROFILES))
    parser.add_argument("--venv", default=os.path.join(CHECKOUT, ".venv"), help="default: .venv")
    parser.add_argument("--requirements", action="append", help="a file of pins (default: by Python's age)")
    options = parser.parse_args()
    try:
        set_up(options.profile, os.path.abspath(options.venv), options.requirements)
    except Trouble as trouble:
        say(str(trouble))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
