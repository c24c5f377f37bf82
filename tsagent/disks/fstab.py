"""Lines of /etc/fstab: how they are read, and how ours are put among the administrator's.

Lines that cloud-init or an earlier instance put there bear the option `comment=cloudconfig`; they are
ours to replace. All others are the administrator's and stay as they are. Source of the form: fstab(5).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

MARK = "comment=cloudconfig"
PASSWORDS = ("password", "pass", "password2")  # options that hold one. Source: mount.cifs(8)
_ESCAPES = ((" ", "\\040"), ("\t", "\\011"), ("\n", "\\012"))


class Line:
    """A line of fstab in six fields, unescaped."""

    __slots__ = ("fields",)

    def __init__(self, fields: "Sequence[str]") -> None:
        self.fields = list(fields)

    @property
    def source(self) -> str:
        """What is mounted."""
        return self.fields[0]

    @property
    def target(self) -> str:
        """Where; "none" for swap."""
        return self.fields[1]

    @property
    def kind(self) -> str:
        """The type of the file system."""
        return self.fields[2]

    @property
    def options(self) -> "List[str]":
        """Its options."""
        return self.fields[3].split(",")

    @property
    def secret(self) -> bool:
        """Whether a password is among its options."""
        return any(option.partition("=")[0] in PASSWORDS for option in self.options)

    @property
    def marked(self) -> bool:
        """Whether cloud-init or the agent wrote it."""
        return MARK in self.options

    @property
    def is_swap(self) -> bool:
        """Whether it is swap, which is mounted nowhere."""
        return self.kind == "swap"

    def text(self) -> str:
        """The line as it stands in the file."""
        return "\t".join(_escape(field) for field in self.fields)

    def same_place(self, other: "Line") -> bool:
        """Whether both would mount at one place, or are the same swap."""
        if self.is_swap or other.is_swap:
            return self.is_swap and other.is_swap and self.source == other.source
        return self.target.rstrip("/") == other.target.rstrip("/")


def parse_line(text: str) -> "Optional[Line]":
    """A line of the file; None for a comment, a blank line and what is no entry.

    Blanks and tabs alone part its fields: any other white space may stand in a path.
    """
    words = [word for word in text.rstrip("\r").replace("\t", " ").split(" ") if word]
    if len(words) < 2 or words[0].startswith("#"):
        return None
    defaults = ["", "", "auto", "defaults", "0", "0"]
    return Line([_unescape(word) for word in words[:6]] + defaults[len(words) :])


def parse(data: "Optional[bytes]") -> "List[Line]":
    """All entries of the file."""
    rows = (data or b"").decode("utf-8", "surrogateescape").split("\n")
    return [line for line in map(parse_line, rows) if line is not None]


def merge(data: "Optional[bytes]", wanted: "Sequence[Line]", swap_file: str = "") -> bytes:
    """The file with its marked lines replaced by `wanted`, of which all are marked.

    What is there already stays where it is. A place that the administrator's own line has stays theirs.
    The line of `swap_file` is left to `with_swap_file`.
    """
    rows = [(row, parse_line(row)) for row in _rows(data)]
    ours = [line is not None and line.marked and not _is_swap(line, swap_file) for _, line in rows]
    theirs = [line for (_, line), own in zip(rows, ours) if line is not None and not own]
    texts = [line.text() for line in wanted if not any(line.same_place(other) for other in theirs)]
    kept: "List[str]" = []
    there: "List[str]" = []
    for (row, line), own in zip(rows, ours):
        if own and line is not None:
            text = line.text()
            if text not in texts or text in there:
                continue
            there.append(text)
        kept.append(row)
    added = [text for text in texts if text not in there]
    if there + added != texts:
        # A mount point inside another's must come after it: all of them anew.
        kept, added = [row for (row, _), own in zip(rows, ours) if not own], texts
    return _joined(kept, added)


def parents_first(lines: "Sequence[Line]") -> "List[Line]":
    """The lines in their order, but each before those that are mounted inside of it."""
    ordered: "List[Line]" = []
    for line in lines:
        inside = [index for index, other in enumerate(ordered) if is_inside(other.target, line.target)]
        ordered.insert(inside[0] if inside else len(ordered), line)
    return ordered


def is_inside(path: str, directory: str) -> bool:
    """Whether a path lies below a directory."""
    return path.rstrip("/").startswith(directory.rstrip("/") + "/")


def _is_swap(line: Line, path: str) -> bool:
    return line.is_swap and line.source == path


def with_swap_file(data: "Optional[bytes]", wanted: Line) -> bytes:
    """The file with one line for the swap file `wanted`, whose unmarked copies cloud-init doubles."""
    kept: "List[str]" = []
    found = False
    for row in _rows(data):
        line = parse_line(row)
        if line is not None and line.same_place(wanted):
            stale = line.marked and line.text() != wanted.text()
            if stale or found:
                continue
            found = True
        kept.append(row)
    return _joined(kept, [] if found else [wanted.text()])


def _rows(data: "Optional[bytes]") -> "List[str]":
    return (data or b"").decode("utf-8", "surrogateescape").split("\n")


def _joined(rows: "Sequence[str]", added: "Sequence[str]") -> bytes:
    text = "\n".join(rows)
    if added and text and not text.endswith("\n"):
        text += "\n"
    return (text + "".join(row + "\n" for row in added)).encode("utf-8", "surrogateescape")


def _escape(field: str) -> str:
    for letter, code in _ESCAPES:
        field = field.replace(letter, code)
    return "\\043" + field[1:] if field.startswith("#") else field


def _unescape(field: str) -> str:
    for letter, code in _ESCAPES:
        field = field.replace(code, letter)
    return "#" + field[4:] if field.startswith("\\043") else field
