"""How a device of version 2 gets its addresses, routes and name servers.

Source: netplan's YAML reference, "Properties for all device types", "DHCP Overrides" and "Routing".
"""

import re

from tsagent.netconfig.readers import fields
from tsagent.netconfig.readers.routing import add_gateway, add_route, add_rule
from tsagent.netconfig.values import Invalid, plain_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Device, Network

# The keys that are read here.
ADDRESSING = (
    "dhcp4", "dhcp6", "dhcp4-overrides", "dhcp6-overrides", "dhcp-identifier", "dhcp4domain", "dhcp6domain",
    "accept-ra", "ra-overrides", "ipv6-privacy", "ipv6-address-generation", "ipv6-address-token",
    "link-local",
    "addresses", "gateway4", "gateway6", "routes", "routing-policy", "nameservers",
)  # fmt: skip
_OVERRIDE_FLAGS = {
    "use-dns": "use_dns",
    "use-hostname": "use_hostname",
    "use-mtu": "use_mtu",
    "use-ntp": "use_ntp",
    "use-routes": "use_routes",
    "send-hostname": "send_hostname",
}
_HOSTNAME = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})\Z"
_LABEL = r"[A-Za-z0-9_.:-]{1,15}\Z"  # IFNAMSIZ of linux/if.h less the NUL
# What `Route.parse` calls a value, to its key.
_ROUTE_KEYS = {
    "the gateway": "via",
    "the source address": "from",
    "metric": "metric",
    "table": "table",
    "mtu": "mtu",
    "congestion-window": "congestion-window",
    "advertised-receive-window": "advertised-receive-window",
    "advertised-mss": "advertised-mss",
}
_ROUTE = ("to", "on-link", "type", "scope", *_ROUTE_KEYS.values())


def read_addressing(network: "Network", path: str, entry: "Dict[str, Any]", device: "Device") -> None:
    """Read what concerns addresses from the description of `device` at `path`."""
    device.dhcp4 = fields.flag(network, path + "/dhcp4", entry.get("dhcp4"))
    device.dhcp6 = fields.flag(network, path + "/dhcp6", entry.get("dhcp6"))
    for version in (4, 6):
        _overrides(network, path, entry, device, version)
    device.dhcp4_options.identifier = fields.choice(
        network, path + "/dhcp-identifier", entry.get("dhcp-identifier"), ("mac", "duid")
    )
    _ipv6(network, path, entry, device)
    for where, address in fields.numbered(network, path + "/addresses", entry.get("addresses")):
        _address(network, where, address, device)
    for key, target in (("gateway4", "0.0.0.0/0"), ("gateway6", "::/0")):
        if entry.get(key) not in (None, ""):
            add_gateway(network, fields.below(path, key), device, {}, entry[key], to=target)
    for where, route in fields.numbered(network, path + "/routes", entry.get("routes"), dict):
        _route(network, where, route, device)
    for where, rule in fields.numbered(network, path + "/routing-policy", entry.get("routing-policy"), dict):
        add_rule(network, where, device, rule, device.vrf_table)
    servers = fields.mapping(network, path + "/nameservers", entry.get("nameservers"))
    fields.nameservers(network, path + "/nameservers/addresses", servers.get("addresses"), device.nameservers)
    fields.search_domains(network, path + "/nameservers/search", servers.get("search"), device.search)
    fields.leftovers(network, path + "/nameservers", servers, ("addresses", "search"), device.name)


def _overrides(
    network: "Network", path: str, entry: "Dict[str, Any]", device: "Device", version: int
) -> None:
    """What is said about a lease; `dhcp4domain` is VMware's own word for one of them."""
    key = "dhcp%d-overrides" % version
    where = fields.below(path, key)
    given = fields.mapping(network, where, entry.get(key))
    options = device.dhcp_options(version)
    for name, attribute in _OVERRIDE_FLAGS.items():
        setattr(options, attribute, fields.flag(network, fields.below(where, name), given.get(name)))
    options.hostname = fields.attempt(network, where + "/hostname", _hostname, given.get("hostname"))
    options.route_metric = fields.whole(
        network, where + "/route-metric", given.get("route-metric"), "route-metric"
    )
    domains = "dhcp%ddomain" % version
    options.use_domains = _use_domains(network, fields.below(path, domains), entry.get(domains))
    if given.get("use-domains") is not None:
        options.use_domains = _use_domains(network, where + "/use-domains", given["use-domains"])
    fields.leftovers(
        network, where, given, (*_OVERRIDE_FLAGS, "hostname", "route-metric", "use-domains"), device.name
    )
    if given and not (device.dhcp4 if version == 4 else device.dhcp6):
        network.warning(where, "%s: without dhcp%d these have no effect" % (device.name, version))


def _hostname(value: "Any") -> "Optional[str]":
    if value is None:
        return None
    if not re.match(_HOSTNAME, str(value)):
        raise Invalid("should be a host name")
    return str(value)


def _use_domains(network: "Network", path: str, value: "Any") -> "Optional[str]":
    if str(value).lower() == "route":
        return "route"
    found = fields.flag(network, path, value)
    return None if found is None else "yes" if found else "no"


def _ipv6(network: "Network", path: str, entry: "Dict[str, Any]", device: "Device") -> None:
    device.accept_ra = fields.flag(network, path + "/accept-ra", entry.get("accept-ra"))
    given = fields.mapping(network, path + "/ra-overrides", entry.get("ra-overrides"))
    options = device.ra_options
    options.use_dns = fields.flag(network, path + "/ra-overrides/use-dns", given.get("use-dns"))
    options.use_domains = _use_domains(network, path + "/ra-overrides/use-domains", given.get("use-domains"))
    options.table = fields.whole(network, path + "/ra-overrides/table", given.get("table"), "table", 1)
    fields.leftovers(network, path + "/ra-overrides", given, ("use-dns", "use-domains", "table"), device.name)
    device.ipv6_privacy = fields.flag(network, path + "/ipv6-privacy", entry.get("ipv6-privacy"))
    device.ipv6_generation = fields.choice(
        network,
        path + "/ipv6-address-generation",
        entry.get("ipv6-address-generation"),
        ("eui64", "stable-privacy"),
    )
    token = fields.attempt(network, path + "/ipv6-address-token", _token, entry.get("ipv6-address-token"))
    if token is not None and device.ipv6_generation is not None:
        network.error(
            path + "/ipv6-address-token",
            "%s: there is ipv6-address-generation, too, which counts" % device.name,
        )
    else:
        device.ipv6_token = token
    if entry.get("link-local") is not None:
        device.link_local = []
        for where, word in fields.texts(network, path + "/link-local", entry["link-local"]):
            found = fields.choice(network, where, word, ("ipv4", "ipv6"))
            version = int(found[-1]) if found else 0
            if version and version not in device.link_local:
                device.link_local.append(version)
        device.link_local.sort()


def _token(value: "Any") -> "Optional[str]":
    """The last 64 bits of an address."""
    if value in (None, ""):
        return None
    text, version = plain_address(value, "the token")
    import ipaddress

    bits = int(ipaddress.ip_address(text))
    if version != 6 or not 0 < bits < 1 << 64:
        raise Invalid("should be the last 64 bits of an IPv6 address, as `::1`")
    return text


def _address(network: "Network", path: str, value: "Any", device: "Device") -> None:
    """An address, plain or as a mapping to its label and lifetime."""
    if not isinstance(value, dict):
        fields.add_address(network, path, device, value, usual=True)
        return
    for text, said in value.items():
        where = fields.below(path, text)
        given = fields.mapping(network, where, said)
        found = fields.add_address(network, where, device, text, usual=True)
        if found is None:
            continue
        label = given.get("label")
        if label is not None and (found.version != 4 or not re.match(_LABEL, str(label))):
            network.error(
                where + "/label",
                "should be of an IPv4 address, and at most 15 letters, digits, dots and colons",
            )
        elif label is not None:
            found.label = str(label)
        lifetime = fields.choice(network, where + "/lifetime", given.get("lifetime"), ("forever", "0"))
        found.deprecated = lifetime == "0"
        fields.leftovers(network, where, given, ("label", "lifetime"), device.name)


def _route(network: "Network", path: str, route: "Dict[str, Any]", device: "Device") -> None:
    add_route(
        network,
        path,
        device,
        _ROUTE_KEYS,
        to=route.get("to"),
        via=route.get("via"),
        metric=route.get("metric"),
        table=device.vrf_table if route.get("table") is None else route["table"],
        on_link=bool(fields.flag(network, path + "/on-link", route.get("on-link"))),
        kind=route.get("type"),
        scope=route.get("scope"),
        source=route.get("from"),
        mtu=route.get("mtu"),
        congestion_window=route.get("congestion-window"),
        receive_window=route.get("advertised-receive-window"),
        advertised_mss=route.get("advertised-mss"),
    )
    fields.leftovers(network, path, route, _ROUTE, device.name)
