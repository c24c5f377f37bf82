"""A YAML text as events, within limits: decoding, refusing what is no text, choosing the parser."""

from tsagent.userdata.marks import Marks
from tsagent.userdata.problem import ERROR, WARNING, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List


class Limits:
    """What one YAML document may hold; more is refused with a problem.

    `size`: bytes of the text. `depth`: nested collections, aliases followed. `nodes`: scalars and
    collections, each alias counted as all it stands for. `aliases`: uses of `*name`. `expanded`:
    characters of all scalars, aliases counted likewise. `digits`: of one number (converting is quadratic).
    """

    def __init__(
        self,
        size: int = 4 << 20,
        depth: int = 100,
        nodes: int = 150000,
        aliases: int = 10000,
        expanded: int = 16 << 20,
        digits: int = 1000,
    ) -> None:
        self.size = size
        self.depth = depth
        self.nodes = nodes
        self.aliases = aliases
        self.expanded = expanded
        self.digits = digits


DEFAULT_LIMITS = Limits()
# PyYAML's own parser, used where libyaml is missing, is about twenty times slower: the same two seconds.
PURE_LIMITS = Limits(size=1 << 20, nodes=25000)


class Document:
    """One parsed document: `value` as safe_load gives it, `marks`, `problems`, and `nodes`, how many values.

    With an error among the problems `ok` is False and `value` None: nothing of such a text is used.
    """

    def __init__(self, name: str, value: "Any", marks: Marks, problems: "List[Problem]") -> None:
        self.name = name
        self.value = value
        self.marks = marks
        self.problems = problems
        self.nodes = 0

    @property
    def ok(self) -> bool:
        """Whether the text could be read."""
        return not any(problem.severity == ERROR for problem in self.problems)


class Refused(Exception):
    """Reading stops: `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def text_of(data: bytes, name: str, limits: Limits, line_offset: int, problems: "List[Problem]") -> str:
    """The bytes as text without its byte order mark, or refused with the place of the first bad byte."""
    from tsagent.userdata import yamlwords

    if len(data) > limits.size:
        message = "%d bytes are more than the %d that are read" % (len(data), limits.size)
        raise Refused(Problem(ERROR, "", message, name, 1 + line_offset, 1, "size"))
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        message = "a byte order mark at the start was left out"
        problems.append(Problem(WARNING, "", message, name, 1 + line_offset, 1, "bom"))
    wrong = yamlwords.encoding_message(data)
    if wrong is not None:
        before = data[: wrong[1]]
        line = before.count(b"\n") + 1 + line_offset
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise Refused(Problem(ERROR, "", wrong[0], name, line, column, "encoding"))
    text = data.decode("utf-8")
    bad = yamlwords.unprintable(text)
    if bad is not None:
        at = bad.start()
        line = text.count("\n", 0, at) + 1 + line_offset
        column = at - text.rfind("\n", 0, at)
        message = yamlwords.character_message(bad.group())
        raise Refused(Problem(ERROR, "", message, name, line, column, "character"))
    return text


def parser_of(parser: str) -> str:
    """The parser that "auto" means here: "c" or "pure"."""
    if parser != "auto":
        return parser
    from tsagent.userdata.yamllibrary import yaml

    return "c" if getattr(yaml(), "__with_libyaml__", False) else "pure"


def event_source(text: str, parser: str) -> "Callable[[], Any]":
    """A function that gives the next event of `text`; `parser` is "c" or "pure"."""
    if parser == "c":
        from yaml import cyaml

        return cyaml.CParser(text).get_event  # type: ignore[attr-defined]
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PureParser(Reader, Scanner, Parser):
        """PyYAML's parser without composer, resolver and constructor."""

        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)

        def check_printable(self, data: "Any") -> None:
            """Nothing: the text was checked, and PyYAML 3.12 would refuse characters beyond U+FFFF."""

    return PureParser(text).get_event
