"""The network's files as a user meets them: differences in a plan, edits, what a power cut left."""

import base64
import json

import pytest

PATH = "etc/systemd/network/10-tsagent-eth0.network"
STATE = "var/lib/tsagent/network/"


def config(address):
    return {"version": 2, "renderer": "networkd", "ethernets": {"eth0": {"addresses": [address]}}}


@pytest.fixture
def told(agent):
    """Gives the instance a network configuration."""

    def tell(address, **meta):
        agent.tell(**meta)
        (agent.seed / "network-config").write_text(json.dumps(config(address)))

    return tell


def change(agent, path):
    plan = agent("plan", "--only", "network", "--again", "--format", "json")
    modules = json.loads(plan.stdout)["modules"]
    return next(item for module in modules for item in module["changes"] if item["target"] == "/" + path)


def test_a_plan_shows_the_difference_of_each_file(agent, told):
    told("192.0.2.7/24")
    first = change(agent, PATH)
    assert first["state"] == "differs" and "+Address=192.0.2.7/24" in first["diff"]
    assert agent.run("--only", "network").returncode in (0, 2)
    assert change(agent, PATH)["state"] == "converged"
    told("192.0.2.8/24", instance_id="ins-other")
    again = change(agent, PATH)
    assert {"-Address=192.0.2.7/24", "+Address=192.0.2.8/24"} <= set(again["diff"])
    text = agent("plan", "--only", "network", "--again").stdout
    assert "      -Address=192.0.2.7/24\n" in text


def test_an_edit_is_kept_and_told_until_there_is_another_instance(agent, told):
    told("192.0.2.7/24")
    agent.run("--only", "network")
    file = agent.root / PATH
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    kept = change(agent, PATH)
    assert kept["state"] == "converged" and "it was edited" in kept["detail"]
    assert agent.run("--only", "network", "--again").returncode == 2
    assert file.read_text() == edited
    assert "it was edited" in agent("status").stdout
    told("192.0.2.8/24", instance_id="ins-other")
    agent.run("--only", "network")
    assert "192.0.2.8" in file.read_text()
    assert (agent.root / (STATE + "saved/" + PATH)).read_text() == edited


@pytest.mark.parametrize("owner", [None, "ins-test"])
def test_a_boot_puts_back_what_a_power_cut_left(agent, told, owner):
    """Though the module is done with for this instance, and no service runs yet."""
    told("192.0.2.7/24")
    agent.run()
    file = agent.root / PATH
    former = file.read_text()
    file.write_text("being tried\n")
    new = agent.root / (PATH + "-new.network")
    new.write_text("being tried\n")
    trial = {
        "format": 1,
        "renderer": "networkd",
        "digest": "0" * 24,
        "owner": owner,
        "url": None,
        "seconds": 20.0,
        "started": 0,
        "reached": {"versions": [4], "metadata": None, "gateway": None},
        "noted": {},
        "links": [],
        "makes": [],
        "records": {},
        "files": {
            "/" + PATH: {
                "content": base64.b64encode(former.encode()).decode(),
                "mode": 0o644,
                "owner": [0, 0],
            },
            "/" + PATH + "-new.network": None,
        },
    }
    (agent.root / (STATE + "trial.json")).write_text(json.dumps(trial))
    assert "! a network configuration is being tried" in agent("status").stdout
    done = agent.run("--stage", "local")
    assert "is being tried" not in agent("status").stdout
    assert done.returncode == (2 if owner is None else 1), done.stdout
    assert file.read_text() == former and not new.exists()
    assert not (agent.root / (STATE + "trial.json")).exists()
    module = agent.module("network")
    if owner is None:
        assert module["state"] == "done" and "was being tried" in module["warnings"][0]
    else:
        assert (module["state"], module["code"]) == ("failed", "network-put-back")


def test_render_leaves_out_what_is_wrong_and_says_so_by_its_exit_code(agent, tmp_path):
    """Warnings alone are none of it."""
    source = tmp_path / "net.yaml"
    words = [
        "network",
        "render",
        "--input",
        str(source),
        "--renderer",
        "networkd",
        "--output",
        str(tmp_path / "out"),
    ]
    source.write_text("version: 2\nethernets:\n  eth0:\n    addresses: [192.0.2.7/24, 192.0.2.300/24]\n")
    done = agent(*words)
    assert (done.returncode, done.stdout.split()) == (1, ["/etc/systemd/network/10-tsagent-eth0.network"])
    assert done.stderr.startswith("%s:4:31: error: /ethernets/eth0/addresses/1: " % source)
    assert (
        "Address=192.0.2.7/24" in (tmp_path / "out/etc/systemd/network/10-tsagent-eth0.network").read_text()
    )
    source.write_text("version: 2\nethernets:\n  eth0:\n    addresses: [192.0.2.7/24]\n    emit-lldp: true\n")
    done = agent(*words)
    assert (done.returncode, "warning: /ethernets/eth0/emit-lldp: " in done.stderr) == (0, True)
