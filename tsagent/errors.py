"""Errors a user can act on, and the exit codes of the command line.

Every error that is somebody's mistake or some tool's failure is an `AgentError`: one line, a stable
code, and what to do about it. Anything else that escapes is a bug of ours and shows a traceback.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_DEGRADED = 2
EXIT_USAGE = 64  # EX_USAGE of sysexits.h
EXIT_LOCKED = 75  # EX_TEMPFAIL of sysexits.h: another agent is running
EXIT_TIMEOUT = 124  # as coreutils' timeout


def one_line(text: str) -> str:
    """The text as one line of printable characters, whatever was in it."""
    words = " ".join(text.split())
    if words.isprintable():
        return words
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in words
    )


class AgentError(Exception):
    """A failure that is explained in one line.

    `code` is stable and may be matched by programs; `hint` says what to do; `exit_code` is what the
    command line returns when nobody else handles the error. No secret value may stand in any of them.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message: str, code: str = "failed", hint: "Optional[str]" = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint

    def __str__(self) -> str:
        """The error as one line, whatever was in the message."""
        line = one_line(self.message)
        if self.hint:
            line = "%s (%s)" % (line, one_line(self.hint))
        return line


class UsageError(AgentError):
    """The command line itself is wrong."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, hint: "Optional[str]" = None) -> None:
        super().__init__(message, "usage", hint)


class LockedError(AgentError):
    """Another agent holds the lock of this root."""

    exit_code = EXIT_LOCKED
