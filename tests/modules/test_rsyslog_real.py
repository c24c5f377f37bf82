"""rsyslog with the real rsyslogd: it reads what is written, forwards by it, and its complaints are told."""

import os
import signal
import socket
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host, Runner
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

RSYSLOGD = next(path for path in ("/usr/sbin/rsyslogd", "/sbin/rsyslogd") if os.path.exists(path))
MAIN = """module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%(root)s/log")
$IncludeConfig %(root)s/etc/rsyslog.d/*.conf
"""


def load():
    return load_module(discover(Host("/").root, use_cache=False).modules["rsyslog"], Host("/").root)


@pytest.fixture
def logging(scratch_root, tmp_path):
    """A root with rsyslogd; the program called by that name reads the root's configuration."""
    (scratch_root / "usr/sbin").mkdir(parents=True)
    (scratch_root / "usr/sbin/rsyslogd").write_text("")
    (scratch_root / "etc/rsyslog.d").mkdir()
    (scratch_root / "etc/rsyslog.conf").write_text(MAIN % {"root": scratch_root})
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rsyslogd").write_text(
        '#!/bin/sh\nexec %s "$@" -f %s/etc/rsyslog.conf\n' % (RSYSLOGD, scratch_root)
    )
    (programs / "rsyslogd").chmod(0o755)
    # rsyslogd names the files as it was told to: by their paths on this machine.
    host = Host(str(scratch_root), runner=Runner("%s:/usr/bin:/bin" % programs))
    host.path = scratch_root
    return host


def plan(host, settings):
    context = Context("rsyslog", {"rsyslog": settings}, Facts.from_data({}), host.root, host.hardware)
    return list(load().plan(context)), context


def written(host, settings):
    """Plan and write; the check that comes after."""
    changes, _ = plan(host, settings)
    for change in changes:
        if change.type == "write_file":
            assert change.probe(host).state == DIFFERS
            change.apply(host)
            assert change.probe(host).state == CONVERGED
    (check,) = [change for change in changes if change.type == "verify"]
    return check


def test_a_message_reaches_the_remote_server(logging):
    root = logging.path
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    server.settimeout(30)
    remotes = {"central": "@@127.0.0.1:%d" % server.getsockname()[1], "elsewhere": "kern.* @192.0.2.1"}
    settings = {"configs": ["*.* %s/messages" % root], "remotes": remotes}
    check = written(logging, settings)
    assert check.probe(logging).state == CONVERGED, check.probe(logging).detail
    daemon = subprocess.Popen(
        [RSYSLOGD, "-n", "-i", str(root / "pid"), "-f", str(root / "etc/rsyslog.conf")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The server is connected to at the first message; the socket is there once rsyslogd listens.
        while daemon.poll() is None:
            try:
                client.connect(str(root / "log"))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                os.sched_yield()
        client.send(b"<13>shop: a message of ours")
        connection, _ = server.accept()
        connection.settimeout(30)
        received = connection.recv(65536)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
        server.close()
        client.close()
    connection.close()
    assert b"shop: a message of ours" in received
    assert "a message of ours" in (root / "messages").read_text()


@pytest.mark.parametrize(
    "line, said", [("bogus( x", "invalid character"), ("foo.bar /x", "unknown priority name")]
)
def test_a_mistake_is_told_in_rsyslogds_words(logging, line, said):
    check = written(logging, {"configs": [line]})
    # In a tree rsyslogd knows the file by another path than the agent: both end alike.
    with pytest.raises(AgentError) as caught:
        check.apply(logging)
    assert caught.value.code == "rsyslog-config" and said in str(caught.value)


def test_a_mistake_in_somebody_elses_file_is_not_ours(logging):
    (logging.path / "etc/rsyslog.d/00-theirs.conf").write_text("bogus( x\n")
    check = written(logging, {"configs": ["*.* /var/log/x"]})
    seen = check.probe(logging)
    assert seen.state == CONVERGED and "00-theirs.conf" in seen.detail


@pytest.mark.parametrize(
    "value, line",
    [
        ("10.0.4.1", "*.* @10.0.4.1"),
        ("@@192.0.2.1:10514", "*.* @@192.0.2.1:10514"),
        ("authpriv.*;mail.err   @logs.example.com", "authpriv.*;mail.err @logs.example.com"),
        ("[fd00::1]:514", "*.* @[fd00::1]:514"),
        ("@@[::1] # a comment", "*.* @@[::1]"),
        ("", None),
        ("@", None),
        ("a b c", None),
        ("host:0", None),
        ("host:port", None),
        ("fd00::1", None),
        ("*.* /var/log/x", None),
        ("*.* |/bin/sh", None),
    ],
)
def test_remote_servers_are_read_as_people_write_them(value, line):
    assert load().remote(value) == line
