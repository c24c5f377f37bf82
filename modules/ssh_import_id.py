"""Keys that lie with a service on the network, fetched by ssh-import-id, as the user they let in.

Not before login: nobody waits for a service that does not answer. It comes after the packages, so that
user data may install the tool itself.
"""

from tsagent.changes.commands import RunTool
from tsagent.people import default_user, people, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

TOOLS = ("/usr/bin/ssh-import-id", "/usr/local/bin/ssh-import-id")
_LIMIT = 60.0  # seconds for the keys of one user


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change a user."""
    asked = list(_asked(context))
    if not asked:
        return context.nothing("no keys are to be imported")
    if not any(context.exists(path) for path in TOOLS):
        context.warn(
            "ssh_import_id: no keys are imported for %s: ssh-import-id is not installed; give the keys "
            "under ssh_authorized_keys" % " and ".join(name for name, _ in asked)
        )
        return context.nothing("ssh-import-id is not installed")
    return _imports(context, asked)


def _asked(context: "Context") -> "Iterator[Tuple[str, List[str]]]":
    settings = context.settings
    default = default_user(settings)
    # What is wrong with them the module `users` has said.
    for person in people(settings, default, lambda message: None):
        wanted = words(person.get("ssh_import_id"))
        if person.get("default"):
            wanted += words(settings.get("ssh_import_id"))
        good = [name for name in dict.fromkeys(wanted) if name[:1] not in ("-", "")]
        if len(good) < len(set(wanted)):
            context.warn("ssh_import_id: %s: what begins with - is no name; left out" % person["name"])
        if good and not person.get("ssh_redirect_user"):
            yield person["name"], good


def _imports(context: "Context", asked: "List[Tuple[str, List[str]]]") -> "Iterator[Change]":
    homes = _homes(context)
    for name, wanted in asked:
        if name not in homes:
            context.warn("ssh_import_id: there is no user %s" % name)
            continue
        yield RunTool(
            ["runuser", "-u", name, "--", "ssh-import-id"] + wanted,
            "import the keys of %s for %s" % (", ".join(wanted), name),
            needs_live=True,
            env={"HOME": homes[name], "USER": name, "LOGNAME": name},
            timeout=_LIMIT,
            hint="it needs the network; give the keys under ssh_authorized_keys",
            reason="ssh_import_id",
        )


def _homes(context: "Context") -> "Dict[str, str]":
    found = {}
    for line in (context.read("/etc/passwd") or b"").decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) >= 7:
            found[fields[0]] = fields[5]
    return found
