"""Partition tables and file systems on data disks, as `disk_setup` and `fs_setup` ask for them.

Which disk is meant is told from the names alone; what is on it, and whether it may be touched, is looked at
when its turn comes.
"""

from tsagent.changes.file_systems import LABEL_LIMIT, MakeFileSystem
from tsagent.changes.partitions import PartitionDisk, RemovePartitions
from tsagent.disks.layout import parse_layout
from tsagent.disks.names import device_of
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """The tables first, then the file systems, each after the table of its disk."""
    tables = context.settings.get("disk_setup")
    systems = context.settings.get("fs_setup")
    if not tables and not systems:
        return context.nothing("no disk is named")
    if not context.live:
        return context.nothing("block devices are touched only on the running system")
    container = context.facts.virtualization.container
    if container:
        return context.nothing("in a container (%s) the disks are the host's" % container)
    changes: "List[Change]" = []
    by_disk: "Dict[str, Change]" = {}
    for name, wanted in tables.items() if isinstance(tables, dict) else ():
        _apart(context, "disk_setup.%s" % name, _table, str(name), wanted, changes, by_disk)
    for index, wanted in enumerate(systems if isinstance(systems, list) else ()):
        _apart(context, "fs_setup[%d]" % index, _file_system, index, wanted, changes, by_disk)
    return changes or context.nothing("nothing is to be made on any disk")


def _apart(context: "Context", place: str, make: "Any", *arguments: "Any") -> None:
    """One entry that makes no sense is told and does not lose the others."""
    try:
        make(context, *arguments)
    except AgentError as error:
        context.warn("%s: %s" % (place, error))


def _table(
    context: "Context", name: str, wanted: "Any", changes: "List[Change]", by_disk: "Dict[str, Change]"
) -> None:
    wanted = wanted if isinstance(wanted, dict) else {}
    layout = wanted.get("layout", False)
    if not layout:
        return
    found = device_of(context, name)
    if found.path is None or found.number:
        raise AgentError(found.why or "a partition has no partition table", "no-such-device", _HINT)
    overwrite = wanted.get("overwrite") is True
    change: "Change"
    if layout == "remove":
        change = RemovePartitions(found.path, overwrite, reason="layout: remove")
    else:
        kind = str(wanted.get("table_type", "mbr"))
        change = PartitionDisk(
            found.path,
            kind,
            parse_layout(layout, kind),
            any_number=layout is True,
            overwrite=overwrite,
            reason="disk_setup.%s" % name,
        )
    changes.append(change)
    by_disk[found.path] = change


def _file_system(
    context: "Context", index: int, wanted: "Any", changes: "List[Change]", by_disk: "Dict[str, Change]"
) -> None:
    wanted = wanted if isinstance(wanted, dict) else {}
    name, kind = wanted.get("device"), wanted.get("filesystem")
    command = wanted.get("cmd") or None
    if not name:
        raise AgentError("no device is named", "no-such-device", _HINT)
    if not kind and command is None:
        raise AgentError("neither filesystem nor cmd is given", "no-file-system", "add filesystem: ext4")
    found = device_of(context, str(name))
    if found.path is None:
        raise AgentError(found.why, "no-such-device", _HINT)
    label = _label(context, "fs_setup[%d]" % index, wanted.get("label"), kind)
    if command is not None and wanted.get("extra_opts"):
        context.choose("fs_setup[%d].extra_opts" % index, None, "not used: cmd has options of its own")
    changes.append(
        MakeFileSystem(
            found.path,
            kind,
            label,
            _partition(found.number, wanted.get("partition", "any")),
            wanted.get("overwrite") is True,
            wanted.get("replace_fs") or None,
            [] if command is not None else _words(wanted.get("extra_opts")),
            None if command is None else _command(command, label or "", kind or ""),
            reason="fs_setup[%d]" % index,
            requires=_needs(found.path, by_disk),
        )
    )


_HINT = "name a path in /dev, or add the name to device_aliases"


def _needs(path: str, by_disk: "Dict[str, Change]") -> "List[Change]":
    """The table of the disk that a device is on, where one is asked for."""
    return [
        change
        for disk, change in by_disk.items()
        if path == disk or path.startswith((disk + "-part", disk + "p")) or path.rstrip("0123456789") == disk
    ]


def _partition(number: "Optional[int]", wanted: "Any") -> "Union[int, str]":
    if number is not None:
        return number
    text = str(wanted).lower()
    return int(text) if text.isdigit() else text if text in ("auto", "any", "none") else "any"


def _label(context: "Context", place: str, label: "Any", kind: "Optional[str]") -> "Optional[str]":
    if label is None or label in ("", "None"):
        return None
    text = str(label)
    limit = LABEL_LIMIT.get(str(kind))
    if limit is None or len(text.encode("utf-8")) <= limit:
        return text
    short = text.encode("utf-8")[:limit].decode("utf-8", "ignore")
    context.warn('%s: a label of %s has at most %d bytes: it is "%s"' % (place, kind, limit, short))
    return short


def _words(options: "Any") -> "List[str]":
    if isinstance(options, str):
        import shlex

        try:
            return shlex.split(options)
        except ValueError as error:
            raise AgentError("extra_opts: %s" % error, "bad-options") from None
    return [str(word) for word in options or ()]


def _command(command: "Any", label: str, kind: str) -> "Union[str, Tuple[str, ...]]":
    """The user's command with its values put in; `{device}` waits for the device."""
    values = {"label": _braced(label), "filesystem": _braced(kind), "device": "{device}"}
    try:
        if isinstance(command, str):
            return _braced(command) % values
        return tuple(_braced(str(word)) % values for word in command)
    except (KeyError, TypeError, ValueError):
        raise AgentError(
            "cmd holds a % that is none of %(label)s, %(filesystem)s, %(device)s",
            "bad-command",
            "write a plain percent sign as %%",
        ) from None


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
