"""YAML values as plain data: what JSON has, and bytes.

YAML's dates, sets and keys of other types surprise modules and cannot be kept as JSON: dates become
their text, sets lists, keys text. `!!binary` stays bytes: a file's content may be such.
"""

from tsagent.userdata.pointer import key_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

_SCALARS = (str, int, float, bool, type(None), bytes)


def plain(value: "Any", mark: "Optional[Tuple[Any, ...]]" = None) -> "Tuple[Any, Any]":
    """`value` as plain data, and the mark that fits it; what needs no change is not copied."""
    if isinstance(value, dict):
        marks = mark[3] if mark is not None and isinstance(mark[3], dict) else {}
        changed = False
        pairs: "List[Tuple[str, Any]]" = []
        below: "List[Tuple[str, Any]]" = []
        for key, item in value.items():
            text = key if type(key) is str else key_text(key)
            inner_mark = marks.get(key)
            if type(item) in _SCALARS:
                inner, inner_new = item, inner_mark
            else:
                inner, inner_new = plain(item, inner_mark)
            if text is not key or inner is not item or inner_new is not inner_mark:
                changed = True
            pairs.append((text, inner))
            if inner_new is not None:
                below.append((text, inner_new))
        if not changed:
            return value, mark
        return dict(pairs), _with_children(mark, dict(below))
    if isinstance(value, list):
        item_marks: "List[Any]" = mark[3] if mark is not None and isinstance(mark[3], list) else []
        changed = False
        items: "List[Any]" = []
        list_marks: "List[Any]" = list(item_marks)
        for index, item in enumerate(value):
            if type(item) in _SCALARS:
                items.append(item)
                continue
            inner_mark = item_marks[index] if index < len(item_marks) else None
            inner, inner_new = plain(item, inner_mark)
            if inner is not item or inner_new is not inner_mark:
                changed = True
            items.append(inner)
            if index < len(list_marks):
                list_marks[index] = inner_new
        if not changed:
            return value, mark
        return items, _with_children(mark, list_marks)
    if isinstance(value, _SCALARS):
        return value, mark
    if isinstance(value, tuple):
        return plain(list(value))[0], _with_children(mark, None)
    if isinstance(value, (set, frozenset)):
        keys = sorted(value, key=key_text)
        marks = mark[3] if mark is not None and isinstance(mark[3], dict) else {}
        list_marks = [marks[key] for key in keys if key in marks]
        return [plain(key)[0] for key in keys], _with_children(mark, list_marks)
    return str(value), mark  # a date or a time


def _with_children(mark: "Optional[Tuple[Any, ...]]", children: "Any") -> "Any":
    return None if mark is None else mark[:3] + (children,) + mark[4:]
