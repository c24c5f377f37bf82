"""Part handlers: Python in user and vendor data that takes parts of types of its own."""

from tsagent.changes import RunPartHandler
from tsagent.changes.user_scripts import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a handler, in the order of the user data."""
    handlers = [script for script in context.scripts if script.get("kind") == "part-handler"]
    if not handlers:
        return context.nothing("no part handlers")
    hostname = context.instance.get("hostname")
    env = environment(context)
    return iter(
        [
            RunPartHandler(
                str(handler["name"]), handler["content"], list(handler.get("parts", [])), hostname, env
            )
            for handler in handlers
        ]
    )
