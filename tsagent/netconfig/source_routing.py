"""Routing by where packets come from: a device with a routing table of its own for what its addresses send.

Without it the answers to what arrives at a second card leave by the first, and the cloud's network drops
them. Source: Tencent Cloud, "Configuring ENI Within CVM" (the recipe for a second card).
"""

from tsagent.netconfig.addressing import Route, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set

    from tsagent.netconfig.model import Device, Network

FIRST_TABLE = 101  # of 1 to 252; 253 to 255 are the kernel's. 100 is the primary card's, where it needs one


def give_table(device: "Device", table: int, gateways: "Optional[List[str]]" = None) -> "List[Route]":
    """Route what the device's static addresses send by `table`: its subnets, and its ways out.

    The ways out are `gateways`, else its default routes of the main table, which move; those are returned.
    Rules have the table's number for their priority.
    """
    moved = []
    if gateways is None:
        moved = [route for route in device.routes if route.default and route.table is None]
        device.routes = [route for route in device.routes if route not in moved]
        for route in moved:
            route.table = table
    else:
        moved = [Route.parse("default", gateway, table=table) for gateway in gateways]
    import ipaddress

    subnets = []
    for address in device.addresses:
        subnet = str(ipaddress.ip_network(str(address), strict=False))
        whole = address.prefix == (32 if address.version == 4 else 128)
        if subnet not in subnets and not whole:
            subnets.append(subnet)
            device.routes.append(Route.parse(subnet, table=table))
        device.rules.append(Rule(table, source="%s/%d" % (address.ip, 32 if address.version == 4 else 128)))
        device.rules[-1].priority = table
    device.routes.extend(moved)
    return moved


def separate(network: "Network") -> "List[Device]":
    """Give a table of its own to each device beside the primary one that has a way out; those devices.

    For descriptions that say which address and gateway each card has, but not how several of them get along:
    OpenStack's. What has rules or tables already is left as it is.
    """
    primary = network.find(network.primary)
    if primary is None:
        return []
    used = {route.table for device in network.devices for route in device.routes}
    changed = []
    table = FIRST_TABLE
    for device in network.devices:
        ways = [route for route in device.routes if route.default and route.table is None]
        ruled = device.rules or any(route.table is not None for route in device.routes)
        if device is primary or not ways or not device.addresses or ruled or network.master_of(device):
            continue
        while table in used:
            table += 1
        give_table(device, table)
        device.optional = True
        used.add(table)
        changed.append(device)
    return changed


def subnets_of(device: "Device") -> "Set[str]":
    """The networks that the device's static addresses are in."""
    import ipaddress

    return {str(ipaddress.ip_network(str(address), strict=False)) for address in device.addresses}
