"""The metadata client against a real server that misbehaves: documented behaviour and time."""

import socket
import threading
import time

import pytest

from tsagent.errors import AgentError
from tsagent.host.clock import Clock
from tsagent.sources.imds import fetch
from tsagent.sources.simulator import Simulator

ID = "/latest/meta-data/instance-id"
ZONE = "/latest/meta-data/placement/zone"
USER_DATA = "/latest/user-data"


class NoWait(Clock):
    """The real time, but waits are noted and not waited."""

    def __init__(self):
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)


class Ahead(Clock):
    """Time that waits move on at once; what the network takes is real."""

    def __init__(self):
        self.waits = []
        self._skipped = 0.0

    def monotonic(self):
        return super().monotonic() + self._skipped

    def sleep(self, seconds):
        self.waits.append(seconds)
        self._skipped += seconds


def asked(simulator, path):
    return [request for request in simulator.requests if request.path == path]


def refused(url, deadline, **limits):
    """The error of a fetch that fails, and the seconds it took."""
    began = time.monotonic()
    with pytest.raises(AgentError) as caught:
        fetch(url, Clock(), deadline=deadline, **limits)
    return caught.value, time.monotonic() - began


def test_down_for_good_is_unreachable_within_the_budget():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = "http://127.0.0.1:%d" % closed.getsockname()[1]
        error, seconds = refused(url, deadline=2.0)
    assert error.code == "imds-unreachable"
    assert url + ID in error.message
    assert "connection refused" in error.message
    assert "\n" not in str(error)
    assert error.hint
    assert 1.5 < seconds < 3.0


def test_a_server_that_accepts_and_says_nothing_is_a_timeout():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = "http://127.0.0.1:%d" % silent.getsockname()[1]
        error, seconds = refused(url, deadline=1.5, request_limit=0.4)
    assert error.code == "imds-timeout"
    assert seconds < 2.5


@pytest.mark.parametrize("url", ["http://a..b", "http://%zz", "http://" + "a" * 70 + ".example"])
def test_an_address_that_is_none_is_one_clear_error(url):
    error, seconds = refused(url, deadline=1.0)
    assert error.code == "imds-unreachable"
    assert "\n" not in str(error)
    assert seconds < 2.5


def test_plain_http_where_tls_is_expected_is_one_clear_error():
    with Simulator() as simulator:
        error, seconds = refused(simulator.url.replace("http:", "https:"), deadline=1.0)
    assert error.code == "imds-unreachable"
    assert "TLS" in error.message
    assert seconds < 2.5


def test_a_drip_does_not_stretch_a_request():
    """Ten bytes a second: every read succeeds at once, the whole would take half a minute."""
    steps = []
    with Simulator(faults=["drip=10"]) as simulator:
        error, seconds = refused(simulator.url, deadline=2.0, request_limit=0.5, trace=steps.append)
    assert error.code == "imds-timeout"
    assert "no complete answer" in error.message
    assert "within 0.5 s" in steps[0]["outcome"]
    assert seconds < 3.0
    assert len(steps) >= 2
    assert max(step["seconds"] for step in steps) < 1.0


def test_a_drip_in_the_body_does_not_stretch_a_request_either():
    with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", drip=b"x" * 50) as server:
        error, seconds = refused(server.url, deadline=1.2, request_limit=0.5)
    assert error.code == "imds-timeout"
    assert seconds < 2.2


@pytest.mark.slow
def test_the_limit_of_a_request_is_five_seconds():
    steps = []
    with Simulator(faults=["drip=4,times=1,path=" + ID]) as simulator:
        fetch(simulator.url, Clock(), trace=steps.append)
    assert 4.9 < steps[0]["seconds"] < 6.0
    assert (steps[0]["path"], steps[1]["path"]) == (ID, ID)
    assert steps[1]["outcome"] == "ok"


def test_503_three_times_takes_four_requests():
    clock = NoWait()
    with Simulator(faults=["status=503,times=3,path=" + ID]) as simulator:
        data = fetch(simulator.url, clock, random=lambda: 1.0)
        assert [request.status for request in asked(simulator, ID)] == [503, 503, 503, 200]
        assert simulator.connections == 1
    assert data.instance_id.startswith("ins-")
    assert data.warnings == []
    assert clock.waits == [0.2, 0.4, 0.8]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 204])
def test_statuses_that_pass_are_asked_again(status):
    with Simulator(faults=["status=%d,times=1,path=%s" % (status, ZONE)]) as simulator:
        data = fetch(simulator.url, NoWait())
        assert len(asked(simulator, ZONE)) == 2
    assert data.metadata["zone"] == "ap-guangzhou-3"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 418])
def test_statuses_that_stay_are_not_asked_again(status):
    with Simulator(faults=["status=%d,path=%s" % (status, ZONE)]) as simulator:
        data = fetch(simulator.url, NoWait())
        assert len(asked(simulator, ZONE)) == 1
    assert "zone" not in data.metadata
    assert len(data.warnings) == 1
    assert str(status) in data.warnings[0] and ZONE in data.warnings[0]


def test_an_optional_value_that_never_comes_is_left_out():
    clock = Ahead()
    with Simulator(faults=["status=500,path=" + ZONE]) as simulator:
        data = fetch(simulator.url, clock)
        assert len(asked(simulator, ZONE)) == 8
    assert "zone" not in data.metadata
    assert data.metadata["region"] == "ap-guangzhou"
    assert data.metadata["nics"]
    assert len(data.warnings) == 1


def test_retry_after_is_honoured_up_to_ten_seconds():
    clock = Ahead()
    faults = [
        "status=503,times=1,retry-after=3,path=" + ID,
        "status=429,times=1,retry-after=3600,path=" + ZONE,
    ]
    with Simulator(faults=faults) as simulator:
        fetch(simulator.url, clock, random=lambda: 0.0)
    assert clock.waits == [3.0, 10.0]


@pytest.mark.parametrize("kind", ["garbage", "garbage=binary", "cut", "cut=0", "cut=3"])
def test_answers_that_are_none_are_asked_again(kind):
    with Simulator(faults=["%s,times=2,path=%s" % (kind, ID)]) as simulator:
        data = fetch(simulator.url, NoWait())
        assert len(asked(simulator, ID)) == 3
    assert data.instance_id.startswith("ins-")
    assert data.warnings == []


def test_garbage_for_good_is_never_taken_for_an_instance():
    clock = Ahead()
    with Simulator(faults=["garbage"]) as simulator, pytest.raises(AgentError) as caught:
        fetch(simulator.url, clock)
    assert caught.value.code == "imds-bad-answer"
    assert "HTML" in caught.value.message
    assert 100.0 < sum(clock.waits) <= 120.0
    assert max(clock.waits) <= 5.0


def test_user_data_cut_off_is_never_taken():
    script = b"#!/bin/sh\n" + b"echo half\n" * 1000
    with Simulator(user_data=script, faults=["cut,times=2,path=" + USER_DATA]) as simulator:
        assert fetch(simulator.url, NoWait()).user_data == script


def test_user_data_that_never_comes_is_an_error_and_no_boot_without_it():
    with Simulator(user_data="#!/bin/sh\n", faults=["status=503,path=" + USER_DATA]) as simulator:
        with pytest.raises(AgentError) as caught:
            fetch(simulator.url, Ahead())
    assert caught.value.code == "imds-bad-answer"
    assert "user-data" in caught.value.message


def test_a_redirect_is_refused():
    with Simulator(faults=["redirect,path=" + ID]) as simulator:
        error, _ = refused(simulator.url, deadline=3.0)
        assert [request.path for request in simulator.requests] == [ID]
    assert error.code == "imds-bad-answer"
    assert "redirect" in error.message


def test_a_redirect_of_user_data_is_a_warning():
    with Simulator(user_data="x", faults=["redirect,path=" + USER_DATA]) as simulator:
        data = fetch(simulator.url, NoWait())
        assert "/redirected" not in [request.path for request in simulator.requests]
    assert data.user_data is None
    assert "redirect" in data.warnings[0]


def test_a_redirect_with_an_endless_body_is_not_read():
    head = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9000000000\r\n\r\n"
    with RawServer(head, flood=True) as server:
        error, seconds = refused(server.url, deadline=3.0)
    assert error.code == "imds-bad-answer"
    assert seconds < 2.0
    assert server.sent < 8 << 20


def test_fifty_megabytes_are_refused_unread():
    with Simulator(faults=["huge=52428800,path=" + USER_DATA, "huge=52428800,path=" + ZONE]) as simulator:
        began = time.monotonic()
        data = fetch(simulator.url, Clock())
        assert time.monotonic() - began < 2.0
        # What fits the sockets' buffers, no more; and asked for once.
        assert [request.sent < 8 << 20 for request in asked(simulator, USER_DATA)] == [True]
        assert [request.sent < 8 << 20 for request in asked(simulator, ZONE)] == [True]
    assert data.user_data is None
    assert "zone" not in data.metadata
    assert data.metadata["nics"]
    assert len(data.warnings) == 2
    assert all("52428800" in warning for warning in data.warnings)


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_an_answer_without_a_length_is_capped(head):
    with RawServer(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", flood=True, chunked=bool(head)) as server:
        error, seconds = refused(server.url, deadline=3.0)
    assert error.code == "imds-bad-answer"
    assert "1048576" in error.message
    assert seconds < 2.5
    assert server.sent < 12 << 20


def test_down_for_a_while_is_waited_for():
    with Simulator(faults=["down-until=0.7"]) as simulator:
        data = fetch(simulator.url, Clock(), deadline=20.0)
        assert simulator.requests[0].status is None
    assert data.instance_id.startswith("ins-")
    assert data.warnings == []


def test_a_late_answer_is_dropped_and_its_connection_with_it():
    """The answer of the first try must not be read as that of the second."""
    with Simulator(faults=["delay=0.6,times=1,path=" + ID]) as simulator:
        data = fetch(simulator.url, Clock(), request_limit=0.3, random=lambda: 0.0)
        assert simulator.connections == 2
    assert data.instance_id.startswith("ins-")
    assert data.metadata["zone"] == "ap-guangzhou-3"


def test_silence_after_the_start_leaves_what_is_known():
    """The service stops for good once the id is known: the crawl ends early, with what it has."""
    with Simulator(faults=["down-until=3600,path=/latest/meta-data/p"]) as simulator:
        began = time.monotonic()
        data = fetch(simulator.url, Ahead())
        assert time.monotonic() - began < 10.0
    assert data.instance_id.startswith("ins-")
    assert "zone" not in data.metadata
    assert data.warnings


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 5000,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 12, 13\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nins",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nins-3",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"Content-Length: 12\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200000 + b"\r\n\r\nins-3g445roi",
        b"HTTP/1.1 200 OK\r\n: :\r\n\xff\xfe: \xff\r\n\r\n<html>",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nins-3g445roi\r\nanother",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 12\r\n\r\nins-3g445roi",
    ],
)
def test_nonsense_on_the_wire_is_one_clear_error(answer):
    with RawServer(answer) as server:
        error, seconds = refused(server.url, deadline=0.6, request_limit=0.3)
    assert error.code in ("imds-bad-answer", "imds-timeout")
    assert "\n" not in str(error)
    assert seconds < 2.0


class RawServer:
    """Answers every connection with the same bytes, then closes it (or goes on and on)."""

    def __init__(self, answer, drip=b"", flood=False, chunked=False):
        self._answer = answer
        self._drip = drip
        self._flood = flood
        self._block = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
        self._stopping = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(8)
        self.sent = 0
        self.url = "http://127.0.0.1:%d" % self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *ignored):
        self._stopping.set()
        # Wakes accept(), which closing the socket would not.
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while not self._stopping.is_set():
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(65536)
                    connection.sendall(self._answer)
                    for byte in self._drip:
                        connection.sendall(bytes([byte]))
                        if self._stopping.wait(0.1):
                            return
                    while self._flood and not self._stopping.is_set():
                        connection.sendall(self._block)
                        self.sent += len(self._block)
                except OSError:
                    pass  # the client hung up, as it should
