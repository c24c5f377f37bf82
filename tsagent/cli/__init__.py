"""The command line. What the systemd units call is recognised here without argparse."""

import sys

from tsagent.errors import EXIT_FAILED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional

_EXIT_INTERRUPTED = 130  # as a shell reports SIGINT
_EXIT_PIPE = 141  # as a shell reports SIGPIPE


def main(argv: "Optional[List[str]]" = None) -> int:
    """Run one command; the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if _is_unit(arguments):
        return run_unit(arguments[2] if len(arguments) == 3 else "all")
    escape_output()
    from tsagent.cli.parser import parse

    try:
        command, debug = parse(arguments)
    except SystemExit as error:  # argparse: --help, --version, or a usage error
        return error.code if isinstance(error.code, int) else EXIT_FAILED
    return guard(command, debug)


def guard(command: "Callable[[], int]", debug: bool, program: str = "tsagent") -> int:
    """The one place that turns errors into a line and an exit code; a bug keeps its traceback."""
    try:
        return command()
    except AgentError as error:
        if debug:
            raise
        _complain(program, "%s (%s)" % (error, error.code))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read us has enough; Python must not complain again when it closes.
        sys.stdout = None
        return _EXIT_PIPE
    except OSError as error:
        if debug or error.filename is None:
            raise
        _complain(program, "%s: %s (os-error)" % (error.filename, error.strerror))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED


def _is_unit(arguments: "List[str]") -> bool:
    if arguments[:1] != ["run"] or len(arguments) not in (1, 3):
        return False
    return len(arguments) == 1 or (
        arguments[1] == "--stage" and arguments[2] in ("local", "network", "final", "all")
    )


def run_unit(stage: str, ready: "Optional[Callable[[], None]]" = None) -> int:
    """`tsagent run --stage STAGE` of this machine; `ready` as tsagent.session.run.run has it."""
    escape_output()
    from tsagent.cli.run import start
    from tsagent.host import Host
    from tsagent.session.options import Options

    return guard(lambda: start(Host("/"), Options(stage=stage), "text", ready), debug=False)


def _complain(program: str, line: str) -> None:
    sys.stderr.write("%s: %s\n" % (program, line))


def escape_output() -> None:
    """Escape what the locale's encoding cannot print, rather than fail on it."""
    import io

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            encoding = stream.encoding  # detaching forgets it
            stream.flush()
            buffer = stream.detach()
            new = io.TextIOWrapper(buffer, encoding=encoding, errors="backslashreplace", line_buffering=True)
            setattr(sys, name, new)
