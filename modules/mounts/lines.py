"""From the lists under `mounts` to lines of fstab."""

from tsagent.disks.fstab import MARK, Line
from tsagent.disks.names import device_of, partition_names, partition_path
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.registry.context import Context

    Fields = List[Optional[str]]

DEFAULTS = (None, None, "auto", "defaults,nofail", "0", "2")
_NONE = (None, "None", "none", "")
_TAGS = ("LABEL=", "UUID=", "PARTLABEL=", "PARTUUID=", "ID=")
_OF_CLOUD_INIT = ("x-systemd.requires=cloud-", "x-systemd.after=cloud-", "x-systemd.before=cloud-")
# What lies on a disk, so that its source must be one. Any other kind (tmpfs, nfs, virtiofs …) names its
# source in its own way.
_ON_DISKS = frozenset(
    ["auto", "ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "iso9660"]
    + ["udf", "f2fs", "jfs", "reiserfs", "squashfs", "erofs", "hfsplus", "swap"]
)


def wanted_lines(context: "Context", entries: "Any", container: "Optional[str]") -> "List[Line]":
    """The lines that are asked for; an entry that makes no sense is told and left out."""
    defaults = _defaults(context)
    lines: "List[Line]" = []
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        place = "mounts[%d]" % index
        try:
            line = _line(context, place, entry, defaults)
        except AgentError as error:
            context.warn("%s: not mounted: %s" % (place, error))
            continue
        if line.target:
            lines = [other for other in lines if (other.source, other.target) != (line.source, line.target)]
            if container and (line.is_swap or line.source.startswith(("/dev/", *_TAGS))):
                context.choose(place, None, "in a container (%s) the disks are the host's" % container)
                continue
            lines.append(line)
        else:
            lines = [other for other in lines if other.source != line.source]
    return lines


def _defaults(context: "Context") -> "Fields":
    given = context.settings.get("mount_default_fields")
    fields: "Fields" = [None if item is None else str(item) for item in given or DEFAULTS]
    fields = (fields + list(DEFAULTS[len(fields) :]))[:6]
    return [None if index < 2 and item in _NONE else item for index, item in enumerate(fields)]


def _line(context: "Context", place: str, entry: "Any", defaults: "Fields") -> Line:
    """The line of an entry; with no mount point where it takes back what is before it."""
    if not isinstance(entry, list) or not entry or entry[0] in (None, ""):
        raise AgentError("it is no list that begins with a device", "bad-mount")
    given: "Fields" = [None if item is None else _word(item) for item in entry[:6]]
    given += [None] * (6 - len(given))
    name = str(given[0])
    target = given[1] if given[1] is not None else defaults[1]
    kind = given[2] or defaults[2] or "auto"
    options = given[3] or defaults[3] or "defaults"
    source, why = _source(context, name, kind, options.split(","))
    if target is None:
        return Line([source or name, "", kind, options, "0", "0"])
    if source is None:
        raise AgentError(why, "no-such-device", "name a path in /dev, or add the name to device_aliases")
    if kind != "swap" and (not target.startswith("/") or "/../" in target + "/"):
        raise AgentError("%s is no absolute path to mount on" % target[:80], "bad-mount")
    on_disk = source.startswith(("/dev/", *_TAGS)) and kind != "swap"
    last = "2" if on_disk else "0"  # else there is nothing for fsck to look at
    if context.settings.get("mount_default_fields"):
        last = defaults[5] or last
    numbers = [given[4] or defaults[4] or "0", given[5] or last]
    if not all(number.isdigit() for number in numbers):
        raise AgentError(
            "its fifth and sixth fields are not numbers", "bad-mount", "write them as in fstab(5)"
        )
    options = _careful(context, place, source, options)
    return Line([source, target, kind, "%s,%s" % (options, MARK)] + numbers)


def _word(item: "Any") -> str:
    if isinstance(item, (dict, list)):
        raise AgentError("a field is no text", "bad-mount")
    text = str(item)
    if "\0" in text:
        raise AgentError("a field holds a NUL byte", "bad-mount")
    return text


def _source(context: "Context", name: str, kind: str, options: "List[str]") -> "Tuple[Optional[str], str]":
    """What stands in the first field, or None and why there is none."""
    if kind not in _ON_DISKS or name.startswith(_TAGS) or name.startswith("//"):
        return name, ""
    if ":" in name and not name.startswith("/dev/"):
        return name, ""  # a server's
    if name.startswith("/") and not name.startswith("/dev/"):
        return name, ""  # a directory, an image or a swap file
    found = device_of(context, name)
    if found.path is None:
        return None, found.why
    if found.number is None:
        first = partition_names(found.path, 1)[0]
        return (first if context.live and context.exists(first) else found.path), ""
    return (partition_path(context, found.path, found.number) if found.number else found.path), ""


def _careful(context: "Context", place: str, source: str, options: str) -> str:
    """The options, with `nofail` for a device that is not there: no boot is to wait for it.

    What they say of cloud-init's own units is left out: systemd refuses a mount that requires a unit which
    is not there.
    """
    words = []
    for word in options.split(","):
        if word.startswith(_OF_CLOUD_INIT):
            context.choose(place, "without " + word, "cloud-init does not run here")
        elif word == "nobootwait":
            words.append("nofail")  # what it is called where systemd is the manager
        elif word and word != MARK:
            words.append(word)
    words = list(dict.fromkeys(words)) or ["defaults"]
    absent = context.live and source.startswith("/dev/") and not context.exists(source)
    if absent and "nofail" not in words and "noauto" not in words:
        context.warn("%s: there is no %s: its line gets the option nofail" % (place, source))
        words.append("nofail")
    return ",".join(words)
