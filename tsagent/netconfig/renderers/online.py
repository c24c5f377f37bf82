"""What systemd-networkd and netplan have in common: who is waited for, and gateways outside every network."""

from tsagent.netconfig.model import LOOPBACK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.netconfig.addressing import Route
    from tsagent.netconfig.model import Device
    from tsagent.netconfig.renderers.relations import Relations


def needed(relations: "Relations", device: "Device") -> "Optional[str]":
    """What the device must have reached for the machine to be online; None is networkd's default.

    By default systemd-networkd-wait-online waits for every device, up to two minutes for one without a cable.
    """
    if device.kind == LOOPBACK:
        return None
    if not device.required or (relations.primary is not None and device is not relations.primary):
        return "no"
    if relations.master(device) is not None:
        return "no"  # the bond or bridge decides: one cable may do
    if device.link_local == [] and not (device.wants(4) or device.wants(6)):
        return "carrier"
    return None


def reached_beside(device: "Device", route: "Route") -> bool:
    """Whether a default gateway is on none of the networks that the device is on: it is reached all the same.

    Clouds give a machine one address of its own (a /32) and a gateway outside it.
    """
    if not (route.default and route.via) or (device.dhcp4 if route.version == 4 else device.dhcp6):
        return False
    import ipaddress

    gateway = ipaddress.ip_address(route.via)
    if gateway.is_link_local and route.version == 6:
        return False
    networks = [str(item) for item in device.addresses if item.version == route.version]
    networks += [
        item.to for item in device.routes if item.via is None and item.kind == "unicast" and not item.default
    ]
    return bool(networks) and not any(
        gateway in ipaddress.ip_network(item, strict=False) for item in networks
    )
