"""Network configuration, version 2: netplan's own form.

Source: cloud-init's documentation, "Networking config Version 2"; netplan's YAML reference.
"""

import re

from tsagent.netconfig import rails
from tsagent.netconfig.model import (
    BOND,
    BRIDGE,
    DUMMY,
    ETHERNET,
    INFINIBAND,
    LOOPBACK,
    MANUAL,
    OFF,
    VLAN,
    VRF,
    Device,
)
from tsagent.netconfig.readers import bonding, bridging, fields
from tsagent.netconfig.readers.links import Links
from tsagent.netconfig.readers.version2_addressing import ADDRESSING, read_addressing
from tsagent.netconfig.values import Invalid, interface_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.netconfig.model import Network

_KINDS = (
    ("ethernets", ETHERNET),
    ("bonds", BOND),
    ("bridges", BRIDGE),
    ("vlans", VLAN),
    ("vrfs", VRF),
    ("dummy-devices", DUMMY),
)
# Sections of devices that nothing here makes.
_LEFT_OUT = ("tunnels", "wifis", "modems", "virtual-ethernets", "nm-devices")
_OFFLOADS = {
    "receive-checksum-offload": "rx",
    "transmit-checksum-offload": "tx",
    "tcp-segmentation-offload": "tso",
    "tcp6-segmentation-offload": "tx-tcp6-segmentation",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
    "large-receive-offload": "lro",
}
_KEYS = (
    "renderer",
    "macaddress",
    "mtu",
    "ipv6-mtu",
    "optional",
    "activation-mode",
    "critical",
    "ignore-carrier",
)
_KEYS_OF = {
    ETHERNET: ("match", "set-name", "wakeonlan", "infiniband-mode", *_OFFLOADS),
    BOND: ("interfaces", "parameters"),
    BRIDGE: ("interfaces", "parameters"),
    VLAN: ("id", "link"),
    VRF: ("interfaces", "table"),
}
_UNSUPPORTED = (
    "optional-addresses", "emit-lldp", "openvswitch", "networkmanager", "neigh-suppress", "hairpin",
    "port-mac-learning",
)  # fmt: skip
_UNSUPPORTED_OF = {
    ETHERNET: (
        "auth", "link", "virtual-function-count", "embedded-switch-mode", "delay-virtual-functions-rebind",
    )
}  # fmt: skip
# Names and patterns as udev knows them; a `!` in front would turn them round.
_PATTERN = r"[A-Za-z0-9_.@*?\[][A-Za-z0-9_.@*?\[\]!-]{0,63}\Z"
# What no word to refer to a device by needs.
_ODD = r"[^A-Za-z0-9_.:@/+-]"
_SPECIAL_MACS = ("permanent", "random", "stable", "stable-ssid", "preserve")


def read(config: "Dict[str, Any]", network: "Network") -> None:
    """Read the whole document into `network`."""
    network.renderer = fields.renderer(network, "/renderer", config.get("renderer"))
    links = Links(network)
    for section in _LEFT_OUT:
        for name in fields.mapping(network, "/" + section, config.get(section)):
            if name != "renderer":
                links.leave_out(name)
                network.warning(
                    fields.below("/" + section, name), "%s are not supported; this one is left out" % section
                )
    for section, kind in _KINDS:
        devices = fields.mapping(network, "/" + section, config.get(section))
        for name, entry in devices.items():
            path = fields.below("/" + section, name)
            if name == "renderer" and not isinstance(entry, dict):
                _check_renderer(network, path, entry, section)
                continue
            if entry is not None and not isinstance(entry, dict):
                network.error(path, "should be a mapping; the device is left out")
                links.leave_out(name)
                continue
            if not _device(network, path, name, entry or {}, kind, links):
                links.leave_out(name)
    links.connect()
    rails.read(network, config.get("rails"))
    known = ("version", "renderer", "rails", *(name for name, _ in _KINDS), *_LEFT_OUT)
    fields.leftovers(network, "", config, known, "network configuration", ("openvswitch",))


def _device(
    network: "Network", path: str, name: str, entry: "Dict[str, Any]", kind: str, links: Links
) -> bool:
    device = _named(network, path, name, entry, kind, links)
    if device is None:
        return False
    if kind == VLAN:
        device.vlan = fields.whole(network, path + "/id", entry.get("id"), "id", 0, 4094)
        if device.vlan is None:
            network.error(path + "/id", "a VLAN needs an id; %s is left out" % name)
            return False
    elif kind == VRF:
        device.vrf_table = fields.whole(network, path + "/table", entry.get("table"), "table", 1)
        if device.vrf_table is None:
            network.error(path + "/table", "a VRF needs a table; %s is left out" % name)
            return False
    if not links.add(device, path):
        return True
    read_addressing(network, path, entry, device)
    _link(network, path, entry, device)
    _activation(network, path, entry, device)
    if "interfaces" in _KEYS_OF.get(kind, ()):
        links.ports(device, path + "/interfaces", entry.get("interfaces"))
    if kind in (BOND, BRIDGE):
        parameters = fields.mapping(network, path + "/parameters", entry.get("parameters"))
        if kind == BOND:
            bonding.read_parameters(network, path + "/parameters", device, parameters, links)
        else:
            bridging.read_parameters(network, path + "/parameters", device, parameters, links)
    elif kind == VLAN:
        links.parent(device, path + "/link", entry.get("link"))
    if entry.get("renderer") is not None:
        _check_renderer(network, path + "/renderer", entry["renderer"], device.name)
    known = (*_KEYS, *_KEYS_OF.get(kind, ()), *ADDRESSING)
    unsupported = (*_UNSUPPORTED, *_UNSUPPORTED_OF.get(kind, ()))
    fields.leftovers(network, path, entry, known, device.name, unsupported)
    return True


def _named(
    network: "Network", path: str, name: str, entry: "Dict[str, Any]", kind: str, links: Links
) -> "Optional[Device]":
    """A device with its names, and what it is found by."""
    match = fields.mapping(network, path + "/match", entry.get("match")) if kind == ETHERNET else {}
    try:
        # With a match the key is only a word to refer to it by; the kernel need not take it.
        device = Device("dev" if match else name, LOOPBACK if name == "lo" and kind == ETHERNET else kind)
    except Invalid as error:
        network.error(path, "%s; the device is left out" % error)
        return None
    if match:
        device.name = re.sub(_ODD, "-", name)[:64]
        links.alias(name.strip(), device.name)
        if not _match(network, path + "/match", match, device):
            return None
    if kind == ETHERNET and entry.get("set-name") is not None:
        device.set_name = fields.attempt(network, path + "/set-name", interface_name, entry["set-name"])
        if device.set_name and device.mac is None:
            network.error(
                path + "/set-name", "a new name needs match: macaddress:; the name is left as it is"
            )
            device.set_name = None
    return device


def _match(network: "Network", path: str, match: "Dict[str, Any]", device: Device) -> bool:
    wrong = len(network.problems)
    device.mac = fields.mac(network, path + "/macaddress", match.get("macaddress"))
    device.match_name = fields.attempt(network, path + "/name", _pattern, match.get("name"))
    for where, driver in fields.texts(network, path + "/driver", match.get("driver")):
        found = fields.attempt(network, where, _pattern, driver)
        if found is not None:
            device.match_drivers.append(found)
    if len(network.problems) > wrong:
        network.error(path, "%s is left out: it could match other devices than are meant" % device.name)
        return False
    fields.leftovers(network, path, match, ("macaddress", "name", "driver"), device.name)
    if device.mac is None and device.match_name is None and not device.match_drivers:
        network.error(path, "nothing here can find the device by this; it is left out")
        return False
    return True


def _pattern(value: "Any") -> "Optional[str]":
    if value is None:
        return None
    if not re.match(_PATTERN, str(value)):
        raise Invalid("should be one name or pattern such as `enp2*`")
    return str(value)


def _link(network: "Network", path: str, entry: "Dict[str, Any]", device: Device) -> None:
    """What is set on the link itself."""
    device.mtu = fields.mtu(network, path + "/mtu", entry.get("mtu"))
    device.mtu6 = fields.mtu(network, path + "/ipv6-mtu", entry.get("ipv6-mtu"), 6)
    address = entry.get("macaddress")
    if address in _SPECIAL_MACS:
        network.warning(
            path + "/macaddress", "%s: macaddress %s is not supported here" % (device.name, address)
        )
    else:
        device.set_mac = fields.mac(network, path + "/macaddress", address)
    if device.kind != ETHERNET:
        return
    ethernet = device.ethernet
    ethernet.wake_on_lan = fields.flag(network, path + "/wakeonlan", entry.get("wakeonlan"))
    for key, feature in _OFFLOADS.items():
        found = fields.flag(network, fields.below(path, key), entry.get(key))
        if found is not None:
            ethernet.offloads[feature] = found
    ethernet.infiniband_mode = fields.choice(
        network, path + "/infiniband-mode", entry.get("infiniband-mode"), ("datagram", "connected")
    )
    if ethernet.infiniband_mode is not None or len(device.mac or "") > 17:
        device.kind = INFINIBAND


def _activation(network: "Network", path: str, entry: "Dict[str, Any]", device: Device) -> None:
    device.optional = bool(fields.flag(network, path + "/optional", entry.get("optional")))
    device.critical = bool(fields.flag(network, path + "/critical", entry.get("critical")))
    device.ignore_carrier = fields.flag(network, path + "/ignore-carrier", entry.get("ignore-carrier"))
    value = entry.get("activation-mode")
    value = "off" if value is False else value  # as YAML reads the word
    mode = fields.choice(network, path + "/activation-mode", value, ("manual", "off"))
    if mode is not None:
        device.activation = MANUAL if mode == "manual" else OFF


def _check_renderer(network: "Network", path: str, value: "Any", what: str) -> None:
    """One service gets everything: another one for a part of it is said to have no effect."""
    if str(value).lower() != str(network.renderer or "networkd").lower() or value == "sriov":
        network.warning(
            path, "%s: one service is written for, whatever a part says; renderer has no effect here" % what
        )
