"""What udev sets on a card when it appears: its name, wake-on-LAN, offloads. A `.link` file.

udev reads these files itself, whatever network service runs, since systemd 197. What is written here has
effect when the card appears the next time: at the next start.
Source: systemd.link(5); the defaults are those of systemd's own 99-default.link, which is not read for a card
that has a file of its own.
"""

from tsagent.netconfig.model import INFINIBAND
from tsagent.netconfig.renderers import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options
    from tsagent.netconfig.renderers.networkd_units import Unit

_OFFLOADS = (
    ("rx", "ReceiveChecksumOffload"),
    ("tx", "TransmitChecksumOffload"),
    ("tso", "TCPSegmentationOffload"),
    ("tx-tcp6-segmentation", "TCP6SegmentationOffload"),
    ("gso", "GenericSegmentationOffload"),
    ("gro", "GenericReceiveOffload"),
    ("lro", "LargeReceiveOffload"),
)
# How names begin that a card has from the kernel, before udev gives it another; and patterns for any.
_FROM_KERNEL = ("eth", "ib", "*")


def link_file(
    network: "Network", device: "Device", options: "Options", whole: bool = True, order: int = 10
) -> "Optional[File]":
    """The file of a card, None where it needs none.

    `whole` is with all that udev can set; without, a new name alone: the service's own files say the rest.
    `order` is its place among such files, of which only the first counts for a card.
    """
    from tsagent.netconfig.renderers.networkd_units import Unit

    ethernet = device.ethernet
    settings = whole and (ethernet.wake_on_lan is not None or bool(ethernet.offloads))
    if not (device.set_name or settings):
        return None
    unit = Unit(network, device, options.systemd)
    if not _match(unit, device):
        unit.left_out(
            "a new name, wake-on-LAN or offloads without match: macaddress: (udev has not named the card yet)"
        )
        return None
    if device.set_name:
        unit.add("Link", "Name", device.set_name)
    else:
        _default_names(unit)
    if settings:
        if ethernet.wake_on_lan is not None:
            unit.add("Link", "WakeOnLan", "magic" if ethernet.wake_on_lan else "off")
        for name, key in _OFFLOADS:
            if name in ethernet.offloads:
                unit.add("Link", key, ethernet.offloads[name])
    return File("/etc/systemd/network/%02d-tsagent-%s.link" % (order, device.label), unit.text())


def _match(unit: "Unit", device: "Device") -> bool:
    """Write by what udev finds the card; False where it could not find it."""
    if device.mac is not None:
        unit.add("Match", "MACAddress", device.mac)
        # Bonds and VLANs on the card carry its address too; they have a type, cards have none. A list that
        # is negated is not understood by 219, which does not rename what was named by its maker either.
        if device.kind != INFINIBAND and not unit.older_than(234):
            unit.add("Match", "Type", "!bond bridge vlan")
    name = device.match_name or (None if device.set_name or device.mac else device.kernel_name)
    if name is not None and name.startswith(_FROM_KERNEL):
        unit.add("Match", "OriginalName", name)
    elif name is not None and device.mac is None:
        return False
    if device.match_drivers:
        unit.add("Match", "Driver", " ".join(device.match_drivers))
    return device.mac is not None or name is not None or bool(device.match_drivers)


def _default_names(unit: "Unit") -> None:
    """As the file says that counts for every other card."""
    keep = "" if unit.older_than(241) else "keep "
    unit.add("Link", "NamePolicy", keep + "kernel database onboard slot path")
    if not unit.older_than(245):
        unit.add("Link", "AlternativeNamesPolicy", "database onboard slot path")
    unit.add("Link", "MACAddressPolicy", "persistent")
