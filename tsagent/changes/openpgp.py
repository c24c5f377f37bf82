"""Public keys of OpenPGP: out of their armor, and what they are called.

Source: RFC 9580 (OpenPGP) and RFC 4880, sections 4.2 (packets), 6 (armor), 12.2 (fingerprints).
Nothing is verified here; that is what apt does with the keys.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple, Union

    Packet = Tuple[int, int, int, int]

PUBLIC_KEY, PUBLIC_SUBKEY = 6, 14
_SECRET_KEYS = (5, 7)
_BLOCK = "PGP PUBLIC KEY BLOCK"
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_LIMIT = 4 << 20  # bytes


class NoKey(ValueError):
    """What is wrong with what should be a public key; it quotes nothing of it."""


def public_keys(text: "Union[str, bytes]") -> bytes:
    """The public keys of an armored text, or of binary data, in binary. Raises NoKey."""
    if len(text) > _LIMIT:
        raise NoKey("it is too long for a key")
    if isinstance(text, bytes):
        if text[:1] >= b"\x80":
            return _checked(text)
        text = text.decode("utf-8", "replace")
    blocks = _blocks(text.replace("\r", "\n"))
    if not blocks:
        if "PRIVATE KEY BLOCK" in text:
            raise NoKey("it is a private key")
        raise NoKey("it has no BEGIN %s" % _BLOCK)
    return _checked(b"".join(blocks))


def _blocks(text: str) -> "List[bytes]":
    found: "List[bytes]" = []
    rest = text
    while True:
        _, mark, rest = rest.partition("-----BEGIN %s-----" % _BLOCK)
        if not mark:
            return found
        body, mark, rest = rest.partition("-----END %s-----" % _BLOCK)
        if not mark:
            raise NoKey("its END %s is missing" % _BLOCK)
        found.append(_dearmored(body))


def _dearmored(body: str) -> bytes:
    import binascii

    lines = [line.strip() for line in body.splitlines()]
    words: "List[str]" = []
    checksum = ""
    for line in lines:
        if line[:1] == "=" and len(line) == 5:
            checksum = line[1:]
        elif line and set(line) <= _LETTERS:
            words.append(line)
        elif line and (words or ": " not in line):  # headers come before the data
            raise NoKey("it holds what is no base64")
    try:
        data = binascii.a2b_base64("".join(words))
        if checksum and binascii.a2b_base64(checksum) != _crc24(data).to_bytes(3, "big"):
            raise NoKey("it is damaged: its checksum is another")
    except binascii.Error:
        raise NoKey("it holds what is no base64") from None
    return data


def _crc24(data: bytes) -> int:
    value = 0xB704CE
    for octet in data:
        value ^= octet << 16
        for _ in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= 0x1864CFB
    return value


def _checked(data: bytes) -> bytes:
    tags = [tag for tag, _, _, _ in packets(data)]
    if any(tag in _SECRET_KEYS for tag in tags):
        raise NoKey("it is a private key")
    if tags[:1] != [PUBLIC_KEY]:
        raise NoKey("it holds no public key")
    return data


def packets(data: bytes) -> "Iterator[Packet]":
    """(tag, where it begins, where its body begins, where it ends) of each packet. Raises NoKey."""
    place = 0
    while place < len(data):
        begin = place
        try:
            head = data[place]
            if not head & 0x80:
                raise NoKey("it is no whole key")
            if head & 0x40:
                tag = head & 0x3F
                length, place = _new_length(data, place + 1)
            else:
                tag = (head >> 2) & 0x0F
                size = 1 << (head & 3)
                if size == 8 or place + 1 + size > len(data):
                    raise NoKey("it is no whole key")
                length = int.from_bytes(data[place + 1 : place + 1 + size], "big")
                place += 1 + size
        except IndexError:
            raise NoKey("it is no whole key") from None
        if place + length > len(data):
            raise NoKey("it is cut off")
        yield tag, begin, place, place + length
        place += length


def _new_length(data: bytes, place: int) -> "Tuple[int, int]":
    first = data[place]
    if first < 192:
        return first, place + 1
    if first < 224:
        return ((first - 192) << 8) + data[place + 1] + 192, place + 2
    if first == 255:
        return int.from_bytes(data[place + 1 : place + 5], "big"), place + 5
    raise NoKey("it is no whole key")  # partial lengths are for data, not for keys


def fingerprint(body: bytes) -> str:
    """The fingerprint of a public key's packet, in upper-case hexadecimal; empty for an old kind without."""
    import hashlib

    version = body[0] if body else 0
    if version == 4:
        # What the standard calls the key by; nothing is trusted for it.
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()  # noqa: S324
    if version in (5, 6):
        start = b"\x9a" if version == 5 else b"\x9b"
        return hashlib.sha256(start + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    return ""


def key_id(text: str) -> str:
    """A key's ID or fingerprint in upper-case hexadecimal without blanks. Raises NoKey."""
    word = "".join(text.split()).upper()
    if word.startswith("0X"):
        word = word[2:]
    if len(word) not in (8, 16, 40, 64) or set(word) - set("0123456789ABCDEF"):
        raise NoKey("it is no key ID: expected 8, 16, 40 or 64 hexadecimal digits")
    return word


def with_id(data: bytes, wanted: str) -> bytes:
    """Of the public keys in `data` those that are called `wanted`, as `key_id` gives it; empty for none.

    A key is called as itself or as one of its subkeys. The ID of a version 6 key is the beginning of its
    fingerprint, that of an older one the end.
    """
    kept: "List[bytes]" = []
    begin, named = 0, False
    for tag, place, body, end in packets(data):
        if tag == PUBLIC_KEY:
            if named:
                kept.append(data[begin:place])
            begin, named = place, False
        if tag in (PUBLIC_KEY, PUBLIC_SUBKEY):
            print_ = fingerprint(data[body:end])
            named = named or print_.endswith(wanted) or (len(print_) == 64 and print_.startswith(wanted))
    if named:
        kept.append(data[begin:])
    return b"".join(kept)
