"""Network configuration, version 2: netplan's own form, as much of it as cloud images use.

Source: cloud-init's documentation, "Networking config Version 2"; netplan's YAML reference.
"""

from tsagent.netconfig.model import BOND, ETHERNET, VLAN, Address, Device, Rule
from tsagent.netconfig.readers import fields
from tsagent.netconfig.readers.bonding import read_parameters
from tsagent.netconfig.values import Invalid, interface_name, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Network

_KINDS = (("ethernets", ETHERNET), ("bonds", BOND), ("vlans", VLAN))
_KEYS = {
    "match", "set-name", "dhcp4", "dhcp6", "accept-ra", "addresses", "gateway4", "gateway6", "routes",
    "routing-policy", "nameservers", "mtu", "macaddress", "optional", "interfaces", "parameters", "id",
    "link", "renderer", "dhcp-identifier",
}  # fmt: skip


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    if config.get("renderer") is not None:
        network.renderer = str(config["renderer"])
    for key, kind in _KINDS:
        section = config.get(key) or {}
        if not isinstance(section, dict):
            network.error("/" + key, "should be a mapping of names to devices")
            continue
        for name in section:
            path = "/%s/%s" % (key, str(name).replace("~", "~0").replace("/", "~1"))
            if not isinstance(section[name], dict):
                network.error(path, "should be a mapping")
                continue
            device = _device(network, path, str(name), section[name], kind)
            if device is not None:
                network.devices.append(device)
    known = {"version", "renderer", "ethernets", "bonds", "vlans"}
    for key in sorted(set(map(str, config)) - known):
        names = ", ".join(sorted(map(str, config[key]))) if isinstance(config.get(key), dict) else ""
        network.warning(
            "/" + key, "%s are not supported yet and are left out%s" % (key, ": " + names if names else "")
        )


def _device(
    network: "Network", path: str, name: str, entry: "Dict[str, Any]", kind: str
) -> "Optional[Device]":
    match = entry.get("match") or {}
    set_name = entry.get("set-name")
    try:
        # With a match the key is only a word to refer to it by; the kernel need not take it.
        device = Device("dev" if match and kind == ETHERNET else name, kind)
        device.name = name
        if set_name is not None:
            device.set_name = interface_name(set_name)
    except Invalid as error:
        network.error(path, "%s; the device is left out" % error)
        return None
    if kind == ETHERNET and match:
        if not isinstance(match, dict):
            network.error(path + "/match", "should be a mapping; the device is left out")
            return None
        device.mac = fields.mac(network, path + "/match/macaddress", match.get("macaddress"))
        if match.get("name") is not None:
            device.match_name = str(match["name"])
            if any(letter in device.match_name for letter in "\n\r;,\"' /"):
                network.error(path + "/match/name", "should be one name or pattern; the device is left out")
                return None
        fields.leftovers(network, path + "/match", match, ("macaddress", "name"), name)
        if device.mac is None and device.match_name is None:
            network.error(path + "/match", "nothing here can find the device by this; it is left out")
            return None
    if device.set_name and device.mac is None:
        network.error(path + "/set-name", "a new name needs match: macaddress:; the name is left as it is")
        device.set_name = None
    _addressing(network, path, entry, device)
    device.mtu = fields.mtu(network, path + "/mtu", entry.get("mtu"))
    device.set_mac = fields.mac(network, path + "/macaddress", entry.get("macaddress"))
    device.optional = bool(fields.flag(network, path + "/optional", entry.get("optional")))
    if kind == BOND:
        device.members = fields.words(entry.get("interfaces"))
        parameters = entry.get("parameters") or {}
        if isinstance(parameters, dict):
            read_parameters(network, path + "/parameters", device, parameters)
        else:
            network.error(path + "/parameters", "should be a mapping")
    elif kind == VLAN:
        device.vlan = fields.attempt(network, path + "/id", number, entry.get("id"), "id", 1, 4094)
        device.parent = str(entry.get("link"))
        if device.vlan is None:
            network.error(path + "/id", "a VLAN needs an id; it is left out")
            return None
    fields.leftovers(network, path, entry, _KEYS, name)
    return device


def _addressing(network: "Network", path: str, entry: "Dict[str, Any]", device: Device) -> None:
    device.dhcp4 = fields.flag(network, path + "/dhcp4", entry.get("dhcp4"))
    device.dhcp6 = fields.flag(network, path + "/dhcp6", entry.get("dhcp6"))
    device.accept_ra = fields.flag(network, path + "/accept-ra", entry.get("accept-ra"))
    for index, address in enumerate(fields.items(network, path + "/addresses", entry.get("addresses"))):
        where = "%s/addresses/%d" % (path, index)
        if isinstance(address, dict):
            for text in address:
                fields.add_address(network, where, device, text)
            network.warning(
                where, "%s: labels and lifetimes of addresses are not supported yet" % device.name
            )
        else:
            fields.add_address(network, where, device, address)
    for key, target in (("gateway4", "0.0.0.0/0"), ("gateway6", "::/0")):
        if entry.get(key):
            fields.add_route(network, "%s/%s" % (path, key), device, to=target, via=entry[key])
    for index, route in enumerate(fields.items(network, path + "/routes", entry.get("routes"), dict)):
        where = "%s/routes/%d" % (path, index)
        fields.add_route(
            network,
            where,
            device,
            to=route.get("to", ""),
            via=route.get("via"),
            metric=route.get("metric"),
            table=route.get("table"),
            on_link=bool(fields.flag(network, where + "/on-link", route.get("on-link"))),
        )
        fields.leftovers(network, where, route, ("to", "via", "metric", "table", "on-link"), device.name)
    for index, rule in enumerate(
        fields.items(network, path + "/routing-policy", entry.get("routing-policy"), dict)
    ):
        _rule(network, "%s/routing-policy/%d" % (path, index), rule, device)
    servers = entry.get("nameservers") or {}
    if isinstance(servers, dict):
        fields.nameservers(
            network, path + "/nameservers/addresses", servers.get("addresses"), device.nameservers
        )
        fields.search_domains(network, path + "/nameservers/search", servers.get("search"), device.search)
    else:
        network.error(path + "/nameservers", "should be a mapping with addresses and search")


def _rule(network: "Network", path: str, rule: "Dict[str, Any]", device: Device) -> None:
    ends: "Dict[str, Optional[str]]" = {}
    for key in ("from", "to"):
        found = (
            None
            if rule.get(key) is None
            else fields.attempt(network, path + "/" + key, Address.parse, rule[key])
        )
        ends[key] = None if found is None else str(found)
    table = fields.attempt(network, path + "/table", number, rule.get("table"), "table", 1)
    priority = fields.attempt(network, path + "/priority", number, rule.get("priority"), "priority")
    if table is None:
        network.error(path, "a rule needs a table; it is left out")
        return
    made = fields.attempt(network, path, Rule, table, ends["from"], ends["to"], priority)
    if made is not None:
        device.rules.append(made)
    fields.leftovers(network, path, rule, ("from", "to", "table", "priority"), device.name)
