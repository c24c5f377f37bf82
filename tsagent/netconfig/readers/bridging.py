"""Bridge parameters of every spelling: those of netplan, and those of bridge-utils-interfaces(5)."""

from tsagent.netconfig.readers import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.readers.links import Links

# Spelling (dashes as underscores, no "bridge_" in front) to the model's attribute.
_NAMES = {
    "age": "age",
    "ageing": "age",
    "ageing_time": "age",
    "aging_time": "age",
    "bridgeprio": "priority",
    "priority": "priority",
    "fd": "forward_delay",
    "forward_delay": "forward_delay",
    "hello": "hello_time",
    "hello_time": "hello_time",
    "maxage": "max_age",
    "max_age": "max_age",
    "pathcost": "port_cost",
    "path_cost": "port_cost",
    "portprio": "port_priority",
    "port_priority": "port_priority",
    "stp": "stp",
    "hw": "hw",
    "ports": "ports",
}
# How long the network scripts of Debian wait, and a timer that bridges no longer have.
_NOWHERE = ("gcint", "maxwait", "waitport")
# Seconds. Source: the bounds of the kernel (net/bridge/br_private_stp.h) and of NetworkManager.
_TIMES = {"age": (0, 1000000), "forward_delay": (0, 30), "hello_time": (1, 10), "max_age": (6, 40)}
_OF_PORTS = {"port_cost": (1, 65535), "port_priority": (0, 63)}


def read_parameters(
    network: "Network", path: str, device: "Device", parameters: "Dict[Any, Any]", links: "Links"
) -> None:
    """Put bridge parameters of any spelling on a device."""
    for key in sorted(parameters, key=str):
        value = parameters[key]
        where = fields.below(path, key)
        plain = str(key).replace("-", "_")
        if plain.startswith("bridge_"):
            plain = plain[7:]
        if value is None:
            continue
        name = _NAMES.get(plain)
        if plain == "maxwait" and str(value) == "0":
            continue  # nothing here would wait
        if name is None:
            _unknown(network, where, device, str(key), plain)
        elif name == "hw":
            device.set_mac = fields.mac(network, where, value) or device.set_mac
        elif name == "ports":
            if value != "none":
                links.ports(device, where, value)
        elif name == "stp":
            device.bridge.stp = fields.flag(network, where, value)
        elif name == "priority":
            device.bridge.priority = fields.whole(network, where, value, name, 0, 65535)
        elif name in _TIMES:
            found = fields.interval(network, where, value, str(key), "s", *_TIMES[name])
            setattr(device.bridge, name, found)
        else:
            settings = getattr(device.bridge, name)
            for place, port, number in _of_ports(network, where, value, links.ports_of(device)):
                wanted = fields.whole(network, place, number, str(key), *_OF_PORTS[name])
                if wanted is not None:
                    settings[port] = wanted
                    links.names_port(device, name, port, place)


def _unknown(network: "Network", path: str, device: "Device", key: str, plain: str) -> None:
    if plain in _NOWHERE:
        network.warning(path, "%s: %s is not supported here and has no effect" % (device.name, key))
        return
    fields.unknown_parameter(network, path, device, "bridge", key, plain, _NAMES)


def _of_ports(
    network: "Network", path: str, value: "Any", ports: "List[str]"
) -> "List[Tuple[str, str, Any]]":
    """Place, port and number from `{eth0: 5}`, `["eth0 5"]`, `"eth0 5"`, or one number for all ports."""
    if isinstance(value, dict):
        return [(fields.below(path, port), str(port), value[port]) for port in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [(path, port, value) for port in ports]
    found: "List[Tuple[str, str, Any]]" = []
    for where, item in fields.numbered(network, path, value):
        if isinstance(item, dict):
            found.extend((fields.below(where, port), str(port), item[port]) for port in item)
            continue
        words = item.split() if isinstance(item, str) else []
        if len(words) == 2:
            found.append((where, words[0], words[1]))
        else:
            network.error(where, "should be a port and a number, as in `eth0 50`")
    return found
