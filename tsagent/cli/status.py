"""`tsagent status`: how the run stands, and whether to be content with it."""

import json
import sys

from tsagent.engine import results
from tsagent.errors import EXIT_DEGRADED, EXIT_DONE, EXIT_FAILED, EXIT_TIMEOUT
from tsagent.host import Clock, Tree
from tsagent.state.paths import NETWORK_TRIAL
from tsagent.state.status import DEGRADED, DISABLED, DONE, ERROR, NOT_RUN, SCHEMA, problems, read_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List, Optional

_TRIED = (
    "a network configuration is being tried, or that was cut off: then the next run puts the former one back"
)
_ENDED = (DONE, DEGRADED, ERROR, DISABLED)
_LOOK = 0.25  # seconds between two looks while waiting


def main(values: "argparse.Namespace") -> int:
    """Print the status and return the exit code."""
    tree = Tree(values.root)
    data = wait(tree, Clock(), values.timeout) if values.wait else read_status(tree)
    timed_out = values.wait and (data is None or data["state"] not in _ENDED)
    if data is None:
        data = {"schema": SCHEMA, "state": NOT_RUN, "stages": {}, "modules": [], "errors": [], "warnings": []}
    if values.format == "json":
        json.dump(data, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        lines = _lines(data)
        if tree.exists(NETWORK_TRIAL):
            lines.append("! %s" % _TRIED)
        sys.stdout.write("\n".join(lines) + "\n")
    if timed_out:
        return EXIT_TIMEOUT
    if data["state"] == ERROR or (values.wait and data["state"] == NOT_RUN):
        return EXIT_FAILED
    if data["state"] == DEGRADED and values.fail_on == "degraded":
        return EXIT_DEGRADED
    return EXIT_DONE


def wait(tree: Tree, clock: Clock, timeout: "Optional[float]") -> "Optional[Dict[str, Any]]":
    """The status once the agent has ended, or as it is when `timeout` seconds have passed."""
    deadline = None if timeout is None else clock.monotonic() + timeout
    while True:
        data = read_status(tree)
        if data is not None and data["state"] in _ENDED:
            return data
        if deadline is not None and clock.monotonic() >= deadline:
            return data
        clock.sleep(_LOOK if deadline is None else min(_LOOK, max(0.0, deadline - clock.monotonic())))


def _lines(data: "Dict[str, Any]") -> "List[str]":
    head = "state: %s" % data["state"]
    if data.get("instance_id"):
        head += ", instance %s (%s)" % (data["instance_id"], data["source"])
    if data.get("adopted"):
        head += ", adopted"
    if data.get("provisional"):
        head += ", provisional"
    lines = [head]
    for name, stage in data["stages"].items():
        lines.append("stage %s: %s, %.1f s" % (name, stage["state"], stage["seconds"]))
        modules = [module for module in data["modules"] if module["stage"] == name]
        idle = [module["name"] for module in modules if module.get("reason") == results.NOT_ASKED]
        for module in modules:
            if module["name"] not in idle:
                reason = ": " + module["reason"] if module.get("reason") else ""
                line = "  %-12s %s%s" % (module["state"], module["name"], reason)
                lines.append(line + (" [%.1f s]" % module["seconds"] if module["seconds"] >= 0.05 else ""))
        if idle:
            lines.append("  %-12s %s" % ("not set", ", ".join(sorted(idle))))
    lines.extend("! " + line for line in problems(data))
    return lines
