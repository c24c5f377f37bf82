"""The machine's console: what the owner of an instance sees of it without being let in."""

import os

from tsagent.changes.base import DIFFERS, Change, Probe
from tsagent.errors import AgentError
from tsagent.state.paths import OUTPUT_LOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

    from tsagent.host import Host

DEVICE = "/dev/console"
_PATIENCE = 10.0  # seconds for a console that takes nothing: a serial line may be stopped


def write_console(host: "Host", text: str) -> None:
    """Show lines on the console. Raises OSError where there is none, or it takes nothing for 10 s."""
    data = ("\r\n" + text.replace("\n", "\r\n")).encode("utf-8", "replace")
    descriptor = host.root.open(DEVICE, os.O_WRONLY | os.O_NOCTTY | os.O_APPEND | os.O_NONBLOCK)
    try:
        _write_patiently(descriptor, data)
    finally:
        os.close(descriptor)


def print_output(host: "Host", text: str) -> None:
    """Print lines beside what commands print: into their log, and to where `output` sends them."""
    data = text.encode("utf-8", "replace")
    log = host.root.open(OUTPUT_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(log, data)
    finally:
        os.close(log)
    if host.outputs is not None:
        host.outputs.tell(data)


def _write_patiently(descriptor: int, data: bytes) -> None:
    import errno
    import select

    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    while data:
        if not waiting.poll(_PATIENCE * 1000):
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), DEVICE)
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            continue


class ShowOnConsole(Change):
    """Show lines on the console, and beside the output of commands in the log; `what` names them.

    Nothing secret: a console's text is kept by the cloud. A machine without a console is no failure.
    """

    type = "show_on_console"
    needs_live = True  # a tree has none

    def __init__(self, text: str, what: str, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(what, reason, requires)
        self.text = text if text.endswith("\n") else text + "\n"

    def payload(self) -> "Dict[str, Any]":
        return {"text": self.text}

    def describe(self) -> str:
        return "show %s on the console" % self.target

    def probe(self, host: "Host") -> Probe:
        return Probe(DIFFERS, "to be shown")

    def apply(self, host: "Host") -> "Optional[str]":
        print_output(host, self.text)
        try:
            write_console(host, self.text)
        except OSError as error:
            return "in the log only: %s: %s" % (DEVICE, error.strerror)
        return None


def show_secret(host: "Host", user: str, plain: str) -> str:
    """Show a random password on the console, and nowhere else. Raises AgentError `no-console`."""
    try:
        write_console(host, "tsagent: password of %s: %s\n" % (user, plain))
    except OSError as error:
        raise AgentError(
            "the random password of %s could not be shown: %s: %s" % (user, DEVICE, error.strerror),
            "no-console",
            "give it a password or a key",
        ) from None
    return "shown on the console"
