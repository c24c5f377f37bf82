"""A metadata service that comes late: the instance completes without a restart.

make vm-test ARGS="-k retry"
"""

import json
import os

import nspawn_tree
import pytest
from boots import BASIC, FINAL, NETWORK, ended_well

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]

ADDRESS = "169.254.0.23"
# Comes once both stages that ask have given up, and when the timer that is to ask again is wound up.
LATE_SERVICE = """\
[Unit]
Description=A metadata service that comes late
[Service]
ExecStartPre=/usr/bin/timeout 100 sh -c 'until systemctl -q is-active tsagent-retry.timer; do sleep 0.1; done'
ExecStartPre=/usr/sbin/ip address add %s/32 dev lo
ExecStart=/usr/bin/tsagent imds serve --bind %s --port 80 --user-data /bench/user-data
TimeoutStartSec=120
[Install]
WantedBy=multi-user.target
""" % (ADDRESS, ADDRESS)
# The collector's own `status --wait` sees the first end, an error; it is to see the second.
UNTIL_KNOWN = """\
[Service]
ExecStartPre=/usr/bin/timeout 100 sh -c 'until [ -e /srv/ran ]; do sleep 0.1; done'
TimeoutStartSec=120
"""


# What says that this is an instance of Tencent Cloud: firmware tables, which the container has none of.
FIRMWARE = """\
[Unit]
Description=Firmware tables laid over /sys/class
DefaultDependencies=no
Before=tsagent-local.service
[Service]
Type=oneshot
ExecStart=/usr/bin/mount -t overlay overlay -o lowerdir=/bench/class:/sys/class /sys/class
[Install]
WantedBy=multi-user.target
"""
DMI = {"sys_vendor": "Tencent Cloud", "product_name": "CVM"}
DMI["product_uuid"] = "cfac763a-7094-446b-a8a9-b995e638471a"


def ask_service(machine):
    """Nothing but the metadata service can tell which instance this is, and it is asked for 2 s."""
    machine.write("/etc/tsagent/agent.d/50-bench.yaml", "imds_deadline: 2\n")
    for name, text in DMI.items():
        machine.write("/bench/class/dmi/id/" + name, text + "\n")
    machine.enable("bench-firmware.service", FIRMWARE)
    nspawn_tree.drop_in(
        machine.tree,
        "tsagent-retry.timer",
        "soon",
        "[Timer]\nOnActiveSec=\nOnActiveSec=3s\nAccuracySec=100ms\n",
    )


def test_retry_timer_completes_an_instance_without_a_restart(machine):
    ask_service(machine)
    machine.write(
        "/bench/user-data", "#cloud-config\n" + json.dumps(dict(BASIC, runcmd=["echo ran >> /srv/ran"]))
    )
    machine.enable("bench-service.service", LATE_SERVICE)
    nspawn_tree.drop_in(machine.tree, "bench-collect.service", "known", UNTIL_KNOWN)
    first = machine.boot()
    assert "which instance this is" in first["journal"]
    # Sooner than any of that, people could log in.
    assert first.unit("ssh.service")["ActiveState"] == "active"
    assert first["failed"] == [] and first["system"] == "running"
    # (A warning is left: the simulated instance's network card is not this machine's.)
    assert first["status"]["errors"] == [] and first["status"]["state"] in ("done", "degraded")
    assert first["status"]["provisional"] is False
    assert machine.read("/srv/file") == "text\n" and machine.read("/srv/ran") == "ran\n"
    assert first.unit(NETWORK)["Result"] == first.unit(FINAL)["Result"] == "success"
    # The timer is gone with its work.
    assert first.unit("tsagent-retry.timer")["ActiveState"] == "inactive"
    assert first.unit("tsagent-retry.target")["ActiveState"] == "inactive"
    assert not first["provisional_file"]

    os.unlink(machine.path("/etc/systemd/system/bench-collect.service.d/known.conf"))
    nspawn_tree.run(["systemctl", "--root", machine.tree, "disable", "bench-service.service"])
    second = machine.boot()
    ended_well(second)
    assert second["nothing_due"]
    assert second.unit("tsagent-retry.timer")["InactiveExitTimestampMonotonic"] == 0
    assert machine.read("/srv/ran") == "ran\n"


def test_retry_goes_on_while_the_service_is_away(machine):
    """Each failure winds the timer up again; nothing of the instance's own is made meanwhile."""
    ask_service(machine)
    nspawn_tree.drop_in(
        machine.tree,
        "bench-collect.service",
        "later",
        "[Service]\nTimeoutStartSec=120\nExecStartPre=/usr/bin/timeout 100 sh -c 'until "
        '[ "$$(journalctl -b -u tsagent-final.service --grep Starting --output cat | wc -l)" -ge 3 ]; '
        "do sleep 0.3; done'\n",
    )
    boot = machine.boot()
    assert boot["status"]["state"] == "error" and boot["status"]["provisional"] is True
    assert boot["provisional_file"]
    assert boot.unit("ssh.service")["ActiveState"] == "active"
    assert sorted(line.split()[0] for line in boot["failed"]) in ([FINAL], [FINAL, NETWORK], [NETWORK], [])
