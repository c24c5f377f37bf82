"""`reporting` and `phone_home` as a receiver sees them: events and forms at a server on the loopback."""

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from tsagent.changes.web import PostForm
from tsagent.errors import AgentError
from tsagent.host import Clock, Host
from tsagent.report.webhook import FLUSH, authorization

SLACK = 15.0  # seconds that a run of a whole stage may take here beside the wait for events


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.bodies.append(body)
        server.heads.append(dict(self.headers))
        if server.hang is not None and len(server.bodies) >= server.hang:
            server.over.wait(60)
            return
        status = server.statuses.pop(0) if server.statuses else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


class Server(http.server.HTTPServer):
    request_queue_size = 64

    def handle_error(self, request, address):
        pass  # a client that has had enough


@pytest.fixture
def receiver():
    server = Server(("127.0.0.1", 0), Receiver)
    server.bodies, server.heads, server.statuses = [], [], []
    server.hang, server.over = None, threading.Event()
    server.url = "http://127.0.0.1:%d/" % server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def events_of(receiver):
    return [json.loads(body.decode("utf-8")) for body in receiver.bodies]


def webhook(receiver, **more):
    return {"reporting": {"site": dict(type="webhook", endpoint=receiver.url, **more)}}


def test_a_receiver_hears_of_each_stage_and_module(agent, receiver):
    told = dict(webhook(receiver), runcmd=["exit 3"], hostname="web1")
    told["reporting"]["elsewhere"] = {"type": "hyperv"}  # of which its module warns
    agent.tell(told)
    began = time.time()
    assert agent.run().returncode == 1
    events = events_of(receiver)
    for event in events:
        assert {"name", "description", "event_type", "origin", "timestamp"} <= set(event)
        assert began <= event["timestamp"] <= time.time() and event["origin"] == "tsagent"
        assert (event["event_type"] == "finish") == ("result" in event)
    heard = [(event["event_type"], event["name"], event.get("result")) for event in events]
    assert heard[0] == ("start", "init-local", None)
    assert heard[-1] == ("finish", "modules-final", "FAIL")
    for one in (
        ("finish", "init-local", "SUCCESS"),
        ("start", "init-network", None),
        ("start", "init-network/config-hostname", None),
        ("finish", "init-network/config-hostname", "SUCCESS"),
        ("finish", "init-network/config-reporting", "WARN"),
        ("finish", "init-network", "WARN"),
        ("finish", "modules-final/config-commands", "FAIL"),
    ):
        assert one in heard
    receiver.bodies[:] = []
    agent.run()
    assert events_of(receiver) == []  # nothing is due any more


def test_the_local_stage_leaves_its_events_to_the_next(agent, receiver):
    agent.tell(webhook(receiver))
    agent.run("--stage", "local")
    assert receiver.bodies == []  # there is no network yet
    (left,) = [name for name in os.listdir(str(agent.root / "run/tsagent")) if name.startswith("events-")]
    assert os.stat(str(agent.root / "run/tsagent" / left)).st_mode & 0o777 == 0o600
    agent.run("--stage", "network")
    names = [event["name"] for event in events_of(receiver)]
    assert names[0] == "init-local" and names[-1] == "init-network"
    assert not (agent.root / "run/tsagent" / left).exists()


@pytest.mark.slow
def test_a_receiver_that_hangs_delays_the_end_by_no_more_than_promised(agent, receiver):
    receiver.hang = 2
    agent.tell(webhook(receiver, timeout=60))
    began = time.monotonic()
    finished = agent.run()
    assert time.monotonic() - began < FLUSH + SLACK
    assert finished.returncode == 0, finished.stderr
    log = (agent.root / "var/log/tsagent.log").read_text(encoding="utf-8")
    assert re.search(r"warning reporting: site: \d+ events were not delivered: no answer within 5 s", log)


def test_a_receiver_that_is_not_there_costs_next_to_nothing(agent, receiver):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = "http://boss:hidden-word@127.0.0.1:%d/?key=hidden-word" % unused.getsockname()[1]
        settings = {"type": "webhook", "endpoint": url, "token_secret": "hidden-word"}
        agent.tell({"reporting": {"site": settings}})
        began = time.monotonic()
        assert agent.run().returncode == 0
        assert time.monotonic() - began < SLACK
    log = (agent.root / "var/log/tsagent.log").read_text(encoding="utf-8")
    assert "events were not delivered: no connection" in log
    assert "127.0.0.1" not in log
    assert "hidden-word" not in log


def test_an_event_that_is_not_taken_is_posted_again(agent, receiver):
    receiver.statuses = [503, 200]
    agent.tell(webhook(receiver, retries=3))
    agent.run("--stage", "network")
    first, second = events_of(receiver)[:2]
    assert first == second


def test_events_are_signed_where_there_are_keys(agent, receiver):
    keys = {"consumer_key": "c k", "token_key": "tk", "token_secret": "t&s", "consumer_secret": "cs"}
    agent.tell(webhook(receiver, **keys))
    agent.run("--stage", "network")
    header = receiver.heads[0]["Authorization"]
    assert header.startswith("OAuth ")
    fields = dict(re.findall(r'(\w+)="([^"]*)"', header))
    assert fields["oauth_consumer_key"] == "c%20k" and fields["oauth_token"] == "tk"
    assert fields["oauth_signature_method"] == "PLAINTEXT"
    # Each secret is coded, and the two together once more. Source: RFC 5849, 3.4.4 and 3.6
    assert fields["oauth_signature"] == "cs%26t%2526s"
    assert abs(int(fields["oauth_timestamp"]) - time.time()) < 60
    assert authorization(keys, 1) != authorization(keys, 1)  # a nonce is used once


def test_log_and_print_write_lines(agent):
    handlers = {"a": {"type": "log", "level": "WARN"}, "b": {"type": "print"}}
    agent.tell({"reporting": handlers})
    printed = agent.run("--stage", "network")
    log = (agent.root / "var/log/tsagent.log").read_text(encoding="utf-8")
    assert " warning start: init-network: the network stage\n" in log
    assert " warning finish: init-network: SUCCESS: the network stage\n" in log
    assert "start: init-network: the network stage\n" in printed.stdout
    shown = agent.run("--stage", "final", "--format", "json")
    json.loads(shown.stdout)  # a result stays one


def test_without_the_key_nothing_of_it_is_imported(agent):
    agent.tell({"hostname": "web1"})
    code = "import sys; from tsagent.cli import main; main(sys.argv[1:])"
    code += "; print([name for name in sys.modules if 'report.events' in name or 'webhook' in name])"
    line = agent.arguments("run")
    said = subprocess.check_output([sys.executable, "-B", "-c", code] + line, env=agent.environment())
    assert said.decode("utf-8").splitlines()[-1] == "[]"


# -- phone_home -----------------------------------------------------------------------------------


class Hurried(Clock):
    """Waits cost nothing and are noted."""

    def __init__(self):
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)


FIELDS = [("instance_id", "ins-1"), ("fqdn", "web1.example.com"), ("pub_key_rsa", "ssh-rsa A+/= x\n")]


def test_a_form_is_posted_until_it_is_taken(receiver, tmp_path):
    receiver.statuses = [503, 500, 200]
    clock = Hurried()
    change = PostForm(receiver.url + "new/?key=hidden-word", FIELDS, tries=5)
    assert change.apply(Host(str(tmp_path), clock=clock)) == "taken with status 200"
    assert len(receiver.bodies) == 3 and len(clock.waits) == 2
    assert receiver.heads[2]["Content-Type"] == "application/x-www-form-urlencoded"
    form = urllib.parse.parse_qsl(receiver.bodies[2].decode("ascii"))
    assert form == FIELDS
    assert "hidden-word" not in change.describe()


def test_a_form_that_is_not_taken_fails_after_its_tries(receiver, tmp_path):
    receiver.statuses = [500] * 9
    with pytest.raises(AgentError) as caught:
        PostForm(receiver.url, FIELDS, tries=3).apply(Host(str(tmp_path), clock=Hurried()))
    assert caught.value.code == "web-status" and "3 tries" in caught.value.message
    assert len(receiver.bodies) == 3


def test_a_receiver_that_stalls_is_given_up_at_the_modules_limit(receiver, tmp_path):
    receiver.hang = 1
    began = time.monotonic()
    with pytest.raises(AgentError) as caught:
        PostForm(receiver.url, FIELDS, tries=10).apply(Host(str(tmp_path)).limited(0.5))
    assert caught.value.code == "web-timeout" and time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url, code",
    [
        ("http://169.254.0.23/", "web-refused"),
        ("ftp://example.com/", "web-url"),
        ("test_url", "web-url"),
    ],
)
def test_a_form_is_not_posted_just_anywhere(url, code, tmp_path):
    with pytest.raises(AgentError) as caught:
        PostForm(url, FIELDS, tries=10).apply(Host(str(tmp_path), clock=Hurried()))
    assert caught.value.code == code
