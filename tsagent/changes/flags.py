"""What people write for true and false."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ON = ("true", "1", "on", "yes")


def is_on(value: "Any", default: bool = False) -> bool:
    """Whether a setting is on; `default` where it is not given. In quotes it means the same."""
    if value is None:
        return default
    if isinstance(value, str):
        return value.strip().lower() in _ON
    return bool(value)
