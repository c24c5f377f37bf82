"""What is wrong with a YAML text, in our own words.

The parsers' messages differ between PyYAML's own and libyaml's and may quote the text; these never do.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

# What YAML 1.1 allows in a stream (section 5.1, "Character Set").
_PRINTABLE_ASCII = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_NOT_PRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"

# (what stands in the parser's problem or context, our words); the first that fits is used.
# `%(opened)s` is " opened on line N" where the parser says where the construct began.
_WORDS: "List[Tuple[str, str]]" = [
    # libyaml's own limit; it reads ahead, and so may meet it before ours is counted.
    ("maximum nesting depth", "nested more than 100 deep"),
    (
        "mapping values are not allowed",
        'a ": " is not allowed here: quote the text, or check the indentation',
    ),
    ("did not find expected '-' indicator", 'expected a list item ("- ") at the indentation of the others'),
    ("block collection", 'expected a list item ("- ") at the indentation of the others'),
    ("block sequence", 'expected a list item ("- ") at the indentation of the others'),
    ("could not find expected ':'", 'a key without its ":"'),
    ("could not found expected ':'", 'a key without its ":"'),
    ("',' or ']'", 'the list in "[ ]"%(opened)s is not closed, or a "," is missing'),
    ("',' or '}'", 'the mapping in "{ }"%(opened)s is not closed, or a "," is missing'),
    ("quoted scalar", "the quoted text%(opened)s is not closed, or has an escape YAML does not know"),
    ("block scalar", "a block text (| or >) with a wrong indicator or indentation"),
    ("block mapping", "expected a key at the indentation of the others"),
    ("flow node", "a value is missing"),
    ("tag", "a tag (!) that is not complete or not declared"),
    ("directive", "a directive (%%) that YAML does not know"),
    ("anchor", "an anchor (&) or alias (*) without a proper name"),
    ("alias", "an anchor (&) or alias (*) without a proper name"),
    ("document start", "a line indented less than the first key, or text after the end of the document"),
    ("cannot start any token", "a character that cannot begin a value: put the text in quotes"),
    ("simple key", "a key must stand on one line and be shorter than 1024 characters"),
]


def unprintable(text: str) -> "Any":
    """The match of the first character that YAML does not allow, or None."""
    try:
        if not text.encode("ascii").translate(None, _PRINTABLE_ASCII):
            return None  # compiling the expression takes longer than most texts are worth
    except UnicodeEncodeError:
        pass
    return re.search(_NOT_PRINTABLE, text)


def syntax_message(error: "Any", lines: "List[str]") -> "Tuple[str, int, int]":
    """(message, line, column) for an exception of the YAML parser."""
    mark = getattr(error, "problem_mark", None)
    context_mark = getattr(error, "context_mark", None)
    line = mark.line if mark is not None else (context_mark.line if context_mark is not None else 0)
    column = mark.column if mark is not None else (context_mark.column if context_mark is not None else 0)
    tab = _tab_near(lines, line, context_mark.line if context_mark is not None else line)
    if tab is not None:
        return "a tab in the indentation: YAML wants spaces", tab[0] + 1, tab[1] + 1
    from tsagent.userdata.yamltraps import odd_in_line

    for number in (line, line - 1):
        odd = odd_in_line(lines[number]) if 0 <= number < len(lines) else None
        if odd is not None:
            return odd[0], number + 1, odd[1] + 1
    said = "%s %s" % (getattr(error, "problem", None) or "", getattr(error, "context", None) or "")
    opened = " opened on line %d" % (context_mark.line + 1) if context_mark is not None else ""
    for fragment, words in _WORDS:
        if fragment in said:
            return words % {"opened": opened}, line + 1, column + 1
    return "not valid YAML", line + 1, column + 1


def _tab_near(lines: "List[str]", line: int, context_line: int) -> "Optional[Tuple[int, int]]":
    """Where a tab stands in the indentation of the line of an error, or just before it; None without one."""
    for number in (line, line - 1, context_line):
        if 0 <= number < len(lines):
            text = lines[number]
            indentation = text[: len(text) - len(text.lstrip(" \t"))]
            # After the dashes of nested list items a tab is as wrong as before them.
            match = re.match(r"[ ]*(?:-[ ]*)*\t", text)
            if "\t" in indentation:
                return number, indentation.index("\t")
            if match:
                return number, match.end() - 1
    return None


def encoding_message(data: bytes) -> "Optional[Tuple[str, int]]":
    """(message, offset in bytes) of what keeps `data` from being UTF-8 text; None when nothing does."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\x00\x00\xfe\xff":
        return "the file is UTF-16 or UTF-32: save it as UTF-8", 0
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "not UTF-8 text (byte 0x%02x)" % data[error.start], error.start
    return None


def character_message(char: str) -> str:
    """Our words for a character YAML does not allow."""
    if char == "\0":
        return "a NUL byte"
    return "the control character U+%04X, which YAML does not allow" % ord(char)
