"""NetworkManager keyfiles, mode 0600: the daemon ignores files that others may read.

Source: nm-settings-keyfile(5), nm-settings(5), NetworkManager.conf(5) of NetworkManager 1.42, and its own
parser. A key that an older daemon does not know is ignored by it, and so is a section; a type of connection
or a method that it does not know costs the whole profile. `ipv6.method=disabled` is from 1.20, routing rules
are from 1.18, VRFs from 1.24, route types from 1.36, the profile of the loopback interface is from 1.42.
"""

from tsagent.netconfig.model import (
    AUTO,
    BOND,
    BRIDGE,
    DUMMY,
    ETHERNET,
    INFINIBAND,
    LOOPBACK,
    OFF,
    VIRTUAL,
    VLAN,
    VRF,
)
from tsagent.netconfig.renderers import MARK, File
from tsagent.netconfig.renderers.networkmanager_ip import (
    addressing,
    leaves_ipv6_open,
    waits_for_ipv4,
)
from tsagent.netconfig.renderers.networkmanager_ports import (
    SERVICE,
    bond_options,
    bridge_options,
    port_options,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Tuple

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

    Sections = List[Tuple[str, List[str]]]

DIRECTORY = "/etc/NetworkManager/system-connections"
# What the daemon knows of devices beside their profiles. It reads this when it starts and when it is told to.
DEFAULTS = "/etc/NetworkManager/conf.d/30-tsagent.conf"
# Above a profile that the image has for the same card (0), below the largest the daemon takes (999).
_PRIORITY = 120
# Any fixed UUID serves as the name space: profiles keep their identity from one run to the next.
_NAMESPACE = "7f0e6a4c-3d59-5d0c-9a53-0a8c7f1f2b11"
_TYPES = {
    ETHERNET: "ethernet", INFINIBAND: "infiniband", BOND: "bond", BRIDGE: "bridge", VLAN: "vlan", VRF: "vrf",
    DUMMY: "dummy", LOOPBACK: "loopback",
}  # fmt: skip
# NM_SETTING_WIRED_WAKE_ON_LAN_MAGIC
_MAGIC_PACKET = 0x40
# NM_CONNECTION_MULTI_CONNECT_MULTIPLE
_MULTIPLE = 3
_EUI64 = "ipv6.addr-gen-mode=0"
# Milliseconds that a device of both IP versions waits for IPv4 after it has IPv6, before it counts as
# connected: without, services would start that find no IPv4 yet.
_PATIENCE = "ipv4.required-timeout=20000"


def render(network: "Network", options: "Options") -> "List[File]":
    """One profile a device, and the daemon's own configuration where a profile cannot say it."""
    devices = [device for device in network.devices if _has_profile(device)]
    files = [profile(network, device) for device in devices]
    defaults: "Sections" = []
    if any(leaves_ipv6_open(network, device) for device in devices):
        # The address the network expects (and filters by) is the one made from the card's own.
        defaults.append(("connection-30-tsagent", [_EUI64]))
    for device in devices:
        if waits_for_ipv4(network, device):
            rows = ["match-device=%s" % _spec(device), _PATIENCE]
            defaults.append(("connection-30-tsagent-%s" % device.label, rows))
        if device.ignore_carrier is not None:
            rows = ["match-device=%s" % _spec(device)]
            rows.append("ignore-carrier=%s" % ("yes" if device.ignore_carrier else "no"))
            defaults.append(("device-30-tsagent-%s" % device.label, rows))
    if defaults:
        files.append(File(DEFAULTS, _text(defaults)))
    return files


def profile(network: "Network", device: "Device") -> "File":
    """The profile of one device."""
    text = _profile(network, device)
    return File("%s/tsagent-%s.nmconnection" % (DIRECTORY, device.label), text, 0o600)


def identity(label: str) -> str:
    """The UUID of the profile for an interface."""
    import uuid

    return str(uuid.uuid5(uuid.UUID(_NAMESPACE), label))


def _text(sections: "Sections") -> str:
    lines = [MARK.rstrip("\n")]
    for name, values in sections:
        if values:
            lines += ["", "[%s]" % name] + values
    return "\n".join(lines) + "\n"


def _has_profile(device: "Device") -> bool:
    """The loopback interface is there, with its own addresses, without a profile."""
    if device.kind != LOOPBACK:
        return True
    own = [item for item in device.addresses if item.ip != "::1" and not item.ip.startswith("127.")]
    return bool(own or device.routes or device.rules)


def _profile(network: "Network", device: "Device") -> str:
    kind = _TYPES[device.kind]
    controller = network.master_of(device, BOND, BRIDGE, VRF)
    connection = ["id=tsagent %s" % device.label, "uuid=%s" % identity(device.label), "type=%s" % kind]
    name = _interface_name(device)
    connection += ["interface-name=%s" % name] if name else []
    connection.append("autoconnect-priority=%d" % _PRIORITY)
    if (device.match_name or device.match_drivers) and not device.mac:
        connection.append("multi-connect=%d" % _MULTIPLE)  # every card that matches, not the first alone
    if device.optional and (device.dhcp4 or device.dhcp6):
        # The daemon counts as started once nothing is being tried any more: four times 45 s without a server.
        # After a try that failed it waits for some minutes, and goes on.
        connection.append("autoconnect-retries=1")
    if device.activation != AUTO:
        connection.append("autoconnect=false")
        if device.activation == OFF:
            network.left_out(device, "that the device is kept down", SERVICE)
    if controller is not None:
        # Daemons from 1.46 on call this controller and port-type, and know these names as well.
        connection += ["master=%s" % identity(controller.label), "slave-type=%s" % controller.kind]
    sections: "Sections" = [("connection", connection), ("match", _match(device))]
    sections += _link(network, device)
    if device.kind == BOND:
        sections.append(("bond", bond_options(network, device)))
    elif device.kind == BRIDGE:
        sections.append(("bridge", bridge_options(network, device)))
    elif device.kind == VLAN:
        sections.append(("vlan", _vlan(network, device)))
    elif device.kind == VRF:
        sections.append(("vrf", ["table=%d" % (device.vrf_table or 0)]))
    sections.append(("ethtool", _features(device)))
    if controller is not None and controller.kind == BRIDGE:
        sections.append(("bridge-port", port_options(controller, device)))
    sections += addressing(network, device, controller)
    return _text(sections)


def _interface_name(device: "Device") -> str:
    """The name that a profile is bound to; none where something else tells the card."""
    if device.kind in VIRTUAL or device.kind == LOOPBACK:
        return device.kernel_name or device.name
    if device.mac and not device.mac_shared:
        # Its address alone: the kernel's name may be another one at the next start.
        return ""
    if device.match_name or device.match_drivers or device.renamed:
        return ""
    return device.kernel_name or ""


def _match(device: "Device") -> "List[str]":
    rows = []
    names: "List[Optional[str]]" = []
    if device.match_name:
        names = [device.match_name, device.set_name]
    elif device.renamed and not device.mac and not device.match_drivers:
        names = [device.interface, device.set_name]  # the former until the next start
    if names:
        rows.append("interface-name=%s" % _list(_pattern(name) for name in names if name))
    if device.match_drivers:
        rows.append("driver=%s" % _list(_pattern(driver) for driver in device.match_drivers))
    return rows


def _link(network: "Network", device: "Device") -> "Sections":
    """What is set on the device itself."""
    ethernet: "List[str]" = []
    mtu = ["mtu=%d" % device.mtu] if device.mtu else []
    mac = ["mac-address=%s" % device.mac.upper()] if device.mac else []
    if device.kind == LOOPBACK:
        return [("loopback", mtu)]
    if device.kind == INFINIBAND:
        if device.set_mac:
            network.left_out(device, "another hardware address", SERVICE)
        if device.ethernet.wake_on_lan:
            network.left_out(device, "wake-on-LAN for an InfiniBand card", SERVICE)
        # The daemon takes no such profile without a mode; this is the driver's own.
        return [
            (
                "infiniband",
                ["transport-mode=%s" % (device.ethernet.infiniband_mode or "datagram")] + mac + mtu,
            )
        ]
    if device.kind == ETHERNET:
        ethernet += mac
        if device.ethernet.wake_on_lan:
            ethernet.append("wake-on-lan=%d" % _MAGIC_PACKET)
    elif device.ethernet.wake_on_lan:
        network.left_out(device, "wake-on-LAN for a device that is no card", SERVICE)
    if device.set_mac and device.kind != BRIDGE:
        ethernet.append("cloned-mac-address=%s" % device.set_mac.upper())
    return [("ethernet", ethernet + mtu)]


def _vlan(network: "Network", device: "Device") -> "List[str]":
    parent = network.find(device.parent)
    named = identity(parent.label) if parent is not None else str(device.parent or "")
    return ["id=%d" % (device.vlan or 0), "parent=%s" % named]


def _features(device: "Device") -> "List[str]":
    offloads: "Dict[str, bool]" = device.ethernet.offloads
    return ["feature-%s=%s" % (name, "true" if offloads[name] else "false") for name in sorted(offloads)]


def _spec(device: "Device") -> str:
    """A device in the daemon's own configuration."""
    if device.mac and not device.mac_shared:
        return "mac:%s" % device.mac.upper()
    if device.match_name:
        return "interface-name:%s" % device.match_name
    if device.match_drivers:
        return ",".join("driver:%s" % driver for driver in device.match_drivers)
    return "interface-name:=%s" % (device.kernel_name or device.name)


def _pattern(text: str) -> str:
    """A shell pattern for the [match] section, where some first letters are operators."""
    return "\\" + text if text[:1] in ("!", "&", "|", "\\") else text


def _list(values: "Iterable[str]") -> str:
    """A list as keyfiles have it: each value ended by a semicolon, backslashes and semicolons escaped."""
    letters = {"\\": "\\\\", ";": "\\;", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join("".join(letters.get(letter, letter) for letter in value) + ";" for value in values)
