"""Boots a tree with systemd-nspawn, a whole systemd as PID 1, and brings back what the collector saw.

Nothing of this machine is lent to the container: a network of its own with nothing but the loopback, no
block device, the machine's /sys read-only. (Its firmware tables are therefore this machine's.) Each boot
has a limit; whatever happens, no process of the container is left.
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import time

from nspawn_tree import BenchError, contents, remove, run, write

REBOOT = 133  # systemd-nspawn's exit status for a container that asked to be started again, with --keep-unit
BOOT_LIMIT = 240  # seconds from start to power-off
LOOK = 0.05  # seconds between two looks at a container
SEED = "/var/lib/cloud/seed/nocloud"


class Boot:
    """One boot: `status` is nspawn's exit status, `report` what the collector wrote, None without it."""

    def __init__(self, status, report, seconds):
        self.status = status
        self.report = report
        self.seconds = seconds

    def __getitem__(self, name):
        assert self.report is not None, "the boot ended without a report (status %s)" % self.status
        return self.report[name]

    def unit(self, name):
        """The properties of a unit."""
        return self["units"][name]

    def module(self, name):
        """The entry of one of the agent's modules."""
        return next(module for module in self["status"]["modules"] if module["name"] == name)

    def cpu(self):
        """CPU seconds of each of our units."""
        return {
            name.split("-")[1].split(".")[0]: values["CPUUsageNSec"] / 1e9
            for name, values in self["units"].items()
            if name.startswith("tsagent-") and isinstance(values.get("CPUUsageNSec"), int)
        }


class Machine:
    """A tree that can be booted, again and again."""

    def __init__(self, tree):
        self.tree = tree
        self.name = "bench-%d" % os.getpid()
        self.options = []  # more words for systemd-nspawn
        self.cgroups = []

    def path(self, path):
        """Where a path of the tree is on this machine."""
        return os.path.join(self.tree, path.lstrip("/"))

    def read(self, path):
        """A file's text, None where it is not there."""
        try:
            with open(self.path(path), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, path, content, mode=0o644):
        """A file, while the machine is off."""
        write(self.tree, path, content, mode)

    def contents(self, *folders):
        """What is below these folders."""
        return contents(self.tree, *folders)

    def seed(self, user_data, instance_id="i-bench"):
        """What the instance is told."""
        self.write(SEED + "/meta-data", json.dumps({"instance-id": instance_id}))
        self.write(SEED + "/user-data", "#cloud-config\n" + json.dumps(user_data))  # JSON is YAML

    def enable(self, unit, text):
        """A unit of somebody else's that starts at every boot; Debian's presets let it, at the first."""
        self.write("/etc/systemd/system/" + unit, text)
        run(["systemctl", "--root", self.tree, "enable", unit])

    def ask(self, **commands):
        """Commands whose status and output the report is to hold under `extra`."""
        self.write("/bench/ask.json", json.dumps(commands))

    def boot(self, limit=BOOT_LIMIT):
        """Boot, wait for the end, tell how it went. Raises BenchError, with the journal, past the limit."""
        return self._boot(limit, None)

    def boot_and_cut_power(self, when, limit=BOOT_LIMIT):
        """Boot, and kill every process at once as soon as the file `when` is there."""
        return self._boot(limit, when)

    def _boot(self, limit, when):
        report_path = self.path("/bench/report.json")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(report_path)
        started = time.monotonic()
        with open(self.path("/bench/console"), "wb") as console:
            process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"),
            )
        try:
            cut = self._wait(process, started + limit, when)
        finally:
            self._power_off(process)
        seconds = time.monotonic() - started
        report = None
        if os.path.exists(report_path):
            with open(report_path, encoding="utf-8") as file:
                report = json.load(file)
        # pytest shows this with a test that fails.
        print("\n==== boot of %s: status %s, %.1f s" % (self.tree, process.returncode, seconds))
        print(report["status_text"] + report["journal"] if report else self.journal())
        if when is None and process.returncode not in (0, REBOOT):
            raise BenchError("systemd-nspawn: status %s\n%s" % (process.returncode, self.console()))
        if when is not None and not cut:
            raise BenchError("the machine was off before %s was there" % when)
        return Boot(process.returncode, report, seconds)

    def _command(self):
        words = ["systemd-nspawn", "--quiet", "--directory", self.tree, "--machine", self.name, "--boot"]
        words += ["--register=no", "--keep-unit", "--private-network", "--link-journal=no"] + self.options
        # A control group of its own: two benches at a time do not meet in one.
        self.cgroups = []
        for top in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"):
            # Not cgroup.procs: beside version 1, nspawn leaves a plain file of that name in a tmpfs.
            if os.path.exists(top + "/cgroup.clone_children") or os.path.exists(top + "/cgroup.controllers"):
                path = "%s/%s" % (top, self.name)
                os.makedirs(path, exist_ok=True)
                self.cgroups.append(path)
        joins = "".join('echo $$ > "%s/cgroup.procs"; ' % path for path in self.cgroups)
        return ["/bin/sh", "-c", joins + 'exec "$@"', "sh"] + words

    def _wait(self, process, deadline, when):
        """Until the container is off, or `when` is there; whether it is."""
        while process.poll() is None:
            if when is not None and os.path.exists(self.path(when)):
                return True
            if time.monotonic() > deadline:
                raise BenchError("the boot took too long\n%s\n%s" % (self.console(), self.journal()))
            time.sleep(LOOK)
        return False

    def _power_off(self, process):
        """Kill what is left of the container, its PID 1 first: with it the kernel kills all the others."""
        if process.poll() is None:
            for pid in _children(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for top in self.cgroups:
            deadline = time.monotonic() + 20
            while _processes(top):
                if time.monotonic() > deadline:
                    raise BenchError("processes of the container are left: %s" % _describe(_processes(top)))
                for pid in _processes(top):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(LOOK)
            for path, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(path)

    def console(self):
        """The last of what was printed on the console."""
        return (self.read("/bench/console") or "")[-6000:]

    def journal(self):
        """The journal of the last boot, read from outside."""
        folders = glob.glob(self.path("/var/log/journal/*"))
        if not folders:
            return "(no journal)"
        newest = max(folders, key=os.path.getmtime)
        words = [
            "journalctl",
            "--directory",
            newest,
            "-b",
            "-o",
            "short-monotonic",
            "--no-pager",
            "--no-hostname",
        ]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.stdout.decode("utf-8", "replace")

    def remove(self):
        """Remove the tree."""
        remove(self.tree)


def _children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def _describe(pids):
    """Processes in words: number, name, state, parent."""
    words = []
    for pid in pids:
        with contextlib.suppress(OSError):
            with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
            words.append(" ".join([str(pid)] + [fields[key].strip() for key in ("Name", "State", "PPid")]))
    return ", ".join(words)


def _processes(top):
    found = []
    for path, _, files in os.walk(top):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError):
                with open(path + "/cgroup.procs", encoding="ascii") as file:
                    found += [int(line) for line in file if line.strip() != "0"]
    return found
