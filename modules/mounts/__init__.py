"""File systems to mount, in /etc/fstab and now, and a swap file."""

from tsagent.changes import CONVERGED, UNKNOWN, EditFile, MakeDirectory, Probe, RunTool
from tsagent.changes.mounting import Mount, SwapOn
from tsagent.changes.swap_file import MakeSwapFile
from tsagent.disks import fstab
from tsagent.errors import AgentError

from .lines import wanted_lines
from .swap import swap_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.disks.fstab import Line
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

FSTAB = "/etc/fstab"
_GENERATED = "/run/systemd/generator"  # made anew whenever systemd reads fstab


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """fstab first, then what it says: mounts, parents before what is mounted in them; the swap file last."""
    settings = context.settings
    swap = settings.get("swap") if isinstance(settings.get("swap"), dict) else None
    if not settings.get("mounts") and not swap:
        return context.nothing("no mount and no swap file is asked for")
    container = context.facts.virtualization.container if context.live else None
    swap_file = _swap_file(context, swap or {}, container)
    there = fstab.parse(context.read(FSTAB))
    lines = fstab.parents_first(wanted_lines(context, settings.get("mounts") or [], container))
    changes: "List[Change]" = []
    if settings.get("mounts"):
        _mounts(context, _ours(context, lines, there), there, swap_file, changes)
    if swap_file is not None:
        _swap(context, swap_file, changes)
    return changes or context.nothing(context.reason or "nothing is left to mount")


def _ours(context: "Context", lines: "List[Line]", there: "List[Line]") -> "List[Line]":
    """The lines whose place no line of the administrator's has."""
    kept = []
    for line in lines:
        other = next((item for item in there if not item.marked and item.same_place(line)), None)
        if other is None:
            kept.append(line)
        elif other.source == line.source:
            shown = other.target if other.secret else other.text()
            context.choose("mounts", shown, "the administrator's line in %s stays" % FSTAB)
        else:
            context.warn(
                "%s is not mounted: %s has a line of its own for %s" % (line.source, FSTAB, line.target)
            )
    return kept


def _mounts(
    context: "Context",
    lines: "List[Line]",
    there: "List[Line]",
    swap_file: "Optional[MakeSwapFile]",
    changes: "List[Change]",
) -> None:
    kept = swap_file.path if swap_file is not None else ""
    ours = [line for line in there if line.marked]
    if not lines and not ours:
        return
    edit = EditFile(
        FSTAB,
        lambda data: fstab.merge(data, lines, kept),
        "mounts: %s" % (", ".join("%s on %s" % (line.source, line.target) for line in lines) or "none"),
        secret=any(line.secret for line in lines + ours),
        reason="mounts",
    )
    for line in lines:
        if line.secret:
            context.warn(
                "%s is mounted with a password, which everybody can read in %s: give it as "
                "credentials=FILE, a file of mode 0600 from write_files" % (line.source, FSTAB)
            )
    changes.append(edit)
    mounted = [line for line in lines if line.target.startswith("/")]
    made = set()
    for line in mounted:
        inside = any(fstab.is_inside(line.target, other.target) for other in mounted)
        if not inside and line.target not in made and not context.exists(line.target):
            made.add(line.target)
            changes.append(MakeDirectory(line.target, reason="a mount point"))
    changes.append(_reload("for the mounts", edit))
    by_target: "Dict[str, Change]" = {}
    for line in lines:
        if "noauto" in line.options:
            continue
        options = line.fields[3]
        if line.is_swap:
            changes.append(SwapOn(line.source, options, reason="mounts", requires=[edit]))
        elif line.target.startswith("/"):
            parents = [change for target, change in by_target.items() if fstab.is_inside(line.target, target)]
            change = Mount(
                line.source, line.target, line.kind, options, reason="mounts", requires=[edit] + parents[-1:]
            )
            by_target[line.target] = change
            changes.append(change)


def _swap(context: "Context", swap_file: "MakeSwapFile", changes: "List[Change]") -> None:
    line = fstab.Line([swap_file.path, "none", "swap", "sw," + fstab.MARK, "0", "0"])
    start = SwapOn(swap_file.path, reason="swap", requires=[swap_file])
    edit = EditFile(
        FSTAB,
        lambda data: fstab.with_swap_file(data, line),
        "the swap file %s" % swap_file.path,
        reason="swap",
        requires=[start],
    )
    changes += [swap_file, start, edit, _reload("for the swap file", edit)]


def _swap_file(
    context: "Context", swap: "Dict[str, Any]", container: "Optional[str]"
) -> "Optional[MakeSwapFile]":
    try:
        size = swap_size(swap.get("size", 0))
        most = None if swap.get("maxsize") is None else swap_size(swap["maxsize"])
        path = swap.get("filename", "/swap.img")
        if size == 0 or not path:
            return None
        if not isinstance(path, str) or not path.startswith("/") or path.startswith("/dev/"):
            raise AgentError("filename is not the path of a file", "bad-path", "begin it with /")
    except AgentError as error:
        context.warn("swap: %s" % error)
        return None
    if container:
        context.choose("swap", None, "in a container (%s) swap is the host's" % container)
        return None
    return MakeSwapFile(path, size, most, context.facts.memory.total_bytes, reason="swap")


def _reload(why: str, edit: "EditFile") -> "RunTool":
    """Have systemd read fstab again: it would else act on what stood there before."""
    return RunTool(
        ["systemctl", "daemon-reload"],
        "have systemd read %s %s" % (FSTAB, why),
        check=_is_read,
        needs_live=True,
        reason="units are made of its lines",
        requires=[edit],
    )


def _is_read(host: "Host") -> "Probe":
    if not host.root.exists("/run/systemd/system"):
        return Probe(CONVERGED, "systemd does not run here")
    try:
        if host.root.stat(_GENERATED).st_mtime > host.root.stat(FSTAB).st_mtime:
            return Probe(CONVERGED, "read since it changed")
    except OSError:
        pass
    return Probe(UNKNOWN)
