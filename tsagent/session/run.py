"""`tsagent run`: a first boot, or a later one, safe to repeat."""

import os

from tsagent.engine import results
from tsagent.errors import EXIT_DEGRADED, EXIT_DONE, EXIT_FAILED, AgentError, LockedError, one_line
from tsagent.host.process import Interrupted
from tsagent.session.session import STAGES, Session, skipped
from tsagent.session.switches import off, other_agent
from tsagent.state import paths
from tsagent.state.config import load_config
from tsagent.state.lock import take_lock
from tsagent.state.status import DISABLED, RUNNING, Status
from tsagent.state.store import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Set

    from tsagent.engine.results import ModuleResult
    from tsagent.host import Host
    from tsagent.registry.metadata import ModuleInfo
    from tsagent.report import Report, Sink
    from tsagent.session.options import Options
    from tsagent.state.snapshot import Snapshot


def run(
    host: "Host", options: "Options", report: "Report", ready: "Optional[Callable[[], None]]" = None
) -> int:
    """Do what `options` ask; the exit code. Raises LockedError, UsageError and, for state that cannot
    be read, AgentError.

    With `ready`, that is called when the stage is done, and the process then goes on with each later one
    when its unit asks for it; the code remains that of the stage asked for.
    """
    boot = host.hardware.text("/proc/sys/kernel/random/boot_id")
    why_off = off(host)
    if why_off is not None:
        status = Status(host, boot)
        status.data["state"] = DISABLED
        status.warning(why_off)
        status.write()
        report.message("info", "disabled: %s" % why_off)
        if ready is not None:
            ready()
        return EXIT_DONE
    lock = take_lock(host.root)
    try:
        one = _Run(host, options, report, Status.resumed(host, boot, options.stage))
        code = one.go()
    finally:
        os.close(lock)
    if ready is not None:
        one.carry_on(ready)
    return code


class _Run:
    """One run in progress."""

    def __init__(self, host: "Host", options: "Options", report: "Report", status: Status) -> None:
        self.host = host
        self.options = options
        self.report = report
        self.status = status
        self.results: "List[ModuleResult]" = []
        self.failed: "Set[str]" = set()
        self._secrets_of: "Optional[Snapshot]" = None  # whose secrets the report knows
        self._listeners: "Optional[Sink]" = None  # those that the settings name
        self.over = True  # nothing is left for a later stage, or another process must see to it

    def go(self) -> int:
        """Do the stages asked for; the exit code."""
        self.status.data["pid"] = os.getpid()
        other = other_agent(self.host)
        if other is not None:
            wanted = load_config(self.host.root).cloud_init
            if wanted != "ignore":
                return self._give_way(other, refuse=wanted == "refuse")
        try:
            self.session = Session(self.host, self.options, self.report)
        except AgentError as error:
            if error.exit_code == EXIT_FAILED:
                self._error(error)
                self._finish()
                if not self.options.debug:
                    return EXIT_FAILED
            raise
        return self._stages()

    def carry_on(self, ready: "Callable[[], None]") -> None:
        """Go on with each later stage when its unit asks for it, as long as nobody else runs meanwhile."""
        gates = None
        if not self.over:
            from tsagent.session.gates import Gates

            try:
                gates = Gates(self.host)
            except OSError as error:  # then each stage has a process of its own
                self.report.message("warning", "%s: %s" % (error.filename, error.strerror))
        ready()
        if gates is None:
            return
        try:
            while not self.over:
                left = stamp(self.host.root, paths.STATUS)
                gate = gates.wait()
                lock = take_lock(self.host.root)
                try:
                    if stamp(self.host.root, paths.STATUS) != left:
                        break
                    gate.move_in()
                    self.report.unit(gate.pid)
                    self.options.stage = gate.stage
                    self.results = []
                    self.status.data["state"] = RUNNING
                    self.session.look_again()
                    gates.ended(gate, self._stages())
                finally:
                    os.close(lock)
        except (Interrupted, LockedError):
            pass
        finally:
            gates.close()

    def _stages(self) -> int:
        self.over = True
        try:
            for stage in self.options.stages():
                self._stage(stage)
        except Interrupted:
            self.status.warning("cut off by a shutdown")
            self._finish()
            return EXIT_FAILED
        except AgentError as error:  # a journal that cannot be read
            self._error(error)
            self._finish()
            if self.options.debug:
                raise
            return EXIT_FAILED
        finally:
            self.session.close()
        self._settle()
        return self._exit_code()

    def _give_way(self, why: str, refuse: bool) -> int:
        """Leave the machine to cloud-init, or refuse to run beside it."""
        hint = "see cloud_init in agent.yaml"
        if refuse:
            self._error(AgentError(why, "other-agent", hint))
            self._finish()
            return EXIT_FAILED
        self.status.data["state"] = DISABLED
        self.status.warning("%s (%s)" % (why, hint))
        self.status.write()
        self.host.root.write_atomic(paths.NOTHING_DUE, b"", 0o644, sync=False)
        self.report.message("info", "disabled: %s (%s)" % (why, hint))
        return EXIT_DONE

    def _stage(self, stage: str) -> None:
        session = self.session
        clock = self.host.clock
        started = clock.monotonic()
        self.report.stage(stage)
        self.status.stage(stage, results.RUNNING, started, 0.0)
        unknown = session.provisional
        if stage != "local" and session.provisional:
            try:
                session.ask()
            except AgentError as error:
                self._error(error)
        if stage != "local" or self.options.only is not None:
            session.complete()
        if not session.provisional:
            self.status.data["errors"] = []  # an earlier stage of this boot could not know the instance
        self._describe_instance()
        self._prepare()
        due = []
        may_come = []
        for info in self._candidates(stage):
            verdict = session.judge(info)
            if verdict.due and self.status.gave_up(info.name) and not (unknown and not session.provisional):
                continue  # what failed in an earlier stage is tried again at the next boot, not at this one
            if verdict.due:
                due.append(info)
                self.status.module(skipped(info, results.PENDING, ""))
            elif verdict.may_come and info.stage == stage:
                may_come.append(info)
            elif not self.status.knows(info.name):
                self.status.module(skipped(info, verdict.state, verdict.reason))
        # What others do in this stage may fill the directories of these: they are judged in their turn.
        for info in may_come:
            if due and not self.status.knows(info.name):
                due.append(info)
                self.status.module(skipped(info, results.PENDING, ""))
            elif not self.status.knows(info.name):
                self.status.module(skipped(info, results.NOTHING, results.NOT_ASKED))
        self.status.write()
        self._listen(stage, bool(due))
        if stage == "local" and any("network" in info.provides for info in due):
            from tsagent.session.cards import wait_for_cards

            wait_for_cards(self.host)
        settings = session.snapshot.config.get("output") if session.snapshot is not None and due else None
        if settings is None:
            self._run_modules(stage, due)
        else:
            self._run_copying(stage, due, settings)
        state = results.FAILED if self.failed & {info.name for info in due} else results.DONE
        self.status.stage(stage, state, started, clock.monotonic() - started)
        self.status.write()
        self.report.stage_finished(stage, state)

    def _listen(self, stage: str, due: bool) -> None:
        """Have those hear of the run that the settings name, from the first stage with something to do."""
        if self._listeners is None and due and self.session.snapshot is not None:
            handlers = self.session.snapshot.config.get("reporting")
            if handlers:
                from tsagent.report.events import listeners

                self._listeners = listeners(handlers, self.host, self.report)
                self._listeners.stage(stage)
                self.report.sinks.append(self._listeners)

    def _candidates(self, stage: str) -> "List[ModuleInfo]":
        only = self.options.only
        if only is None:
            return self.session.upto(stage)
        info = self.session.modules[only]
        if self.options.stage == "all" and info.stage != stage:
            return []
        if self.options.again:
            self.session.journal(info).again(only)
            self.options.again = False
        return [info]

    def _prepare(self) -> None:
        """What must be in place before the first change of a stage."""
        session = self.session
        warnings = session.warnings()
        if warnings:
            self._learn_secrets()
        for warning in warnings:
            warning = one_line(self.report.redact(warning))
            if warning not in self.status.data["warnings"]:
                self.report.message("warning", warning)
            self.status.warning(warning)
        if session.provisional and not session.recognition.adopted:
            self.host.root.mkdir(paths.INSTANCES, 0o700)
            self.host.root.mkdir(paths.PENDING, 0o700)

    def _run_copying(self, stage: str, due: "List[ModuleInfo]", settings: "Any") -> None:
        """Run them; what the user's commands print goes to where the settings say, too."""
        from tsagent.host.outputs import Outputs

        self.host.outputs = Outputs(self.host, settings, stage)
        try:
            self._run_modules(stage, due)
        finally:
            for problem in self.host.outputs.problems:
                self.status.warning(problem)
                self.report.message("warning", problem)
            self.host.outputs.close()
            self.host.outputs = None

    def _run_modules(self, stage: str, due: "List[ModuleInfo]") -> None:
        if not due:
            return
        # What applies changes is not imported at a boot that has none to apply.
        from tsagent.engine.executor import Executor
        from tsagent.engine.graph import Graph
        from tsagent.engine.stage import run_stage

        session = self.session
        self._learn_secrets()
        graph = Graph(due, satisfied=self._satisfied())
        for cycle in graph.cycles:
            words = "modules wait for each other: %s" % " -> ".join(cycle + cycle[:1])
            for name in cycle:
                self._end(skipped(session.modules[name], results.SKIPPED, words), "cycle")
            self.report.message("error", words)

        def work(name: str) -> "ModuleResult":
            info = session.modules[name]
            if info.directories:
                verdict = session.judge(info)
                if not verdict.due:
                    result = skipped(info, verdict.state, verdict.reason)
                    self.status.module(result)
                    return result
            result = results.ModuleResult(name, info.stage)
            self.report.module_started(result)
            executor = Executor(self.host, session.journal(info), self.report)
            try:
                executor.run(info, session.context(info), result)
            except Interrupted:
                session.journal(info).module(name, results.INTERRUPTED, result.reason, result.seconds)
                self._end(result)
                raise
            self._end(result)
            return result

        def skip(name: str, reason: str) -> "ModuleResult":
            result = skipped(session.modules[name], results.SKIPPED, reason)
            self._end(result)
            return result

        run_stage(graph, self.failed, work, skip, self.options.workers)

    def _satisfied(self) -> "List[str]":
        """What modules that need not run any more provide."""
        things = []
        for name, info in self.session.modules.items():
            if name not in self.failed and name not in self.session.off:
                things.extend([name] + info.provides)
        return things

    def _learn_secrets(self) -> None:
        snapshot = self.session.snapshot
        if snapshot is not self._secrets_of:
            self._secrets_of = snapshot
            self.report.secrets(self.session.secrets())

    def _end(self, result: "ModuleResult", code: str = "") -> None:
        result.code = result.code or code
        self.results.append(result)
        if result.state in (results.FAILED, results.INTERRUPTED, results.SKIPPED):
            self.failed.add(result.name)
        if result.wants_reboot:
            self.status.data["reboot_wanted"] = True
        self.report.module_finished(result)
        if result.trace and self.options.debug:
            self.report.message("error", result.trace)
        self.status.module(result)
        if result.state != results.NOTHING:  # which is told with the next
            self.status.write()

    def _error(self, error: AgentError) -> None:
        self.status.error(error.code, self.report.redact(str(error)))
        self.report.message("error", "%s (%s)" % (error, error.code))

    def _describe_instance(self) -> None:
        data = self.status.data
        data["instance_id"] = self.session.instance_id
        data["provisional"] = self.session.provisional
        data["adopted"] = self.session.recognition.adopted
        identity = self.session.recognition.identity
        data["source"] = identity.source if identity is not None else None

    def _settle(self) -> None:
        """After the last stage asked for: say what is left, and end the status where nothing is."""
        last = self.options.stages()[-1]
        quiet = self.options.only is None and not self.failed and self.session.nothing_due()
        if quiet:
            self.host.root.write_atomic(paths.NOTHING_DUE, b"", 0o644, sync=False)
            now = self.host.clock.monotonic()
            for stage in STAGES[STAGES.index(last) + 1 :]:
                self.status.stage(stage, results.NOTHING, now, 0.0)
        elif self.options.only is None:  # one module alone says nothing of the boot's others
            self.host.root.unlink(paths.NOTHING_DUE, missing_ok=True)
        if self.session.provisional and self.session.recognition.url is not None:
            self.host.root.write_atomic(paths.PROVISIONAL, b"", 0o644, sync=False)
        elif last != "local":
            self.host.root.unlink(paths.PROVISIONAL, missing_ok=True)
        self.over = quiet or last == "final"
        if self.over:
            # One module alone does not end a boot, and a card that has just come would be taken for known.
            if self.host.live and self.options.only is None:
                from tsagent.session.cards import end_of_boot

                end_of_boot(self.session)
            self._finish()
        if last == "final" and self.host.at_end:
            self._take_leave()
        elif last == "final" and self.status.data["reboot_wanted"] and self.host.live:
            self.host.run(["systemctl", "--no-block", "reboot"])

    def _take_leave(self) -> None:
        """Start what is to happen when this process has ended."""
        acts, self.host.at_end[:] = list(self.host.at_end), []
        for act in acts:
            try:
                act.start(self.host)
            except (OSError, AgentError) as error:
                self._error(AgentError("%s: %s" % (act.argv[0], error), "command-failed"))
                self._finish()
            else:
                self.report.message("notice", "when the agent has ended: %s" % " ".join(act.argv[:3]))

    def _finish(self) -> None:
        self.status.finish()
        self.status.write()

    def _exit_code(self) -> int:
        states = {result.state for result in self.results}
        if self.status.data["errors"] or results.FAILED in states:
            return EXIT_FAILED
        warned = any(result.warnings for result in self.results)
        # Interrupted: a `reboot` of the user's that the shutdown it asked for has cut off is no failure.
        if states & {results.SKIPPED, results.INTERRUPTED} or warned or self.status.data["warnings"]:
            return EXIT_DEGRADED
        return EXIT_DONE
