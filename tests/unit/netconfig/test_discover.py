"""The packets of DHCP: what is asked is well-formed, and only a server's offer to this card counts."""

import struct

from tsagent.netconfig.discover import discover, is_offer

MAC = bytes([0x52, 0x54, 0, 0xAA, 0, 1])
NUMBER = 0x12345678


def offer(kind=2, mac=MAC, number=NUMBER, op=2, options=None):
    """An answer, as a server builds it from the question."""
    question = discover(MAC, number)
    bootp = bytearray(question[28:])
    bootp[0] = op
    bootp[28 : 28 + 6] = mac
    tail = bytes([0, 54, 4, 10, 0, 0, 1, 53, 1, kind, 255]) if options is None else options
    bootp = bytes(bootp[:240]) + tail
    return question[:20] + struct.pack("!HHHH", 67, 68, 8 + len(bootp), 0) + bootp


def test_the_question_is_a_broadcast_of_the_right_lengths():
    packet = discover(MAC, NUMBER, 7)
    words = struct.unpack("!10H", packet[:20])
    total = sum(words)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF  # the checksum of RFC 791
    assert words[1] == len(packet) == 328
    assert packet[16:20] == b"\xff\xff\xff\xff"
    assert struct.unpack("!HHH", packet[20:26]) == (68, 67, 308)
    assert packet[28:34] == bytes([1, 1, 6, 0, 0x12, 0x34]) and packet[36:38] == b"\0\7"
    assert packet[56:62] == MAC


def test_an_offer_to_this_card_counts():
    assert is_offer(offer(), MAC, NUMBER)


def test_nothing_else_counts():
    others = {
        "an acknowledgement": offer(kind=5),
        "another card's": offer(mac=b"\2" * 6),
        "another question's": offer(number=1),
        "a question": offer(op=1),
        "our own": discover(MAC, NUMBER),
        "no type": offer(options=b"\xff"),
        "an option cut off": offer(options=bytes([53])),
        "an option longer than the packet": offer(options=bytes([53, 9, 2])),
        "no UDP": offer()[:9] + b"\x06" + offer()[10:],
        "IPv6": b"\x60" + offer()[1:],
        "empty": b"",
    }
    assert [name for name, packet in others.items() if is_offer(packet, MAC, NUMBER)] == []
    for length in range(len(offer()) - 3):
        assert not is_offer(offer()[:length], MAC, NUMBER)
