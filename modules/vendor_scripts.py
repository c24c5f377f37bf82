"""The scripts of the vendor data, before all of the user's own."""

from tsagent.changes.user_scripts import plan_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a script."""
    changes = list(plan_scripts(context, "vendor"))
    return iter(changes) if changes else context.nothing("no scripts of the vendor's")
