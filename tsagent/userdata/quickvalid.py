"""Whether a value fits a schema, and nothing more: Draft 4 in one file, quick to import.

`jsonschema` stays the authority: it says what is wrong, and it is asked wherever this is not sure. Here is
only what spares its import, which takes longer than a whole configuration, where nothing is wrong.
"""

from tsagent.userdata.expected import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
# What judges nothing, or is judged with the word beside it. `format` is not checked by jsonschema either.
_SILENT = frozenset(
    (
        "$schema",
        "id",
        "title",
        "description",
        "default",
        "examples",
        "x-tsagent",
        "definitions",
        "format",
        "additionalProperties",
        "additionalItems",
        "patternProperties",
        "exclusiveMinimum",
        "exclusiveMaximum",
    )
)
_MAX_DEPTH = 200
_PATTERNS: "Dict[str, Any]" = {}


class Unsure(Exception):
    """Only jsonschema can tell."""


def quick_valid(value: "Any", schema: "Any", root: "Dict[str, Any]") -> "Optional[bool]":
    """Whether `value` fits `schema`, a part of the schema file `root`; None when only jsonschema can tell."""
    try:
        return _fits(value, schema, root, 0)
    except Unsure:
        return None


def _fits(value: "Any", schema: "Any", root: "Dict[str, Any]", depth: int) -> bool:
    if depth > _MAX_DEPTH or not isinstance(schema, dict):
        raise Unsure
    if "$ref" in schema:
        schema = resolve(schema, root)
        if not schema:
            raise Unsure  # it leads nowhere, or to what allows everything
    properties = False
    for word, wanted in schema.items():
        if word == "type":
            if not _has_type(value, wanted):
                return False
        elif word in ("properties", "patternProperties", "additionalProperties"):
            if not properties and isinstance(value, dict):
                properties = True
                if not _mapping(value, schema, root, depth):
                    return False
        elif word in _SILENT:
            continue
        else:
            check = _CHECKS.get(word)
            if check is None:
                raise Unsure
            if not check(value, wanted, schema, root, depth + 1):
                return False
    return True


def _has_type(value: "Any", wanted: "Any") -> bool:
    if isinstance(wanted, list):
        return any(_has_type(value, word) for word in wanted)
    kind = _TYPES.get(wanted)
    if kind is None:
        raise Unsure
    if type(value) is bool:
        return kind is bool
    if type(value) is bytes:
        raise Unsure  # text to the schemas
    return isinstance(value, kind)  # type: ignore[arg-type]


def _mapping(value: "Dict[Any, Any]", schema: "Dict[str, Any]", root: "Dict[str, Any]", depth: int) -> bool:
    known = schema.get("properties") or {}
    patterns = schema.get("patternProperties")
    others = schema.get("additionalProperties", True)
    for key, item in value.items():
        found = key in known
        if found and not _fits(item, known[key], root, depth + 1):
            return False
        if patterns:
            if not isinstance(key, str):
                raise Unsure
            for pattern, below in patterns.items():
                if _search(pattern, key):
                    found = True
                    if not _fits(item, below, root, depth + 1):
                        return False
        if not found and others is not True:
            if others is False or not _fits(item, others, root, depth + 1):
                return False
    return True


def _search(pattern: str, text: str) -> bool:
    compiled = _PATTERNS.get(pattern)
    if compiled is None:
        import re  # not at every boot

        compiled = _PATTERNS[pattern] = re.compile(pattern)
    return compiled.search(text) is not None


def _items(value: "Any", wanted: "Any", schema: "Any", root: "Any", depth: int) -> bool:
    if not isinstance(value, list):
        return True
    if isinstance(wanted, dict):
        return all(_fits(item, wanted, root, depth) for item in value)
    others = schema.get("additionalItems", True)
    for index, item in enumerate(value):
        if index < len(wanted):
            if not _fits(item, wanted[index], root, depth):
                return False
        elif others is not True and (others is False or not _fits(item, others, root, depth)):
            return False
    return True


def _enum(value: "Any", wanted: "Any", _schema: "Any", _root: "Any", _depth: int) -> bool:
    kind = type(value)
    if kind is not str and any(type(allowed) is not kind and allowed == value for allowed in wanted):
        raise Unsure  # true or 1, 1 or 1.0: versions of the library differ
    return value in wanted


def _unique(value: "Any", wanted: "Any", _schema: "Any", _root: "Any", _depth: int) -> bool:
    if not wanted or not isinstance(value, list) or len(value) < 2:
        return True
    kind = type(value[0])
    if kind not in (str, int) or any(type(item) is not kind for item in value):
        raise Unsure
    return len(set(value)) == len(value)


def _minimum(value: "Any", wanted: "Any", schema: "Any", _root: "Any", _depth: int) -> bool:
    if not _has_type(value, "number"):
        return True
    return bool(value > wanted if schema.get("exclusiveMinimum") else value >= wanted)


def _maximum(value: "Any", wanted: "Any", schema: "Any", _root: "Any", _depth: int) -> bool:
    if not _has_type(value, "number"):
        return True
    return bool(value < wanted if schema.get("exclusiveMaximum") else value <= wanted)


def _multiple(value: "Any", wanted: "Any", _schema: "Any", _root: "Any", _depth: int) -> bool:
    if not _has_type(value, "number"):
        return True
    if not isinstance(value, int) or not isinstance(wanted, int):
        raise Unsure
    return value % wanted == 0


def _required(value: "Any", wanted: "Any", _schema: "Any", _root: "Any", _depth: int) -> bool:
    return not isinstance(value, dict) or all(name in value for name in wanted)


def _dependencies(value: "Any", wanted: "Any", _schema: "Any", root: "Any", depth: int) -> bool:
    if not isinstance(value, dict):
        return True
    for key, needs in wanted.items():
        if key not in value:
            continue
        if isinstance(needs, dict):
            if not _fits(value, needs, root, depth):
                return False
        elif not all(name in value for name in ([needs] if isinstance(needs, str) else needs)):
            return False
    return True


def _all_of(value: "Any", wanted: "Any", _schema: "Any", root: "Any", depth: int) -> bool:
    return all(_fits(value, branch, root, depth) for branch in wanted)


def _any_of(value: "Any", wanted: "Any", _schema: "Any", root: "Any", depth: int) -> bool:
    return any(_fits(value, branch, root, depth) for branch in wanted)


def _one_of(value: "Any", wanted: "Any", _schema: "Any", root: "Any", depth: int) -> bool:
    return sum(_fits(value, branch, root, depth) for branch in wanted) == 1


def _not(value: "Any", wanted: "Any", _schema: "Any", root: "Any", depth: int) -> bool:
    return not _fits(value, wanted, root, depth)


_CHECKS: "Dict[str, Any]" = {
    "items": _items,
    "enum": _enum,
    "uniqueItems": _unique,
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple,
    "required": _required,
    "dependencies": _dependencies,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "pattern": lambda value, wanted, *_: not isinstance(value, str) or _search(wanted, value),
    "minLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) <= wanted,
    "minItems": lambda value, wanted, *_: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda value, wanted, *_: not isinstance(value, list) or len(value) <= wanted,
    "minProperties": lambda value, wanted, *_: not isinstance(value, dict) or len(value) >= wanted,
    "maxProperties": lambda value, wanted, *_: not isinstance(value, dict) or len(value) <= wanted,
}
