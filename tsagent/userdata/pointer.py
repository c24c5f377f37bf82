"""JSON pointers (RFC 6901): the paths by which problems and origins name a place in a configuration."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List


def token(key: "Any") -> str:
    """One step of a pointer: a mapping's key or a list's index, escaped."""
    if isinstance(key, str):
        if "~" in key or "/" in key:
            return key.replace("~", "~0").replace("/", "~1")
        return key
    return key_text(key)


def key_text(key: "Any") -> str:
    """A key of any YAML type as the text JSON would give it."""
    if isinstance(key, str):
        return key
    if key is True:
        return "true"
    if key is False:
        return "false"
    if key is None:
        return "null"
    if isinstance(key, bytes):
        return key.decode("latin-1")
    return str(key)


def join(steps: "Iterable[Any]") -> str:
    """The pointer of a path given as keys and indexes."""
    return "".join(["/" + token(step) for step in steps])


def split(pointer: str) -> "List[str]":
    """The steps of a pointer, unescaped; the empty pointer has none."""
    if not pointer:
        return []
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def parent(pointer: str) -> str:
    """The pointer of what holds this one; the root's parent is the root."""
    return pointer.rpartition("/")[0]
