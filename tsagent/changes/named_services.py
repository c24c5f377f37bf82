"""Changes to services whose unit is called differently from one package to the next."""

from tsagent.changes.base import CONVERGED, DIFFERS, Probe
from tsagent.changes.system import EnableUnit
from tsagent.changes.units import find_unit, missing_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.changes.base import Change
    from tsagent.host import Host


class KeepService(EnableUnit):
    """Have a service start at every boot, and run now with `files` as they are.

    `units` are the names that its unit may have; the first that is installed is meant. It is restarted
    where it has been running since before one of `files` was written: a package may start it on
    installation.
    """

    type = "keep_service"

    def __init__(
        self,
        units: "Sequence[str]",
        files: "Sequence[str]" = (),
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(units[0], True, reason, requires)
        self.units = [unit if "." in unit else unit + ".service" for unit in units]
        self.files = list(files)

    def payload(self) -> "Dict[str, Any]":
        return {"units": self.units}

    def probe(self, host: "Host") -> Probe:
        self._choose(host)
        seen = super().probe(host)
        if seen.state == CONVERGED and self._starts(host) and self._is_older(host):
            return Probe(DIFFERS, "it runs since before its files were written")
        return seen

    def apply(self, host: "Host") -> "Optional[str]":
        self._choose(host)
        older = self._starts(host) and self._is_older(host)
        how = super().apply(host)
        if older:
            host.check(["systemctl", "try-restart", "--no-block", self.unit])
            return "restarted: it ran since before its files were written"
        return how

    def _choose(self, host: "Host") -> None:
        for unit in self.units:
            if find_unit(host.root, unit) is not None:
                self.unit = unit
                return

    def _is_older(self, host: "Host") -> bool:
        """Whether it runs since before one of its files was written."""
        ask = ["systemctl", "show", "--property=ActiveState", "--property=ActiveEnterTimestampMonotonic"]
        lines = host.run(ask + [self.unit]).text.splitlines()
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        since = said.get("ActiveEnterTimestampMonotonic", "")
        if said.get("ActiveState") != "active" or not since.isdigit():
            return False
        started = host.clock.time() - (host.clock.monotonic() - int(since) / 1e6)
        return any(_changed(host, path) > started for path in self.files)


class StopService(EnableUnit):
    """Have a service neither run now nor start at a boot. `units` as for KeepService."""

    type = "stop_service"

    def __init__(self, units: "Sequence[str]", reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(units[0], True, reason, requires)
        self.units = [unit if "." in unit else unit + ".service" for unit in units]

    def payload(self) -> "Dict[str, Any]":
        return {"units": self.units}

    def describe(self) -> str:
        return "stop and disable %s" % self.unit

    def probe(self, host: "Host") -> Probe:
        for name in self.units:
            unit = find_unit(host.root, name)
            if unit is None or unit.masked:
                continue
            if unit.links and not missing_links(host.root, unit):
                return Probe(DIFFERS, "%s is enabled" % name)
            if self._starts(host) and host.run(["systemctl", "is-active", "--quiet", name]).status == 0:
                return Probe(DIFFERS, "%s runs" % name)
        return Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        for name in self.units:
            unit = find_unit(host.root, name)
            if unit is None or unit.masked:
                continue
            if host.which("systemctl") is None:
                self._unlink(host, sorted(unit.links))
            else:
                where = [] if host.live else ["--root=" + host.root.root]
                host.check(["systemctl"] + where + ["disable", name])
            if self._starts(host):
                host.check(["systemctl", "stop", "--no-block", name])
        return None

    @staticmethod
    def _unlink(host: "Host", links: "List[str]") -> None:
        for link in links:
            host.root.unlink(link, missing_ok=True)


def _changed(host: "Host", path: str) -> float:
    """When a file was written, in seconds since the epoch; 0 where there is none."""
    try:
        return host.root.stat(path).st_mtime
    except OSError:
        return 0.0
