"""A deadline that each read of a socket looks at.

A socket's own timeout starts anew with every byte, so a server that sends one byte a second holds a
client for hours. Here each read is given no more than what is left.
"""

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from tsagent.host.clock import Clock


class Deadline:
    """The moment a request must be over; every read of its socket looks at it.

    With `patience`, no single wait for the other side is longer than so many seconds.
    """

    def __init__(self, clock: "Clock", patience: "Optional[float]" = None) -> None:
        self._clock = clock
        self._patience = patience
        self._end = 0.0

    def start(self, seconds: float) -> None:
        """The deadline is in `seconds` from now."""
        self._end = self._clock.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; not above 0 when it is over."""
        return self._end - self._clock.monotonic()

    def remaining(self) -> float:
        """How long one wait may be. Raises socket.timeout when the deadline is over."""
        left = self.left()
        if left <= 0:
            raise socket.timeout("timed out")
        return left if self._patience is None else min(left, self._patience)


class DeadlineSocket:
    """A connected socket, plain or TLS, whose every send and receive ends by the deadline."""

    def __init__(self, sock: "Any", deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def makefile(self, mode: str = "rb", *ignored: "Any", **more: "Any") -> "Any":
        """A buffered reader, as http.client asks for one."""
        import io

        sock, deadline = self._sock, self._deadline
        # Unbuffered, so that one readinto is one recv; holds the socket open as http.client expects.
        plain = sock.makefile("rb", buffering=0)

        class Reader(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: "Any") -> "Optional[int]":
                sock.settimeout(deadline.remaining())
                count = plain.readinto(buffer)
                return None if count is None else int(count)

            def close(self) -> None:
                plain.close()
                io.RawIOBase.close(self)

        return io.BufferedReader(Reader())
