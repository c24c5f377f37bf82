"""One ifcfg file in the making: its assignments, whose it is and who will read it."""

import re

from tsagent.netconfig.renderers.shellfile import Assignments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.netconfig.model import Device, Network

_PLAIN = re.compile(r"[A-Za-z0-9_.:,+-]+\Z")

SCRIPTS = "the network scripts"
PLUGIN = "NetworkManager's ifcfg-rh plugin"


class Sheet(Assignments):
    """The assignments for `device`; `managed` says that the plugin reads them, not the scripts."""

    def __init__(self, network: "Network", device: "Device", managed: bool) -> None:
        super().__init__()
        self.network = network
        self.device = device
        self.managed = managed

    @property
    def reader(self) -> str:
        """Who reads the file, in words."""
        return PLUGIN if self.managed else SCRIPTS

    def left_out(self, setting: str) -> None:
        """Note that the reader has no way to be told a setting."""
        self.network.left_out(self.device, setting, self.reader)

    def put_plain(self, name: str, value: str, setting: str) -> None:
        """Assign a text of letters, digits, dots, colons and dashes: the scripts expand some texts twice."""
        if _PLAIN.match(value):
            self.put(name, value)
        else:
            self.left_out(setting)
