"""Routes and routing rules of a device, from the loose values of any format."""

import re

from tsagent.netconfig.addressing import Route, Rule
from tsagent.netconfig.readers import fields
from tsagent.netconfig.values import Invalid, parsed_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Device, Network

_MAIN_TABLE = 254  # RT_TABLE_MAIN of linux/rtnetlink.h


def add_route(
    network: "Network", path: str, device: "Device", keys: "Dict[str, str]", **values: "Any"
) -> "Optional[Route]":
    """Add a route to a device.

    `keys` tells where in the mapping at `path` a value stands that is wrong, by what `Route.parse` calls it.
    """
    for name in sorted(values):
        if not fields.is_plain(values[name]):
            network.error(path, "a value of a route should be no list and no mapping")
            return None
    for name in ("via", "source"):
        values[name] = bare(values.get(name))
    target = values.get("to")
    if target in (None, ""):
        network.error(path, "a route needs to say where to; it is left out")
        return None
    if values.get("mask") in (None, ""):
        values["mask"] = _usual_mask(network, path, target)
    try:
        found = Route.parse(**values)
    except Invalid as error:
        network.error(fields.below(path, keys[error.what]) if error.what in keys else path, str(error))
        return None
    fields.check_mask(network, path + "/netmask", target, values["mask"])
    device.routes.append(found)
    return found


def add_gateway(
    network: "Network",
    path: str,
    device: "Device",
    keys: "Dict[str, str]",
    gateway: "Any",
    metric: "Optional[int]" = None,
    to: "Optional[str]" = None,
) -> None:
    """Add the default route through what the configuration calls the device's gateway.

    Its IP version is that of `to`, else the gateway's own.
    """
    target = to or ("::/0" if ":" in str(gateway) else "0.0.0.0/0")
    found = add_route(network, path, device, keys, to=target, via=gateway, metric=metric)
    if found is not None and found.via is not None:
        device.gateways.append(found.via)


def bare(value: "Any") -> "Any":
    """An address without the prefix length or the zone that some write behind a gateway."""
    match = re.match(r"\s*([0-9A-Fa-f:.]+)(%[A-Za-z0-9_.-]{1,15})?(/[0-9]{1,3})?\s*\Z", str(value))
    return match.group(1) if match is not None else value


def _usual_mask(network: "Network", path: str, target: "Any") -> "Optional[int]":
    """The prefix length of a route's network that has none: cloud-init's, but an IPv4 host is a host."""
    text = str(target).strip()
    try:
        address, version = parsed_address(text)
    except ValueError:
        return None
    import ipaddress

    if address in ("0.0.0.0", "::"):  # noqa: S104  # a default route, not a socket's address
        return 0
    if version == 4 and int(ipaddress.ip_address(address)) & 255:
        return None
    network.warning(
        path, "the network has no prefix length; it is taken as one of /%d" % fields.USUAL_PREFIX[version]
    )
    return fields.USUAL_PREFIX[version]


def add_rule(
    network: "Network", path: str, device: "Device", rule: "Dict[Any, Any]", table: "Optional[int]" = None
) -> None:
    """Add a policy rule in netplan's words; without a table it is `table`, or the kernel's main one."""
    ends: "Dict[str, Optional[str]]" = {}
    for key in ("from", "to"):
        where = fields.below(path, key)
        wrong = len(network.problems)
        ends[key] = fields.attempt(network, where, _network, rule.get(key))
        if len(network.problems) > wrong:
            return  # a rule without one of its ends would match more than it should
    numbers = {}
    for key, low, high in (
        ("table", 1, 0xFFFFFFFF),
        ("priority", 0, 0xFFFFFFFF),
        ("mark", 1, 0xFFFFFFFF),
        ("type-of-service", 0, 255),
    ):
        wrong = len(network.problems)
        numbers[key] = fields.whole(network, fields.below(path, key), rule.get(key), key, low, high)
        if len(network.problems) > wrong:
            return
    made = fields.attempt(
        network,
        path,
        Rule,
        numbers["table"] or table or _MAIN_TABLE,
        ends["from"],
        ends["to"],
        numbers["priority"],
        numbers["mark"],
        numbers["type-of-service"],
    )
    if made is not None:
        device.rules.append(made)
    fields.leftovers(
        network, path, rule, ("from", "to", "table", "priority", "mark", "type-of-service"), device.name
    )


def _network(value: "Any") -> "Optional[str]":
    """A network; a host's where there is no prefix length."""
    if value in (None, ""):
        return None
    import ipaddress

    from tsagent.netconfig.addressing import Address

    return str(ipaddress.ip_network(str(Address.parse(value)), strict=False))
