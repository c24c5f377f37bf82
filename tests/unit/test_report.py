"""What people and programs are told, and what never."""

import io
import os
import pty
import socket
import stat
import subprocess
import sys

from tsagent.engine.results import ChangeResult, ModuleResult
from tsagent.host import Tree
from tsagent.report import Report
from tsagent.report.console import Plain, Terminal
from tsagent.report.journald import JournalD
from tsagent.report.logfile import LogFile


def module(state="done", reason="", changes=()):
    result = ModuleResult("users", "network")
    result.state, result.reason, result.seconds = state, reason, 0.25
    result.changes = list(changes)
    return result


def change(state="applied", note="", describe="create user ada"):
    item = ChangeResult("users:create_user:ada:1", "create_user", describe)
    item.state, item.note, item.seconds = state, note, 0.5
    return item


def tell(sink):
    """A short run, told to one sink."""
    report = Report([sink])
    report.secrets(["hunter2hunter2", "first line of a key\nsecond line of a key", "abc"])
    report.stage("network")
    good, bad = change(), change("failed", "no room")
    result = module("failed", "create user ada: no room", [good, bad])
    report.module_started(result)
    for item in (good, bad):
        report.change_started(result, item)
        report.change_finished(result, item)
    result.warnings = ["the password hunter2hunter2 is weak"]
    report.module_finished(result)
    report.message("warning", "a key: second line of a key, abc")
    report.close()


def test_plain_lines():
    stream = io.StringIO()
    tell(Plain(stream))
    assert stream.getvalue().splitlines() == [
        "stage network",
        "    applied     users: create user ada [0.5 s]",
        "    failed      users: create user ada (no room) [0.5 s]",
        "  FAILED  users: failed: create user ada: no room [0.2 s]",
        "    warning: users: the password *** is weak",
        "warning: a key: ***, abc",
    ]


def test_secret_never_reaches_the_log_and_its_mode_is_0640(tmp_path):
    old = os.umask(0o022)
    try:
        tell(LogFile(Tree(str(tmp_path))))
    finally:
        os.umask(old)
    path = tmp_path / "var/log/tsagent.log"
    text = path.read_text(encoding="utf-8")
    assert "hunter2" not in text and "second line" not in text
    assert "error users: create user ada: failed (0.500 s): no room" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_line_breaks_make_no_second_log_line(tmp_path):
    log = LogFile(Tree(str(tmp_path)))
    log.message("info", "one\n2026-01-01T00:00:00Z error forged")
    log.close()
    assert len((tmp_path / "var/log/tsagent.log").read_text(encoding="utf-8").splitlines()) == 1


def test_journal_gets_fields(tmp_path):
    """A real datagram socket stands where the journal listens."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)
        journal.settimeout(10)
        tell(JournalD(path))
        lines = [journal.recv(65536).decode("utf-8").splitlines() for _ in range(6)]
    assert lines[0] == [
        "MESSAGE=stage network",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=tsagent",
        "TSAGENT_STAGE=network",
    ]
    assert "TSAGENT_STATE=failed" in lines[2] and "PRIORITY=3" in lines[2]
    assert "TSAGENT_CHANGE=users:create_user:ada:1" in lines[2]
    assert "MESSAGE=users: the password *** is weak" in lines[4]


def test_no_journal_is_no_failure(tmp_path):
    tell(JournalD(str(tmp_path / "absent")))


def test_terminal_shows_what_is_being_done_while_it_is_done():
    """On a real terminal: the live line names module and change before the change has ended."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        sink = Terminal(stream)
        result, item = module(), change(describe="install a long time")
        sink.module_started(result)
        sink.change_started(result, item)
        seen = b""
        while b"install a long time" not in seen:
            seen += os.read(leader, 4096)
        assert b"users: install a long time" in seen
        sink.change_finished(result, item)
        sink.module_finished(result)
        sink.close()
    os.close(leader)


def test_stream_that_cannot_print_a_letter_escapes_it():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Plain(stream).write("caf\u00e9")
    stream.flush()
    assert stream.buffer.getvalue() == b"caf\\xe9\n"


def test_a_terminal_that_is_lost_ends_nothing(tmp_path):
    """What hangs up gives EIO from then on; the run goes on and its exit status is its own."""
    script = """
import os, sys
from tsagent.report.console import console
master, terminal = os.openpty()
os.dup2(terminal, 1)
sink = console("text")
sink.message("info", "one")
os.close(master)
for number in range(3):
    sink.message("info", "nobody reads this")
sink.close()
"""
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, b"")
