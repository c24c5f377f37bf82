"""URLs: taken apart, made fit for the wire, and shown without what may be secret in them."""

from tsagent.web.problem import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional

PORTS = {"http": 80, "https": 443}
MAX_URL = 8192  # characters
_SHOWN = 150  # characters
# What stands in a URL as it is; the rest goes as %XX, and what is so already stays.
_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~-._"


class Target:
    """Where one request goes: `scheme`, `host` (ASCII), `port`, `path` with its query."""

    __slots__ = ("credentials", "host", "path", "port", "scheme", "shown")

    def __init__(
        self, scheme: str, host: str, port: int, path: str, credentials: "Optional[str]", shown: str
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.credentials = credentials  # the value of an Authorization header
        self.shown = shown

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else "%s:%d" % (host, self.port)

    def same_origin(self, other: "Target") -> bool:
        """Whether secrets for the one may be told to the other."""
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)


def public(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment."""
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        scheme, rest = "", url
    for mark in "?#":
        rest = rest.partition(mark)[0]
    if slashes:
        host, slash, path = rest.partition("/")
        rest = host.rpartition("@")[2] + slash + path
    text = scheme + slashes + rest
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def target(url: str, base: "Optional[Target]" = None) -> Target:
    """The target of a URL; with `base`, of a redirect from there, which may be relative.

    Raises Failure.
    """
    from urllib.parse import unquote, urljoin, urlsplit

    shown = public(url)
    try:
        if len(url) > MAX_URL or any(ord(letter) < 33 or ord(letter) == 127 for letter in url):
            raise ValueError(url)
        if base is not None:
            url = urljoin("%s://%s%s" % (base.scheme, base.authority, base.path), url)
            shown = public(url)
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme not in PORTS:
            if base is not None:
                raise Failure("web-refused", "a redirect to something other than http and https")
            raise Failure("web-url", "expected a URL of http:// or https://")
        host = _ascii(parts.hostname or "")
        port = parts.port
    except (ValueError, UnicodeError):
        raise Failure("web-url", "not a valid URL") from None
    if port == 0:
        raise Failure("web-url", "not a valid URL")
    credentials = None
    if parts.username is not None:
        credentials = basic(unquote(parts.username), unquote(parts.password or ""))
    path = _quoted(parts.path or "/") + ("?" + _quoted(parts.query) if parts.query else "")
    return Target(scheme, host, port or PORTS[scheme], path, credentials, shown)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    import binascii

    coded = binascii.b2a_base64(("%s:%s" % (user, password)).encode("utf-8"), newline=False)
    return "Basic " + coded.decode("ascii")


def _ascii(host: str) -> str:
    """A host as DNS has it. Raises ValueError or UnicodeError for what is none."""
    if not host or any(letter in host for letter in "%/\\ \"'<>"):
        raise ValueError(host)
    if ":" in host:
        import socket

        try:
            socket.inet_pton(socket.AF_INET6, host)
        except OSError:
            raise ValueError(host) from None
        return host
    return host.encode("idna").decode("ascii").lower()


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe=_AS_IT_IS)


def merged_headers(given: "Optional[Dict[str, str]]") -> "Dict[str, str]":
    """Headers of the caller's as text without line breaks. Raises Failure."""
    headers = {}
    for name, value in (given or {}).items():
        name, value = str(name), str(value)
        if not name or any(letter in ":\r\n \t" or ord(letter) > 126 for letter in name):
            raise Failure("web-url", "a header whose name is none")
        if any(letter in value for letter in "\r\n\0"):
            raise Failure("web-url", 'the header "%s" has a line break in its value' % name[:60])
        headers[name] = value
    return headers
