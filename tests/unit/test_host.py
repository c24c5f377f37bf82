"""The door to the machine: programs, limits, labels."""

import os
import signal
import threading

import pytest

from tsagent.errors import AgentError
from tsagent.host import CommandFailed, CommandResult, Host, Interrupted, Runner


class Recorder(Runner):
    """Notes what would be run."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def which(self, name):
        return "/sbin/" + name

    def run(self, argv, **more):
        self.calls.append(list(argv))
        return CommandResult(argv, 0, b"", 0.0, False, 0)


def test_only_new_files_get_the_policys_label(tmp_path):
    """There is no SELinux here: what would be called is looked at, over a recorded /sys that has it."""
    (tmp_path / "hardware/sys/fs/selinux").mkdir(parents=True)
    (tmp_path / "hardware/sys/fs/selinux/enforce").write_text("1")
    (tmp_path / "root").mkdir()
    runner = Recorder()
    host = Host(str(tmp_path / "root"), hardware=str(tmp_path / "hardware"), runner=runner)
    (tmp_path / "root/old").write_text("")
    host.root.write_atomic("/old", b"new content")
    host.root.write_atomic("/etc/new", b"x")
    host.live = True
    host.relabel()
    assert runner.calls == [["restorecon", "-i", "/etc", "/etc/new"]]
    host.relabel()
    assert len(runner.calls) == 1


def test_missing_program_is_named():
    with pytest.raises(AgentError) as caught:
        Host("/").run(["no-such-program-anywhere"])
    assert caught.value.code == "no-such-program" and "no-such-program-anywhere" in str(caught.value)


def test_a_word_with_a_zero_byte_is_told():
    for words, env in ((["true", "a\0b"], None), (["true"], {"NAME": "a\0b"})):
        with pytest.raises(AgentError) as caught:
            Host("/").run(words, env=env)
        assert caught.value.code == "bad-word" and "\0" not in str(caught.value)


def test_failure_says_program_status_and_last_words():
    with pytest.raises(CommandFailed) as caught:
        Host("/").check(["sh", "-c", "echo first; echo last words >&2; exit 3"])
    assert str(caught.value) == "sh failed with status 3: last words"


def test_environment_is_minimal_and_stdin_empty():
    os.environ["TSAGENT_TEST_LEAK"] = "1"
    try:
        result = Host("/").check(["sh", "-c", "env; cat"])
    finally:
        del os.environ["TSAGENT_TEST_LEAK"]
    names = {line.split("=")[0] for line in result.text.splitlines()}
    assert names <= {"PATH", "HOME", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD"}


def test_secret_goes_in_by_stdin():
    assert Host("/").check(["cat"], stdin=b"secret").output == b"secret"


def test_child_left_behind_does_not_hold_the_agent(tmp_path):
    """The output is a file, not a pipe: a daemon that keeps it open is nobody's business."""
    os.mkfifo(str(tmp_path / "fifo"))
    result = Host("/").check(["sh", "-c", "(cat %s) & echo done" % (tmp_path / "fifo")])
    assert result.text == "done\n"
    with open(str(tmp_path / "fifo"), "w"):
        pass  # lets the child end


def test_past_its_limit_the_whole_group_is_ended(tmp_path):
    """The command's child dies too: the write end of the fifo that only it holds is closed."""
    os.mkfifo(str(tmp_path / "fifo"))
    script = "sh -c 'exec 3> %s; sleep 600' & wait" % (tmp_path / "fifo")
    reader = []
    thread = threading.Thread(target=lambda: reader.append((tmp_path / "fifo").read_text(encoding="utf-8")))
    thread.start()
    result = Host("/").run(["sh", "-c", script], timeout=0.5)
    thread.join(30)
    assert result.timed_out and result.status == -signal.SIGTERM
    assert reader == [""]


def test_what_must_not_be_killed_is_left_running_and_reported(tmp_path):
    os.mkfifo(str(tmp_path / "fifo"))
    result = Host("/").run(["sh", "-c", "cat %s" % (tmp_path / "fifo")], timeout=0.2, killable=False)
    assert result.timed_out
    os.kill(result.pid, 0)
    with open(str(tmp_path / "fifo"), "w"):
        pass  # lets it end
    os.waitpid(result.pid, 0)


def test_modules_limit_shortens_its_tools_limits():
    result = Host("/").limited(0.3).run(["sleep", "600"])
    assert result.timed_out


def test_interruption_ends_a_running_command(tmp_path):
    os.mkfifo(str(tmp_path / "fifo"))
    host = Host("/")

    def interrupt():
        with open(str(tmp_path / "fifo")) as stream:
            stream.read()
        host.runner.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted):
        host.run(["sh", "-c", "echo > %s; sleep 600" % (tmp_path / "fifo")])
    thread.join(30)
