"""status.json: what ran, how it ended, why, and how long it took. Public and free of secrets."""

from tsagent import __version__
from tsagent.engine import results
from tsagent.errors import AgentError
from tsagent.state import paths
from tsagent.state.store import read_state, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.engine.results import ModuleResult
    from tsagent.host import Host, Tree

SCHEMA = "tsagent.status/1"
DISABLED, RUNNING, DONE, DEGRADED, ERROR, NOT_RUN = (
    "disabled",
    "running",
    "done",
    "degraded",
    "error",
    "not-run",
)


class Status:
    """The status of one boot, written anew whenever something ends."""

    def __init__(self, host: "Host", boot: "Optional[str]") -> None:
        self._host = host
        self.data = {
            "schema": SCHEMA,
            "agent": __version__,
            "state": RUNNING,
            "boot_id": boot,
            "pid": None,
            "instance_id": None,
            "source": None,
            "provisional": False,
            "adopted": False,
            "reboot_wanted": False,
            "updated": 0,
            "stages": {},
            "errors": [],
            "warnings": [],
            "modules": [],
        }  # type: Dict[str, Any]

    @classmethod
    def resumed(cls, host: "Host", boot: "Optional[str]", stage: str) -> "Status":
        """The status of this boot so far, where an earlier stage has written one; else a new one."""
        status = cls(host, boot)
        try:
            previous = read_status(host.root)
        except AgentError:
            previous = None  # torn by a crash; what it told is in the journals
        if stage not in ("local", "all") and previous is not None and previous.get("boot_id") == boot:
            status.data.update(previous)
            status.data["state"] = RUNNING
        return status

    def error(self, code: str, message: str) -> None:
        """Something that kept the run as a whole from doing its work."""
        self.data["errors"].append({"code": code, "message": message})

    def warning(self, message: str) -> None:
        """Something that is not as it should be."""
        if message not in self.data["warnings"]:
            self.data["warnings"].append(message)

    def stage(self, name: str, state: str, started: float, seconds: float) -> None:
        """How a stage stands; `started` on the monotonic clock, both in seconds."""
        self.data["stages"][name] = {
            "state": state,
            "started": round(started, 3),
            "seconds": round(seconds, 3),
        }

    def knows(self, name: str) -> bool:
        """Whether a module has ended in this boot already; one that still waits has not."""
        return any(item["name"] == name and item["state"] != results.PENDING for item in self.data["modules"])

    def gave_up(self, name: str) -> bool:
        """Whether a module has failed, or could not run, in this boot."""
        ends = (results.FAILED, results.INTERRUPTED, results.SKIPPED)
        return any(item["name"] == name and item["state"] in ends for item in self.data["modules"])

    def module(self, result: "ModuleResult") -> None:
        """How a module stands, replacing what was known of it."""
        kept = [item for item in self.data["modules"] if item["name"] != result.name]
        self.data["modules"] = kept + [result.as_data()]

    def finish(self) -> None:
        """Turn what is known into the state of the whole."""
        states = [module["state"] for module in self.data["modules"]]
        warned = any(module.get("warnings") for module in self.data["modules"])
        if self.data["errors"] or results.FAILED in states:
            self.data["state"] = ERROR
        elif self.data["warnings"] or warned or results.INTERRUPTED in states or results.SKIPPED in states:
            self.data["state"] = DEGRADED
        else:
            self.data["state"] = DONE

    def write(self) -> None:
        """Publish it; a status that cannot be written is not worth failing a boot for."""
        self.data["updated"] = int(self._host.clock.time())
        try:
            write_json(self._host.root, paths.STATUS, self.data, 0o644, sync=False)
        except OSError:
            pass


def read_status(tree: "Tree") -> "Optional[Dict[str, Any]]":
    """The published status, or None before the first run of this boot.

    Raises AgentError `bad-state` when it is damaged.
    """
    found: "Optional[Dict[str, Any]]" = read_state(tree, paths.STATUS, 0, _status)
    return found


def _status(data: "Dict[str, Any]") -> "Dict[str, Any]":
    texts = [data["state"]] + [item["message"] + item["code"] for item in data["errors"]] + data["warnings"]
    for item in list(data["stages"].values()) + data["modules"]:
        texts.append(item["state"])
        float(item["seconds"])
    for item in data["modules"]:
        texts += [item["name"], item["stage"]] + item.get("warnings", [])
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a status without words")
    return data


def problems(data: "Dict[str, Any]") -> "List[str]":
    """What a person must know of a status, a line each: what failed, why, and what to do."""
    lines = ["%s (%s)" % (item["message"], item["code"]) for item in data["errors"]]
    for module in data["modules"]:
        if module["state"] in (results.FAILED, results.INTERRUPTED, results.SKIPPED):
            lines.append("%s: %s: %s" % (module["name"], module["state"], module.get("reason", "")))
        lines.extend("%s: warning: %s" % (module["name"], text) for text in module.get("warnings", []))
    lines.extend("warning: %s" % text for text in data["warnings"])
    return lines
