"""Groups of settings that a device of the model may carry: of DHCP, of router advertisements, of a bridge.

Every attribute is None (or empty) where the configuration says nothing, so that a renderer writes only what
was asked for.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class Options:
    """A group of settings; two are equal when they say the same."""

    def stated(self) -> "Dict[str, Any]":
        """What is said, by attribute."""
        return {name: value for name, value in sorted(vars(self).items()) if value not in (None, {}, [])}

    def __bool__(self) -> bool:
        return bool(self.stated())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class DhcpOptions(Options):
    """What a DHCP client asks for and what it takes, for one IP version.

    `use_domains` is "yes", "no" or "route" (for routing queries only); `route_metric` is the kernel's metric
    of the routes that a lease brings; `identifier` is what the client is known by: "mac" or "duid".
    """

    def __init__(self) -> None:
        self.use_dns: "Optional[bool]" = None
        self.use_domains: "Optional[str]" = None
        self.use_hostname: "Optional[bool]" = None
        self.use_mtu: "Optional[bool]" = None
        self.use_ntp: "Optional[bool]" = None
        self.use_routes: "Optional[bool]" = None
        self.send_hostname: "Optional[bool]" = None
        self.hostname: "Optional[str]" = None
        self.route_metric: "Optional[int]" = None
        self.identifier: "Optional[str]" = None


class AdvertisementOptions(Options):
    """What is taken from router advertisements; `table` is the routing table for their routes."""

    def __init__(self) -> None:
        self.use_dns: "Optional[bool]" = None
        self.use_domains: "Optional[str]" = None
        self.table: "Optional[int]" = None


class BridgeOptions(Options):
    """A bridge's parameters. Times are whole seconds.

    `stp` is whether the spanning tree protocol runs, `priority` the bridge's in it (0 to 65535).
    `port_cost` (1 to 65535) and `port_priority` (0 to 63) are keyed by the ports' configured names. `age`
    is how long an address is remembered. Source: ip-link(8), "BRIDGE Type Support" and "bridge_slave".
    """

    def __init__(self) -> None:
        self.stp: "Optional[bool]" = None
        self.priority: "Optional[int]" = None
        self.age: "Optional[int]" = None
        self.forward_delay: "Optional[int]" = None
        self.hello_time: "Optional[int]" = None
        self.max_age: "Optional[int]" = None
        self.port_cost: "Dict[str, int]" = {}
        self.port_priority: "Dict[str, int]" = {}


class EthernetOptions(Options):
    """What is set on a card itself.

    `offloads` is keyed by ethtool's feature names (see OFFLOADS). `infiniband_mode` is "datagram" or
    "connected".
    """

    def __init__(self) -> None:
        self.wake_on_lan: "Optional[bool]" = None
        self.offloads: "Dict[str, bool]" = {}
        self.infiniband_mode: "Optional[str]" = None


# Feature names of ethtool(8), -K. Source: "ethtool -k" and the kernel's netdev_features_strings.
OFFLOADS = ("rx", "tx", "tso", "tx-tcp6-segmentation", "gso", "gro", "lro")
