"""Commands run early at every boot: `bootcmd` and the boot hooks of the user data."""

from tsagent.changes.commands import UserCommand, UserScript
from tsagent.changes.user_scripts import environment, is_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a boot hook, then one an item."""
    items = context.settings.get("bootcmd")
    if items is not None and not isinstance(items, list):
        context.warn("bootcmd is not a list; none of it is run")
        items = None
    hooks = [script for script in context.scripts if script.get("kind") == "boothook"]
    if not items and not hooks:
        return context.nothing("no boot commands and no boot hooks")
    return _changes(context, items or [], hooks)


def _changes(context: "Context", items: "List[Any]", hooks: "List[Dict[str, Any]]") -> "Iterator[Change]":
    env = environment(context)
    # cloud-init runs a boot hook while it reads the user data, so before bootcmd.
    for hook in hooks:
        yield UserScript(str(hook["name"]), _with_interpreter(hook["content"]), env, "boot hook")
    previous: "Optional[int]" = None
    for index, item in enumerate(items):
        if item is None:
            continue
        if not is_command(item):
            context.warn("bootcmd[%d] is neither text nor a list of words; it is not run" % index)
            continue
        yield UserCommand("bootcmd", index, item, previous, env)
        previous = index


def _with_interpreter(content: bytes) -> bytes:
    """A boot hook without its mark. One that names no interpreter is run by the shell, as execvp does."""
    first, _, rest = content.partition(b"\n")
    if first.startswith(b"#cloud-boothook"):
        content = rest
    if content.split(b"\n", 1)[0].endswith(b"\r"):
        content = content.replace(b"\r\n", b"\n")
    return content if content.startswith(b"#!") else b"#!/bin/sh\n" + content
