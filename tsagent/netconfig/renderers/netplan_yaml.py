"""Plain data as YAML that every reader of YAML 1.1 or 1.2 takes alike. No library: it is needed at boot."""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

# Texts that need no quotes, unless they are words for something else in YAML 1.1.
_PLAIN = r"[A-Za-z][A-Za-z0-9_.-]*\Z"
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def dump(data: "Any") -> str:
    """Mappings, lists, texts, numbers and booleans in block style, in their own order."""
    return "\n".join(_rows(data, 0)) + "\n"


def _rows(value: "Any", depth: int) -> "List[str]":
    rows: "List[str]" = []
    indent = "  " * depth
    if isinstance(value, dict):
        for key, item in value.items():
            if _nested(item):
                rows += ["%s%s:" % (indent, scalar(str(key)))] + _rows(item, depth + 1)
            else:
                rows.append("%s%s: %s" % (indent, scalar(str(key)), scalar(item)))
    elif isinstance(value, list):
        for item in value:
            if _nested(item):
                inner = _rows(item, depth + 1)
                rows += ["%s- %s" % (indent, inner[0].lstrip(" "))] + inner[1:]
            else:
                rows.append("%s- %s" % (indent, scalar(item)))
    else:
        rows.append(indent + scalar(value))
    return rows


def _nested(value: "Any") -> bool:
    return isinstance(value, (dict, list)) and bool(value)


def scalar(value: "Any") -> str:
    """One value; a text in quotes wherever it could be taken for something else."""
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return repr(value)
    if value in ({}, []):
        return "{}" if isinstance(value, dict) else "[]"
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if re.match(_PLAIN, text) and text.lower() not in _WORDS:
        return text
    return '"%s"' % "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    code = ord(letter)
    if letter.isprintable() and code < 0x10000:  # what is above, older readers take for a special character
        return letter
    return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code
