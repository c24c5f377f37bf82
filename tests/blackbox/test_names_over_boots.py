"""The host's name and /etc/hosts over several boots: what is kept, and what is left to the administrator."""

import os

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: owners of files")


@pytest.fixture
def boot(agent, tmp_path):
    """Boot once more."""
    boots = []

    def one_more():
        boots.append(str(len(boots)))
        hardware = tmp_path / ("hardware-" + boots[-1])
        (hardware / "proc/sys/kernel/random").mkdir(parents=True)
        (hardware / "proc/sys/kernel/random/boot_id").write_text(boots[-1] + "\n")
        return agent.run(hardware=str(hardware)).returncode

    return one_more


def test_the_hosts_file_is_looked_at_in_each_boot_and_written_when_it_must_be(agent, boot):
    hosts = agent.root / "etc/hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    agent.tell({"fqdn": "web.example.com", "manage_etc_hosts": "localhost", "ssh_genkeytypes": ["ed25519"]})
    assert boot() == 0
    first = hosts.read_text(encoding="utf-8")
    assert "web.example.com web" in first
    inode = hosts.stat().st_ino
    assert boot() == 0
    assert [change["state"] for change in agent.module("etc_hosts")["changes"]] == ["already"]
    assert hosts.stat().st_ino == inode
    hosts.write_text("127.0.0.1 localhost\n10.0.0.5 db\n")
    assert boot() == 0
    assert hosts.read_text(encoding="utf-8") == first + "10.0.0.5 db\n"


def test_a_name_that_an_administrator_gives_stays(agent, boot):
    agent.tell({"hostname": "web", "ssh_genkeytypes": ["ed25519"]}, **{"local-hostname": "vm-1"})
    assert boot() == 0
    name = agent.root / "etc/hostname"
    assert name.read_text(encoding="utf-8") == "web\n"
    name.write_text("renamed\n")
    agent.tell(**{"local-hostname": "vm-2"})
    assert boot() == 0
    assert name.read_text(encoding="utf-8") == "renamed\n"
    agent.tell(instance_id="ins-other", **{"local-hostname": "vm-3"})
    assert boot() == 0
    assert name.read_text(encoding="utf-8") == "web\n"


def test_without_the_key_the_hosts_file_costs_nothing(agent, boot):
    agent.tell({"hostname": "web", "ssh_genkeytypes": ["ed25519"]})
    assert boot() == 0
    assert boot() == 0
    module = agent.module("etc_hosts")
    assert (module["state"], module["reason"]) == ("nothing", "none of its settings is given")
    assert not (agent.root / "etc/hosts").exists()
