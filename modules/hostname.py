"""The host name: from user data, else from the metadata; /etc/hostname, the kernel and /etc/hosts.

Which of the short and the full name is written follows cloud-init: on RHEL-like systems the full one,
unless `prefer_fqdn_over_hostname` says otherwise.
"""

from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.system import SetHostname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

FILE = "/etc/hostname"
HOSTS = "/etc/hosts"
_LIMIT = 64  # bytes: the kernel's __NEW_UTS_LEN. Source: sethostname(2)
_LABEL_LIMIT = 63  # characters between two dots. Source: RFC 1123, section 2.1
_TEMPLATES = ("/etc/cloud/templates", "/etc/tsagent/templates")


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """Choose the name, write it for the next boot and give it to the running kernel."""
    settings = context.settings
    short, full, source = _names(context)
    changes: "List[Change]" = []
    reason = "from %s" % source
    chosen = ""
    nothing = "neither user data nor metadata names the host"
    if settings.get("preserve_hostname"):
        nothing = "preserve_hostname is true"
    elif short or full:
        chosen = _choose(context, short, full, source)
    if chosen:
        keeps_file = settings.get("create_hostname_file") is False and not context.exists(FILE)
        if keeps_file:
            context.choose(FILE, "not created", "create_hostname_file is false and there is none")
        else:
            changes.append(WriteFile(FILE, chosen + "\n", 0o644, "root", "root", reason=reason))
        changes.append(SetHostname(chosen, reason=reason))
    elif not nothing.startswith("preserve") and (short or full):
        nothing = "the host name that %s gives is none the kernel takes" % source
    hosts = _hosts(context, short, full)
    if hosts is not None:
        changes.append(hosts)
    return changes or context.nothing(nothing)


def _names(context: "Context") -> "Tuple[str, str, str]":
    """The short name, the full name (empty where none is known) and where they are from.

    As cloud-init has it: `fqdn` stands above `hostname`, a `hostname` with dots is a full name, and what
    user data leaves open the metadata fills.
    """
    settings = context.settings
    given, full = _word(settings.get("hostname")), _word(settings.get("fqdn"))
    stated = _word(context.instance.get("hostname"))
    if full:
        return given or full.split(".")[0], full, "fqdn: in the configuration"
    if given:
        if "." in given.strip("."):
            return given.split(".")[0], given, "hostname: in the configuration"
        # The metadata's full name is that of another host: cloud-init would set it in place of the user's.
        return given, "", "hostname: in the configuration"
    if stated:
        return stated.split(".")[0], stated if "." in stated else "", "the metadata"
    return "", "", ""


def _word(value: "object") -> str:
    return str(value).strip().rstrip(".") if value is not None and not isinstance(value, bool) else ""


def _choose(context: "Context", short: str, full: str, source: str) -> str:
    """The name to set: sanitised, and short enough for the kernel; empty where nothing is left."""
    prefer = context.settings.get("prefer_fqdn_over_hostname")
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
        shorter = sanitised(short)[:_LABEL_LIMIT].rstrip("-")
        context.warn(
            "the host name of %s has %d bytes, the kernel takes %d: %s is set"
            % (source, len(clean), _LIMIT, shorter)
        )
        clean = shorter
    if clean:
        context.choose("hostname", clean, "%s; %s" % (source, because), ["os.family"])
    return clean


def sanitised(name: str) -> str:
    """The name with letters, digits, hyphens, underscores and dots; no label begins or ends with a hyphen."""
    labels = []
    for label in name.split("."):
        kept = "".join(
            letter if (letter.isalnum() and ord(letter) < 128) or letter in "-_" else "-" for letter in label
        )
        kept = kept.strip("-")
        if kept:
            labels.append(kept[:_LABEL_LIMIT].rstrip("-"))
    return ".".join(labels)


def _hosts(context: "Context", short: str, full: str) -> "Optional[Change]":
    wanted = context.settings.get("manage_etc_hosts")
    if wanted in (None, False):
        return None
    if wanted in (True, "template"):
        for directory in _TEMPLATES:
            for name in context.listdir(directory):
                if name.startswith("hosts."):
                    context.warn(
                        "manage_etc_hosts: the template %s/%s is not rendered yet; "
                        "only the line of this host is managed" % (directory, name)
                    )
    names = [sanitised(name) for name in (full, short) if name]
    names = [name for index, name in enumerate(names) if name and name not in names[:index]]
    if not names:
        return None
    line = "127.0.1.1 %s" % " ".join(names)
    return EditFile(
        HOSTS,
        lambda current: with_own_line(current, line),
        "127.0.1.1 stands for %s" % " ".join(names),
        reason="manage_etc_hosts is %s" % str(wanted).lower(),
    )


def with_own_line(current: "Optional[bytes]", line: str) -> bytes:
    """/etc/hosts with one line for 127.0.1.1, in the place of the former one, else after localhost's."""
    if current is None:
        current = b"127.0.0.1 localhost\n::1 localhost\n"
    wanted = line.encode("ascii")
    rows = current.splitlines(True)
    if rows and not rows[-1].endswith(b"\n"):
        rows[-1] += b"\n"
    out: "List[bytes]" = []
    done = False
    place = 0
    for row in rows:
        words = row.split(b"#")[0].split()
        if words and words[0] == b"127.0.1.1":
            if not done:
                out.append(row if words == wanted.split() else wanted + b"\n")
            done = True
            continue
        out.append(row)
        if words and words[0] == b"127.0.0.1":
            place = len(out)
    if not done:
        out.insert(place, wanted + b"\n")
    return b"".join(out)
