"""The user's commands: `runcmd` and the scripts of the user data, once for each instance.

cloud-init makes runcmd a script called `runcmd` and runs all scripts in the order of their names: a
script called `part-001` runs before it, one called `setup.sh` after it. That order is kept.
"""

from tsagent.changes.commands import UserCommand, UserScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_KINDS = ("script", "per-instance")
_SESSION = "runcmd"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change an item, one a script."""
    items = context.settings.get("runcmd")
    if items is not None and not isinstance(items, list):
        context.warn("runcmd is not a list; none of it is run")
        items = None
    scripts = [script for script in context.scripts if script.get("kind", "script") in _KINDS]
    if not items and not scripts:
        return context.nothing("no commands and no scripts")
    return _changes(context, items or [], scripts)


def _changes(context: "Context", items: "List[Any]", scripts: "List[Dict[str, Any]]") -> "Iterator[Change]":
    env = {"INSTANCE_ID": str(context.instance.get("instance_id") or "")}
    ordered = sorted(scripts, key=lambda script: str(script["name"]))
    early = [script for script in ordered if str(script["name"]) < _SESSION]
    for script in early:
        yield _script(script, env)
    previous: "Optional[int]" = None
    for index, item in enumerate(items):
        if item is None:
            continue
        if not isinstance(item, (str, list)):
            context.warn("runcmd[%d] is neither text nor a list of words; it is not run" % index)
            continue
        yield UserCommand(_SESSION, index, item, previous, env)
        previous = index
    for script in ordered[len(early) :]:
        yield _script(script, env)


def _script(script: "Dict[str, Any]", env: "Dict[str, str]") -> UserScript:
    content = script["content"]
    first = content.split(b"\n", 1)[0]
    if first.endswith(b"\r"):
        content = content.replace(b"\r\n", b"\n")  # written on Windows: the interpreter would not be found
    return UserScript(str(script["name"]), content, env)
