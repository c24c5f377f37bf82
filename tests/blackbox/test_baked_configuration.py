"""What an image builder bakes in: drop-ins of agent.d over agent.yaml, seen in a whole first boot."""

import os

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")


@pytest.fixture
def bake(agent):
    """Writes a file below /etc/tsagent."""

    def write(name, text):
        file = agent.root / "etc/tsagent" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    return write


def seed(agent, instance_id="i-seed"):
    """A seed in the image, where `auto` looks for one."""
    directory = agent.root / "var/lib/cloud/seed/nocloud"
    directory.mkdir(parents=True)
    (directory / "meta-data").write_text("instance-id: %s\n" % instance_id)


def test_drop_ins_win_key_by_key_over_the_file(agent, bake):
    bake(
        "agent.yaml",
        "modules: {disabled: [handoff]}\n"
        "defaults: {hostname: {hostname: first}, files: {write_files: [{path: /a, content: x}]}}\n",
    )
    bake("agent.d/10-site.yaml", "defaults: {hostname: {hostname: site}}\nmodules: {disabled: [packages]}\n")
    bake("agent.d/20-image.yaml", "defaults: {hostname: {hostname: image}}\n")
    bake("agent.d/30-ignored.txt", "modules: {disabled: [hostname]}\n")
    assert agent.run().returncode == 0
    assert (agent.root / "etc/hostname").read_text() == "image\n"
    assert (agent.root / "a").read_text() == "x"
    for name in ("handoff", "packages"):
        assert agent.module(name)["state"] == "disabled"


def test_user_data_stands_above_the_images_defaults(agent, bake):
    bake(
        "agent.d/10.yaml",
        "defaults: {hostname: {hostname: image}, files: {write_files: [{path: /a, content: x}]}}\n",
    )
    agent.tell({"hostname": "mine"})
    assert agent.run().returncode == 0
    assert (agent.root / "etc/hostname").read_text() == "mine\n"
    assert (agent.root / "a").read_text() == "x"


def test_disabled_modules_do_nothing(agent, bake):
    bake("agent.d/10.yaml", "modules: {disabled: [files, commands]}\n")
    agent.tell({"write_files": [{"path": "/a", "content": "x"}], "runcmd": ["touch b"], "hostname": "h"})
    assert agent.run().returncode == 0
    assert not (agent.root / "a").exists() and not (agent.root / "b").exists()
    assert (agent.root / "etc/hostname").read_text() == "h\n"


def test_a_pinned_source_is_the_only_one(agent, bake):
    seed(agent)
    bake("agent.d/10.yaml", "sources: [configdrive]\n")
    result = agent.run(source="auto")
    assert result.returncode == 1 and agent.status()["instance_id"] is None
    assert agent.status()["errors"][0]["code"] == "no-source"
    bake("agent.d/10.yaml", "sources: [nocloud]\n")
    assert agent.run(source="auto").returncode == 0
    assert (agent.status()["instance_id"], agent.status()["source"]) == ("i-seed", "nocloud")


def test_what_is_wrong_is_named_with_its_line_and_the_rest_holds(agent, bake):
    bake("agent.d/10.yaml", "sources: [floppy]\nmodules: {disabled: [commands]}\ncolour: red\n")
    agent.tell({"runcmd": ["touch b"]})
    planned = agent("plan")
    for words in ("agent.d/10.yaml:1:", "agent.d/10.yaml:3:", "colour: unknown key"):
        assert words in planned.stdout
    assert agent.run().returncode == 2
    assert not (agent.root / "b").exists() and agent.module("commands")["state"] == "disabled"
    assert any("10.yaml:3:" in text for text in agent.status()["warnings"])


def test_a_network_of_the_image_wins_and_is_there_before_any_source_answers(agent, bake):
    bake(
        "agent.d/10.yaml",
        "sources: [imds]\nnetwork: {version: 2, ethernets: {eth0: {addresses: [192.0.2.7/24]}}}\n",
    )
    (agent.root / "usr/lib/systemd").mkdir(parents=True)
    (agent.root / "usr/lib/systemd/systemd-networkd").write_text("")
    agent.run("--stage", "local", source="auto")
    text = (agent.root / "etc/systemd/network/10-tsagent-eth0.network").read_text()
    assert "Address=192.0.2.7/24" in text
