"""Secrets that no schema can mark: within addresses and mount options."""

import pytest

from tsagent.changes.mounting import Mount
from tsagent.disks.fstab import Line, merge, parse
from tsagent.host import CommandResult, Host
from tsagent.userdata.secrets import mask, secret_values


@pytest.mark.parametrize(
    "text, secrets",
    [
        ("https://user:pass-word@host/path", {"pass-word"}),
        ("deb http://u:one1@a/x main\ndeb http://u:two2@b/y main", {"one1", "two2"}),
        ("https://a-token-of-many-letters@host/r.git", {"a-token-of-many-letters"}),
        ("http://user:with@sign@host", {"with@sign"}),
        ("user=u,password=pass word,uid=1", {"pass word"}),
        ("pass=abcd", {"abcd"}),
        ("ssh://git@host/path", set()),
        ("https://host/a@b:c", set()),
        ("https://host?to=a:b@c", set()),
        ("http://u:abc@host", set()),  # so short that it stands anywhere
        ("echo password=$X", set()),
        ("nobody@host: a text", set()),
    ],
)
def test_secrets_are_found_within_a_text(text, secrets):
    config = {"key": [{"of": text}]}
    assert secret_values(config, []) == secrets
    shown = mask(config, [])["key"][0]["of"]
    assert not any(secret in shown for secret in secrets)
    assert secrets or shown == text


class Recorder(Host):
    def run(self, argv, stdin=None, env=None, timeout=None, killable=True):
        self.called = (argv, env)
        return CommandResult(argv, 0, b"", 0.0, False, 1)


def test_the_password_of_a_mount_is_no_argument(tmp_path):
    host = Recorder(str(tmp_path))
    mount = Mount("-x", "/mnt", "cifs", "user=u,password=a secret,comment=cloudconfig")
    mount.apply(host)
    assert host.called == (
        ["mount", "-t", "cifs", "-o", "user=u", "--", "-x", "/mnt"],
        {"PASSWD": "a secret"},
    )
    assert "secret" not in str(mount.payload()) + mount.describe()
    mount = Mount("tmpfs", "/mnt", "tmpfs", "comment=cloudconfig")
    mount.apply(host)
    assert host.called == (["mount", "-t", "tmpfs", "-o", "defaults", "--", "tmpfs", "/mnt"], {})


@pytest.mark.parametrize("options, secret", [("user=u,pass=x", True), ("passthrough,mode=1", False)])
def test_a_line_with_a_password_is_known(options, secret):
    assert Line(["//s/d", "/mnt", "cifs", options, "0", "0"]).secret is secret


@pytest.mark.parametrize("blank", ["\u00a0", "\u2028", "\r", "\x0b", " ", "\t", "\n"])
def test_a_line_with_an_odd_blank_is_one_line_and_found_again(blank):
    line = Line(["tmpfs", "/a%sb" % blank, "tmpfs", "x%sy,comment=cloudconfig" % blank, "0", "0"])
    once = merge(b"# by hand\n", [line])
    (seen,) = parse(once)
    assert seen.fields == line.fields and seen.marked
    assert merge(once, [line]) == once
