"""The log: one line an event, without secrets, mode 0640."""

import os
import time

from tsagent.report import INFO, Sink, ending, level_of
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.engine.results import ChangeResult, ModuleResult
    from tsagent.host import Tree


class LogFile(Sink):
    """Appends to /var/log/tsagent.log inside the root; opened at the first line."""

    def __init__(self, tree: "Tree") -> None:
        self._tree = tree
        self._descriptor: "Optional[int]" = None

    def stage(self, stage: str) -> None:
        self.message(INFO, "stage %s" % stage)

    def change_finished(self, module: "ModuleResult", change: "ChangeResult") -> None:
        if change.state in ("already", "before"):
            return
        text = "%s: %s: %s (%.3f s)" % (module.name, change.describe, change.state, change.seconds)
        self.message(level_of(change.state), text + (": " + change.note if change.note else ""))

    def module_finished(self, result: "ModuleResult") -> None:
        self.message(level_of(result.state), "%s (%.3f s)" % (ending(result), result.seconds))
        for warning in result.warnings:
            self.message("warning", "%s: %s" % (result.name, warning))

    def message(self, level: str, text: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        line = "%sZ %s %s\n" % (stamp, level, " ".join(text.split()))
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = self._tree.open(paths.LOG, flags, 0o640)
        os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
