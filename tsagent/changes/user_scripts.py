"""The user's scripts of one kind, and those that lie in a directory, in the order of their names."""

from tsagent.changes.commands import UserProgram, UserScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

# Source: cloud-init's documentation of its modules scripts_per_boot, scripts_per_instance, scripts_per_once.
DIRECTORY = "/var/lib/cloud/scripts/"


def plan_scripts(context: "Context", kind: str, directory: "Optional[str]" = None) -> "Iterator[Change]":
    """The scripts of one kind; with `directory`, what may be executed there stands among them.

    A script that the instance was given is run in place of one of its name that lies there.
    """
    what = "script" if kind in ("user", "vendor") else kind + " script"
    env = environment(context)
    found: "List[Tuple[str, Change]]" = []
    names = set()
    for script in context.scripts:
        if script["kind"] == kind:
            name = str(script["name"])
            names.add(name)
            found.append((name, user_script(script, env, what)))
    for name in context.listdir(directory) if directory else ():
        if name in names or name.startswith("."):
            continue
        path = "%s/%s" % (directory, name)
        allowed = context.executable(path)
        if allowed:
            found.append((name, UserProgram(path, env, what)))
        elif allowed is not None:
            context.warn("%s may not be executed and is not run: chmod +x %s" % (path, path))
    for _name, change in sorted(found, key=lambda pair: pair[0]):
        yield change


def user_script(script: "Dict[str, Any]", env: "Dict[str, str]", what: str = "script") -> UserScript:
    """One script that the instance was given."""
    content: bytes = script["content"]
    if content.split(b"\n", 1)[0].endswith(b"\r"):
        content = content.replace(b"\r\n", b"\n")  # written on Windows: the interpreter would not be found
    prefix = [str(word) for word in script.get("prefix") or ()]
    return UserScript(str(script["name"]), content, env, what, prefix=prefix)


def environment(context: "Context") -> "Dict[str, str]":
    """What the user's commands find in their environment beside PATH, HOME and the locale."""
    return {"INSTANCE_ID": str(context.instance.get("instance_id") or "")}


def is_command(item: "Any") -> bool:
    """Whether an item of runcmd or bootcmd can be run: text, or words. Numbers serve as words."""
    if isinstance(item, list):
        return bool(item) and all(isinstance(word, (str, int, float)) for word in item)
    return isinstance(item, str)
