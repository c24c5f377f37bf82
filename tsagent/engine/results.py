"""How changes and modules ended, as the reports and the status show it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Decision

# States of a change.
APPLIED = "applied"
ALREADY = "already"  # the machine was so already
BEFORE = "before"  # an earlier run of this instance applied it
FAILED = "failed"
SKIPPED = "skipped"
INTERRUPTED = "interrupted"

# States of a module besides FAILED, SKIPPED and INTERRUPTED.
DONE = "done"
NOTHING = "nothing"
NOT_ASKED = "none of its settings is given"  # the reason of most that have nothing to do
ADOPTED = "adopted"
DISABLED = "disabled"
PENDING = "pending"
RUNNING = "running"


class ChangeResult:
    """How one change ended. `repeated`: it had been begun before and was applied again. `warn`: its note
    is a warning.
    """

    __slots__ = ("code", "describe", "id", "note", "repeated", "seconds", "state", "type", "warn")

    def __init__(self, identifier: str, kind: str, describe: str) -> None:
        self.id = identifier
        self.type = kind
        self.describe = describe
        self.state = PENDING
        self.note = ""
        self.code = ""
        self.repeated = False
        self.warn = False
        self.seconds = 0.0

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data, for the status."""
        data = {
            "id": self.id,
            "type": self.type,
            "describe": self.describe,
            "state": self.state,
            "seconds": round(self.seconds, 3),
        }  # type: Dict[str, Any]
        if self.note:
            data["note"] = self.note
        if self.code:
            data["code"] = self.code
        if self.repeated:
            data["repeated"] = True
        return data


class ModuleResult:
    """How one module ended. `started` is in seconds of the monotonic clock; `final`: not tried again."""

    def __init__(self, name: str, stage: str) -> None:
        self.name = name
        self.stage = stage
        self.state = PENDING
        self.reason = ""
        self.code = ""
        self.final = False
        self.started = 0.0
        self.seconds = 0.0
        self.changes: "List[ChangeResult]" = []
        self.warnings: "List[str]" = []
        self.decisions: "List[Decision]" = []
        self.wants_reboot = False
        self.trace: "Optional[str]" = None

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data, for the status."""
        data = {
            "name": self.name,
            "stage": self.stage,
            "state": self.state,
            "started": round(self.started, 3),
            "seconds": round(self.seconds, 3),
            "changes": [change.as_data() for change in self.changes],
        }  # type: Dict[str, Any]
        for key in ("reason", "code"):
            if getattr(self, key):
                data[key] = getattr(self, key)
        if self.warnings:
            data["warnings"] = self.warnings
        return data
