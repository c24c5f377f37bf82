"""/etc/hosts: the host's own line, or the whole file from a template; looked at in every boot.

`localhost` keeps every line that is there and sees that one of them is the host's own. `true` makes the
file anew from a template. The file is written only where it would change.
"""

from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.host_names import names_of, sanitised, with_own_line

from .templates import find_template, rendered, shipped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

FILE = "/etc/hosts"
HOSTNAME = "/etc/hostname"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One change, or the reason that there is none."""
    wanted = context.settings.get("manage_etc_hosts")
    if isinstance(wanted, str) and wanted not in ("localhost", "template"):
        from tsagent.people import switch

        wanted = switch(wanted)
    if wanted in (None, False):
        return context.nothing("manage_etc_hosts is false")
    names = _names(context)
    if not names[0]:
        return context.nothing("neither user data, metadata nor /etc/hostname names the host")
    reason = "manage_etc_hosts is %s" % str(wanted).lower()
    change = _line(context, names, reason) if wanted == "localhost" else _file(context, names, reason)
    return iter([change])


def _names(context: "Context") -> "Tuple[str, str]":
    """The full and the short name; the full one is the short one where no domain is known."""
    short, full, _ = names_of(context.settings, context.instance)
    if not short and not full:
        full = context.text(HOSTNAME, "") or ""
        short = full.split(".")[0]
    clean = sanitised(short or full)
    return sanitised(full) or clean, clean


def _line(context: "Context", names: "Tuple[str, str]", reason: str) -> "Change":
    # As the distributions have it: Debian and SUSE give the host's name an address of its own.
    address = "127.0.1.1" if (context.facts.os.family or "").startswith(("debian", "suse")) else "127.0.0.1"
    words: "List[str]" = list(dict.fromkeys(names))
    return EditFile(
        FILE,
        lambda current: with_own_line(current, address, words),
        "%s stands for %s" % (address, " ".join(words)),
        reason=reason,
    )


def _file(context: "Context", names: "Tuple[str, str]", reason: str) -> "Change":
    path = find_template(context)
    context.choose(
        "template",
        path or "the agent's own",
        "the first that is there"
        if path
        else "there is none in /etc/tsagent/templates or /etc/cloud/templates",
        ["os.family"],
    )
    text: "Union[str, bytes]"
    if path is None:
        text = shipped(context.facts.os.family or "", *names)
    else:
        text = rendered(path, context.read(path) or b"", *names)
    return WriteFile(FILE, text, reason="%s, from %s" % (reason, path or "the agent's own template"))
