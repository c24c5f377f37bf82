"""The network, as every reader describes it and every renderer takes it.

Plain objects, validated where they are made: an address here is an address. Prefix lengths are bits,
MTU bytes, metrics and priorities the kernel's numbers. What a reader could not take, and what a renderer
cannot express, stands in `Network.problems`, so that nothing asked for is dropped in silence.
"""

import re

from tsagent.netconfig.addressing import Address, Route, Rule
from tsagent.netconfig.options import AdvertisementOptions, BridgeOptions, DhcpOptions, EthernetOptions
from tsagent.netconfig.values import (
    interface_name,
    is_interface_name,
)
from tsagent.userdata.problem import ERROR, WARNING, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

ETHERNET = "ethernet"
INFINIBAND = "infiniband"
BOND = "bond"
BRIDGE = "bridge"
VLAN = "vlan"
VRF = "vrf"
DUMMY = "dummy"
LOOPBACK = "loopback"
# What is there already and has to be found, and what is made.
CARDS = (ETHERNET, INFINIBAND)
VIRTUAL = (BOND, BRIDGE, VLAN, VRF, DUMMY)
KINDS = CARDS + VIRTUAL + (LOOPBACK,)

# When a device is brought up: with the network; only when somebody asks; not at all (kept down).
AUTO = "auto"
MANUAL = "manual"
OFF = "off"


class Device:
    """One network device.

    `name` is what the configuration calls it; `interface` the kernel's name, once it is known. `path` is the
    JSON pointer of its description, for messages. A `mac` is what it is matched by (lower case), as are
    `match_name` and `match_drivers` (shell patterns); `set_mac` is what it shall have, `set_name` its name
    from now on. `dhcp4`, `dhcp6` and `accept_ra` are None where nothing is said.
    """

    def __init__(self, name: str, kind: str = ETHERNET) -> None:
        self.name = interface_name(name)
        self.kind = kind
        self.path = ""
        self.interface: "Optional[str]" = None
        # Found by, named.
        self.mac: "Optional[str]" = None
        # Another card of this machine has that address, too: only with its name is it found.
        self.mac_shared = False
        self.match_name: "Optional[str]" = None
        self.match_drivers: "List[str]" = []
        self.set_mac: "Optional[str]" = None
        self.set_name: "Optional[str]" = None
        # Addresses.
        self.dhcp4: "Optional[bool]" = None
        self.dhcp6: "Optional[bool]" = None
        # DHCPv6 for options alone, the addresses being the router's: stateless. Only beside `accept_ra`.
        self.dhcp6_stateless = False
        self.dhcp4_options = DhcpOptions()
        self.dhcp6_options = DhcpOptions()
        self.accept_ra: "Optional[bool]" = None
        self.ra_options = AdvertisementOptions()
        # Whether addresses are made from the prefixes that a router advertises: False where DHCPv6 alone
        # gives them ("stateful"); None where nothing is said.
        self.ipv6_autoconf: "Optional[bool]" = None
        # Temporary addresses (RFC 8981), preferred for what the machine begins itself.
        self.ipv6_privacy: "Optional[bool]" = None
        # "eui64" or "stable-privacy"; or the last 64 bits of the address, as `::1`.
        self.ipv6_generation: "Optional[str]" = None
        self.ipv6_token: "Optional[str]" = None
        # IP versions that get a link-local address; None where nothing is said.
        self.link_local: "Optional[List[int]]" = None
        self.addresses: "List[Address]" = []
        self.routes: "List[Route]" = []
        # Which of the gateways of `routes` were called the device's gateway, with no route written for them.
        # It means the same; only where a format has words for both does it show.
        self.gateways: "List[str]" = []
        self.rules: "List[Rule]" = []
        self.nameservers: "List[str]" = []
        self.search: "List[str]" = []
        # The link. `mtu6` is the IPv6 MTU where it is another.
        self.mtu: "Optional[int]" = None
        self.mtu6: "Optional[int]" = None
        self.ethernet = EthernetOptions()
        # Nothing waits for it; AUTO, MANUAL or OFF; kept when the service stops; configured without a
        # carrier.
        self.optional = False
        self.activation = AUTO
        self.critical = False
        self.ignore_carrier: "Optional[bool]" = None
        # A bond's kernel option names to values (times in milliseconds); `primary` is a member's name.
        self.bond: "Dict[str, str]" = {}
        self.bridge = BridgeOptions()
        # Ports of a bond, a bridge or a VRF, by the names the configuration gives them.
        self.members: "List[str]" = []
        self.vlan: "Optional[int]" = None
        self.parent: "Optional[str]" = None
        self.vrf_table: "Optional[int]" = None

    @property
    def label(self) -> str:
        """The name files and people know it by; safe as a part of a file name."""
        name = self.set_name or self.interface or self.name
        # With a match of its own a device may be called anything, even `../x`.
        return name if is_interface_name(name) else re.sub(r"[^A-Za-z0-9_]", "-", name)[:64]

    @property
    def kernel_name(self) -> "Optional[str]":
        """The kernel's name from the next start on; None where only the machine could tell."""
        return self.set_name or self.interface

    @property
    def renamed(self) -> bool:
        """Whether it has another name until the next start."""
        return bool(self.set_name and self.interface and self.interface != self.set_name)

    @property
    def required(self) -> bool:
        """Whether the machine counts as online only with this device."""
        return not self.optional and self.activation == AUTO

    def dhcp_options(self, version: int) -> DhcpOptions:
        """What is said about DHCP for IPv4 or IPv6."""
        return self.dhcp4_options if version == 4 else self.dhcp6_options

    def wants(self, version: int) -> bool:
        """Whether anything is configured for IPv4 or IPv6."""
        dynamic = bool(self.dhcp4) if version == 4 else bool(self.dhcp6) or bool(self.accept_ra)
        return dynamic or any(item.version == version for item in self.addresses)

    def as_data(self) -> "Dict[str, Any]":
        """What is said about it, without what is not said: plain data to compare and to print."""
        blank = vars(Device("blank", self.kind))
        return {
            name: _plain(value)
            for name, value in sorted(vars(self).items())
            if name in ("kind", "name") or (name not in ("gateways", "path") and value != blank[name])
        }


class Network:
    """All devices, and what belongs to none of them.

    `source` says in a few words where it was read; `renderer` what the configuration asks for. `document`
    is the configuration itself where it was version 2, which netplan reads as it stands. `primary` is the
    name of the device that carries the machine's own traffic, once it is known.
    """

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.renderer: "Optional[str]" = None
        self.document: "Optional[Dict[str, Any]]" = None
        self.primary: "Optional[str]" = None
        self.devices: "List[Device]" = []
        self.nameservers: "List[str]" = []
        self.search: "List[str]" = []
        self.problems: "List[Problem]" = []

    def error(self, path: str, message: str) -> None:
        """Note that something was left out because it is wrong. `path` is a JSON pointer."""
        self.problems.append(Problem(ERROR, path, message, rule="network"))

    def warning(self, path: str, message: str) -> None:
        """Note that something was left out because nothing here can express it."""
        self.problems.append(Problem(WARNING, path, message, rule="network-unsupported"))

    def unknown(self, path: str, message: str) -> None:
        """Note that nothing here knows the key at `path`."""
        self.problems.append(Problem(WARNING, path, message, rule="unknown-key"))

    def left_out(self, device: Device, setting: str, renderer: str) -> None:
        """Note that `renderer` (the service's own name) cannot express a setting of a device."""
        self.warning(
            device.path, "%s: %s cannot express %s; it has no effect" % (device.label, renderer, setting)
        )

    def find(self, name: "Optional[str]") -> "Optional[Device]":
        """The device the configuration calls `name`."""
        for device in self.devices:
            if device.name == name:
                return device
        return None

    def master_of(self, device: Device, *kinds: str) -> "Optional[Device]":
        """The bond or bridge (or a device of these `kinds`) that a device is a port of."""
        for other in self.devices:
            if device.name in other.members and other.kind in (kinds or (BOND, BRIDGE)):
                return other
        return None

    def as_data(self) -> "Dict[str, Any]":
        """Devices, name servers and search domains as plain data, to compare two networks by."""
        return {
            "devices": [device.as_data() for device in self.devices],
            "nameservers": list(self.nameservers),
            "search": list(self.search),
        }


def _plain(value: "Any") -> "Any":
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(value, "stated"):
        return value.stated()
    if isinstance(value, (Address, Route, Rule)):
        given = {name: getattr(value, name) for name in value.__slots__ if name != "version"}
        return {name: item for name, item in sorted(given.items()) if item is not None and item is not False}
    return value
