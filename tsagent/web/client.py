"""One call: redirects followed, failures tried again, all of it by one deadline."""

from tsagent.web.deadline import Deadline
from tsagent.web.problem import Failure, WebError
from tsagent.web.urls import merged_headers, public, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    from tsagent.web import Answer, Web
    from tsagent.web.urls import Target

PATIENCE = 15.0  # seconds without a byte: the try has stalled
MAX_REDIRECTS = 10
FIRST_WAIT = 0.5  # seconds: ceiling of the first wait between two tries
LONGEST_WAIT = 10.0  # seconds: ceiling of every later one
CLOCK_WAIT = 60.0  # seconds that a certificate of the future waits for the clock to be set
_CLOCK_STEP = 1.0  # seconds by which a clock jumps when it is set
_LAST_MOMENT = 0.05  # seconds: less is not worth another try
_FOLLOWED = (301, 302, 303, 307, 308)
_AS_A_GET = (301, 302, 303)

_HINTS = {"web-tls": "check the clock and the trusted certificates of this machine"}


class Call:
    """One `get` or `post` of the door."""

    def __init__(
        self,
        web: "Web",
        method: str,
        url: str,
        limit: int,
        deadline: float,
        headers: "Optional[Dict[str, str]]",
        retries: int,
        files: "Tuple[Optional[str], Optional[str], Optional[str]]",
        body: "Optional[bytes]" = None,
    ) -> None:
        self._web = web
        self._clock = web.clock
        self._method = method
        self._url = url.strip()
        self._limit = limit
        self._deadline = Deadline(web.clock, PATIENCE)
        self._budget = deadline
        self._given = headers
        self._retries = retries
        self._files = files
        self._body = body
        self._context: "Any" = None
        self._place = public(self._url)  # where the try in progress is

    def go(self) -> "Answer":
        """The answer. Raises WebError."""
        left = self._budget
        if self._web.until is not None:
            left = min(left, self._web.until - self._clock.monotonic())
        self._deadline.start(left)
        tried = 0
        clock_looked_at = False
        while True:
            tried += 1
            try:
                if self._url[:1] == "/" or self._url[:5].lower() == "file:":
                    return self._local()
                return self._follow()
            except Failure as fault:
                if fault.early and not clock_looked_at and not self._clock.synchronised():
                    clock_looked_at = True
                    self._wait_for_clock()
                    continue
                if not fault.retry or tried > self._retries or self._deadline.left() < _LAST_MOMENT:
                    raise self._error(fault, tried) from None
                self._pause(fault, tried)

    def _pause(self, fault: Failure, tried: int) -> None:
        """Full jitter, and what the server asks for; never past the deadline."""
        from tsagent.web.wire import MAX_RETRY_AFTER

        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tried - 1, 16)) * _random()
        if fault.wait is not None:
            wait = max(wait, min(fault.wait, MAX_RETRY_AFTER))
        self._clock.sleep(min(wait, self._deadline.left() * 0.9))

    def _wait_for_clock(self) -> None:
        """Until the clock was set, CLOCK_WAIT at most, and no more than half of the time that is left."""
        clock = self._clock
        end = clock.monotonic() + min(CLOCK_WAIT, self._deadline.left() / 2)
        before = clock.time() - clock.monotonic()
        while clock.monotonic() < end and not clock.synchronised():
            if abs(clock.time() - clock.monotonic() - before) >= _CLOCK_STEP:
                return  # set by hand, or by what does not tell the kernel
            clock.sleep(0.5)

    def _error(self, fault: Failure, tried: int) -> WebError:
        words = "%s %s: %s" % (self._method, public(self._url), fault.words)
        if self._place != public(self._url):
            words = "%s %s, at %s: %s" % (self._method, public(self._url), self._place, fault.words)
        if tried > 1:
            words += ", %d tries" % tried
        return WebError(words, fault.code, _HINTS.get(fault.code), fault.status)

    # -- one try ------------------------------------------------------------------------------

    def _follow(self) -> "Answer":
        """From the URL, by its redirects, to an answer. Raises Failure."""
        from tsagent.web import Answer
        from tsagent.web.proxies import proxy_for
        from tsagent.web.wire import exchange

        method, body = self._method, self._body
        first = where = self._target(self._url, None)
        for _ in range(MAX_REDIRECTS + 1):
            self._place = where.shown
            status, headers, content = exchange(
                method,
                where,
                self._headers(where, first, body),
                body,
                self._limit,
                self._deadline,
                proxy_for(where.scheme, where.host, self._web.proxy),
                self._tls() if where.scheme == "https" else None,
            )
            if status < 300:
                return Answer(status, headers, content, where.shown)
            if status not in _FOLLOWED:
                raise Failure("web-status", "the server answered status %d" % status, status=status)
            onward = self._target(headers["location"], where)
            if where.scheme == "https" and onward.scheme != "https":
                raise Failure("web-refused", "a redirect from https to http")
            if status in _AS_A_GET and method == "POST":
                method, body = "GET", None
            where = onward
        raise Failure("web-redirects", "more than %d redirects" % MAX_REDIRECTS)

    def _target(self, url: str, base: "Optional[Target]") -> "Target":
        if base is not None:
            # A header is read as Latin-1; what servers mean by more than ASCII is UTF-8.
            url = url.encode("latin-1", "replace").decode("utf-8", "replace").replace(" ", "%20")
        return target(url, base)

    def _headers(self, where: "Target", first: "Target", body: "Optional[bytes]") -> "Dict[str, str]":
        from tsagent import __version__

        headers = {
            "Host": where.authority,
            "User-Agent": "tsagent/" + __version__,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        given = merged_headers(self._given)
        same = where.same_origin(first)
        for name, value in given.items():
            lowered = name.lower()
            if lowered == "content-type" and body is None:
                continue
            # They may hold a secret for the host that was named; a redirect's host is another.
            if same or lowered in ("content-type", "accept", "user-agent"):
                for known in [known for known in headers if known.lower() == lowered]:
                    del headers[known]
                headers[name] = value
        credentials = where.credentials or (first.credentials if same else None)
        if credentials and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = credentials
        return headers

    def _tls(self) -> "Any":
        """The TLS context of this call: the system's certificates, and what the caller added."""
        if self._context is None:
            import ssl

            ca_file, cert_file, key_file = [
                self._web.root.host_path(path) if path else None for path in self._files
            ]
            try:
                context = ssl.create_default_context()
                # Python 3.13 refuses certificates for a formality that dnf, apt and curl do not ask for:
                # those of many a company's own authority.
                context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
                if ca_file is not None:
                    context.load_verify_locations(cafile=ca_file)
                if cert_file is not None:
                    # A key with a pass phrase would ask for it on the terminal.
                    context.load_cert_chain(cert_file, key_file, password=lambda: "")
            except (OSError, ValueError):  # ssl.SSLError is an OSError
                raise Failure("web-file", "the files of its TLS certificate cannot be used") from None
            self._context = context
        return self._context

    # -- files --------------------------------------------------------------------------------

    def _local(self) -> "Answer":
        """A regular file of the root. Raises Failure."""
        import errno
        import stat
        from urllib.parse import unquote, urlsplit

        from tsagent.errors import AgentError
        from tsagent.web import Answer

        if self._method != "GET":
            raise Failure("web-url", "expected a URL of http:// or https://")
        path = self._url
        if path[:1] != "/":
            try:
                parts = urlsplit(path)
            except ValueError:
                raise Failure("web-url", "not a valid URL") from None
            if parts.netloc.lower() not in ("", "localhost") or not parts.path.startswith("/"):
                raise Failure("web-url", "expected file:///PATH")
            path = unquote(parts.path, errors="surrogateescape")
        try:
            if not stat.S_ISREG(self._web.root.stat(path).st_mode):
                raise Failure("web-file", "not a regular file")
            body = self._web.root.read(path, self._limit)
        except AgentError:
            raise Failure("web-too-large", "a file of more than the %d bytes allowed" % self._limit) from None
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or "no such path"
            code = errno.ENOENT if isinstance(error, FileNotFoundError) else None
            raise Failure("web-file", "no such file" if code else str(words).lower()) from None
        return Answer(200, {}, body, public(self._url))


def encoded(form: "Any", json: "Any", data: "Optional[bytes]") -> "Tuple[Optional[str], bytes]":
    """(Content-Type, body) of what is posted."""
    if form is not None:
        from urllib.parse import urlencode

        return "application/x-www-form-urlencoded", urlencode(form).encode("ascii")
    if json is not None:
        from json import dumps

        return "application/json", dumps(json).encode("utf-8")
    return None, data or b""


def _random() -> float:
    """A number in [0, 1). From the system, so that machines booted from one image do not agree."""
    import os

    return int.from_bytes(os.urandom(4), "big") / 2.0**32
