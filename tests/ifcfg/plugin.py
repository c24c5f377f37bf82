"""NetworkManager with its ifcfg-rh plugin, built from the distribution's source: it is packaged without.

    plugin.py      builds it and prints where it is

The source comes with apt, through package lists of its own; it is built once, for the version that apt has,
with nothing in it but what Ethernet, bonds, bridges and VLANs take, and kept. Nothing is installed.
"""

import fcntl
import glob
import os
import shutil
import subprocess
import sys

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tsagent-ifcfg")
LIBRARY = "libnm-settings-plugin-ifcfg-rh.so"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Where the daemon reads; the tests lay their files there in a mount namespace.
PATHS = ("--sysconfdir=/etc", "--localstatedir=/var")
WITHOUT = (
    "bluez5_dun", "concheck", "firewalld_zone", "introspection", "ld_gc", "libpsl", "modem_manager",
    "more_logging", "nmcli", "nmtui", "ovs", "polkit", "ppp", "qt", "selinux", "teamdctl", "wext", "wifi",
)  # fmt: skip
OPTIONS = (
    "-Dcrypto=null", "-Debpf=false", "-Difcfg_rh=true", "-Difupdown=false", "-Dlibaudit=no",
    "-Dmore_asserts=0", "-Dreadline=none", "-Dsystemdsystemunitdir=no", "-Dtests=no", "-Dudev_dir=no",
    "-Dvapi=false", "--buildtype=plain", "-Dc_args=-O0",
)  # fmt: skip


class Built:
    """A NetworkManager that was built: its `daemon`, its `version`, and its policy for D-Bus."""

    def __init__(self, directory):
        with open(os.path.join(directory, "version"), encoding="utf-8") as stream:
            self.version = stream.read().strip()
        self.daemon = os.path.join(directory, "NetworkManager")
        self.policy = os.path.join(directory, "nm-ifcfg-rh.conf")


def built():
    """The build in the cache, made where there is none; one process at a time."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = os.path.join(CACHE, "built")
        if not os.path.exists(os.path.join(target, "version")):
            shutil.rmtree(target, ignore_errors=True)
            _build(_source(), target)
    return Built(target)


def _run(argv, directory, log):
    with open(os.path.join(CACHE, log), "ab") as stream:
        if subprocess.call(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream):
            raise SystemExit("%s failed: see %s" % (" ".join(argv[:2]), os.path.join(CACHE, log)))


def _source():
    """The unpacked source of network-manager."""
    work = os.path.join(CACHE, "source")
    shutil.rmtree(work, ignore_errors=True)
    for name in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(work, name))
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
    targets = subprocess.check_output(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    rows = set()
    for line in targets.decode("utf-8").splitlines():
        address, suite, component, origin = line.split("|")
        if component == "main" and origin == "Debian":
            signed = "[signed-by=%s] " % KEYS if os.path.exists(KEYS) else ""
            rows.add("deb-src %s%s %s main\n" % (signed, address, suite))
    if not rows:
        raise SystemExit("apt knows no package lists of Debian's: run apt-get update")
    with open(os.path.join(work, "sources.list"), "w", encoding="utf-8") as stream:
        stream.writelines(sorted(rows))
    apt = ["apt-get", "-q"]
    for name, value in (
        ("Dir::Etc::sourcelist", work + "/sources.list"),
        ("Dir::Etc::sourceparts", "/dev/null"),
        ("Dir::State::lists", work + "/lists"),
        ("Dir::Cache::pkgcache", ""),
        ("Dir::Cache::srcpkgcache", ""),
        ("APT::Sandbox::User", "root"),
    ):
        apt += ["-o", "%s=%s" % (name, value)]
    _run(apt + ["update"], work, "fetch.log")
    _run(apt + ["source", "--download-only", "network-manager"], work, "fetch.log")
    (description,) = glob.glob(work + "/network-manager_*.dsc")
    _run(["dpkg-source", "--no-check", "-x", description, "tree"], work, "fetch.log")
    return os.path.join(work, "tree")


def _build(source, target):
    place = os.path.join(CACHE, "build")
    shutil.rmtree(place, ignore_errors=True)
    # The daemon looks for its plugins below the prefix it was built for.
    argv = ["meson", "setup", place, "--prefix=" + target, "--libdir=lib"] + list(PATHS) + list(OPTIONS)
    _run(argv + ["-D%s=false" % name for name in WITHOUT], source, "build.log")
    plugin = "src/core/settings/plugins/ifcfg-rh/" + LIBRARY
    _run(["ninja", "-C", place, "src/core/NetworkManager", plugin], source, "build.log")
    project = subprocess.check_output(["meson", "introspect", "--projectinfo", place]).decode("utf-8")
    version = project.partition('"version": "')[2].partition('"')[0]
    directory = os.path.join(target, "lib/NetworkManager", version)
    os.makedirs(directory)
    shutil.copy(os.path.join(place, plugin), directory)
    shutil.copy(os.path.join(place, "src/core/NetworkManager"), target)
    shutil.copy(os.path.join(source, "src/core/settings/plugins/ifcfg-rh/nm-ifcfg-rh.conf"), target)
    for name in (place, os.path.dirname(source)):
        shutil.rmtree(name)
    with open(os.path.join(target, "version"), "w", encoding="utf-8") as stream:
        stream.write(version + "\n")  # last: it says that the rest is there


if __name__ == "__main__":
    found = built()
    sys.stdout.write("%s %s\n" % (found.version, found.daemon))
