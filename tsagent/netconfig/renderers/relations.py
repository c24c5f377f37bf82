"""Who is on or below whom, looked up once: configurations may have thousands of devices."""

from tsagent.netconfig.model import BOND, BRIDGE, VLAN, VRF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

    from tsagent.netconfig.model import Device, Network


class Relations:
    """The devices of a network by name, with their masters and what is made on them.

    `primary` is the device that the machine is reached by (the bond or bridge, where it is a port); None
    where that is not known.
    """

    def __init__(self, network: "Network") -> None:
        self._devices: "Dict[str, Device]" = {}
        self._masters: "Dict[str, Device]" = {}
        self._vrfs: "Dict[str, Device]" = {}
        self._vlans: "Dict[str, List[Device]]" = {}
        for device in network.devices:
            self._devices.setdefault(device.name, device)
            for name in device.members:
                if device.kind in (BOND, BRIDGE):
                    self._masters.setdefault(name, device)
                elif device.kind == VRF:
                    self._vrfs.setdefault(name, device)
            if device.kind == VLAN and device.parent is not None:
                self._vlans.setdefault(device.parent, []).append(device)
        self.primary = self.find(network.primary)
        seen = set()
        while self.primary is not None and self.primary.name not in seen:
            seen.add(self.primary.name)
            self.primary = self.master(self.primary) or self.primary

    def find(self, name: "Optional[str]") -> "Optional[Device]":
        """The device the configuration calls `name`."""
        return self._devices.get(name) if name is not None else None

    def label(self, name: "Optional[str]") -> str:
        """What a device is called in files; its configured name where it is not described."""
        device = self.find(name)
        return device.label if device is not None else str(name)

    def master(self, device: "Device") -> "Optional[Device]":
        """The bond or bridge that a device is a port of."""
        return self._masters.get(device.name)

    def vrf(self, device: "Device") -> "Optional[Device]":
        """The VRF that a device is in."""
        return self._vrfs.get(device.name)

    def vlans(self, device: "Device") -> "List[Device]":
        """The VLANs that are made on a device."""
        return self._vlans.get(device.name, [])


def name_unused(network: "Network", device: "Device", master: "Device", service: str) -> None:
    """Note what is said of a port's own addresses: the bond or bridge has to carry them."""
    said = (
        ("addresses", bool(device.addresses)),
        ("DHCP", bool(device.dhcp4 or device.dhcp6 or device.dhcp6_stateless)),
        ("router advertisements", bool(device.accept_ra or device.ra_options)),
        ("link-local addresses", bool(device.link_local)),
        (
            "how IPv6 addresses are made",
            (device.ipv6_privacy, device.ipv6_generation, device.ipv6_token) != (None, None, None),
        ),
        ("routes", bool(device.routes)),
        ("rules", bool(device.rules)),
        ("name servers", bool(device.nameservers)),
        ("search domains", bool(device.search)),
        ("that it is kept when the service stops", device.critical),
    )
    named = [word for word, there in said if there]
    if named:
        words = " and ".join([", ".join(named[:-1])] * (len(named) > 1) + named[-1:])
        network.left_out(device, "%s on a port of %s" % (words, master.label), service)
