"""One ifcfg file in the making: its assignments, whose it is and who will read it."""

import re

from tsagent.netconfig.model import CARDS
from tsagent.netconfig.renderers import kernel_like
from tsagent.netconfig.renderers.shellfile import Assignments, sayable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.netconfig.model import Device, Network
    from tsagent.netconfig.renderers import Options

_PLAIN = re.compile(r"[A-Za-z0-9_.:,+-]+\Z")

SCRIPTS = "the network scripts"
PLUGIN = "NetworkManager's ifcfg-rh plugin"


class Sheet(Assignments):
    """The assignments for `device`; `managed` says that the plugin reads them, not the scripts.

    `name` is what the kernel calls the device; None where it has no name yet, or another one until the next
    start: then its hardware address alone tells which card it is. `on_machine` says that the reader is known
    to be there; else it is only assumed, and nothing is tuned for it.
    """

    def __init__(self, network: "Network", device: "Device", options: "Options") -> None:
        super().__init__()
        self.network = network
        self.device = device
        self.managed = options.managed
        self.on_machine = not options.offline
        self.name = device.kernel_name
        if device.kind not in CARDS:
            self.name = device.label
        elif device.mac and device.renamed:
            self.name = None
        elif self.name is None and device.mac and options.offline and kernel_like(device.name):
            self.name = device.name

    @property
    def reader(self) -> str:
        """Who reads the file, in words."""
        return PLUGIN if self.managed else SCRIPTS

    def left_out(self, setting: str) -> None:
        """Note that the reader has no way to be told a setting."""
        self.network.left_out(self.device, setting, self.reader)

    def put(self, name: str, value: "Optional[object]") -> None:
        """Assign a value, or note that no such file can hold it."""
        if value is None or sayable(str(value)):
            super().put(name, value)
        else:
            self.left_out("a value of several lines (%s)" % name)

    def put_plain(self, name: str, value: str, setting: str) -> None:
        """Assign a text of letters, digits, dots, colons and dashes: the scripts expand some texts twice."""
        if _PLAIN.match(value):
            self.put(name, value)
        else:
            self.left_out(setting)
