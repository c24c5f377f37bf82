"""Progress for people: a live line on a terminal, plain lines elsewhere."""

import sys
import time

from tsagent.report import Sink, ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from types import TracebackType
    from typing import IO, Any, Dict, Optional, Type

    from tsagent.engine.results import ChangeResult, ModuleResult

_SPINNER = "|/-\\"
_TICK = 0.1  # seconds between two pictures of the spinner
_MARKS = {"done": "ok", "failed": "FAILED", "interrupted": "CUT OFF"}
_COLOURS = {"ok": "32", "FAILED": "31", "CUT OFF": "31", "skipped": "33"}


def _time(seconds: float) -> str:
    return "%.1f s" % seconds if seconds >= 0.1 else "%d ms" % round(seconds * 1000)


class Plain(Sink):
    """One line an event, for logs of other programs and for pipes."""

    def __init__(self, stream: "IO[str]") -> None:
        self.stream = stream

    def write(self, text: str, error: bool = False) -> None:
        """A line, of an error on standard error; what the stream's encoding cannot hold is escaped."""
        stream = sys.stderr if error else self.stream
        encoding = getattr(stream, "encoding", None) or "ascii"
        with whoever_is_there(stream):
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            stream.flush()

    def stage(self, stage: str) -> None:
        self.write("stage %s" % stage)

    def change_finished(self, module: "ModuleResult", change: "ChangeResult") -> None:
        if change.state in ("already", "before", "skipped"):
            return
        note = " (%s)" % change.note if change.note else ""
        # Several modules may be at work: each line says whose it is.
        what = "%s: %s%s" % (module.name, change.describe, note)
        self.write("    %-11s %s [%s]" % (change.state, what, _time(change.seconds)))

    def module_finished(self, result: "ModuleResult") -> None:
        mark = self.mark(_MARKS.get(result.state, result.state))
        words = ending(result).split(": ", 1)[1]
        self.write("  %-7s %s: %s [%s]" % (mark, result.name, words, _time(result.seconds)))
        for warning in result.warnings:
            self.write("    warning: %s: %s" % (result.name, warning))

    def message(self, level: str, text: str) -> None:
        if level == "error":
            self.write("tsagent: " + text, error=True)
            return
        named = level == "info" or ": %s: " % level in text  # a problem names its own severity
        self.write(text if named else "%s: %s" % (level, text))

    def mark(self, mark: str) -> str:
        """The word for how something ended, as this stream shows it."""
        return mark


class Terminal(Plain):
    """The same lines with colour, and below them a live one that says what is being done."""

    def __init__(self, stream: "IO[str]") -> None:
        import threading

        super().__init__(stream)
        self._lock = threading.Lock()
        self._doing: "Dict[str, Any]" = {}
        self._thread: "Optional[threading.Thread]" = None
        self._stop = threading.Event()

    def write(self, text: str, error: bool = False) -> None:
        with self._lock:
            with whoever_is_there(self.stream):
                self.stream.write("\r\033[K")
                self.stream.flush()
            super().write(text, error)

    def mark(self, mark: str) -> str:
        colour = _COLOURS.get(mark, "36")
        return "\033[%sm%-7s\033[0m" % (colour, mark)

    def stage(self, stage: str) -> None:
        self.write("\033[1mstage %s\033[0m" % stage)

    def module_started(self, result: "ModuleResult") -> None:
        with self._lock:
            self._doing[result.name] = (time.monotonic(), "planning")
        self._spin()

    def change_started(self, module: "ModuleResult", change: "ChangeResult") -> None:
        with self._lock:
            self._doing[module.name] = (time.monotonic(), change.describe)

    def module_finished(self, result: "ModuleResult") -> None:
        with self._lock:
            self._doing.pop(result.name, None)
        super().module_finished(result)

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with whoever_is_there(self.stream):
            self.stream.write("\r\033[K")
            self.stream.flush()

    def _spin(self) -> None:
        import threading

        if self._thread is None:
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()

    def _draw(self) -> None:
        picture = 0
        while not self._stop.wait(_TICK):
            picture += 1
            with self._lock:
                if not self._doing:
                    continue
                name, (started, what) = sorted(self._doing.items(), key=lambda item: item[1][0])[0]
                more = " (+%d)" % (len(self._doing) - 1) if len(self._doing) > 1 else ""
                line = "%s %s: %s%s %s" % (
                    _SPINNER[picture % len(_SPINNER)],
                    name,
                    what,
                    more,
                    _time(time.monotonic() - started),
                )
                encoding = getattr(self.stream, "encoding", None) or "ascii"
                shown = line[: _width() - 1].encode(encoding, "backslashreplace").decode(encoding)
                with whoever_is_there(self.stream):
                    self.stream.write("\r\033[K" + shown)
                    self.stream.flush()


class whoever_is_there:  # noqa: N801 (it is used as a word of the `with` before it)
    """Writing to a stream whose terminal may be lost on the way, with the network that it came by.

    What cannot be written then is not, and neither is what comes later: an error here would end what is
    being done. A pipe whose reader has gone is another matter, and an error as ever.
    """

    def __init__(self, stream: "IO[str]") -> None:
        self._stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: "Optional[Type[BaseException]]",
        error: "Optional[BaseException]",
        trace: "Optional[TracebackType]",
    ) -> "Optional[bool]":
        import errno
        import os

        if not isinstance(error, OSError) or error.errno != errno.EIO:
            return None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        return True


def console(form: str) -> Sink:
    """The sink for `--format text|json`: with json, standard output is the result's alone."""
    stream = sys.stderr if form == "json" else sys.stdout
    return Terminal(stream) if stream.isatty() else Plain(stream)


def _width() -> int:
    import os

    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80
