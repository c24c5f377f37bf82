"""Taking values out of loosely written documents, noting what is wrong with each."""

from tsagent.netconfig.model import Address, Route
from tsagent.netconfig.values import Invalid, domain, mac_address, nameserver, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Type, TypeVar

    from tsagent.netconfig.model import Device, Network

    T = TypeVar("T")

_MTU = (68, 65535)  # bytes: the least of RFC 791, the most of the IP header's length field


def attempt(
    network: "Network", path: str, make: "Callable[..., T]", *values: "Any", **named: "Any"
) -> "Optional[T]":
    """What `make` makes of the values; None, and a problem noted, where they are wrong."""
    try:
        return make(*values, **named)
    except Invalid as error:
        network.error(path, str(error))
        return None


def items(network: "Network", path: str, value: "Any", kind: "Type[Any]" = object) -> "List[Any]":
    """`value` as a list of `kind`: a lone value is a list of one, None an empty one."""
    if value is None or value == "":
        return []
    found = value if isinstance(value, list) else [value]
    good = []
    for index, item in enumerate(found):
        if isinstance(item, kind):
            good.append(item)
        else:
            network.error(
                "%s/%d" % (path, index), "should be %s" % ("a mapping" if kind is dict else "a text")
            )
    return good


def words(value: "Any") -> "List[str]":
    """A list of texts, or a text of words parted by blanks or commas."""
    if value is None:
        return []
    if isinstance(value, list):
        return [str(item) for item in value]
    return str(value).replace(",", " ").split()


def flag(network: "Network", path: str, value: "Any") -> "Optional[bool]":
    """A boolean, also in the words YAML 1.1 takes for one; None where nothing is said."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    network.error(path, "should be true or false")
    return None


def mtu(network: "Network", path: str, value: "Any") -> "Optional[int]":
    """An MTU in bytes."""
    return attempt(network, path, number, value, "mtu", *_MTU)


def mac(network: "Network", path: str, value: "Any") -> "Optional[str]":
    """A hardware address; None where nothing is said."""
    return None if value in (None, "") else attempt(network, path, mac_address, value)


def nameservers(network: "Network", path: str, value: "Any", into: "List[str]") -> None:
    """Add name servers that are not there yet."""
    for item in words(value):
        found = attempt(network, path, nameserver, item)
        if found is not None and found not in into:
            into.append(found)


def search_domains(network: "Network", path: str, value: "Any", into: "List[str]") -> None:
    """Add search domains that are not there yet."""
    for item in words(value):
        found = attempt(network, path, domain, item)
        if found is not None and found not in into:
            into.append(found)


def add_address(
    network: "Network", path: str, device: "Device", value: "Any", mask: "Any" = None
) -> "Optional[Address]":
    """Add an address to a device."""
    found = attempt(network, path, Address.parse, value, mask)
    if found is not None and str(found) not in [str(item) for item in device.addresses]:
        device.addresses.append(found)
    return found


def add_route(network: "Network", path: str, device: "Device", **values: "Any") -> None:
    """Add a route to a device; a route said twice is one."""
    found = attempt(network, path, Route.parse, **values)
    if found is None:
        return
    for item in device.routes:
        if (item.to, item.via, item.table, item.metric) == (found.to, found.via, found.table, found.metric):
            return
    device.routes.append(found)


def leftovers(
    network: "Network", path: str, mapping: "Dict[str, Any]", taken: "Iterable[str]", what: str
) -> None:
    """Name each key that nothing here takes."""
    for key in sorted(set(map(str, mapping)) - set(taken)):
        network.warning(
            "%s/%s" % (path, key), "%s: the setting %s is not supported yet and has no effect" % (what, key)
        )
