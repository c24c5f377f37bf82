"""What a schema expects, in words, and which alternative of it was meant.

The words never hold a value of the user's: keys, types, allowed values and limits come from the schema.
"""

from tsagent.userdata.problem import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional

TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_PLURALS = {
    "string": "strings",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "booleans",
    "array": "lists",
    "object": "mappings",
    "null": "nulls",
}


def resolve(schema: "Any", root: "Dict[str, Any]") -> "Dict[str, Any]":
    """`schema` with its $ref followed (inside `root` only); {} when it leads nowhere."""
    for _ in range(20):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        if not reference.startswith("#/"):
            return {}
        schema = root
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            schema = schema.get(step) if isinstance(schema, dict) else None
    return {}


def type_of(value: "Any") -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, (str, bytes)):
        return "string"
    return "array" if isinstance(value, list) else "object"


def types_of(schema: "Dict[str, Any]") -> "List[str]":
    """The types a schema names; [] when it names none."""
    stated = schema.get("type")
    if isinstance(stated, str):
        return [stated]
    return [word for word in stated if isinstance(word, str)] if isinstance(stated, list) else []


def has_type(value: "Any", types: "List[str]") -> bool:
    """Whether a value is of one of the types (of any, when there are none)."""
    found = type_of(value)
    return not types or found in types or (found == "integer" and "number" in types)


def found(value: "Any") -> str:
    """The kind of a value, in words: all that is ever said of it."""
    if value is None:
        return "nothing"
    return "a boolean" if isinstance(value, bool) else TYPES[type_of(value)]


def either(words: "Iterable[str]") -> str:
    """The words joined as alternatives: "a", "a or b", "a, b or c"; each once."""
    unique = list(dict.fromkeys(words))
    unique = [word for word in unique if not any(other.endswith(" or " + word) for other in unique)]
    if len(unique) < 2:
        return "".join(unique)
    return "%s or %s" % (", ".join(unique[:-1]), unique[-1])


def expected(schema: "Any", root: "Dict[str, Any]", depth: int = 0) -> str:
    """What a schema wants, in words."""
    schema = resolve(schema, root)
    own = (schema.get("x-tsagent") or {}).get("expected")
    if isinstance(own, str):
        return own
    if isinstance(schema.get("enum"), list):
        return allowed(schema["enum"]) if len(schema["enum"]) == 1 else "one of " + allowed(schema["enum"])
    types = types_of(schema)
    if types:
        return either(_typed(word, schema, root, depth) for word in types)
    if depth < 3:
        for word in ("oneOf", "anyOf"):
            if isinstance(schema.get(word), list):
                return either(expected(branch, root, depth + 1) for branch in schema[word])
    return "something else"


def _typed(word: str, schema: "Dict[str, Any]", root: "Dict[str, Any]", depth: int) -> str:
    if word == "array" and depth < 2:
        kinds = [kind for kind in dict.fromkeys(_kinds(schema.get("items"), root, 0)) if kind != "null"]
        if kinds:
            return "a list of " + either(_PLURALS.get(kind, kind) for kind in kinds)
    return TYPES.get(word, word)


def _kinds(schema: "Any", root: "Dict[str, Any]", depth: int) -> "List[str]":
    """The types that a schema takes, its alternatives' too."""
    schema = resolve(schema, root)
    kinds = types_of(schema)
    if not kinds and depth < 4:
        for word in ("oneOf", "anyOf"):
            for branch in schema.get(word) or ():
                kinds += _kinds(branch, root, depth + 1)
    return kinds


def allowed(values: "List[Any]") -> str:
    """The allowed values of an enum, at most twelve of them."""
    import json

    words = [shown(value) if isinstance(value, str) else json.dumps(value) for value in values]
    more = " ..." if len(words) > 12 else ""
    return ", ".join(words[:12]) + more


def names_of(pattern: str) -> "List[str]":
    """The names that a pattern of alternatives stands for, as `^(rsa|dsa)_(private|public)$`; else []."""
    import re

    if not re.match(r"\^(\w|\((\?:)?\w+(\|\w+)*\))+\$\Z", pattern):
        return []
    names = [""]
    for group, literal in re.findall(r"\((?:\?:)?([^)]*)\)|(\w+)", pattern):
        names = [name + word for name in names for word in (group.split("|") if group else [literal])]
        if len(names) > 200:
            return []
    return names


def close(word: "Any", known: "Iterable[Any]") -> "Optional[str]":
    """The one of `known` that `word` was probably meant to be."""
    names = [name for name in known if isinstance(name, str)]
    if not isinstance(word, str) or len(word) > 100 or not names:
        return None
    plain = word.strip().lower().replace("-", "_")
    for name in names:
        if name.lower().replace("-", "_") == plain:
            return name
    import difflib

    matches = difflib.get_close_matches(word, names, 1, 0.7 if len(word) > 4 else 0.65)
    return matches[0] if matches else None
