"""Others on the machine: services ordered after the agent, and cloud-init.

make vm-test ARGS="-k neighbours"
"""

import os

import pytest
from boots import FINAL, KEY, LOCAL, NETWORK, ended_well, started_after

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]

THEIRS = """\
[Unit]
Description=What the hand-off starts; it wants the agent to have ended
After=tsagent-ready.target tsagent-final.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /run/tsagent/handoff.json > /srv/handed'
[Install]
WantedBy=multi-user.target
"""
# cloud-init looks nowhere else; the tree has no locales to generate.
ONLY_SEED = "datasource_list: [NoCloud]\nlocale: false\n"
# What both understand, and nothing that waits for multi-user.target: that waits for THEIRS.
TOLD = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada", "ssh_authorized_keys": [KEY]}],
    "write_files": [{"path": "/srv/file", "content": "text\n"}],
    "runcmd": ["echo ran >> /srv/ran"],
}
PEERS = ("cloud-init-local.service", "cloud-init.service", "cloud-config.service", "cloud-final.service")
STAGES = (LOCAL, NETWORK, FINAL)


@pytest.mark.quick
def test_neighbours_that_the_hand_off_starts_wait_for_the_agent_and_not_it_for_them(machine):
    machine.write("/etc/systemd/system/bench-theirs.service", THEIRS)
    handoff = {"updates": {"service": "theirs", "unit": "bench-theirs.service"}}
    handoff["tuning"] = {"service": "theirs", "unit": "bench-theirs.service"}
    machine.seed(dict(TOLD, handoff=handoff))
    machine.ask(enabled=["systemctl", "is-enabled", "bench-theirs.service"])
    for _ in range(2):
        boot = machine.boot()
        ended_well(boot)
        assert boot["extra"]["enabled"] == [0, "enabled\n"]
        assert boot.unit("bench-theirs.service")["Result"] == "success"
        assert started_after(boot, "bench-theirs.service", "tsagent-ready.target")
        assert '"bench-theirs.service"' in machine.read("/srv/handed")
        os.unlink(machine.path("/srv/handed"))


def beside_cloud_init(make_machine, both_image, choice):
    """The first boot of a machine with both agents in it, as the image's configuration has it."""
    machine = make_machine(both_image)
    machine.write("/etc/cloud/cloud.cfg.d/90_bench.cfg", ONLY_SEED)
    if choice is not None:
        machine.write("/etc/tsagent/agent.d/50-bench.yaml", "cloud_init: %s\n" % choice)
    machine.seed(TOLD)
    # Its last unit says when cloud-init has ended.
    machine.ask(cloud_init=["timeout", "100", "cloud-init", "status", "--wait", "--long"])
    boot = machine.boot()
    # Whoever it was: the machine is set up, once, with the one host key that was asked for.
    assert machine.read("/srv/file") == "text\n"
    assert sorted(boot["host_keys"]) == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]
    assert machine.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1] in boot["scanned_keys"]
    assert "ordering cycle" not in boot["journal"]
    assert "Traceback" not in boot["journal"]
    assert "status: done" in boot["extra"]["cloud_init"][1]
    assert [boot.unit(name)["Result"] for name in PEERS] == ["success"] * 4
    return machine, boot


@pytest.mark.parametrize("choice", [None, "yield"])
def test_neighbours_cloud_init_has_the_machine(make_machine, both_image, choice):
    machine, boot = beside_cloud_init(make_machine, both_image, choice)
    assert boot["failed"] == [] and boot["system"] == "running"
    assert boot["status"]["state"] == "disabled" and boot["status"]["modules"] == []
    assert "cloud-init" in boot["status_text"]
    assert machine.read("/srv/ran") == "ran\n"
    assert not os.path.exists(machine.path("/var/lib/tsagent/identity.json"))
    # One look at the first stage is enough for a boot.
    assert boot.unit(LOCAL)["ExecMainStatus"] == 0
    assert [boot.unit(name)["ConditionResult"] for name in (NETWORK, FINAL)] == ["no", "no"]


def test_neighbours_the_agent_refuses_beside_cloud_init(make_machine, both_image):
    machine, boot = beside_cloud_init(make_machine, both_image, "refuse")
    assert sorted(line.split()[0] for line in boot["failed"]) == sorted(STAGES)
    assert boot["status"]["state"] == "error" and boot["wait_status"] == 1
    assert {error["code"] for error in boot["status"]["errors"]} == {"other-agent"}
    assert boot["status"]["modules"] == []
    assert machine.read("/srv/ran") == "ran\n"
    assert boot.unit("ssh.service")["ActiveState"] == "active"


def test_neighbours_both_do_the_work_where_that_is_wanted(make_machine, both_image):
    machine, boot = beside_cloud_init(make_machine, both_image, "ignore")
    assert boot["failed"] == [] and boot["system"] == "running"
    assert boot["status"]["state"] == "done", boot["status_text"]
    assert machine.read("/srv/ran") == "ran\nran\n"
