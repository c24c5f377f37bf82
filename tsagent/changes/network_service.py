"""Changes to the running network service."""

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

    from tsagent.host import Host

_NETWORKD = "systemd-networkd.service"
_MANAGER = "NetworkManager.service"
_SCRIPTS = "network.service"
# A card's profile for NetworkManager: the file, and the name it goes by. Source of the second: the reader
# of its ifcfg-rh plugin, for a file without NAME=.
_PROFILES = {
    "networkmanager": ("/etc/NetworkManager/system-connections/tsagent-%s.nmconnection", "tsagent %s"),
    "ifcfg": ("/etc/sysconfig/network-scripts/ifcfg-%s", "System %s"),
}
_WAIT = "10"  # seconds for one card; what takes longer goes on by itself


class ReloadNetwork(Change):
    """Have the network service that already runs take up files written since it started.

    `cards` are the interfaces they are for; `primary` is the one that the machine is reached by: its
    connection is not taken down for this. In the local stage the service has not started yet, and reads
    its files by itself.
    """

    type = "reload_network"
    needs_live = True

    def __init__(
        self,
        renderer: str,
        cards: "Sequence[str]",
        primary: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("network", reason, requires)
        self.renderer = renderer
        self.cards = list(cards)
        self.primary = primary

    def describe(self) -> str:
        return "have the network service take up the configuration of " + ", ".join(self.cards)

    def probe(self, host: "Host") -> Probe:
        service = self._running(host)
        return Probe(DIFFERS, "%s runs" % service) if service else Probe(CONVERGED, "it does not run yet")

    def apply(self, host: "Host") -> "Optional[str]":
        service = self._running(host)
        if service == _NETWORKD:
            # Configures anew only the cards whose files have changed.
            host.check(["networkctl", "reload"])
        elif service == _MANAGER:
            path, name = _PROFILES[self.renderer]
            for card in self.cards:
                host.check(["nmcli", "connection", "load", path % card])
                if card == self.primary:
                    host.check(["nmcli", "device", "reapply", card])
                else:  # by its name: without one, a profile that NetworkManager made by itself may be taken
                    up = ["connection", "up", "id", name % card, "ifname", card]
                    host.check(["nmcli", "--wait", _WAIT] + up)
        elif service == _SCRIPTS:
            for card in self.cards:
                if card != self.primary:  # the scripts can only take it down and up again
                    host.check(["ifup", card])
        return service

    def _running(self, host: "Host") -> "Optional[str]":
        if not host.root.is_dir("/run/systemd/system") or host.which("systemctl") is None:
            return None
        for unit in [_NETWORKD] if self.renderer == "networkd" else [_MANAGER, _SCRIPTS]:
            if host.run(["systemctl", "is-active", "--quiet", unit]).status == 0:
                return unit
        return None


def cards_of(paths: "Sequence[str]", names: "Sequence[str]") -> "List[str]":
    """Those of the interfaces `names` that the files at `paths` are for, by the files' names."""
    parts = set()
    for path in paths:
        base = path.rsplit("/", 1)[-1]
        for ending in (".network", ".nmconnection"):
            if base.endswith(ending):
                base = base[: -len(ending)]
        parts.add(base[len("10-") :] if base.startswith("10-") else base)
    starts = ("tsagent-", "ifcfg-", "route-", "route6-", "rule-", "rule6-")
    return [name for name in names if any(start + name in parts for start in starts)]
