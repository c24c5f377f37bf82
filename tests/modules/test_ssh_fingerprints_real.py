"""Fingerprints beside those of the real ssh-keygen, and what a console shows of them."""

import os
import subprocess

import pytest

from tsagent.changes.base import DIFFERS
from tsagent.changes.console import ShowOnConsole
from tsagent.changes.ssh_fingerprint import DIGESTS, fingerprint, key_bits, kind_name
from tsagent.changes.ssh_text import parse_public_key
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A public key file of each type and size."""
    top = tmp_path_factory.mktemp("keys")
    found = {}
    for kind, bits in (("rsa", 2048), ("rsa", 3072), ("ecdsa", 256), ("ecdsa", 521), ("ed25519", 256)):
        path = top / ("%s%d" % (kind, bits))
        argv = ["ssh-keygen", "-q", "-N", "", "-C", "me@here", "-t", kind, "-b", str(bits), "-f", str(path)]
        subprocess.check_call(argv)
        found[path.name] = "%s.pub" % path
    return found


@pytest.mark.parametrize("name", ["rsa2048", "rsa3072", "ecdsa256", "ecdsa521", "ed25519256"])
def test_fingerprints_are_those_of_ssh_keygen(keys, name):
    with open(keys[name], encoding="ascii") as stream:
        key = parse_public_key(stream.read())
    for digest in DIGESTS:
        said = subprocess.check_output(["ssh-keygen", "-l", "-E", digest, "-f", keys[name]]).decode().strip()
        ours = (key_bits(key.data()), fingerprint(key.data(), digest), kind_name(key.kind))
        assert said == "%d %s me@here (%s)" % ours


def test_a_key_that_is_cut_short_has_no_length():
    assert key_bits(b"\0\0\0\x07ssh-rsa\0\0\0\x01\x03\0\0\xff\xff") == 0
    assert key_bits(b"") == 0
    with pytest.raises(ValueError):
        fingerprint(b"", "crc32")


def show(root, settings):
    host = Host(str(root))
    module = load_module(discover(host.root, use_cache=False).modules["ssh_fingerprints"], host.root)
    changes = list(
        module.plan(Context("ssh_fingerprints", settings, Facts.from_data({}), host.root, host.hardware))
    )
    for change in changes:
        assert change.needs_live and change.probe(host).state == DIFFERS
        change.apply(host)
    return changes


def test_the_console_shows_the_host_keys_as_programs_look_for_them(keys, scratch_root):
    (scratch_root / "etc/ssh").mkdir()
    (scratch_root / "dev").mkdir()
    console = scratch_root / "dev/console"
    console.write_bytes(b"login: ")
    wanted = []
    for kind, name in (("ecdsa", "ecdsa256"), ("ed25519", "ed25519256"), ("rsa", "rsa2048")):
        with open(keys[name], encoding="ascii") as stream:
            line = stream.read()
        (scratch_root / ("etc/ssh/ssh_host_%s_key.pub" % kind)).write_text(line)
        wanted.append(line.strip())
    show(scratch_root, {})
    shown = console.read_bytes().decode("ascii")
    assert shown.startswith("login: \r\n") and "\n" not in shown.replace("\r\n", "")
    lines = shown.split("\r\n")
    first, last = (lines.index("-----%s SSH HOST KEY KEYS-----" % word) for word in ("BEGIN", "END"))
    assert lines[first + 1 : last] == wanted
    first, last = (lines.index("-----%s SSH HOST KEY FINGERPRINTS-----" % word) for word in ("BEGIN", "END"))
    said = [
        subprocess.check_output(["ssh-keygen", "-lf", keys[n]]) for n in ("ecdsa256", "ed25519256", "rsa2048")
    ]
    assert lines[first + 1 : last] == [line.decode("ascii").strip() for line in said]
    log = scratch_root / "var/log/tsagent-output.log"
    assert wanted[0] in log.read_text(encoding="utf-8") and log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("console", ["none", "nobody reads it"])
def test_a_machine_without_a_console_is_no_failure(scratch_root, console):
    if console != "none":
        (scratch_root / "dev").mkdir()
        os.mkfifo(str(scratch_root / "dev/console"))
    host = Host(str(scratch_root))
    note = ShowOnConsole("hello", "a word").apply(host)
    assert note.startswith("in the log only: /dev/console: ")
    assert (scratch_root / "var/log/tsagent-output.log").read_text(encoding="utf-8") == "hello\n"
