"""Where each value of a YAML document stands.

A mark is a tuple `(name, line, column, children, key_line, key_column)`: the file, where the value starts,
the marks below it (None for a scalar, a list for a sequence, a dict for a mapping), and where its key
stands (its own start, for the root and for list items). Lines and columns count from 1. Marks of an
aliased node are shared, as its value is, so a document's marks are never larger than its text.
"""

from tsagent.userdata import pointer as pointers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    Mark = Tuple[Any, ...]

NAME, LINE, COLUMN, CHILDREN, KEY_LINE, KEY_COLUMN = range(6)


class Marks:
    """The marks of a document or of a merged configuration, looked up by JSON pointer.

    `words` tells how some plain scalars were spelt where the value alone no longer does: position ->
    "octal" (`0644`) or the boolean word (`yes`, `off`).
    """

    def __init__(
        self, root: "Optional[Mark]", words: "Optional[Dict[Tuple[str, int, int], str]]" = None
    ) -> None:
        self.root = root
        self.words = words if words is not None else {}

    def node(self, pointer: str) -> "Optional[Mark]":
        """The mark at `pointer`, or None."""
        return self._walk(pointer)[0]

    def nearest(self, pointer: str) -> "Optional[Mark]":
        """The mark at `pointer`, else that of the closest thing around it."""
        return self._walk(pointer)[1]

    def _walk(self, pointer: str) -> "Tuple[Optional[Mark], Optional[Mark]]":
        mark = self.root
        if mark is None:
            return None, None
        for step in pointers.split(pointer):
            below = child(mark, step)
            if below is None:
                return None, mark
            mark = below
        return mark, mark

    def where(self, pointer: str) -> "Tuple[str, int, int]":
        """File, line and column to show for `pointer`: a scalar's own place, a collection's key."""
        mark = self.nearest(pointer)
        return place(mark) if mark is not None else ("", 0, 0)

    def where_key(self, pointer: str) -> "Tuple[str, int, int]":
        """File, line and column of the key at `pointer`."""
        mark = self.nearest(pointer)
        return (mark[NAME], mark[KEY_LINE], mark[KEY_COLUMN]) if mark is not None else ("", 0, 0)

    def get(self, pointer: str, default: "Optional[Tuple[int, int]]" = None) -> "Optional[Tuple[int, int]]":
        """(line, column) of the value at `pointer`."""
        mark = self.node(pointer)
        return (mark[LINE], mark[COLUMN]) if mark is not None else default

    def key(self, pointer: str) -> "Optional[Tuple[int, int]]":
        """(line, column) of the key at `pointer`."""
        mark = self.node(pointer)
        return (mark[KEY_LINE], mark[KEY_COLUMN]) if mark is not None else None

    def __getitem__(self, pointer: str) -> "Tuple[int, int]":
        found = self.get(pointer)
        if found is None:
            raise KeyError(pointer)
        return found

    def __contains__(self, pointer: object) -> bool:
        return isinstance(pointer, str) and self.node(pointer) is not None

    def items(self) -> "Iterator[Tuple[str, Mark]]":
        """Every pointer with its mark, the root's "" first; aliased nodes appear at each of their places."""
        if self.root is None:
            return
        stack: "List[Tuple[str, Mark]]" = [("", self.root)]
        while stack:
            path, mark = stack.pop()
            yield path, mark
            children = mark[CHILDREN]
            if isinstance(children, dict):
                for key in children:
                    stack.append((path + "/" + pointers.token(key), children[key]))
            elif children is not None:
                for index, below in enumerate(children):
                    stack.append(("%s/%d" % (path, index), below))

    def origins(self) -> "Dict[str, List[Any]]":
        """Pointer -> [file, line, column] for every value, as it is shown and kept."""
        return {path: list(place(mark)) for path, mark in self.items() if path}


def child(mark: "Mark", step: str) -> "Optional[Mark]":
    """The mark one step below `mark`."""
    children = mark[CHILDREN]
    if isinstance(children, dict):
        found: "Optional[Mark]" = children.get(step)
        if found is None:
            for key in children:
                if not isinstance(key, str) and pointers.key_text(key) == step:
                    return children[key]  # type: ignore[no-any-return]
        return found
    if isinstance(children, list) and step.isdigit() and int(step) < len(children):
        return children[int(step)]  # type: ignore[no-any-return]
    return None


def place(mark: "Mark") -> "Tuple[str, int, int]":
    """What to show for a mark: a collection is found by its key, a scalar by itself."""
    if mark[CHILDREN] is None:
        return (mark[NAME], mark[LINE], mark[COLUMN])
    return (mark[NAME], mark[KEY_LINE], mark[KEY_COLUMN])
