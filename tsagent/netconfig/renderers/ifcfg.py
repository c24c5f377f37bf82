"""ifcfg, route and rule files, for the network scripts of el7 and NetworkManager's ifcfg-rh plugin.

The two read the same files and differ in what they make of them; `Options.managed` says who will read. What
their reader has no way to be told is noted with the device, the setting and the reader.
"""

from tsagent.netconfig.model import BOND, BRIDGE, DUMMY, LOOPBACK, VLAN, VRF
from tsagent.netconfig.renderers import MARK, File
from tsagent.netconfig.renderers import ifcfg_addresses as addresses
from tsagent.netconfig.renderers import ifcfg_links as links
from tsagent.netconfig.renderers import ifcfg_routes as routes
from tsagent.netconfig.renderers.ifcfg_sheet import Sheet
from tsagent.netconfig.renderers.shellfile import Assignments
from tsagent.netconfig.values import mask_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.netconfig.addressing import Address
    from tsagent.netconfig.model import Network
    from tsagent.netconfig.renderers import Options

DIRECTORY = "/etc/sysconfig/network-scripts"


def render(network: "Network", options: "Options") -> "List[File]":
    """The files of every device."""
    files: "List[File]" = []
    for device in network.devices:
        sheet = Sheet(network, device, options)
        if device.kind == LOOPBACK:
            files += _loopback(sheet)
        elif device.kind in (VRF, DUMMY):
            files += _without_ifcfg(sheet)
        elif links.findable(sheet):
            files += _files(sheet)
    return files


def _files(sheet: "Sheet") -> "List[File]":
    device = sheet.device
    links.identity(sheet)
    links.card(sheet)
    if device.kind == BOND:
        links.bond(sheet)
    elif device.kind == BRIDGE:
        links.bridge(sheet)
    elif device.kind == VLAN:
        links.vlan(sheet)
    if links.port(sheet):
        return [_file("ifcfg-" + device.label, sheet.text())]
    aliases = addresses.ipv4(sheet)
    addresses.ipv6(sheet)
    addresses.dhcp(sheet)
    wanted = routes.kernel_routes(sheet)
    taken = routes.gateways(sheet, wanted)
    addresses.name_servers(sheet)
    parts = routes.route_files(sheet, [route for route in wanted if route not in taken]) + routes.rules(sheet)
    files = [_file("ifcfg-" + device.label, sheet.text())]
    files += [_file("%s-%s" % (name, device.label), text) for name, text in parts]
    return files + _aliases(sheet, aliases)


def _without_ifcfg(sheet: "Sheet") -> "List[File]":
    """What ifcfg files have no words for: beside its plugin NetworkManager always reads keyfiles, too."""
    if sheet.managed:
        from tsagent.netconfig.renderers import networkmanager

        if sheet.device.ignore_carrier:
            sheet.left_out("that it is configured without a carrier")
        return [networkmanager.profile(sheet.network, sheet.device)]
    sheet.left_out("a device of the kind %s" % sheet.device.kind)
    return []


def _aliases(sheet: "Sheet", wanted: "List[Address]") -> "List[File]":
    """A file for each IPv4 address that has a label or stands beside a lease."""
    files = []
    for address, label in zip(wanted, addresses.alias_labels(sheet, wanted)):
        alias = Assignments()
        alias.put("DEVICE", label)
        alias.put("ONPARENT", True)
        alias.put("IPADDR", address.ip)
        alias.put("NETMASK", mask_of(address.prefix))
        # Routes and IPv6 are the interface's; the scripts would set both anew, by what stands here.
        alias.put("NO_ALIASROUTING", True)
        alias.put("IPV6INIT", False)
        files.append(_file("ifcfg-" + label, alias.text()))
    return files


def _loopback(sheet: "Sheet") -> "List[File]":
    """The scripts add addresses to `lo` by aliases: its own file is the system's. The plugin has no `lo`."""
    device = sheet.device
    version4 = [item for item in device.addresses if item.version == 4 and not item.ip.startswith("127.")]
    version6 = [item for item in device.addresses if item.version == 6 and item.ip != "::1"]
    if device.routes or device.rules:
        sheet.left_out("routes and rules of the loopback interface")
    if sheet.managed or version6:
        if version4 or version6:
            sheet.left_out("addresses of the loopback interface")
        if sheet.managed:
            return []
    device.interface = device.interface or "lo"
    return _aliases(sheet, version4)


def _file(name: str, text: str) -> "File":
    return File("%s/%s" % (DIRECTORY, name), MARK + text)
