"""The simulator's HTTP/1.1 server: threaded, keep-alive, counting what it is asked.

Behaviour the documentation fixes: listings are plain text, a name a line; names are case-sensitive;
what is absent is 404; without a version the answer is that of 1.0. Where it is silent, this server
chooses: a directory answers with and without a trailing slash (both are in the documented samples), a
value asked for with one is 404, methods other than GET and HEAD are 405, a query string is ignored.
"""

import http.server
import os
import socket
import socketserver
import struct
import sys
import threading
import time

from tsagent.sources.simulator import tree as trees
from tsagent.sources.simulator.faults import Fault, parse_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type, Union

_BLOCK = 65536
_IDLE = 60.0  # seconds a silent connection is kept
_GRACE = 2.0  # seconds for answers in flight when the simulator stops
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


class Request:
    """One request as the server saw it.

    `at` is in seconds after the start, `connection` counts from 1, `headers` have lower-case names,
    `status` is None where nothing was answered, `sent` counts bytes, `fault` names what was injected.
    """

    def __init__(self, at: float, method: str, path: str, connection: int, headers: "Dict[str, str]") -> None:
        self.at = at
        self.method = method
        self.path = path
        self.connection = connection
        self.headers = headers
        self.sent = 0
        self.status: "Optional[int]" = None
        self.fault: "Optional[str]" = None


class Simulator:
    """A metadata service on a port of this machine.

    `tree` overrides parts of the instance's tree: names are paths below `/latest/meta-data/`, or
    absolute ones such as `/latest/user-data`; None takes a value away. `faults` are specifications
    or `Fault`s. `port` 0 takes any free one. `options` go to `instance_tree` (nics, role, spot, keys,
    password, …). `log` is called with a line for each request.
    As a context manager it serves from a thread; `requests` and `connections` tell what it saw.
    """

    def __init__(
        self,
        instance_type: str = trees.DEFAULT_TYPE,
        tree: "Optional[Dict[str, Any]]" = None,
        user_data: "Union[bytes, str, None]" = None,
        port: int = 0,
        faults: "Sequence[Union[str, Fault]]" = (),
        bind: str = "127.0.0.1",
        log: "Optional[Callable[[str], None]]" = None,
        **options: "Any",
    ) -> None:
        self.instance_type = instance_type
        self._options = options
        self.tree = trees.instance_tree(instance_type, **options)
        self.user_data = user_data.encode("utf-8") if isinstance(user_data, str) else user_data
        self._override(tree or {})
        self.faults = [parse_fault(fault) if isinstance(fault, str) else fault for fault in faults]
        self.requests: "List[Request]" = []
        self.connections = 0
        self._log = log
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._busy = 0  # requests being answered
        self._stopping = threading.Event()
        self._thread: "Optional[threading.Thread]" = None
        self._server = _Server((bind, port), self)
        address: "Any" = self._server.server_address
        self.host, self.port = str(address[0]), int(address[1])
        shown = "[%s]" % self.host if ":" in self.host else self.host
        self.url = "http://%s:%d" % (shown, self.port)
        self._started = time.monotonic()

    def renew(self, tree: "Dict[str, Any]") -> None:
        """Serve the instance as it is with other overrides from now on."""
        with self._lock:
            self.tree = trees.instance_tree(self.instance_type, **self._options)
            self._override(tree)

    def _override(self, changes: "Dict[str, Any]") -> None:
        top: "Dict[str, Any]" = {"latest": {"meta-data": self.tree}}
        if self.user_data is not None:
            top["latest"]["user-data"] = self.user_data
        for name, value in changes.items():
            absolute = str(name).startswith("/")
            trees.override(top if absolute else self.tree, {name: value})
        latest = top.get("latest") or {}
        self.tree = latest.get("meta-data") or {}
        given = latest.get("user-data")
        self.user_data = given.encode("utf-8") if isinstance(given, str) else given

    # -- life -------------------------------------------------------------------------------------

    def __enter__(self) -> "Simulator":
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self.serve_forever, name="simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: "Optional[Type[BaseException]]",
        error: "Optional[BaseException]",
        trace: "Optional[TracebackType]",
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def serve_forever(self) -> None:
        """Serve until `stop`; the port is released on return."""
        try:
            self._server.serve_forever(poll_interval=0.05)
        finally:
            self._stopping.set()
            self._server.close_connections()
            self._server.server_close()
            with self._lock:
                # What was being answered gets its access line; a stuck client is not waited for.
                self._idle.wait_for(lambda: not self._busy, _GRACE)

    def stop(self) -> None:
        """End `serve_forever`, from another thread."""
        self._stopping.set()
        self._server.shutdown()

    # -- what handlers need -----------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def pause(self, seconds: float) -> bool:
        """Wait, unless the simulator is stopped meanwhile; whether it was not."""
        return not self._stopping.wait(seconds)

    def new_connection(self) -> int:
        with self._lock:
            self.connections += 1
            return self.connections

    def record(self, method: str, path: str, connection: int, headers: "Dict[str, str]") -> Request:
        """Note a request that arrived."""
        request = Request(self.elapsed(), method, path, connection, headers)
        with self._lock:
            self.requests.append(request)
            self._busy += 1
        return request

    def faults_for(self, path: str) -> "List[Fault]":
        """The faults that apply to this request, which counts as one of their times."""
        with self._lock:
            return [
                fault
                for fault in self.faults
                if not (fault.kind == "down-until" and self.elapsed() >= (fault.number or 0.0))
                and fault.applies(path)
            ]

    def finish(self, request: Request) -> None:
        """A request is done: its access line is seconds, connection, method, path, status, bytes, fault."""
        if self._log is not None:
            status = "-" if request.status is None else str(request.status)
            fault = " fault=" + request.fault if request.fault else ""
            self._log(
                "%8.3f #%d %s %s %s %d%s"
                % (request.at, request.connection, request.method, request.path, status, request.sent, fault)
            )
        with self._lock:
            self._busy -= 1
            self._idle.notify_all()

    def answer(self, path: str) -> "Tuple[int, bytes]":
        """Status and body for a path, faults aside."""
        names = [name for name in path.split("/") if name]
        if not names:
            # The documented answer: versions and `meta-data`, none with a slash.
            return 200, "\n".join(trees.VERSIONS[:2] + ("latest", "meta-data")).encode("ascii")
        version = "1.0"
        if names[0] in trees.VERSIONS:
            version = names.pop(0)
            if not names:
                top = ["meta-data/"] + (["user-data"] if self.user_data is not None else [])
                return 200, "\n".join(top).encode("ascii")
        if names == ["user-data"] and self.user_data is not None and not path.endswith("/"):
            return 200, self.user_data
        if names[0] != "meta-data":
            return 404, b""
        found = trees.find(trees.of_version(self.tree, version), names[1:])
        if isinstance(found, dict):
            return 200, trees.listing(found)
        if found is None or path.endswith("/"):
            return 404, b""
        return 200, found if isinstance(found, bytes) else str(found).encode("utf-8")


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: "Tuple[str, int]", simulator: Simulator) -> None:
        self.simulator = simulator
        self._open: "Any" = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which may take seconds without DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])

    def process_request(self, request: "Any", client_address: "Any") -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: "Any") -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that clients keep open."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster

    def handle_error(self, request: "Any", client_address: "Any") -> None:
        if isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            return  # a client that hung up, as impatient clients should
        super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE
    server_version = "tsagent-imds"
    sys_version = ""
    server: "_Server"

    def setup(self) -> None:
        super().setup()
        self._simulator = self.server.simulator
        self._number = self._simulator.new_connection()

    def log_message(self, format: str, *args: "Any") -> None:  # noqa: A002 (the library's name)
        """Nothing: the access line is written by the simulator, with what it knows more."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.close_connection = True  # its body was not read
        self._serve()

    do_PUT = do_POST
    do_DELETE = do_POST

    def _serve(self) -> None:
        path = self.path.split("?", 1)[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = self._simulator.record(self.command, path, self._number, headers)
        faults = {fault.kind: fault for fault in self._simulator.faults_for(path)}
        request.fault = "+".join(sorted(faults)) or None
        try:
            self._respond(path, request, faults)
        except (ConnectionError, socket.timeout):
            self.close_connection = True  # the client hung up
        finally:
            self._simulator.finish(request)

    def _respond(self, path: str, request: Request, faults: "Dict[str, Fault]") -> None:
        if "down-until" in faults:
            self._reset()
            return
        if "delay" in faults and not self._simulator.pause(faults["delay"].number or 0.0):
            self.close_connection = True
            return
        headers = {"Content-Type": "text/plain"}
        if self.command not in ("GET", "HEAD"):
            status, body = 405, b""
            headers.update({"Allow": "GET, HEAD", "Connection": "close"})
        elif "huge" in faults:
            request.status = 200
            self._huge(int(faults["huge"].number or 0), request)
            return
        else:
            status, body = self._content(path, faults, headers)
        request.status = status
        headers["Content-Length"] = str(len(body))
        whole = self._head(status, headers)
        if self.command != "HEAD":
            if "cut" in faults:
                self.close_connection = True
                number = faults["cut"].number
                kept = len(body) // 2 if number is None else min(int(number), max(0, len(body) - 1))
                body = body[:kept]
            whole += body
        if "drip" in faults:
            self._drip(whole, faults["drip"].number or 1.0, request)
        else:
            self._send(whole, request)

    def _send(self, data: bytes, request: Request) -> None:
        self.wfile.write(data)
        request.sent += len(data)

    def _content(
        self, path: str, faults: "Dict[str, Fault]", headers: "Dict[str, str]"
    ) -> "Tuple[int, bytes]":
        if "status" in faults:
            fault = faults["status"]
            if fault.retry_after is not None:
                headers["Retry-After"] = str(fault.retry_after)
            return int(fault.number or 500), b""
        if "redirect" in faults:
            headers["Location"] = faults["redirect"].text or self._simulator.url + "/redirected"
            return 302, b""
        if "garbage" in faults:
            if faults["garbage"].text == "binary":
                return 200, os.urandom(256) + b"\0\xff"
            headers["Content-Type"] = "text/html"
            return 200, _HTML
        return self._simulator.answer(path)

    def _head(self, status: int, headers: "Dict[str, str]") -> bytes:
        reason = self.responses.get(status, ("Unknown", ""))[0]
        lines = ["HTTP/1.1 %d %s" % (status, reason), "Server: " + self.server_version]
        lines += ["%s: %s" % item for item in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _drip(self, data: bytes, rate: float, request: Request) -> None:
        # Ten times a second at most; slower rates a byte at a time.
        step = max(1, int(rate / 10))
        for start in range(0, len(data), step):
            self._send(data[start : start + step], request)
            if not self._simulator.pause(step / rate):
                self.close_connection = True
                return

    def _huge(self, size: int, request: Request) -> None:
        head = self._head(200, {"Content-Type": "text/plain", "Content-Length": str(size)})
        self._send(head, request)
        left = size if self.command != "HEAD" else 0
        while left:
            block = min(_BLOCK, left)
            self._send(b"x" * block, request)
            left -= block

    def _reset(self) -> None:
        """Close with a reset rather than an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
