"""What answers are believed."""

import pytest

from tsagent.sources.imds import shapes

HTML = b"<!DOCTYPE html><html><body>ins-3g445roi</body></html>"


@pytest.mark.parametrize(
    "shape, body, value",
    [
        (shapes.token, b"ins-3g445roi", "ins-3g445roi"),
        (shapes.token, b"ins-3g445roi\n", "ins-3g445roi"),
        (shapes.token, b"", ""),
        (shapes.token, b"HCCPNV6s.96XLARGE2304-ne", "HCCPNV6s.96XLARGE2304-ne"),
        (shapes.token, b"cfac763a-7094-446b-a8a9-b995e638471a", "cfac763a-7094-446b-a8a9-b995e638471a"),
        (shapes.hostname, b"VM-0-17-tencentos", "VM-0-17-tencentos"),
        (shapes.line, "云服务器 1".encode(), "云服务器 1"),
        (shapes.ipv4, b"10.104.13.59", "10.104.13.59"),
        (shapes.netmask, b"255.255.192.0\r\n", "255.255.192.0"),
        (shapes.mac, b"52:54:00:BF:B3:51", "52:54:00:bf:b3:51"),
        (shapes.digits, b"123456789", "123456789"),
        (shapes.datetime, b"2018-08-18 12:05:33", "2018-08-18 12:05:33"),
        (shapes.listing, b"mac\nlocal-ipv4s/\nvpc-id\nlocal-ipv4s/\n", ["mac", "local-ipv4s/", "vpc-id"]),
        (shapes.listing, b"", []),
        (shapes.listing, b"52:54:00:BF:B3:51/", ["52:54:00:BF:B3:51/"]),
        (shapes.user_data, b"\x00\xff<html>", b"\x00\xff<html>"),
        (
            shapes.openssh_keys,
            b'# comment\nssh-rsa AAAAB3Nza a b\r\n\nfrom="10.0.0.1" ecdsa-sha2-nistp256 AAAAE2Vj x\n',
            ["ssh-rsa AAAAB3Nza a b", 'from="10.0.0.1" ecdsa-sha2-nistp256 AAAAE2Vj x'],
        ),
        (
            shapes.openssh_keys,
            b"sk-ssh-ed25519@openssh.com AAAAGnNr x",
            ["sk-ssh-ed25519@openssh.com AAAAGnNr x"],
        ),
    ],
)
def test_believed(shape, body, value):
    assert shape(body) == value


@pytest.mark.parametrize(
    "shape, body",
    [
        (shapes.token, HTML),
        (shapes.token, b"ins-1\nins-2"),
        (shapes.token, b"ins 1"),
        (shapes.token, b"../../etc"),
        (shapes.token, b".."),
        (shapes.token, b"ins-\x00"),
        (shapes.token, b"ins-\xff"),
        (shapes.token, b"x" * 129),
        (shapes.token, b"{}"),
        (shapes.token, "ins-é".encode()),
        (shapes.hostname, b"a b"),
        (shapes.hostname, b"-a"),
        (shapes.line, b"two\nlines"),
        (shapes.line, b"<b>"),
        (shapes.line, b"\x1b[31mred"),
        (shapes.line, "right\u202eleft".encode()),
        (shapes.ipv4, b"10.104.13"),
        (shapes.ipv4, b"10.104.13.256"),
        (shapes.ipv4, b"10.104.013.59"),
        (shapes.ipv4, b"::1"),
        (shapes.ipv4, "1\u0660.0.0.1".encode()),
        (shapes.netmask, b"255.0.255.0"),
        (shapes.mac, b"52:54:00:BF:B3"),
        (shapes.mac, b"52-54-00-BF-B3-51"),
        (shapes.digits, b"12a"),
        (shapes.datetime, b"tomorrow"),
        (shapes.listing, HTML),
        (shapes.listing, b"ok\n../up"),
        (shapes.listing, b".."),
        (shapes.listing, b"two words"),
        (shapes.listing, b"a/b/"),
        (shapes.listing, b"\n".join(b"n%d" % n for n in range(2000))),
        (shapes.user_data, HTML),
        (shapes.user_data, b"  \n<HTML>"),
        (shapes.openssh_keys, b"not a key"),
        (shapes.openssh_keys, HTML),
    ],
)
def test_not_believed(shape, body):
    with pytest.raises(ValueError) as caught:
        shape(body)
    # The answer may be a secret: words about it never quote it.
    assert body.decode("utf-8", "replace")[:12] not in str(caught.value)


@pytest.mark.parametrize(
    "mask, prefix", [("255.255.192.0", 18), ("255.255.255.255", 32), ("0.0.0.0", 0), ("0.255.0.0", None)]
)
def test_prefix(mask, prefix):
    assert shapes.prefix_of(mask) == prefix


def test_key_id():
    assert [shapes.key_id(name) for name in ("skey-1/", "skey-1", "0=my-key")] == ["skey-1", "skey-1", "0"]
