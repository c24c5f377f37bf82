"""Runs inside the machine that QEMU boots: waits for the agent and the boot, writes what it sees.

The result is /bench/report.json. With `bench.stay` on the kernel's command line the machine then stays on for
whoever logs in; else it powers off.
"""

import json
import os
import sys

sys.path.insert(0, "/bench")
from collect import host_keys, output, read, show  # noqa: E402

REPORT = "/bench/report.json"
AGENT_LIMIT = "600"  # seconds; the processor is emulated, and others use this machine as well
UNITS = (  # noqa: SIM905 (names read better unquoted)
    "tsagent-local.service tsagent-network.service tsagent-final.service tsagent-ready.target "
    "ssh.service systemd-networkd.service network-pre.target tuned.service"
).split()
LOOKS = {
    "addresses": ["ip", "-j", "address"],
    "rules": ["ip", "-j", "rule"],
    "routes": ["ip", "-j", "route", "show", "table", "all"],
    "facts": ["tsagent", "facts", "--format", "json"],
    "tuned": ["tuned-adm", "active"],
    "tuned_verify": ["tuned-adm", "verify"],
    "links": ["networkctl", "--no-pager", "--no-legend", "list"],
    "blocks": ["lsblk", "--json", "--bytes", "--output", "NAME,SIZE,SERIAL,MOUNTPOINT"],
    "swaps": ["swapon", "--show=NAME,SIZE", "--bytes", "--noheadings"],
    "fstab": ["findmnt", "--verify"],
    "in_mounts": ["sh", "-c", "cat /srv/*/in-mount || true"],
    "root_bytes": ["findmnt", "--noheadings", "--bytes", "--output", "SIZE", "/"],
}


def main():
    """Collect, write, say so; power off."""
    waited, _ = output("tsagent", "status", "--wait", "--timeout", AGENT_LIMIT)
    state = output("timeout", "300", "systemctl", "is-system-running", "--wait")[1].strip()
    status = read("/run/tsagent/status.json")
    report = {
        "boot_id": read("/proc/sys/kernel/random/boot_id").strip(),
        "machine_id": read("/etc/machine-id").strip(),
        "hostname": os.uname().nodename,
        "wait_status": waited,
        "system": state,
        "status": json.loads(status) if status else None,
        "status_text": output("tsagent", "status")[1],
        "failed": output("systemctl", "--failed", "--plain", "--no-legend")[1].split("\n")[:-1],
        "units": {unit: show(unit) for unit in UNITS},
        "host_keys": host_keys(),
        "nothing_due": os.path.exists("/run/tsagent/nothing-due"),
        "looks": {name: output(*words) for name, words in LOOKS.items()},
    }
    with open(REPORT + ".new", "w", encoding="utf-8") as file:
        json.dump(report, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(REPORT + ".new", REPORT)
    os.sync()
    print("bench: the report is there", flush=True)
    if "bench.stay" not in read("/proc/cmdline").split():
        output("systemctl", "poweroff")


if __name__ == "__main__":
    main()
