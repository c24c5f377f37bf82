"""Events: the beginning and end of each stage and module, for those whom the key `reporting` names.

An event has the shape and the names that receivers of cloud-init's events know.
Source: cloud-init's documentation, "Reporting"; the stages are called as in its status.
"""

import sys

from tsagent.report import ERROR, INFO, WARNING, Sink, ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.engine.results import ModuleResult
    from tsagent.host import Host
    from tsagent.report import Report

ORIGIN = "tsagent"
STAGES = {"local": "init-local", "network": "init-network", "final": "modules-final"}
SUCCESS, WARN, FAIL = "SUCCESS", "WARN", "FAIL"
_WORSE = (SUCCESS, WARN, FAIL)
_RESULTS = {"failed": FAIL, "interrupted": WARN, "skipped": WARN}
_LEVELS = {"DEBUG": INFO, "INFO": INFO, "WARN": WARNING, "ERROR": ERROR, "FATAL": ERROR}


class Handler:
    """One who hears of events."""

    def tell(self, event: "Dict[str, Any]") -> None:
        """Take an event; never waits."""

    def network(self) -> None:
        """The network is up."""

    def close(self) -> None:
        """Nothing more will come; returns within a bounded time."""


class Events(Sink):
    """Makes events of what happens, and tells them to the handlers."""

    def __init__(self, handlers: "List[Handler]", host: "Host") -> None:
        self._handlers = handlers
        self._clock = host.clock
        self._stages: "Dict[str, str]" = {}  # the stages that were begun, and their results so far

    def stage(self, stage: str) -> None:
        self._stages[stage] = SUCCESS
        if stage != "local":
            for handler in self._handlers:
                handler.network()
        self._tell("start", STAGES[stage], "the %s stage" % stage)

    def stage_finished(self, stage: str, state: str) -> None:
        result = self._worse(self._stages.get(stage, SUCCESS), _RESULTS.get(state, SUCCESS))
        self._tell("finish", STAGES[stage], "the %s stage" % stage, result)

    def module_started(self, result: "ModuleResult") -> None:
        self._tell("start", self._name(result), "the module %s" % result.name)

    def module_finished(self, result: "ModuleResult") -> None:
        how = self._worse(_RESULTS.get(result.state, SUCCESS), WARN if result.warnings else SUCCESS)
        stage = self._current()
        self._stages[stage] = self._worse(self._stages.get(stage, SUCCESS), how)
        self._tell("finish", self._name(result), ending(result), how)

    def close(self) -> None:
        for handler in self._handlers:
            handler.close()

    def _tell(self, kind: str, name: str, description: str, result: "Optional[str]" = None) -> None:
        event = {
            "name": name,
            "description": description,
            "event_type": kind,
            "origin": ORIGIN,
            "timestamp": self._clock.time(),
        }
        if result is not None:
            event["result"] = result
        for handler in self._handlers:
            handler.tell(event)

    def _current(self) -> str:
        return list(self._stages)[-1] if self._stages else "local"

    def _name(self, result: "ModuleResult") -> str:
        # Under the stage that it runs in: one that waited for the instance is caught up with later.
        return "%s/config-%s" % (STAGES[self._current()], result.name)

    @staticmethod
    def _worse(one: str, other: str) -> str:
        return one if _WORSE.index(one) >= _WORSE.index(other) else other


class LogHandler(Handler):
    """Writes events to the agent's log."""

    def __init__(self, level: str, sinks: "List[Sink]") -> None:
        self._level = _LEVELS.get(level, INFO)
        self._sinks = sinks

    def tell(self, event: "Dict[str, Any]") -> None:
        for sink in self._sinks:
            sink.message(self._level, as_text(event))


class PrintHandler(Handler):
    """Prints events: where the run's own lines go, so that they stay apart from a result in JSON."""

    def __init__(self, consoles: "List[Any]") -> None:
        self._consoles = consoles

    def tell(self, event: "Dict[str, Any]") -> None:
        for console in self._consoles:
            console.write(as_text(event))
        if not self._consoles:
            sys.stdout.write(as_text(event).encode("ascii", "backslashreplace").decode("ascii") + "\n")
            sys.stdout.flush()


def as_text(event: "Dict[str, Any]") -> str:
    """An event as one line."""
    words = [event["event_type"], event["name"]]
    if "result" in event:
        words.append(event["result"])
    return ": ".join(words + [event["description"]])


def listeners(settings: "Dict[str, Any]", host: "Host", report: "Report") -> Events:
    """Those whom the key `reporting` names. What it says that cannot be done the module of it tells."""
    from tsagent.report.console import Plain
    from tsagent.report.logfile import LogFile

    handlers: "List[Handler]" = []
    for name, handler in settings.items():
        kind = handler.get("type")
        if kind == "log":
            logs: "List[Sink]" = [sink for sink in report.sinks if isinstance(sink, LogFile)]
            handlers.append(LogHandler(handler.get("level", "DEBUG"), logs))
        elif kind == "print":
            handlers.append(PrintHandler([sink for sink in report.sinks if isinstance(sink, Plain)]))
        elif kind == "webhook" and handler.get("endpoint"):
            from tsagent.report.webhook import Webhook

            handlers.append(Webhook(name, handler, host, report))
    return Events(handlers, host)
