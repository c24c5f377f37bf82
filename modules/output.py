"""Where what commands print is copied to: `output`. The copying is the engine's; this looks at the words."""

from tsagent.errors import AgentError
from tsagent.host.outputs import of_stage, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Nothing":
    """Nothing is changed; what cannot be understood is told."""
    told = set()
    for stage in ("network", "final"):
        for text in of_stage(context.settings.get("output"), stage):
            if text is None or text in told:
                continue
            told.add(text)
            try:
                parse(text)
            except AgentError as error:
                context.warn("output: %s" % error)
    return context.nothing("what commands print is copied while they run")
