"""`imds serve` as a process: its first line, its access lines, its end."""

import http.client
import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import argparse, sys
sys.path.insert(0, {checkout!r})
from tsagent.errors import AgentError
from tsagent.sources.simulator import command
parser = argparse.ArgumentParser(prog="tsagent imds serve")
command.add_arguments(parser)
try:
    sys.exit(command.main(parser.parse_args()))
except AgentError as error:
    print(error.code + ": " + str(error), file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def serve(checkout, tmp_path):
    """Starts the command; the process is killed at the end if it still runs."""
    started = []
    program = tmp_path / "serve.py"
    program.write_text(PROGRAM.format(checkout=checkout), encoding="utf-8")

    def start(*arguments):
        # The C locale and nothing else: what a unit gives a service.
        process = subprocess.Popen(
            [sys.executable, str(program)] + list(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def address(process):
    line = process.stdout.readline().decode("utf-8")
    assert line.startswith("serving http://127.0.0.1:")
    return line.split()[1][len("http://") :].rstrip("/")


def get(where, path):
    connection = http.client.HTTPConnection(where, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_and_ends_cleanly(serve, tmp_path, number):
    (tmp_path / "tree.yaml").write_text("placement:\n  zone: ap-shanghai-2\n", encoding="utf-8")
    (tmp_path / "user-data").write_bytes(b"\x1f\x8b\x00")
    process = serve(
        "--instance-type", "GN7.2XLARGE32",
        "--tree", str(tmp_path / "tree.yaml"),
        "--user-data", str(tmp_path / "user-data"),
        "--fault", "status=503,times=1,path=/latest/user-data",
    )  # fmt: skip
    where = address(process)
    assert get(where, "/latest/meta-data/instance/instance-type") == (200, b"GN7.2XLARGE32")
    assert get(where, "/latest/meta-data/placement/zone") == (200, b"ap-shanghai-2")
    assert get(where, "/latest/user-data")[0] == 503
    assert get(where, "/latest/user-data") == (200, b"\x1f\x8b\x00")
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    lines = sorted(errors.decode("utf-8").splitlines())  # each begins with its time
    assert len(lines) == 4
    assert "GET /latest/user-data 503" in lines[2]
    assert "Traceback" not in errors.decode("utf-8")


def test_a_port_in_use_is_one_clear_line(serve):
    first = serve()
    port = address(first).rsplit(":", 1)[1]
    second = serve("--port", port)
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert errors.decode("utf-8").startswith("cannot-listen: cannot listen on 127.0.0.1 port %s" % port)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--fault", "explode=1"], "--fault explode=1"),
        (["--tree", "/nowhere"], "/nowhere"),
        (["--user-data", "/nowhere"], "/nowhere"),
        (["--user-data", "/"], "/: "),
    ],
)
def test_usage_errors(serve, arguments, words):
    process = serve(*arguments)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 64
    assert words in errors.decode("utf-8")
    assert len(errors.decode("utf-8").splitlines()) == 1


def test_port_out_of_range_is_one_clear_line(serve):
    process = serve("--port", "99999")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert len(errors.decode("utf-8").splitlines()) == 1


def test_help_lists_the_faults(serve):
    process = serve("--help")
    output, _ = process.communicate(timeout=10)
    assert b"down-until=SECONDS" in output
