"""The parts user data is made of, and where each came from."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.userdata.problem import Problem

OK, IGNORED, REFUSED, FAILED = "ok", "ignored", "refused", "failed"


class Part:
    """One part: MIME `type`, `name` (its file name, else part-001 ...), `content`, and where it came from.

    `file` and `line_offset` place its lines: line 1 of the content is line 1 + line_offset of `file`.
    `status` is "ok", "ignored" (nothing to run), "refused" (not allowed) or "failed" (damaged, not
    fetched); `problem` says why when it is not "ok". `headers` are its MIME headers in lower case.
    `handler` is the part handler that gets it.
    """

    __slots__ = ("type", "name", "content", "file", "line_offset", "status", "problem", "headers", "handler")

    def __init__(self, kind: str, name: str, content: bytes, file: str, line_offset: int) -> None:
        self.type = kind
        self.name = name
        self.content = content
        self.file = file
        self.line_offset = line_offset
        self.status = OK
        self.problem = ""
        self.headers: "Dict[str, str]" = {}
        self.handler: "Optional[Part]" = None

    def as_data(self) -> "Dict[str, Any]":
        """The part as `tsagent user-data show` lists it."""
        data: "Dict[str, Any]" = {
            "type": self.type,
            "name": self.name,
            "bytes": len(self.content),
            "status": self.status,
        }
        if self.problem:
            data["problem"] = self.problem
        return data


class Decoded:
    """The parts in their order, and what is to be said about them."""

    def __init__(self, parts: "List[Part]", problems: "List[Problem]") -> None:
        self.parts = parts
        self.problems = problems

    @property
    def warnings(self) -> "List[str]":
        """The problems as lines."""
        return [str(problem) for problem in self.problems]


class Source:
    """Where a body came from and what is said of it."""

    def __init__(
        self,
        file: str,
        line_offset: int = 0,
        declared: "Optional[str]" = None,
        filename: "Optional[str]" = None,
        headers: "Optional[Dict[str, str]]" = None,
        depth: int = 0,
        urls: "Tuple[str, ...]" = (),
    ) -> None:
        self.file = file
        self.line_offset = line_offset
        self.declared = declared
        self.filename = filename
        self.headers = headers or {}
        self.depth = depth
        self.urls = urls  # that were included to get here, the outermost first

    def inner(self, suffix: str = "", **changes: "Any") -> "Source":
        """The source of something inside of this one, in a file name of its own when its lines are."""
        values: "Dict[str, Any]" = {
            "file": self.file + suffix,
            "line_offset": 0 if suffix else self.line_offset,
            "declared": self.declared,
            "filename": self.filename,
            "headers": self.headers,
            "depth": self.depth + 1,
            "urls": self.urls,
        }
        values.update(changes)
        return Source(**values)
