"""A file with what is wrong written into it: what `tsagent validate --annotate` prints.

The lines are the file's own, passwords in them too: the text is for the eyes of who wrote the file, never for
a log. What is said below them still quotes no value.
"""

import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List

    from tsagent.userdata.parts import Part
    from tsagent.userdata.problem import Problem

MAX_LINE = 2000  # characters of a line that are shown
MAX_LINES = 100000


def annotated(file: str, data: bytes, problems: "List[Problem]", parts: "List[Part]") -> str:
    """The file's text, each problem below its line with a caret at its column.

    Problems of what was compressed, in base64 or included stand in the text of that part, after the file's.
    """
    by_name: "Dict[str, List[Problem]]" = {}
    for problem in problems:
        by_name.setdefault(problem.name, []).append(problem)
    lines: "List[str]" = []
    lines.extend(_section(file, _text_of(data), by_name.pop(file, [])))
    for part in parts:
        if part.file in by_name:
            content = b"\n" * part.line_offset + part.content
            lines.append("")
            lines.extend(_section(part.file, content, by_name.pop(part.file), part.line_offset))
    for name in sorted(by_name):
        lines.extend(["", "==> %s" % _printable(name)])
        lines.extend(_words(problem, "") for problem in by_name[name])
    lines.extend(["", _summary(problems)])
    return "\n".join(lines) + "\n"


def _text_of(data: bytes) -> bytes:
    """What lines are counted in: of a file that is compressed or in base64 as a whole, what it holds."""
    from tsagent.errors import AgentError
    from tsagent.userdata import formats
    from tsagent.userdata.compressed import gunzip
    from tsagent.userdata.decode import MAX_UNPACKED

    for _ in range(4):
        if data[:2] == formats.GZIP_MAGIC:
            try:
                data = gunzip(data, MAX_UNPACKED)
            except AgentError:
                return b""
            continue
        content = formats.from_base64(data)
        if content is None:
            break
        data = content
    return data


def _section(name: str, data: bytes, problems: "List[Problem]", first: int = 0) -> "Iterator[str]":
    yield "==> %s" % _printable(name)
    # As YAML and editors count lines: a CR LF is one, a lone CR too.
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    texts = text.split("\n")
    if texts and not texts[-1]:
        texts.pop()
    at: "Dict[int, List[Problem]]" = {}
    for problem in sorted(problems, key=lambda problem: problem.sort_key()):
        at.setdefault(min(problem.line, len(texts)) if problem.line > 0 else 0, []).append(problem)
    for problem in at.get(0, ()):
        yield _words(problem, "")
    width = max(4, len(str(len(texts))))
    margin = " " * (width + 2)
    for number, line in enumerate(texts[:MAX_LINES], 1):
        if number > first:
            shown = _printable(line[:MAX_LINE]) + (" ..." if len(line) > MAX_LINE else "")
            yield ("%*d  %s" % (width, number, shown)).rstrip()
        for problem in at.get(number, ()):
            column = min(max(problem.column, 1), len(line) + 1, MAX_LINE + 1)
            yield margin + _blank(line[: column - 1]) + "^ " + _words(problem, "")
    if len(texts) > MAX_LINES:
        yield "%s... %d more lines" % (margin, len(texts) - MAX_LINES)
        for number in sorted(number for number in at if number > MAX_LINES):
            for problem in at[number]:
                yield "%*d  %s" % (width, number, _words(problem, ""))


def _words(problem: "Problem", before: str) -> str:
    return "%s%s: %s: %s" % (before, problem.severity, _printable(problem.path or "/"), problem.message)


def _summary(problems: "List[Problem]") -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    return "%s, %s" % (_count(errors, "error"), _count(len(problems) - errors, "warning"))


def _count(number: int, word: str) -> str:
    return "%d %s%s" % (number, word, "" if number == 1 else "s")


def _printable(text: str) -> str:
    """Text that a terminal shows and does not obey."""
    return "".join(char if char == "\t" or char.isprintable() else "\ufffd" for char in text)


def _blank(text: str) -> str:
    """Blanks as wide as a text is on a terminal; its tabs stay tabs."""
    return "".join("\t" if char == "\t" else " " * _width(char) for char in text)


def _width(char: "Any") -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
