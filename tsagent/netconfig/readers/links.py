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
        self._ports: "List[Tuple[Device, str, str]]" = []
        self._parents: "List[Tuple[Device, str, Any]]" = []
        # Where an option stands that names a port: by device, option and port.
        self._places: "Dict[Tuple[str, str, str], str]" = {}

    def add(self, device: "Device", path: str) -> bool:
        """Take a device that was described at `path`, unless another one has its name."""
        device.path = path
        for other in self.network.devices:
            if other.name == device.name:
                self.network.error(path, "%s is described already; this one is left out" % shown(device.name))
                return False
            if device.set_name and other.set_name == device.set_name:
                self.network.error(
                    path, "another device gets the name %s, too; this one keeps its own" % device.set_name
                )
                device.set_name = None
        self.network.devices.append(device)
        return True

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
        network = self.network
        for device, path, value in self._parents:
            if device not in network.devices:
                continue
            name = self._name(path, value, device)
            if name is None:
                network.devices.remove(device)
                network.error(path, "VLAN %s is on nothing that is there; it is left out" % device.name)
            device.parent = name
        for device, path, value in self._ports:
            if device not in network.devices:
                continue
            name = self._name(path, value, device)
            if name is None:
                network.error(
                    path, "%s cannot have %s as a port; it is left out" % (device.name, shown(str(value)))
                )
            elif name not in device.members:
                self._take_port(device, path, name)
        self._break_circles()
        for device in network.devices:
            self._check_options(device)

    def _name(self, path: str, value: "Any", user: "Device") -> "Optional[str]":
        """The name of the device that `value` means; one that is not described is the card of this name."""
        if not fields.is_plain(value) or value is None or isinstance(value, bool):
            return None
        name = self.aliases.get(str(value), str(value))
        if name == user.name:
            return None
        if self.network.find(name) is not None:
            return name
        if name in self.left_out or not self.implicit or not is_interface_name(name):
            return None
        device = Device(name)
        device.path = path
        self.network.devices.append(device)
        self.network.warning(path, "%s is not described; it is taken as the card of this name" % name)
        return name

    def _take_port(self, device: "Device", path: str, name: str) -> None:
        kinds = (VRF,) if device.kind == VRF else (BOND, BRIDGE)
        port = self.network.find(name)
        other = self.network.master_of(port, *kinds) if port is not None else None
        if other is not None:
            self.network.error(path, "%s is a port of %s already; it stays that" % (shown(name), other.name))
            return
        device.members.append(name)

    def _break_circles(self) -> None:
        """Leave out what stands on itself: no service could make it."""
        network = self.network
        below: "Dict[str, List[str]]" = {}
        for device in network.devices:
            below[device.name] = list(device.members) if device.kind != VRF else []
            if device.kind == VLAN and device.parent is not None:
                below[device.name].append(device.parent)
        for device in list(network.devices):
            seen: "Set[str]" = set()
            left = list(below[device.name])
            while left:
                name = left.pop()
                if name not in seen:
                    seen.add(name)
                    left.extend(below.get(name, ()))
            if device.name in seen:
                network.error(device.path, "%s stands on itself; it is left out" % shown(device.name))
                below[device.name] = []
                network.devices.remove(device)
        names = {device.name for device in network.devices}
        for device in list(network.devices):
            device.members = [name for name in device.members if name in names]
            if device.kind == VLAN and device.parent not in names:
                network.error(
                    device.path, "VLAN %s is on nothing that is there; it is left out" % device.name
                )
                network.devices.remove(device)

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
        if self.aliases.get(name, name) in device.members:
            return False
        path = self._places.get((device.name, option, name), device.path)
        self.network.error(path, "%s: should name one of its ports; it has no effect" % shown(device.name))
        return True
