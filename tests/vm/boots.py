"""What the machines are told to do at their boots, and what every boot must show."""

import os

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR ada@example"
LOCAL, NETWORK, FINAL = ("tsagent-%s.service" % stage for stage in ("local", "network", "final"))
READY = "tsagent-ready.target"
# Ends well only when the target is reached while the final stage still runs.
SEE_MULTI_USER = "timeout 60 sh -c 'until systemctl -q is-active multi-user.target; do sleep 0.1; done'"
BASIC = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada", "ssh_authorized_keys": [KEY]}],
    "write_files": [
        {"path": "/srv/file", "content": "text\n"},
        {"path": "/srv/hers", "content": "x", "owner": "ada:ada", "permissions": "0600"},
    ],
    "runcmd": [SEE_MULTI_USER, "echo ran >> /srv/ran"],
}
# Held up until sshd is there: were sshd to wait for it in turn, both would have to wait for its limit.
SLOW_ONLINE = """\
[Unit]
Description=A network that is long in coming online
DefaultDependencies=no
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/bin/timeout 90 sh -c 'until systemctl -q is-active ssh.service; do sleep 0.1; done'
[Install]
WantedBy=network-online.target
"""
AFTER_AGENT = """\
[Unit]
Description=Somebody's service that comes after the agent
After=tsagent-ready.target
Wants=tsagent-ready.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /srv/ran > /srv/after-agent'
[Install]
WantedBy=multi-user.target
"""


def wants(machine, target, unit, text):
    """A unit of somebody else's, enabled."""
    machine.write("/etc/systemd/system/" + unit, text)
    directory = machine.path("/etc/systemd/system/%s.wants" % target)
    os.makedirs(directory, exist_ok=True)
    os.symlink("../" + unit, os.path.join(directory, unit))


def ended_well(boot):
    """Nothing of ours failed, nothing at all is left to do."""
    assert boot["failed"] == []
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert boot["wait_status"] == 0
    assert boot["system"] == "running"
    assert "ordering cycle" not in boot["journal"]
    assert "Traceback" not in boot["journal"]


def show_figures(capsys, name, boot, memory=None):
    """A table for people: when each of our units ran, its CPU, its largest process."""
    lines = ["%s: %.1f s from start to power-off" % (name, boot.seconds)]
    lines.append("%-24s %9s %9s %9s %10s" % ("unit", "began s", "took s", "CPU ms", "memory MB"))
    for unit in (LOCAL, NETWORK, FINAL):
        values = boot.unit(unit)
        began, ended = values["ExecMainStartTimestampMonotonic"], _settled(values)
        if not began:
            lines.append("%-24s %9s" % (unit, "skipped"))
            continue
        peak = (memory or {}).get(unit) or values.get("MemoryPeak")
        lines.append(
            "%-24s %9.2f %9.2f %9.1f %10s"
            % (
                unit,
                (began - boot["began"]) / 1e6,
                (ended - began) / 1e6,
                values["CPUUsageNSec"] / 1e6,
                "%.1f" % (peak / 2**20) if isinstance(peak, int) else "-",
            )
        )
    lines.append(
        "all of them: CPU %.1f ms; beside it python3 -I -c 'import yaml' %.1f ms, pass %.1f ms"
        % (sum(boot.cpu().values()) * 1000, boot["cpu_yaml"] * 1000, boot["cpu_pass"] * 1000)
    )
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def started_after(boot, later, *earlier):
    """Whether a unit began only when each of the others had ended or was up, by systemd's own clock."""
    began = boot.unit(later)["InactiveExitTimestampMonotonic"]
    return began > 0 and all(_settled(boot.unit(name)) <= began for name in earlier)


def _settled(unit):
    """When a unit was up, or had failed."""
    return max(unit["ActiveEnterTimestampMonotonic"], unit["InactiveEnterTimestampMonotonic"])
