"""`tsagent network apply`: the module `network` alone, on the running machine, whoever else is due.

It runs through the same engine as at boot, with a journal of its own: what an instance was set up with is
none of its business, and a machine without an instance can have its network changed, too.
"""

import os

from tsagent.engine import results
from tsagent.engine.executor import Executor
from tsagent.engine.journal import Journal
from tsagent.errors import AgentError
from tsagent.host.process import Interrupted
from tsagent.session.options import Options
from tsagent.session.session import Session
from tsagent.session.switches import off
from tsagent.state import paths
from tsagent.state.lock import take_lock
from tsagent.state.status import DISABLED, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from tsagent.engine.results import ModuleResult
    from tsagent.host import Host
    from tsagent.report import Report

MODULE = "network"


def apply_network(
    host: "Host", asked: "Dict[str, Any]", report: "Report", source: str = "auto"
) -> "ModuleResult":
    """Plan and apply as `asked`: `config` (as the readers take it) and its `text`, by which warnings name
    lines, `renderer`, `timeout` in seconds, `rollback`, `force`; how it went.

    Without a `config` it is the instance's own. Raises LockedError, and AgentError where nobody can say what
    that is. What was cut off before is put back first.
    """
    why_off = off(host)
    if why_off is not None:
        raise AgentError("the agent is turned off: %s" % why_off, "disabled")
    lock = take_lock(host.root)
    try:
        options = Options(stage=MODULE, only=MODULE, again=True, source=source, asked={MODULE: asked})
        session = Session(host, options, report)
        if asked.get("config") is None:
            session.ask()
            session.complete()
        report.secrets(session.secrets())
        left = host.root.exists(paths.NETWORK_TRIAL)
        result = _run(host, session, report)
        if left and not host.root.exists(paths.NETWORK_TRIAL):
            report.message("notice", "put back what was cut off: %s" % (result.reason or result.state))
            result = _run(host, session, report)
        _publish(host, result)
        return result
    finally:
        os.close(lock)


def _run(host: "Host", session: Session, report: "Report") -> "ModuleResult":
    info = session.modules[MODULE]
    host.root.mkdir(paths.NETWORK, 0o700)
    host.root.unlink(paths.NETWORK_JOURNAL, missing_ok=True)
    journal = Journal(host.root, paths.NETWORK_JOURNAL)
    result = results.ModuleResult(info.name, info.stage)
    try:
        report.module_started(result)
        Executor(host, journal, report).run(info, session.context(info), result)
        report.module_finished(result)
    except Interrupted:
        result.state, result.code = results.FAILED, "interrupted"
        result.reason = "stopped; the former configuration is in place"
    finally:
        journal.close()
    return result


def _publish(host: "Host", result: "ModuleResult") -> None:
    """Have the status of this boot say how it went, beside what it says of the other modules."""
    boot = host.hardware.text("/proc/sys/kernel/random/boot_id")
    status = Status.resumed(host, boot, MODULE)
    if status.data["state"] != DISABLED:
        status.module(result)
        status.finish()
        status.write()
