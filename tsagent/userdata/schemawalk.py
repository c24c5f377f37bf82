"""A walk over a configuration beside its schemas: for what a schema says of a value without judging it.

Which values are secret, which keys are deprecated, where YAML has a trap. Alternatives are followed where
they fit the value's type, so that a note on one form of a key is not told of another.
"""

from tsagent.userdata.expected import has_type, resolve, types_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Tuple

    Visit = Callable[[List[Any], Any, Dict[str, Any]], bool]

MAX_DEPTH = 120
_PATTERNS: "Dict[str, Any]" = {}


def owners(schemas: "List[Dict[str, Any]]") -> "Dict[str, List[Dict[str, Any]]]":
    """Top-level key -> the schemas that have it among their properties."""
    found: "Dict[str, List[Dict[str, Any]]]" = {}
    for schema in schemas:
        for key in schema.get("properties") or {}:
            found.setdefault(key, []).append(schema)
    return found


def walk(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]", visit: "Visit") -> None:
    """Call `visit(steps, value, subschema)` for each value with each subschema that speaks of it.

    Where it returns True the walk goes no deeper. `steps` is reused: copy it to keep it.
    """
    by_key = owners(schemas)
    for key, value in config.items():
        for schema in by_key.get(key, ()):
            steps: "List[Any]" = [key]
            _value(steps, value, schema["properties"][key], schema, visit, 0)


def _value(
    steps: "List[Any]", value: "Any", schema: "Any", root: "Dict[str, Any]", visit: "Visit", depth: int
) -> None:
    if isinstance(schema, dict) and "$ref" in schema:
        schema = resolve(schema, root)
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    if visit(steps, value, schema):
        return
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in schema.get(word) or ():
            branch = resolve(branch, root)
            if has_type(value, types_of(branch)) and _fits(value, branch):
                _value(steps, value, branch, root, visit, depth + 1)
    if isinstance(value, dict):
        for key, item in value.items():
            for below in _below(schema, key):
                steps.append(key)
                _value(steps, item, below, root, visit, depth + 1)
                steps.pop()
    elif isinstance(value, list):
        items = schema.get("items")
        if items:
            for index, item in enumerate(value):
                below = items if isinstance(items, dict) else items[index] if index < len(items) else None
                steps.append(index)
                _value(steps, item, below, root, visit, depth + 1)
                steps.pop()


def _fits(value: "Any", branch: "Dict[str, Any]") -> bool:
    """Whether a value of the right type can be what an alternative is for."""
    if "enum" in branch and value not in branch["enum"]:
        return False
    return not ("pattern" in branch and isinstance(value, str)) or _matches(branch["pattern"], value)


def _matches(pattern: str, text: str) -> bool:
    compiled = _PATTERNS.get(pattern)
    if compiled is None:
        import re  # not at every boot

        compiled = _PATTERNS[pattern] = re.compile(pattern)
    return compiled.search(text) is not None


def _below(schema: "Dict[str, Any]", key: "Any") -> "Iterator[Any]":
    """The subschemas of a mapping's key."""
    known = schema.get("properties")
    found = False
    if known and key in known:
        found = True
        yield known[key]
    for pattern, below in (schema.get("patternProperties") or {}).items():
        if _matches(pattern, key):
            found = True
            yield below
    if not found and isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def extension(schema: "Dict[str, Any]") -> "Dict[str, Any]":
    """What the schema says under x-tsagent."""
    found = schema.get("x-tsagent")
    return found if isinstance(found, dict) else {}


def pairs_of(places: "List[Tuple[Any, ...]]") -> "Dict[Any, Any]":
    """A tree of nested dicts of the given paths; None marks an end."""
    tree: "Dict[Any, Any]" = {}
    for steps in places:
        node = tree
        for step in steps[:-1]:
            below = node.setdefault(step, {})
            if below is None:
                break
            node = below
        else:
            node[steps[-1]] = None
    return tree
