"""`tsagent plan`: every change that `run` would make, and the reason of every no-op."""

import json
import sys

from tsagent.cli.run import make_host, make_options
from tsagent.errors import EXIT_DEGRADED, EXIT_DONE, EXIT_FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List

_PENDING = 2  # --detailed-exitcode


def main(values: "argparse.Namespace") -> int:
    """Print the plan and return the exit code."""
    from tsagent.session.preview import preview

    document = preview(make_host(values), make_options(values))
    if values.format == "json":
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(document)) + "\n")
    if document["errors"]:
        return EXIT_FAILED
    assert _PENDING == EXIT_DEGRADED
    return _PENDING if values.detailed_exitcode and document["pending"] else EXIT_DONE


def _lines(document: "Dict[str, Any]") -> "List[str]":
    lines = ["instance %s (%s)" % (document["instance_id"] or "not known yet", document["source"] or "?")]
    for warning in document["warnings"]:
        lines.append("warning: %s" % warning)
    for module in document["modules"]:
        head = "%s (%s): %s" % (module["name"], module["stage"], module["state"])
        lines.append(head + (": " + module["reason"] if module["reason"] else ""))
        for change in module["changes"]:
            mark = {"differs": "+", "unknown": "?", "converged": "="}.get(change["state"], "-")
            why = " (%s)" % change["detail"] if change["detail"] else ""
            because = ": " + change["reason"] if change["reason"] else ""
            lines.append("  %s %s%s%s" % (mark, change["describe"], why, because))
            lines.extend("      " + line for line in change["diff"])
        lines.extend("  warning: %s" % warning for warning in module["warnings"])
    lines.extend("error: %s (%s)" % (item["message"], item["code"]) for item in document["errors"])
    count = document["pending"]
    lines.append("%d change%s pending" % (count, "" if count == 1 else "s"))
    return lines
