"""What an answer of the metadata service must look like to be believed.

A proxy's error page with status 200, a truncated line or binary noise is no instance id. Each
function takes the body and returns the value, or raises ValueError with words that quote nothing of
it (an answer may be a password). Samples of the forms: Tencent Cloud, "Querying Instance Metadata".
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

MAX_NAMES = 1024  # entries of one listing

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
_HOSTNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?\Z")
_NAME = re.compile(r"[A-Za-z0-9._:@+=,~-]{1,255}/?\Z")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\Z")
_DIGITS = re.compile(r"[0-9]{1,20}\Z")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\Z")
_OCTET = re.compile(r"(0|[1-9][0-9]{0,2})\Z")
# An OpenSSH public key, options before it allowed: the base64 of every type begins with AAAA.
_KEY = re.compile(r"(.* )?(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]+ +AAAA[A-Za-z0-9+/=]+( .*)?\Z")
_MARKUP = re.compile(rb"\s*<(!doctype|html|head|\?xml)", re.IGNORECASE)


def line(body: bytes) -> str:
    """One line of printable text, without its line end; empty for an empty answer."""
    value = text(body).strip("\r\n")
    if "\n" in value or "\r" in value:
        raise ValueError("several lines instead of one value")
    if value.startswith("<"):
        raise ValueError("markup instead of a value")
    return value.strip()


def text(body: bytes) -> str:
    """Text without control characters other than line ends and tabs."""
    if markup(body):
        raise ValueError("an HTML page instead of a value")
    try:
        value = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("bytes that are no text") from None
    if any(not char.isprintable() and char not in "\t\r\n" for char in value):
        raise ValueError("control characters in a value")
    return value


def markup(body: bytes) -> bool:
    """Whether a body is an HTML or XML page, as portals and proxies send in the service's place."""
    return _MARKUP.match(body) is not None


def listing(body: bytes) -> "List[str]":
    """The names of a directory, in order, each once; a directory's name ends in `/`."""
    names = [name.strip() for name in text(body).splitlines() if name.strip()]
    if len(names) > MAX_NAMES:
        raise ValueError("a listing of more than %d names" % MAX_NAMES)
    for name in names:
        if not _NAME.match(name) or name.rstrip("/") in ("", ".", ".."):
            raise ValueError("a listing with something that is no name")
    return list(dict.fromkeys(names))


def _matching(pattern: "re.Pattern[str]", body: bytes, what: str) -> str:
    value = line(body)
    if not value:
        return ""
    if not pattern.match(value):
        raise ValueError("something that is no %s" % what)
    return value


def token(body: bytes) -> str:
    """An identifier (`ins-…`, `img-…`, a UUID), a region, a zone or an instance type."""
    return _matching(_TOKEN, body, "identifier")


def hostname(body: bytes) -> str:
    """A host name, short or fully qualified."""
    return _matching(_HOSTNAME, body, "host name")


def digits(body: bytes) -> str:
    """A number that is a name, such as an account's."""
    return _matching(_DIGITS, body, "number")


def datetime(body: bytes) -> str:
    """`YYYY-MM-DD hh:mm:ss`, in UTC+8 as the service gives it."""
    return _matching(_DATETIME, body, "time")


def mac(body: bytes) -> str:
    """A MAC address in lower case, as the kernel writes it; the service uses upper case."""
    return _matching(_MAC, body, "MAC address").lower()


def ipv4(body: bytes) -> str:
    """An IPv4 address, or nothing."""
    value = line(body)
    if value and not is_ipv4(value):
        raise ValueError("something that is no IPv4 address")
    return value


def netmask(body: bytes) -> str:
    """A dotted subnet mask."""
    value = ipv4(body)
    if value and prefix_of(value) is None:
        raise ValueError("something that is no subnet mask")
    return value


def openssh_keys(body: bytes) -> "List[str]":
    """OpenSSH public keys, one a line; empty lines and comments are passed over."""
    keys = []
    for entry in text(body).splitlines():
        key = entry.strip()
        if not key or key.startswith("#"):
            continue
        if not _KEY.match(key):
            raise ValueError("something that is no OpenSSH public key")
        keys.append(key)
    return keys


def user_data(body: bytes) -> bytes:
    """Raw bytes: anything but an HTML page, which no kind of user data begins with."""
    if markup(body):
        raise ValueError("an HTML page instead of user data")
    return body


def is_mac(value: str) -> bool:
    """Six pairs of hexadecimal digits with colons between them."""
    return _MAC.match(value) is not None


def is_ipv4(value: str) -> bool:
    """Four decimal octets without leading zeros (which some parsers read as octal)."""
    octets = value.split(".")
    return len(octets) == 4 and all(_OCTET.match(octet) and int(octet) < 256 for octet in octets)


def prefix_of(mask: str) -> "Optional[int]":
    """The prefix length of a dotted mask, None where its bits are not contiguous."""
    bits = "".join("{:08b}".format(int(octet)) for octet in mask.split("."))
    return len(bits.rstrip("0")) if "01" not in bits else None


def key_id(name: str) -> str:
    """The id in an entry of `public-keys/`: `ID/`, `ID`, or `0=NAME` as another cloud lists them."""
    return name.rstrip("/").split("=", 1)[0]
