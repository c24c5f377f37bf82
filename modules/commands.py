"""The user's commands: `runcmd` and the scripts of the user data, once for each instance.

cloud-init runs the vendor's scripts first, then those for each instance, then the user's. It makes
runcmd one of these, called `runcmd`, and runs them in the order of their names: a script called
`part-001` runs before it, one called `setup.sh` after it. That order is kept.
"""

from tsagent.changes.commands import UserCommand, UserScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_EARLIER_KINDS = ("vendor", "per-instance")
_LEFT_OUT_KINDS = ("per-boot", "per-once")
_SESSION = "runcmd"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change an item, one a script."""
    items = context.settings.get("runcmd")
    if items is not None and not isinstance(items, list):
        context.warn("runcmd is not a list; none of it is run")
        items = None
    for kind in _LEFT_OUT_KINDS:
        for script in _of_kind(context, kind):
            context.warn("script %s is not run: %s scripts are not known yet" % (script["name"], kind))
    first = [script for kind in _EARLIER_KINDS for script in _of_kind(context, kind)]
    last = _of_kind(context, "user")
    if not items and not first and not last:
        return context.nothing("no commands and no scripts")
    return _changes(context, items or [], first, last)


def _of_kind(context: "Context", kind: str) -> "List[Dict[str, Any]]":
    scripts = [script for script in context.scripts if script["kind"] == kind]
    return sorted(scripts, key=lambda script: str(script["name"]))


def _changes(
    context: "Context", items: "List[Any]", first: "List[Dict[str, Any]]", last: "List[Dict[str, Any]]"
) -> "Iterator[Change]":
    env = {"INSTANCE_ID": str(context.instance.get("instance_id") or "")}
    early = [script for script in last if str(script["name"]) < _SESSION]
    for script in first + early:
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
    for script in last[len(early) :]:
        yield _script(script, env)


def _script(script: "Dict[str, Any]", env: "Dict[str, str]") -> UserScript:
    content = script["content"]
    first = content.split(b"\n", 1)[0]
    if first.endswith(b"\r"):
        content = content.replace(b"\r\n", b"\n")  # written on Windows: the interpreter would not be found
    return UserScript(str(script["name"]), content, env)
