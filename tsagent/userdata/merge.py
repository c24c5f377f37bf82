"""Merging configurations by cloud-init's rules, origins included.

Between parts of one user data the last one replaces whole top-level keys, unless a part says otherwise
(`merge_how`, `merge_type`, the headers Merge-Type and X-Merge-Type). Between sources the user's comes
first and mappings are filled in from below; lists are never appended there.
Source: cloud-init's documentation, "Merging user-data sections", and what its code does where they differ.
"""

import re

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    How = List[Tuple[str, List[str]]]

BETWEEN_PARTS = "dict(replace)+list()+str()"
BETWEEN_SOURCES = "list()+dict()+str()"

_STEP = r"([a-z_][a-z0-9_]*)\((.*)\)\Z"
_OPTIONS = {
    "dict": (
        "replace",
        "no_replace",
        "recurse_dict",
        "recurse_list",
        "recurse_array",
        "recurse_str",
        "allow_delete",
    ),
    "list": (
        "append",
        "prepend",
        "no_replace",
        "replace",
        "recurse_dict",
        "recurse_list",
        "recurse_array",
        "recurse_str",
    ),
    "str": ("append", "replace", "no_replace"),
}


def parse_how(how: "Any", unknown: "Optional[List[str]]" = None) -> "How":
    """The mergers that `how` names, as (type, options).

    `how` is a string ("list(append)+dict(recurse_list)") or a list of {"name", "settings"} or [name,
    option ...]. Options that no type has mean nothing, as ever; they are added to `unknown`. Raises
    AgentError, code "merge-how", when `how` is neither or names an unknown type.
    """
    found: "How" = []
    if isinstance(how, str):
        for piece in how.split("+"):
            text = piece.strip().lower().replace("-", "_")
            if not text:
                continue
            match = re.match(_STEP, text)
            if not match:
                raise _wrong()
            found.append(
                (match.group(1), [word.strip() for word in match.group(2).split(",") if word.strip()])
            )
    elif isinstance(how, list):
        for entry in how:
            if isinstance(entry, dict):
                name, options = entry.get("name"), entry.get("settings") or []
            elif isinstance(entry, list) and entry:
                name, options = entry[0], entry[1:]
            else:
                raise _wrong()
            if not isinstance(name, str) or not isinstance(options, list):
                raise _wrong()
            words = [str(option).strip().lower().replace("-", "_") for option in options]
            found.append((name.strip().lower().replace("-", "_"), words))
    else:
        raise _wrong()
    names = []
    for name, options in found:
        short = name[2:] if name.startswith("m_") else name
        if short not in _OPTIONS:
            raise _wrong()
        if unknown is not None:
            unknown.extend(option for option in options if option not in _OPTIONS[short])
        names.append((short, options))
    return names


def _wrong() -> AgentError:
    return AgentError(
        'not a way to merge: expected the like of "list(append)+dict(recurse_list)+str()"', "merge-how"
    )


class Merger:
    """Merges two configurations in one way; each comes with its mark (or None) and none is changed."""

    def __init__(self, how: "How") -> None:
        self.options: "Dict[str, List[str]]" = {}
        for name, options in how:
            self.options.setdefault(name, options)  # the first of a type counts

    def merge(self, old: "Any", old_mark: "Any", new: "Any", new_mark: "Any") -> "Tuple[Any, Any]":
        """What becomes of `old` when `new` comes after it."""
        if isinstance(old, dict):
            if "dict" in self.options and isinstance(new, dict):
                return self._mappings(old, old_mark, new, new_mark, self.options["dict"])
        elif isinstance(old, list):
            if "list" in self.options:
                return self._lists(old, old_mark, new, new_mark, self.options["list"])
        elif isinstance(old, str) and "str" in self.options:
            if "append" in self.options["str"] and isinstance(new, str):
                return old + new, new_mark
            return new, new_mark
        return old, old_mark

    def _mappings(
        self,
        old: "Dict[Any, Any]",
        old_mark: "Any",
        new: "Dict[Any, Any]",
        new_mark: "Any",
        options: "List[str]",
    ) -> "Tuple[Any, Any]":
        replace = "replace" in options
        recurse_list = "recurse_list" in options or "recurse_array" in options
        recurse_str = "recurse_str" in options
        delete = "allow_delete" in options
        result = dict(old)
        marks = dict(_children(old_mark, dict))
        new_marks = _children(new_mark, dict)
        for key, value in new.items():
            mark = new_marks.get(key)
            if key not in result:
                pass
            elif value is None and delete:
                del result[key]
                marks.pop(key, None)
                continue
            elif replace:
                pass
            elif (
                (isinstance(value, list) and recurse_list)
                or (isinstance(value, str) and recurse_str)
                or isinstance(value, dict)
            ):
                value, mark = self.merge(result[key], marks.get(key), value, mark)
            else:
                continue
            result[key] = value
            if mark is not None:
                marks[key] = mark
            else:
                marks.pop(key, None)
        return result, _place(old_mark, new_mark, marks)

    def _lists(
        self, old: "List[Any]", old_mark: "Any", new: "Any", new_mark: "Any", options: "List[str]"
    ) -> "Tuple[Any, Any]":
        method = next(
            (word for word in ("append", "prepend", "replace", "no_replace") if word in options), "replace"
        )
        if not isinstance(new, list):
            return (new, new_mark) if method == "replace" else (old, old_mark)
        old_marks = _padded(old_mark, len(old))
        new_marks = _padded(new_mark, len(new))
        if method == "append":
            return old + new, _place(old_mark, new_mark, old_marks + new_marks)
        if method == "prepend":
            return new + old, _place(new_mark, old_mark, new_marks + old_marks)
        result, marks = list(old), old_marks
        if method == "replace":
            recurse_list = "recurse_list" in options or "recurse_array" in options
            for index in range(min(len(old), len(new))):
                value, mark = new[index], new_marks[index]
                if (
                    (isinstance(value, list) and recurse_list)
                    or (isinstance(value, str) and "recurse_str" in options)
                    or (isinstance(value, dict) and "recurse_dict" in options)
                ):
                    value, mark = self.merge(result[index], marks[index], value, mark)
                result[index], marks[index] = value, mark
        return result, _place(old_mark, new_mark, marks)


def merge(old: "Any", new: "Any", how: "Any" = BETWEEN_PARTS) -> "Any":
    """`old` and `new` merged, without origins."""
    return Merger(parse_how(how)).merge(old, None, new, None)[0]


NOWHERE = ("", 0, 0, None, 0, 0)


def _children(mark: "Any", kind: type) -> "Any":
    return mark[3] if mark is not None and isinstance(mark[3], kind) else kind()


def _padded(mark: "Any", length: int) -> "List[Any]":
    marks = list(_children(mark, list))[:length]
    return marks + [NOWHERE] * (length - len(marks))


def _place(first: "Any", second: "Optional[Any]", children: "Any") -> "Any":
    """A collection made of two is where the first one is."""
    base = first or second or NOWHERE
    return base[:3] + (children,) + base[4:]
