"""Turning the machine off or around when all is done: `power_state`."""

from tsagent.changes.power_state import SWITCHES, PowerState
from tsagent.changes.user_scripts import environment
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_TIMEOUT = 30  # seconds


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change. What cannot be understood turns nothing off."""
    settings = context.settings.get("power_state")
    if settings is None:
        return context.nothing("nothing is to be turned off")
    if not isinstance(settings, dict) or settings.get("mode") not in SWITCHES:
        raise AgentError(
            "power_state does not say what to do", "bad-power-state", "mode: " + ", ".join(sorted(SWITCHES))
        )
    condition = settings.get("condition", True)
    if condition is False or condition == []:
        return context.nothing("its condition is false")
    if condition is True:
        condition = None
    elif not isinstance(condition, (str, list)):
        raise AgentError(
            "the condition of power_state is not one", "bad-power-state", "write true, or a command"
        )
    timeout = settings.get("timeout", _TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        timeout = _TIMEOUT
    change = PowerState(
        settings["mode"],
        _delay(settings.get("delay", "now")),
        str(settings.get("message") or ""),
        float(timeout),
        condition,
        environment(context),
        reason="power_state",
    )
    return iter([change])


def _delay(value: "Any") -> "Optional[int]":
    """Minutes; None for at once."""
    text = str(value).strip()
    if text == "now":
        return None
    if isinstance(value, bool) or not text.lstrip("+").isdigit():
        raise AgentError(
            "the delay of power_state is not a number of minutes", "bad-power-state", "write now, or 5"
        )
    return int(text)
