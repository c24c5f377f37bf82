"""Telling people and programs what happens while it happens; secrets are taken out on the way."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Optional

    from tsagent.engine.results import ChangeResult, ModuleResult
    from tsagent.host import Host

INFO, NOTICE, WARNING, ERROR = "info", "notice", "warning", "error"

_COUNTED = (
    ("applied", "applied"),
    ("already", "already so"),
    ("before", "applied before"),
    ("skipped", "left out"),
)
_SHORTEST_SECRET = 4  # characters: a shorter value would blank out ordinary words


class Sink:
    """One place that hears of what happens. The default hears nothing."""

    def stage(self, stage: str) -> None:
        """A stage begins."""

    def stage_finished(self, stage: str, state: str) -> None:
        """A stage has ended: "done" or "failed"."""

    def module_started(self, result: "ModuleResult") -> None:
        """A module is about to be planned."""

    def change_started(self, module: "ModuleResult", change: "ChangeResult") -> None:
        """A change is about to be looked at."""

    def change_finished(self, module: "ModuleResult", change: "ChangeResult") -> None:
        """A change has ended, one way or another."""

    def module_finished(self, result: "ModuleResult") -> None:
        """A module has ended."""

    def message(self, level: str, text: str) -> None:
        """Something else worth a line."""

    def unit(self, pid: int) -> None:
        """What follows belongs to the unit of systemd that this process is of."""

    def close(self) -> None:
        """Nothing more will come."""


class Report(Sink):
    """Passes everything on to its sinks, and knows what must never be shown."""

    def __init__(self, sinks: "Iterable[Sink]" = ()) -> None:
        self.sinks: "List[Sink]" = list(sinks)
        self._secrets: "List[str]" = []
        self.started = time.monotonic()

    @classmethod
    def for_machine(cls, host: "Host") -> "Report":
        """One to the log and, on the running machine, to systemd's journal where that listens."""
        from tsagent.report.logfile import LogFile

        report = cls([LogFile(host.root)])
        if host.live and host.root.exists("/run/systemd/journal/socket"):
            from tsagent.report.journald import JournalD

            report.sinks.append(JournalD())
        return report

    def secrets(self, values: "Iterable[str]") -> None:
        """Values to blank out from now on, and each line of one that has several."""
        for value in values:
            for part in [value] + value.splitlines():
                if len(part) >= _SHORTEST_SECRET and part not in self._secrets:
                    self._secrets.append(part)
        self._secrets.sort(key=len, reverse=True)

    def redact(self, text: str) -> str:
        """The text with every known secret blanked out."""
        for value in self._secrets:
            if value in text:
                text = text.replace(value, "***")
        return text

    def stage(self, stage: str) -> None:
        for sink in self.sinks:
            sink.stage(stage)

    def stage_finished(self, stage: str, state: str) -> None:
        for sink in self.sinks:
            sink.stage_finished(stage, state)

    def module_started(self, result: "ModuleResult") -> None:
        for sink in self.sinks:
            sink.module_started(result)

    def change_started(self, module: "ModuleResult", change: "ChangeResult") -> None:
        change.describe = self.redact(change.describe)
        for sink in self.sinks:
            sink.change_started(module, change)

    def change_finished(self, module: "ModuleResult", change: "ChangeResult") -> None:
        for sink in self.sinks:
            sink.change_finished(module, change)

    def module_finished(self, result: "ModuleResult") -> None:
        result.warnings = [self.redact(warning) for warning in result.warnings]
        for sink in self.sinks:
            sink.module_finished(result)

    def message(self, level: str, text: str) -> None:
        text = self.redact(text)
        for sink in self.sinks:
            sink.message(level, text)

    def unit(self, pid: int) -> None:
        for sink in self.sinks:
            sink.unit(pid)

    def close(self) -> None:
        for sink in self.sinks:
            sink.close()


def ending(result: "ModuleResult") -> str:
    """How a module ended, in one line for people."""
    if result.state == "done":
        counts = []
        for state, name in _COUNTED:
            number = sum(1 for change in result.changes if change.state == state)
            if number:
                counts.append("%d %s" % (number, name))
        words = ", ".join(counts)
    else:
        words = result.reason
    return "%s: %s%s" % (result.name, result.state, ": " + words if words else "")


def level_of(state: "Optional[str]") -> str:
    """The level at which an ending is told."""
    if state == "failed":
        return ERROR
    return WARNING if state == "interrupted" else INFO
