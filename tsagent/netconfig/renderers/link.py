"""Names: a `.link` file, which udev itself reads whatever network service runs.

Source: systemd.link(5); udev reads these files since systemd 197, so on every supported system.
"""

from tsagent.netconfig.renderers import MARK, File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.netconfig.model import Device


def link_file(device: "Device") -> File:
    """The file that gives the card with this hardware address its name, from the next start on."""
    lines = [MARK + "[Match]", "MACAddress=%s" % device.mac]
    # Bonds and VLANs on the card carry its address too; they have a type, cards have none.
    lines += ["Type=!bond bridge vlan", "", "[Link]", "Name=%s" % device.set_name]
    return File("/etc/systemd/network/10-tsagent-%s.link" % device.label, "\n".join(lines) + "\n")
