"""The small values of a network configuration, checked: hardware addresses, names, numbers, prefix lengths.

No message quotes the value.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple, Union

_MAC = r"[0-9a-f]{2}(:[0-9a-f]{2}){5}(:[0-9a-f]{2}){0,14}\Z"
# IFNAMSIZ of linux/if.h is 16 with the NUL; the kernel refuses "/" and blanks, NetworkManager ":". A dash in
# front would be an option to every tool.
_NAME = r"[A-Za-z0-9_.@][A-Za-z0-9_.@-]{0,14}\Z"
_DOMAIN = r"[A-Za-z0-9_~]([A-Za-z0-9_.-]{0,252})\Z"


class Invalid(ValueError):
    """A value that is not what it should be; the message says what was expected and never quotes it.

    `what` names the value among several, where it is one of several.
    """

    def __init__(self, message: str, what: str = "") -> None:
        ValueError.__init__(self, message)
        self.what = what


def mac_address(value: "Any") -> str:
    """A hardware address in lower case with colons. Raises Invalid."""
    text = str(value).strip().lower().replace("-", ":")
    if not re.match(_MAC, text):
        raise Invalid("should be a hardware address such as 52:54:00:12:34:56")
    return text


def is_interface_name(name: str) -> bool:
    """Whether the kernel takes it for an interface."""
    return bool(re.match(_NAME, name)) and name not in (".", "..")


def interface_name(value: "Any") -> str:
    """A name the kernel takes for an interface. Raises Invalid."""
    text = str(value)
    if not is_interface_name(text):
        raise Invalid(
            "should be an interface name of at most 15 letters, digits, dots, dashes or underscores"
        )
    return text


def domain(value: "Any") -> str:
    """A search domain. Raises Invalid."""
    text = str(value).strip()
    if not re.match(_DOMAIN, text) and text != ".":
        raise Invalid("should be a domain name")
    return text


def nameserver(value: "Any") -> str:
    """The address of a name server. Raises Invalid."""
    address, _ = plain_address(value, "the name server")
    return address


def number(value: "Any", what: str, low: int = 0, high: int = 0xFFFFFFFF) -> "Optional[int]":
    """A whole number within bounds, None where nothing is said. Raises Invalid."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise Invalid("%s should be a number" % what, what)
    try:
        text = str(value).strip()
        if not re.match(r"[+-]?[0-9]+\Z", text):
            raise ValueError(text)
        result = int(text, 10)
    except ValueError:
        raise Invalid("%s should be a number" % what, what) from None
    if not low <= result <= high:
        raise Invalid("%s should be from %d to %d" % (what, low, high), what)
    return result


def prefix_length(value: "Union[str, int]", version: int) -> int:
    """A prefix length from a number or a mask (`255.255.255.0`, `ffff:ffff::`); a host's where empty."""
    text = str(value)
    longest = 32 if version == 4 else 128
    if not text:
        return longest
    if re.match(r"[0-9]{1,9}\Z", text):
        if int(text) > longest:
            raise Invalid("the prefix length should be at most %d" % longest)
        return int(text)
    import ipaddress

    try:
        mask, mask_version = parsed_address(text)
    except ValueError:
        raise Invalid("the mask should be a prefix length or a network mask") from None
    if mask_version != version:
        raise Invalid("the mask is of another IP version than the address")
    bits = int(ipaddress.ip_address(mask))
    length = bin(bits).count("1")
    if bits != ((1 << longest) - 1) ^ ((1 << (longest - length)) - 1):
        raise Invalid("the mask should be ones followed by zeros")
    return length


def mask_of(prefix: int) -> str:
    """An IPv4 prefix length as a mask."""
    import ipaddress

    return str(ipaddress.ip_network("0.0.0.0/%d" % prefix).netmask)


def plain_address(value: "Any", what: str) -> "Tuple[str, int]":
    """An address without a prefix length, in its shortest form, and its IP version. Raises Invalid."""
    try:
        return parsed_address(str(value).strip())
    except ValueError:
        raise Invalid("%s should be an IP address" % what, what) from None


def parsed_address(text: str) -> "Tuple[str, int]":
    """An address in its shortest form, and its IP version. Raises ValueError.

    One with a zone (`fe80::1%eth0`) is none: newer Pythons let anything stand in a zone.
    """
    import ipaddress

    if "%" in text:
        raise ValueError("a zone")
    ip = ipaddress.ip_address(text)
    return str(ip), ip.version
