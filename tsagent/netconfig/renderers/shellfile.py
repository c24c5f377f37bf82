"""Files of shell assignments, as bash sources them and as NetworkManager's own parser reads them.

Both take the quoting of bash; NetworkManager's parser takes no substitutions and no continued lines.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Tuple

_BARE = re.compile(r"[A-Za-z0-9_.:/,@%+-]+\Z")
# What has no meaning between double quotes, and no control characters.
_QUIET = re.compile(r"[^\x00-\x1f\x7f\"$`\\!']+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Assignments:
    """Assignments in the order in which they were made, one of each name."""

    def __init__(self) -> None:
        self._rows: "List[Tuple[str, str]]" = []

    def put(self, name: str, value: "Optional[object]") -> None:
        """Assign a value: yes or no for a boolean, nothing for None. ValueError where it has one."""
        if value is None:
            return
        if self.get(name) is not None:
            raise ValueError("%s is assigned already" % name)
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        self._rows.append((name, text))

    def get(self, name: str) -> "Optional[str]":
        """The value assigned to a name."""
        for known, value in self._rows:
            if known == name:
                return value
        return None

    def __iter__(self) -> "Iterator[Tuple[str, str]]":
        return iter(self._rows)

    def text(self) -> str:
        """A line for each."""
        return "".join("%s=%s\n" % (name, quote(value)) for name, value in self._rows)


def sayable(value: str) -> bool:
    """Whether a value can stand in such a file: it has no control characters."""
    return not _CONTROL.search(value)


def quote(value: str) -> str:
    """A value as one word of the shell. Raises ValueError for control characters, a new line among them."""
    if not sayable(value):
        raise ValueError("a value of a shell assignment has control characters")
    if _BARE.match(value):
        return value
    if _QUIET.match(value):
        return '"%s"' % value
    return "'%s'" % value.replace("'", "'\\''")
