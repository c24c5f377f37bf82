"""The launch index: which of the machines that were started together one is, and a part is meant for."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_NAMES = ("launch-index", "launch_index", "ami-launch-index", "ami_launch_index")


def launch_index_of(instance_data: "Optional[Dict[str, Any]]") -> "Optional[int]":
    """Which of the machines that were started together this is; None where nobody says."""
    source = (instance_data or {}).get("ds")
    meta = source.get("meta_data") if isinstance(source, dict) else None
    for name in _NAMES:
        if isinstance(meta, dict) and meta.get(name) is not None:
            return whole_number(meta[name])
    return None


def whole_number(value: "Any") -> "Optional[int]":
    """A launch index: a number, also as text; None for anything else, which means any machine."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip() if isinstance(value, str) else ""
    return int(text) if len(text) < 10 and text.encode("utf-8", "replace").isdigit() else None
