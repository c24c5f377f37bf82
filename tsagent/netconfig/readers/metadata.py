"""The metadata service's list of NICs: the primary one by DHCP, each other one with a table of its own.

A secondary NIC gets its addresses, a default route in its own routing table and a rule for what is sent
from each of its addresses; without them the answers would leave by the primary NIC and be dropped.
Source: Tencent Cloud, "Configuring ENI Within CVM" (the recipe for a second card).
"""

from tsagent.netconfig.model import Device, Route, Rule
from tsagent.netconfig.readers import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from tsagent.netconfig.model import Network

_FIRST_TABLE = 100  # of 1 to 252; 253 to 255 are the kernel's


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the NICs into `network`."""
    nics = fields.items(network, "/nics", config.get("nics"), dict)
    primary = next((nic for nic in nics if nic.get("primary")), nics[0] if nics else None)
    for index, nic in enumerate(nics):
        path = "/nics/%d" % index
        device = Device("nic%d" % index)
        device.mac = fields.mac(network, path + "/mac", nic.get("mac"))
        if device.mac is None:
            network.error(path + "/mac", "a NIC needs its hardware address; it is left out")
            continue
        network.devices.append(device)
        addresses = [item for item in fields.items(network, path, nic.get("local_ipv4s")) if item]
        mask = nic.get("prefix") or nic.get("netmask")
        if nic is primary:
            device.dhcp4 = True
            device.accept_ra = True
            # DHCP gives the first; others of the same card are known only here.
            for address in addresses[1:]:
                fields.add_address(network, path, device, address, mask)
            continue
        device.optional = True
        if not addresses and nic.get("local_ipv4"):
            addresses = [nic["local_ipv4"]]
        if mask is None or not addresses:
            network.warning(path, "the service tells no address and mask of this NIC; it is left without any")
            continue
        table = _FIRST_TABLE + index
        for address in addresses:
            found = fields.add_address(network, path, device, address, mask)
            if found is not None and nic.get("gateway"):
                device.rules.append(Rule(table, source="%s/32" % found.ip, priority=table))
        if nic.get("gateway") and device.addresses:
            route = fields.attempt(
                network, path + "/gateway", Route.parse, "default", nic["gateway"], table=table
            )
            if route is not None:
                device.routes.append(route)
