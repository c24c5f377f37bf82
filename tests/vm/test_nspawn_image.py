"""Images: clones of one machine that was used and cleaned, and the command that answers for cloud-init."""

import json
import os

import nspawn_tree
import pytest

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root"),
]

COMPAT = os.path.join(nspawn_tree.CHECKOUT, "packaging", "compat")
TOLD = {"ssh_genkeytypes": ["ed25519"], "runcmd": ["echo ran >> /srv/ran"]}
SECRETS = "/var/lib/systemd/random-seed"


def test_clones_of_a_machine_that_was_used_and_cleaned_share_nothing(make_machine, machine):
    machine.seed(dict(TOLD, hostname="golden"), instance_id="i-golden")
    golden = machine.boot()
    assert golden["failed"] == [] and golden["status"]["state"] == "done"
    nspawn_tree.clean(machine.tree)
    boots = [golden]
    for name in ("one", "two"):
        clone = make_machine(machine.tree)
        assert clone.read("/var/lib/cloud/seed/nocloud/user-data") is None  # the seed has gone, too
        assert clone.read(SECRETS) is None
        clone.seed(dict(TOLD, hostname=name), instance_id="i-" + name)
        boot = clone.boot()
        boots.append(boot)
        assert boot["failed"] == [] and boot["status"]["state"] == "done", boot["status_text"]
        assert boot["status"]["adopted"] is False
        assert (boot["status"]["instance_id"], boot["hostname"]) == ("i-" + name, name)
        assert clone.read("/srv/ran") == "ran\nran\n"  # the image's file, and its own run
        assert os.listdir(clone.path("/var/lib/tsagent/instances")) == ["i-" + name]
    assert len({boot["machine_id"] for boot in boots}) == 3
    assert len({digest for boot in boots for digest in boot["host_keys"].values()}) == 6


def install_compat(machine):
    """What the package tsagent-cloud-init-compat brings, enabled."""
    for name, path in (
        ("cloud-init", "/usr/bin/cloud-init"),
        ("cloud-final.service", "/usr/lib/systemd/system/cloud-final.service"),
        ("cloud-init.target", "/usr/lib/systemd/system/cloud-init.target"),
    ):
        with open(os.path.join(COMPAT, name), encoding="utf-8") as file:
            machine.write(path, file.read(), 0o755 if "/bin/" in path else 0o644)
    units = ["cloud-final.service", "cloud-init.target"]
    nspawn_tree.run(["systemctl", "--root", machine.tree, "enable"] + units)


def test_provisioners_are_answered_in_cloud_inits_name(machine):
    install_compat(machine)
    machine.seed(dict(TOLD, runcmd=["test ! -e /var/lib/cloud/instance/boot-finished", "exit 3"]))
    wait = "timeout 60 sh -c 'until [ -f /var/lib/cloud/instance/boot-finished ]; do sleep 0.2; done'"
    machine.ask(
        boot_finished=["sh", "-c", wait],
        status=["cloud-init", "status", "--wait", "--long"],
        as_json=["cloud-init", "status", "--format", "json"],
        result=["cat", "/run/cloud-init/result.json"],
        units=["systemctl", "is-active", "cloud-final.service", "cloud-init.target"],
        query=["cloud-init", "query", "v1.instance_id"],
    )
    boot = machine.boot()
    assert boot["status"]["state"] == "error"  # the agent did not give way to itself
    assert "ordering cycle" not in boot["journal"]
    extra = boot["extra"]
    assert extra["boot_finished"][0] == 0
    code, text = extra["status"]
    assert code == 1 and "status: error\nextended_status: error - done\n" in text
    assert json.loads(extra["as_json"][1])["datasource"] == "nocloud"
    assert "commands" in json.loads(extra["result"][1])["v1"]["errors"][0]
    assert extra["units"] == [0, "active\nactive\n"]
    assert extra["query"] == [0, "i-bench\n"]
    # At the next boot it is there anew, once that has ended; and the machine is still the agent's own.
    machine.ask(boot_finished=["sh", "-c", wait], link=["readlink", "/var/lib/cloud/instance"])
    second = machine.boot()
    assert second["status"]["adopted"] is False and second["status"]["state"] != "disabled"
    assert second["extra"] == {"boot_finished": [0, ""], "link": [0, "/run/cloud-init/instance\n"]}
