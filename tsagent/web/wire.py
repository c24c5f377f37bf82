"""One exchange on the wire: a checked address, perhaps a proxy, perhaps TLS, one answer."""

import socket

from tsagent.web.addresses import check_name, resolve
from tsagent.web.deadline import DeadlineSocket
from tsagent.web.problem import Failure
from tsagent.web.urls import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.web.deadline import Deadline
    from tsagent.web.urls import Target

CONNECT_LIMIT = 10.0  # seconds to connect, for each address of a host
RETRIED = (408, 425, 429)  # beside 5xx
MAX_RETRY_AFTER = 60.0  # seconds of a server's Retry-After that are honoured
_NOT_YET_VALID = 9  # X509_V_ERR_CERT_NOT_YET_VALID of OpenSSL
_CHUNK = 65536


def exchange(
    method: str,
    where: "Target",
    headers: "Dict[str, str]",
    body: "Optional[bytes]",
    limit: int,
    deadline: "Deadline",
    proxy: "Optional[str]",
    context: "Any",
) -> "Tuple[int, Dict[str, str], bytes]":
    """(status, headers, body) of one request. `context` is the TLS context for https.

    The body of an answer other than 2xx is not read. Raises Failure.
    """
    import http.client

    sock: "Any" = None
    try:
        try:
            sock, direct, more = _open(where, deadline, proxy, context)
            connection = http.client.HTTPConnection(where.host, where.port)
            connection.sock = sock
            goal = where.path if direct else "http://%s%s" % (where.authority, where.path)
            connection.putrequest(method, goal, skip_host=True, skip_accept_encoding=True)
            for name, value in dict(headers, **more).items():
                connection.putheader(name, value.encode("utf-8"))
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
        except http.client.InvalidURL:
            raise Failure("web-url", "not a valid URL") from None
        response = connection.getresponse()
        return _answer(response, limit, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _fault(error, sock is not None, deadline) from None
    finally:
        if sock is not None:
            sock.close()


def _open(
    where: "Target", deadline: "Deadline", proxy: "Optional[str]", context: "Any"
) -> "Tuple[Any, bool, Dict[str, str]]":
    """(the socket, whether the other end is the origin itself, headers for whom it is)."""
    check_name(where.host)
    if proxy is None:
        return _secured(_connect(where, deadline), where, deadline, context), True, {}
    try:
        by = target(proxy)
    except Failure:
        by = None
    if by is None or by.scheme != "http":
        raise Failure("web-refused", "the proxy's address is no http:// URL")
    try:
        sock = _connect(by, deadline)
    except Failure as fault:
        raise Failure(fault.code, "by the proxy %s: %s" % (by.authority, fault.words), fault.retry) from None
    more = {"Proxy-Authorization": by.credentials} if by.credentials else {}
    if where.scheme == "http":
        return sock, False, more
    try:
        _tunnel(sock, where, by, more)
        return _secured(sock, where, deadline, context), True, {}
    except BaseException:
        sock.close()
        raise


def _connect(where: "Target", deadline: "Deadline") -> DeadlineSocket:
    """A connection to one of the host's addresses, tried in their order."""
    last: "OSError" = OSError("no address")
    for family, address in resolve(where.host, where.port, deadline):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(CONNECT_LIMIT, deadline.remaining()))
            sock.connect((address, where.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return DeadlineSocket(sock, deadline)
        except OSError as error:
            sock.close()
            last = error
    words = "timed out" if isinstance(last, socket.timeout) else _system_words(last)
    raise Failure("web-unreachable", "no connection: %s" % words, retry=True)


def _tunnel(sock: DeadlineSocket, where: "Target", by: "Target", more: "Dict[str, str]") -> None:
    """Have a proxy connect us with the host of an https URL."""
    import http.client

    host = "[%s]" % where.host if ":" in where.host else where.host
    lines = ["CONNECT %s:%d HTTP/1.1" % (host, where.port), "Host: %s:%d" % (host, where.port)]
    lines += ["%s: %s" % item for item in more.items()]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    answer = http.client.HTTPResponse(sock, method="CONNECT")  # type: ignore[arg-type]
    answer.begin()
    if answer.status != 200:
        retry = answer.status >= 500
        raise Failure(
            "web-unreachable", "the proxy %s answered status %d" % (by.authority, answer.status), retry
        )


def _secured(sock: DeadlineSocket, where: "Target", deadline: "Deadline", context: "Any") -> "Any":
    """TLS over the socket, where the URL says so."""
    if where.scheme != "https":
        return sock
    plain = sock._sock
    try:
        plain.settimeout(deadline.remaining())
        return DeadlineSocket(context.wrap_socket(plain, server_hostname=where.host), deadline)
    except BaseException:
        plain.close()
        raise


def _answer(response: "Any", limit: int, deadline: "Deadline") -> "Tuple[int, Dict[str, str], bytes]":
    status = int(response.status)
    headers = {str(name).lower(): str(value) for name, value in reversed(response.getheaders())}
    if not 200 <= status < 300:
        if 300 <= status < 400 and "location" in headers:
            return status, headers, b""
        retry = status >= 500 or status in RETRIED
        wait = _seconds(headers.get("retry-after", ""))
        raise Failure("web-status", "the server answered status %d" % status, retry, wait, status)
    length = None
    if "transfer-encoding" not in headers and "content-length" in headers:
        length = _seconds(headers["content-length"])
        if length is None:
            raise Failure("web-broken", "an answer whose Content-Length is no number", retry=True)
        if length > limit:
            raise Failure(
                "web-too-large", "an answer of %d bytes, more than the %d allowed" % (length, limit)
            )
    pieces: "List[bytes]" = []
    size = 0
    while size <= limit:
        deadline.remaining()  # bytes that are already here must not outlive the deadline either
        piece = response.read(min(_CHUNK, limit + 1 - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    if size > limit:
        raise Failure("web-too-large", "an answer of more than the %d bytes allowed" % limit)
    if length is not None and size < length and response.status != 204:
        raise Failure("web-broken", "an answer cut off after %d of %d bytes" % (size, length), retry=True)
    return status, headers, b"".join(pieces)


def _seconds(value: str) -> "Optional[int]":
    """A number of ASCII digits; None for anything else, a date included: the clock may be wrong."""
    value = value.strip()
    return int(value) if len(value) < 16 and value.encode("utf-8", "replace").isdigit() else None


def _fault(error: BaseException, connected: bool, deadline: "Deadline") -> Failure:
    """What happened, in our words; a library's message may quote the answer."""
    import ssl

    if isinstance(error, ssl.SSLError) and not isinstance(error, socket.timeout):
        return _tls_fault(error)
    if isinstance(error, socket.timeout):
        if deadline.left() <= 0:
            return Failure("web-timeout", "no complete answer in time", retry=True)
        return Failure("web-timeout", "the answer stalled", retry=True)
    if isinstance(error, ValueError):  # ssl: a certificate for no such host, in the oldest versions
        return Failure("web-tls", "no connection: TLS could not be agreed on")
    if not connected:
        return Failure("web-unreachable", "no connection: %s" % _system_words(error), retry=True)
    import http.client

    if isinstance(error, http.client.IncompleteRead):
        return Failure("web-broken", "an answer cut off", retry=True)
    if isinstance(error, ConnectionError):
        return Failure("web-broken", "the connection was closed before the answer was complete", retry=True)
    if isinstance(error, http.client.HTTPException):
        return Failure("web-broken", "an answer that is not HTTP", retry=True)
    return Failure("web-broken", "the connection failed: %s" % _system_words(error), retry=True)


def _system_words(error: BaseException) -> str:
    words = getattr(error, "strerror", None)
    return str(words).lower() if words else type(error).__name__


def _tls_fault(error: "Any") -> Failure:
    """A certificate that is refused, or no TLS at all."""
    code = getattr(error, "verify_code", None)
    if code == _NOT_YET_VALID:
        return Failure(
            "web-tls", "its certificate is not valid yet: is this machine's clock right?", early=True
        )
    if code is not None:
        return Failure(
            "web-tls", "its certificate is refused: %s" % getattr(error, "verify_message", "not trusted")
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        # Before Python 3.7 nobody says why; a wrong clock is one of the reasons.
        return Failure("web-tls", "its certificate is refused", early=True)
    return Failure("web-tls", "no connection: TLS could not be agreed on", retry="EOF" in str(error))
