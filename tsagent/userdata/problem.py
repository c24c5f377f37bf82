"""One thing that is wrong with user data, and where.

A problem names a file, a line and a path and says what was expected. It never quotes a value: user data
holds passwords and keys, and problems end in logs and in public status.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

ERROR = "error"
WARNING = "warning"
# Rules of warnings that are advice on how to write: nothing is left out or read in two ways because of them.
_ADVICE = ("number-word", "look-alike", "merge-key", "crlf")


class Problem:
    """An error or a warning about one place of one file.

    `path` is a JSON pointer ("/write_files/0/path", "" for the whole), `line` and `column` count from 1
    (0 when unknown), `rule` is a stable word for programs. `drop` is the pointer of what a boot leaves
    out because of this error (None: nothing), `also` those of more, where one error stands for many.
    """

    __slots__ = ("severity", "path", "message", "name", "line", "column", "rule", "drop", "also")

    def __init__(
        self,
        severity: str,
        path: str,
        message: str,
        name: str = "",
        line: int = 0,
        column: int = 0,
        rule: str = "",
        drop: "Optional[str]" = None,
    ) -> None:
        self.severity = severity
        self.path = path
        self.message = message
        self.name = name
        self.line = line
        self.column = column
        self.rule = rule
        self.drop = drop
        self.also: "List[str]" = []

    def __str__(self) -> str:
        path = self.path or "/"
        if not path.isprintable():  # a key may hold anything; a problem is one line
            path = "".join(char if char.isprintable() else "?" for char in path)
        return "%s:%d:%d: %s: %s: %s" % (
            self.name,
            self.line,
            self.column,
            self.severity,
            path,
            self.message,
        )

    def __repr__(self) -> str:
        return "<Problem %s>" % self

    def sort_key(self) -> "Tuple[str, int, int, str, str]":
        """Orders problems by file, then line, column, path."""
        return (self.name, self.line, self.column, self.path, self.message)

    def as_data(self) -> "Dict[str, Any]":
        """The problem as JSON data."""
        return {
            "file": self.name,
            "line": self.line,
            "column": self.column,
            "severity": self.severity,
            "path": self.path,
            "message": self.message,
            "rule": self.rule,
        }

    @classmethod
    def from_data(cls, data: "Dict[str, Any]") -> "Problem":
        """The problem `as_data` wrote."""
        return cls(
            data["severity"],
            data["path"],
            data["message"],
            data["file"],
            data["line"],
            data["column"],
            data.get("rule", ""),
        )


def is_advice(problem: Problem) -> bool:
    """Whether this is for who writes the file to hear, and no matter of the machine that has taken it."""
    return problem.severity == WARNING and problem.rule in _ADVICE


def errors_of(problems: "List[Problem]") -> "List[Problem]":
    """Only the errors."""
    return [problem for problem in problems if problem.severity == ERROR]


def shown(text: str, limit: int = 60) -> str:
    """`text` (a key or a name, never a value) fit for one line of output: printable and short."""
    printable = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return printable if len(printable) <= limit else printable[:limit] + "..."
