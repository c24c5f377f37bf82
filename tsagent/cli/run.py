"""`tsagent run`."""

import os
import sys

from tsagent.errors import UsageError
from tsagent.report import Report
from tsagent.session.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Callable, Optional

    from tsagent.host import Host


def main(values: "argparse.Namespace") -> int:
    """Run and return the exit code."""
    return start(make_host(values), make_options(values), values.format)


def make_host(values: "argparse.Namespace") -> "Host":
    """The host that the options describe. Raises UsageError."""
    from tsagent.host import Host

    for name in ("root", "hardware"):
        path = getattr(values, name, None)
        if path is not None and not os.path.isdir(path):
            raise UsageError("--%s %s: no such directory" % (name, path))
    host = Host(
        values.root,
        hardware=values.hardware,
        commands=getattr(values, "commands", None),
        disk=getattr(values, "disk", None),
    )
    if host.live and getattr(values, "commands", None):
        raise UsageError("--commands is for use with --root")
    if host.disk is not None and (host.live or not os.path.isfile(host.disk)):
        raise UsageError("--disk %s: expected an image file, and --root" % host.disk)
    return host


def make_options(values: "argparse.Namespace") -> Options:
    """What is asked. Raises UsageError."""
    if values.again and not values.only:
        raise UsageError("--again goes with --only MODULE")
    return Options(
        stage=values.stage,
        only=values.only,
        again=values.again,
        source=values.source,
        user_data=values.user_data,
        workers=values.workers,
        debug=values.debug,
    )


def start(host: "Host", options: Options, form: str, ready: "Optional[Callable[[], None]]" = None) -> int:
    """Run with the reports and signal handlers that a run of its own has; `ready` as `run` has it."""
    import _signal  # `signal` builds enumerations of them all

    from tsagent.session.run import run

    report = Report.for_machine(host)
    # As a unit, standard output is the journal, which has the lines already; systemd 219 does not say so.
    unit = host.live and ("JOURNAL_STREAM" in os.environ or os.getppid() == 1)
    if not unit or len(report.sinks) == 1:
        from tsagent.report.console import console

        report.sinks.append(console(form))

    def stop(number: int, frame: "Any") -> None:
        host.runner.interrupt()

    _signal.signal(_signal.SIGTERM, stop)
    # A run by hand may change the very network that its terminal came by: it goes on, and can put that back.
    # A handler and not SIG_IGN, which the user's commands would inherit.
    _signal.signal(_signal.SIGHUP, lambda number, frame: None)
    os.umask(0o022)
    try:
        code = run(host, options, report, ready)
    finally:
        report.close()
    if form == "json":
        import json

        from tsagent.state.status import read_status

        json.dump(read_status(host.root), sys.stdout, indent=1)
        sys.stdout.write("\n")
    return code
