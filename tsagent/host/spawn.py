"""Starting a program: with posix_spawn(3) where that can do what is asked, else with `subprocess`.

Importing `subprocess` and what it needs costs as much as half a dozen small programs.
"""

import os
from _signal import SIGPIPE, SIGXFSZ

from tsagent.host.names import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Dict, List, Optional, Union

    Process = Union["Spawned", "subprocess.Popen[bytes]"]

_PIPE_ROOM = 4096  # bytes that a pipe takes without a reader, whatever its size. Source: pipe(7)


def start(
    argv: "List[str]",
    env: "Dict[str, str]",
    output: int,
    stdin: "Optional[bytes]" = None,
    cwd: "Optional[str]" = None,
    chroot: "Optional[str]" = None,
    error: "Optional[int]" = None,
) -> "Process":
    """Start `argv` in a session of its own, its output going to a descriptor, and feed it its input.

    What it writes to standard error goes to the descriptor `error`, or to the same.

    Without `stdin` it reads nothing. `cwd` is inside `chroot` where that is given. Raises OSError.
    """
    # Python 3.6 has no posix_spawn, and posix_spawn no directory to start in.
    here = chroot is None and (cwd is None or native(cwd) == os.getcwd())
    if here and hasattr(os, "posix_spawn") and len(stdin or b"") <= _PIPE_ROOM:
        try:
            return _spawn(argv, env, output, stdin, error)
        except NotImplementedError:
            pass  # a C library without POSIX_SPAWN_SETSID
    return _popen(argv, env, output, stdin, cwd, chroot, error)


class Spawned:
    """A process that was started: `returncode` is its exit status, or minus the signal that killed it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: "Optional[int]" = None

    def poll(self) -> "Optional[int]":
        """Its `returncode`, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self.returncode


def _spawn(
    argv: "List[str]",
    env: "Dict[str, str]",
    output: int,
    stdin: "Optional[bytes]",
    error: "Optional[int]" = None,
) -> Spawned:
    if stdin is None:
        source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    else:
        source, sink = os.pipe()
        os.write(sink, stdin)
        os.close(sink)
    try:
        _keep_to_ourselves()
        dup2 = os.POSIX_SPAWN_DUP2  # novermin (`start` asks whether it is there)
        actions = [(dup2, source, 0), (dup2, output, 1), (dup2, 1 if error is None else error, 2)]
        default = (SIGPIPE, SIGXFSZ)  # which Python ignores
        pid = os.posix_spawn(  # novermin
            argv[0], argv, env, file_actions=actions, setsid=True, setsigdef=default
        )
    finally:
        os.close(source)
    return Spawned(pid)


def _keep_to_ourselves() -> None:
    """Have each other descriptor closed at exec: Python's own are, those that it was started with are not."""
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return
    for name in names:
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                os.set_inheritable(int(name), False)
        except OSError:
            pass  # of the listing itself


def _popen(
    argv: "List[str]",
    env: "Dict[str, str]",
    output: int,
    stdin: "Optional[bytes]",
    cwd: "Optional[str]",
    chroot: "Optional[str]",
    error: "Optional[int]" = None,
) -> "subprocess.Popen[bytes]":
    import subprocess

    enter = None
    if chroot is not None:
        root = chroot

        def enter() -> None:
            os.chroot(root)
            os.chdir(native(cwd or "/"))

    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=output,
        stderr=output if error is None else error,
        cwd=native(cwd) if chroot is None and cwd is not None else None,
        env=env,
        start_new_session=True,
        close_fds=True,
        preexec_fn=enter,
    )
    if stdin is not None:
        assert process.stdin is not None
        try:
            process.stdin.write(stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it did not want all of it; its exit status tells the rest
    return process
