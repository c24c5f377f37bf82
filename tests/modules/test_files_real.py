"""write_files for real: every encoding into a scratch root, owners, modes, additions and bad entries."""

import base64
import gzip
import json
import os
import stat
import subprocess
import sys
import zlib

import jsonschema
import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.file_entries import ENCODINGS, decode, permissions, plan_entries
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

TEXTS = [b"foobzr\n", b"ab\xaadef \x00 binary", b"", "h\u00e9llo\n".encode("utf-8")]


def plan(name, host, entries):
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules[name], tree)
    context = Context(name, {"write_files": entries}, Facts.from_data({}), host.root, host.hardware)
    return list(module.plan(context) or [])


def apply_all(host, changes):
    """Error codes in the order of the changes, None for what succeeded."""
    codes = []
    for change in changes:
        try:
            change.apply(host)
            codes.append(None)
        except AgentError as error:
            codes.append(error.code)
    return codes


def encoded(data, encoding):
    if "gz" in encoding:
        data = gzip.compress(data)
    if "64" in encoding:
        data = base64.b64encode(data)
    return data


@pytest.fixture
def host(scratch_root):
    return Host(str(scratch_root))


def test_every_encoding(host):
    """As YAML !!binary (bytes) and, where it is text, as a string; broken into lines too."""
    entries, wanted = [], {}
    for encoding in ENCODINGS:
        for number, data in enumerate(TEXTS):
            content = encoded(data, encoding)
            forms = [content]
            if "64" in encoding:
                forms += [content.decode("ascii"), "  " + "\n ".join(content.decode("ascii")) + "\n"]
            for form, value in enumerate(forms):
                path = "/out/%s/%d-%d" % (encoding, number, form)
                spelling = encoding.upper() if form == 1 else encoding
                entries.append({"path": path, "content": value, "encoding": spelling})
                wanted[path] = data
    changes = plan("files", host, entries)
    assert apply_all(host, changes) == [None] * len(wanted)
    assert {path: host.root.read(path) for path in wanted} == wanted
    assert {change.probe(host).state for change in changes} == {CONVERGED}


def test_members_padding_and_damage_of_gzip():
    two = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decode(two + b"\0" * 100, "gz") == b"one two"
    for damaged in (two[:-3], two[:30], two + b"rest", b"\x1f\x8b", two[:20] + b"\xff\xff" + two[22:]):
        with pytest.raises(AgentError) as caught:
            decode(damaged, "gz")
        assert caught.value.code == "bad-content"


# VmHWM and not ru_maxrss: a process takes its parent's along until it has a program of its own.
BOMB = """
import sys, zlib
sys.path.insert(0, sys.argv[1])
from tsagent.changes.file_entries import plan_entries
stream = zlib.compressobj(9, zlib.DEFLATED, 31)
bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(1024)) + stream.flush()
entries = [{"path": "/%d" % n, "content": bomb, "encoding": "gz"} for n in range(20)]
entries.append({"path": "/good", "content": "x"})
changes = list(plan_entries(entries, False, print))
print([change.type for change in changes][:2], len(changes), changes[1].code)
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")][0])
"""


def test_twenty_gigabytes_of_zeros(checkout):
    out = subprocess.check_output([sys.executable, "-c", BOMB, checkout]).decode().splitlines()
    assert out[0] == "['write_file', 'unusable_entry'] 21 content-too-large"
    assert int(out[1]) < 200 << 10  # KiB


def test_the_limit_is_on_all_files_together():
    entries = [{"path": "/%d" % n, "content": "x" * 40} for n in range(4)]
    changes = list(plan_entries(entries, False, print, total=100))
    assert [change.type for change in changes] == [
        "write_file",
        "write_file",
        "unusable_entry",
        "unusable_entry",
    ]
    assert [change.type for change in plan_entries([{"path": "/", "content": ""}], False, print)] == [
        "unusable_entry"
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="giving files away needs root")
def test_owners_modes_and_parents(host):
    (passwd, group) = (host.root.read("/etc/passwd"), host.root.read("/etc/group"))
    host.root.write_atomic("/etc/passwd", passwd + b"app:x:1234:1235::/home/app:/bin/sh\n")
    host.root.write_atomic("/etc/group", group + b"app:x:1235:\n")
    os.umask(0o022)
    changes = plan(
        "files",
        host,
        [
            {"path": "/new/deep/a", "owner": "app:app", "permissions": "4750"},
            {"path": "/new/b", "owner": "nobody-here:app", "content": "x"},
            {"path": "/new/c", "owner": "app:no-such-group"},
            {"path": "/new/d", "owner": "77:88", "permissions": "0400"},
        ],
    )
    assert apply_all(host, changes) == [None, "no-such-user", "no-such-group", None]
    seen = os.stat(host.root.root + "/new/deep/a")
    assert (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (1234, 1235, 0o4750)
    for parent in ("/new", "/new/deep"):
        seen = os.stat(host.root.root + parent)
        assert (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (1234, 1235, 0o755)
    seen = os.stat(host.root.root + "/new/d")
    assert (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (77, 88, 0o400)
    assert sorted(os.listdir(host.root.root + "/new")) == ["d", "deep"]


def test_an_addition_is_made_once_across_a_crash(host):
    host.root.write_atomic("/etc/crontab", b"# table\n", 0o640)
    entries = [
        {"path": "/etc/crontab", "content": "one\n", "append": True},
        {"path": "/etc/crontab", "content": "two\n", "append": True},
    ]
    (change,) = plan("files", host, entries)
    before = change.before(host)
    assert change.probe_resumed(host, before).state == DIFFERS
    change.apply(host)
    (again,) = plan("files", host, entries)  # the agent died before its journal said done
    assert again.probe_resumed(host, before).state == CONVERGED
    assert host.root.read("/etc/crontab") == b"# table\none\ntwo\n"
    assert stat.S_IMODE(host.root.stat("/etc/crontab").st_mode) == 0o640


def test_paths_stay_in_the_root(host, tmp_path):
    host.root.symlink("/../../outside", "/link")
    entries = [
        {"path": "/../../../up", "content": "x"},
        {"path": "/link/in", "content": "x"},
        {"path": "relative", "content": "x"},
        {"path": "/etc", "content": "not over a directory"},
    ]
    changes = plan("files", host, entries)
    for change in changes[:3]:
        change.apply(host)
    with pytest.raises(OSError):
        changes[3].apply(host)
    for path in ("/up", "/outside/in", "/relative"):
        assert host.root.read(path) == b"x"
    assert sorted(os.listdir(str(tmp_path))) == ["root"]


def test_deferred_files_are_written_by_their_own_module(host):
    entries = [{"path": "/now"}, {"path": "/later", "defer": "true"}, {"path": "/no", "defer": "off"}]
    assert [change.target for change in plan("files", host, entries)] == ["/now", "/no"]
    assert [change.target for change in plan("files_deferred", host, entries)] == ["/later"]


def test_content_is_nowhere_to_be_seen(host):
    canary = "canary-9c31"
    host.root.write_atomic("/etc/old", b"old\n")
    entries = [
        {"path": "/etc/old", "content": canary},
        {"path": "/etc/added", "content": canary, "append": True},
        {"path": "/etc/bad", "content": canary, "encoding": "b64"},
        {"path": "/etc/bad", "content": canary, "permissions": canary},
        {"path": "/etc/bad", "content": canary, "encoding": canary},
    ]
    for change in plan("files", host, entries):
        words = [change.describe(), json.dumps(change.payload()), str(change.target), change.reason]
        words += change.detail(host) + [change.probe(host).detail]
        try:
            change.apply(host)
        except AgentError as error:
            words.append(str(error))
        assert canary not in " ".join(words)


@pytest.mark.parametrize(
    "value, mode", [("644", 0o644), ("0o755", 0o755), (0o600, 0o600), (384.0, 0o600), (0, 0)]
)
def test_permissions(value, mode):
    assert permissions(value, "it", pytest.fail) == mode


@pytest.mark.parametrize("value", ["999", "rw", "", True, -1, "77777", [6], "0x1ff", "\u0666\u0664\u0664"])
def test_bad_permissions(value):
    with pytest.raises(AgentError, match="not an octal mode"):
        permissions(value, "it", pytest.fail)


def test_a_raw_deflate_stream_is_not_gzip():
    with pytest.raises(AgentError, match="not gzip"):
        decode(zlib.compress(b"x"), "gz")


@pytest.mark.parametrize(
    "config, valid",
    [
        ([{"path": "/a"}], True),
        ([{"path": "/a", "content": "x", "encoding": "gz+b64", "owner": "a:b", "permissions": "0644"}], True),
        ([{"path": "/a", "append": False, "defer": True, "encoding": "text/plain"}], True),
        ([{"path": "/a", "source": {"uri": "http://x/", "headers": {"A": "b"}}}], True),
        (1, False),
        ([], False),
        ([{}], False),
        ([{"path": "/a", "bogus": True}], False),
        ([{"path": "/a", "encoding": "g"}], False),
        ([{"path": "/a", "permissions": 420}], False),
        ([{"path": "/a", "append": "yes"}], False),
        ([{"path": "/a", "source": {"headers": {}}}], False),
        ([{"path": "/a", "source": {"uri": "http://x/", "headers": {"A": 1}}}], False),
    ],
)
def test_schema(config, valid, checkout):
    with open(checkout + "/schemas/files.json", encoding="utf-8") as stream:
        schema = json.load(stream)
    assert jsonschema.Draft4Validator(schema).is_valid({"write_files": config}) is valid
