"""`tsagent explain`: why each value was chosen: rule, fact, source file and line."""

import json
import sys

from tsagent.errors import EXIT_DONE, AgentError, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List

    from tsagent.registry.metadata import ModuleInfo
    from tsagent.session.preview import Preview


def main(values: "argparse.Namespace") -> int:
    """Print the explanation of every module, of one, or of one key of it."""
    from tsagent.cli.run import make_host, make_options
    from tsagent.session.preview import Preview

    options = make_options(values)
    options.only = values.module or options.only
    options.again = True  # what an earlier run has done is explained all the same
    look = Preview(make_host(values), options)
    modules = [_module(look, item.info) for item in look.modules]
    for described, planned in zip(modules, look.modules):
        described["state"] = planned.state
        described["reason"] = one_line(look.report.redact(planned.reason))
        if planned.context is not None:
            described["decisions"] = [_shown(look, item.as_data()) for item in planned.context.decisions]
            described["reads"] = sorted(set(planned.context.reads))
        described["changes"] = [
            {
                "describe": one_line(look.report.redact(change.describe())),
                "reason": one_line(look.report.redact(change.reason)),
            }
            for change in planned.changes
        ]
    document: "Dict[str, Any]" = {"schema": "tsagent.explain/1", "modules": modules}
    if values.key:
        _select(document, values.module, values.key)
    if values.format == "json":
        json.dump(document, sys.stdout, indent=1, default=str)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(document)) + "\n")
    return EXIT_DONE


def _module(look: "Preview", info: "ModuleInfo") -> "Dict[str, Any]":
    snapshot = look.session.snapshot
    config = snapshot.config if snapshot is not None else {}
    origins = snapshot.settings.origins if snapshot is not None else {}
    settings = []
    for key in info.keys:
        if key not in config:
            continue
        prefix = "/" + key.replace("~", "~0").replace("/", "~1")
        for pointer in sorted(origins):
            if pointer == prefix or pointer.startswith(prefix + "/"):
                settings.append({"key": pointer[1:].replace("/", "."), "from": _place(*origins[pointer])})
    return {
        "name": info.name,
        "title": info.title,
        "stage": info.stage,
        "file": info.path,
        "settings": settings,
        "decisions": [],
        "reads": [],
    }


def _place(name: str, line: int, column: int) -> str:
    """Where a setting stands; of the image's own, put together from several files, no line is kept."""
    if line:
        return "%s:%s:%s" % (name, line, column)
    return "the image's configuration" if name == "defaults" else name


def _shown(look: "Preview", value: "Any") -> "Any":
    """A value without the secrets, however deep in it they are."""
    if isinstance(value, dict):
        return {_shown(look, key): _shown(look, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(look, item) for item in value]
    return look.report.redact(value) if isinstance(value, str) else value


def _select(document: "Dict[str, Any]", name: str, key: str) -> None:
    module = document["modules"][0]
    module["decisions"] = [item for item in module["decisions"] if item["key"] == key]
    module["settings"] = [
        item for item in module["settings"] if item["key"] == key or item["key"].startswith(key + ".")
    ]
    module["changes"] = []
    if not module["decisions"] and not module["settings"]:
        raise AgentError(
            "%s: nothing was chosen under the name %s" % (name, key),
            "no-such-key",
            "'tsagent explain %s' lists them" % name,
        )


def _lines(document: "Dict[str, Any]") -> "List[str]":
    lines = []
    for module in document["modules"]:
        head = "%s (%s): %s" % (module["name"], module["stage"], module["state"])
        lines.append(head + (": " + module["reason"] if module["reason"] else ""))
        for item in module["settings"]:
            lines.append("  %s: from %s" % (item["key"], item["from"]))
        for item in module["decisions"]:
            where = " [%s]" % ", ".join(item["facts"]) if item["facts"] else ""
            lines.append("  %s = %s: %s%s" % (item["key"], item["value"], item["because"], where))
        for change in module["changes"]:
            lines.append(
                "  - %s%s" % (change["describe"], ": " + change["reason"] if change["reason"] else "")
            )
    return lines
