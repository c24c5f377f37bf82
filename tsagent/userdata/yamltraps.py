"""Where YAML reads something else than its writer meant, in a text that is otherwise right.

How a plain scalar was spelt is kept only where the value no longer tells (`Marks.words`): the word of a
boolean, or one of the kinds below.
"""

from tsagent.userdata.expected import resolve, types_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

OCTAL = "octal"  # 0644
BASE_60 = "base 60"  # 22:22
RESPELT = "respelt"  # 1.10, 1_000, 0x1f: a number whose text is not what its value gives back
NUMBERS = (OCTAL, BASE_60, RESPELT)

_WHY = {
    OCTAL: "YAML reads a number with a leading 0 as octal",
    BASE_60: 'YAML reads digits with a ":" as a number in base 60',
    RESPELT: "YAML reads it as a number, so that 1.10 becomes 1.1",
}


def number_kind(text: str, value: "Any") -> "Optional[str]":
    """The kind of a number whose spelling is a trap; None for one that is what it looks like."""
    if ":" in text:
        return BASE_60
    digits = text.lstrip("+-")
    if isinstance(value, int):
        if len(digits) > 1 and digits[0] == "0" and value:
            return OCTAL if digits[1] not in "xXbB" else RESPELT
        return RESPELT if "_" in digits else None
    return RESPELT if repr(value) != digits and value == value else None


def hint(kind: str, message: str) -> str:
    """What to add to the message about a value of a wrong type; "" for nothing."""
    if kind in _WHY:
        if message.endswith(("found a whole number", "found a number")) and _wants_text(message):
            return " (%s: put it in quotes)" % _WHY[kind]
    elif message.endswith("found a boolean"):
        return " (YAML reads the word %s as a boolean: put it in quotes)" % kind
    return ""


def _wants_text(message: str) -> bool:
    """Whether quotes would help: the message names something else than numbers, lists and the like."""
    wanted = message[len("expected ") :].rpartition(", found ")[0].replace(" or ", ", ").split(", ")
    others = ("a whole number", "a number", "true", "false", "null", "a mapping")
    return any(word not in others and not word.startswith("a list") for word in wanted)


def warning(kind: str, schema: "Dict[str, Any]", root: "Dict[str, Any]") -> "Optional[str]":
    """The warning for a number so spelt where the schema takes it; None where it can only be a number."""
    if kind == RESPELT and not takes_text(schema, root):
        return None
    return "%s: put it in quotes" % _WHY[kind]


def takes_text(schema: "Any", root: "Dict[str, Any]", depth: int = 0) -> bool:
    """Whether a schema takes a text, too."""
    schema = resolve(schema, root)
    types = types_of(schema)
    if types:
        return "string" in types
    branches = [branch for word in ("oneOf", "anyOf") for branch in schema.get(word) or ()]
    if not branches:
        return "enum" not in schema
    return depth < 5 and any(takes_text(branch, root, depth + 1) for branch in branches)


# Spaces that are not YAML's, and what Chinese and European keyboards and word processors put for its signs.
_SPACES = "\u00a0\u2007\u202f\u3000\u200b\u2060\ufeff"
_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u300c\uff02\uff07"
COLON = "\uff1a"
_DASHES = "\u2013\u2014\uff0d"


def has_odd(text: str) -> bool:
    """Whether a text holds any of these characters."""
    return any(char in text for char in _SPACES + _QUOTES + COLON + _DASHES)


def odd_message(text: str, is_key: bool) -> "Optional[str]":
    """The warning for a plain scalar with such a character where it changes what is read; or None."""
    for char in _SPACES:
        # An ideographic space inside of a sentence is right; the others stand there by accident.
        if char in text and (is_key or char != "\u3000" or text[0] == char or text[-1] == char):
            words = "a space that is none to YAML (U+%04X): type it again"
            return words % ord(char)
    if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        return "a typographic quotation mark (U+%04X) is text to YAML: use \" or '" % ord(text[0])
    if COLON in text and is_key:
        return 'a full-width colon (U+FF1A) in a key: YAML wants ": "'
    if text[:1] and text[0] in _DASHES and text[1:2] == " ":
        return 'a long dash (U+%04X) is text to YAML: a list item begins with "- "' % ord(text[0])
    return None


def odd_in_line(line: str) -> "Optional[Tuple[str, int]]":
    """(what is wrong, where) with a line that YAML cannot read and that has such a character; or None."""
    for chars, words in (
        (COLON, 'a full-width colon (U+%04X) stands here: YAML wants ": "'),
        (_SPACES, "a space that is none to YAML (U+%04X) stands here: type it again"),
        (_QUOTES, "a typographic quotation mark (U+%04X) stands here: use \" or '"),
    ):
        for char in chars:
            if char in line:
                return words % ord(char), line.index(char)
    stripped = line.lstrip()
    if stripped[:1] and stripped[0] in _DASHES:
        words = 'a long dash (U+%04X) stands here: a list item begins with "- "'
        return words % ord(stripped[0]), len(line) - len(stripped)
    return None
