"""Which device names which: ports of bonds, bridges and VRFs, and what a VLAN is on.

They may be named before they are described, so readers gather the names and connect them at the end.
"""

from tsagent.netconfig.model import BOND, BRIDGE, VLAN, VRF, Device
from tsagent.netconfig.readers import fields
from tsagent.netconfig.values import is_interface_name
from tsagent.userdata.problem import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

    from tsagent.netconfig.model import Network

# Options of a bond whose value is the name of a port.
_PORT_OPTIONS = ("primary", "active_slave")


class Links:
    """What is gathered while a document is read into `network`.

    `aliases` are other words for devices (the ids of network_data.json). With `implicit` a name that nothing
    describes is the card of this name.
    """

    def __init__(self, network: "Network", implicit: bool = True) -> None:
        self.network = network
        self.implicit = implicit
        self.aliases: "Dict[str, str]" = {}
        self.left_out: "Set[str]" = set()
        self._devices: "Dict[str, Device]" = {}
        self._new_names: "Set[str]" = set()
        # The bond or bridge, or the VRF (by the flag), that a device is a port of.
        self._masters: "Dict[Tuple[str, bool], Device]" = {}
        self._ports: "List[Tuple[Device, str, str]]" = []
        self._parents: "List[Tuple[Device, str, Any]]" = []
        # Where an option stands that names a port: by device, option and port.
        self._places: "Dict[Tuple[str, str, str], str]" = {}

    def add(self, device: "Device", path: str) -> bool:
        """Take a device that was described at `path`, unless another one has its name."""
        device.path = path
        if device.name in self._devices:
            self.network.error(path, "%s is described already; this one is left out" % shown(device.name))
            return False
        if device.set_name in self._new_names:
            self.network.error(
                path, "another device gets the name %s, too; this one keeps its own" % device.set_name
            )
            device.set_name = None
        if device.set_name is not None:
            self._new_names.add(device.set_name)
        self._devices[device.name] = device
        self.network.devices.append(device)
        return True

    def taken(self, name: str) -> bool:
        """Whether a device has this name."""
        return name in self._devices

    def find(self, value: "Any") -> "Optional[Device]":
        """The device that a value names, by its name or another word for it."""
        if not fields.is_plain(value) or value is None:
            return None
        return self._devices.get(self.aliases.get(str(value), str(value)))

    def alias(self, word: "Any", name: str) -> None:
        """Let a word stand for a device."""
        if fields.is_plain(word) and word is not None:
            self.aliases[str(word)] = name

    def rename(self, device: "Device", name: str, word: "Any") -> None:
        """Give a device, for which `word` stands, another name, unless somebody has it."""
        if name not in self._devices:
            del self._devices[device.name]
            self._devices[name] = device
            device.name = name
            self.alias(word, name)

    def leave_out(self, name: "Any") -> None:
        """Remember a device that is described and that nothing here can make."""
        self.left_out.add(str(name) if fields.is_plain(name) else "")

    def ports(self, device: "Device", path: str, value: "Any") -> None:
        """Note the ports of a device, as they stand at `path`."""
        for where, name in fields.texts(self.network, path, value):
            self._ports.append((device, where, name))

    def ports_of(self, device: "Device") -> "List[str]":
        """The names noted so far as ports of a device."""
        return [self.aliases.get(name, name) for owner, _, name in self._ports if owner is device]

    def parent(self, device: "Device", path: str, value: "Any") -> None:
        """Note what a VLAN is on."""
        self._parents.append((device, path, value))

    def names_port(self, device: "Device", option: str, port: str, path: str) -> None:
        """Note that an option of a device, which stands at `path`, names one of its ports."""
        self._places[(device.name, option, port)] = path

    def connect(self) -> None:
        """Give each device its ports and its parent, by the names of devices that are there."""
        for device, path, value in self._parents:
            device.parent = self._name(path, value, device)
            if device.parent is None:
                self._leave(device, path, "VLAN %s is on nothing that is there; it is left out")
        for device, path, value in self._ports:
            name = self._name(path, value, device)
            if name is None:
                words = "%s cannot have %s as a port; it is left out"
                self.network.error(path, words % (device.name, shown(str(value))))
            else:
                self._take_port(device, path, name)
        self._break_circles()
        self.network.devices = [device for device in self.network.devices if device.name in self._devices]
        for device in self.network.devices:
            self._check_options(device)

    def _leave(self, device: "Device", path: str, message: str) -> None:
        self.network.error(path, message % shown(device.name))
        self._devices.pop(device.name, None)
        self.leave_out(device.name)

    def _name(self, path: str, value: "Any", user: "Device") -> "Optional[str]":
        """The name of the device that `value` means; one that is not described is the card of this name."""
        if not fields.is_plain(value) or value is None or isinstance(value, bool):
            return None
        name = self.aliases.get(str(value), str(value))
        if name == user.name:
            return None
        if name in self._devices:
            return name
        if name in self.left_out or not self.implicit or not is_interface_name(name):
            return None
        self.add(Device(name), path)
        self.network.warning(path, "%s is not described; it is taken as the card of this name" % name)
        return name

    def _take_port(self, device: "Device", path: str, name: str) -> None:
        key = (name, device.kind == VRF)
        other = self._masters.get(key)
        if other is None:
            self._masters[key] = device
            device.members.append(name)
        elif other is not device:
            self.network.error(path, "%s is a port of %s already; it stays that" % (shown(name), other.name))

    def _break_circles(self) -> None:
        """Leave out what stands on itself, and what then stands on nothing: no service could make it.

        Whatever stands on what is known to be sound is sound; the rest is on a circle, or above one.
        """
        below: "Dict[str, Set[str]]" = {}
        above: "Dict[str, List[str]]" = {}
        for name, device in self._devices.items():
            below[name] = set(device.members) if device.kind in (BOND, BRIDGE) else set()
            if device.kind == VLAN and device.parent is not None:
                below[name].add(device.parent)
            for other in below[name]:
                above.setdefault(other, []).append(name)
        sound = [name for name in below if not below[name]]
        while sound:
            name = sound.pop()
            del below[name]
            for other in above.get(name, ()):
                below[other].discard(name)
                if not below[other]:
                    sound.append(other)
        for name in below:
            device = self._devices[name]
            self._leave(device, device.path, "%s stands on itself or on what is left out; it is left out")
        for device in self._devices.values():
            device.members = [name for name in device.members if name in self._devices]

    def _check_options(self, device: "Device") -> None:
        """What is said of a port must be said of a port that the device has."""
        for option in _PORT_OPTIONS:
            name = device.bond.get(option)
            if name is not None:
                device.bond[option] = self.aliases.get(name, name)
                if self._is_no_port(device, option, name):
                    del device.bond[option]
        for option in ("port_cost", "port_priority"):
            given = getattr(device.bridge, option)
            for name in [name for name in given if self._is_no_port(device, option, name)]:
                del given[name]

    def _is_no_port(self, device: "Device", option: str, name: str) -> bool:
        master = self._masters.get((self.aliases.get(name, name), False))
        if master is device:
            return False
        path = self._places.get((device.name, option, name), device.path)
        self.network.error(path, "%s: should name one of its ports; it has no effect" % shown(device.name))
        return True
