"""Part handlers: Python from user data that takes parts of types of its own.

Here they are only looked at, never run: which types one takes is read from its text, where `list_types`
returns them plainly; where it works them out, it is offered what nothing else takes.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from typing import Dict, List, Optional

    from tsagent.userdata.parts import Part

# Taken apart before any handler is asked, so that none can have them.
_CONTAINERS = frozenset(
    (
        "text/x-include-url",
        "text/x-include-once-url",
        "text/cloud-config-archive",
        "text/part-handler",
        "application/gzip",
    )
)


class Handlers:
    """The part handlers met so far; a later one takes a type over from an earlier one."""

    def __init__(self) -> None:
        self._by_type: "Dict[str, Part]" = {}
        self._others: "Optional[Part]" = None

    def register(self, part: "Part", types: "Optional[List[str]]") -> None:
        """A new handler, and what it takes; None where only running it would tell."""
        if types is None:
            self._others = part
        for kind in types or ():
            self._by_type[kind.lower()] = part

    def taker(self, kind: "Optional[str]", known: bool) -> "Optional[Part]":
        """The handler that gets a part of this type; `known`: the agent would know what to do with it."""
        if kind in _CONTAINERS:
            return None
        found = self._by_type.get(kind or "text/x-not-multipart")
        return found if found is not None or known else self._others


def listed_types(source: bytes) -> "Optional[List[str]]":
    """What `list_types` returns, where its text says so plainly. Raises SyntaxError and ValueError."""
    import ast

    try:
        tree = ast.parse(source)
    except (RecursionError, MemoryError):
        raise SyntaxError("nested too deep") from None
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for name in node.targets:
                if isinstance(name, ast.Name):
                    constants[name.id] = node.value
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "list_types":
            returns = [inner for inner in ast.walk(node) if isinstance(inner, ast.Return)]
            return _strings(returns[0].value, constants) if len(returns) == 1 else None
    raise ValueError("no list_types")


def _strings(node: "Optional[ast.expr]", constants: "Dict[str, ast.expr]") -> "Optional[List[str]]":
    import ast

    if isinstance(node, ast.Name):
        node = constants.get(node.id)
    if not isinstance(node, (ast.List, ast.Tuple)):
        return None
    found = []
    for item in node.elts:
        if isinstance(item, ast.Name):
            item = constants.get(item.id, item)
        try:
            value = ast.literal_eval(item)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
        if not isinstance(value, str):
            return None
        found.append(value)
    return found
