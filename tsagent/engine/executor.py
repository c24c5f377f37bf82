"""Applying one module's changes, with the journal's rules."""

from tsagent.changes.base import CONVERGED
from tsagent.engine import results
from tsagent.engine.identifiers import identify
from tsagent.engine.journal import REPEATS, TRIES
from tsagent.errors import AgentError, one_line
from tsagent.host.process import CommandFailed, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.changes.base import Change
    from tsagent.engine.journal import Journal
    from tsagent.engine.results import ChangeResult, ModuleResult
    from tsagent.host import Host
    from tsagent.registry.context import Context
    from tsagent.registry.metadata import ModuleInfo
    from tsagent.report import Report

_GOOD = (results.APPLIED, results.ALREADY, results.BEFORE, results.SKIPPED)


def plan_module(info: "ModuleInfo", context: "Context", host: "Host") -> "List[Change]":
    """The changes a module wants, completely planned and named. Raises AgentError."""
    from tsagent.changes.base import Change
    from tsagent.registry.context import Nothing
    from tsagent.registry.loading import load_module

    module = load_module(info, host.root)
    try:
        answer = module.plan(context)
        changes = [] if answer is None or isinstance(answer, Nothing) else list(answer)
    except AgentError:
        raise
    except (Exception, SystemExit) as error:  # a module's own bug stays in its room
        raise _bug("module %s failed to plan" % info.name, error) from error
    for change in changes:
        if not isinstance(change, Change):
            raise AgentError(
                "module %s yielded a %s, not a change" % (info.name, type(change).__name__), "module-bug"
            )
    try:
        identify(info.name, changes)
    except Exception as error:  # a change made of values of the wrong types
        raise _bug("module %s yielded a change that is none" % info.name, error) from error
    return changes


class Executor:
    """Applies the changes of one module after another through one host, journal and report."""

    def __init__(self, host: "Host", journal: "Journal", report: "Report") -> None:
        self._host = host
        self._journal = journal
        self._report = report
        self._trace: "Optional[str]" = None
        self._user_command_ran = False

    def run(self, info: "ModuleInfo", context: "Context", result: "ModuleResult") -> None:
        """Plan and apply one module; `result` says how it went. Raises nothing but `Interrupted`."""
        clock = self._host.clock
        result.started = clock.monotonic()
        host = self._host.limited(info.time_limit)
        try:
            changes = plan_module(info, context, self._host)
            self._report.secrets(value for change in changes for value in change.secrets())
            self._apply_all(changes, host, result)
            self._judge(context, result)
            if result.state == results.DONE or result.final:
                for change in changes:
                    change.finish(host)
            self._host.root.flush()
            self._host.relabel()
        except AgentError as error:
            result.state, result.reason, result.code = results.FAILED, str(error), error.code
            result.trace = _traceback(error)
        except OSError as error:
            result.state, result.code = results.FAILED, "os-error"
            result.reason = "%s: %s" % (error.filename or info.name, error.strerror)
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 (a change that cannot even be described)
            wrong = _bug("module %s" % info.name, error)
            result.state, result.reason, result.code = results.FAILED, str(wrong), wrong.code
            self._trace = _frames(error)
        finally:
            result.trace = result.trace or self._trace
            result.warnings = list(context.warnings)
            result.warnings += ["%s: %s" % (item.describe, item.note) for item in result.changes if item.warn]
            result.decisions = list(context.decisions)
            result.seconds = clock.monotonic() - result.started
        result.reason = one_line(self._report.redact(result.reason))
        left_out = any(change.state == results.SKIPPED for change in result.changes)
        if left_out and info.frequency == "once":
            return  # what was left out in a tree is still to be done where the tree is booted
        self._journal.module(result.name, result.state, result.reason, result.seconds, result.final)

    def _judge(self, context: "Context", result: "ModuleResult") -> None:
        failed = [change for change in result.changes if change.state == results.FAILED]
        if any(change.state == results.INTERRUPTED for change in result.changes):
            result.state = results.INTERRUPTED
            result.reason = "cut off by a shutdown; what was in flight is not repeated"
            result.final = True
        elif failed:
            result.state = results.FAILED
            result.code = failed[0].code
            result.reason = "%s: %s" % (failed[0].describe, failed[0].note)
            if len(failed) > 1:
                result.reason += " (and %d more)" % (len(failed) - 1)
            result.final = all(self._journal.change(change.id).final for change in failed)
        elif result.changes:
            result.state = results.DONE
        else:
            result.state = results.NOTHING
            result.reason = context.reason or "nothing to do"

    def _apply_all(self, changes: "List[Change]", host: "Host", result: "ModuleResult") -> None:
        ended: "Dict[int, ChangeResult]" = {}
        for change in changes:
            item = results.ChangeResult(change.id, change.type, one_line(change.describe()))
            ended[id(change)] = item
            result.changes.append(item)
            started = host.clock.monotonic()
            lost = [need for need in change.requires if not _is_good(ended.get(id(need)))]
            if lost:
                item.state, item.code = results.FAILED, "needs"
                item.note = "needs '%s', which did not succeed" % lost[0].describe()
                continue
            self._report.change_started(result, item)
            try:
                self._apply(change, item, host)
            except Interrupted:
                # The agent's own change stays open: the next boot looks how far it got and goes on.
                item.state, item.note = results.INTERRUPTED, "cut off by a shutdown"
                result.state = results.INTERRUPTED
                result.reason = "cut off by a shutdown in: %s" % item.describe
                raise
            finally:
                item.seconds = host.clock.monotonic() - started
                item.describe = one_line(
                    self._report.redact(change.describe())
                )  # what was to be known later is known
                item.note = one_line(self._report.redact(item.note))
                self._report.change_finished(result, item)
            if change.wants_reboot and item.state == results.APPLIED:
                result.wants_reboot = True

    def _apply(self, change: "Change", item: "ChangeResult", host: "Host") -> None:
        record = self._journal.change(change.id)
        known = self._known_outcome(change, item, host)
        if known is not None:
            item.state, item.note = known
            change.changed = item.state == results.BEFORE
            return
        resumed, begun = record.open, False
        tried = resumed or record.outcome == "failed"
        try:
            probe = change.probe_resumed(host, record.before) if tried else change.probe(host)
            if probe.state == CONVERGED:
                item.state, item.note, item.warn = results.ALREADY, probe.detail, probe.warn
                change.changed = resumed  # it was applied, and only the journal did not get to say so
                self._journal.done(change.id, probe.detail, durable=False)
                return
            if record.begins > REPEATS:
                raise AgentError("cut off %d times; not tried again" % record.begins, code="attempts")
            before = record.before if tried else change.before(host)
            if tried:
                change.heal(host, before)
            item.repeated = resumed
            if change.user_command:
                self._stay_for_the_next_boot(host)
            self._journal.begin(change.id, before, durable=change.repeat_visible)
            begun = True
            note = _apply_surviving(change, host, before)
            change.flush(host)
        except AgentError as error:
            self._fail(change, item, error.code, str(error))
        except OSError as error:
            self._fail(change, item, "os-error", _system_error(error))
        except Interrupted:
            if begun and change.user_command:
                self._journal.interrupted(change.id)
            raise
        except Exception as error:  # noqa: BLE001 (a bug ends the change and not the boot)
            wrong = _bug("bug", error)
            self._trace = _frames(error)
            self._fail(change, item, wrong.code, str(wrong))
        else:
            item.state = results.APPLIED
            change.changed = True
            item.note = note or ""
            if item.repeated:
                item.note = ("repeated after an interruption; " + item.note).rstrip("; ")
            self._journal.done(change.id, note, durable=change.repeat_visible)

    def _stay_for_the_next_boot(self, host: "Host") -> None:
        """Raise Interrupted where the user's command before has asked for a restart or shutdown.

        `reboot` returns at once, and what is begun between it and the signal that ends the agent would be
        cut off, and lost to the user.
        """
        if self._user_command_ran and host.going_down():
            raise Interrupted()
        self._user_command_ran = True

    def _known_outcome(
        self, change: "Change", item: "ChangeResult", host: "Host"
    ) -> "Optional[Tuple[str, str]]":
        """The state and note of a change that is not to be applied now, or None."""
        record = self._journal.change(change.id)
        if record.outcome == "done":
            return results.BEFORE, "applied by an earlier run"
        if record.outcome == "interrupted":
            return results.INTERRUPTED, "cut off by a shutdown in an earlier run; not repeated"
        if record.outcome == "failed" and (record.final or record.failures >= TRIES):
            item.code = "final" if record.final else "attempts"
            return results.FAILED, "%s (not tried again)" % record.message
        if host.runner.interrupted:
            raise Interrupted()
        if change.needs_live and not host.live:
            return results.SKIPPED, "needs the running system; --root was given"
        if change.user_command and host.commands == "skip":
            return results.SKIPPED, "user commands are skipped with --root (see --commands)"
        return None

    def _fail(self, change: "Change", item: "ChangeResult", code: str, message: str) -> None:
        item.state, item.code, item.note = results.FAILED, code, message
        final = change.user_command or code == "attempts"
        self._journal.failed(change.id, code, self._report.redact(message), final)


def _apply_surviving(change: "Change", host: "Host", before: "Optional[Dict[str, Any]]") -> "Optional[str]":
    """Apply; once more after clearing up when the tool was killed from outside (short of memory)."""
    try:
        return change.apply(host)
    except CommandFailed as error:
        if error.result.status >= 0 or error.result.timed_out or change.user_command or change.outlives:
            raise
        change.heal(host, before)
        note = change.apply(host)
        return ("its tool was killed and started again; " + (note or "")).rstrip("; ")


def _is_good(item: "Optional[ChangeResult]") -> bool:
    return item is not None and item.state in _GOOD


def _system_error(error: OSError) -> str:
    where = "%s: " % error.filename if error.filename else ""
    return "%s%s" % (where, error.strerror or type(error).__name__)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    where = "?"
    while trace is not None:
        where = "%s:%d" % (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return where


def _traceback(error: BaseException) -> "Optional[str]":
    return _frames(error.__cause__) if error.__cause__ is not None else None


def _frames(error: BaseException) -> str:
    """Frames only: the last line would quote the exception's text, which may hold a value."""
    import traceback

    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _bug(what: str, error: BaseException) -> AgentError:
    """The error of somebody's bug, without the exception's own text."""
    where = "%s: %s at %s" % (what, type(error).__name__, _place(error))
    return AgentError(where, "module-bug", "this is a bug of the module; --debug shows the traceback")
