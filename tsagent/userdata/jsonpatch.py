"""JSON Patch (RFC 6902), for `#cloud-config-jsonp` parts."""

from tsagent.errors import AgentError
from tsagent.userdata import pointer as pointers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

MAX_OPERATIONS = 1000
MAX_NODES = 150000  # that all operations add together: a few copies of copies would fill the memory
MAX_DEPTH = 100


def apply(config: "Any", operations: "Any") -> "Any":
    """`config` with the operations applied in turn; the given one is not changed.

    All or nothing: raises AgentError, code "json-patch", at the first that cannot be applied.
    """
    import copy

    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise AgentError("a JSON patch is a list of at most %d operations" % MAX_OPERATIONS, "json-patch")
    result = copy.deepcopy(config)
    nodes = 0
    for number, operation in enumerate(operations, 1):
        try:
            name = operation["op"]
            nodes += _added(result, operation)
            if nodes > MAX_NODES:
                raise AgentError("a JSON patch that adds more than %d values" % MAX_NODES, "json-patch")
            result = _OPERATIONS[name](result, operation)
        except (KeyError, IndexError, TypeError, ValueError):
            message = "operation %d of the JSON patch cannot be applied" % number
            raise AgentError(message, "json-patch") from None
    return result


def _added(document: "Any", operation: "Any") -> int:
    """The number of values an operation puts in place. Raises AgentError when it nests too deep."""
    if operation["op"] in ("copy", "move"):
        value = _find(document, _steps(operation["from"]))
    elif operation["op"] in ("add", "replace"):
        value = operation["value"]
    else:
        return 0
    count = 0
    stack = [(value, len(_steps(operation["path"])))]
    while stack:
        item, depth = stack.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise AgentError("a JSON patch that nests more than %d deep" % MAX_DEPTH, "json-patch")
        if count > MAX_NODES:
            break
        if isinstance(item, dict):
            stack.extend((below, depth + 1) for below in item.values())
        elif isinstance(item, list):
            stack.extend((below, depth + 1) for below in item)
    return count


def _find(document: "Any", steps: "List[str]") -> "Any":
    for step in steps:
        document = document[_index(document, step)] if isinstance(document, list) else document[step]
    return document


def _index(items: "List[Any]", step: str, end: bool = False) -> int:
    if end and step == "-":
        return len(items)
    if not step.isdigit() or (step != "0" and step.startswith("0")):
        raise ValueError(step)
    if int(step) > len(items) - (0 if end else 1):
        raise IndexError(step)
    return int(step)


def _holder(document: "Any", path: str) -> "Tuple[Any, str]":
    steps = _steps(path)
    return _find(document, steps[:-1]), steps[-1]


def _steps(path: str) -> "List[str]":
    if path and not path.startswith("/"):
        raise ValueError("pointer")
    return pointers.split(path)


def _put(document: "Any", path: str, value: "Any") -> "Any":
    if not path:
        return value
    holder, step = _holder(document, path)
    if isinstance(holder, list):
        holder.insert(_index(holder, step, end=True), value)
    elif isinstance(holder, dict):
        holder[step] = value
    else:
        raise TypeError(path)
    return document


def _take(document: "Any", path: str) -> "Tuple[Any, Any]":
    """(the document without what is at `path`, what was there)."""
    if not path:
        return None, document
    holder, step = _holder(document, path)
    return document, holder.pop(_index(holder, step) if isinstance(holder, list) else step)


def _add(document: "Any", operation: "Any") -> "Any":
    return _put(document, operation["path"], operation["value"])


def _remove(document: "Any", operation: "Any") -> "Any":
    return _take(document, operation["path"])[0]


def _replace(document: "Any", operation: "Any") -> "Any":
    value = operation["value"]
    return _put(_take(document, operation["path"])[0], operation["path"], value)


def _move(document: "Any", operation: "Any") -> "Any":
    document, value = _take(document, operation["from"])
    return _put(document, operation["path"], value)


def _copy(document: "Any", operation: "Any") -> "Any":
    import copy

    return _put(document, operation["path"], copy.deepcopy(_find(document, _steps(operation["from"]))))


def _test(document: "Any", operation: "Any") -> "Any":
    found, expected = _find(document, _steps(operation["path"])), operation["value"]
    if found != expected or isinstance(found, bool) != isinstance(expected, bool):
        raise ValueError("test")
    return document


_OPERATIONS: "Dict[str, Callable[[Any, Any], Any]]" = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
