"""Copies of what the user's commands print, to where `output` of cloud-config sends it.

Commands themselves print into the agent's own log file. What they add there is read from it while they run
and written to the files and programs that were asked for: a target that fails, or does not read, loses
nothing and holds nobody up.
"""

import os
from _thread import allocate_lock, start_new_thread

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from tsagent.host import Host

OPENED = "/run/tsagent/outputs"  # the files that were begun anew in this boot, one a line
_PAUSE = 0.05  # seconds between two looks
_CHUNK = 1 << 16
_PATIENCE = 5.0  # seconds that a target which does not read is waited for
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,"
_SECTIONS = {"local": ("init",), "network": ("init", "config"), "final": ("final",)}  # cloud-init's stages

NOTHING, FILE, PROGRAM = "nothing", "file", "program"


class Target:
    """What one operator asks for. `kind` is one of the three above; `word` a path, or shell text."""

    __slots__ = ("anew", "kind", "word")

    def __init__(self, kind: str, word: str = "", anew: bool = False) -> None:
        self.kind = kind
        self.word = word
        self.anew = anew

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> "Tuple[str, str, bool]":
        """What makes two of them the same."""
        return (self.kind, self.word, self.anew)


def parse(text: "Any") -> "List[Target]":
    """The targets of `> FILE`, `>> FILE`, `| PROGRAM` or just `FILE`, which is added to.

    `| tee [-a] FILE …` is understood as the files. Raises AgentError `bad-output`.
    """
    words = str(text).strip() if isinstance(text, str) else ""
    if words.startswith("|"):
        command = words[1:].strip()
        if command:
            return _tee(command) or [Target(PROGRAM, command)]
    elif words:
        anew = words.startswith(">") and not words.startswith(">>")
        path = words.lstrip(">").strip()
        if path.startswith("/"):
            return [Target(FILE, path, anew)]
    raise AgentError(
        "it is no target for output", "bad-output", "write '>> /a/file', '> /a/file' or '| program'"
    )


def _tee(command: str) -> "List[Target]":
    words = command.split()
    if words[0] not in ("tee", "/usr/bin/tee", "/bin/tee") or any(c not in _PLAIN + " " for c in command):
        return []
    anew = words[1:2] not in (["-a"], ["--append"])
    files = words[1 if anew else 2 :]
    if not files or not all(path.startswith("/") for path in files):
        return []
    return [Target(FILE, path, anew) for path in files]


def of_stage(settings: "Any", stage: str) -> "Tuple[Any, Any]":
    """What `output` says of standard output and standard error in a stage; None for nothing."""
    section: "Any" = None
    if isinstance(settings, dict):
        for name in _SECTIONS[stage] + ("all",):
            section = settings.get(name) if section is None else section
    if isinstance(section, str):
        return section, section
    output = error = None
    if isinstance(section, list):
        output, error = (list(section) + [None, None])[:2]
    elif isinstance(section, dict):
        output, error = section.get("output"), section.get("error")
    if isinstance(error, str) and error.strip() == "&1":
        error = output
    return output, error


class Outputs:
    """The targets of one stage, opened at the first thing that is printed."""

    def __init__(self, host: "Host", settings: "Any", stage: str) -> None:
        self._host = host
        self._sinks: "Dict[Target, Optional[_Sink]]" = {}
        self.problems: "List[str]" = []
        output, error = of_stage(settings, stage)
        self.output = self._targets(output)
        self.error = self._targets(error)

    @property
    def apart(self) -> bool:
        """Whether standard error goes elsewhere than standard output."""
        return self.output != self.error

    def _targets(self, text: "Any") -> "List[Target]":
        try:
            return parse(text) if text is not None else []
        except AgentError:
            return []  # the module `output` has told of it

    def follow(self, log: str, targets: "List[Target]") -> "Callable[[], None]":
        """Copy what is added to a log of the root from now on; what this gives is called at the end."""
        sinks = [sink for sink in (self._sink(target) for target in targets) if sink is not None]
        if not sinks:
            return lambda: None
        source = self._host.root.open(log, os.O_RDONLY)
        follower = _Follower(source, os.fstat(source).st_size, sinks)
        return follower.end

    def tell(self, data: bytes) -> None:
        """Send something of the agent's own to where standard output goes."""
        for target in self.output:
            sink = self._sink(target)
            if sink is not None:
                sink.write(data)

    def close(self) -> None:
        """Nothing more will come in this stage."""
        for sink in self._sinks.values():
            if sink is not None:
                sink.close()
        self._sinks.clear()

    def _sink(self, target: Target) -> "Optional[_Sink]":
        if target not in self._sinks:
            try:
                self._sinks[target] = self._open(target)
            except (OSError, AgentError) as error:
                self._sinks[target] = None
                why = error.strerror if isinstance(error, OSError) else error.message
                self.problems.append("output: %s: %s" % (target.word.split(None, 1)[0], why))
        return self._sinks[target]

    def _open(self, target: Target) -> "_Sink":
        root = self._host.root
        if target.kind == PROGRAM:
            return _Program(self._host, target.word)
        device = target.word.startswith("/dev/")
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK
        if not device:
            flags |= os.O_CREAT
            if target.anew and self._first_in_this_boot(target.word):
                flags |= os.O_TRUNC
        return _Sink(root.open(target.word, flags, 0o640))

    def _first_in_this_boot(self, path: str) -> bool:
        """`>` begins a file anew once in a boot: what an earlier stage wrote there is of this boot, too."""
        root = self._host.root
        known = (root.text(OPENED) or "").splitlines()
        if path in known:
            return False
        root.write_atomic(OPENED, "".join(line + "\n" for line in known + [path]).encode(), 0o600, sync=False)
        return True


class _Sink:
    """A descriptor that is written to as long as that works."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: "Optional[int]" = descriptor

    def write(self, data: bytes) -> None:
        """All of it, as long as the target takes something now and then."""
        import time

        until = time.monotonic() + _PATIENCE
        while data and self._descriptor is not None:
            try:
                data = data[os.write(self._descriptor, data) :]
                until = time.monotonic() + _PATIENCE
            except BlockingIOError:
                if time.monotonic() > until:
                    self.close()
                time.sleep(_PAUSE)
            except OSError:
                self.close()

    def close(self) -> None:
        """It is not written to any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Program(_Sink):
    """A program that reads what is printed; it is left to itself when all is said."""

    def __init__(self, host: "Host", command: str) -> None:
        import subprocess

        if host.commands == "skip":
            raise AgentError("programs are not run with --root", "command-failed")
        chroot = host.root.root if host.commands == "chroot" and not host.live else None

        def enter() -> None:
            if chroot is not None:
                os.chroot(chroot)
            os.chdir("/" if chroot is not None else host.root.root)
            os.umask(0o027)

        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=host.runner.environment(),
            start_new_session=True,
            preexec_fn=enter,
        )
        assert self._process.stdin is not None
        descriptor = os.dup(self._process.stdin.fileno())
        self._process.stdin.close()
        os.set_blocking(descriptor, False)
        super().__init__(descriptor)

    def close(self) -> None:
        import time

        super().close()
        until = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)


class _Follower:
    """A thread that copies what a file grows by."""

    def __init__(self, source: int, place: int, sinks: "List[_Sink]") -> None:
        self._source = source
        self._place = place
        self._sinks = sinks
        self._over = allocate_lock()  # held while more may come
        self._ended = allocate_lock()  # held while the thread runs
        self._over.acquire()
        self._ended.acquire()
        import threading  # noqa: F401 (takes the thread that imports it first for the main one)

        start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            over = False
            while not over:
                over = self._over.acquire(True, _PAUSE)  # before the look, which sees what came until then
                while self._copy():
                    pass
        finally:
            self._ended.release()

    def _copy(self) -> bool:
        data = os.pread(self._source, _CHUNK, self._place)
        for sink in self._sinks if data else ():
            sink.write(data)
        self._place += len(data)
        return bool(data)

    def end(self) -> None:
        """Copy the rest."""
        self._over.release()
        self._ended.acquire()
        os.close(self._source)
