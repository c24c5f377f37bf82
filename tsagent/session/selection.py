"""Which modules are due: by stage, frequency, and what the journals say."""

from tsagent.engine import results
from tsagent.engine.journal import TRIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Set

    from tsagent.engine.journal import Journal
    from tsagent.registry.metadata import ModuleInfo


class Verdict:
    """Whether a module is due; if not, the state and reason to report for it.

    `may_come`: it is not due as long as its directories are empty, and another module may fill them.
    """

    __slots__ = ("due", "may_come", "reason", "state")

    def __init__(
        self, due: bool, state: str = results.PENDING, reason: str = "", may_come: bool = False
    ) -> None:
        self.due = due
        self.state = state
        self.reason = reason
        self.may_come = may_come


def judge(
    info: "ModuleInfo",
    journal: "Journal",
    config: "Dict[str, Any]",
    scripts: "Set[str]",
    off: "Set[str]",
    adopted: bool,
    provisional: bool,
    filled: "Callable[[List[str]], bool]",
) -> Verdict:
    """Decide about one module without loading it.

    `config` and `scripts` are the settings and the kinds of the scripts that the instance was given;
    `off` are the modules that the image or the kernel command line turns off; `adopted`: this machine
    was in use before the agent came; `provisional`: it is not known which instance this is;
    `filled(directories)`: something lies in one of them.
    """
    if info.name in off:
        return Verdict(False, results.DISABLED, "turned off by the image or the kernel command line")
    if provisional and not info.provisional:
        return Verdict(False, results.PENDING, "waits until it is known which instance this is")
    if adopted and info.frequency != "always":
        return Verdict(False, results.ADOPTED, "this machine was in use before the agent was installed")
    known = _remembered(info, journal)
    if known is not None:
        return known
    if info.only_with_keys and not (any(key in config for key in info.keys) or scripts & set(info.scripts)):
        if not info.directories:
            return Verdict(False, results.NOTHING, results.NOT_ASKED)
        if not filled(info.directories):
            return Verdict(False, results.NOTHING, results.NOT_ASKED, may_come=True)
    return Verdict(True)


def _remembered(info: "ModuleInfo", journal: "Journal") -> "Optional[Verdict]":
    record = journal.modules.get(info.name)
    if record is None:
        return None
    when = {"always": "in this boot", "instance": "for this instance", "once": "once, as asked"}[
        info.frequency
    ]
    if record.state in (results.DONE, results.NOTHING):
        return Verdict(False, record.state, record.reason or "done " + when)
    if record.state == results.ADOPTED or (record.state == results.INTERRUPTED and record.final):
        return Verdict(False, record.state, record.reason)
    if record.state == results.FAILED and record.final:
        return Verdict(False, record.state, record.reason + " (not tried again)")
    if record.state == results.FAILED and record.failures >= TRIES:
        return Verdict(False, record.state, "%s (failed %d times)" % (record.reason, record.failures))
    return None
