"""Addresses, routes and policy rules of the model, checked where they are made.

Prefix lengths are bits, metrics and priorities the kernel's numbers. Messages never quote a value.
"""

from tsagent.netconfig.values import Invalid, number, parsed_address, plain_address, prefix_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

# Source: ip-route(8), TYPE.
ROUTE_TYPES = (
    "unicast", "blackhole", "unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast",
    "nat", "xresolve",
)  # fmt: skip
_WITHOUT_GATEWAY = ("blackhole", "unreachable", "prohibit", "throw")


class Address:
    """An address with its prefix length.

    `label` is the interface alias of an IPv4 address (at most 15 characters); `deprecated` says that it is
    not chosen for new connections (a preferred lifetime of 0).
    """

    __slots__ = ("deprecated", "ip", "label", "prefix", "version")

    def __init__(
        self, ip: str, prefix: int, version: int, label: "Optional[str]" = None, deprecated: bool = False
    ) -> None:
        self.ip = ip
        self.prefix = prefix
        self.version = version
        self.label = label
        self.deprecated = deprecated

    def __str__(self) -> str:
        return "%s/%d" % (self.ip, self.prefix)

    @classmethod
    def parse(cls, value: "Any", mask: "Any" = None) -> "Address":
        """From `192.0.2.1/24`, or an address and a mask or prefix length; a host's own where none is said."""
        text = str(value).strip()
        if mask not in (None, "") and "/" not in text:
            text = "%s/%s" % (text, str(mask).strip())
        address, _, length = text.partition("/")
        try:
            ip, version = parsed_address(address)
        except ValueError:
            raise Invalid("should be an IP address, with its prefix length") from None
        return cls(ip, prefix_length(length, version), version)


class Route:
    """Where packets for `to` go: a network as `0.0.0.0/0`, with or without a gateway `via`.

    `kind` is one of ROUTE_TYPES; `scope` is "global", "link" or "host"; `source` the address preferred for
    what is sent; `mtu` and `advertised_mss` are in bytes, `congestion_window` and `receive_window` (the
    kernel's initcwnd and initrwnd) in segments.
    """

    __slots__ = (
        "advertised_mss", "congestion_window", "kind", "metric", "mtu", "on_link", "receive_window", "scope",
        "source", "table", "to", "version", "via",
    )  # fmt: skip

    def __init__(
        self,
        to: str,
        via: "Optional[str]" = None,
        metric: "Optional[int]" = None,
        table: "Optional[int]" = None,
        on_link: bool = False,
        kind: str = "unicast",
        scope: "Optional[str]" = None,
        source: "Optional[str]" = None,
        mtu: "Optional[int]" = None,
        congestion_window: "Optional[int]" = None,
        receive_window: "Optional[int]" = None,
        advertised_mss: "Optional[int]" = None,
    ) -> None:
        import ipaddress

        network = ipaddress.ip_network(to)
        self.to = str(network)
        self.version = network.version
        self.via = via
        self.metric = metric
        self.table = table
        self.on_link = on_link
        self.kind = kind
        self.scope = scope
        self.source = source
        self.mtu = mtu
        self.congestion_window = congestion_window
        self.receive_window = receive_window
        self.advertised_mss = advertised_mss

    @property
    def default(self) -> bool:
        """Whether it is a default route."""
        return self.to in ("0.0.0.0/0", "::/0")

    @property
    def plain(self) -> bool:
        """Whether it says no more than where to and through which gateway: what every service can express."""
        given = [
            getattr(self, name) for name in self.__slots__ if name not in ("to", "via", "version", "kind")
        ]
        return self.kind == "unicast" and all(value is None or value is False for value in given)

    @classmethod
    def parse(
        cls,
        to: "Any",
        via: "Any" = None,
        mask: "Any" = None,
        metric: "Any" = None,
        table: "Any" = None,
        on_link: bool = False,
        kind: "Any" = None,
        scope: "Any" = None,
        source: "Any" = None,
        mtu: "Any" = None,
        congestion_window: "Any" = None,
        receive_window: "Any" = None,
        advertised_mss: "Any" = None,
    ) -> "Route":
        """From loose values: `to` may be `default`, or an address with a mask of its own."""
        gateway: "Optional[str]" = None
        version: "Optional[int]" = None
        preferred: "Optional[str]" = None
        if via not in (None, ""):
            gateway, version = plain_address(via, "the gateway")
        if source not in (None, ""):
            preferred, source_version = plain_address(source, "the source address")
            if version is not None and source_version != version:
                raise Invalid("the gateway and the source address are of different IP versions")
            version = version or source_version
        text = str(to).strip().lower()
        if text in ("default", "0.0.0.0/0", "::/0"):
            target = "::/0" if text == "::/0" or (text == "default" and version == 6) else "0.0.0.0/0"
        else:
            found = Address.parse(to, mask)
            import ipaddress

            # A host's address with a network's prefix is what people write; the network is what is meant.
            target = str(ipaddress.ip_network("%s/%d" % (found.ip, found.prefix), strict=False))
        if version is not None and (6 if ":" in target else 4) != version:
            raise Invalid("the gateway and the network are of different IP versions")
        chosen = str(kind) if kind not in (None, "") else "unicast"
        if chosen not in ROUTE_TYPES:
            raise Invalid("the type of a route should be one of " + ", ".join(ROUTE_TYPES))
        if gateway is not None and chosen in _WITHOUT_GATEWAY:
            raise Invalid("a route of this type has no gateway")
        if scope not in (None, "", "global", "link", "host"):
            raise Invalid("the scope of a route should be global, link or host")
        return cls(
            target,
            gateway,
            number(metric, "metric"),
            number(table, "table", 1),
            bool(on_link),
            chosen,
            str(scope) if scope else None,
            preferred,
            number(mtu, "mtu", 68, 65535),
            number(congestion_window, "congestion-window", 1),
            number(receive_window, "advertised-receive-window", 1),
            number(advertised_mss, "advertised-mss", 1, 65535),
        )


class Rule:
    """A policy routing rule: packets `source` → `to`, with `mark` and `tos`, are routed by `table`.

    `source` and `to` are networks; `mark` is the firewall mark, `tos` the byte of the IP header.
    """

    __slots__ = ("mark", "priority", "source", "table", "to", "tos", "version")

    def __init__(
        self,
        table: int,
        source: "Optional[str]" = None,
        to: "Optional[str]" = None,
        priority: "Optional[int]" = None,
        mark: "Optional[int]" = None,
        tos: "Optional[int]" = None,
    ) -> None:
        if source is None and to is None and mark is None and tos is None:
            raise Invalid("a rule needs a from, a to, a mark or a type-of-service")
        if source is not None and to is not None and (":" in source) != (":" in to):
            raise Invalid("the from and the to of a rule are of different IP versions")
        self.table = table
        self.source = source
        self.to = to
        self.priority = priority
        self.mark = mark
        self.tos = tos
        self.version = 6 if ":" in (source or to or "") else 4
