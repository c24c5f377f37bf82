"""Public keys out of their armor, and by what they are called."""

import pytest

from tsagent.changes.apt import key_server_urls
from tsagent.changes.openpgp import NoKey, key_id, packets, public_keys, with_id

ARMORED = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----
Comment: made for this test

mDMEawegQhYJKwYBBAHaRw8BAQdA92FkbjncHDPGw/jP1TSyP+bCzgi4J8UywTa2
qG8MauW0BHRlc3SIkAQTFggAOBYhBOj3k2Ton72lSscz3OopXMHKy00gBQJrB6BC
AhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEOopXMHKy00gsPYBALysaDoN
Zgb8Xxz35WVR+RByPY/wMnxCIXPZJAGO9fTAAP9JTVYkMoIB3uX3swu7Hzb8FgAO
cMwLm9d9VZxx1J/LCQ==
=rKQc
-----END PGP PUBLIC KEY BLOCK-----
"""
FINGERPRINT = "E8F79364E89FBDA54AC733DCEA295CC1CACB4D20"
FRAME = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%s\n-----END PGP PUBLIC KEY BLOCK-----\n"


def test_a_key_and_its_names():
    data = public_keys("some words\n" + ARMORED)
    assert [tag for tag, _, _, _ in packets(data)] == [6, 13, 2]
    for name in (FINGERPRINT, "EA295CC1CACB4D20", "CACB4D20"):
        assert with_id(data, name) == data
    assert with_id(data, "0" * 40) == b""
    assert public_keys(data) == data
    assert public_keys(ARMORED.encode("ascii")) == data
    assert public_keys(ARMORED.replace("\n", "\r\n").replace("=rKQc\r\n", "")) == data
    assert with_id(public_keys(ARMORED + ARMORED), FINGERPRINT) == data + data


def test_of_several_keys_the_one_that_is_asked_for():
    data = public_keys(ARMORED)
    other = data.replace(b"\x40\xf7", b"\x40\xf8", 1)
    assert with_id(other + data, FINGERPRINT) == data
    assert with_id(data + other, FINGERPRINT) == data


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "it has no BEGIN"),
        (ARMORED.replace("PUBLIC", "PRIVATE"), "a private key"),
        (ARMORED[:300], "END PGP PUBLIC KEY BLOCK is missing"),
        (ARMORED.replace("AhsDBQ", "AhsDBR"), "its checksum is another"),
        (ARMORED.replace("AhsDBQ", "!hsDBQ"), "no base64"),
        (FRAME % "QUJD", "no whole key"),
        (FRAME % "", "no public key"),
        (FRAME % "mDMEawegQhYJ", "cut off"),
        (FRAME % "lDMEawegQhYJKwYBBAHaRw8BAQdA92FkbjncHDPGw/jP1TSyP+bCzgi4J8UywTa2qG8MauU=", "private key"),
        (b"\x98", "no whole key"),
        (b"\xff\xfe", "no whole key"),
        ("x" * (5 << 20), "too long"),
    ],
)
def test_what_is_no_key(text, words):
    with pytest.raises(NoKey, match=words) as caught:
        public_keys(text)
    assert "hsDB" not in str(caught.value)


def test_ids():
    assert key_id(" 0xe8f7 9364 e89f bda5 4ac7  33dc ea29 5cc1 cacb 4d20 ") == FINGERPRINT
    for text in ("", "12", "keyid", "0x123456789", "../../etc/pass"):
        with pytest.raises(NoKey):
            key_id(text)


@pytest.mark.parametrize(
    "server, places",
    [
        (
            "keys.example.com",
            ["https://keys.example.com", "http://keys.example.com:11371", "http://keys.example.com"],
        ),
        ("keys.example.com:80", ["https://keys.example.com:80", "http://keys.example.com:80"]),
        ("hkp://keys.example.com/", ["http://keys.example.com:11371", "http://keys.example.com"]),
        ("hkp://[::1]:8080", ["http://[::1]:8080"]),
        ("hkps://keys.example.com", ["https://keys.example.com"]),
        ("http://keys.example.com:8", ["http://keys.example.com:8"]),
        ("ldap://keys.example.com", []),
        ("two words", []),
    ],
)
def test_where_a_key_server_is_asked(server, places):
    query = "/pks/lookup?op=get&options=mr&search=0xCACB4D20"
    assert key_server_urls(server, "CACB4D20") == [place + query for place in places]
