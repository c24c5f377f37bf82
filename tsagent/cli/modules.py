"""`tsagent modules`: what modules there are, where they lie, and how they stand."""

import json
import sys

from tsagent.errors import EXIT_DONE, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List


def main(values: "argparse.Namespace") -> int:
    """Print the modules."""
    from tsagent.host import Host
    from tsagent.registry.discovery import discover
    from tsagent.session.switches import skipped_modules
    from tsagent.state.config import load_config
    from tsagent.state.status import read_status

    host = Host(values.root)
    found = discover(host.root, use_cache=False)
    config = load_config(host.root, use_cache=False)
    off = skipped_modules(host) | set(config.disabled)
    try:
        status = read_status(host.root) or {"modules": []}
    except AgentError:
        status = {"modules": []}  # 'tsagent status' says what is wrong with it
    states = {module["name"]: module["state"] for module in status["modules"]}
    modules = []
    for info in sorted(found.modules.values(), key=lambda info: info.name):
        data = info.as_data()
        data["state"] = "disabled" if info.name in off else states.get(info.name, "not-run")
        modules.append(data)
    if values.format == "json":
        document = {
            "schema": "tsagent.modules/1",
            "modules": modules,
            "masked": found.masked,
            "problems": found.problems,
        }
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(modules, found.masked, found.problems)) + "\n")
    return EXIT_DONE


def _lines(modules: "List[Dict[str, Any]]", masked: "List[str]", problems: "List[str]") -> "List[str]":
    lines = []
    for module in modules:
        where = "built-in" if module["shipped"] else module["path"]
        lines.append(
            "%-18s %-8s %-9s %-9s %s  %s"
            % (
                module["name"],
                module["stage"],
                module["frequency"],
                module["state"],
                where,
                ", ".join(module["keys"]),
            )
        )
    lines.extend("%-18s masked" % name for name in masked)
    lines.extend("! " + problem for problem in problems)
    return lines
