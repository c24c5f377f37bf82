"""Structured lines for the system's journal, in its native datagram protocol.

Source: systemd's description of the native journal protocol (JOURNAL_NATIVE_PROTOCOL).
"""

from tsagent.report import Sink, ending, level_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Dict, Optional

    from tsagent.engine.results import ChangeResult, ModuleResult

SOCKET = "/run/systemd/journal/socket"
_PRIORITY = {"error": "3", "warning": "4", "notice": "5", "info": "6"}  # syslog(3) levels


class JournalD(Sink):
    """Sends MESSAGE, PRIORITY and TSAGENT_* fields to the journal at `path`."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._unit = 0
        self._socket: "Optional[_socket.socket]" = None

    def stage(self, stage: str) -> None:
        self._send("info", "stage " + stage, {"STAGE": stage})

    def change_finished(self, module: "ModuleResult", change: "ChangeResult") -> None:
        if change.state not in ("already", "before"):
            fields = {"MODULE": module.name, "CHANGE": change.id, "STATE": change.state}
            fields["SECONDS"] = "%.3f" % change.seconds
            text = "%s: %s: %s" % (module.name, change.describe, change.state)
            self._send(level_of(change.state), text + (": " + change.note if change.note else ""), fields)

    def module_finished(self, result: "ModuleResult") -> None:
        fields = {"MODULE": result.name, "STATE": result.state, "SECONDS": "%.3f" % result.seconds}
        if result.code:
            fields["CODE"] = result.code
        self._send(level_of(result.state), ending(result), fields)
        for warning in result.warnings:
            self._send("warning", "%s: %s" % (result.name, warning), {"MODULE": result.name})

    def message(self, level: str, text: str) -> None:
        self._send(level, text, {})

    def unit(self, pid: int) -> None:
        self._unit = pid

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, level: str, text: str, fields: "Dict[str, str]") -> None:
        everything = {"MESSAGE": text, "PRIORITY": _PRIORITY[level], "SYSLOG_IDENTIFIER": "tsagent"}
        if self._unit:
            # `journalctl -u` finds the line by this, too: a unit that the sender has just moved to is
            # not yet known for its own. Source: systemd.journal-fields(7)
            everything["OBJECT_PID"] = str(self._unit)
        everything.update(("TSAGENT_" + name, value) for name, value in fields.items())
        data = b""
        for name, value in everything.items():
            # One line a field: a newline in a value would need the protocol's binary form.
            data += ("%s=%s\n" % (name, " ".join(value.splitlines()))).encode("utf-8", "backslashreplace")
        try:
            if self._socket is None:
                import _socket  # of `socket` only its C part is needed

                self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
                self._socket.connect(self._path)
            self._socket.send(data)
        except OSError:
            self.close()  # the journal may be restarting; the log file has the line
