"""The time zone: /etc/localtime, and /etc/timezone where the distribution uses it."""

from tsagent.changes.files import MakeLink, WriteFile
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

LOCALTIME = "/etc/localtime"
TIMEZONE = "/etc/timezone"
ZONES = "/usr/share/zoneinfo"
_SHOWN = 60  # letters of a name that are quoted
_LAST_WITH_NAME_FILE = 12  # Debian: 13 and later tell the zone by the link alone
_ZONE_MAGIC = b"TZif"  # Source: RFC 8536, section 3.1
_OFTEN_MEANT = {"beijing": "Asia/Shanghai", "bangalore": "Asia/Kolkata"}  # cities that name no zone


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """A link to the zone's file, as the distribution's own tools make it."""
    name = str(context.settings.get("timezone") or "").strip()
    if not name:
        return context.nothing("timezone is empty")
    _check(context, name)
    context.choose("timezone", name, "timezone: in the configuration")
    return _changes(context, name)


def _changes(context: "Context", name: str) -> "Iterator[Change]":
    debian = context.facts.os.family == "debian"
    # Absolute as Debian's tzdata has it, relative as timedatectl does elsewhere.
    target = "%s%s/%s" % ("" if debian else "..", ZONES, name)
    yield MakeLink(LOCALTIME, target, reason="timezone")
    if context.exists(TIMEZONE) or (debian and not _link_alone(context)):
        yield WriteFile(TIMEZONE, name + "\n", 0o644, "root", "root", reason="timezone")


def _link_alone(context: "Context") -> bool:
    system = context.facts.os
    return system.id == "debian" and (system.major or 0) > _LAST_WITH_NAME_FILE


def _check(context: "Context", name: str) -> None:
    """Raise AgentError for a name that is no zone of this system."""
    parts = name.split("/")
    clean = all(part and part.strip(".") and _is_plain(part) for part in parts)
    if not clean:
        raise AgentError(
            "timezone: %r is not the name of a time zone" % name[:_SHOWN],
            "bad-timezone",
            "write it as in Asia/Shanghai",
        )
    data = context.read("%s/%s" % (ZONES, name)) if _is_file(context, name) else None
    if data is not None and data.startswith(_ZONE_MAGIC):
        return
    known = _known(context, parts)
    if not known:
        # The link is right once the package is there: it may be among the packages to install.
        context.warn("tzdata is not installed: the time zone %s takes effect once it is" % name[:_SHOWN])
        return
    likely = _likely(name, [zone for zone in known if zone != name])
    raise AgentError(
        "timezone: this system knows no time zone %s" % name[:_SHOWN],
        "unknown-timezone",
        "did you mean %s?" % likely if likely else "'ls %s' shows what there is" % ZONES,
    )


def _is_plain(part: str) -> bool:
    return all((letter.isalnum() and ord(letter) < 128) or letter in "_+-." for letter in part)


def _is_file(context: "Context", name: str) -> bool:
    path = "%s/%s" % (ZONES, name)
    return context.exists(path) and not context.listdir(path)


def _known(context: "Context", parts: "List[str]") -> "List[str]":
    """The names of the zones, from tzdata's own lists and from the directory the name would be in."""
    names = []
    for line in _lines(context, "tzdata.zi"):
        words = line.split()
        if len(words) > 1 and words[0] == "Z":
            names.append(words[1])
        elif len(words) > 2 and words[0] == "L":
            names.append(words[2])
    for line in _lines(context, "zone.tab"):
        words = line.split("\t")
        if len(words) > 2 and not line.startswith("#"):
            names.append(words[2])
    directory = "/".join(parts[:-1])
    prefix = directory + "/" if directory else ""
    names += [prefix + entry for entry in context.listdir("%s/%s" % (ZONES, directory))]
    return sorted({name for name in names if not name.endswith((".tab", ".zi"))})


def _lines(context: "Context", table: str) -> "List[str]":
    return (context.read("%s/%s" % (ZONES, table)) or b"").decode("utf-8", "replace").splitlines()


def _likely(name: str, known: "List[str]") -> str:
    """The zone that was probably meant: the same in other letters, a city alone, one much like it."""
    from tsagent.userdata.expected import close

    plain = name.lower().replace(" ", "_")
    meant = _OFTEN_MEANT.get(plain.split("/")[-1])
    if meant in known:
        return str(meant)
    for zone in known:
        if zone.lower().split("/")[-1] == plain.split("/")[-1]:
            return zone
    return close(name, known) or ""
