"""The network, as every reader describes it and every renderer takes it.

Plain objects, validated where they are made: an address here is an address. Prefix lengths are bits,
MTU bytes, metrics and priorities the kernel's numbers. What a reader could not take stands in
`Network.problems`, so that nothing asked for is dropped in silence.
"""

import re

from tsagent.userdata.problem import ERROR, WARNING, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple, Union

ETHERNET = "ethernet"
BOND = "bond"
VLAN = "vlan"

_MAC = r"[0-9a-f]{2}(:[0-9a-f]{2}){5}(:[0-9a-f]{2}){0,14}\Z"
# IFNAMSIZ of linux/if.h is 16 with the NUL; the kernel refuses "/" and blanks, NetworkManager ":".
_NAME = r"[A-Za-z0-9_.@-]{1,15}\Z"
_DOMAIN = r"[A-Za-z0-9_~]([A-Za-z0-9_.-]{0,252})\Z"


class Invalid(ValueError):
    """A value that is not what it should be; the message says what was expected and never quotes it."""


class Address:
    """An address with its prefix length."""

    __slots__ = ("ip", "prefix", "version")

    def __init__(self, ip: str, prefix: int, version: int) -> None:
        self.ip = ip
        self.prefix = prefix
        self.version = version

    def __str__(self) -> str:
        return "%s/%d" % (self.ip, self.prefix)

    @classmethod
    def parse(cls, value: "Any", mask: "Any" = None) -> "Address":
        """From `192.0.2.1/24`, or an address and a mask or prefix length; a host's own where none is said."""
        text = str(value).strip()
        if mask not in (None, "") and "/" not in text:
            text = "%s/%s" % (text, str(mask).strip())
        address, _, length = text.partition("/")
        import ipaddress

        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            raise Invalid("should be an IP address, with its prefix length") from None
        return cls(str(ip), prefix_length(length, ip.version), ip.version)


class Route:
    """Where packets for `to` go: a network as `0.0.0.0/0`, with or without a gateway `via`."""

    __slots__ = ("metric", "on_link", "table", "to", "version", "via")

    def __init__(
        self,
        to: str,
        via: "Optional[str]" = None,
        metric: "Optional[int]" = None,
        table: "Optional[int]" = None,
        on_link: bool = False,
    ) -> None:
        import ipaddress

        network = ipaddress.ip_network(to)
        self.to = str(network)
        self.version = network.version
        self.via = via
        self.metric = metric
        self.table = table
        self.on_link = on_link

    @property
    def default(self) -> bool:
        """Whether it is a default route."""
        return self.to in ("0.0.0.0/0", "::/0")

    @classmethod
    def parse(
        cls,
        to: "Any",
        via: "Any" = None,
        mask: "Any" = None,
        metric: "Any" = None,
        table: "Any" = None,
        on_link: bool = False,
    ) -> "Route":
        """From loose values: `to` may be `default`, or an address with a mask of its own."""
        gateway: "Optional[str]" = None
        version = 4
        if via not in (None, ""):
            gateway, version = _plain_address(via, "the gateway")
        if str(to) in ("default", "0.0.0.0/0", "::/0"):
            target = "::/0" if (version == 6 or str(to) == "::/0") else "0.0.0.0/0"
        else:
            found = Address.parse(to, mask)
            import ipaddress

            # A host's address with a network's prefix is what people write; the network is what is meant.
            target = str(ipaddress.ip_network("%s/%d" % (found.ip, found.prefix), strict=False))
        network_version = 6 if ":" in target else 4
        if gateway is not None and network_version != version:
            raise Invalid("the gateway and the network are of different IP versions")
        return cls(target, gateway, number(metric, "metric"), number(table, "table"), bool(on_link))


class Rule:
    """A policy routing rule: packets `source` → `to` are routed by `table`."""

    __slots__ = ("priority", "source", "table", "to", "version")

    def __init__(
        self,
        table: int,
        source: "Optional[str]" = None,
        to: "Optional[str]" = None,
        priority: "Optional[int]" = None,
    ) -> None:
        if source is None and to is None:
            raise Invalid("a rule needs a from or a to")
        self.table = table
        self.source = source
        self.to = to
        self.priority = priority
        self.version = 6 if ":" in (source or to or "") else 4


class Device:
    """One network device.

    `name` is what the configuration calls it; `interface` the kernel's name, once it is known. A `mac`
    is what it is matched by (lower case), `set_mac` what it shall have, `set_name` its name from now on.
    `dhcp4`, `dhcp6` and `accept_ra` are None where nothing is said.
    """

    def __init__(self, name: str, kind: str = ETHERNET) -> None:
        self.name = interface_name(name)
        self.kind = kind
        self.interface: "Optional[str]" = None
        self.mac: "Optional[str]" = None
        self.match_name: "Optional[str]" = None
        self.set_mac: "Optional[str]" = None
        self.set_name: "Optional[str]" = None
        self.mtu: "Optional[int]" = None
        self.dhcp4: "Optional[bool]" = None
        self.dhcp6: "Optional[bool]" = None
        self.accept_ra: "Optional[bool]" = None
        self.addresses: "List[Address]" = []
        self.routes: "List[Route]" = []
        self.rules: "List[Rule]" = []
        self.nameservers: "List[str]" = []
        self.search: "List[str]" = []
        self.optional = False
        self.bond: "Dict[str, str]" = {}  # kernel option names to values
        self.members: "List[str]" = []
        self.vlan: "Optional[int]" = None
        self.parent: "Optional[str]" = None

    @property
    def label(self) -> str:
        """The name files and people know it by; safe as a part of a file name."""
        name = self.set_name or self.interface or self.name
        # With a match of its own a device may be called anything, even `../x`.
        return name if re.match(_NAME, name) else re.sub(r"[^A-Za-z0-9_]", "-", name)[:64]

    @property
    def kernel_name(self) -> "Optional[str]":
        """The kernel's name from the next start on; None where only the machine could tell."""
        return self.set_name or self.interface

    @property
    def renamed(self) -> bool:
        """Whether it has another name until the next start."""
        return bool(self.set_name and self.interface and self.interface != self.set_name)

    def wants(self, version: int) -> bool:
        """Whether anything is configured for IPv4 or IPv6."""
        dynamic = bool(self.dhcp4) if version == 4 else bool(self.dhcp6) or bool(self.accept_ra)
        return dynamic or any(item.version == version for item in self.addresses)


class Network:
    """All devices, and what belongs to none of them.

    `source` says in a few words where it was read; `renderer` what the configuration asks for.
    """

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.renderer: "Optional[str]" = None
        self.devices: "List[Device]" = []
        self.nameservers: "List[str]" = []
        self.search: "List[str]" = []
        self.problems: "List[Problem]" = []

    def error(self, path: str, message: str) -> None:
        """Note that something was left out because it is wrong. `path` is a JSON pointer."""
        self.problems.append(Problem(ERROR, path, message, rule="network"))

    def warning(self, path: str, message: str) -> None:
        """Note that something was left out because nothing here can express it yet."""
        self.problems.append(Problem(WARNING, path, message, rule="network-unsupported"))

    def find(self, name: "Optional[str]") -> "Optional[Device]":
        """The device the configuration calls `name`."""
        for device in self.devices:
            if device.name == name:
                return device
        return None

    def master_of(self, device: Device) -> "Optional[Device]":
        """The bond a device is a member of."""
        for other in self.devices:
            if device.name in other.members:
                return other
        return None


def mac_address(value: "Any") -> str:
    """A hardware address in lower case with colons. Raises Invalid."""
    text = str(value).strip().lower().replace("-", ":")
    if not re.match(_MAC, text):
        raise Invalid("should be a hardware address such as 52:54:00:12:34:56")
    return text


def interface_name(value: "Any") -> str:
    """A name the kernel takes for an interface. Raises Invalid."""
    text = str(value)
    if not re.match(_NAME, text) or text in (".", ".."):
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
    address, _ = _plain_address(value, "the name server")
    return address


def number(value: "Any", what: str, low: int = 0, high: int = 0xFFFFFFFF) -> "Optional[int]":
    """A whole number within bounds, None where nothing is said. Raises Invalid."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise Invalid("%s should be a number" % what)
    try:
        result = int(str(value), 10)
    except ValueError:
        raise Invalid("%s should be a number" % what) from None
    if not low <= result <= high:
        raise Invalid("%s should be from %d to %d" % (what, low, high))
    return result


def prefix_length(value: "Union[str, int]", version: int) -> int:
    """A prefix length from a number or a mask (`255.255.255.0`, `ffff:ffff::`); a host's where empty."""
    text = str(value)
    longest = 32 if version == 4 else 128
    if not text:
        return longest
    if text.isdigit():
        if int(text) > longest:
            raise Invalid("the prefix length should be at most %d" % longest)
        return int(text)
    import ipaddress

    try:
        mask = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid("the mask should be a prefix length or a network mask") from None
    if mask.version != version:
        raise Invalid("the mask is of another IP version than the address")
    bits = int(mask)
    length = bin(bits).count("1")
    if bits != ((1 << longest) - 1) ^ ((1 << (longest - length)) - 1):
        raise Invalid("the mask should be ones followed by zeros")
    return length


def mask_of(prefix: int) -> str:
    """An IPv4 prefix length as a mask."""
    import ipaddress

    return str(ipaddress.ip_network("0.0.0.0/%d" % prefix).netmask)


def _plain_address(value: "Any", what: str) -> "Tuple[str, int]":
    import ipaddress

    try:
        ip = ipaddress.ip_address(str(value).strip())
    except ValueError:
        raise Invalid("%s should be an IP address" % what) from None
    return str(ip), ip.version
