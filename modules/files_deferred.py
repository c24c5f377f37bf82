"""The files of `write_files` with `defer: true`: after packages, whose users and directories they need."""

from tsagent.changes.file_entries import plan_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a path."""
    entries = context.settings.get("write_files")
    changes = list(plan_entries(entries if isinstance(entries, list) else [], True, context.warn))
    if not changes:
        return context.nothing("no file is deferred")
    return iter(changes)
