"""The host name: from user data, else from the metadata; in /etc/hostname and the running kernel.

Which of the short and the full name is written follows cloud-init: on RHEL-like systems the full one,
unless `prefer_fqdn_over_hostname` says otherwise. It is set once for an instance: a name that somebody
gives the machine afterwards is never taken back at a boot.
"""

from tsagent.changes.files import WriteFile
from tsagent.changes.host_names import names_of, sanitised, shortened
from tsagent.changes.system import SetHostname
from tsagent.people import switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

FILE = "/etc/hostname"
_LIMIT = 64  # bytes: the kernel's __NEW_UTS_LEN. Source: sethostname(2)


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """Choose the name, write it for the next boot and give it to the running kernel."""
    settings = context.settings
    short, full, source = names_of(settings, context.instance)
    changes: "List[Change]" = []
    reason = "from %s" % source
    chosen = ""
    nothing = "neither user data nor metadata names the host"
    if switch(settings.get("preserve_hostname")):
        nothing = "preserve_hostname is true"
    elif short or full:
        chosen = _choose(context, short, full, source)
    if chosen:
        keeps_file = switch(settings.get("create_hostname_file")) is False and not context.exists(FILE)
        if keeps_file:
            context.choose(FILE, "not created", "create_hostname_file is false and there is none")
        else:
            changes.append(WriteFile(FILE, chosen + "\n", 0o644, "root", "root", reason=reason))
        changes.append(SetHostname(chosen, reason=reason))
    elif not nothing.startswith("preserve") and (short or full):
        nothing = "the host name that %s gives is none the kernel takes" % source
    return changes or context.nothing(nothing)


def _choose(context: "Context", short: str, full: str, source: str) -> str:
    """The name to set: sanitised, and short enough for the kernel; empty where nothing is left."""
    prefer = switch(context.settings.get("prefer_fqdn_over_hostname"))
    family = context.facts.os.family or ""
    if prefer is None:
        wants_full = not family.startswith("debian")
        because = "the %s name, as is usual on %s" % (
            "full" if wants_full else "short",
            family or "RHEL-like systems",
        )
    else:
        wants_full = bool(prefer)
        because = "prefer_fqdn_over_hostname is %s" % str(wants_full).lower()
    first, second = (full, short) if wants_full else (short, full)
    wanted = first or second
    clean = sanitised(wanted)
    if clean != wanted:
        context.warn("the host name of %s holds what no host name may: %s is set" % (source, clean or "none"))
    if len(clean) > _LIMIT:
        shorter = shortened(short)
        context.warn(
            "the host name of %s has %d bytes, the kernel takes %d: %s is set"
            % (source, len(clean), _LIMIT, shorter)
        )
        clean = shorter
    if clean:
        context.choose("hostname", clean, "%s; %s" % (source, because), ["os.family"])
    return clean
