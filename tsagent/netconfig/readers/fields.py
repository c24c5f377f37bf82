"""Taking values out of loosely written documents, noting what is wrong with each."""

import re

from tsagent.netconfig.addressing import Address
from tsagent.netconfig.values import Invalid, domain, mac_address, nameserver, number
from tsagent.userdata import pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Type, TypeVar

    from tsagent.netconfig.model import Device, Network

    T = TypeVar("T")

_MTU = (68, 65535)  # bytes: the least of RFC 791, the most of the IP header's length field
_MTU6 = (1280, 65535)  # bytes: the least of RFC 8200
# What cloud-init takes an address for that has no prefix length, by IP version.
USUAL_PREFIX = {4: 24, 6: 64}
_MAC_LENGTHS = (17, 59)  # characters: of an Ethernet card's 6 bytes, of an InfiniBand port's 20
# Units that netplan's reference allows behind an interval, in milliseconds.
_UNITS = {"ms": 1, "s": 1000, "sec": 1000, "m": 60000, "min": 60000, "h": 3600000}


def below(path: str, key: "Any") -> str:
    """The JSON pointer of a key or index below `path`, fit for one line."""
    token = pointer.token(key)
    if not token.isprintable():
        token = "".join(letter if letter.isprintable() else "?" for letter in token)
    return "%s/%s" % (path, token)


def is_plain(value: "Any") -> bool:
    """Whether a value is one text, number or boolean, or nothing."""
    return not isinstance(value, (dict, list))


def attempt(
    network: "Network", path: str, make: "Callable[..., T]", *values: "Any", **named: "Any"
) -> "Optional[T]":
    """What `make` makes of the values; None, and a problem noted, where they are wrong."""
    if not all(is_plain(value) for value in values):
        network.error(path, "should be one value, no list and no mapping")
        return None
    try:
        return make(*values, **named)
    except Invalid as error:
        network.error(path, str(error))
        return None


def mapping(network: "Network", path: str, value: "Any") -> "Dict[Any, Any]":
    """`value` as a mapping; an empty one where nothing is said or it is none."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    network.error(path, "should be a mapping")
    return {}


def items(network: "Network", path: str, value: "Any", kind: "Type[Any]" = object) -> "List[Any]":
    """`value` as a list of `kind`: a lone value is a list of one, None an empty one."""
    return [item for _, item in numbered(network, path, value, kind)]


def numbered(
    network: "Network", path: str, value: "Any", kind: "Type[Any]" = object
) -> "List[Tuple[str, Any]]":
    """As `items`, each with its JSON pointer."""
    if value is None or value == "":
        return []
    lone = not isinstance(value, list)
    good = []
    for index, item in enumerate([value] if lone else value):
        where = path if lone else "%s/%d" % (path, index)
        if isinstance(item, kind):
            good.append((where, item))
        else:
            network.error(where, "should be %s" % ("a mapping" if kind is dict else "a text"))
    return good


def words(value: "Any") -> "List[str]":
    """A list of texts, or a text of words parted by blanks or commas."""
    if value is None:
        return []
    if isinstance(value, list):
        return [str(item) for item in value if is_plain(item)]
    return str(value).replace(",", " ").split() if is_plain(value) else []


def texts(network: "Network", path: str, value: "Any") -> "List[Tuple[str, str]]":
    """A list of texts, or a text of words parted by blanks or commas; each with its JSON pointer."""
    if value is None:
        return []
    if isinstance(value, str):
        return [(path, word) for word in value.replace(",", " ").split()]
    found = []
    for where, item in numbered(network, path, value):
        if is_plain(item) and not isinstance(item, bool) and item is not None:
            found.append((where, str(item).strip()))
        else:
            network.error(where, "should be a text")
    return found


def flag(network: "Network", path: str, value: "Any") -> "Optional[bool]":
    """A boolean, also in the words YAML 1.1 takes for one; None where nothing is said."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1", "y"):
        return True
    if text in ("false", "no", "off", "0", "n"):
        return False
    network.error(path, "should be true or false")
    return None


def choice(network: "Network", path: str, value: "Any", words: "Sequence[str]") -> "Optional[str]":
    """One of `words`; None where nothing is said."""
    if value is None:
        return None
    text = str(value).strip().lower()
    if text in words:
        return text
    network.error(path, "should be %s or %s" % (", ".join(words[:-1]), words[-1]))
    return None


def whole(
    network: "Network", path: str, value: "Any", what: str, low: int = 0, high: int = 0xFFFFFFFF
) -> "Optional[int]":
    """A whole number within bounds; None where nothing is said."""
    return attempt(network, path, number, value, what, low, high)


def interval(
    network: "Network", path: str, value: "Any", what: str, unit: str, low: int, high: int
) -> "Optional[int]":
    """A whole number of `unit` ("ms" or "s") within bounds, from a number of it or `100ms`, `2s`, `1m`."""
    match = re.match(r"([0-9]{1,12})\s*([a-z]{1,3})\Z", str(value).strip().lower())
    if match is not None and match.group(2) in _UNITS:
        value, rest = divmod(int(match.group(1)) * _UNITS[match.group(2)], _UNITS[unit])
        if rest:
            network.error(path, "%s should be whole seconds" % what)
            return None
    return whole(network, path, value, what, low, high)


def renderer(network: "Network", path: str, value: "Any") -> "Optional[str]":
    """The name of a network service; which one it is shows later."""
    if value is None:
        return None
    if isinstance(value, str) and re.match(r"[A-Za-z-]{1,30}\Z", value):
        return value
    network.error(path, "should be the name of a network service")
    return None


def mtu(network: "Network", path: str, value: "Any", version: int = 4) -> "Optional[int]":
    """An MTU in bytes."""
    return whole(network, path, value, "mtu", *(_MTU if version == 4 else _MTU6))


def mac(network: "Network", path: str, value: "Any") -> "Optional[str]":
    """A hardware address; None where nothing is said."""
    if value in (None, ""):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = _sexagesimal(value)
    found = attempt(network, path, mac_address, value)
    if found is not None and len(found) not in _MAC_LENGTHS:
        network.error(path, "should be a hardware address of 6 bytes, or of 20 for InfiniBand")
        return None
    return found


def _sexagesimal(value: int) -> str:
    """YAML takes an address without quotes and without letters for a number to the base of 60."""
    parts = []
    for _ in range(5):
        value, part = divmod(value, 60)
        parts.append("%02d" % part)
    return ":".join(["%02d" % value] + parts[::-1]) if 0 <= value < 100 else "?"


def nameservers(network: "Network", path: str, value: "Any", into: "List[str]") -> None:
    """Add name servers."""
    for where, item in texts(network, path, value):
        found = attempt(network, where, nameserver, item)
        if found is not None:
            into.append(found)


def search_domains(network: "Network", path: str, value: "Any", into: "List[str]") -> None:
    """Add search domains."""
    for where, item in texts(network, path, value):
        found = attempt(network, where, domain, item)
        if found is not None:
            into.append(found)


def add_address(
    network: "Network", path: str, device: "Device", value: "Any", mask: "Any" = None, usual: bool = False
) -> "Optional[Address]":
    """Add an address to a device.

    Without a prefix length it is a host's own, or (`usual`) of a network of the usual size, which is said.
    """
    found = attempt(network, path, Address.parse, value, mask)
    if found is None:
        return None
    check_mask(network, path.rpartition("/")[0] + "/netmask", value, mask)
    if usual and mask in (None, "") and not str(value).partition("/")[2]:
        found.prefix = USUAL_PREFIX[found.version]
        network.warning(path, "the address has no prefix length; it is taken as one of /%d" % found.prefix)
    device.addresses.append(found)
    return found


def check_mask(network: "Network", path: str, value: "Any", mask: "Any") -> None:
    """Name a mask (at `path`) that is not that of the prefix length which the address has as well."""
    address, _, length = str(value).strip().partition("/")
    if mask in (None, "") or not length:
        return
    both = [attempt(network, path, Address.parse, address, item) for item in (mask, length)]
    if None not in both and str(both[0]) != str(both[1]):
        network.warning(path, "the netmask has no effect beside another prefix length")


def leftovers(
    network: "Network",
    path: str,
    entry: "Dict[Any, Any]",
    taken: "Iterable[str]",
    what: str,
    unsupported: "Iterable[str]" = (),
) -> None:
    """Name each key that nothing here takes; `unsupported` are those of the format all the same."""
    from tsagent.userdata.problem import shown

    known = set(taken)
    other = set(unsupported)
    for key in sorted(set(entry) - known):
        if key in other:
            if entry[key] is not None:
                network.warning(
                    below(path, key), "%s: %s is not supported here and has no effect" % (what, key)
                )
            continue
        from tsagent.userdata.expected import close

        likely = close(key, sorted(known | other))
        network.unknown(
            below(path, key),
            '%s: the key "%s" is not known and has no effect%s'
            % (what, shown(key), ': did you mean "%s"?' % likely if likely else ""),
        )


def unknown_parameter(
    network: "Network", path: str, device: "Device", of: str, key: str, plain: str, known: "Iterable[str]"
) -> None:
    """Name a parameter of a bond or bridge (`of`) that nothing here takes; `plain` is what it is called in
    the words of `known`.
    """
    from tsagent.userdata.expected import close
    from tsagent.userdata.problem import shown

    likely = close(plain, sorted(known))
    network.unknown(
        path,
        "%s: the %s parameter %s is not known and has no effect%s"
        % (device.name, of, shown(key), ": did you mean %s?" % likely if likely else ""),
    )
