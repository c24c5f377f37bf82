"""Certificates as people write them, and as a trust store wants them: one to a file, in PEM.

Source: RFC 7468 (the text form), X.690 (DER), RFC 5280, section 4.1 (what a certificate is made of).
"""

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

_SEQUENCE = 0x30
_BIT_STRING = 0x03
_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_BEGIN = "-----BEGIN "
_END = "-----END "
_DASHES = "-----"


class NoCertificate(ValueError):
    """What is wrong with a text that should hold certificates; it quotes nothing of it."""


def certificates(text: str) -> "List[bytes]":
    r"""The certificates in a text, in DER. Raises NoCertificate.

    Around them may be comments; line ends may have become blanks, as YAML's folding makes them, or be
    written as \\n. A text without armor is taken for the base64 of one certificate.
    """
    text = text.replace("\\n", "\n").replace("\r", "\n")
    found: "List[bytes]" = []
    blocks = _blocks(text)
    for label, body in blocks:
        if label in _LABELS:
            found.append(_der(body))
    if found:
        return found
    if any("PRIVATE KEY" in label for label, _ in blocks):
        raise NoCertificate("it is a private key")
    if blocks:
        raise NoCertificate("it holds no BEGIN CERTIFICATE")
    if not text.strip():
        raise NoCertificate("it is empty")
    if _BEGIN in text:
        raise NoCertificate("its END CERTIFICATE is missing")
    return [_der(text)]


def _blocks(text: str) -> "List[Tuple[str, str]]":
    """(label, body) of each armored block."""
    blocks: "List[Tuple[str, str]]" = []
    rest = text
    while True:
        _, mark, rest = rest.partition(_BEGIN)
        if not mark:
            return blocks
        label, mark, after = rest.partition(_DASHES)
        body, end, tail = after.partition(_END + label + _DASHES)
        if not mark or not end:
            continue
        blocks.append((label.strip(), body))
        rest = tail


def _der(body: str) -> bytes:
    words = "".join(body.split())
    try:
        data = binascii.a2b_base64(words.encode("ascii"))
    except ValueError:  # binascii.Error and UnicodeEncodeError are such
        raise NoCertificate("it is no base64") from None
    if binascii.b2a_base64(data, newline=False).decode("ascii") != words:
        raise NoCertificate("it is no base64")  # the decoder passes over what it does not know
    if not _is_certificate(data):
        raise NoCertificate("it is no whole certificate")
    return data


def _is_certificate(data: bytes) -> bool:
    """Whether DER has the outline of a certificate, to its last byte."""
    try:
        kind, start, end = _element(data, 0)
        if kind != _SEQUENCE or end != len(data):
            return False
        kinds = []
        while start < end:
            kind, _, start = _element(data, start)
            kinds.append(kind)
    except IndexError:
        return False
    return start == end and kinds == [_SEQUENCE, _SEQUENCE, _BIT_STRING]


def _element(data: bytes, start: int) -> "Tuple[int, int, int]":
    """(tag, where its content begins, where it ends). Raises IndexError."""
    kind, length = data[start], data[start + 1]
    start += 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise IndexError("a length of no certificate")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise IndexError("cut off")
    return kind, start, start + length


def armored(der: bytes) -> str:
    """A certificate in PEM."""
    words = binascii.b2a_base64(der, newline=False).decode("ascii")
    lines = [words[index : index + 64] for index in range(0, len(words), 64)]
    return "\n".join([_BEGIN + "CERTIFICATE" + _DASHES] + lines + [_END + "CERTIFICATE" + _DASHES]) + "\n"


def in_bundle(data: bytes) -> "List[bytes]":
    """The certificates of a bundle of the system's, in DER; what is none is passed over."""
    found: "List[bytes]" = []
    for label, body in _blocks(data.decode("utf-8", "replace")):
        if label in _LABELS:
            try:
                found.append(_der(body))
            except NoCertificate:
                continue
    return found
