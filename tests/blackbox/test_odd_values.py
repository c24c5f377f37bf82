"""Values of a kind that nobody expects, and words that are secret in one place and plain in another."""

import os
import stat

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")

DEBIAN = "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=wheel\n"
LIST = "deb http://nowhere.invalid/debian wheel main\n"
PASSWORD = "Cnry-of-the-mirror"


def debian(agent):
    (agent.root / "etc/os-release").write_text(DEBIAN, encoding="utf-8")
    (agent.root / "etc/apt").mkdir(parents=True)
    (agent.root / "etc/apt/sources.list").write_text(LIST, encoding="utf-8")


def test_the_word_that_stands_for_a_key_hides_nothing(agent):
    chef = {"server_url": "https://c", "validation_name": "v", "validation_cert": "system"}
    agent.tell({"chef": dict(chef, exec=False)})
    plan = agent("plan", "--only", "chef").stdout
    assert "chef.validation_cert is system, and there is no /etc/chef/validation.pem" in plan
    agent.tell({"chef": dict(chef, validation_cert="system of mine", log_level="system of mine")})
    plan = agent("plan", "--only", "chef").stdout
    assert "system of mine" not in plan


def test_binary_values_are_read_as_text(agent):
    agent.tell(
        "#cloud-config\n"
        "ansible: {package_name: !!binary YQ==, pull: {url: !!binary eA==, playbook_name: !!binary /w==}}\n"
        "chef: {server_url: !!binary eA==, validation_name: v, validation_key: !!binary L2V0Yy9r}\n"
    )
    result = agent("plan")
    assert "bug" not in result.stdout + result.stderr
    assert "pull and play" in result.stdout and "chef_server_url 'x'" in result.stdout


def test_a_mirrors_password_stands_in_its_file_alone(agent):
    debian(agent)
    mirror = "http://user:%s@nowhere.invalid/debian" % PASSWORD
    apt = {
        "primary": [{"arches": ["default"], "uri": mirror}],
        "sources": {"more": {"source": "deb $MIRROR wheel-more main"}},
    }
    for settings in (apt, dict(apt, sources_list="deb $PRIMARY $RELEASE main\n")):
        agent.tell({"apt": settings})
        for words in (["plan"], ["plan", "--format", "json"], ["explain", "apt"]):
            result = agent(*words)
            assert "http://nowhere.invalid/debian" in result.stdout or words[0] == "plan"
            assert "sources.list" in result.stdout and PASSWORD not in result.stdout + result.stderr
    agent.run("--only", "apt")
    for name in ("sources.list", "sources.list.d/more.list"):
        path = agent.root / "etc/apt" / name
        assert PASSWORD in path.read_text(encoding="utf-8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_directories_that_are_there_keep_their_modes(agent):
    for name in ("etc/chef", "var/log/chef"):
        (agent.root / name).mkdir(parents=True)
        (agent.root / name).chmod(0o700)
    agent.tell({"chef": {"server_url": "https://c", "validation_name": "v"}})
    agent.run("--only", "chef")
    assert (agent.root / "etc/chef/client.rb").exists()
    modes = [
        stat.S_IMODE((agent.root / name).stat().st_mode) for name in ("etc/chef", "var/log/chef", "var/chef")
    ]
    assert modes == [0o700, 0o700, 0o755]
