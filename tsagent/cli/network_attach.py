"""`tsagent network attach`: configure the cards that have come, forget those that have gone."""

import os
import sys

from tsagent.errors import EXIT_DONE, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Ask and apply; the exit code."""
    return start(values.source)


def start(source: str = "auto") -> int:
    """Ask the metadata service, and apply what is new. Raises AgentError."""
    import _signal  # `signal` builds enumerations of them all

    from tsagent.host import Host
    from tsagent.report import Report
    from tsagent.session.attach import attach, failed

    if os.geteuid() != 0:
        raise AgentError("only root may change the network", "not-permitted")
    host = Host()
    report = Report.for_machine(host)

    def stop(number: int, frame: object) -> None:
        host.runner.interrupt()

    _signal.signal(_signal.SIGTERM, stop)
    os.umask(0o022)
    try:
        answer = attach(host, report, source)
        error = failed(answer)
        if error is not None:
            raise error
        words = answer.reason
        if answer.result is not None:
            words = answer.result.reason or "the network is configured anew"
        report.message("info", "network attach: %s" % words)
    finally:
        report.close()
    sys.stdout.write(words + "\n")
    return EXIT_DONE
