"""The last word of each boot: `final_message`."""

from tsagent.changes.final_message import NAMES, FinalMessage, unknown_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change."""
    message = context.settings.get("final_message")
    if not isinstance(message, str) or not message.strip():
        return context.nothing("no message")
    for name in unknown_names(message):
        context.warn("final_message: %s stands for nothing: use %s" % (name, ", ".join(NAMES)))
    return iter([FinalMessage(message)])
