"""What user data include, as a boot fetches it: from a real server, in the stage that has a network."""

import gzip
import http.server
import os
import socket
import stat
import threading

import pytest

from tsagent.errors import AgentError
from tsagent.host import Clock, Host
from tsagent.session.includes import Includes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

SECRET = "hunter2hunter2"


class Shelf(http.server.HTTPServer):
    """Serves `pages`: path to bytes; a path that is not there is a 404. `asked` are the paths, in order."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = {}
        self.asked = []
        self.url = "http://127.0.0.1:%d" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.pages.get(self.path.partition("?")[0])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf():
    server = Shelf()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def writing(path, text="said\n"):
    return "#cloud-config\nwrite_files:\n- path: %s\n  content: '%s'\n" % (path, text.strip())


def states(agent):
    return {module["name"]: module["state"] for module in agent.status()["modules"]}


def test_the_local_stage_fetches_nothing_and_loses_nothing(agent, shelf):
    """The instance is known before the network is up; what it includes is fetched when that is."""
    shelf.pages["/a"] = writing("/etc/included").encode()
    shelf.pages["/b.gz"] = gzip.compress(b"#!/bin/sh\necho ran > included-ran\n")
    agent.tell("#include\n# comment\n\n%s/a?token=%s\n%s/b.gz\n" % (shelf.url, SECRET, shelf.url))
    assert agent.run("--stage", "local").returncode == 0
    assert shelf.asked == []
    assert states(agent)["disk_growth"] == "pending"
    assert not (agent.root / "run/tsagent/nothing-due").exists()

    first = agent.run("--stage", "network")
    assert first.returncode == 0, first.stdout + first.stderr
    assert shelf.asked == ["/a?token=" + SECRET, "/b.gz"]
    assert (agent.root / "etc/included").read_text(encoding="utf-8") == "said"
    assert states(agent)["files"] == "done"
    assert states(agent)["disk_growth"] != "pending"
    assert agent.run("--stage", "final").returncode == 0
    assert (agent.root / "included-ran").exists()
    assert len(shelf.asked) == 2
    assert SECRET not in first.stdout + first.stderr


def test_the_same_in_one_run_and_a_later_boot_asks_no_more(agent, shelf):
    shelf.pages["/a"] = writing("/etc/included").encode()
    agent.tell("#include %s/a\n" % shelf.url)
    result = agent.run()
    assert result.returncode == 0, result.stdout + result.stderr
    assert (agent.root / "etc/included").exists()
    shelf.pages.clear()
    assert agent.run().returncode == 0
    assert shelf.asked == ["/a"]


def test_a_module_that_is_asked_for_by_its_name_waits_for_nothing(agent, shelf):
    shelf.pages["/a"] = b'#cloud-config\ngrowpart: {mode: "off"}\n'
    agent.tell("#include %s/a\n" % shelf.url)
    agent.run("--stage", "local")
    assert states(agent)["disk_growth"] == "pending"
    assert agent.run("--only", "disk_growth").returncode == 0
    assert shelf.asked == ["/a"]
    assert states(agent)["disk_growth"] != "pending"


def test_one_that_fails_is_named_and_the_rest_counts(agent, shelf):
    shelf.pages["/good"] = writing("/etc/included").encode()
    agent.tell("#include\n%s/bad?token=%s\n%s/good\n" % (shelf.url, SECRET, shelf.url))
    result = agent.run()
    assert result.returncode == 2, result.stdout + result.stderr
    assert (agent.root / "etc/included").exists()
    said = [line for line in agent.status()["warnings"] if "/bad" in line]
    assert len(said) == 1
    assert "user-data:2:1: error: " in said[0]
    assert "status 404" in said[0]
    everything = result.stdout + result.stderr + "".join(agent.status()["warnings"])
    assert SECRET not in everything


def test_a_cycle_ends_and_is_named(agent, shelf):
    shelf.pages["/a"] = b"#include\n%s/b\n" % shelf.url.encode()
    shelf.pages["/b"] = b"#include\n%s/a\n" % shelf.url.encode()
    agent.tell("#include\n%s/a\n" % shelf.url)
    assert agent.run().returncode == 2
    assert shelf.asked == ["/a", "/b"]
    assert any("includes itself" in line for line in agent.status()["warnings"])


def test_include_once_is_kept_for_the_instance(agent, shelf):
    shelf.pages["/once"] = writing("/etc/first").encode()
    shelf.pages["/each"] = writing("/etc/each").encode()
    body = "#include-once\n%s/once\n#include\n%s/each\n" % (shelf.url, shelf.url)
    agent.tell(body)
    assert agent.run().returncode == 0
    kept = agent.root / "var/lib/tsagent/instances/ins-test/includes"
    (file,) = list(kept.iterdir())
    assert stat.S_IMODE(os.stat(str(file)).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(str(kept)).st_mode) == 0o700
    # Asked for anew, with other user data: what was to be fetched once is not fetched again.
    other = agent.seed / "other"
    other.write_text(body + "#include\n", encoding="utf-8")
    shelf.asked.clear()
    result = agent.run("--only", "files", "--again", "--user-data", str(other))
    assert result.returncode == 0, result.stdout + result.stderr
    assert shelf.asked == ["/each"]


def test_files_of_the_machine_need_no_network(agent):
    place = agent.root / "usr/share/site.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(writing("/etc/included"), encoding="utf-8")
    agent.tell("#include\nfile:///usr/share/site.yaml\n")
    assert agent.run("--stage", "local").returncode == 0
    assert "disk_growth" in states(agent)
    assert agent.run("--stage", "network").returncode == 0
    assert (agent.root / "etc/included").exists()


def test_a_plan_asks_as_a_run_would_and_writes_nothing(agent, shelf):
    shelf.pages["/a"] = writing("/etc/included").encode()
    agent.tell("#include-once\n%s/a\n" % shelf.url)
    result = agent("plan")
    assert result.returncode == 0, result.stderr
    assert "write /etc/included" in result.stdout
    assert not (agent.root / "var/lib/tsagent/instances").exists()


def test_the_metadata_service_cannot_be_included(agent):
    agent.tell("#include\nhttp://169.254.0.23/latest/meta-data/cam/security-credentials/\n")
    assert agent.run().returncode == 2
    assert any("metadata addresses are refused" in line for line in agent.status()["warnings"])


def test_includes_go_by_the_images_proxy(agent, shelf):
    shelf.pages["http://mirror.example/a"] = writing("/etc/included").encode()
    place = agent.root / "etc/tsagent"
    place.mkdir(parents=True)
    (place / "agent.yaml").write_text("proxy: %s\n" % shelf.url, encoding="utf-8")
    agent.tell("#include http://mirror.example/a\n")
    result = agent.run()
    assert result.returncode == 0, result.stdout + result.stderr
    assert shelf.asked == ["http://mirror.example/a"]


def test_settings_of_the_kernel_command_line_stand_below_the_users(agent, shelf, tmp_path):
    shelf.pages["/k"] = b"#cloud-config\nhostname: from-url\nwrite_files: [{path: /etc/by-url, content: x}]\n"
    (tmp_path / "machine/proc").mkdir(parents=True)
    line = "ro cloud-config-url=%s/k cc: timezone: UTC\\nhostname: from-line end_cc quiet\n" % shelf.url
    (tmp_path / "machine/proc/cmdline").write_text(line)
    agent.tell({"hostname": "from-user"})
    hardware = str(tmp_path / "machine")
    assert agent.run("--stage", "local", hardware=hardware).returncode != 1
    assert shelf.asked == []
    agent.run("--stage", "network", hardware=hardware)
    assert (agent.root / "etc/by-url").exists()
    assert (agent.root / "etc/hostname").read_text() == "from-user\n"


def test_a_network_that_comes_late_is_waited_for():
    """Asked again until somebody listens: in its time, not by a count of tries."""

    class Late(Clock):
        def __init__(self):
            self.skipped = 0.0
            self.server = None

        def monotonic(self):
            return super().monotonic() + self.skipped

        def sleep(self, seconds):
            self.skipped += seconds
            if self.skipped > 40 and self.server is None:
                self.server = http.server.HTTPServer(("127.0.0.1", port), Handler)
                self.server.asked, self.server.pages = [], {"/a": b"late"}
                threading.Thread(target=self.server.handle_request).start()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clock = Late()
    try:
        includes = Includes(Host("/", clock=clock), "ins-test", network=True, keep=False)
        assert includes.get("http://127.0.0.1:%d/a" % port, False, 100) == b"late"
    finally:
        if clock.server is not None:
            clock.server.server_close()


def test_all_includes_together_have_a_limit():
    clock = Ahead()
    includes = Includes(Host("/", clock=clock), "ins-test", network=True, keep=False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d/" % closed.getsockname()[1]
        for _ in range(5):
            with pytest.raises(AgentError):
                includes.get(url, False, 100)
    assert 119 < clock.skipped < 125


class Ahead(Clock):
    """Waits take no time."""

    def __init__(self):
        self.skipped = 0.0

    def monotonic(self):
        return super().monotonic() + self.skipped

    def sleep(self, seconds):
        self.skipped += seconds
