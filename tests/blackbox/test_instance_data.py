"""Instance data under cloud-init's names: for queries, for templates, and redacted for everybody else."""

import json
import os

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

SECRET = "hunter2hunter2"
# The names that cloud-init's documentation calls standardized.
STANDARD = (
    "_beta_keys availability_zone availability-zone cloud_id cloud_name cloud-name distro distro_release "
    "distro_version instance_id instance-id kernel_release local_hostname local-hostname machine platform "
    "public_ssh_keys python_version region subplatform system_platform variant"
)


@pytest.fixture
def booted(agent):
    (agent.root / "etc/os-release").write_text('ID="rhel"\nVERSION="8.6 (Ootpa)"\nVERSION_ID="8.6"\n')
    place = agent.root / "etc/tsagent"
    place.mkdir(parents=True)
    (place / "agent.yaml").write_text("defaults: {packages: {package_update: false}}\n", encoding="utf-8")
    agent.tell(
        "#cloud-config\n{}\n",
        **{
            "local-hostname": "web-1.example.com",
            "region": "ap-guangzhou",
            "availability-zone": "ap-guangzhou-3",
            "launch-index": 2,
            "site-token": SECRET,
        },
    )
    assert agent.run().returncode == 0
    return agent


def ask(agent, *words):
    result = agent("query", *words)
    assert result.returncode == 0, result.stderr
    return result.stdout.rstrip("\n")


def test_names_of_both(booted):
    told = {
        "v1.region": "ap-guangzhou",
        "region": "ap-guangzhou",
        "v1.availability-zone": "ap-guangzhou-3",
        "v1.local_hostname": "web-1",
        "ds.meta_data.local_hostname": "web-1.example.com",
        "ds.meta_data.local-hostname": "web-1.example.com",
        "v1.distro": "redhat",
        "v1.variant": "rhel",
        "v1.distro_version": "8.6",
        "v1.distro_release": "Ootpa",
        "cloud_name": "nocloud",
        "metadata.zone": "ap-guangzhou-3",
        "v1.kernel_release": os.uname()[2],
    }
    assert {path: ask(booted, path) for path in told} == told
    assert sorted(json.loads(ask(booted, "v1"))) == sorted(STANDARD.split())
    assert ask(booted, "v1.subplatform") == "seed-dir (%s)" % booted.seed


def test_a_name_that_is_not_there_is_one_line_with_those_that_are(booted):
    result = booted("query", "v1.nothing")
    assert result.returncode == 1
    assert "there is no nothing in v1" in result.stderr
    assert "local_hostname" in result.stderr


def test_what_is_not_known_to_be_harmless_is_for_root(booted):
    public = (booted.root / "run/tsagent/instance.json").read_text(encoding="utf-8")
    assert SECRET not in public
    assert ask(booted, "ds.meta_data.site-token") == "redacted for non-root user"
    assert ask(booted, "userdata") == "redacted for non-root user"
    assert ask(booted, "merged_cfg") == "redacted for non-root user"
    keys = json.loads(ask(booted, "sensitive_keys"))
    assert keys == ["ds/meta_data/site-token", "merged_cfg", "merged_system_cfg", "userdata", "vendordata"]
    assert ask(booted, "--sensitive", "ds.meta_data.site_token") == SECRET
    assert ask(booted, "--sensitive", "userdata").startswith("#cloud-config")
    assert ask(booted, "--sensitive", "vendordata") == ""
    assert ask(booted, "--sensitive", "merged_system_cfg.package_update") == "false"


def test_templates_of_a_boot_and_of_show_see_the_same(agent):
    pytest.importorskip("jinja2")
    template = (
        "## template: jinja\n#cloud-config\nwrite_files:\n- path: /etc/told\n"
        "  content: '{{ v1.region }} {{ local_hostname }} {{ ds.meta_data.site_token }} "
        "{{ instance_type }}'\n"
    )
    meta = {"region": "r", "local-hostname": "web-1", "site-token": "t", "instance-type": "S5.MEDIUM4"}
    agent.tell(template, **meta)
    result = agent.run()
    assert result.returncode == 0, result.stdout
    assert (agent.root / "etc/told").read_text(encoding="utf-8") == "r web-1 t S5.MEDIUM4"
    data = str(agent.root / "run/tsagent/instance-sensitive.json")
    shown = agent(
        "user-data", "show", str(agent.seed / "user-data"), "--instance-data", data, "--format", "json"
    )
    assert shown.returncode == 0, shown.stdout
    assert json.loads(shown.stdout)["config"]["write_files"][0]["path"] == "/etc/told"


def test_parts_are_for_their_launch_index_at_a_boot(agent):
    parts = [{"content": writing(index), "launch-index": index} for index in (0, 1)]
    agent.tell("#cloud-config-archive\n" + json.dumps(parts), **{"launch-index": 1})
    assert agent.run().returncode == 0
    assert not (agent.root / "etc/file-0").exists()
    assert (agent.root / "etc/file-1").exists()


def writing(index):
    return "#cloud-config\nwrite_files: [{path: /etc/file-%d, content: x}]\n" % index
