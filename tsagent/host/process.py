"""Running other programs: argument lists, a minimal environment, no stdin by default, a deadline.

Output goes to an unlinked file rather than a pipe, so that a daemon a command leaves behind cannot
hold the agent by keeping the pipe open.
"""

import os
import time
from _signal import SIGALRM, SIGKILL, SIGTERM  # `signal` builds enumerations of them all

from tsagent.errors import AgentError
from tsagent.host.names import native
from tsagent.host.spawn import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Sequence

    from tsagent.host.spawn import Process

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_OUTPUT_LIMIT = 1 << 20  # bytes of output kept in memory, from its end
_POLL = 0.05  # seconds: how soon an interruption is noticed while a command runs


class CommandResult:
    """How a command ended. `status` is its exit status, or minus the signal that killed it."""

    __slots__ = ("argv", "output", "pid", "seconds", "status", "timed_out")

    def __init__(
        self, argv: "Sequence[str]", status: int, output: bytes, seconds: float, timed_out: bool, pid: int
    ) -> None:
        self.argv = list(argv)
        self.status = status
        self.output = output
        self.seconds = seconds
        self.timed_out = timed_out
        self.pid = pid

    @property
    def text(self) -> str:
        """The output (standard output and error together) as text."""
        return self.output.decode("utf-8", "replace")

    def last_line(self) -> str:
        """The last line that says something, for an error message."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "no output"


class Interrupted(Exception):
    """The machine is shutting down: the work in flight was cut off."""


class CommandFailed(AgentError):
    """A tool the agent called did not succeed."""

    def __init__(self, result: CommandResult, hint: "Optional[str]" = None) -> None:
        if result.timed_out:
            ending = "passed its time limit"
        elif result.status < 0:
            ending = "was killed by signal %d" % -result.status
        else:
            ending = "failed with status %d" % result.status
        name = os.path.basename(result.argv[0])
        super().__init__("%s %s: %s" % (name, ending, result.last_line()), "command-failed", hint)
        self.result = result


class Runner:
    """Starts programs. One is shared by all workers; `interrupt()` may be called by a signal handler."""

    def __init__(self, path: str = PATH) -> None:
        self.path = path
        self.interrupted = False
        self._idle = False

    def interrupt(self) -> None:
        """Make every running killable command end and every waiting caller see `Interrupted`."""
        self.interrupted = True
        if self._idle:
            raise Interrupted()

    def wait_for(self, call: "Callable[[], Any]") -> "Any":
        """What a call that blocks gives, on the thread that hears signals; Interrupted when one comes."""
        self._idle = True
        try:
            if self.interrupted:
                raise Interrupted()
            return call()
        finally:
            self._idle = False

    def which(self, name: str) -> "Optional[str]":
        """The absolute path of a program, or None."""
        if "/" in name:
            return name if os.access(name, os.X_OK) else None
        for directory in self.path.split(":"):
            candidate = directory + "/" + name
            if os.access(candidate, os.X_OK):
                return candidate
        return None

    def run(
        self,
        argv: "Sequence[str]",
        stdin: "Optional[bytes]" = None,
        env: "Optional[Dict[str, str]]" = None,
        cwd: "Optional[str]" = None,
        timeout: "Optional[float]" = None,
        output: "Optional[int]" = None,
        killable: bool = True,
        chroot: "Optional[str]" = None,
        error: "Optional[int]" = None,
    ) -> CommandResult:
        """Run `argv` to its end.

        `timeout` is in seconds, None for no limit. Past it a killable command's whole process group
        gets SIGTERM, 10 s later SIGKILL; one that is not killable is left running and reported.
        `output` is a descriptor to write to instead of keeping the output, `error` one for standard error.
        Raises AgentError `no-such-program`; `Interrupted` when the machine shuts down meanwhile.
        """
        program = self.which(argv[0]) if chroot is None else argv[0]
        if program is None:
            raise AgentError("the program %s is not installed" % argv[0], code="no-such-program")
        if any("\0" in word for word in argv) or any("\0" in word for word in (env or {}).values()):
            raise AgentError("a word for %s holds a zero byte, which no program takes" % argv[0], "bad-word")
        kept = output if output is not None else _unlinked_file()
        words = [program] + [native(word) for word in argv[1:]]
        started = time.monotonic()
        try:
            process = start(words, self.environment(env), kept, stdin, cwd, chroot, error)
            timed_out = self._wait(process, started, timeout, killable)
            status = process.returncode if process.returncode is not None else -SIGALRM
            text = b"" if output is not None else _tail(kept)
        except OSError as error:
            raise AgentError(
                "%s could not be started: %s" % (argv[0], error.strerror), code="command-failed"
            ) from None
        finally:
            if output is None:
                os.close(kept)
        return CommandResult(argv, status, text, time.monotonic() - started, timed_out, process.pid)

    def environment(self, extra: "Optional[Dict[str, str]]" = None) -> "Dict[str, str]":
        """The whole environment a command sees: nothing of the agent's own.

        A LANG among `extra` takes the place of the locale that the agent's own tools get.
        """
        env = {"PATH": self.path, "HOME": "/root", "LC_ALL": "C.UTF-8" if _has_c_utf8() else "C"}
        if extra:
            if "LANG" in extra:
                del env["LC_ALL"]
            env.update((name, native(value)) for name, value in extra.items())
        return env

    def _wait(self, process: "Process", started: float, timeout: "Optional[float]", killable: bool) -> bool:
        """Wait for the end; whether the limit was passed."""
        pause = 0.0005  # short commands are seen at once, long ones cost little
        while process.poll() is None:
            late = timeout is not None and time.monotonic() - started > timeout
            if late and not killable:
                return True
            if late or (self.interrupted and killable):
                _kill_group(process)
                if self.interrupted:
                    raise Interrupted()
                return True
            time.sleep(pause)
            pause = min(pause * 2, _POLL)
        if self.interrupted and process.returncode in (-SIGTERM, -SIGKILL):
            raise Interrupted()
        return False


def _kill_group(process: "Process") -> None:
    for number, grace in ((SIGTERM, GRACE), (SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + grace
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.returncode is not None and number == SIGTERM:
            # The leader is gone; what it left in its group goes too.
            try:
                os.killpg(process.pid, SIGKILL)
            except ProcessLookupError:
                pass
            break


def _unlinked_file() -> int:
    for directory in ("/run", "/tmp", "/dev/shm", "/var/tmp"):
        try:
            return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            continue
    import tempfile

    with tempfile.TemporaryFile() as stream:
        return os.dup(stream.fileno())


def _tail(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _OUTPUT_LIMIT, max(0, size - _OUTPUT_LIMIT))


def _has_c_utf8() -> bool:
    # el7 has no C.UTF-8, and a locale that is not there makes shells and perl complain.
    return any(os.path.exists("/usr/lib/locale/" + name) for name in ("C.utf8", "C.UTF-8"))
