"""The journal's rules, applied to changes: resume, repetition, failure, interruption."""

import os

import pytest

from tsagent.changes import CONVERGED, DIFFERS, Change, Later, MakeDirectory, Probe, WriteFile
from tsagent.engine import results
from tsagent.engine.executor import Executor
from tsagent.engine.journal import Journal
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.host.process import Interrupted
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.report import Report

MODULE = """
def plan(context):
    return context.settings["changes"]
"""
SCHEMA = '{"title": "m", "x-tsagent": {"stage": "final", "keys": ["changes"]}}'


class Step(Change):
    """A change whose behaviour a test decides."""

    type = "step"
    repeat_visible = True

    def __init__(self, target, act=None, state=DIFFERS, user=False, live=False, **more):
        super().__init__(target, **more)
        self.act = act
        self.state = state
        self.user_command = user
        self.needs_live = live
        self.applied = 0
        self.healed = []

    def probe(self, host):
        return Probe(self.state, "so it is")

    def before(self, host):
        return {"seen": self.target}

    def heal(self, host, before):
        self.healed.append(before)

    def apply(self, host):
        self.applied += 1
        if self.act is not None:
            self.act()

    def attribute(self, host, name):
        return "%s-%s" % (self.target, name)


class Bench:
    """A root, a module that plans what it is told, and a fresh executor for each run."""

    def __init__(self, tmp_path):
        self.root = tmp_path / "root"
        for directory, name, text in (("modules", "m.py", MODULE), ("schemas", "m.json", SCHEMA)):
            path = self.root / "etc/tsagent" / directory
            path.mkdir(parents=True)
            (path / name).write_text(text)
        self.host = Host(str(self.root), commands="here")
        self.info = discover(self.host.root, use_cache=False).modules["m"]
        self.report = Report()

    def run(self, *changes):
        journal = Journal(self.host.root, "/journal")
        context = Context(
            "m", {"changes": list(changes)}, Facts.from_data({}), self.host.root, self.host.hardware
        )
        result = results.ModuleResult("m", "final")
        try:
            Executor(self.host, journal, self.report).run(self.info, context, result)
        finally:
            journal.close()
        return result

    def die(self, *changes):
        """Run until a change kills the process, as SIGKILL would: nothing is written afterwards."""
        child = os.fork()
        if child == 0:
            self.run(*changes)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 99 << 8


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def die():
    os._exit(99)


def fail():
    raise AgentError("it broke", code="broken")


def states(result):
    return [change.state for change in result.changes]


def test_applied_then_before(bench):
    step = Step("a")
    assert states(bench.run(step)) == [results.APPLIED]
    assert states(bench.run(step)) == [results.BEFORE]
    assert step.applied == 1


def test_what_a_tool_wrote_is_flushed_before_the_journal_says_done(bench):
    class Tool(Step):
        def flush(self, host):
            """Called once, with the change begun, applied and not yet done."""
            self.seen = (self.applied, host.root.read("/journal").count(b"done"))

    tool = Tool("t")
    assert states(bench.run(tool)) == ["applied"]
    assert tool.seen == (1, 0)
    assert bench.host.root.read("/journal").count(b"done") > 0


def test_converged_is_not_applied(bench):
    step = Step("a", state=CONVERGED)
    result = bench.run(step)
    assert (result.state, states(result), step.applied) == (results.DONE, [results.ALREADY], 0)


def test_cut_off_is_healed_and_repeated_and_said(bench):
    bench.die(Step("a"), Step("b", die), Step("c"))
    steps = [Step("a"), Step("b"), Step("c")]
    result = bench.run(*steps)
    assert states(result) == [results.BEFORE, results.APPLIED, results.APPLIED]
    assert [step.applied for step in steps] == [0, 1, 1]
    assert [change.repeated for change in result.changes] == [False, True, False]
    assert steps[1].healed == [{"seen": "b"}]
    assert "repeated" in result.changes[1].note


def test_cut_off_but_done_is_not_repeated(bench):
    bench.die(Step("a", die))
    step = Step("a", state=CONVERGED)
    assert states(bench.run(step)) == [results.ALREADY]
    assert step.applied == 0
    assert step.changed  # the agent's work all the same: what depends on it has still to be done


@pytest.mark.parametrize("state, changed", [(DIFFERS, True), (CONVERGED, False)])
def test_a_change_knows_whether_it_was_applied(bench, state, changed):
    step = Step("a", state=state)
    assert step.changed is None
    bench.run(step)
    assert step.changed is changed
    if changed:
        again = Step("a")
        bench.run(again)
        assert again.changed  # in an earlier part of the same run


def test_repeated_twice_at_most(bench):
    for _ in range(3):
        bench.die(Step("a", die))
    step = Step("a")
    result = bench.run(step)
    assert (states(result), result.changes[0].code, step.applied) == ([results.FAILED], "attempts", 0)
    assert result.final
    assert bench.run(step).changes[0].state == results.FAILED
    assert step.applied == 0


def test_failed_is_tried_at_three_runs(bench):
    step = Step("a", fail)
    for _ in range(5):
        result = bench.run(step)
        assert result.state == results.FAILED and "it broke" in result.reason
    assert step.applied == 3


def test_failed_user_command_is_final_and_the_next_runs(bench):
    first, second = Step("a", fail, user=True), Step("b", user=True)
    result = bench.run(first, second)
    assert states(result) == [results.FAILED, results.APPLIED]
    assert result.state == results.FAILED and result.final
    bench.run(first, second)
    assert (first.applied, second.applied) == (1, 1)


def interrupt():
    raise Interrupted()


def test_agents_own_change_cut_off_by_a_shutdown_is_taken_up_again(bench):
    with pytest.raises(Interrupted):
        bench.run(Step("a", interrupt), Step("b"))
    steps = [Step("a"), Step("b")]
    result = bench.run(*steps)
    assert states(result) == [results.APPLIED, results.APPLIED]
    assert steps[0].healed == [{"seen": "a"}] and result.changes[0].repeated


def test_interrupted_command_is_not_repeated_and_the_rest_goes_on(bench):
    with pytest.raises(Interrupted):
        bench.run(Step("a", interrupt, user=True), Step("b"))
    steps = [Step("a", user=True), Step("b")]
    result = bench.run(*steps)
    assert states(result) == [results.INTERRUPTED, results.APPLIED]
    assert [step.applied for step in steps] == [0, 1]
    assert result.state == results.INTERRUPTED


def test_command_that_a_shutdown_kept_from_beginning_runs_at_the_next_boot(bench):
    """As after a `reboot`, which returns before the agent is told to end."""
    first = Step("a", bench.host.runner.interrupt, user=True)
    with pytest.raises(Interrupted):
        bench.run(first, Step("b", user=True))
    bench.host.runner.interrupted = False
    second = Step("b", user=True)
    result = bench.run(first, second)
    assert states(result) == [results.BEFORE, results.APPLIED]
    assert (first.applied, second.applied) == (1, 1) and not result.changes[1].repeated


def test_no_command_is_begun_on_a_machine_that_goes_down(bench):
    bench.host.going_down = lambda: first.applied == 1
    first, second = Step("a", user=True), Step("b", user=True)
    with pytest.raises(Interrupted):
        bench.run(first, second)
    assert (first.applied, second.applied) == (1, 0)
    bench.host.going_down = lambda: False
    assert states(bench.run(first, second)) == [results.BEFORE, results.APPLIED]


def test_killed_command_stays_due_when_a_shutdown_comes_before_its_repetition(bench):
    bench.die(Step("a", die, user=True))
    bench.host.runner.interrupt()
    with pytest.raises(Interrupted):
        bench.run(Step("a", user=True))
    bench.host.runner.interrupted = False
    result = bench.run(Step("a", user=True))
    assert states(result) == [results.APPLIED] and result.changes[0].repeated


def test_what_requires_a_failed_change_is_not_tried(bench):
    first = Step("a", fail)
    second, third = Step("b", requires=[first]), Step("c")
    result = bench.run(first, second, third)
    assert states(result) == [results.FAILED, results.FAILED, results.APPLIED]
    assert second.applied == 0 and result.changes[1].code == "needs"


def test_later_is_resolved_when_applied(bench):
    first = Step("a")
    path = Later(first, "home", "/%s/file")
    assert "known after" in str(path)
    result = bench.run(first, WriteFile(path, "text"))
    assert (bench.root / "a-home/file").read_text(encoding="utf-8") == "text"
    assert result.changes[1].describe == "write /a-home/file (4 bytes)"


def test_live_only_is_skipped_with_its_reason_and_is_no_failure(bench):
    result = bench.run(Step("a", live=True), Step("b"))
    assert states(result) == [results.SKIPPED, results.APPLIED]
    assert result.state == results.DONE and "--root" in result.changes[0].note


def test_user_commands_are_skipped_with_a_root(bench):
    bench.host.commands = "skip"
    assert states(bench.run(Step("a", user=True))) == [results.SKIPPED]


def test_alike_changes_are_both_applied(bench):
    steps = [Step("a"), Step("a")]
    result = bench.run(*steps)
    assert [step.applied for step in steps] == [1, 1]
    assert len({change.id for change in result.changes}) == 2


def test_os_error_is_one_line_with_the_path(bench):
    (bench.root / "file").write_text("")
    result = bench.run(MakeDirectory("/file/sub"))
    assert result.state == results.FAILED
    assert "/file" in result.reason and "\n" not in result.reason


def test_a_directory_keeps_its_mode_where_none_is_asked_for(bench):
    (bench.root / "there").mkdir(mode=0o700)
    bench.run(MakeDirectory("/there", None), MakeDirectory("/new", None))
    modes = [(bench.root / name).stat().st_mode & 0o7777 for name in ("there", "new")]
    assert [oct(mode) for mode in modes] == ["0o700", "0o755"]


def test_secrets_of_changes_are_blanked_in_notes_and_journal(bench):
    class Secret(Step):
        def secrets(self):
            return ["hunter2hunter2"]

    def blab():
        raise AgentError("password hunter2hunter2 was refused")

    result = bench.run(Secret("a", blab))
    assert "hunter2" not in result.reason and "***" in result.reason
    assert b"hunter2" not in (bench.root / "journal").read_bytes()


def test_module_that_raises_names_file_and_line_but_no_value(bench):
    (bench.root / "etc/tsagent/modules/m.py").write_text(
        "def plan(context):\n    raise ValueError('hunter2')\n"
    )
    result = bench.run()
    assert result.state == results.FAILED and result.code == "module-bug"
    assert "m.py:2" in result.reason and "hunter2" not in result.reason


def test_failed_change_is_healed_before_its_next_try(bench):
    step = Step("a", fail)
    bench.run(step)
    bench.run(step)
    assert step.healed == [{"seen": "a"}] and step.applied == 2


def test_tool_killed_from_outside_is_healed_and_started_again(bench):
    calls = []

    def act():
        calls.append(1)
        bench.host.check(["sh", "-c", "kill -9 $$"] if len(calls) == 1 else ["true"])

    step = Step("a", act)
    result = bench.run(step)
    assert (states(result), step.applied, len(step.healed)) == ([results.APPLIED], 2, 1)
    assert "killed" in result.changes[0].note
