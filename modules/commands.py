"""The user's commands: `runcmd` and the scripts of the user data, once for each instance.

cloud-init runs the scripts for each instance first, then the user's. It makes runcmd one of these, called
`runcmd`, and runs them in the order of their names: a script called `part-001` runs before it, one called
`setup.sh` after it. That order is kept.
"""

from tsagent.changes.commands import UserCommand
from tsagent.changes.user_scripts import DIRECTORY, environment, is_command, plan_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_SESSION = "runcmd"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change an item, one a script."""
    items = context.settings.get("runcmd")
    if items is not None and not isinstance(items, list):
        context.warn("runcmd is not a list; none of it is run")
        items = None
    first = list(plan_scripts(context, "per-instance", DIRECTORY + "per-instance"))
    scripts = list(plan_scripts(context, "user"))
    early = [script for script in scripts if str(script.target) < "script " + _SESSION]
    changes = first + early + list(_items(context, items or [])) + scripts[len(early) :]
    return iter(changes) if changes else context.nothing("no commands and no scripts")


def _items(context: "Context", items: "List[Any]") -> "Iterator[Change]":
    env = environment(context)
    previous: "Optional[int]" = None
    for index, item in enumerate(items):
        if item is None:
            continue
        if not is_command(item):
            context.warn("runcmd[%d] is neither text nor a list of words; it is not run" % index)
            continue
        yield UserCommand(_SESSION, index, item, previous, env)
        previous = index
