"""Values that YAML gives as bytes (`!!binary`), for who wants text."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_text(value: "Any") -> "Any":
    """The value, and all in it, with text in the place of bytes; what is no UTF-8 is replaced."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, dict):
        return {as_text(key): as_text(item) for key, item in value.items()}
    return value
