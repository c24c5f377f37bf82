"""write_files with source: a real HTTP server on the loopback, failures, fallbacks, resumes, owners."""

import http.server
import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from tsagent.changes.file_entries import plan_entries
from tsagent.errors import AgentError
from tsagent.host import Host

BODY = b"#!/bin/sh\necho \xff hello\n"


class Site:
    """Serves BODY at /file, 404 elsewhere; notes each request."""

    def __init__(self):
        site = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.requests.append((self.path, self.headers.get("Authorization")))
                found = self.path.startswith("/file")
                self.send_response(200 if found else 404)
                self.send_header("Content-Length", str(len(BODY) if found else 0))
                self.end_headers()
                self.wfile.write(BODY if found else b"")

            def log_message(self, *words):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def host(scratch_root):
    return Host(str(scratch_root))


def planned(*entries, **options):
    warnings = []
    return list(plan_entries(list(entries), options.get("deferred", False), warnings.append)), warnings


def test_a_file_is_fetched_with_its_headers_mode_and_owner(host, site):
    source = {"uri": site.url + "/file?token=hunter2", "headers": {"Authorization": "Basic hunter2"}}
    entry = {"path": "/opt/x/hello", "source": source, "permissions": "0750", "owner": "root:wheel"}
    (change,), warnings = planned(entry)
    assert change.apply(host) is None and warnings == []
    assert host.root.read("/opt/x/hello") == BODY
    status = host.root.stat("/opt/x/hello")
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o750, 10)
    assert site.requests == [("/file?token=hunter2", "Basic hunter2")]
    assert {source["uri"], "Basic hunter2"} == set(change.secrets())
    assert "hunter2" not in change.describe() + json.dumps(change.payload()) + change.reason


def test_encoding_is_that_of_content_alone(host, site):
    entry = {"path": "/x", "source": {"uri": site.url + "/file"}, "encoding": "b64", "content": "aGk="}
    (change,), _ = planned(entry)
    change.apply(host)
    assert host.root.read("/x") == BODY
    (change,), warnings = planned(dict(entry, source={"uri": site.url + "/absent"}))
    note = change.apply(host)
    assert host.root.read("/x") == b"hi"
    assert (
        note
        == "its source could not be fetched (the server answered status 404): its content is used instead"
    )
    assert warnings == ["/x: " + note]


def test_without_content_a_failed_fetch_writes_nothing_and_fails_alone(host, site):
    host.root.write_atomic("/x", b"before")
    changes, _ = planned(
        {"path": "/x", "source": {"uri": site.url + "/secret-path"}}, {"path": "/y", "content": "y"}
    )
    with pytest.raises(
        AgentError, match="its source could not be fetched: the server answered status 404"
    ) as caught:
        changes[0].apply(host)
    assert "secret-path" not in str(caught.value) and caught.value.code == "web-status"
    changes[1].apply(host)
    assert host.root.read("/x") == b"before" and host.root.read("/y") == b"y"


def test_pieces_of_one_path_and_an_addition_that_was_cut_off(host, site):
    fetched = {"path": "/x", "source": {"uri": site.url + "/file"}, "append": True}
    (change,), _ = planned(
        {"path": "/x", "content": "1\n"}, fetched, {"path": "/x", "content": "2\n", "append": True}
    )
    change.apply(host)
    assert host.root.read("/x") == b"1\n" + BODY + b"2\n"
    host.root.write_atomic("/x", b"old\n")
    (change,), _ = planned(fetched)
    before = change.before(host)
    change.apply(host)
    for _ in range(2):  # killed before the journal knew; begun again
        (again,), _ = planned(fetched)
        assert again.probe_resumed(host, before).state != "converged"
        again.heal(host, before)
        again.apply(host)
    assert host.root.read("/x") == b"old\n" + BODY


def test_a_file_of_this_machine(host):
    host.root.write_atomic("/etc/template", b"text")
    (change,), _ = planned({"path": "/x", "source": {"uri": "file:///etc/template"}})
    change.apply(host)
    assert host.root.read("/x") == b"text"


def test_an_owner_that_is_not_there_fails_alone_with_a_hint(host):
    changes, _ = planned({"path": "/x", "owner": "nginx"}, {"path": "/y"})
    with pytest.raises(AgentError, match=r"there is no user nginx .*defer: true"):
        changes[0].apply(host)
    assert changes[1].apply(host) is None
    (late,), _ = planned({"path": "/x", "owner": "nginx", "defer": True}, deferred=True)
    with pytest.raises(AgentError, match=r"there is no user nginx .create it"):
        late.apply(host)


def test_missing_parents_get_the_owner_and_those_that_are_there_keep_theirs(host):
    with open(host.root.root + "/etc/passwd", "a") as stream:
        stream.write("app:x:1000:1000::/home/app:/bin/sh\n")
    host.root.mkdir("/home/app", 0o700)
    (change,), _ = planned(
        {"path": "/home/app/.config/app/conf", "owner": "app:users", "permissions": "0600"}
    )
    change.apply(host)
    ids = [
        (host.root.stat(path).st_uid, host.root.stat(path).st_gid)
        for path in ("/home/app", "/home/app/.config", "/home/app/.config/app", "/home/app/.config/app/conf")
    ]
    assert ids == [(0, 0), (1000, 100), (1000, 100), (1000, 100)]
    assert stat.S_IMODE(host.root.stat("/home/app/.config").st_mode) == 0o755


def test_the_agent_fetches_once_and_tells_nothing_of_it(scratch_root, tmp_path, site, checkout):
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "meta-data").write_text('{"instance-id": "i-1"}')
    entries = [
        {"path": "/once", "source": {"uri": site.url + "/file?token=hunter2"}},
        {"path": "/late", "source": {"uri": site.url + "/file2?token=hunter2"}, "defer": True},
        {"path": "/no", "source": {"uri": site.url + "/hunter2"}},
    ]
    (seed / "user-data").write_text("#cloud-config\n" + json.dumps({"write_files": entries}))
    words = ["run", "--root", str(scratch_root), "--source", "nocloud:%s" % seed, "--commands", "here"]
    hardware = os.path.join(checkout, "tests/machines/s5-medium4")
    outputs = []
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-B", "-m", "tsagent"] + words + ["--hardware", hardware],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONPATH=checkout),
            timeout=60,
        )
        outputs.append(result.stdout.decode())
        assert result.returncode == 1
    assert (scratch_root / "once").read_bytes() == (scratch_root / "late").read_bytes() == BODY
    paths = [path for path, _ in site.requests]
    assert paths.count("/file?token=hunter2") == paths.count("/file2?token=hunter2") == 1
    log = (scratch_root / "var/log/tsagent.log").read_text()
    status = (scratch_root / "run/tsagent/status.json").read_text()
    assert "hunter2" not in outputs[0] + outputs[1] + log + status
    assert "status 404" in status
