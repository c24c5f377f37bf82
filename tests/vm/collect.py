"""Runs inside the booted tree: waits for the agent and the boot, writes what it sees, powers off.

Python 3 with nothing but its library; the result is /bench/report.json.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import time

REPORT = "/bench/report.json"
UNITS = (  # noqa: SIM905 (names read better unquoted)
    "tsagent-local.service tsagent-network.service tsagent-final.service tsagent-ready.target "
    "ssh.service console-getty.service systemd-user-sessions.service multi-user.target network-pre.target "
    "network-online.target sysinit.target basic.target network.target "
    "tsagent-online.target tsagent-host-keys.service tsagent-retry.timer tsagent-retry.target "
    "cloud-init-local.service cloud-init.service cloud-config.service cloud-final.service "
    "bench-theirs.service"
).split()
PROPERTIES = (  # noqa: SIM905
    "ActiveState SubState Result ConditionResult ConditionTimestampMonotonic ExecMainStatus NRestarts "
    "ExecMainStartTimestampMonotonic ExecMainExitTimestampMonotonic InactiveExitTimestampMonotonic "
    "InactiveEnterTimestampMonotonic "
    "ActiveEnterTimestampMonotonic CPUUsageNSec MemoryPeak"
).split()
AGENT_LIMIT = "120"  # seconds the agent may take, where /bench/limit says nothing else
SYSTEM_LIMIT = "60"  # seconds that whatever else starts may take then
SAMPLES = 5


def output(*argv, **options):
    """What a command prints, whatever its status."""
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def show(unit):
    """The properties of a unit, numbers as numbers."""
    _, text = output("systemctl", "show", "--property", ",".join(PROPERTIES), unit)
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        found[key] = int(value) if value.isdigit() else value
    if found.get("CPUUsageNSec") == 2**64 - 1:
        del found["CPUUsageNSec"]  # "not set", as older versions print it
    return found


def cpu_of(*argv):
    """CPU seconds of a command, user and system, the median of some runs."""
    samples = []
    for _ in range(SAMPLES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output(*argv)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        samples.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return sorted(samples)[SAMPLES // 2]


def host_keys():
    """The public host keys: name -> digest."""
    keys = {}
    for name in sorted(os.listdir("/etc/ssh")):
        if name.startswith("ssh_host_"):
            with open("/etc/ssh/" + name, "rb") as file:
                keys[name] = hashlib.sha256(file.read()).hexdigest()
    return keys


def read(path):
    """A file's text, None where it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def extra():
    """What a test asks for besides: commands in /bench/ask.json, name -> words."""
    text = read("/bench/ask.json")
    return {name: output(*words) for name, words in json.loads(text).items()} if text else {}


def main():
    """Collect, write, power off; a machine that is on its way down is left alone."""
    started = time.monotonic()
    limit = (read("/bench/limit") or AGENT_LIMIT).strip()
    try:
        waited, waited_text = output("tsagent", "status", "--wait", "--timeout", limit)
    except OSError as error:  # a broken agent is what some boots are about
        waited, waited_text = None, str(error)
    waited_seconds = time.monotonic() - started
    if output("systemctl", "is-system-running")[1].strip() == "stopping":
        return
    state = output("timeout", SYSTEM_LIMIT, "systemctl", "is-system-running", "--wait")[1].strip()
    status = read("/run/tsagent/status.json")
    report = {
        "began": int(output("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value")[1]),
        "boot_id": read("/proc/sys/kernel/random/boot_id").strip(),
        "machine_id": read("/etc/machine-id").strip(),
        "hostname": os.uname().nodename,
        "wait_status": waited,
        "wait_seconds": waited_seconds,
        "system": state,
        "status": json.loads(status) if status else None,
        "status_text": waited_text,
        "failed": output("systemctl", "--failed", "--plain", "--no-legend")[1].split("\n")[:-1],
        "jobs": output("systemctl", "list-jobs", "--no-legend")[1],
        "units": {unit: show(unit) for unit in UNITS},
        "host_keys": host_keys(),
        "scanned_keys": output("ssh-keyscan", "-T", "5", "127.0.0.1")[1],
        "provisional_file": os.path.exists("/run/tsagent/provisional"),
        "nothing_due": os.path.exists("/run/tsagent/nothing-due"),
        "extra": extra(),
        "cpu_yaml": cpu_of(sys.executable, "-I", "-c", "import yaml"),
        "cpu_pass": cpu_of(sys.executable, "-I", "-c", "pass"),
        "journal": output("journalctl", "-b", "-o", "short-monotonic", "--no-pager", "--no-hostname")[1],
    }
    with open(REPORT + ".new", "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.rename(REPORT + ".new", REPORT)
    output("systemctl", "poweroff")


if __name__ == "__main__":
    main()
