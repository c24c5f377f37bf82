"""One GET on the wire, bounded in time and bytes, with nothing taken from the environment.

Requests go through requests' transport adapter directly rather than a Session: a Session would read
proxies and netrc from the environment, and even with redirects off it reads the whole body of a
redirecting answer into memory. The adapter does neither.
"""

import socket

from tsagent.web.deadline import Deadline, DeadlineSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.host.clock import Clock

CONNECT_LIMIT = 2.0  # seconds to connect, for each address of the host
REQUEST_LIMIT = 5.0  # seconds for a whole request: connecting, headers and body
MAX_ERROR_BODY = 65536  # bytes of an unwanted body read to keep the connection; more closes it
_CHUNK = 65536

UNREACHABLE = "unreachable"
TIMEOUT = "timeout"
BROKEN = "broken"


class Fault(Exception):
    """A request that brought no answer.

    `kind` is UNREACHABLE (no connection), TIMEOUT (the time limit passed) or BROKEN (cut short or
    no HTTP); `retry` is False where asking again cannot help. `words` holds nothing of the answer.
    """

    def __init__(self, kind: str, words: str, retry: bool = True) -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words
        self.retry = retry


class Answer:
    """A complete answer: status, `Retry-After` in seconds (None if none) and body."""

    __slots__ = ("body", "retry_after", "status")

    def __init__(self, status: int, body: bytes, retry_after: "Optional[float]") -> None:
        self.status = status
        self.body = body
        self.retry_after = retry_after


class Transport:
    """A kept-alive connection to one base URL. Not for use by several threads."""

    def __init__(
        self,
        base: str,
        clock: "Clock",
        request_limit: float = REQUEST_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
    ) -> None:
        from tsagent import __version__

        self.base = base
        self._request_limit = request_limit
        self._connect_limit = connect_limit
        self._deadline = Deadline(clock)
        self._adapter, self._errors = _adapter(self._deadline)
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
            "User-Agent": "tsagent/" + __version__,
        }

    def close(self) -> None:
        self._adapter.close()

    def get(self, path: str, limit: int, seconds: float) -> Answer:
        """GET `path`; at most `limit` bytes of body and `seconds` (less if the request limit is less).

        Raises Fault. Any status is an answer; judging it is the caller's part.
        """
        import requests

        budget = min(seconds, self._request_limit)
        self._deadline.start(budget)
        connect = min(budget, self._connect_limit)
        response = None
        try:
            request = requests.Request("GET", self.base + path, headers=self._headers).prepare()
            response = self._adapter.send(request, stream=True, timeout=(connect, budget), proxies={})
            answer = _read(response, limit, self._deadline)
            response.raw.release_conn()
            return answer
        except Fault:
            _abandon(response)
            raise
        except self._errors as error:
            _abandon(response)
            # The crawl's own deadline may leave a request less than its limit.
            words = "within" if budget == self._request_limit else "in the last"
            limit_words = "%s %.3g s" % (words, budget)
            raise _fault(error, limit_words, response is not None) from None


def _read(response: "Any", limit: int, deadline: Deadline) -> Answer:
    """The body, whole or refused. A body that is shorter than announced is no answer."""
    status = response.status_code
    headers = response.headers
    wanted = status == 200
    cap = limit if wanted else min(limit, MAX_ERROR_BODY)
    announced = headers.get("Content-Length")
    length = None
    if announced is not None and "Transfer-Encoding" not in headers:
        length = _whole(announced)
        if length is None:
            raise Fault(BROKEN, "an answer whose Content-Length is no number")
        if length > cap and wanted:
            raise _too_large(length, cap)
    if wanted and headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise Fault(BROKEN, "an answer in a content encoding that was not asked for")
    pieces = []
    size = 0
    while size <= cap:
        deadline.remaining()  # bytes that are already here must not outlive the deadline either
        piece = response.raw.read(min(_CHUNK, cap + 1 - size), decode_content=False)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    if size > cap:
        if wanted:
            raise _too_large(None, cap)
        response.raw.close()  # a long error page: the status is all we need
        return Answer(status, b"", _retry_after(headers))
    if length is not None and size < length:
        raise Fault(BROKEN, "an answer cut off after %d of %d bytes" % (size, length))
    return Answer(status, b"".join(pieces), _retry_after(headers))


def _too_large(length: "Optional[int]", cap: int) -> Fault:
    seen = "of %d bytes" % length if length is not None else "of unknown length"
    return Fault(BROKEN, "an answer %s, more than the %d allowed" % (seen, cap), retry=False)


def _retry_after(headers: "Any") -> "Optional[float]":
    """Seconds of a Retry-After header; its other form, a date, trusts a clock that may be wrong."""
    seconds = _whole(headers.get("Retry-After", "").strip())
    return None if seconds is None else float(seconds)


def _whole(value: str) -> "Optional[int]":
    """A number of ASCII digits, None for anything else (`str.isdigit` takes a superscript for one)."""
    return int(value) if len(value) < 19 and value.encode("utf-8", "replace").isdigit() else None


def _abandon(response: "Any") -> None:
    """Close the connection: what is left on it belongs to no later request."""
    if response is not None:
        response.raw.close()
        response.raw.release_conn()


def _fault(error: BaseException, limit_words: str, answered: bool) -> Fault:
    """What happened, in our words; a library's message may quote the answer."""
    causes = list(_causes(error))
    names = [type(cause).__name__ for cause in causes]
    if not answered and {"InvalidURL", "LocationParseError", "UnicodeError"} & set(names):
        return Fault(UNREACHABLE, "the address is no valid URL", retry=False)
    if "ConnectTimeoutError" in names or "ConnectTimeout" in names:
        return Fault(UNREACHABLE, "no connection: timed out")
    if any(name == "SSLError" or name == "SSLCertVerificationError" for name in names):
        return Fault(UNREACHABLE, "no connection: TLS could not be agreed on")
    if any("Timeout" in name or isinstance(cause, socket.timeout) for name, cause in zip(names, causes)):
        return Fault(TIMEOUT, "no complete answer " + limit_words)
    if "NewConnectionError" in names or "NameResolutionError" in names or "gaierror" in names:
        return Fault(UNREACHABLE, "no connection: %s" % _reason(causes))
    if answered:
        return Fault(BROKEN, "an answer cut off")
    if any(isinstance(cause, ConnectionError) for cause in causes):
        return Fault(BROKEN, "the connection was closed before an answer")
    return Fault(BROKEN, "an answer that is not HTTP")


def _causes(error: BaseException) -> "Any":
    """The error and all that it wraps, however the library wraps it."""
    pending = [error]
    seen: "List[BaseException]" = []
    while pending and len(seen) < 20:
        current = pending.pop(0)
        if any(current is other for other in seen):
            continue
        seen.append(current)
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None)]
        inner.extend(current.args)
        pending.extend(item for item in inner if isinstance(item, BaseException))


def _reason(causes: "Any") -> str:
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "the host name is unknown"
        if isinstance(cause, OSError) and cause.errno and cause.strerror:
            return str(cause.strerror).lower()
    # Some versions flatten the system's error into a text.
    for cause in causes:
        text = str(cause).lower()
        if "name or service not known" in text or "name resolution" in text:
            return "the host name is unknown"
        for known in ("connection refused", "network is unreachable", "no route to host"):
            if known in text:
                return known
    return "connection failed"


# -- the deadline under the library ---------------------------------------------------------------


def _adapter(deadline: Deadline) -> "Tuple[Any, Tuple[Any, ...]]":
    """An adapter whose sockets obey `deadline`, and the exceptions a request over it may raise."""
    import http.client
    import importlib

    import requests
    import requests.adapters

    # requests 2.14 carries urllib3 inside itself; whichever it uses is the one to extend.
    manager = requests.adapters.PoolManager
    pools: "Any" = importlib.import_module(manager.__module__)
    package = manager.__module__.rsplit(".", 1)[0]
    library_error = importlib.import_module(package + ".exceptions").HTTPError

    def guarded(pool: "Any") -> "Any":
        plain = pool.ConnectionCls

        class Connection(plain):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                plain.connect(self)
                self.sock: "Any" = DeadlineSocket(self.sock, deadline)

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {
        "http": guarded(pools.HTTPConnectionPool),
        "https": guarded(pools.HTTPSConnectionPool),
    }
    # UnicodeError: a host name that the resolver's encoding refuses, with the oldest libraries.
    errors = (requests.RequestException, library_error, http.client.HTTPException, OSError, UnicodeError)
    return adapter, errors
