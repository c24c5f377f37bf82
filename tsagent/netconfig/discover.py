"""The two packets of DHCP that tell whether a card reaches a server: what is asked, what is answered.

Nothing is requested: an offer that nobody takes up lapses. Source: RFC 2131, RFC 2132, RFC 768, RFC 791.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

_COOKIE = b"\x63\x82\x53\x63"
_REQUEST, _REPLY = 1, 2
_ETHERNET = 1
_MESSAGE_TYPE, _DISCOVER, _OFFER = 53, 1, 2
_PAD, _END = 0, 255
_SERVER_PORT, _CLIENT_PORT = 67, 68
_UDP = 17


def discover(mac: bytes, number: int, waited: int = 0) -> bytes:
    """An IP packet that asks every server on the link for an offer.

    `mac` are the six bytes of the card's address, `number` (32 bits) is how the answer is known again,
    `waited` the seconds since the first was sent.
    """
    bootp = struct.pack("!BBBBIHH", _REQUEST, _ETHERNET, len(mac), 0, number, waited, 0)
    bootp += bytes(16) + mac.ljust(16, b"\0") + bytes(64 + 128) + _COOKIE
    bootp += bytes([_MESSAGE_TYPE, 1, _DISCOVER])
    bootp += bytes([55, 3, 1, 3, 6])  # of the parameters: mask, router, name servers
    bootp += bytes([_END])
    bootp = bootp.ljust(300, b"\0")  # some relays drop what is shorter
    # A checksum of 0 is none.
    udp = struct.pack("!HHHH", _CLIENT_PORT, _SERVER_PORT, 8 + len(bootp), 0) + bootp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0x10, 20 + len(udp), 0, 0, 64, _UDP, 0, bytes(4), b"\xff" * 4)
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + udp


def is_offer(packet: bytes, mac: bytes, number: int) -> bool:
    """Whether an IP packet is a server's offer in answer to `discover(mac, number)`."""
    bootp = _udp_to(packet, _CLIENT_PORT)
    if bootp is None or len(bootp) < 240 or bootp[236:240] != _COOKIE:
        return False
    if bootp[0] != _REPLY or bootp[4:8] != struct.pack("!I", number) or bootp[28 : 28 + len(mac)] != mac:
        return False
    rest = bootp[240:]
    while rest:
        code = rest[0]
        if code == _PAD:
            rest = rest[1:]
            continue
        if code == _END or len(rest) < 2 or len(rest) < 2 + rest[1]:
            return False
        if code == _MESSAGE_TYPE:
            return rest[2 : 2 + rest[1]] == bytes([_OFFER])
        rest = rest[2 + rest[1] :]
    return False


def _udp_to(packet: bytes, port: int) -> "Optional[bytes]":
    """What an IPv4 packet of UDP carries to `port`; None for any other."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _UDP:
        return None
    length = (packet[0] & 15) * 4
    if len(packet) < length + 8 or struct.unpack("!H", packet[length + 2 : length + 4])[0] != port:
        return None
    return packet[length + 8 :]


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack("!%dH" % (len(header) // 2), header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
