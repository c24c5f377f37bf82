"""Runs inside a booted tree when everything has ended: writes what systemd counted, powers off.

Python 3 with nothing but its library; the result is /bench/report.json.
"""

import json
import os
import subprocess

REPORT = "/bench/report.json"
PATTERNS = ("cloud-*.service", "tsagent-*.service")
GENERATORS = "/usr/lib/systemd/system-generators/"
PROPERTIES = (
    "Id,ActiveState,Result,ConditionResult,ExecMainStatus,CPUUsageNSec,MemoryPeak,"
    "ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic,"
    "InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic"
)


def output(*argv):
    """What a command prints, whatever its status."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode("utf-8", "replace")


def show(*units):
    """The properties of units, numbers as numbers: name -> properties."""
    found = {}
    for block in output("systemctl", "show", "--property", PROPERTIES, *units).strip().split("\n\n"):
        pairs = dict(line.partition("=")[::2] for line in block.splitlines())
        values = {key: int(value) if value.isdigit() else value for key, value in pairs.items()}
        found[values.get("Id", "")] = values
    return found


def read(path):
    """A file's text, empty where it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def whole_cpu():
    """CPU seconds of the whole container since it began, PID 1 and all services included."""
    for line in read("/sys/fs/cgroup/cpu.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    return None


def complaints():
    """What the agents themselves say went wrong."""
    found = {"cloud-init": [], "tsagent": []}
    result = read("/run/cloud-init/result.json")
    errors = json.loads(result)["v1"]["errors"] if result else ["cloud-init wrote no result"]
    found["cloud-init"] = [str(error) for error in errors]
    status = read("/run/tsagent/status.json")
    state = json.loads(status)["state"] if status else "missing"
    if state != "done":
        found["tsagent"] = ["the status is %s" % state, status]
    return found


def main():
    """Wait for the last job, collect, write, power off."""
    cpu = whole_cpu()
    state = output("timeout", "60", "systemctl", "is-system-running", "--wait").strip()
    names = output("systemctl", "list-units", "--all", "--plain", "--no-legend", *PATTERNS)
    units = [line.split()[0] for line in names.splitlines()]
    manager = output("systemctl", "show", "--property", "UserspaceTimestampMonotonic", "--value")
    report = {
        "system": state,
        "started": int(manager),
        "units": show(*units) if units else {},
        "ssh": show("ssh.service")["ssh.service"],
        "failed": output("systemctl", "--failed", "--plain", "--no-legend").split("\n")[:-1],
        "whole_cpu": cpu,
        "load": os.getloadavg()[0],
        "complaints": complaints(),
        "generator": read("/run/systemd/generator/bench-times"),
        "scanned_keys": output("ssh-keyscan", "-T", "5", "127.0.0.1"),
        "python": output("/usr/bin/python3", "--version").strip(),
        "systemd": output("systemctl", "--version").split("\n")[0],
        "status_text": output("tsagent", "status") if os.path.exists("/usr/bin/tsagent") else "",
        "journal": output("journalctl", "-b", "-o", "short-monotonic", "--no-pager", "--no-hostname"),
    }
    with open(REPORT + ".new", "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.rename(REPORT + ".new", REPORT)
    output("systemctl", "poweroff")


if __name__ == "__main__":
    main()
