"""Sizes as they are written for a swap file."""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MIB = 1 << 20


def swap_size(value: "Any") -> "Optional[int]":
    """Bytes in whole MiB; None for `auto`. Raises AgentError `bad-size`."""
    if isinstance(value, int) and not isinstance(value, bool):
        size: float = value
    else:
        text = str(value).strip()
        if text.lower() == "auto":
            return None
        unit = _UNITS.get(text[-1:].upper())
        try:
            size = float(text[:-1] if unit else text) * (unit or 1)
        except ValueError:
            size = -1
    if not 0 <= size < float(1 << 60):
        raise AgentError(
            "the size is neither bytes, nor a number and a unit, nor auto", "bad-size", "such as 2G"
        )
    return int(size) // _MIB * _MIB
