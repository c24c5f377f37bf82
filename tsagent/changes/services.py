"""Services that already run and are to read their files again."""

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe
from tsagent.changes.units import find_unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

    from tsagent.host import Host


class RestartUnit(Change):
    """Have a service that runs take up what the changes `when` wrote, without waiting for it.

    Nothing is done where none of them had anything to do, or where the service does not run: it reads its
    files when it starts. `reload` asks for that where the service can, and for a restart where it cannot.
    It implies `requires` for the changes of `when`.
    """

    type = "restart_unit"
    needs_live = True

    def __init__(
        self,
        unit: str,
        when: "Sequence[Change]",
        reload: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        if "." not in unit:
            unit += ".service"
        super().__init__(unit, reason, list(when) + list(requires))
        self.unit = unit
        self.when = list(when)
        self.reload = reload

    def payload(self) -> "Dict[str, Any]":
        return {"reload": self.reload}

    def describe(self) -> str:
        return "%s %s if it runs" % ("reload" if self.reload else "restart", self.unit)

    def probe(self, host: "Host") -> Probe:
        if not any(self._applied(change, host) for change in self.when):
            return Probe(CONVERGED, "none of its files changes")
        if not host.root.is_dir("/run/systemd/system") or host.which("systemctl") is None:
            return Probe(CONVERGED, "systemd does not run here")
        return Probe(DIFFERS, "its files change")

    def apply(self, host: "Host") -> "Optional[str]":
        if find_unit(host.root, self.unit) is None:
            return "there is no such unit"
        # Without waiting: its turn may come after the agent, and then each would wait for the other.
        # The older name of try-reload-or-restart is known to all versions of systemd.
        verb = "reload-or-try-restart" if self.reload else "try-restart"
        host.check(["systemctl", "--no-block", verb, self.unit])
        return None

    @staticmethod
    def _applied(change: Change, host: "Host") -> bool:
        """Whether the engine applied it; in a preview, whether it would."""
        if change.changed is not None:
            return change.changed
        return change.probe(host).state != CONVERGED
