"""`tsagent network apply`: a network configuration on the running machine, or the former one again."""

import json
import os
import sys

from tsagent.engine import results
from tsagent.errors import EXIT_DONE, EXIT_FAILED, AgentError
from tsagent.report.console import whoever_is_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, List, Tuple

    from tsagent.engine.results import ModuleResult

SCHEMA = "tsagent.network-apply/1"
_LIMIT = 4 << 20  # bytes of a configuration
_FILES = ("write_file", "remove_file")
_PUT_BACK = ("network-put-back", "interrupted")


def main(values: "argparse.Namespace") -> int:
    """Apply, tell how it went, and return the exit code.

    The terminal may be lost on the way, with the network that it came by: a hang-up ends nothing here, and
    what cannot be printed is not.
    """
    import signal

    from tsagent.host import Host
    from tsagent.report import Report
    from tsagent.session.apply import apply_network

    if os.geteuid() != 0:
        raise AgentError("only root may change the network", "not-permitted")
    asked: "Dict[str, Any]" = {
        "timeout": values.timeout,
        "rollback": not values.no_rollback,
        "force": values.force,
        "renderer": values.renderer,
    }
    if values.input is not None:
        asked["config"], asked["text"] = _read(values.input)
    host = Host()
    report = Report.for_machine(host)

    def stop(number: int, frame: "Any") -> None:
        host.runner.interrupt()

    signal.signal(signal.SIGHUP, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    os.umask(0o022)
    try:
        result = apply_network(host, asked, report, values.source)
    finally:
        report.close()
    _tell(_document(result), values.format)
    return EXIT_DONE if result.state in (results.DONE, results.NOTHING) else EXIT_FAILED


def _read(path: str) -> "Tuple[Tuple[str, Any, str], bytes]":
    """Format, document and name of a configuration, and its text. Raises AgentError `network-config` for
    one that has errors, each of which is printed, and `unreadable`.
    """
    from tsagent.netconfig import check
    from tsagent.userdata.problem import errors_of

    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise AgentError("%s: %s" % (path, error.strerror), code="unreadable") from None
    form, document, problems = check(data, name)
    errors = errors_of(problems)
    for problem in errors:
        sys.stderr.write("%s\n" % problem)
    if errors:
        words = "%s: %d error%s" % (name, len(errors), "" if len(errors) == 1 else "s")
        raise AgentError(words, "network-config", "nothing is changed")
    return (form, document, name), data


def _document(result: "ModuleResult") -> "Dict[str, Any]":
    failed = result.state not in (results.DONE, results.NOTHING)
    trial = next((item for item in result.changes if item.type == "apply_network"), None)
    lost = next((item for item in result.changes if item.state == results.FAILED), None)
    if failed:
        state = "put-back" if result.code in _PUT_BACK else "failed"
    else:
        state = "applied" if trial is not None and trial.state == results.APPLIED else "nothing"
    return {
        "schema": SCHEMA,
        "state": state,
        "note": trial.note if trial is not None and not failed else "" if failed else result.reason,
        "files": [
            {"path": _path(item.id), "state": "kept" if item.warn else "failed" if failed else "in-place"}
            for item in result.changes
            if item.type in _FILES
        ],
        "warnings": result.warnings,
        "error": {"code": result.code, "message": lost.note if lost else result.reason} if failed else None,
    }


def _path(identifier: str) -> str:
    """The target in a change's id: module, type, target, digest."""
    return identifier.split(":", 2)[2].rpartition(":")[0]


def _tell(document: "Dict[str, Any]", form: str) -> None:
    error = document["error"]
    lines: "List[str]" = []
    if form == "json":
        lines.append(json.dumps(document, indent=1))
    elif error is None:
        lines.append("%s: %s" % (document["state"], document["note"]))
    with whoever_is_there(sys.stdout):
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    with whoever_is_there(sys.stderr):
        for warning in document["warnings"]:
            sys.stderr.write("warning: %s\n" % warning)
        if error is not None:
            sys.stderr.write("tsagent: %s (%s)\n" % (error["message"], error["code"]))
        sys.stderr.flush()
