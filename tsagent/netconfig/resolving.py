"""Which card of this machine each device of a configuration means. Looks only."""

from tsagent.netconfig.model import CARDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.netconfig.model import Device, Network

# Drivers of cards that stand above a function of real hardware with the same address (accelerated
# networking): the function is a port of theirs, or becomes one in a moment.
# Source: the kernel's netvsc_drv.c, net_failover.c, xen-netfront.c.
_ABOVE_A_FUNCTION = ("hv_netvsc", "virtio_net", "net_failover", "vif")


def resolve(network: "Network", nics: "Sequence[Any]") -> None:
    """Give each device the kernel's name of the card it means; say so where there is none.

    `nics` are the facts' records. Without any (no machine to look at) a device that is found by its
    address has no name yet. A pattern that several cards match stays a pattern.
    """
    for device in network.devices:
        if device.kind not in CARDS:
            device.interface = device.name
            continue
        found = [nic for nic in nics if _means(device, nic)]
        found.sort(key=_rank)
        by_address = device.mac is not None or _by_name(device)
        if found and (by_address or len(found) == 1):
            device.interface = found[0]["name"]
            if device.match_name is not None and not _is_pattern(device.match_name):
                device.match_name = None  # a plain name is no pattern
            same = [nic for nic in found if nic.get("mac") == found[0].get("mac")]
            device.mac_shared = device.mac is not None and len(same) > 1
            if device.mac_shared and device.set_name and not device.match_drivers and found[0].get("driver"):
                device.match_drivers = [found[0]["driver"]]  # the function below keeps its own name
        elif not found and nics:
            how = device.mac or device.match_name or " ".join(device.match_drivers) or "by name"
            network.warning(device.path, "no card of this machine is %s (%s)" % (device.name, how))
        if device.interface is None and _by_name(device):
            device.interface = device.name
    for device in network.devices:
        parent = network.find(device.parent) if device.kind == "vlan" else None
        if parent is not None and device.name == "%s.%s" % (parent.name, device.vlan):
            device.interface = ("%s.%s" % (parent.label, device.vlan))[-15:]


def attach(network: "Network", told: "Sequence[Any]", nics: "Sequence[Any]") -> None:
    """Add the cards that came later: those that the metadata service tells of (`told`, in its form) and that
    the configuration does not mean anyway.
    """
    if not told:
        return
    from tsagent.netconfig import readers

    described = {device.mac for device in network.devices}
    for device in network.devices:
        described |= {nic.get("permanent_mac") or nic.get("mac") for nic in nics if _means(device, nic)}
    later = readers.read("imds", {"nics": list(told)})
    resolve(later, nics)
    network.problems += later.problems
    for device in later.devices:
        if device.name != later.primary and device.mac not in described:
            device.name = "nic" + (device.mac or "").replace(":", "")
            network.devices.append(device)


def expand(network: "Network", nics: "Sequence[Any]") -> None:
    """Make a device of its own for each card that a pattern matches, for services that know no patterns."""
    import copy

    used = {name for device in network.devices for name in device.members + [device.parent or ""]}
    for device in list(network.devices):
        if device.kind not in CARDS or device.interface is not None or device.name in used:
            continue
        place = network.devices.index(device)
        copies: "List[Device]" = []
        for nic in sorted((nic for nic in nics if _means(device, nic)), key=_rank):
            one = copy.copy(device)
            one.name = one.interface = nic["name"]
            one.match_name, one.match_drivers = None, []
            if network.find(one.name) in (None, device):
                copies.append(one)
        if copies:
            network.devices[place : place + 1] = copies


def _by_name(device: "Device") -> bool:
    return device.mac is None and device.match_name is None and not device.match_drivers


def _is_pattern(name: str) -> bool:
    return any(letter in name for letter in "*?[")


def _means(device: "Device", nic: "Any") -> bool:
    """Whether a card fits all that a device is found by; its name, where nothing is said."""
    from fnmatch import fnmatchcase

    if nic.get("kind") not in ("physical", "virtual"):
        return False
    if _by_name(device):
        return bool(nic["name"] == device.name)
    # A bond's port has the bond's address; one that was configured may have the address it was given.
    address = nic.get("permanent_mac") or nic.get("mac")
    if device.mac is not None and address != device.mac:
        if device.set_mac is None or nic.get("mac") != device.set_mac:
            return False
    if device.match_name is not None and not fnmatchcase(nic["name"], device.match_name):
        return False
    driver = nic.get("driver") or ""
    return not device.match_drivers or any(fnmatchcase(driver, item) for item in device.match_drivers)


def _rank(nic: "Any") -> "Any":
    """Of cards with one address the one that is meant comes first: not what is below another, nor on it."""
    return (
        bool(nic.get("master")) and not _is_bonded(nic),
        nic.get("kind") != "physical",
        (nic.get("driver") or "") not in _ABOVE_A_FUNCTION,
        nic.get("ifindex") or 0,
        nic["name"],
    )


def _is_bonded(nic: "Any") -> bool:
    """Whether its address of its own is known beside that of its master."""
    return bool(nic.get("permanent_mac") != nic.get("mac"))


def primary_device(network: "Network", nic: "Optional[Any]", named: bool) -> "Optional[str]":
    """The name of the device that carries the machine's own traffic; None where none is meant to.

    `nic` is the primary card, `named` whether the metadata names it: then it is that card's, else the first
    that the machine counts as online with and that has a way out.
    """
    carriers: "Dict[str, Device]" = {}
    for device in network.devices:
        carriers[device.interface or device.name] = _top(network, device)
    own = carriers.get(nic["name"]) if nic is not None else None
    if own is not None and named:
        return own.name
    for device in network.devices:
        way_out = device.dhcp4 or device.dhcp6 or device.accept_ra or _default(device)
        if device.required and way_out and network.master_of(device) is None:
            return device.name
    return own.name if own is not None else None


def _top(network: "Network", device: "Device") -> "Device":
    """The bond or bridge that a device is a port of, and so on up; itself where it is none."""
    for _ in range(len(network.devices)):
        above = network.master_of(device)
        if above is None:
            break
        device = above
    return device


def _default(device: "Device") -> bool:
    return any(route.default and route.table is None for route in device.routes)
