"""Whether a third party's schema file is one that can be worked with, told before anything relies on it.

This is no judgement of every keyword (jsonschema has that); it keeps a file that is wrong in its build
from being found out in the middle of a boot.
"""

import re

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Tuple

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
MAX_DEPTH = 60  # levels of subschemas; the built-in ones need less than 20
MAX_SUBSCHEMAS = 20000
_MAPPINGS = ("properties", "patternProperties", "definitions")
_LISTS = ("oneOf", "anyOf", "allOf")
_EITHER = ("items", "additionalProperties", "additionalItems", "not")


def check_schema(schema: "Any", path: str) -> None:
    """Raise AgentError `bad-schema`, naming the file and the place in it."""
    waiting: "List[Tuple[str, Any, int]]" = [("#", schema, 0)]
    seen = 0
    while waiting:
        place, item, depth = waiting.pop()
        seen += 1
        if seen > MAX_SUBSCHEMAS or depth > MAX_DEPTH:
            raise _wrong(path, place, "too many subschemas, or nested too deeply")
        if not isinstance(item, dict):
            raise _wrong(path, place, "expected an object")
        _check_words(item, path, place)
        waiting.extend((where, below, depth + 1) for where, below in _below(item, path, place))


def _check_words(schema: "Dict[str, Any]", path: str, place: str) -> None:
    types = schema.get("type", [])
    for name in types if isinstance(types, list) else [types]:
        if name not in TYPES:
            raise _wrong(path, place + "/type", "expected one of %s" % ", ".join(TYPES))
    reference = schema.get("$ref", "#/")
    # Never anything that would have to be fetched.
    if not isinstance(reference, str) or not reference.startswith("#/"):
        raise _wrong(path, place + "/$ref", "expected #/ and a place in this file")
    if not isinstance(schema.get("required", []), list) or not isinstance(schema.get("enum", []), list):
        raise _wrong(path, place, "required and enum are lists")
    for pattern in [schema.get("pattern", "")] + list(_mapping(schema, "patternProperties", path, place)):
        try:
            re.compile(pattern)
        except (re.error, TypeError, RecursionError, OverflowError):
            raise _wrong(path, place, "a pattern that is no regular expression") from None


def _below(schema: "Dict[str, Any]", path: str, place: str) -> "Iterator[Tuple[str, Any]]":
    for word in _MAPPINGS:
        for name, item in _mapping(schema, word, path, place).items():
            yield "%s/%s/%s" % (place, word, name), item
    for word in _LISTS:
        if word in schema:
            if not isinstance(schema[word], list) or not schema[word]:
                raise _wrong(path, "%s/%s" % (place, word), "expected a list")
            for index, item in enumerate(schema[word]):
                yield "%s/%s/%d" % (place, word, index), item
    for word in _EITHER:
        item = schema.get(word)
        if isinstance(item, list) and word == "items":
            for index, one in enumerate(item):
                yield "%s/%s/%d" % (place, word, index), one
        elif item is not None and not (isinstance(item, bool) and word.startswith("additional")):
            yield "%s/%s" % (place, word), item


def _mapping(schema: "Dict[str, Any]", word: str, path: str, place: str) -> "Dict[str, Any]":
    value = schema.get(word, {})
    if not isinstance(value, dict):
        raise _wrong(path, "%s/%s" % (place, word), "expected an object")
    return value


def _wrong(path: str, place: str, words: str) -> AgentError:
    shown = place if len(place) <= 120 else place[:117] + "..."
    return AgentError("%s: %s: %s" % (path, shown, words), "bad-schema", "see docs/modules.md")
