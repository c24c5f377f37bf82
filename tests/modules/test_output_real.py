"""`output` for real: files, programs, both streams, targets that fail or hang, as the agent runs commands."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from tsagent.changes import FinalMessage, UserCommand
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.outputs import FILE, PROGRAM, Outputs, of_stage, parse

LOG = "var/log/tsagent-output.log"


@pytest.mark.parametrize(
    "text, expected",
    [
        (">> /a b", [(FILE, "/a b", False)]),
        (" >/a", [(FILE, "/a", True)]),
        ("/a", [(FILE, "/a", False)]),
        ("| tee -a /a", [(FILE, "/a", False)]),
        ("|tee /a /b", [(FILE, "/a", True), (FILE, "/b", True)]),
        ("| tee -a /a | logger", [(PROGRAM, "tee -a /a | logger", False)]),
        ("| tee -a $HOME/a", [(PROGRAM, "tee -a $HOME/a", False)]),
        ("| tee", [(PROGRAM, "tee", False)]),
        ("| logger -t x", [(PROGRAM, "logger -t x", False)]),
    ],
)
def test_targets(text, expected):
    assert [target.key() for target in parse(text)] == expected


@pytest.mark.parametrize("text", ["", ">", "|", "relative", ">> relative", "&1", 5])
def test_no_targets(text):
    with pytest.raises(AgentError):
        parse(text)


def test_what_is_said_of_a_stage():
    settings = {"all": "x", "init": ["a", "&1"], "final": {"error": "e"}}
    assert of_stage(settings, "network") == ("a", "a") and of_stage(settings, "final") == (None, "e")
    assert of_stage({"all": "x"}, "final") == ("x", "x") and of_stage({}, "final") == (None, None)
    assert of_stage({"config": "c"}, "network") == ("c", "c")


@pytest.fixture
def host(tmp_path):
    (tmp_path / "root/var/log").mkdir(parents=True)
    result = Host(str(tmp_path / "root"), commands="here")
    result.instance_dir = "/var/lib/tsagent/instances/i-1"
    return result


def run(host, settings, *items, **options):
    """The problems of one stage in which these commands run."""
    host.outputs = Outputs(host, settings, options.get("stage", "final"))
    try:
        for index, item in enumerate(items):
            if isinstance(item, str):
                UserCommand("runcmd", index, item, index - 1 if index else None).apply(host)
            else:
                item.apply(host)
    finally:
        host.outputs.close()
        problems, host.outputs = host.outputs.problems, None
    return problems


def read(host, path):
    return host.root.read(path).decode()


def test_files_have_what_was_printed_and_the_log_has_all(host):
    host.root.write_atomic("/added", b"before\n")
    host.root.write_atomic("/anew", b"before\n")
    assert run(host, {"all": ">> /added"}, "echo one; echo two >&2", "echo three", FinalMessage("end")) == []
    assert read(host, "/added") == "before\none\ntwo\nthree\nend\n"
    assert run(host, {"all": "> /anew"}, "echo one", stage="network") == []
    assert run(host, {"all": "> /anew"}, "echo two") == []  # a later stage of this boot
    assert read(host, "/anew") == "one\ntwo\n"
    assert "--- runcmd[0] ---\none\ntwo\n--- runcmd[1] ---\nthree\nend\n" in read(host, "/" + LOG)


def test_both_streams_apart(host):
    settings = {"final": {"output": ">> /out", "error": "| cat > %s/err" % host.root.root}}
    assert run(host, settings, "echo one; echo two >&2", "echo three; echo four >&2") == []
    assert read(host, "/out") == "one\nthree\n"
    assert read(host, "/err") == "two\nfour\n"  # one program for the whole stage
    log = read(host, "/" + LOG)
    assert log == "--- runcmd[0] ---\none\ntwo\n--- runcmd[1] ---\nthree\nfour\n"
    assert os.stat(host.root.root + "/" + LOG + ".stderr").st_mode & 0o777 == 0o600


def test_errors_that_nobody_asked_for_are_in_the_log_alone(host):
    run(host, {"all": {"output": ">> /out"}}, "echo one; echo two >&2")
    assert read(host, "/out") == "one\n" and "two\n" in read(host, "/" + LOG)


def test_it_is_copied_while_the_command_runs(host, tmp_path):
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    worker = threading.Thread(
        target=run, args=(host, {"all": "| cat > %s/live" % host.root.root}, "echo now; read x < '%s'" % gate)
    )
    worker.start()
    wait_for(lambda: host.root.exists("/live") and read(host, "/live") == "now\n")
    assert worker.is_alive()
    with open(gate, "w") as stream:
        stream.write("go\n")
    worker.join()


@pytest.mark.parametrize(
    "target, problem",
    [
        (">> /a-directory", "output: /a-directory: Is a directory"),
        (">> /dev/no-such-console", "output: /dev/no-such-console: No such file or directory"),
        ("| exit 1", None),
        ("| /no/such/program", None),
        (">> /dev/full-disk", None),
    ],
)
def test_a_target_that_fails_loses_nothing(host, target, problem):
    host.root.mkdir("/a-directory")
    host.root.mkdir("/dev")
    os.mknod(host.root.root + "/dev/full-disk", 0o600 | 0o020000, os.makedev(1, 7))  # /dev/full
    problems = run(host, {"all": target}, "echo one; head -c 200000 /dev/zero", "echo two")
    assert problems == ([problem] if problem else [])
    log = read(host, "/" + LOG)
    assert log.startswith("--- runcmd[0] ---\none\n") and log.endswith("--- runcmd[1] ---\ntwo\n")
    assert not host.root.exists("/dev/no-such-console")


def test_a_background_child_does_not_hold_the_stage(host, tmp_path):
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    run(host, {"all": ">> /out"}, "(read x < '%s'; echo late) & echo now" % gate)
    assert read(host, "/out") == "now\n"
    with open(gate, "w") as stream:
        stream.write("go\n")
    wait_for(lambda: read(host, "/" + LOG).endswith("late\n"))


def wait_for(condition, limit=30.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_whole_run(scratch_root, tmp_path, checkout):
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "meta-data").write_text('{"instance-id": "i-1"}')
    config = {
        "output": {"init": ["> /early", "> /early.err"], "all": "| tee -a /all", "config": "nowhere"},
        "bootcmd": ["echo early; echo bad >&2"],
        "runcmd": ["echo late", "echo worse >&2; false"],
        "final_message": "over",
    }
    (seed / "user-data").write_text("#cloud-config\n" + json.dumps(config))
    hardware = os.path.join(checkout, "tests/machines/s5-medium4")
    words = ["run", "--root", str(scratch_root), "--source", "nocloud:%s" % seed, "--commands", "here"]
    result = subprocess.run(
        [sys.executable, "-B", "-m", "tsagent"] + words + ["--hardware", hardware],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=dict(os.environ, PYTHONPATH=checkout),
        timeout=60,
    )
    assert result.returncode == 1 and "runcmd item 2 failed" in result.stdout
    assert (scratch_root / "early").read_text() == "early\n"
    assert (scratch_root / "early.err").read_text() == "bad\n"
    assert (scratch_root / "all").read_text() == "late\nworse\nover\n"
