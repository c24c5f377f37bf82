"""netplan at the first boot: its generator has run before the agent's file was there."""

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence

    from tsagent.host import Host

_SERVICE = "systemd-networkd.service"
_GENERATED = "/run/systemd/network"
_LIMIT = 30.0  # seconds for one call of a tool


class GenerateNetplan(Change):
    """Have netplan write the files of the service behind it, which reads them when it starts.

    Where that service runs already it is not told. systemd-networkd is started where nothing else would: what
    a generator asks for is asked too late by now.
    """

    type = "generate_netplan"
    needs_live = True

    def __init__(self, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("network", reason, requires)

    def describe(self) -> str:
        return "have netplan write the files of the service behind it"

    def probe(self, host: "Host") -> Probe:
        if host.which("netplan") is None:
            return Probe(CONVERGED, "netplan is not installed")
        return Probe(DIFFERS, "its generator ran before")

    def apply(self, host: "Host") -> "Optional[str]":
        managed = host.root.is_dir("/run/systemd/system")  # netplan makes it where it is not
        host.check(["netplan", "generate"], timeout=_LIMIT)
        files = host.root.listdir(_GENERATED) if host.root.is_dir(_GENERATED) else []
        if not any("-netplan-" in name and name.endswith(".network") for name in files):
            return None
        if not managed or host.which("systemctl") is None:
            return None
        if host.run(["systemctl", "is-enabled", "--quiet", _SERVICE], timeout=_LIMIT).status == 0:
            return None
        host.check(["systemctl", "daemon-reload"], timeout=_LIMIT)
        host.check(["systemctl", "--no-block", "start", _SERVICE], timeout=_LIMIT)
        return "%s is started, which nothing else would" % _SERVICE
