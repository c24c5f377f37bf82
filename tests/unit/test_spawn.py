"""Programs started either way behave the same."""

import os
import signal
import time

import pytest

from tsagent.host import spawn

WAYS = ["popen"] + (["spawn"] if hasattr(os, "posix_spawn") else [])


@pytest.fixture(params=WAYS)
def run(request, tmp_path):
    """Runs a shell script one way; (returncode, output)."""

    def call(script, env=None, stdin=None):
        with open(str(tmp_path / "out"), "w+b") as output:
            argv = ["/bin/sh", "-c", script]
            if request.param == "spawn":
                process = spawn._spawn(argv, env or {}, output.fileno(), stdin)
            else:
                process = spawn._popen(argv, env or {}, output.fileno(), stdin, None, None)
            deadline = time.monotonic() + 60
            while process.poll() is None:
                assert time.monotonic() < deadline
            output.seek(0)
            return process.returncode, output.read()

    return call


def test_status_output_and_environment(run):
    assert run('echo "$WORD"; echo err >&2; exit 7', env={"WORD": "x y"}) == (7, b"x y\nerr\n")


def test_killed_by_a_signal(run):
    assert run("kill -KILL $$") == (-signal.SIGKILL, b"")


def test_input_is_fed_or_empty(run):
    assert run("cat", stdin=b"secret\n") == (0, b"secret\n")
    assert run("cat") == (0, b"")


def test_nothing_of_the_agent_is_inherited(run):
    secret = os.open("/dev/null", os.O_RDONLY)
    try:
        # The listing's own descriptor is among them.
        code, output = run("ls /proc/self/fd | wc -l; ps -o sid= -p $$ >/dev/null 2>&1 || true; kill -0 -$$")
    finally:
        os.close(secret)
    assert code == 0, "not the leader of a group of its own"
    assert int(output.split()[0]) == 4


def test_a_broken_pipe_ends_a_program_again(run):
    assert run("yes | head -1; trap - PIPE; sh -c 'kill -PIPE $$'; echo $?")[1].split() == [b"y", b"141"]


def test_start_chooses(monkeypatch, tmp_path):
    used = []
    monkeypatch.setattr(spawn, "_popen", lambda *rest: used.append("popen"))
    monkeypatch.setattr(spawn, "_spawn", lambda *rest: used.append("spawn"))
    fast = "spawn" if "spawn" in WAYS else "popen"
    spawn.start(["/bin/true"], {}, 1)
    spawn.start(["/bin/true"], {}, 1, cwd=os.getcwd())
    spawn.start(["/bin/true"], {}, 1, stdin=b"x" * 4096)
    assert used == [fast] * 3
    spawn.start(["/bin/true"], {}, 1, cwd=str(tmp_path))
    spawn.start(["/bin/true"], {}, 1, chroot=str(tmp_path))
    spawn.start(["/bin/true"], {}, 1, stdin=b"x" * 4097)
    assert used[3:] == ["popen"] * 3
