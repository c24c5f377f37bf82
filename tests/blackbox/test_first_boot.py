"""A whole first boot into a scratch root, and what later boots make of it."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR a@example"
BASIC = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "users": ["default", {"name": "ada", "ssh_authorized_keys": [KEY]}],
    "write_files": [
        {"path": "/srv/file", "content": "text\n"},
        {"path": "/srv/hers", "content": "x", "owner": "ada:ada", "permissions": "0600"},
    ],
    "runcmd": ["echo ran >> count", ["sh", "-c", "echo listed > listed"]],
}


def test_everything_asked_for_is_done(agent):
    agent.tell(BASIC)
    result = agent.run()
    assert result.returncode == 0, result.stdout + result.stderr
    root = agent.root
    assert (root / "etc/hostname").read_text(encoding="utf-8") == "vm-1\n"
    assert (root / "srv/file").read_text(encoding="utf-8") == "text\n"
    assert (root / "count").read_text(encoding="utf-8") == "ran\n"
    assert (root / "listed").read_text(encoding="utf-8") == "listed\n"
    assert (root / "etc/ssh/ssh_host_ed25519_key").exists()
    assert KEY in (root / "home/ada/.ssh/authorized_keys").read_text(encoding="utf-8")
    hers = (root / "srv/hers").stat()
    assert stat.S_IMODE(hers.st_mode) == 0o600 and hers.st_uid == (root / "home/ada").stat().st_uid != 0
    status = agent.status()
    assert status["state"] == "done" and status["instance_id"] == "ins-test"
    assert set(status["stages"]) == {"local", "network", "final"}


def test_second_boot_changes_nothing(agent):
    agent.tell(BASIC)
    agent.run()
    before = tree(agent.root)
    result = agent.run()
    assert result.returncode == 0
    assert tree(agent.root) == before
    assert (agent.root / "run/tsagent/nothing-due").exists()


def test_stages_one_by_one_come_to_the_same(agent):
    agent.tell(BASIC)
    for stage in ("local", "network", "final"):
        assert agent.run("--stage", stage).returncode == 0
    status = agent.status()
    assert status["state"] == "done"
    assert set(status["stages"]) == {"local", "network", "final"}
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"


def test_second_boot_imports_nothing_heavy(agent):
    """No requests, jsonschema, yaml or subprocess, no re or json; counted by the interpreter itself."""
    agent.tell(BASIC)
    agent.run()
    program = (
        "import sys\n"
        "from tsagent.cli.run import start\n"
        "from tsagent.host import Host\n"
        "from tsagent.session.options import Options\n"
        "host = Host(sys.argv[1], hardware=sys.argv[2])\n"
        "code = start(host, Options(stage='local', source=sys.argv[3]), 'text')\n"
        "sys.stderr.write('MODULES ' + ' '.join(sorted(sys.modules)) + '\\n')\n"
        "sys.exit(code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", program, str(agent.root), agent.hardware, "nocloud:%s" % agent.seed],
        env=agent.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    loaded = set(result.stderr.split("MODULES ")[1].split())
    assert "tsagent.session.run" in loaded
    assert (
        loaded
        & {
            *("requests", "urllib3", "jsonschema", "yaml", "subprocess", "netifaces", "typing"),
            *("json", "re", "enum", "signal", "hashlib", "socket", "threading", "logging"),
        }
        == set()
    )


def test_units_command_line_does_not_import_argparse(tmp_path):
    """`run --stage local` as the unit calls it; the off switch keeps it from touching this machine."""
    program = (
        "import sys\n"
        "import tsagent.cli as cli\n"
        "cli.run_unit = lambda stage: print(stage) or 0\n"
        "code = cli.main(['run', '--stage', 'local'])\n"
        "assert 'argparse' not in sys.modules and 'subprocess' not in sys.modules\n"
        "sys.exit(code)\n"
    )
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    result = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, stdout=subprocess.PIPE, cwd=str(tmp_path)
    )
    assert (result.returncode, result.stdout) == (0, b"local\n")


def test_clone_is_a_new_instance_with_new_host_keys(agent):
    agent.tell(BASIC)
    agent.run()
    key = (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    agent.tell(BASIC, instance_id="ins-clone")
    assert agent.run().returncode == 0
    assert (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes() != key
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\nran\n"
    assert agent.status()["instance_id"] == "ins-clone"


def test_changed_user_data_is_no_new_instance(agent):
    agent.tell(BASIC)
    agent.run()
    agent.tell(dict(BASIC, hostname="other"))
    assert agent.run().returncode == 0
    assert (agent.root / "etc/hostname").read_text(encoding="utf-8") == "vm-1\n"
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"


def test_machine_in_use_is_adopted(agent):
    ssh = agent.root / "etc/ssh"
    ssh.mkdir()
    (ssh / "ssh_host_ed25519_key").write_text("the old key")
    (agent.root / "etc/hostname").write_text("mine\n")
    agent.tell(BASIC)
    result = agent.run()
    assert result.returncode == 0, result.stdout
    assert (ssh / "ssh_host_ed25519_key").read_text(encoding="utf-8") == "the old key"
    assert (agent.root / "etc/hostname").read_text(encoding="utf-8") == "mine\n"
    assert not (agent.root / "count").exists() and not (agent.root / "home/ada").exists()
    assert agent.status()["adopted"] and agent.module("users")["state"] == "adopted"
    assert agent.run().returncode == 0 and agent.module("users")["state"] == "adopted"


def test_clean_makes_the_next_boot_a_first_boot(agent):
    agent.tell(BASIC)
    agent.run()
    key = (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    assert agent("clean", "--logs", "--machine-id").returncode == 0
    assert not (agent.root / "etc/ssh/ssh_host_ed25519_key").exists()
    assert not (agent.root / "var/log/tsagent.log").exists()
    assert os.listdir(str(agent.root / "var/lib/tsagent")) == ["clean"]
    # An image may bring host keys of its own: the marker says it is an image all the same.
    (agent.root / "etc/ssh/ssh_host_ed25519_key").write_text("baked in")
    assert agent.run().returncode == 0
    assert (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes() not in (b"baked in", key)
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\nran\n"


@pytest.mark.parametrize("how", ["file", "kernel"])
def test_off_switch_changes_nothing(agent, tmp_path, how):
    agent.tell(BASIC)
    hardware = str(tmp_path / "hardware")
    if how == "file":
        (agent.root / "etc/tsagent").mkdir()
        (agent.root / "etc/tsagent/disabled").write_text("")
    os.makedirs(hardware + "/proc")
    with open(hardware + "/proc/cmdline", "w") as stream:
        stream.write("ro tsagent=off quiet\n" if how == "kernel" else "ro\n")
    before = tree(agent.root)
    for stage in ("local", "network", "final"):
        assert agent.run("--stage", stage, hardware=hardware).returncode == 0
    after = tree(agent.root)
    assert set(after) - set(before) <= {"run/tsagent", "run/tsagent/status.json"} | {"run"}
    assert agent.status()["state"] == "disabled"


def test_skip_turns_one_module_off(agent, tmp_path):
    os.makedirs(str(tmp_path / "hardware/proc"))
    (tmp_path / "hardware/proc/cmdline").write_text("tsagent.skip=hostname,ssh\n")
    agent.tell(BASIC)
    assert agent.run(hardware=str(tmp_path / "hardware")).returncode == 0
    assert not (agent.root / "etc/hostname").exists() and not (agent.root / "etc/ssh").exists()
    assert agent.module("hostname")["state"] == "disabled"
    assert (agent.root / "count").exists()


def test_second_agent_is_refused(agent):
    agent.tell({"runcmd": ["echo started > started; cat fifo > /dev/null"]})
    os.mkfifo(str(agent.root / "fifo"))
    first = subprocess.Popen(agent.command("run"), env=agent.environment(), stdout=subprocess.DEVNULL)
    try:
        # Opening blocks until the command of the first agent reads: no guess about its speed.
        with open(str(agent.root / "fifo"), "w"):
            second = agent.run()
            assert second.returncode == 75
            assert "another agent" in second.stderr and len(second.stderr.splitlines()) == 1
    finally:
        assert first.wait(60) == 0


def test_shutdown_in_a_command_is_interrupted_and_not_repeated(agent):
    """What a `reboot` in runcmd does to the agent: SIGTERM in the middle of the item."""
    agent.tell(
        {
            "runcmd": [
                "echo before >> count",
                "echo reboot >> count; echo x > fifo; sleep 600",
                "echo after >> count",
            ]
        }
    )
    os.mkfifo(str(agent.root / "fifo"))
    first = subprocess.Popen(agent.command("run"), env=agent.environment(), stdout=subprocess.DEVNULL)
    with open(str(agent.root / "fifo")) as stream:
        assert stream.read() == "x\n"
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 1
    assert (agent.root / "count").read_text(encoding="utf-8") == "before\nreboot\n"
    assert agent.run().returncode == 2
    assert (agent.root / "count").read_text(encoding="utf-8") == "before\nreboot\nafter\n"
    assert agent.module("commands")["state"] == "interrupted"
    agent.run()
    assert (agent.root / "count").read_text(encoding="utf-8") == "before\nreboot\nafter\n"
    assert agent.module("commands")["state"] == "interrupted"
    assert (agent.root / "run/tsagent/nothing-due").exists()


def test_failed_command_is_final_and_the_rest_is_done(agent):
    agent.tell({"runcmd": ["echo 1 >> count", "exit 7", "echo 2 >> count"]})
    result = agent.run()
    assert result.returncode == 1
    assert (agent.root / "count").read_text(encoding="utf-8") == "1\n2\n"
    module = agent.module("commands")
    assert module["state"] == "failed" and "status 7" in module["reason"]
    assert [change["state"] for change in module["changes"]] == ["applied", "failed", "applied"]
    agent.run()
    assert (agent.root / "count").read_text(encoding="utf-8") == "1\n2\n"
    assert agent.module("commands")["state"] == "failed"


def test_only_again_runs_one_module_once_more(agent):
    agent.tell(BASIC)
    agent.run()
    (agent.root / "srv/file").write_text("mine\n")
    agent.run("--only", "files")
    assert (agent.root / "srv/file").read_text(encoding="utf-8") == "mine\n"
    assert agent.run("--only", "files", "--again").returncode == 0
    assert (agent.root / "srv/file").read_text(encoding="utf-8") == "text\n"
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"


def test_plan_touches_nothing_and_says_what_run_does(agent):
    agent.tell(BASIC)
    before = tree(agent.root)
    plan = agent("plan", "--format", "json", "--detailed-exitcode")
    assert plan.returncode == 2
    assert tree(agent.root) == before
    document = json.loads(plan.stdout)
    assert document["schema"] == "tsagent.plan/1"
    planned = names(document["modules"], "differs", "unknown")
    agent.run()
    applied = names(agent.status()["modules"], "applied")
    # What the services are handed tells what the others have done: its content is not known before.
    assert planned == applied and len(applied) > 8
    after = agent("plan", "--detailed-exitcode")
    assert after.returncode == 0 and "0 changes pending" in after.stdout


def test_explain_names_the_line_of_the_user_data(agent):
    agent.tell("#cloud-config\nhostname: vm-2\nwrite_files:\n  - path: /srv/a\n    content: b\n")
    result = agent("explain", "files")
    assert result.returncode == 0, result.stderr
    assert "user-data:4:" in result.stdout
    assert agent("explain", "files", "nonsense").returncode == 1


def test_status_exit_codes(agent):
    assert agent("status").stdout.startswith("state: not-run")
    assert agent("status", "--wait", "--timeout", "0.1").returncode == 124
    agent.tell(BASIC)
    agent.run()
    result = agent("status", "--wait", "--timeout", "5", "--format", "json")
    assert result.returncode == 0 and json.loads(result.stdout)["schema"] == "tsagent.status/1"
    agent.tell({"no_such_key": 1, "ssh_genkeytypes": ["ed25519"]}, instance_id="ins-2")
    assert agent.run().returncode == 2
    assert agent("status").returncode == 0
    assert agent("status", "--fail-on", "degraded").returncode == 2
    agent.tell({"runcmd": ["false"], "ssh_genkeytypes": ["ed25519"]}, instance_id="ins-3")
    assert agent.run().returncode == 1
    assert agent("status").returncode == 1


def test_usage_errors_are_one_line_and_64(agent, tmp_path):
    for words in (
        ["--stage", "nonsense"],
        ["--workers", "0"],
        ["--again"],
    ):
        result = agent.run(*words)
        assert result.returncode == 64, (words, result.stderr)
        assert len(result.stderr.splitlines()) == 1, result.stderr
    assert agent.run(hardware=str(tmp_path / "absent")).returncode == 64
    result = agent.run(source="nonsense:1")
    assert result.returncode == 64 and "nonsense" in result.stderr


def test_newer_state_is_refused_not_overwritten(agent):
    agent.tell(BASIC)
    agent.run()
    journal = agent.root / "var/lib/tsagent/instances/ins-test/journal.jsonl"
    journal.write_text('{"format": 99, "agent": "9.0"}\n')
    result = agent.run()
    assert result.returncode == 1 and "newer agent" in result.stderr
    assert journal.read_text(encoding="utf-8") == '{"format": 99, "agent": "9.0"}\n'
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"


def test_run_under_the_c_locale_with_an_empty_environment(agent):
    agent.tell(
        {"write_files": [{"path": "/srv/caf\u00e9", "content": "\u00e9\n"}], "ssh_genkeytypes": ["ed25519"]}
    )
    result = subprocess.run(
        agent.command("run"), env={"PYTHONPATH": agent.environment()["PYTHONPATH"]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    # By its bytes: this very test may run where Python takes the system's encoding for ASCII.
    with open(os.fsencode(str(agent.root)) + b"/srv/caf\xc3\xa9", "rb") as stream:
        assert stream.read() == b"\xc3\xa9\n"


def test_boothook_runs_at_each_boot_and_before_accounts(agent, tmp_path):
    """Without a bootcmd key: the script alone makes the module due."""
    agent.tell("#cloud-boothook\n#!/bin/sh\ngrep -c . etc/passwd >> accounts\n")
    for boot in ("one", "two"):
        random = tmp_path / ("hardware-" + boot) / "proc/sys/kernel/random"
        random.mkdir(parents=True)
        (random / "boot_id").write_text(boot + "\n")
        assert agent.run(hardware=str(tmp_path / ("hardware-" + boot))).returncode == 0
        agent.run(hardware=str(tmp_path / ("hardware-" + boot)))
    assert (agent.root / "accounts").read_text(encoding="utf-8") == "1\n1\n"


def test_script_of_the_user_runs_once(agent):
    agent.tell("#!/bin/sh\necho ran >> count\n")
    assert agent.run().returncode == 0
    agent.run()
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"


def test_ordinary_words_of_a_files_content_are_not_blanked_out_of_the_reports(agent):
    agent.tell({"write_files": [{"path": "/srv/hello", "content": "hello"}], "ssh_genkeytypes": ["ed25519"]})
    assert "/srv/hello" in agent.run().stdout


def test_failed_module_is_tried_again_at_the_next_boot_not_by_the_next_stage(agent):
    """Three boots at most; each stage of one boot is a process of its own."""
    code = (
        "from tsagent.changes import MakeDirectory\ndef plan(context):\n    yield MakeDirectory('/file/x')\n"
    )
    agent.drop_in("early", code, stage="local")
    (agent.root / "file").write_text("in the way")
    for expected in (1, 2, 3, 3):
        for stage in ("local", "network", "final"):
            agent.run("--stage", stage)
        journal = (agent.root / "var/lib/tsagent/instances/ins-test/journal.jsonl").read_text(
            encoding="utf-8"
        )
        assert journal.count('"event": "failed"') == expected
        assert agent.module("early")["state"] == "failed"
    os.unlink(str(agent.root / "file"))
    assert agent.run("--only", "early", "--again").returncode == 0
    assert (agent.root / "file/x").is_dir()


@pytest.mark.parametrize("number", range(3))
def test_many_modules_at_once_do_not_disturb_each_other(agent, number):
    for index in range(12):
        code = (
            "from tsagent.changes import WriteFile\ndef plan(context):\n    yield WriteFile('/srv/%d', 'x')\n"
        )
        agent.drop_in("many%d" % index, code % index)
    assert agent.run("--workers", "4").returncode == 0
    assert len(os.listdir(str(agent.root / "srv"))) == 12


def names(modules, *states):
    """Module, type and target of every change in one of these states."""
    return {
        change["id"].rsplit(":", 1)[0]
        for module in modules
        for change in module["changes"]
        if change["state"] in states
    }


def tree(root):
    """Paths and contents, without journals, logs and status."""
    seen = {}
    for directory, _, files in os.walk(str(root)):
        for name in files:
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, str(root))
            volatile = ("run/tsagent/", "var/log/", "var/lib/tsagent/boot.jsonl")
            if not relative.startswith(volatile) and os.path.isfile(path):
                with open(path, "rb") as stream:
                    seen[relative] = stream.read()
    return seen
