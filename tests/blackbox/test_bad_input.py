"""Input that is broken or hostile: one clear line, little memory and time, and everything else done."""

import base64
import json
import os
import re
import subprocess
import sys
import zlib

import pytest

from tsagent.sources.simulator.server import Simulator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

MEMORY = 200  # MiB at the peak
CPU = 4.0  # seconds of the agent's own; a quiet machine takes under two
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2w8dV1cGc8GJqBvBOmbXYk3Ipw0zN2K8hBGNBVJRZR"
QUICK = ["ed25519"]  # one host key is enough
SIBLING = b"""#cloud-config
ssh_genkeytypes: [ed25519]
write_files: [{path: /srv/sibling, content: "it is here"}]
"""
MEASURE = """
import os, sys
report = sys.argv[1]
sys.argv = ["tsagent"] + sys.argv[2:]
from tsagent.cli import main
code = None
try:
    code = main()
finally:
    times = os.times()
    with open("/proc/self/status") as stream:
        peak = [line for line in stream if line.startswith("VmHWM:")][0].split()[1]
    with open(report, "w") as stream:
        stream.write("%.3f %d" % (times[0] + times[1], int(peak) // 1024))
sys.exit(code)
"""


@pytest.fixture
def measured(agent, tmp_path):
    """Runs the agent; checks that it took little and complained in lines."""

    def run(*words, **options):
        report = tmp_path / "measured"
        if report.exists():
            report.unlink()
        result = subprocess.run(
            [sys.executable, "-B", "-c", MEASURE, str(report)] + agent.arguments("run", *words, **options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, errors="replace", env=agent.environment(), cwd="/", timeout=120,
        )  # fmt: skip
        assert report.exists(), "it died: %d\n%s" % (result.returncode, result.stderr)
        cpu, peak = report.read_text(encoding="utf-8").split()
        assert int(peak) < MEMORY and float(cpu) < CPU, (cpu, peak)
        assert_no_traceback(agent, result)
        return result

    return run


def assert_no_traceback(agent, result):
    texts = [result.stdout, result.stderr]
    for name in ("var/log/tsagent.log", "run/tsagent/status.json"):
        if (agent.root / name).exists():
            texts.append((agent.root / name).read_text(encoding="utf-8", errors="replace"))
    for text in texts:
        assert "Traceback" not in text and 'File "' not in text, text


def assert_sibling(agent):
    assert (agent.root / "srv/sibling").read_text(encoding="utf-8") == "it is here"
    assert (agent.root / "etc/ssh/ssh_host_ed25519_key").exists()


def one_line(agent, *words):
    """The only warning or error of the run that has all the words; fails unless there is just one."""
    status = agent.status()
    lines = list(status["warnings"]) + [error["message"] for error in status["errors"]]
    for module in status["modules"]:
        lines += module.get("warnings", [])
        if module["state"] in ("failed", "skipped"):
            lines.append(module["reason"])
    found = [line for line in lines if all(word in line for word in words)]
    assert len(found) == 1, lines
    assert "\n" not in found[0] and len(found[0]) < 1000
    return found[0]


def mime(*parts):
    """A MIME message of (type, body) parts."""
    lines = [b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n']
    for kind, body in parts:
        lines.append(b"--==\nContent-Type: " + kind.encode() + b"\nContent-Transfer-Encoding: base64\n")
        lines.append(base64.encodebytes(body))
    return b"\n".join(lines) + b"\n--==--\n"


def beside(body, kind="text/cloud-config"):
    """The body as one part, with a good one after it."""
    return mime((kind, body), ("text/cloud-config", SIBLING))


def zeros():
    """One gigabyte of zeros, about a megabyte packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(1024)) + packer.flush()


def alias_bomb():
    lines = [b"#cloud-config", b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    for level in range(1, 10):
        lines.append(b"a%d: &a%d [%s]" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10)))
    return b"\n".join(lines) + b"\n"


def merge_bomb():
    lines = [b"#cloud-config", b"m0: &m0 {k0: v}"]
    for level in range(1, 25):
        merged = b",".join([b"*m%d" % (level - 1)] * 20)
        lines.append(b"m%d: &m%d\n  <<: [%s]\n  k%d: v" % (level, level, merged, level))
    return b"\n".join(lines) + b"\n"


BOMBS = {
    "aliases": (beside(alias_bomb()), "values"),
    "merges": (beside(merge_bomb()), "values"),
    "brackets": (beside(b"#cloud-config\na: " + b"[" * 200000), "nested more than"),
    "braces": (beside(b"#cloud-config\n" + b'{"a":' * 200000), "nested more than"),
    "json patch": (beside(b"[" * 200000, "text/cloud-config-jsonp"), "JSON patch"),
    "dashes": (beside(b"#cloud-config\na:\n " + b"- " * 200000), "nested more than"),
    "keys": (beside(b"#cloud-config\n" + b"".join(b"k%d: 1\n" % i for i in range(200000))), "values"),
    "digits": (beside(b"#cloud-config\na: " + b"9" * 200000 + b"\n"), "a number"),
    "gzip part": (beside(zeros(), "application/octet-stream"), "gzip"),
    "NUL": (beside(b"#cloud-config\nhostname: a\0b\n"), "NUL"),
    "not UTF-8": (beside(b"#cloud-config\nhostname: caf\xe9\n"), "UTF-8"),
    "tab": (beside(b"#cloud-config\n\thostname: x\n"), "tab"),
    "a list": (beside(b"#cloud-config\n- a\n"), "mapping"),
    "object": (beside(b"#cloud-config\na: !!python/object/apply:os.system [id]\n"), 'the tag "!!python'),
    "duplicate key": (
        SIBLING + b"hostname: one\nhostname: two\n",
        'the key "hostname" stands here again (first on line 4)',
    ),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_part_that_cannot_be_used_is_one_line_and_the_rest_is_done(agent, measured, name):
    user_data, words = BOMBS[name]
    agent.tell(user_data)
    result = measured()
    assert result.returncode == 2, result.stdout + result.stderr
    line = one_line(agent, words)
    assert re.match(r"user-data(:part-\d+)?:\d+:\d+: ", line), line
    assert_sibling(agent)
    assert (result.stdout + result.stderr).count(words) == 1
    # `validate` says the same of the file.
    checked = agent("validate", str(agent.seed / "user-data"))
    assert words in checked.stdout and "Traceback" not in checked.stdout + checked.stderr


WHOLES = {
    "gzip": (zeros(), "gzip"),
    "10,000 parts": (mime(*[("text/cloud-config", SIBLING)] * 10000), "parts"),
    "NULs": (bytes(100000), "binary data"),
    "message in message": (None, "nested"),
}


@pytest.mark.parametrize("name", sorted(WHOLES))
def test_user_data_that_cannot_be_used_leaves_the_other_modules_their_work(agent, measured, name):
    user_data, words = WHOLES[name]
    if user_data is None:
        user_data = SIBLING
        for _ in range(200):
            user_data = b"MIME-Version: 1.0\nContent-Type: message/rfc822\n\n" + user_data
    agent.tell(user_data, **{"local-hostname": "vm-9"})
    result = measured()
    assert result.returncode == 2, result.stdout + result.stderr
    one_line(agent, words)
    assert (agent.root / "etc/hostname").read_text(encoding="utf-8") == "vm-9\n"
    assert (agent.root / "etc/ssh/ssh_host_rsa_key").exists()
    assert {"users", "ssh", "hostname"} <= done(agent)


def test_fifty_megabytes_of_metadata(agent, measured):
    """As one value the agent can do without, and as the user data."""
    for path, code in (("/latest/meta-data/placement/zone", 2), ("/latest/user-data", 2)):
        with Simulator(user_data=SIBLING, faults=["huge=52428800,path=" + path], nics=0) as simulator:
            result = measured(source="imds:" + simulator.url)
        assert result.returncode == code, result.stdout + result.stderr
        one_line(agent, path, "52428800")
        assert_sibling(agent)
        assert agent("clean").returncode == 0
    for name in ("user-data", "meta-data"):
        agent.tell(SIBLING)
        with open(str(agent.seed / name), "r+b") as stream:
            stream.truncate(50 << 20)
        result = measured()
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1 and name in result.stderr and "larger" in result.stderr
        assert agent.status()["state"] == "error"


def done(agent):
    return {module["name"] for module in agent.status()["modules"] if module["state"] in ("done", "nothing")}


# -- values ------------------------------------------------------------------------------------------


def test_nothing_is_written_outside_the_root(agent, measured, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched")
    (outside / "authorized_keys").write_text("untouched")
    root = agent.root
    (root / "srv").mkdir()
    (root / "srv/absolute").symlink_to(str(outside))
    (root / "srv/relative").symlink_to("../" * 20 + str(outside)[1:])
    (root / "srv/link-to-file").symlink_to(str(outside / "file"))
    (root / "srv/loop").symlink_to("loop")
    (root / "home/ada").symlink_to("../" * 20 + str(outside)[1:])
    (root / "root").symlink_to(str(outside))
    paths = [
        "/../../../../../../../.." + str(outside) + "/dots",
        "/srv/../../../../../../../../../.." + str(outside) + "/more-dots",
        "/srv/absolute/through",
        "/srv/relative/through",
        "/srv/link-to-file",
        "/srv/loop/inside",
        "/etc/passwd/below-a-file",
        "",
        "relative/path",
        "/srv/nul\0byte",
        "/srv/" + "x" * 5000,
        "/",
        "/srv/",
        "/srv/new\nline",
    ]
    files = [{"path": path, "content": "escaped"} for path in paths]
    agent.tell(
        {
            "ssh_genkeytypes": QUICK,
            "ssh_authorized_keys": [KEY + " x"],
            "users": ["default", {"name": "ada", "ssh_import_id": ["x"], "no_create_home": True}],
            "write_files": files + [{"path": "/srv/sibling", "content": "it is here"}],
        }
    )  # fmt: skip
    result = measured()
    assert result.returncode in (1, 2)
    assert sorted(os.listdir(str(outside))) == ["authorized_keys", "file"]
    assert {file.read_text(encoding="utf-8") for file in outside.iterdir()} == {"untouched"}
    assert_sibling(agent)


HOSTILE = [
    "x\nevil:x:0:0::/:/bin/sh",
    "x; touch /tmp/tsagent-was-here",
    "$(id)",
    "-rf",
    "a:b",
    "../../x",
    "a b",
    "\0",
    "é\n",
]


def test_hostile_names_and_values_become_nobodys_account(agent, measured):
    key = KEY + " c"
    line = "x\nevil:x:0:0::/:/bin/sh"
    agent.tell(
        {
            "ssh_genkeytypes": QUICK,
            "hostname": "a\nb; reboot",
            "fqdn": "$(touch /tmp/tsagent-was-here).example",
            "groups": HOSTILE + [{"good": ["a\nb", "ada"]}],
            "users": ["default", {"name": "ada"}]
            + [{"name": name} for name in HOSTILE]
            + [
                {"name": "gecos", "gecos": line},
                {"name": "shell", "shell": line},
                {"name": "homedir", "homedir": line},
                {"name": "group", "primary_group": line, "groups": HOSTILE},
                {"name": "uid", "uid": "0\nx"},
                {"name": "hash", "hashed_passwd": "x:0:0\nevil::0:0:::::", "lock_passwd": False},
                {"name": "sudo", "sudo": "ALL=(ALL) ALL\nDefaults x\nevil ALL=(ALL) NOPASSWD: ALL"},
                {"name": "keys", "ssh_authorized_keys": [key + '\ncommand="id" ' + key, "\0", "not a key"]},
            ],
            "chpasswd": {"list": "ada:pw\nevil::0:0\n-x:pw\n$(id):pw", "expire": False},
            "write_files": [{"path": "/srv/sibling", "content": "it is here", "owner": "a;b:c\nd"}],
            "growpart": {"devices": ["/; reboot"]},
            "runcmd": ["echo ran >> count"],
        }
    )  # fmt: skip
    result = measured()
    assert result.returncode in (1, 2)
    assert not os.path.exists("/tmp/tsagent-was-here")
    for name, fields in (("passwd", 7), ("shadow", 9), ("group", 4)):
        for row in (agent.root / "etc" / name).read_text(encoding="utf-8").splitlines():
            assert row.count(":") == fields - 1, row
            assert re.match(r"[a-z_][a-z0-9_-]*:", row) and not row.startswith("evil"), row
    rows = (agent.root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    assert [row.split(":")[0] for row in rows if row.split(":")[2] == "0"] == ["root"]
    assert "ada" in [row.split(":")[0] for row in rows]
    hostname = agent.root / "etc/hostname"
    assert not hostname.exists() or re.match(r"[A-Za-z0-9.-]+\n$", hostname.read_text(encoding="utf-8"))
    sudoers = agent.root / "etc/sudoers.d"
    for file in sudoers.iterdir() if sudoers.exists() else ():
        assert not any(
            row.startswith(("evil", "Defaults")) for row in file.read_text(encoding="utf-8").splitlines()
        )
    keys = agent.root / "home/keys/.ssh/authorized_keys"
    assert not keys.exists() or "command=" not in keys.read_text(encoding="utf-8")
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"
    assert {"commands", "ssh"} <= done(agent)
    for module in agent.status()["modules"]:
        assert "\n" not in module.get("reason", "") and not any(
            "\n" in text for text in module.get("warnings", [])
        )


# -- modules -----------------------------------------------------------------------------------------

HEAD = "from tsagent.changes import WriteFile\n"
GOOD = HEAD + "def plan(context):\n    yield WriteFile('/srv/sibling', 'it is here')\n"
CODE = {
    "imports": ("import no_such_module_at_all\n" + GOOD, "no_such_module_at_all"),
    "syntax": ("def plan(context):\n    yield yield (\n", "syntax.py:2"),
    "nul": ("\0" + GOOD, "nul.py"),
    "leaves": ("import sys\nsys.exit('SECRET-TEXT')\n" + GOOD, "SystemExit"),
    "empty_plan": ("x = 1\n", "has no plan"),
    "raises": (HEAD + "def plan(context):\n    raise KeyError('SECRET-' + 'TEXT')\n", "KeyError at"),
    "exits": ("def plan(context):\n    raise SystemExit(3)\n", "SystemExit at"),
    "recurses": ("def plan(context):\n    return plan(context)\n", "RecursionError at"),
    "garbage": ("def plan(context):\n    yield 'rm -rf /'\n", "yielded a str"),
    "number": ("def plan(context):\n    return 42\n", "TypeError at"),
    "half": (
        HEAD + "def plan(context):\n    yield WriteFile('/srv/half', 'x')\n    yield None\n",
        "NoneType",
    ),
    "types": (HEAD + "def plan(context):\n    yield WriteFile(17, {'a': object()}, mode='rw')\n", "bug"),
    "content": (HEAD + "def plan(context):\n    yield WriteFile('/srv/content', 17)\n", "bug"),
    "warns": (
        "def plan(context):\n    context.warn(['SECRET\\n', 1])\n    return context.nothing(None)\n",
        "SECRET",
    ),
}


def test_modules_with_bugs_fail_alone(agent, measured):
    """All in one boot: each is one line, and none keeps another from its work."""
    agent.tell({"ssh_genkeytypes": QUICK, "runcmd": ["echo ran >> count"]})
    for name, (code, _) in CODE.items():
        agent.drop_in(name, code)
    (agent.root / "etc/tsagent/modules/latin.py").write_bytes(b"x = '\xe9'\n")
    schema = agent.root / "etc/tsagent/schemas"
    (schema / "latin.json").write_text(
        (schema / "nul.json").read_text(encoding="utf-8").replace("nul", "latin")
    )
    agent.drop_in("good", GOOD)
    agent.drop_in("ring_one", GOOD, after=["ring_two"])
    agent.drop_in("ring_two", GOOD, after=["ring_one"])
    agent.drop_in("self", GOOD, after=["self"])
    agent.drop_in("orphan", GOOD, requires=["nobody"])
    agent.drop_in("needs_bad", GOOD, requires=["raises"])
    result = measured()
    assert result.returncode == 1
    states = {module["name"]: module for module in agent.status()["modules"]}
    for name, (_, words) in sorted(CODE.items()):
        module = states[name]
        if name == "warns":
            assert module["state"] == "nothing" and len(module["warnings"]) == 1
            continue
        assert module["state"] == "failed", module
        assert words in module["reason"] and name in module["reason"], module
        assert "\n" not in module["reason"] and "SECRET-TEXT" not in module["reason"]
        assert [change for change in module["changes"] if change["state"] == "applied"] == []
    assert states["latin"]["state"] == "failed" and "latin.py" in states["latin"]["reason"]
    assert states["good"]["state"] == "done"
    for name in ("ring_one", "ring_two"):
        assert states[name]["state"] == "skipped" and states[name]["code"] == "cycle"
        assert "ring_one -> ring_two -> ring_one" in states[name]["reason"]
    assert "self -> self" in states["self"]["reason"]
    assert "nobody" in states["orphan"]["reason"] and "raises" in states["needs_bad"]["reason"]
    assert {"ssh", "users", "commands", "kernel_parameters"} <= done(agent)
    assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n"
    assert not (agent.root / "srv/half").exists()
    assert "SECRET-TEXT" not in result.stdout + result.stderr
    for words in (["plan"], ["explain"], ["modules"], ["plan", "--only", "types"]):
        shown = agent(*words)
        assert shown.returncode in (0, 1), shown.stderr
        assert "Traceback" not in shown.stdout + shown.stderr and "SECRET-TEXT" not in shown.stdout
    debug = agent.run("--debug", "--only", "raises", "--again")
    assert 'raises.py", line 3' in debug.stdout + debug.stderr  # who asks gets to see where
    assert "SECRET-TEXT" not in debug.stdout + debug.stderr


def test_a_falsehood_that_is_written_otherwise_is_none_the_less_one(agent):
    """What is true where left out is not left out because `0` or "no" stands there."""
    etc = agent.root / "etc"
    (etc / "ssh").mkdir(exist_ok=True)
    (etc / "ssh/sshd_config").write_text("Include /etc/ssh/sshd_config.d/*.conf\n", encoding="utf-8")
    agent.tell(
        "#cloud-config\n"
        "ssh_pwauth: 0\n"
        "chpasswd: {expire: 0, users: [{name: root, password: abc, type: text}]}\n"
        'ntp: {enabled: "no"}\n'
        'resize_rootfs: "false"\n'
        "growpart: {mode: off}\n"
        "yum_repos: {some: {baseurl: http://repository.example/, enabled: 0}}\n"
        "ssh: {emit_keys_to_console: 0}\n"
    )
    shown = agent("plan").stdout
    for key in ("ssh_pwauth", "chpasswd/expire", "ntp/enabled", "resize_rootfs", "yum_repos/some/enabled"):
        assert "error: /%s: " % key in shown, shown
    for words in ("+enabled=0", "PasswordAuthentication no", "growpart and resize_rootfs are both off"):
        assert words in shown
    assert "show the host keys" not in shown
    modules = {
        module["name"]: module for module in json.loads(agent("plan", "--format", "json").stdout)["modules"]
    }
    assert modules["ntp"]["state"] == "nothing"
    agent.run("--only", "users")
    shadow = (etc / "shadow").read_text(encoding="utf-8").splitlines()
    (changed,) = [line.split(":")[2] for line in shadow if line.startswith("root:")]
    assert int(changed) > 0  # 0 would ask for a new password


def test_modules_that_are_refused(agent, measured):
    """Untrusted files and schemas that are none: reported, not run, and everything else is."""
    agent.tell(SIBLING)
    etc = agent.root / "etc/tsagent"
    bad = HEAD + "def plan(context):\n    yield WriteFile('/srv/bad', 'x')\n"
    wanted = {}

    def drop_in(name, words, schema=None, **declared):
        agent.drop_in(name, bad, **declared)
        if schema is not None:
            data = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
            (etc / "schemas" / (name + ".json")).write_bytes(data)
        wanted[name] = words

    stage = {"stage": "final", "keys": []}
    drop_in("writable", "writable by others")
    os.chmod(str(etc / "modules/writable.py"), 0o666)
    drop_in("grouped", "writable by others")
    os.chmod(str(etc / "modules/grouped.py"), 0o664)
    drop_in("owned", "belongs to uid 1234")
    os.chown(str(etc / "modules/owned.py"), 1234, 1234)
    drop_in("schema_owned", "belongs to uid 1234")
    os.chown(str(etc / "schemas/schema_owned.json"), 1234, 1234)
    drop_in("bare", "is missing")
    (etc / "schemas/bare.json").unlink()
    drop_in("not_json", "not_json.json:2:1: not JSON", b'{"title": "x",\n]')
    drop_in("not_utf8", "not JSON", b'{"title": "\xe9"}')
    drop_in("deep", "nested too deeply", b'{"properties": ' + b"[" * 100000)
    drop_in("no_words", "x-tsagent", {"title": "x"})
    drop_in("listed", "expected an object", ["x"])
    drop_in("stage", "stage", None, stage="tomorrow")
    drop_in("unknown_word", "'colour'", None, colour="red")
    drop_in("properties", "expected an object", {"x-tsagent": stage, "properties": ["a"]})
    drop_in("kind", "expected one of", {"x-tsagent": stage, "properties": {"a": {"type": "text"}}})
    drop_in("pattern", "regular expression", {"x-tsagent": stage, "properties": {"a": {"pattern": "("}}})
    drop_in("fetched", "$ref", {"x-tsagent": stage, "properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}})
    # An override that is refused leaves its place to the built-in.
    drop_in("hostname", "not JSON", b"{")
    result = measured()
    assert result.returncode == 2, result.stdout + result.stderr
    for name, words in sorted(wanted.items()):
        line = one_line(agent, "module %s refused" % name)
        assert words in line, line
    states = {module["name"]: module["state"] for module in agent.status()["modules"]}
    assert set(wanted) & set(states) == {"hostname"} and states["hostname"] in ("done", "nothing")
    assert not (agent.root / "srv/bad").exists()
    assert_sibling(agent)
    shown = agent("modules")
    assert shown.returncode == 0
    for name in wanted:
        assert shown.stdout.count("! module %s refused" % name) == 1


def test_a_directory_that_others_can_write_refuses_what_is_in_it(agent, measured):
    agent.tell(SIBLING)
    agent.drop_in("good", GOOD.replace("sibling", "bad"))
    os.chmod(str(agent.root / "etc/tsagent/modules"), 0o777)
    assert measured().returncode == 2
    assert "writable by others" in one_line(agent, "module good refused")
    assert not (agent.root / "srv/bad").exists()
    assert_sibling(agent)


def test_masks_are_no_problem(agent, measured):
    agent.tell(SIBLING)
    modules = agent.root / "etc/tsagent/modules"
    modules.mkdir(parents=True)
    (modules / "hostname.py").write_bytes(b"")
    (modules / "kernel_parameters.py").symlink_to("/dev/null")
    assert measured().returncode == 0
    names = {module["name"] for module in agent.status()["modules"]}
    assert "hostname" not in names and "kernel_parameters" not in names and "handoff" in names
    assert_sibling(agent)
    listed = json.loads(agent("modules", "--format", "json").stdout)
    assert listed["masked"] == ["hostname", "kernel_parameters"] and listed["problems"] == []


# -- the agent's own files ---------------------------------------------------------------------------

STATE = {
    "var/lib/tsagent/identity.json": 1,
    "var/lib/tsagent/instances/ins-test/snapshot.json": 1,
    "var/lib/tsagent/instances/ins-test/journal.jsonl": 1,
    "var/lib/tsagent/boot.jsonl": 1,
    "var/lib/tsagent/cache/modules.json": 0,
    "var/lib/tsagent/cache/config.json": 0,
    "run/tsagent/status.json": 0,
    "run/tsagent/instance.json": 0,
    "run/tsagent/instance-sensitive.json": 0,
    "run/tsagent/nothing-due": 0,
    "run/tsagent/lock": 0,
}
DAMAGE = {
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "zeros at the end": lambda data: data[: len(data) // 2] + bytes(len(data) // 2),
    "noise": lambda data: b"\xff\xfe\x00{]\n" * 100,
    "list": lambda data: b"[]\n",
    "object": lambda data: b"{}\n",
    "null": lambda data: b"null\n",
    "number": lambda data: b"17\n",
    "deep": lambda data: b"[" * 100000 + b"\n",
    "other types": lambda data: re.sub(rb'": ("[^"]*"|\d+|true|false|null)', b'": [1]', data),
}


@pytest.mark.parametrize("path", sorted(STATE))
def test_damaged_state_is_told_or_mended_and_never_a_first_boot(agent, measured, path):
    agent.tell({"ssh_genkeytypes": QUICK, "runcmd": ["echo ran >> count"], "hostname": "vm-1"})
    (agent.root / "etc/tsagent").mkdir()
    (agent.root / "etc/tsagent/agent.yaml").write_text("cloud_init: ignore\n")
    assert measured().returncode == 0
    key = (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    file = agent.root / path
    good = file.read_bytes()
    shapes = sorted(DAMAGE) if path.endswith(("json", "jsonl")) else ["noise"]
    if not STATE[path] and path.endswith("json"):
        shapes = ["half", "empty", "list", "deep", "other types"]
    if path.endswith("jsonl"):
        # A tail that is lost is what a power cut leaves; what it told is done again, as after one.
        shapes = [shape for shape in shapes if shape not in ("half", "zeros at the end")]
    for shape in shapes:
        file.write_bytes(DAMAGE[shape](good))
        # Half the runs as a user's, in this process's time the cheaper ones: any command must cope.
        for words in ("status", "modules", "query") if path.startswith("run/") else ():
            shown = agent(words)
            assert "Traceback" not in shown.stdout + shown.stderr, shown.stderr
        result = measured()
        if result.returncode == 0 and not STATE[path]:
            assert agent.status()["state"] == "done", shape
        elif result.returncode != 0:
            assert STATE[path], (shape, result.stderr)
            assert result.returncode == 1 and len(result.stderr.splitlines()) == 1, (shape, result.stderr)
            assert os.path.basename(path) in result.stderr and "clean" in result.stderr
            assert agent.status()["state"] == "error"
        assert (agent.root / "count").read_text(encoding="utf-8") == "ran\n", shape
        assert (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes() == key, shape
        file.write_bytes(good)
    assert measured().returncode == 0
    assert agent.status()["state"] == "done"


def test_damaged_configuration_is_reported_and_the_rest_holds(agent, measured):
    agent.tell(SIBLING)
    folder = agent.root / "etc/tsagent/agent.d"
    folder.mkdir(parents=True)
    files = {
        "01-good.yaml": b"modules: {disabled: [kernel_parameters]}\n",
        "02-list.yaml": b"- a\n",
        "03-broken.yaml": b"a: [\n",
        "04-bomb.yaml": alias_bomb(),
        "05-brackets.yaml": b"[" * 200000,
        "06-unknown.yaml": b"colour: red\n",
        "07-types.yaml": b"sources: imds\n",
        "08-defaults.yaml": b"defaults: {nobody: {a: 1}}\n",
        "09-latin.yaml": b"# caf\xe9\n",
        "10-empty.yaml": b"",
        "11-key.yaml": b"[1, 2]: x\n",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "12-directory.yaml").mkdir()
    assert measured().returncode == 2
    assert agent.module("kernel_parameters")["state"] == "disabled"
    for name in sorted(files)[1:]:
        if name not in ("08-defaults.yaml", "10-empty.yaml"):
            one_line(agent, name)
    one_line(agent, "nobody")
    assert_sibling(agent)
