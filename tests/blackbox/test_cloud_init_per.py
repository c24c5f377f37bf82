"""`cloud-init-per`, as boot commands and boot hooks have always called it."""

import os

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")


def lines(agent, name):
    path = agent.root / name
    return path.read_text().split() if path.exists() else []


def test_commands_are_run_as_often_as_they_say(agent):
    say = "cloud-init-per %s %s sh -c 'echo x >> %s'"
    commands = [say % (word, "a-name", word) for word in ("once", "instance", "always")]
    agent.tell({"bootcmd": commands + [["cloud-init-per", "once", "list", "touch", "a list"]]})
    for _ in range(2):
        result = agent.run("--only", "bootcmd", "--again")
        assert result.returncode == 0, result.stdout
    assert [len(lines(agent, word)) for word in ("once", "instance", "always")] == [1, 1, 2]
    assert (agent.root / "a list").exists()
    agent.tell({"bootcmd": commands}, instance_id="ins-other")
    assert agent.run("--only", "bootcmd", "--again").returncode == 0
    assert [len(lines(agent, word)) for word in ("once", "instance", "always")] == [1, 2, 3]


def test_a_boot_hook_that_ends_early_the_second_time(agent):
    agent.tell(
        "#cloud-boothook\n#!/bin/sh\ncloud-init-per instance do-it /bin/false && exit 0\necho x >> hook\n"
    )
    for _ in range(3):
        assert agent.run("--only", "bootcmd", "--again").returncode == 0
    assert len(lines(agent, "hook")) == 1


@pytest.mark.parametrize("words", ["often name true", "once a/b true", "once name"])
def test_what_is_no_call_fails(agent, words):
    agent.tell({"bootcmd": ["cloud-init-per %s" % words]})
    assert agent.run("--only", "bootcmd").returncode == 1
    assert "cloud-init-per: " in (agent.root / "var/log/tsagent-output.log").read_text()


def test_the_exit_status_is_the_commands(agent):
    agent.tell({"bootcmd": ["cloud-init-per once name sh -c 'exit 3' || echo $? > status"]})
    assert agent.run("--only", "bootcmd").returncode == 0
    assert lines(agent, "status") == ["3"]
