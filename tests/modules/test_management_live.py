"""The whole agent on a machine's own files: Puppet, a playbook, a form at a receiver; then nothing more."""

import json
import os
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from overlay_root import is_root, run_inside

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="an overlay needs root"),
]

USER_DATA = """\
#cloud-config
puppet:
  conf:
    agent: {server: puppet.example.com, certname: "%%i.Node"}
  csr_attributes:
    extension_requests: {pp_preshared_key: hidden-word}
  exec: true
  exec_args: [--version]
ansible:
  pull:
    - url: file:///srv/site
      playbook_names: [site.yml]
phone_home: {url: "%(url)sphone/$INSTANCE_ID?hidden-word", post: [instance_id, hostname]}
reporting:
  receiver: {type: webhook, endpoint: "%(url)sevents"}
"""
PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks: [{name: leave a mark, copy: {content: played, dest: /srv/mark}}]
"""
SCRIPT = """
def inside(*words, **more):
    done = subprocess.run(
        ["chroot", root] + list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")

def write(path, text):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    with open(root + path, "w", encoding="utf-8") as stream:
        stream.write(text)

def read(path):
    with open(root + path, encoding="utf-8") as stream:
        return stream.read()

for place in sorted({{{checkout!r}, sys.prefix, sys.base_prefix}}):
    os.makedirs(root + place, exist_ok=True)
    subprocess.check_call(["mount", "--bind", place, root + place])
os.makedirs(root + "/dev/shm")  # Ansible has semaphores there
write("/srv/seed/user-data", {user_data!r})
write("/srv/seed/meta-data", '{{"instance-id": "ins-LIVE"}}')
write("/srv/site/site.yml", {playbook!r})
write("/etc/tsagent/agent.yaml", "cloud_init: ignore\\n")
write("/var/lib/tsagent/clean", "")  # a first boot, though there are host keys
git = ["git", "-C", root + "/srv/site", "-c", "user.name=t", "-c", "user.email=t@example.com"]
for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "plays"]):
    subprocess.check_call(git + words)

env = dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin", PYTHONPATH={checkout!r}, PYTHONDONTWRITEBYTECODE="1")
line = [sys.executable, "-m", "tsagent", "run", "--source", "nocloud:/srv/seed", "--only"]
runs = {{}}
for name in ("puppet", "ansible", "phone_home"):
    code, text = inside(*(line + [name]), env=env)
    status = json.loads(read("/run/tsagent/status.json"))
    entry = [module for module in status["modules"] if module["name"] == name][0]
    runs[name] = [code, text, [[change["type"], change["state"]] for change in entry["changes"]]]
again = inside(*(line + ["puppet"]), env=env)
report(
    runs=runs,
    again=again,
    conf=read("/etc/puppet/puppet.conf"),
    mode=os.stat(root + "/etc/puppet/csr_attributes.yaml").st_mode & 0o777,
    mark=os.path.exists(root + "/srv/mark") and read("/srv/mark"),
    log=read("/var/log/tsagent.log"),
    output=read("/var/log/tsagent-output.log"),
    public=read("/run/tsagent/status.json") + read("/run/tsagent/instance.json"),
    enabled=os.path.lexists(root + "/etc/systemd/system/multi-user.target.wants/puppet.service"),
)
"""


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, body.decode("utf-8")))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def receiver():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.posts = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_machine_is_set_up_and_reports_it(tmp_path, checkout, receiver):
    url = "http://127.0.0.1:%d/" % receiver.server_port
    script = SCRIPT.format(checkout=checkout, user_data=USER_DATA % {"url": url}, playbook=PLAYBOOK)
    seen = run_inside(tmp_path, checkout, script)
    for name, (code, text, _) in seen["runs"].items():
        assert code in (0, 2), (name, text)
    states = {name: [tuple(state) for state in run[2]] for name, run in seen["runs"].items()}
    assert states["puppet"][:-1] == [
        ("install_one_of", "already"),
        ("verify", "already"),
        ("edit_file", "applied"),
        ("write_file", "applied"),
        ("run_program", "applied"),
    ]
    assert "[agent]\nserver = puppet.example.com\ncertname = ins-live.node\n" in seen["conf"]
    assert seen["mode"] == 0o600
    # Whether the package has enabled it already is the distribution's own affair.
    assert states["puppet"][-1][0] == "keep_service" and seen["enabled"]
    assert states["ansible"] == [
        ("install_one_of", "already"),
        ("install_one_of", "already"),
        ("run_program", "applied"),
    ]
    assert seen["mark"] == "played"
    assert states["phone_home"] == [("post_form", "applied")]
    forms = [body for path, body in receiver.posts if path == "/phone/ins-LIVE?hidden-word"]
    assert len(forms) == 1
    form = dict(urllib.parse.parse_qsl(forms[0]))
    assert form == {"instance_id": "ins-LIVE", "hostname": os.uname().nodename.split(".")[0]}
    events = [json.loads(body) for path, body in receiver.posts if path == "/events"]
    names = [(event["event_type"], event["name"]) for event in events]
    for name in ("puppet", "ansible", "phone_home"):
        assert ("finish", "modules-final/config-" + name) in names
    assert seen["again"][0] in (0, 2) and "applied" not in seen["again"][1]
    assert "hidden-word" not in seen["log"] + seen["public"] + json.dumps(seen["runs"])
    assert "--- run puppet agent ---" in seen["output"]
