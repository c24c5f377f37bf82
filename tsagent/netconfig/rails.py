"""Rails: the cards of an HPC node that each lead into a network of their own, all alike.

`rails` beside the devices of version 2 is a key of the agent's own. It spares eight times a table, its routes
and its rules: what a rail's addresses send, and what its routes lead to, leaves by this rail.
"""

from tsagent.netconfig.readers import fields
from tsagent.netconfig.source_routing import FIRST_TABLE, give_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from tsagent.netconfig.model import Device, Network

_LAST_TABLE = 252  # the next are the kernel's
_KEYS = ("devices", "first-table", "mtu")


def read(network: "Network", config: "Any") -> None:
    """Give each device that `rails` names a table of its own; what is wrong is told and left out."""
    if config is None:
        return
    config = fields.mapping(network, "/rails", config)
    fields.leftovers(network, "/rails", config, _KEYS, "rails")
    mtu = fields.mtu(network, "/rails/mtu", config.get("mtu"))
    first = fields.whole(
        network, "/rails/first-table", config.get("first-table"), "first-table", 1, _LAST_TABLE
    )
    table = FIRST_TABLE if first is None else first
    seen: "List[Device]" = []
    for index, name in enumerate(fields.items(network, "/rails/devices", config.get("devices"))):
        path = "/rails/devices/%d" % index
        device = network.find(str(name))
        if device is None:
            network.error(path, "should be the name of a device that is described here; it is left out")
            continue
        if device in seen:
            network.error(path, "the device is named twice")
            continue
        seen.append(device)
        if not device.addresses or network.master_of(device) is not None:
            network.error(path, "%s has no address of its own, so it is no rail" % device.name)
            continue
        if device.dhcp4 or device.dhcp6:
            network.error(path, "%s has DHCP, whose routes can be in no table; it is no rail" % device.name)
            continue
        if table > _LAST_TABLE:
            network.error(path, "there are more rails than routing tables; it is left out")
            continue
        _rail(device, table, mtu)
        table += 1


def _rail(device: "Device", table: int, mtu: "Any") -> None:
    for route in device.routes:
        if route.table is None:
            route.table = table
    give_table(device, table, [])
    device.optional = True
    if device.accept_ra is None:
        device.accept_ra = False
    if device.mtu is None:
        device.mtu = mtu
