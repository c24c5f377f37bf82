"""/etc/hosts in a real tree, read by the C library's own resolver; templates that cannot be filled in."""

import os
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.host_names import with_own_line
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

OWN = b"127.0.1.1 web.a web # this host, by manage_etc_hosts\n"


def plan(root, settings, family):
    host = Host(str(root), commands="skip")
    module = load_module(discover(host.root, use_cache=False).modules["etc_hosts"], host.root)
    facts = Facts.from_data({"os": {"family": family, "id": "x"}})
    return list(module.plan(Context("etc_hosts", settings, facts, host.root, host.hardware))), host


def apply(root, settings, family="el8"):
    """Apply what is planned; whether anything changed."""
    (change,), host = plan(root, settings, family)
    before = change.probe(host).state
    if before == DIFFERS:
        change.apply(host)
    (again,), host = plan(root, settings, family)
    assert again.probe(host).state == CONVERGED
    return before == DIFFERS


def read(root):
    return (root / "etc/hosts").read_text(encoding="utf-8")


def test_the_hosts_own_line_comes_beside_the_others(scratch_root):
    image = "# mine\n127.0.0.1 localhost localhost.localdomain\n10.0.0.9 db # 127.0.0.1\n"
    (scratch_root / "etc/hosts").write_text(image)
    settings = {"fqdn": "web.example.com", "manage_etc_hosts": "localhost"}
    assert apply(scratch_root, settings)
    lines = image.splitlines(True)
    own = "127.0.0.1 web.example.com web # this host, by manage_etc_hosts\n"
    assert read(scratch_root) == "".join(lines[:2] + [own] + lines[2:])
    inode = (scratch_root / "etc/hosts").stat().st_ino
    assert not apply(scratch_root, settings)
    assert (scratch_root / "etc/hosts").stat().st_ino == inode
    assert apply(scratch_root, dict(settings, fqdn="www.example.org"))
    assert read(scratch_root) == "".join(
        lines[:2] + [own.replace("web.example.com web", "www.example.org www")] + lines[2:]
    )


@pytest.mark.parametrize(
    "before, after",
    [
        (None, b"127.0.0.1 localhost\n" + OWN + b"::1 localhost\n"),
        (b"", OWN),
        (b"127.0.1.1\tweb.a alias web # mine\n", b"127.0.1.1\tweb.a alias web # mine\n"),
        (
            b"127.0.1.1 shop.local\n127.0.0.1 localhost",
            b"127.0.1.1 shop.local\n127.0.0.1 localhost\n" + OWN,
        ),
        (
            b"127.0.1.1 old # this host, by manage_etc_hosts\n127.0.1.1 web.a web\n",
            b"127.0.1.1 web.a web\n",
        ),
        (b"\xff odd\n", OWN + b"\xff odd\n"),
    ],
)
def test_lines_of_others_stay(before, after):
    assert with_own_line(before, "127.0.1.1", ["web.a", "web"]) == after
    assert with_own_line(after, "127.0.1.1", ["web.a", "web"]) == after


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
@pytest.mark.parametrize("family, address", [("el8", "127.0.0.1"), ("debian", "127.0.1.1")])
@pytest.mark.parametrize("manage", [True, "localhost"])
def test_the_c_library_finds_the_host(scratch_root, family, address, manage):
    apply(scratch_root, {"fqdn": "web.example.com", "manage_etc_hosts": manage}, family)
    script = "mount --bind %s /etc/hosts && getent ahostsv4 web && getent hosts localhost" % (
        scratch_root / "etc/hosts"
    )
    output = subprocess.check_output(["unshare", "--mount", "sh", "-c", script]).decode()
    found = [line.split() for line in output.splitlines()]
    assert found[0] == [address, "STREAM", "web.example.com"]
    assert found[-1][1] == "localhost"


@pytest.mark.parametrize(
    "text, words",
    [
        (b"127.0.0.1 $domain\n", "it names $domain"),
        (
            b"## template: jinja\n127.0.0.1 {{ fqdn }}\n::1 {{ domain }}\n",
            'line 3: the template uses "domain"',
        ),
        (b"## template: jinja\n{% if %}\n", "line 2: not a valid jinja template"),
        (b"## template: mako\nx\n", "a kind of template that is not known"),
        (b"\xff\xfe\n", "it is not UTF-8 text"),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_named(scratch_root, text, words):
    (scratch_root / "etc/cloud/templates").mkdir(parents=True)
    (scratch_root / "etc/cloud/templates/hosts.tmpl").write_bytes(text)
    with pytest.raises(AgentError) as caught:
        plan(scratch_root, {"hostname": "web", "manage_etc_hosts": True}, "el8")
    assert words in str(caught.value)
    assert "/etc/cloud/templates/hosts.tmpl" in str(caught.value)
