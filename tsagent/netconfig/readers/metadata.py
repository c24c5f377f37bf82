"""The metadata service's list of NICs: the primary one by DHCP, each other one with a table of its own.

A secondary NIC gets its addresses, a routing table with its subnet and its gateway, and a rule for what is
sent from each of its addresses. Where it shares the subnet of the primary NIC, that has a table of its own
as well: otherwise both subnets' routes in the main table would compete.
The service says nothing of IPv6 and of the MTU.
Source: Tencent Cloud, "Configuring ENI Within CVM" (the recipe for a second card).
"""

from tsagent.netconfig.addressing import Address, Route
from tsagent.netconfig.model import Device
from tsagent.netconfig.readers import fields
from tsagent.netconfig.source_routing import FIRST_TABLE, give_table, subnets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.netconfig.model import Network

_TABLES = range(FIRST_TABLE, 253)


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the NICs into `network`. A NIC's `table` is its routing table, else they are counted."""
    nics = fields.items(network, "/nics", config.get("nics"), dict)
    primary = next((nic for nic in nics if nic.get("primary")), nics[0] if nics else None)
    tables = _tables(nics, primary)
    first: "Optional[Tuple[Device, Any]]" = None
    subnets = set()
    for index, nic in enumerate(nics):
        path = "/nics/%d" % index
        device = Device("nic%d" % index)
        device.path = path
        device.mac = fields.mac(network, path + "/mac", nic.get("mac"))
        if device.mac is None:
            network.error(path + "/mac", "a NIC needs its hardware address; it is left out")
            continue
        network.devices.append(device)
        addresses = [item for item in fields.items(network, path, nic.get("local_ipv4s")) if item]
        if not addresses and nic.get("local_ipv4"):
            addresses = [nic["local_ipv4"]]
        mask = nic.get("prefix") or nic.get("netmask")
        if nic is primary:
            network.primary = device.name
            device.dhcp4 = True
            device.accept_ra = True
            # DHCP gives the first; others of the same card are known only here.
            for address in addresses[1:]:
                fields.add_address(network, path, device, address, mask)
            first = (device, nic)
            continue
        device.optional = True
        device.accept_ra = False  # else what its router advertises would be a second way out
        if mask is None or not addresses:
            network.warning(path, "the service tells no address and mask of this NIC; it is left without any")
            continue
        for address in addresses:
            fields.add_address(network, path, device, address, mask)
        gateway = nic.get("gateway")
        way = fields.attempt(network, path + "/gateway", Route.parse, "default", gateway) if gateway else None
        if index not in tables:
            network.warning(path, "there are more NICs than routing tables; this one has none of its own")
        elif way is not None and way.via is not None and device.addresses:
            give_table(device, tables[index], [way.via])
            subnets |= subnets_of(device)
    if first is not None:
        _separate_primary(first[0], first[1], subnets)


def _tables(nics: "List[Any]", primary: "Any") -> "Dict[int, int]":
    """The routing table of each NIC but the primary one, by its place in the list."""
    given = {index: nic["table"] for index, nic in enumerate(nics) if nic.get("table") in _TABLES}
    free = [number for number in _TABLES if number not in given.values()]
    for index, nic in enumerate(nics):
        if nic is not primary and index not in given and free:
            given[index] = free.pop(0)
    return given


def keep_tables(former: "List[Any]", nics: "List[Any]") -> "List[Any]":
    """The NICs, each with the routing table that it had in the `former` list, the others with free ones."""
    primary = next((nic for nic in former if nic.get("primary")), former[0] if former else None)
    tables = _tables(former, primary)
    known = {former[index].get("mac"): table for index, table in tables.items()}
    kept = [dict(nic, table=known.get(nic.get("mac"), nic.get("table"))) for nic in nics]
    primary = next((nic for nic in kept if nic.get("primary")), kept[0] if kept else None)
    tables = _tables(kept, primary)
    for index, nic in enumerate(kept):
        nic["table"] = tables.get(index)
    return kept


def _separate_primary(device: "Device", nic: "Any", subnets: "Any") -> None:
    """Where another NIC is in the primary's subnet, route what the primary sends by a table, too."""
    twin = Device(device.name)
    try:
        for address in nic.get("local_ipv4s") or [nic.get("local_ipv4")]:
            twin.addresses.append(Address.parse(address, nic.get("prefix") or nic.get("netmask")))
        if subnets_of(twin) & subnets and nic.get("gateway"):
            give_table(twin, FIRST_TABLE - 1, [nic["gateway"]])
    except ValueError:
        return  # what is wrong was told where it was read; DHCP gives the rest
    device.routes += twin.routes
    device.rules += twin.rules
