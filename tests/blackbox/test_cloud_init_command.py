"""The compatibility command over the status of real runs, a run in progress among them."""

import json
import os
import signal
import subprocess
import sys

import pytest
import yaml

from tsagent.compat import finished
from tsagent.host import Host

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

PROGRAM = "import sys\nfrom tsagent.compat.cloud_init import main\nsys.exit(main(root=sys.argv.pop(1)))\n"


class CloudInit:
    """Calls the command over the agent's scratch root."""

    def __init__(self, agent):
        self.agent = agent

    def line(self, *words):
        return [sys.executable, "-B", "-c", PROGRAM, str(self.agent.root)] + list(words)

    def __call__(self, *words):
        return subprocess.run(
            self.line(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, env=self.agent.environment(), cwd="/", timeout=120,
        )  # fmt: skip

    def json(self):
        return json.loads(self("status", "--format", "json").stdout)


@pytest.fixture
def cloud_init(agent):
    return CloudInit(agent)


def test_before_any_run(cloud_init):
    result = cloud_init("status", "--long")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "status: not started",
        "extended_status: not started",
        "boot_status_code: unknown",
        "detail: tsagent has not run in this boot yet",
        "errors: []",
        "recoverable_errors: {}",
    ]


def test_done(agent, cloud_init):
    agent.tell({"write_files": [{"path": "/a", "content": "x"}]})
    assert agent.run().returncode == 0
    result = cloud_init("status")
    assert (result.returncode, result.stdout, result.stderr) == (0, "status: done\n", "")
    data = cloud_init.json()
    assert data["extended_status"] == "done" and data["errors"] == [] and data["recoverable_errors"] == {}
    assert data["boot_status_code"] == "enabled-by-generator" and data["last_update"].endswith("+0000")
    assert data["datasource"] == "nocloud"
    assert data["detail"].startswith("DataSourceNoCloud [%s" % agent.seed)
    assert data["stage"] is None
    for stage in ("init-local", "init", "modules-config", "modules-final"):
        assert set(data[stage]) == {"errors", "recoverable_errors", "start", "finished"}
        assert data[stage]["finished"] >= data[stage]["start"] > 0


def test_degraded(agent, cloud_init):
    agent.tell({"no_such_key": 1})
    assert agent.run().returncode == 2
    result = cloud_init("status", "--wait")
    assert (result.returncode, result.stdout) == (2, "status: done\n")
    data = cloud_init.json()
    assert (data["status"], data["extended_status"], data["errors"]) == ("done", "degraded done", [])
    assert "no_such_key" in data["recoverable_errors"]["WARNING"][0]
    long = cloud_init("status", "--long").stdout
    assert "\nextended_status: degraded done\n" in long and "\nrecoverable_errors:\nWARNING:\n\t- " in long


def test_error(agent, cloud_init):
    agent.tell({"runcmd": ["exit 3"]})
    assert agent.run().returncode == 1
    result = cloud_init("status", "--long")
    assert result.returncode == 1
    assert result.stdout.startswith("status: error\nextended_status: error - done\n")
    assert "\nerrors:\n\t- commands: " in result.stdout
    data = cloud_init.json()
    assert data["modules-final"]["errors"] == data["errors"] != []
    assert data["init"]["errors"] == []


def test_yaml_says_the_same_as_json(agent, cloud_init):
    agent.tell({"no_such_key": 1})
    agent.run()
    result = cloud_init("status", "--format", "yaml")
    assert result.returncode == 2 and result.stdout.startswith("---\n")
    assert yaml.safe_load(result.stdout) == cloud_init.json()


def test_turned_off(agent, cloud_init):
    (agent.root / "etc/tsagent").mkdir()
    (agent.root / "etc/tsagent/disabled").write_text("")
    result = cloud_init("status", "--wait", "--long")
    assert result.returncode == 0 and result.stdout.startswith("status: disabled\n")
    assert cloud_init.json()["boot_status_code"] == "disabled-by-marker-file"


def test_wait_lasts_as_long_as_the_run(agent, cloud_init):
    """The run stands still until the waiting command has looked more than once."""
    fifo = str(agent.root / "fifo")
    os.mkfifo(fifo)
    agent.tell({"runcmd": ["cat fifo > /dev/null"]})
    environment = agent.environment()
    run = subprocess.Popen(
        agent.command("run"), env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    gate = os.open(fifo, os.O_WRONLY)  # returns when the command has opened it: in the last stage
    waiting = subprocess.Popen(
        cloud_init.line("status", "--wait"), env=environment, cwd="/", stdout=subprocess.PIPE
    )
    try:
        assert waiting.stdout.read(2) == b".."
        assert cloud_init("status").stdout == "status: running\n"
        assert cloud_init.json()["stage"] == "modules-final"
        os.close(gate)
        rest, _ = waiting.communicate(timeout=60)
        assert run.wait(timeout=60) == 0
        assert waiting.returncode == 0
        assert rest.decode("ascii").lstrip(".") == "status: done\n"
    finally:
        for process in (run, waiting):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


def test_wait_prints_no_dots_but_for_people(agent, cloud_init):
    agent.run()
    result = cloud_init("status", "--wait", "--format", "json")
    assert json.loads(result.stdout)["status"] == "done"


def test_version_is_first_a_number_and_then_who_it_is(cloud_init):
    for option in ("--version", "-v"):
        result = cloud_init(option)
        assert result.returncode == 0
        program, version = result.stdout.split()
        assert program == "/usr/bin/cloud-init" and version.startswith("25.1-tsagent-")


@pytest.mark.parametrize("words", [(), ("nonsense",), ("status", "--format", "text"), ("status", "--nope")])
def test_usage_errors_are_2(cloud_init, words):
    result = cloud_init(*words)
    assert result.returncode == 2 and result.stdout == "" and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "words, instead",
    [
        (("single", "--name", "ssh", "--frequency", "always"), "tsagent run --only"),
        (("init", "--local"), "tsagent run"),
        (("modules", "--mode=final"), "tsagent run"),
        (("analyze", "blame"), "tsagent status"),
        (("devel", "schema"), "tsagent validate"),
        (("collect-logs",), "/var/log/tsagent.log"),
    ],
)
def test_other_commands_say_what_to_use_instead(cloud_init, words, instead):
    result = cloud_init(*words)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1 and instead in result.stderr


def test_query(agent, cloud_init):
    agent.tell({"hostname": "vm-1"}, instance_id="ins-7", **{"local-hostname": "told"})
    agent.run()
    for name in ("v1.instance_id", "instance_id"):
        assert cloud_init("query", name).stdout == "ins-7\n"
    assert cloud_init("query", "v1.local_hostname").stdout == "told\n"
    assert cloud_init("query", "userdata").stdout.startswith("#cloud-config\n")
    assert cloud_init("query", "ds.meta_data.instance-id").stdout == "ins-7\n"
    assert cloud_init("query", "combined_cloud_config.hostname").stdout == "vm-1\n"
    assert "region" in cloud_init("query", "--list-keys", "v1").stdout.splitlines()
    assert json.loads(cloud_init("query", "--all").stdout)["v1"]["platform"] == "nocloud"
    wrong = cloud_init("query", "v1.nothing")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "instance-data 'v1' has no 'nothing'" in wrong.stderr and len(wrong.stderr.splitlines()) == 1
    assert cloud_init("query").returncode == 1


def test_query_renders_a_template(agent, cloud_init):
    pytest.importorskip("jinja2")  # optional, as it is for the agent
    agent.tell(instance_id="ins-7")
    agent.run()
    result = cloud_init("query", "--format", "{{ v1.instance_id }} of {{ v1.platform }}")
    assert result.stdout == "ins-7 of nocloud\n"
    assert cloud_init("query", "-f", "{{ v1.nothing }}").returncode == 1


def test_query_before_any_run_is_one_line(cloud_init):
    result = cloud_init("query", "v1.instance_id")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def test_schema(tmp_path, cloud_init):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("#cloud-config\nhostname: a\n")
    bad.write_text("#cloud-config\nusers: 5\n")
    result = cloud_init("schema", "-c", str(good))
    assert (result.returncode, result.stdout) == (0, "Valid schema %s\n" % good)
    result = cloud_init("schema", "--config-file", str(bad))
    assert (result.returncode, result.stdout) == (1, "Invalid user-data %s\n" % bad)
    assert "bad.yaml:2:" in result.stderr and result.stderr.endswith("Error: Invalid schema: user-data\n")


def test_clean_keeps_the_seed_unless_it_is_asked_for(agent, cloud_init):
    """`cloud-init clean --reboot` sets a machine up again from the seed in it."""
    seed = agent.root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "meta-data").write_text("instance-id: i\n")
    agent.run()
    assert cloud_init("clean", "--logs").returncode == 0
    assert (seed / "meta-data").exists() and not (agent.root / "var/log/tsagent.log").exists()
    assert not (agent.root / "var/lib/tsagent/identity.json").exists()
    assert (agent.root / "var/lib/tsagent/clean").exists()
    assert cloud_init("clean", "--seed", "--configs", "all").returncode == 0
    assert not seed.exists()


# -- the files that provisioners wait for ------------------------------------------------------------------


def test_files_of_a_finished_boot(agent):
    agent.tell({"runcmd": ["exit 3"]})
    agent.run()
    finished.publish(Host(str(agent.root)))
    run = agent.root / "run/cloud-init"
    status = json.loads((run / "status.json").read_text())["v1"]
    assert status["stage"] is None and status["modules-final"]["finished"]
    result = json.loads((run / "result.json").read_text())["v1"]
    assert result["datasource"].startswith("DataSourceNoCloud") and "commands" in result["errors"][0]
    assert os.readlink(str(agent.root / "var/lib/cloud/instance")) == "/run/cloud-init/instance"
    assert (run / "instance/boot-finished").read_text().rstrip().endswith("v. " + status_version(agent))


def status_version(agent):
    return agent.status()["agent"]


def test_files_do_not_make_a_machine_another_agents(agent):
    """Nor does a boot after which nothing but them is left be taken for one of a machine in use."""
    agent.run()
    finished.publish(Host(str(agent.root)))
    subprocess.check_call(["rm", "-r", str(agent.root / "var/lib/tsagent")])
    for key in (agent.root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    agent.tell({"write_files": [{"path": "/again", "content": "x"}]})
    assert agent.run().returncode == 0
    assert agent.status()["adopted"] is False and (agent.root / "again").exists()


def test_an_instance_of_cloud_inits_own_is_left_alone(agent):
    theirs = agent.root / "var/lib/cloud/instances/i-1"
    theirs.mkdir(parents=True)
    link = agent.root / "var/lib/cloud/instance"
    link.symlink_to("instances/i-1")
    agent.run()
    assert agent.status()["adopted"] is True
    finished.publish(Host(str(agent.root)))
    assert os.readlink(str(link)) == "instances/i-1" and not list(theirs.iterdir())


def test_nothing_of_it_where_the_agent_is_turned_off(agent):
    (agent.root / "etc/tsagent").mkdir()
    (agent.root / "etc/tsagent/disabled").write_text("")
    finished.publish(Host(str(agent.root)))
    assert not (agent.root / "run/cloud-init").exists()


def test_an_agent_that_never_ended_is_an_error(agent):
    agent.run("--stage", "local")
    finished.publish(Host(str(agent.root)))
    errors = json.loads((agent.root / "run/cloud-init/result.json").read_text())["v1"]["errors"]
    assert len(errors) == 1 and "without saying how" in errors[0]
