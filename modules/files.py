"""The files of `write_files`, except those that are deferred."""

from tsagent.changes.file_entries import plan_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a path."""
    entries = context.settings.get("write_files")
    if entries is not None and not isinstance(entries, list):
        context.warn("write_files is not a list; none of it is written")
        entries = None
    changes = list(plan_entries(entries or [], False, context.warn))
    if not changes:
        return context.nothing("every file is deferred" if entries else "no files")
    return iter(changes)
