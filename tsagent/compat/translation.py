"""The agent's status in cloud-init's words and in the shape of its status.json.

Words, keys and their meaning: cloud-init 25.1, cloudinit/cmd/status.py and cloudinit/cmd/main.py.
"""

from tsagent.engine import results
from tsagent.state import paths
from tsagent.state import status as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

NOT_STARTED, RUNNING, DONE, DISABLED = "not started", "running", "done", "disabled"
ERROR, DEGRADED, HEALTHY = "error", "degraded", "healthy"

# cloud-init's stages, and which of the agent's does their work. Its `config` stage sets users, keys and
# kernel parameters up and ends before login: the second half of the agent's network stage.
STAGES = (
    ("init-local", "local"),
    ("init", "network"),
    ("modules-config", "network"),
    ("modules-final", "final"),
)
_DATASOURCES = {
    "imds": "DataSourceTencentCloud",
    "configdrive": "DataSourceConfigDrive",
    "nocloud": "DataSourceNoCloud",
    "none": "DataSourceNone",
}
_RUNNING = {
    states.NOT_RUN: NOT_STARTED,
    states.RUNNING: RUNNING,
    states.DONE: DONE,
    states.DEGRADED: DONE,
    states.ERROR: DONE,
    states.DISABLED: DISABLED,
}


class Details:
    """How the agent stands, as cloud-init says it.

    `running` is one of not started, running, done, disabled; `condition` of error, degraded, healthy.
    `version1` is the object `v1` of cloud-init's status.json.
    """

    def __init__(self, data: "Optional[Dict[str, Any]]", off: "Optional[str]" = None) -> None:
        data = data or {"state": states.NOT_RUN, "stages": {}, "modules": [], "errors": [], "warnings": []}
        state = states.DISABLED if off else data["state"]
        self.running = _RUNNING.get(state, RUNNING)
        self.version1 = _version1(data)
        self.errors: "List[str]" = []
        self.recoverable: "Dict[str, List[str]]" = {}
        if self.running != DISABLED:
            for name, _ours in STAGES:
                self.errors += self.version1[name]["errors"]
                for level, lines in self.version1[name]["recoverable_errors"].items():
                    self.recoverable.setdefault(level, []).extend(lines)
        self.boot_code, boot_words = _boot_code(data, off)
        self.datasource = (self.version1["datasource"] or "").split(" ")[0].lower().replace("datasource", "")
        self.detail = self.version1["datasource"] or boot_words
        if self.version1["stage"] and not self.version1["datasource"]:
            self.detail = "Running in stage: %s" % self.version1["stage"]
        self.updated: int = data.get("updated") or 0
        self.pid: "Optional[int]" = data.get("pid")

    def fail(self, line: str) -> None:
        """The agent has ended without saying so, and will not go on."""
        self.running = DONE
        self.detail = line
        self.errors.append(line)

    @property
    def condition(self) -> str:
        """error, degraded or healthy."""
        if self.errors:
            return ERROR
        return DEGRADED if self.recoverable else HEALTHY

    def words(self) -> "Tuple[str, str]":
        """`status` and `extended_status`."""
        if self.condition == ERROR:
            return ERROR, "%s - %s" % (ERROR, self.running)
        if self.condition == DEGRADED and self.running in (DONE, RUNNING):
            return self.running, "%s %s" % (DEGRADED, self.running)
        return self.running, self.running

    def exit_code(self) -> int:
        """0, 1 for an error, 2 for errors that were recovered from."""
        return {ERROR: 1, DEGRADED: 2}.get(self.condition, 0)


def _boot_code(data: "Dict[str, Any]", off: "Optional[str]") -> "Tuple[str, str]":
    if off is not None and paths.DISABLED in off:
        return "disabled-by-marker-file", off
    if off is not None:
        return "disabled-by-kernel-command-line", off
    if data["state"] == states.DISABLED:
        return "disabled-by-generator", "; ".join(data["warnings"]) or "tsagent is turned off"
    if data["state"] == states.NOT_RUN:
        return "unknown", "tsagent has not run in this boot yet"
    return "enabled-by-generator", "tsagent is enabled"


def _version1(data: "Dict[str, Any]") -> "Dict[str, Any]":
    """What cloud-init would have written. Times are seconds since the boot, as there."""
    origin = data.get("origin")
    name = _DATASOURCES.get(data.get("source") or "")
    version1: "Dict[str, Any]" = {
        "datasource": "%s [%s]" % (name, origin) if name and origin else name,
        "stage": None,
    }
    for theirs, ours in STAGES:
        stage = data["stages"].get(ours)
        start = finished = None
        if stage is not None:
            start = stage["started"]
            if stage["state"] == results.RUNNING:
                version1["stage"] = theirs
            else:
                finished = round(start + stage["seconds"], 3)
        version1[theirs] = {"errors": [], "recoverable_errors": {}, "start": start, "finished": finished}
    stage_of = {ours: theirs for theirs, ours in reversed(STAGES)}
    for module in data["modules"]:
        lines = version1[stage_of[module["stage"]]]
        reason = "%s: %s" % (module["name"], module.get("reason") or module["state"])
        if module["state"] == results.FAILED:
            lines["errors"].append(reason)
        elif module["state"] in (results.INTERRUPTED, results.SKIPPED):
            lines["recoverable_errors"].setdefault("WARNING", []).append(reason)
        for text in module.get("warnings", []):
            lines["recoverable_errors"].setdefault("WARNING", []).append("%s: %s" % (module["name"], text))
    first = version1["init-local"]
    first["errors"] += [item["message"] for item in data["errors"]]
    if data["warnings"]:
        first["recoverable_errors"].setdefault("WARNING", []).extend(data["warnings"])
    return version1
