"""What a run would do, without doing it: for `plan` and `explain`."""

from tsagent.engine.executor import plan_module
from tsagent.engine.graph import Graph
from tsagent.errors import AgentError, one_line
from tsagent.report import Report
from tsagent.session.session import Session
from tsagent.session.switches import off

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context
    from tsagent.registry.metadata import ModuleInfo
    from tsagent.session.options import Options

SCHEMA = "tsagent.plan/1"


class Planned:
    """One module as a run would treat it."""

    def __init__(self, info: "ModuleInfo", state: str, reason: str) -> None:
        self.info = info
        self.state = state
        self.reason = reason
        self.context: "Optional[Context]" = None
        self.changes: "List[Change]" = []
        self.error: "Optional[AgentError]" = None


class Preview:
    """A session that only looks, and what it planned. Raises AgentError as `run` would."""

    def __init__(self, host: "Host", options: "Options") -> None:
        self.host = host
        self.report = Report()
        self.session = Session(host, options, self.report, readonly=True)
        self.errors: "List[AgentError]" = []
        self.modules: "List[Planned]" = []
        why_off = off(host)
        if why_off is not None:
            self.session.problems.append("disabled: %s" % why_off)
            return
        if "network" in options.stages() or "final" in options.stages():
            try:
                self.session.ask()
                self.session.complete()
            except AgentError as error:
                self.errors.append(error)
        self._learn_secrets()
        self._plan_all(options)

    def _plan_all(self, options: "Options") -> None:
        session = self.session
        due = []
        satisfied: "List[str]" = []
        for info in session.upto(options.stages()[-1]):
            if info.name not in session.off:
                satisfied.extend([info.name] + info.provides)
            if options.only not in (None, info.name):
                continue
            if options.again:
                session.journal(info).again(info.name)
            verdict = session.judge(info)
            if verdict.due:
                due.append(info)
            else:
                self.modules.append(Planned(info, verdict.state, verdict.reason))
        for stage in ("local", "network", "final"):
            graph = Graph([info for info in due if info.stage == stage], satisfied)
            for cycle in graph.cycles:
                words = "modules wait for each other: %s" % " -> ".join(cycle + cycle[:1])
                self.errors.append(AgentError(words, code="cycle"))
            for name in _ordered(graph):
                self.modules.append(self._plan_one(graph.modules[name], graph.missing.get(name, [])))

    def _plan_one(self, info: "ModuleInfo", missing: "List[str]") -> Planned:
        planned = Planned(info, "due", "")
        if missing:
            planned.state = "skipped"
            planned.reason = "requires %s, which is not there" % ", ".join(missing)
            return planned
        planned.context = self.session.context(info)
        try:
            planned.changes = plan_module(info, planned.context, self.host)
        except AgentError as error:
            planned.error, planned.state, planned.reason = error, "failed", str(error)
            self.errors.append(error)
        except OSError as error:
            planned.error = AgentError("%s: %s" % (error.filename, error.strerror), code="os-error")
            planned.state, planned.reason = "failed", planned.error.message
            self.errors.append(planned.error)
        else:
            if not planned.changes:
                planned.state, planned.reason = "nothing", planned.context.reason or "nothing to do"
            self.report.secrets(value for change in planned.changes for value in change.secrets())
        return planned

    def _learn_secrets(self) -> None:
        self.report.secrets(self.session.secrets())


def preview(host: "Host", options: "Options") -> "Dict[str, Any]":
    """The plan as a document of schema `tsagent.plan/1`."""
    look = Preview(host, options)
    redact = look.report.redact
    identity = look.session.recognition.identity
    modules = [_module(look, planned) for planned in look.modules]
    return {
        "schema": SCHEMA,
        "instance_id": look.session.instance_id,
        "source": identity.source if identity is not None else None,
        "pending": sum(
            1
            for module in modules
            for change in module["changes"]
            if change["state"] in ("differs", "unknown")
        ),
        "modules": modules,
        "warnings": [redact(text) for text in look.session.warnings()],
        "errors": [{"code": error.code, "message": redact(str(error))} for error in look.errors],
    }


def _module(look: Preview, planned: Planned) -> "Dict[str, Any]":
    context = planned.context
    return {
        "name": planned.info.name,
        "stage": planned.info.stage,
        "state": planned.state,
        "reason": one_line(look.report.redact(planned.reason)),
        "changes": [_change(look, change, planned) for change in planned.changes],
        "warnings": [look.report.redact(text) for text in context.warnings] if context else [],
    }


def _change(look: Preview, change: "Change", planned: Planned) -> "Dict[str, Any]":
    redact = look.report.redact
    state, detail = _probe(look, change, planned)
    diff = [] if state in ("converged", "skipped", "before") else _diff(look, change)
    return {
        "id": change.id,
        "type": change.type,
        "target": str(change.target),
        "describe": one_line(redact(change.describe())),
        "state": state,
        "detail": one_line(redact(detail)),
        "reason": one_line(redact(change.reason)),
        "diff": [redact(line) for line in diff],
    }


def _probe(look: Preview, change: "Change", planned: Planned) -> "Tuple[str, str]":
    host = look.host
    if look.session.journal(planned.info).change(change.id).outcome == "done":
        return "before", "applied by an earlier run"
    if change.needs_live and not host.live:
        return "skipped", "needs the running system; --root was given"
    if change.user_command and host.commands == "skip":
        return "skipped", "user commands are skipped with --root"
    try:
        probe = change.probe(host)
    except (AgentError, OSError, KeyError) as error:
        # What it depends on is not there before an earlier change has made it.
        if change.requires:
            return "differs", "known after %s" % change.requires[0].describe()
        return "unknown", str(error)
    except Exception as error:  # noqa: BLE001 (a module's bug is told, and the rest is shown)
        return "unknown", "its look fails: %s" % type(error).__name__
    return probe.state, probe.detail


def _diff(look: Preview, change: "Change") -> "List[str]":
    try:
        return change.detail(look.host)
    except (AgentError, OSError, KeyError):
        return []


def _ordered(graph: Graph) -> "List[str]":
    """Module names in an order in which they could run."""
    order: "List[str]" = []
    waiting = {name: set(waits) for name, waits in graph.waits.items()}
    while waiting:
        ready = sorted(name for name, waits in waiting.items() if not waits - set(order))
        order.extend(ready)
        for name in ready:
            del waiting[name]
    return order
