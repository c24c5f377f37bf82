"""Host keys by the real ssh-keygen, and configurations the real sshd accepts."""

import os
import stat
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.ssh import KEY_TYPES, GenerateHostKey, InstallHostKey, host_key_path
from tsagent.changes.ssh_text import (
    merge_authorized_keys,
    parse_public_key,
    reads_drop_ins,
    set_sshd_option,
    sshd_option,
    with_options,
)
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: owners of host keys")


@pytest.fixture
def host(scratch_root):
    return Host(str(scratch_root))


def derived(host, path):
    """The public key that belongs to a private one."""
    output = subprocess.check_output(["ssh-keygen", "-y", "-P", "", "-f", host.root.root + path])
    return output.split()[:2]


def sshd_says(directory, config):
    """What sshd makes of a configuration: its effective values, by keyword."""
    path = os.path.join(str(directory), "sshd_config")
    key = os.path.join(str(directory), "hostkey")
    if not os.path.exists(key):
        subprocess.check_call(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", key])
    with open(path, "wb") as stream:
        stream.write(config)
    os.makedirs("/run/sshd", exist_ok=True)  # Debian's sshd wants it even for a test
    sshd = "/usr/sbin/sshd"
    subprocess.check_call([sshd, "-t", "-f", path, "-h", key])
    output = subprocess.check_output([sshd, "-T", "-f", path, "-h", key, "-C", "user=x,host=h,addr=10.0.0.1"])
    return dict(line.split(" ", 1) for line in output.decode("utf-8").splitlines() if " " in line)


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_new_host_key_replaces_the_images(host, kind):
    path = host_key_path(kind)
    host.root.write_atomic(path, b"the image's\n", 0o600)
    host.root.write_atomic(path + ".pub", b"the image's\n", 0o644)
    change = GenerateHostKey(kind)
    before = change.before(host)
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert host.root.read(path + ".pub").split()[:2] == derived(host, path)
    private, public = host.root.stat(path), host.root.stat(path + ".pub")
    assert (stat.S_IMODE(private.st_mode), private.st_uid, private.st_gid) == (0o600, 0, 0)
    assert stat.S_IMODE(public.st_mode) == 0o644
    assert sorted(host.root.listdir("/etc/ssh")) == sorted(
        [os.path.basename(path) + end for end in ("", ".pub")]
    )
    assert change.probe_resumed(host, before).state == CONVERGED
    assert change.probe_resumed(host, change.before(host)).state == DIFFERS


def test_the_distributions_group_may_read_the_key(host, scratch_root):
    with open(str(scratch_root / "etc/group"), "a") as stream:
        stream.write("ssh_keys:x:996:\n")
    GenerateHostKey("ed25519").apply(host)
    status = host.root.stat(host_key_path("ed25519"))
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 996)


def test_a_key_that_is_there_stays_where_only_missing_ones_are_made(host):
    path = host_key_path("ed25519")
    GenerateHostKey("ed25519").apply(host)
    key = host.root.read(path)
    change = GenerateHostKey("ed25519", replace=False)
    assert change.probe(host).state == CONVERGED
    assert host.root.read(path) == key
    assert GenerateHostKey("rsa", replace=False).probe(host).state == DIFFERS


@pytest.mark.parametrize("cut", ["nothing renamed", "private renamed", "all renamed"])
def test_a_half_made_key_is_made_again(host, cut):
    path = host_key_path("ed25519")
    GenerateHostKey("ed25519").apply(host)
    change = GenerateHostKey("ed25519")
    before = change.before(host)
    make = subprocess.check_call
    temporary = host.root.root + change.temporary
    make(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", temporary])
    if cut != "nothing renamed":
        os.rename(temporary, host.root.root + path)
    if cut == "all renamed":
        os.rename(temporary + ".pub", host.root.root + path + ".pub")
    probe = change.probe_resumed(host, before)
    assert probe.state == (CONVERGED if cut == "all renamed" else DIFFERS)
    if probe.state == DIFFERS:
        change.heal(host, before)
        change.apply(host)
        assert change.probe_resumed(host, before).state == CONVERGED
    assert host.root.listdir("/etc/ssh") == [os.path.basename(path), os.path.basename(path) + ".pub"]
    assert host.root.read(path + ".pub").split()[:2] == derived(host, path)


def given(tmp_path, kind, passphrase=""):
    file = tmp_path / ("given-" + kind)
    subprocess.check_call(["ssh-keygen", "-q", "-N", passphrase, "-t", kind, "-f", str(file)])
    return file.read_text(encoding="utf-8"), (tmp_path / ("given-%s.pub" % kind)).read_text(encoding="utf-8")


def test_a_given_key_is_installed_and_recognised(host, tmp_path):
    private, public = given(tmp_path, "ecdsa")
    change = InstallHostKey("ecdsa", private.rstrip("\n").replace("\n", "\r\n"))
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    path = host_key_path("ecdsa")
    assert host.root.read(path).decode("ascii") == private
    assert host.root.read(path + ".pub").split()[:2] == public.encode("ascii").split()[:2]
    assert stat.S_IMODE(host.root.stat(path).st_mode) == 0o600
    InstallHostKey("ecdsa", private, public).apply(host)
    assert host.root.read(path + ".pub").decode("ascii") == public


def test_a_bad_given_key_leaves_the_old_one_and_is_not_quoted(host, tmp_path):
    GenerateHostKey("ed25519").apply(host)
    path = host_key_path("ed25519")
    old = host.root.read(path)
    other = given(tmp_path, "rsa")
    locked = given(tmp_path, "ed25519", "phrase")[0]
    (tmp_path / "more").mkdir()
    private = given(tmp_path / "more", "ed25519")[0]
    for change in (
        InstallHostKey("ed25519", "s3cret-canary"),
        InstallHostKey("ed25519", locked),
        InstallHostKey("ed25519", other[0]),
        InstallHostKey("ed25519", private, other[1]),
    ):
        with pytest.raises(AgentError) as caught:
            change.apply(host)
        assert caught.value.code == "bad-host-key"
        assert "canary" not in str(caught.value)
        assert host.root.read(path) == old
        assert host.root.listdir("/etc/ssh") == ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]


def test_a_bad_given_key_does_not_leave_a_server_without_any(host):
    """Without a host key no server starts. One that is made in its place is not made again."""
    change = InstallHostKey("ecdsa", "s3cret-canary")
    with pytest.raises(AgentError, match="a new one was made") as caught:
        change.apply(host)
    assert caught.value.code == "bad-host-key"
    path = host_key_path("ecdsa")
    assert host.root.read(path + ".pub").split()[:2] == derived(host, path)
    made = host.root.read(path)
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert "made" not in str(caught.value)
    assert host.root.read(path) == made


def test_no_line_names_a_certificate_that_was_not_written(host):
    """The certificate of a key that cannot be read is left out, and so is the server's line for it."""
    settings = {
        "ssh_keys": {"rsa_private": "unreadable", "rsa_certificate": "ssh-rsa-cert-v01@openssh.com A"}
    }
    module = load_module(discover(Host("/").root, use_cache=False).modules["ssh"], host.root)
    key, certificate, line = list(module.plan(Context("ssh", settings, None, host.root, host.root)))
    assert key in certificate.requires and certificate in line.requires


CONFIGS = [
    b"",
    b"PasswordAuthentication no",
    b"  passwordauthentication=no\n",
    b"#PasswordAuthentication no\nX11Forwarding no\nMatch User y\n  PasswordAuthentication no\n",
    b"PasswordAuthentication no\nPasswordAuthentication no\nMatch User y\nPasswordAuthentication no\n",
]


@pytest.mark.parametrize("config", CONFIGS)
def test_sshd_takes_the_option_that_is_set(config, tmp_path):
    for value in ("yes", "no"):
        edited = set_sshd_option(config, "PasswordAuthentication", value)
        assert sshd_says(tmp_path, edited)["passwordauthentication"] == value
        assert set_sshd_option(edited, "PasswordAuthentication", value) == edited
        if b"Match" in config:
            assert edited.split(b"Match", 1)[1] == config.split(b"Match", 1)[1]
    assert set_sshd_option(None, "PasswordAuthentication", "yes") is None


def test_options_are_read_as_sshd_reads_them():
    assert sshd_option(b"# x\nPort 22\nPort 23\n", "port") == "22"
    assert sshd_option(b"Match User x\nPort 23\n", "Port") is None
    assert sshd_option(None, "Port") is None
    assert reads_drop_ins(b"Include /etc/ssh/sshd_config.d/*.conf\nPort 1\n", "Port")
    assert not reads_drop_ins(b"Port 1\nInclude /etc/ssh/sshd_config.d/*.conf\n", "Port")
    assert not reads_drop_ins(b"Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n", "Port")


def test_key_lines_are_parsed_with_their_options(tmp_path):
    public = given(tmp_path, "ed25519")[1].strip()
    kind, blob, _comment = public.split(None, 2)
    line = 'command="echo \\"hi there\\"",no-pty %s %s a comment' % (kind, blob)
    key = parse_public_key(line)
    assert (key.options, key.kind, key.blob) == ('command="echo \\"hi there\\"",no-pty', kind, blob)
    assert key.comment == "a comment"
    assert with_options(line, "no-pty") == "no-pty %s %s a comment" % (kind, blob)
    for bad in (
        "",
        "# " + public,
        "ssh-rsa " + blob,
        kind,
        "%s %s" % (kind, blob[:-9] + "*"),
        "no key at all",
    ):
        assert parse_public_key(bad) is None
    assert merge_authorized_keys(b"\xff odd\n", [public]) == b"\xff odd\n" + public.encode("ascii") + b"\n"
    redirect = "command=\"echo 'Please login as the user x'\" %s %s" % (kind, blob)
    assert merge_authorized_keys(redirect.encode("ascii"), [public]).decode("ascii") == public + "\n"
