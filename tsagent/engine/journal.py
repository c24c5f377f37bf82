"""The journal: what was begun, done, failed or cut off, appended line by line.

One line is one JSON object. A torn last line, left by a power cut, is cut. The first line carries the
format; a journal of a newer format is refused rather than started anew.
"""

import os
from _thread import allocate_lock  # the rest of threading is not needed at every boot

from tsagent.errors import AgentError
from tsagent.quickjson import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host import Tree

FORMAT = 1
REPEATS = 2  # a change that was cut off is applied again at most this often
TRIES = 3  # a failed change is tried at most at this many boots


class ChangeRecord:
    """What the journal knows of one change.

    `open`: begun and not ended. `begins`: how often it was begun without ending. `outcome`: "done",
    "failed", "interrupted" or None. `final`: a failure that is not tried again.
    """

    __slots__ = ("before", "begins", "failures", "final", "message", "open", "outcome")

    def __init__(self) -> None:
        self.open = False
        self.begins = 0
        self.outcome: "Optional[str]" = None
        self.failures = 0
        self.final = False
        self.message = ""
        self.before: "Optional[Dict[str, Any]]" = None


class ModuleRecord:
    """How a module ended when it last ran. `failures` counts the runs in which it failed."""

    __slots__ = ("failures", "final", "reason", "seconds", "state")

    def __init__(self) -> None:
        self.state = ""
        self.reason = ""
        self.failures = 0
        self.final = False
        self.seconds = 0.0


class Journal:
    """An append-only file of events, and the state that reading it gives. Safe for several workers."""

    def __init__(self, tree: "Tree", path: str, readonly: bool = False) -> None:
        self._tree = tree
        self._readonly = readonly
        self._path = path
        self._lock = allocate_lock()
        self._descriptor: "Optional[int]" = None
        self._changes: "Dict[str, ChangeRecord]" = {}
        self.modules: "Dict[str, ModuleRecord]" = {}
        self.boot: "Optional[str]" = None
        self._load()

    # -- reading ------------------------------------------------------------------------------

    def change(self, identifier: str) -> ChangeRecord:
        """What is known of a change; an empty record for one never begun."""
        return self._changes.get(identifier) or ChangeRecord()

    def _load(self) -> None:
        try:
            data = self._tree.read(self._path)
        except FileNotFoundError:
            return
        if b"\n" not in data:
            # It is born with its first line: this one has lost it.
            raise self._damaged(1)
        whole = data.rfind(b"\n") + 1
        if whole != len(data) and not self._readonly:
            self._cut(whole)
        lines = data[:whole].splitlines()
        for number, line in enumerate(lines, 1):
            try:
                event = loads(line)
                if number == 1:
                    self._check_format(event)
                else:
                    self._apply(event)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise self._damaged(number) from None

    def _damaged(self, number: int) -> AgentError:
        words = "%s:%d: not a line of a journal" % (self._path, number)
        return AgentError(words, "bad-journal", "run 'tsagent clean' to start anew")

    def _check_format(self, event: "Dict[str, Any]") -> None:
        if event["format"] > FORMAT:
            raise AgentError(
                "%s was written by a newer agent (%s)" % (self._path, event.get("agent")),
                "state-too-new",
                "install that version or newer",
            )

    def _apply(self, event: "Dict[str, Any]") -> None:
        kind = event["event"]
        if kind == "boot":
            self._new_boot(event["boot"])
        elif kind == "module":
            record = self.modules.setdefault(event["module"], ModuleRecord())
            record.state = event["state"]
            record.reason = event.get("reason", "")
            record.seconds = event.get("seconds", 0.0)
            record.final = event.get("final", False)
            record.failures = record.failures + 1 if record.state == "failed" else 0
        elif kind == "again":
            self.modules.pop(event["module"], None)
            prefix = event["module"] + ":"
            for identifier in [item for item in self._changes if item.startswith(prefix)]:
                del self._changes[identifier]
        else:
            self._apply_change(kind, event)

    def _apply_change(self, kind: str, event: "Dict[str, Any]") -> None:
        record = self._changes.setdefault(event["id"], ChangeRecord())
        if kind == "begin":
            record.open = True
            record.begins += 1
            record.outcome = None
            # What was there before the very first try is what every later one compares with.
            if record.before is None:
                record.before = event.get("before")
            return
        record.open = False
        record.begins = 0
        record.outcome = kind
        if kind == "failed":
            record.failures += 1
            record.final = event.get("final", False)
            record.message = event.get("message", "")
        elif kind == "done":
            record.failures = 0
            record.before = None

    def _new_boot(self, boot: "Optional[str]") -> None:
        """What ended in an earlier boot is due again; what was cut off keeps its count."""
        self.boot = boot
        self.modules = {}
        self._changes = {name: record for name, record in self._changes.items() if record.open}

    # -- writing ------------------------------------------------------------------------------

    def begin(self, identifier: str, before: "Optional[Dict[str, Any]]", durable: bool) -> None:
        """Note that a change is about to be applied."""
        event: "Dict[str, Any]" = {"event": "begin", "id": identifier}
        if before is not None:
            event["before"] = before
        self._append(event, durable)

    def done(self, identifier: str, note: "Optional[str]", durable: bool) -> None:
        """Note that a change is applied."""
        event = {"event": "done", "id": identifier}
        if note:
            event["note"] = note
        self._append(event, durable)

    def failed(self, identifier: str, code: str, message: str, final: bool) -> None:
        """Note that a change failed; `final` when it is not to be tried again."""
        self._append(
            {"event": "failed", "id": identifier, "code": code, "message": message, "final": final}, True
        )

    def interrupted(self, identifier: str) -> None:
        """Note that a shutdown cut a change off."""
        self._append({"event": "interrupted", "id": identifier}, True)

    def module(self, name: str, state: str, reason: str, seconds: float, final: bool = False) -> None:
        """Note how a module ended; all it changed is durable once this returns."""
        self._append(
            {
                "event": "module",
                "module": name,
                "state": state,
                "reason": reason,
                "seconds": round(seconds, 3),
                "final": final,
            },
            state != "nothing",  # losing that costs a look
        )

    def again(self, module: str) -> None:
        """Forget a module, so that it runs once more."""
        self._append({"event": "again", "module": module}, False)

    def start_boot(self, boot: "Optional[str]") -> None:
        """Begin a new boot in a journal of modules that run at every boot: old lines are dropped."""
        if boot == self.boot and self.boot is not None:
            return
        self._new_boot(boot)
        if self._readonly:
            return
        lines: "List[Dict[str, Any]]" = [_header(), {"event": "boot", "boot": boot}]
        for identifier, record in sorted(self._changes.items()):
            for attempt in range(record.begins):
                event: "Dict[str, Any]" = {"event": "begin", "id": identifier}
                if attempt == 0 and record.before is not None:
                    event["before"] = record.before
                lines.append(event)
        self.close()
        data = b"".join(_line(line) for line in lines)
        self._tree.write_atomic(self._path, data, 0o600)

    def close(self) -> None:
        """Close the file; the journal may be used again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, event: "Dict[str, Any]", durable: bool) -> None:
        with self._lock:
            self._apply(event)
            if self._readonly:
                return
            if self._descriptor is None:
                if not self._tree.exists(self._path):
                    # Never there without its first line: one that has lost it is not taken for a new one.
                    self._tree.write_atomic(self._path, _line(_header()), 0o600)
                    self._tree.flush()
                self._descriptor = self._tree.open(self._path, os.O_WRONLY | os.O_APPEND, 0o600)
            data = _line(event)
            if os.write(self._descriptor, data) != len(data):
                raise AgentError("%s: no space to write the journal" % self._path, code="no-space")
            if durable:
                os.fsync(self._descriptor)

    def _cut(self, size: int) -> None:
        descriptor = self._tree.open(self._path, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _header() -> "Dict[str, Any]":
    from tsagent import __version__

    return {"format": FORMAT, "agent": __version__}


def _line(event: "Dict[str, Any]") -> bytes:
    return dumps(event, sort_keys=True).encode("ascii") + b"\n"
