"""The simulator as any HTTP client sees it."""

import http.client
import socket
import time

import pytest

from tsagent.errors import UsageError
from tsagent.sources.simulator import Simulator


class Seen:
    def __init__(self, status, body, headers):
        self.status = status
        self.body = body
        self.headers = headers


def get(simulator, path, method="GET"):
    connection = http.client.HTTPConnection(simulator.host, simulator.port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return Seen(response.status, response.read(), response.headers)
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path, lines",
    [
        ("/", ["1.0", "2017-09-19", "latest", "meta-data"]),
        ("/latest", ["meta-data/", "user-data"]),
        ("/latest/", ["meta-data/", "user-data"]),
        ("/latest/meta-data/placement", ["region", "zone"]),
        ("/latest/meta-data/placement/", ["region", "zone"]),
        ("/latest/meta-data/network/interfaces/macs/", ["52:54:00:98:FA:00/"]),
        ("/latest/meta-data/instance-id", ["ins-d206f99c"]),
        ("/latest/meta-data/instance-id?x=1", ["ins-d206f99c"]),
        ("/meta-data/instance-id", ["ins-d206f99c"]),
        ("/1.0/meta-data/mac", ["52:54:00:98:FA:00"]),
        ("/2017-09-19/meta-data/instance/instance-type", ["S5.MEDIUM4"]),
        ("/latest/user-data", ["#!/bin/sh"]),
        ("/user-data", ["#!/bin/sh"]),
    ],
)
def test_paths(path, lines):
    with Simulator(user_data="#!/bin/sh") as simulator:
        seen = get(simulator, path)
    assert seen.status == 200
    assert seen.body.decode().split("\n") == lines
    assert seen.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    "path",
    [
        "/latest/user-data",
        "/latest/meta-data/Instance-Id",
        "/latest/meta-data/instance-id/",
        "/latest/meta-data/spot/termination-time",
        "/latest/meta-data/cam/security-credentials/CVMas",
        "/latest/meta-data/network/interfaces/macs/52:54:00:98:fa:00/",
        "/1.0/meta-data/instance/instance-type",
        "/3.0/meta-data/",
        "/latest/other",
        "/redirected",
    ],
)
def test_absence_is_404(path):
    with Simulator() as simulator:
        assert get(simulator, path).status == 404


def test_user_data_is_served_as_it_is():
    data = bytes(range(256)) * 100
    with Simulator(user_data=data) as simulator:
        assert get(simulator, "/latest/user-data").body == data


def test_other_methods():
    with Simulator() as simulator:
        head = get(simulator, "/latest/meta-data/mac", "HEAD")
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "17")
        assert get(simulator, "/latest/meta-data/mac", "PUT").status == 405


def test_overrides_reach_every_part():
    tree = {"placement/zone": "ap-x-1", "/latest/user-data": "hello", "/latest/meta-data/uuid": None}
    with Simulator(tree=tree) as simulator:
        assert get(simulator, "/latest/meta-data/placement/zone").body == b"ap-x-1"
        assert get(simulator, "/latest/user-data").body == b"hello"
        assert get(simulator, "/latest/meta-data/uuid").status == 404
        assert get(simulator, "/latest/meta-data/mac").status == 200
    with Simulator(user_data="x", tree={"/latest/user-data": None}) as simulator:
        assert get(simulator, "/latest/user-data").status == 404


def test_connections_are_kept_and_counted():
    with Simulator() as simulator:
        connection = http.client.HTTPConnection(simulator.host, simulator.port, timeout=10)
        for _ in range(3):
            connection.request("GET", "/latest/meta-data/none")
            assert connection.getresponse().read() == b""
        connection.close()
        get(simulator, "/")
        assert [request.connection for request in simulator.requests] == [1, 1, 1, 2]
        assert simulator.connections == 2
        assert [request.status for request in simulator.requests] == [404, 404, 404, 200]
        assert all(request.method == "GET" for request in simulator.requests)


def test_access_lines():
    lines = []
    with Simulator(log=lines.append, faults=["status=500,times=1"]) as simulator:
        get(simulator, "/a")
        get(simulator, "/latest/meta-data/mac")
    lines.sort()  # each begins with its time
    assert "GET /a 500" in lines[0] and "fault=status" in lines[0]
    assert "GET /latest/meta-data/mac 200" in lines[1] and "fault" not in lines[1]


def test_faults_as_seen_on_the_wire():
    faults = [
        "status=503,retry-after=7,path=/s",
        "redirect,path=/r",
        "redirect=http://x/,path=/q",
        "garbage,path=/g",
        "garbage=binary,path=/b",
        "huge=100000,path=/h",
        "drip=100000,path=/latest",
    ]
    with Simulator(faults=faults) as simulator:
        seen = get(simulator, "/s")
        assert (seen.status, seen.headers["Retry-After"]) == (503, "7")
        seen = get(simulator, "/r")
        assert (seen.status, seen.headers["Location"]) == (302, simulator.url + "/redirected")
        assert get(simulator, "/q").headers["Location"] == "http://x/"
        assert b"<html>" in get(simulator, "/g").body
        assert b"\0" in get(simulator, "/b").body
        assert len(get(simulator, "/h").body) == 100000
        assert get(simulator, "/latest/meta-data/mac").body == b"52:54:00:98:FA:00"


def test_cut_announces_more_than_it_sends():
    with Simulator(faults=["cut=3"]) as simulator:
        with pytest.raises(http.client.IncompleteRead) as caught:
            get(simulator, "/latest/meta-data/mac")
    assert (caught.value.partial, caught.value.expected) == (b"52:", 14)


def test_down_until_resets():
    with Simulator(faults=["down-until=3600"]) as simulator, pytest.raises(ConnectionError):
        get(simulator, "/")


def test_a_delay_and_a_drip_take_their_time():
    with Simulator(
        faults=["delay=0.3,path=/latest/meta-data/mac", "drip=300,path=/latest/meta-data/uuid"]
    ) as s:
        began = time.monotonic()
        get(s, "/latest/meta-data/mac")
        assert time.monotonic() - began >= 0.3
        began = time.monotonic()
        get(s, "/latest/meta-data/uuid")  # some 130 bytes with its headers
        assert time.monotonic() - began >= 0.25


def test_stopping_waits_for_nobody():
    """Neither an idle connection nor one in the middle of a drip holds the simulator."""
    with Simulator(faults=["drip,path=/latest"]) as simulator:
        idle = socket.create_connection((simulator.host, simulator.port))
        busy = socket.create_connection((simulator.host, simulator.port))
        busy.sendall(b"GET /latest/ HTTP/1.1\r\nHost: x\r\n\r\n")
        busy.recv(1)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((simulator.host, simulator.port))  # the port is free
    idle.close()
    busy.close()


def test_a_wrong_fault_is_refused_before_anything_listens():
    with pytest.raises(UsageError):
        Simulator(faults=["explode"])
