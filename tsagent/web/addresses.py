"""Which addresses are refused: those of one link, and where clouds keep their metadata services.

What is fetched here is named by user data or by a server's redirect. Neither may have the machine's own
credentials, which the metadata service gives to whoever asks from here, written into a file or sent on.
"""

import socket

from tsagent.web.problem import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from tsagent.web.deadline import Deadline

WORDS = "link-local and metadata addresses are refused"

# Metadata services. Source: the documentation of these clouds.
_METADATA = (
    "169.254.0.23",  # Tencent Cloud
    "169.254.169.254",  # Tencent Cloud, too, and most others
    "169.254.170.2",  # credentials of containers
    "100.100.100.200",  # Alibaba Cloud
    "192.0.0.192",  # Oracle Cloud, classic
    "fd00:ec2::254",  # Amazon EC2
    "fd20:ce::254",  # Google Cloud
)
# Tencent Cloud: within it the names of its mirrors and object storage lead to addresses of 10/8, 100.64/10
# and 169.254/16. Source: vendor documentation, "COS: how to tell intranet access".
_OWN_DOMAINS = (".tencentyun.com", ".myqcloud.com")
_METADATA_NAMES = ("metadata.tencentyun.com", "metadata.google.internal", "metadata")


def refused(address: str) -> bool:
    """Whether this address, in the form getaddrinfo gives, is not to be talked to."""
    address = address.partition("%")[0].lower()
    if ":" not in address:
        return address.startswith("169.254.") or address in _METADATA
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        return True
    # IPv4 in IPv6: mapped, compatible, and the prefix of NAT64 (RFC 6052).
    if packed[:12] in (bytes(10) + b"\xff\xff", bytes(12), b"\0\x64\xff\x9b" + bytes(8)):
        if packed[:12] != bytes(12) or packed[12:] not in (bytes(4), b"\0\0\0\1"):
            return refused(socket.inet_ntop(socket.AF_INET, packed[12:]))
    # Translated (RFC 2765), NAT64 within a site (RFC 8215), 6to4 (RFC 3056).
    inside = packed[2:6] if packed[:2] == b"\x20\x02" else packed[12:]
    if (
        packed[:2] == b"\x20\x02"
        or packed[:12] == bytes(8) + b"\xff\xff\0\0"
        or packed[:6] == b"\0\x64\xff\x9b\0\1"
    ):
        if refused(socket.inet_ntop(socket.AF_INET, inside)):
            return True
    if packed[0] == 0xFE and packed[1] & 0xC0 == 0x80:
        return True
    return any(packed == socket.inet_pton(socket.AF_INET6, known) for known in _METADATA if ":" in known)


def check_name(host: str) -> None:
    """Refuse what a host's name alone tells: for a proxy, which resolves it by itself. Raises Failure."""
    name = host.rstrip(".")
    if name in _METADATA_NAMES:
        raise Failure("web-refused", WORDS)
    address = name if ":" in name else None
    if address is None:
        try:
            address = socket.inet_ntoa(socket.inet_aton(name))  # 0xa9fe0017 and 169.254.23 are addresses, too
        except OSError:
            return
    if refused(address):
        raise Failure("web-refused", WORDS)


def resolve(host: str, port: int, deadline: "Deadline") -> "List[Tuple[int, str]]":
    """(family, address) of each address of a host, by the deadline, none of them refused.

    One that is refused refuses all: a name that mixes them is no honest one. The cloud's own services may be
    link-local. Raises Failure.
    """
    answers = []
    for family, address in _lookup(host, port, deadline):
        own = host.rstrip(".").endswith(_OWN_DOMAINS) and address not in _METADATA and ":" not in address
        if refused(address) and not own:
            raise Failure("web-refused", WORDS)
        if (family, address) not in answers:
            answers.append((family, address))
    return answers


def _lookup(host: str, port: int, deadline: "Deadline") -> "List[Tuple[int, str]]":
    """What the system's resolver says. It knows no deadline, so it runs in a thread that may be left."""
    import threading

    found: "List[Tuple[int, str]]" = []
    failed: "List[BaseException]" = []
    done = threading.Event()

    def work() -> None:
        try:
            for family, _kind, _protocol, _name, where in socket.getaddrinfo(
                host, port, 0, socket.SOCK_STREAM
            ):
                found.append((int(family), str(where[0])))
        except (OSError, UnicodeError) as error:
            failed.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=work)
    thread.daemon = True
    thread.start()
    try:
        over = not done.wait(deadline.remaining())
    except socket.timeout:
        over = True
    if over:
        raise Failure("web-timeout", "the host name was not resolved in time", retry=True)
    if failed or not found:
        # Early in a boot "unknown" mostly means that the resolver is not there yet.
        raise Failure("web-unreachable", "no connection: the host name is unknown", retry=True)
    return found
