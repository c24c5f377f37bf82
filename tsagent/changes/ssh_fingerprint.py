"""Fingerprints of public keys, as ssh-keygen shows them, without starting it.

Source: ssh-keygen(1), `-l` and `-E`; RFC 4253, section 6.6, and RFC 5656, section 3.1, for the blobs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512")  # what ssh-keygen -E takes


def fingerprint(blob: bytes, digest: str = "sha256") -> str:
    """`SHA256:` and the digest in base64, or `MD5:` and it in pairs of hexadecimal digits.

    Raises ValueError for a digest that is not one of DIGESTS, or that this machine refuses.
    """
    import binascii

    if digest not in DIGESTS:
        raise ValueError(digest)
    if digest == "sha256":
        from tsagent.digests import sha256

        raw = sha256(blob).digest()
    else:
        import hashlib

        raw = hashlib.new(digest, blob).digest()
    if digest == "md5":
        return "MD5:" + ":".join("%02x" % byte for byte in raw)
    text = binascii.b2a_base64(raw).decode("ascii")
    return "%s:%s" % (digest.upper(), text.rstrip("=\n"))


def key_bits(blob: bytes) -> int:
    """The length of a key in bits, 0 where it cannot be told."""
    fields = _fields(blob)
    kind = fields[0].decode("ascii", "replace") if fields else ""
    if kind.startswith("ecdsa-sha2-nistp"):
        digits = kind[len("ecdsa-sha2-nistp") :]
        return int(digits) if digits.isdigit() else 0
    if kind == "ssh-ed25519":
        return 256
    place = {"ssh-rsa": 2, "ssh-dss": 1}.get(kind)
    if place is None or len(fields) <= place:
        return 0
    return int.from_bytes(fields[place], "big").bit_length()


def kind_name(kind: str) -> str:
    """A type of key as ssh-keygen calls it: `ssh-ed25519` is ED25519."""
    plain = kind.split("@")[0].replace("-cert-v01", "")
    if plain.startswith("ecdsa-"):
        return "ECDSA"
    return {"ssh-dss": "DSA"}.get(plain, plain.replace("ssh-", "").upper())


def _fields(blob: bytes) -> "List[bytes]":
    """The strings of a blob; each has its length before it."""
    found: "List[bytes]" = []
    rest: "Optional[bytes]" = blob
    while rest:
        size = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + size:
            break
        found.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return found
