"""A canary in every secret place: it may stand where the user asked for it, and nowhere else.

Each place has a canary of its own, so that a failure names the place.
"""

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tsagent.sources.simulator.server import Simulator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

MARK = "Cnry"  # every canary has it, and nothing else does
PATTERN = re.compile(MARK + r"-?[a-z0-9_]+")
TREE = "/latest/meta-data/"


def canary(place):
    return MARK + place.replace("-", "_")


def crypted(place):
    """A hash as crypt(3) makes it, with the canary as its salt and tail."""
    return "$6$" + canary(place) + "$" + canary(place) + "x" * 60


def private_key(tmp_path):
    """A real host key whose comment is a canary, and its public half."""
    path = str(tmp_path / "given")
    subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "given", "-f", path])
    with open(path) as private, open(path + ".pub") as public:
        return private.read(), public.read().strip()


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return private_key(tmp_path_factory.mktemp("key"))


def config(given):
    private, public = given
    wrapped = base64.b64encode(canary("b64").encode()).decode()
    return {
        "hostname": "vm-1",
        "password": canary("password"),
        "chpasswd": {
            "expire": False,
            "list": "ada:%s\nbob:%s\n" % (canary("list_text"), crypted("list_hash")),
            "users": [
                {"name": "eve", "password": canary("chpasswd_user"), "type": "text"},
                {"name": "kim", "password": crypted("chpasswd_user_hash"), "type": "hash"},
            ],
        },
        "users": [
            "default",
            {"name": "ada", "lock_passwd": False},
            {"name": "bob", "lock_passwd": False},
            {"name": "eve", "lock_passwd": False},
            {"name": "kim", "lock_passwd": False},
            {"name": "pip", "lock_passwd": False, "plain_text_passwd": canary("plain")},
            {"name": "pop", "lock_passwd": False, "hashed_passwd": crypted("hashed")},
            {"name": "pap", "lock_passwd": False, "passwd": crypted("passwd")},
        ],
        "ssh_keys": {"ed25519_private": private, "ed25519_public": public},
        "write_files": [
            {"path": "/srv/private", "content": "a\n%s\n" % canary("file_private"), "permissions": "0600"},
            {"path": "/srv/public", "content": "b\n%s\n" % canary("file_public"), "permissions": "0644"},
            {"path": "/srv/b64", "encoding": "b64", "content": wrapped},
            {"path": "/srv/late", "content": canary("file_late"), "defer": True, "permissions": "0640"},
            {"path": "/srv/to/a/fail\0ure", "content": canary("file_failing")},
        ],
        "bootcmd": ["X=%s; : $X" % canary("bootcmd")],
        "runcmd": [
            "TOKEN=%s; export TOKEN; : $TOKEN" % canary("runcmd"),
            ["printf", "%s", canary("runcmd_list")],  # a built-in of the shell: no program is called
            ": %s; exit 3" % canary("runcmd_failing"),
            "echo %s" % canary("runcmd_output"),
            ": " + canary("runcmd_last"),
        ],
        # What is wrong beside a secret, or is itself one: messages must not quote it.
        "ssh_pwauth": canary("enum"),
        "growpart": {"mode": canary("growpart_mode")},
        "chef": {"validation_key": canary("unknown_section")},
        "secrets_of_mine": {"token": canary("unknown_key")},
    }


def user_data(given):
    script = "#!/bin/sh\n: %s\n" % canary("script")
    broken = "#cloud-config\npassword: [%s]\nhashed_passwd: {a: %s}\n" % (
        canary("wrong_type"),
        canary("wrong_type_two"),
    )
    syntax = "#cloud-config\npassword: %s\n  broken: [%s\n" % (canary("syntax"), canary("syntax_two"))
    template = "## template: jinja\n#cloud-config\nphrase: {{ %s(( }}\n" % canary("template")
    unknown = "%s is no known format\n" % canary("unknown_format")
    parts = [
        ("text/cloud-config", "#cloud-config\n" + json.dumps(config(given))),
        ("text/x-shellscript", script),
        ("text/cloud-config", broken),
        ("text/cloud-config", syntax),
        ("text/jinja2", template),
        ("text/plain", unknown),
        ("text/cloud-config-jsonp", '[{"op": "test", "path": "/x", "value": "%s"}]' % canary("patch")),
    ]
    lines = ['MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n']
    for kind, body in parts:
        lines.append("--==\nContent-Type: %s\nContent-Transfer-Encoding: base64\n" % kind)
        lines.append(base64.encodebytes(body.encode("utf-8")).decode())
    return ("\n".join(lines) + "\n--==--\n").encode()


VENDOR = "#cloud-config\n" + json.dumps(
    {
        "users": [{"name": "van", "lock_passwd": False, "plain_text_passwd": canary("vendor_plain")}],
        "runcmd": [": " + canary("vendor_runcmd")],
        "write_files": [{"path": "/srv/vendor", "content": canary("vendor_file")}],
        "password": canary("vendor_password"),
    }
)
DROP_IN = """
from tsagent.changes import WriteFile

def plan(context):
    token = context.settings["vault"]["token"]
    context.warn("the token is " + token)
    context.choose("token", token, "because it is " + token)
    yield WriteFile("/srv/vault", token, 0o600, reason="for " + token)
    if context.settings["vault"].get("fail"):
        raise ValueError("no such token: " + token)
"""


# `user-data show` prints what it is given: commands and values that no schema calls secret with it.
NO_SECRETS = {canary("enum"), canary("growpart_mode"), canary("unknown_section")}


def assert_silent(text, where):
    found = sorted(set(PATTERN.findall(text)))
    if where.startswith("user-data show"):
        found = [item for item in found if item not in NO_SECRETS and "cmd" not in item]
    assert found == [], "%s shows %s" % (where, ", ".join(found))


def set_up(agent, given):
    agent.tell(user_data(given), **{"vendor-data": VENDOR})
    (agent.seed / "vendor-data").write_text(VENDOR)
    agent.drop_in("vault", DROP_IN)
    schema = agent.root / "etc/tsagent/schemas/vault.json"
    data = json.loads(schema.read_text(encoding="utf-8"))
    data["x-tsagent"]["only_with_keys"] = True
    data["properties"]["vault"]["properties"] = {
        "token": {"type": "string", "enum": [canary("vault"), "x"], "x-tsagent": {"secret": True}}
    }
    schema.write_text(json.dumps(data))
    os.chmod(str(schema), 0o600)
    (agent.root / "etc/tsagent/agent.yaml").write_text(
        "proxy: http://user:%s@proxy.example:3128\ndefaults: {vault: {token: %s}}\ncolour: %s\n"
        % (canary("proxy"), canary("vault"), canary("agent_yaml"))
    )
    os.chmod(str(agent.root / "etc/tsagent/agent.yaml"), 0o600)


# What the user lets others read.
ASKED_FOR = {"/srv/public", "/srv/b64", "/srv/vendor", "/srv/late"}


def canaries_in_tree(agent):
    """Path -> the canaries of each file below the root."""
    seen = {}
    for directory, _, files in os.walk(str(agent.root)):
        for name in files:
            path = os.path.join(directory, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with open(path, "rb") as stream:
                found = PATTERN.findall(stream.read().decode("utf-8", "replace"))
            if found:
                seen[path[len(str(agent.root)) :]] = sorted(set(found))
    return seen


def readable_by_others(agent, path):
    """Whether somebody who is neither the owner nor root gets to the file."""
    current = str(agent.root) + path
    if not os.stat(current).st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return False
    while current != str(agent.root):
        current = os.path.dirname(current)
        if not os.stat(current).st_mode & (stat.S_IXGRP | stat.S_IXOTH):
            return False
    return True


def test_no_secret_leaves_its_place(agent, given, tmp_path):
    """One boot under strace, which sees every argument and every environment; then every command."""
    set_up(agent, given)
    trace = tmp_path / "trace"
    tracer = ["strace", "-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve,execveat", "-o", str(trace)]
    result = agent.run("--debug", before=tracer)
    assert result.returncode == 1, result.stdout + result.stderr
    status = agent.status()
    states = {module["name"]: module for module in status["modules"]}
    # The places were reached, and what was asked for is there.
    assert canary("plain") not in (agent.root / "etc/shadow").read_text(encoding="utf-8")
    assert crypted("hashed") in (agent.root / "etc/shadow").read_text(encoding="utf-8")
    assert (agent.root / "srv/private").read_text(encoding="utf-8") == "a\n%s\n" % canary("file_private")
    assert (agent.root / "srv/vault").read_text(encoding="utf-8") == canary("vault")
    assert (agent.root / "etc/ssh/ssh_host_ed25519_key").read_text(encoding="utf-8") == given[0]
    assert canary("runcmd_output") in (agent.root / "var/log/tsagent-output.log").read_text(encoding="utf-8")
    assert states["commands"]["state"] == "failed" and states["vault"]["state"] == "done"
    # The lines that tell of what is wrong are there, without quoting it.
    told = "\n".join(status["warnings"])
    for words in ("ssh_pwauth", "/password: expected", "secrets_of_mine", "part-004:3:9", "JSON patch"):
        assert words in told, told
    assert_silent(result.stdout, "standard output")
    assert_silent(result.stderr, "standard error")
    for place in ("run/tsagent/status.json", "run/tsagent/instance.json", "run/tsagent/handoff.json"):
        assert_silent((agent.root / place).read_text(encoding="utf-8"), place)
    assert_silent((agent.root / "var/log/tsagent.log").read_text(encoding="utf-8"), "the log")
    calls = [line for line in trace.read_text(errors="replace").splitlines() if "execve" in line]
    assert len(calls) > 20
    for line in calls:
        assert_silent(line, "an argument list or environment: %s" % line[:80])
    found = canaries_in_tree(agent)
    assert "/etc/shadow" in found and "/srv/public" in found
    open_to_all = {path for path in found if readable_by_others(agent, path)}
    assert open_to_all == ASKED_FOR & set(found), {path: found[path] for path in open_to_all - ASKED_FOR}
    journals = [path for path in found if path.endswith(".jsonl")]
    assert journals == [], {path: found[path] for path in journals}
    for words in (
        ["plan"],
        ["plan", "--format", "json"],
        ["plan", "--only", "vault", "--again"],
        ["plan", "--only", "files", "--again", "--format", "json"],
        ["plan", "--only", "users", "--again", "--debug"],
        ["explain"],
        ["explain", "--format", "json"],
        ["explain", "vault", "token"],
        ["status"],
        ["status", "--format", "json"],
        ["modules"],
        ["modules", "--format", "json"],
        ["query"],
        ["validate", str(agent.seed / "user-data")],
        ["validate", "--format", "json", str(agent.seed / "user-data")],
        [
            "user-data",
            "show",
            str(agent.seed / "user-data"),
            "--vendor-data",
            str(agent.seed / "vendor-data"),
        ],
        ["user-data", "show", "--format", "json", str(agent.seed / "user-data")],
        ["run", "--only", "commands", "--debug"],
        ["run", "--format", "json"],
    ):
        shown = agent(*words)
        assert shown.returncode in (0, 1, 2), shown.stderr
        assert_silent(shown.stdout + shown.stderr, " ".join(words))


def test_plan_before_the_first_boot_is_silent_too(agent, given):
    set_up(agent, given)
    for words in (
        ["plan"],
        ["plan", "--format", "json", "--debug"],
        ["explain"],
        ["explain", "--format", "json"],
    ):
        shown = agent(*words)
        assert "Traceback" not in shown.stderr
        assert_silent(shown.stdout + shown.stderr, " ".join(words))


def test_a_bug_in_a_module_shows_no_secret(agent, given):
    """A module that fails with the secret in its exception: with and without --debug."""
    set_up(agent, given)
    with open(str(agent.root / "etc/tsagent/agent.yaml"), "a") as stream:
        stream.write("modules: {disabled: [ssh, users, kernel_parameters, handoff]}\n")
    module = agent.root / "etc/tsagent/modules/vault.py"
    module.write_text(DROP_IN.replace('.get("fail")', '["token"]'))
    for words in (["run"], ["run", "--debug"], ["plan", "--debug"], ["explain", "vault", "--debug"]):
        shown = agent(*words)
        assert "ValueError" in shown.stdout + shown.stderr, words
        assert_silent(shown.stdout + shown.stderr, " ".join(words))
    assert agent.module("vault")["code"] == "module-bug"
    assert_silent(json.dumps(agent.status()), "status")
    assert_silent((agent.root / "var/log/tsagent.log").read_text(encoding="utf-8"), "the log")


def test_a_secret_of_the_wrong_shape_is_not_quoted(agent, tmp_path):
    """Each secret place with a value its schema refuses, and values next to a mistake in YAML."""
    texts = {
        "list": "password: [%s]",
        "mapping": "password: {%s: x}",
        "chpasswd": "chpasswd: %s",
        "chpasswd_list": "chpasswd: {list: {%s: 1}}",
        "chpasswd_users": "chpasswd: {users: [{name: a, password: [%s]}]}",
        "chpasswd_type": "chpasswd: {users: [{name: a, password: %s, type: %s}]}",
        "users": "users: [{name: a, hashed_passwd: [%s]}]",
        "plain": "users: [{name: a, plain_text_passwd: {%s: 1}, unknown_key: %s}]",
        "user": "user: {name: a, passwd: [%s]}",
        "keys": "ssh_keys: {rsa_private: [%s], %s: x}",
        "files": "write_files: [{path: /srv/a, content: [%s]}]",
        "source": "write_files: [{path: /srv/a, content: %s, encoding: %s}]",
        "binary": "write_files: [{path: /srv/a, content: !!binary '%s*'}]",
        "unclosed": "password: '%s",
        "tab": "password: %s\n\tx: %s",
        "indent": "password: %s\n  %s: 1",
        "anchor": "password: *%s",
        "anchor_inside": "users: [{name: a, plain_text_passwd: *%s}]",
        "tag": "password: !%s x",
        "tag_alone": "password: !%s",
        "tag_double": "password: !!%s",
        "tag_given": "password: !<%s> x",
        "anchor_given": "password: &%s",
        "handle": "%%TAG !%s! tag:example.org:\n---\npassword: !%s!x y",
        "directive": "%%%s\n---\npassword: %s",
        "duplicate": "%s: 1\n%s: 2",
        "unknown": "%s: 1",
    }
    for name, text in sorted(texts.items()):
        file = tmp_path / name
        count = text.replace("%%", "").count("%s")
        file.write_text("#cloud-config\n" + text % ((canary("shape_" + name),) * count) + "\n")
    files = [str(tmp_path / name) for name in sorted(texts)]
    # A name that the user gave to a key is shown: keys are no secret places.
    named = {canary("shape_" + name) for name in ("duplicate", "unknown", "keys")}
    for form in ("text", "json"):
        shown = agent("validate", "--format", form, *files)
        assert "Traceback" not in shown.stderr
        found = set(PATTERN.findall(shown.stdout + shown.stderr)) - named
        assert found == set(), [
            line for line in shown.stdout.splitlines() if any(item in line for item in found)
        ]
        assert len(shown.stdout.splitlines()) >= len(texts) - 2
    # These repeat it in a place that is no secret one, to see that `validate` does not quote that either.
    for name in sorted(set(texts) - {"chpasswd_type", "source", "plain"}):
        shown = agent("user-data", "show", str(tmp_path / name))
        found = set(PATTERN.findall(shown.stdout + shown.stderr)) - named
        assert found == set(), (name, shown.stdout)


def test_secrets_of_the_metadata_service(agent, tmp_path):
    """The password and the role's credentials: used, kept for root, and shown to nobody."""
    with Simulator(password=canary("imds_password"), role="tsagent-role") as simulator:
        text = json.dumps(simulator.tree["cam"])
        assert "TmpSecretKey" in text
        trace = tmp_path / "trace"
        tracer = [
            "strace",
            "-f",
            "-qq",
            "-v",
            "-s",
            "100000",
            "-e",
            "trace=execve,execveat",
            "-o",
            str(trace),
        ]
        result = agent.run("--debug", source="imds:" + simulator.url, before=tracer)
        asked = [request.path for request in simulator.requests]
    assert result.returncode in (0, 2), result.stdout + result.stderr
    assert TREE + "password" in asked
    assert not any("security-credentials" in path for path in asked)  # never fetched for a boot
    assert_silent(result.stdout + result.stderr, "run")
    assert_silent(trace.read_text(errors="replace"), "an argument list or environment")
    found = canaries_in_tree(agent)
    assert {path for path in found if readable_by_others(agent, path)} == set(), found
    for words in (["plan"], ["explain"], ["status", "--format", "json"], ["query"], ["modules"]):
        shown = agent(*words)
        assert_silent(shown.stdout + shown.stderr, " ".join(words))
    assert canary("imds_password") in agent("query", "--sensitive").stdout
    # Another user gets nothing out of it.
    other = subprocess.run(
        [sys.executable, "-c", OTHER_USER] + agent.command("query", "--sensitive")[1:],
        env=agent.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
    )  # fmt: skip
    assert MARK not in other.stdout


OTHER_USER = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv(sys.executable, [sys.executable] + sys.argv[1:])
"""


def test_the_tracer_would_have_seen_it(tmp_path):
    """The instrument itself: a canary in an argument or the environment is found in its report."""
    trace = tmp_path / "trace"
    assert shutil.which("strace")
    subprocess.check_call(
        ["strace", "-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve,execveat", "-o", str(trace)]
        + ["/bin/sh", "-c", "SECRET=%s /bin/true; /bin/true %s" % (canary("env"), canary("argv"))]
    )
    assert set(PATTERN.findall(trace.read_text(encoding="utf-8"))) == {canary("env"), canary("argv")}
