"""Small JSON files of the agent's own: read with their format checked, written whole."""

from tsagent.errors import AgentError
from tsagent.quickjson import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from tsagent.host import Tree


def read_json(tree: "Tree", path: str) -> "Optional[Any]":
    """The parsed file, or None where it is absent. Raises AgentError `bad-state` when it is not JSON."""
    try:
        return loads(tree.read(path))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise AgentError("%s is not JSON" % path, "bad-state", "'tsagent clean' starts anew") from None


def read_state(
    tree: "Tree", path: str, newest: int, make: "Callable[[Dict[str, Any]], Any]"
) -> "Optional[Any]":
    """What `make` builds of a state file's object, or None where the file is absent.

    Raises AgentError `bad-state` when it is no such object, `state-too-new` when a newer agent wrote it.
    """
    data: "Any" = read_json(tree, path)
    if data is None and not tree.exists(path):
        return None
    try:
        check_format(data, newest, path)
        return make(data)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AgentError("%s is damaged" % path, "bad-state", "'tsagent clean' starts anew") from None


def write_json(tree: "Tree", path: str, value: "Any", mode: int = 0o600, sync: bool = True) -> None:
    """Replace the file by `value` as JSON."""
    data = dumps(value, lines=True) + "\n"
    tree.write_atomic(path, data.encode("ascii"), mode, sync=sync)


def cached(tree: "Tree", path: str, key: "List[Any]", make: "Callable[[], Any]", keep: bool = True) -> "Any":
    """What `make()` gives, remembered at `path` for as long as `key` stays the same.

    The key is made of the inputs' stamps. A cache that cannot be read is made anew; one that cannot be
    written is done without.
    """
    try:
        stored = loads(tree.read(path))
        if stored["key"] == key:
            return stored["value"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # absent, torn or of another version
    value = make()
    if keep:
        try:
            data = dumps({"key": key, "value": value}).encode("ascii")
            tree.write_atomic(path, data, 0o600, sync=False)
        except OSError:
            pass  # a read-only root has no cache; the next boot pays for it
    return value


def stamp(tree: "Tree", path: str) -> "Optional[List[Any]]":
    """Path, size, mtime and inode of a file, by which a cache knows it; None where it is absent."""
    try:
        status = tree.stat(path)
    except OSError:
        return None
    return [path, status.st_size, status.st_mtime_ns, status.st_ino]


def check_format(data: "Dict[str, Any]", newest: int, path: str) -> None:
    """Refuse state that a newer agent wrote. Raises AgentError `state-too-new`."""
    if data.get("format", 0) > newest:
        raise AgentError(
            "%s was written by a newer agent" % path, "state-too-new", "install that version or newer"
        )
