"""Turning the machine off or around once the agent has ended."""

from tsagent.changes.base import Change
from tsagent.changes.commands import UserScript
from tsagent.changes.shell_session import item_text
from tsagent.errors import AgentError
from tsagent.host.last_act import LastAct
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Union

    from tsagent.host import Host

SWITCHES = {"poweroff": "-P", "halt": "-H", "reboot": "-r"}  # of shutdown(8)
_CANNOT_RUN = (126, 127)  # what a shell says of a command that it cannot run. Source: POSIX, 2.8.2


class PowerState(Change):
    """Turn the machine off or around when the agent has ended, if `condition` is met.

    `mode` is "poweroff", "halt" or "reboot"; `delay` is in minutes, None for at once; `timeout` are the
    seconds that are waited for the agent to end. `condition` is shell text or a list of words, None for
    none. What is to be done is journaled before it is, so that it is never done twice.
    """

    type = "power_state"
    needs_live = True
    user_command = True
    repeat_visible = True

    def __init__(
        self,
        mode: str,
        delay: "Optional[int]" = None,
        message: str = "",
        timeout: float = 30.0,
        condition: "Union[str, List[Any], None]" = None,
        env: "Optional[Dict[str, str]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(mode, reason, requires)
        self.mode = mode
        self.delay = delay
        self.message = message
        self.timeout = timeout
        self.condition = condition
        self.env = env

    def payload(self) -> "Dict[str, Any]":
        return {"delay": self.delay}

    def describe(self) -> str:
        when = "at once" if self.delay is None else "in %d min" % self.delay
        asked = "" if self.condition is None else ", if its condition is met"
        return "%s %s when the agent has ended%s" % (self.mode, when, asked)

    @property
    def argv(self) -> "List[str]":
        """The command line of shutdown(8)."""
        when = "now" if self.delay is None else "+%d" % self.delay
        words = ["shutdown", SWITCHES[self.mode], when]
        if self.message.startswith("-"):
            words.append("--")
        return words + [self.message] if self.message else words

    def apply(self, host: "Host") -> "Optional[str]":
        argv = self.argv
        if host.which(argv[0]) is None:
            if self.delay or host.which("systemctl") is None:
                raise AgentError("the program shutdown is not installed", "no-such-program")
            argv = ["systemctl", self.mode]
        if self.condition is not None and not self._met(host, self.condition):
            return "its condition is not met: nothing is done"
        host.at_end.append(LastAct(argv, self.timeout))
        return None

    def _met(self, host: "Host", condition: "Union[str, List[Any]]") -> bool:
        script = b"#!/bin/sh\n" + item_text(condition) + b"\n"
        status = UserScript("condition", script, self.env, "power_state").start(host).status
        if status in _CANNOT_RUN or status < 0:
            how = "was killed by signal %d" % -status if status < 0 else "could not be run"
            raise AgentError(
                "its condition %s: nothing is done" % how,
                "command-failed",
                "its output is in " + paths.OUTPUT_LOG,
            )
        return status == 0
