"""The scripts that are run once ever, whatever instances follow."""

from tsagent.changes.user_scripts import DIRECTORY, plan_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a script."""
    changes = list(plan_scripts(context, "per-once", DIRECTORY + "per-once"))
    return iter(changes) if changes else context.nothing("no scripts that may be executed")
