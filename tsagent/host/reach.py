"""What the machine can reach: default routes, a gateway, a web service on the link.

Routes and neighbours are read from /proc/net, so that no program is needed to look. Nothing here follows
a redirect, knows a proxy or resolves a name: it is for link-local services and gateways, by address.
"""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from tsagent.host.clock import Clock
    from tsagent.host.tree import Tree

_ROUTES = {4: "/proc/net/route", 6: "/proc/net/ipv6_route"}
_NEIGHBOURS = "/proc/net/arp"
# Source: linux/route.h
_UP = 0x1
_REJECT = 0x200
_COMPLETE = 0x2  # ATF_COM of linux/if_arp.h: the neighbour has answered with its address
_LOOK = 0.02  # seconds between two looks at the neighbours
_DISCARD = 9  # a port that mostly nobody listens at: the refusal is an answer, too
_ANY4 = "00000000"
_ANY6 = "0" * 32


class Reach:
    """Looks at the network of this machine; `hardware` holds its /proc."""

    def __init__(self, hardware: "Tree", clock: "Clock") -> None:
        self._hardware = hardware
        self._clock = clock

    def default_routes(self, version: int) -> "List[Tuple[str, Optional[str]]]":
        """Interface and gateway (None for a link without one) of each default route, the best one first.

        Of the main table; of IPv6, whose list knows no tables, of any.
        """
        try:
            rows = self._hardware.read(_ROUTES[version]).decode("ascii", "replace").splitlines()
        except OSError:
            return []
        read = _route4 if version == 4 else _route6
        found = sorted(route for route in (read(row.split()) for row in rows) if route is not None)
        return [(name, gateway or None) for _, name, gateway in found]

    def answers(self, url: str, seconds: float) -> bool:
        """Whether a web server answers at `url` within `seconds`: any status line of http; of https, that
        a connection is taken.
        """
        import socket
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
        until = self._clock.monotonic() + seconds
        try:
            with socket.create_connection((host, port), timeout=seconds) as connection:
                if parts.scheme == "https":
                    return True
                name = "[%s]" % host if ":" in host else host
                words = "GET %s/ HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" % (parts.path, name)
                connection.sendall(words.encode("ascii", "replace"))
                answer = b""
                while len(answer) < len(b"HTTP/"):
                    connection.settimeout(max(0.01, until - self._clock.monotonic()))
                    piece = connection.recv(64)
                    if not piece:
                        return False
                    answer += piece
                return answer.startswith(b"HTTP/")
        except (OSError, UnicodeError, ValueError):
            return False

    def gateway(self, address: str, interface: str, seconds: float) -> bool:
        """Whether a gateway is there: within `seconds` it takes or refuses a connection, or, of IPv4, tells
        its hardware address. One that drops what it does not serve is so told from one that is not there.
        """
        import select
        import socket

        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        until = self._clock.monotonic() + seconds
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            try:
                scope = socket.if_nametoindex(interface) if family == socket.AF_INET6 else 0
            except OSError:
                return False  # the card has gone
            place = (address, _DISCARD, 0, scope) if family == socket.AF_INET6 else (address, _DISCARD)
            error = connection.connect_ex(place)
            while error == errno.EINPROGRESS:
                if self._neighbour(address, interface):
                    return True
                left = until - self._clock.monotonic()
                if left <= 0:
                    return family == socket.AF_INET6  # silent, and not refused by the link: it has resolved
                if select.select([], [connection], [], min(left, _LOOK))[1]:
                    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return error in (0, errno.ECONNREFUSED)

    def _neighbour(self, address: str, interface: str) -> bool:
        """Whether the link knows the hardware address of a neighbour, of IPv4."""
        try:
            rows = self._hardware.read(_NEIGHBOURS).decode("ascii", "replace").splitlines()
        except OSError:
            return False
        for row in rows:
            words = row.split()
            if len(words) >= 6 and words[0] == address and words[5] == interface:
                return bool(int(words[2], 16) & _COMPLETE)
        return False


def _route4(words: "List[str]") -> "Optional[Tuple[int, str, str]]":
    """Iface Destination Gateway Flags RefCnt Use Metric Mask …; addresses as the machine's own words."""
    if len(words) < 8 or words[1] != _ANY4 or words[7] != _ANY4:
        return None
    flags = int(words[3], 16)
    if not flags & _UP or flags & _REJECT:
        return None
    return int(words[6]), words[0], _address4(words[2]) if words[2] != _ANY4 else ""


def _address4(text: str) -> str:
    import sys

    return ".".join(str(byte) for byte in int(text, 16).to_bytes(4, sys.byteorder))


def _route6(words: "List[str]") -> "Optional[Tuple[int, str, str]]":
    """Destination, its length, source, its length, next hop, metric, references, use, flags, interface."""
    if len(words) < 10 or words[0] != _ANY6 or words[1] != "00" or words[9] == "lo":
        return None
    flags = int(words[8], 16)
    if not flags & _UP or flags & _REJECT:
        return None
    import socket

    gateway = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[4])) if words[4] != _ANY6 else ""
    return int(words[5], 16), words[9], gateway
