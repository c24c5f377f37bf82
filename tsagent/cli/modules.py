"""`tsagent modules`: what modules there are, where they lie, how they stand, and what becomes of each key."""

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
    from tsagent.registry.discovery import discover, load_schemas
    from tsagent.session.switches import skipped_modules
    from tsagent.state.config import load_config
    from tsagent.state.status import read_status
    from tsagent.userdata.cloud_init import key_states

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
    infos = sorted(found.modules.values(), key=lambda info: info.name)
    for info in infos:
        data = info.as_data()
        data["state"] = "disabled" if info.name in off else states.get(info.name, "not-run")
        modules.append(data)
    keys = key_states(infos, load_schemas(host, found.modules))
    if values.format == "json":
        document = {
            "schema": "tsagent.modules/1",
            "modules": modules,
            "keys": keys,
            "masked": found.masked,
            "problems": found.problems,
        }
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(modules, found.masked, found.problems, keys)) + "\n")
    return EXIT_DONE


def _lines(
    modules: "List[Dict[str, Any]]", masked: "List[str]", problems: "List[str]", keys: "List[Dict[str, Any]]"
) -> "List[str]":
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
    lines.append("")
    for entry in keys:
        words = entry["reason"] or ", ".join(entry["modules"])
        lines.append("%-26s %-10s %s" % (entry["key"], entry["state"], words))
    return lines
