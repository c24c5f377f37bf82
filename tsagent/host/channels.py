"""How many channels a network card has, and may have: the kernel's ethtool interface, without the program.

Source: linux/ethtool.h (struct ethtool_channels), linux/sockios.h, netdevice(7). Reading needs no rights;
setting needs CAP_NET_ADMIN.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

_SIOCETHTOOL = 0x8946
_GET, _SET = 0x3C, 0x3D  # ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS
_KINDS = ("rx", "tx", "other", "combined")  # the order of the structure: first the maxima, then the counts
_NAME_MAX = 15  # bytes; IFNAMSIZ less the final zero


def get_channels(card: str) -> "Dict[str, Dict[str, int]]":
    """`{"combined": {"current": 4, "maximum": 8}}`, of the kinds `rx`, `tx`, `other`, `combined` it can have.

    A combined channel is one of both directions. Raises OSError: EOPNOTSUPP where the driver tells none,
    ENODEV where there is no such card.
    """
    words = _ask(card, [_GET] + [0] * 8)
    found = {}
    for place, kind in enumerate(_KINDS):
        maximum, current = words[1 + place], words[5 + place]
        if maximum or current:
            found[kind] = {"current": current, "maximum": maximum}
    return found


def set_channels(card: str, counts: "Dict[str, int]") -> None:
    """Give a card these counts; kinds that are not named keep theirs. Raises OSError as the driver says."""
    words = _ask(card, [_GET] + [0] * 8)
    words[0] = _SET
    for kind, count in counts.items():
        words[5 + _KINDS.index(kind)] = count
    _ask(card, words)


def _ask(card: str, words: "List[int]") -> "List[int]":
    import _socket  # of `socket` only its C part is needed
    import array
    import errno
    import fcntl
    import os
    import struct

    name = os.fsencode(card)
    if not name or len(name) > _NAME_MAX:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), card)
    data = array.array("I", words)
    request = struct.pack("16sP16x", name, data.buffer_info()[0])
    channel = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        fcntl.ioctl(channel.fileno(), _SIOCETHTOOL, request)
    except OSError as error:
        raise OSError(error.errno, error.strerror, card) from None
    finally:
        channel.close()
    return list(data)
