"""Reporting: the agent itself tells those whom the key names; here it is said whom it cannot tell."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Nothing":
    """Never a change."""
    handlers = context.settings.get("reporting")
    heard = 0
    for name, handler in sorted(handlers.items()) if isinstance(handlers, dict) else []:
        if handler.get("type") == "hyperv":
            context.warn("reporting.%s: there is no Hyper-V here to report to; left out" % name)
        else:
            heard += 1
    return context.nothing("the agent itself reports to %d" % heard if heard else "nobody is to hear")
