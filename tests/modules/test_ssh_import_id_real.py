"""The real ssh-import-id, run as a user, at a server of our own."""

import http.server
import os
import shutil
import tempfile
import threading

import pytest

from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another user's rights")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzB2kAlTdyYX5Pq4rRMwbG1uv8f8gTW1Vh5RmkgcGJ5 one@example"


class Keys(http.server.BaseHTTPRequestHandler):
    """Has the keys of dana, and of nobody else."""

    def do_GET(self):
        found = self.path == "/dana"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write((KEY + "\n").encode("ascii") if found else b"")

    def log_message(self, *words):
        pass


@pytest.fixture
def service():
    server = http.server.HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield "http://127.0.0.1:%d/%%s" % server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home():
    """A home of this machine's `nobody`, in a place that it may reach."""
    path = tempfile.mkdtemp()
    os.chown(path, 65534, 65534)
    yield path
    shutil.rmtree(path)


def plan(root, home, names, service):
    (root / "etc/passwd").write_text("nobody:x:65534:65534::%s:/bin/sh\n" % home)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/ssh-import-id").write_text("")
    host = Host(str(root))
    module = load_module(discover(host.root, use_cache=False).modules["ssh_import_id"], host.root)
    settings = {"users": [{"name": "nobody", "ssh_import_id": names}]}
    context = Context("ssh_import_id", settings, Facts.from_data({}), host.root, host.hardware)
    (change,) = module.plan(context)
    change.env["URL"] = service  # where the tool looks, in place of Launchpad
    # The tool asks the machine's accounts for the home.
    enter = 'mount --bind "$0" /etc/passwd && exec "$@"'
    change.argv = ["unshare", "--mount", "sh", "-c", enter, str(root / "etc/passwd")] + change.argv
    return change, host


def test_keys_are_fetched_as_the_user(scratch_root, home, service):
    change, host = plan(scratch_root, home, ["lp:dana"], service)
    change.apply(host)
    file = os.path.join(home, ".ssh/authorized_keys")
    with open(file, encoding="utf-8") as stream:
        assert KEY in stream.read()
    assert os.stat(file).st_uid == 65534


def test_a_name_that_nobody_has_is_named(scratch_root, home, service):
    change, host = plan(scratch_root, home, ["lp:ghost"], service)
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "command-failed"
    assert "give the keys under ssh_authorized_keys" in str(caught.value)
