"""Kernel parameters: one sysctl drop-in, chosen by class of machine, kernel line and memory.

A key is written only where the kernel has it, where the tuning profile does not set it, and where no
file of the administrator's that is read later says otherwise; each that is left out is shown with why.
"""

from tsagent.changes.files import WriteFile
from tsagent.changes.system import SetSysctl, sysctl_path
from tsagent.errors import AgentError
from tsagent.tuning.machine import CLASSES, MachineClass, machine_class
from tsagent.tuning.profiles import installed, profile_keys, profile_of

from .table import RESERVE_FROM, RESERVE_MOST, RESERVE_PART, RESERVE_SOURCE, ROWS, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

FILE = "/etc/sysctl.d/60-tsagent.conf"
# Source: sysctl.d(5). A file name in an earlier directory hides the same name in a later one; all are
# read in the order of their names.
DIRECTORIES = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
)
_RESERVE_KEY = "vm.min_free_kbytes"


class _Choice:
    """One key: its value, or None where it is left out, and why."""

    def __init__(self, key: str, value: "Optional[str]", why: str, facts: "List[str]", users: bool) -> None:
        self.key = key
        self.value = value
        self.why = why
        self.facts = facts
        self.users = users


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Choose the parameters, write the drop-in and give the running kernel the same values."""
    settings = context.settings.get("kernel_parameters") or {}
    wanted = _user_values(settings.get("sysctl") or {})
    if settings.get("enabled") is False:
        return context.nothing("kernel_parameters.enabled is false")
    return _changes(context, settings, wanted)


def _changes(context: "Context", settings: "Dict[str, Any]", wanted: "Dict[str, str]") -> "Iterator[Change]":
    machine = _machine(context, settings)
    handoff = context.settings.get("handoff") or {}
    profile = profile_of(machine, handoff)[0] if installed(context.exists) else None
    context.choose("class", machine.name, machine.because, machine.sources)
    choices = _choose(context, machine, wanted, profile)
    for choice in choices:
        context.choose(choice.key, choice.value, choice.why, choice.facts)
    kept = [choice for choice in choices if choice.value is not None]
    write = WriteFile(
        FILE,
        _render(context, machine, choices, profile),
        mode=0o644,
        owner="root",
        group="root",
        reason="%d parameters for class %s on %s" % (len(kept), machine.name, context.facts.kernel.line),
    )
    yield write
    container = context.facts.virtualization.container
    for choice in kept:
        if container and not choice.users:
            continue  # the kernel is the host's; what the user names is tried all the same
        yield SetSysctl(choice.key, choice.value, reason=choice.why)


def _machine(context: "Context", settings: "Dict[str, Any]") -> MachineClass:
    machine = machine_class(context.facts)
    named = settings.get("class")
    if named is None:
        return machine
    if named not in CLASSES:
        raise AgentError(
            "kernel_parameters.class: there is no class %r" % str(named)[:40],
            "bad-class",
            "one of " + ", ".join(CLASSES),
        )
    return MachineClass(str(named), "kernel_parameters.class names it", [], machine.virtual)


def _user_values(values: "Dict[str, Any]") -> "Dict[str, str]":
    """The user's own values by the key's dotted name. Raises AgentError for what is no key or no value."""
    wanted = {}
    for key, value in values.items():
        path = sysctl_path(str(key))
        if isinstance(value, bool):
            value = int(value)
        text = " ".join(str(part) for part in value) if isinstance(value, list) else str(value)
        if not text.strip() or any(ord(letter) < 32 and letter != "\t" for letter in text):
            raise AgentError(
                "kernel_parameters.sysctl: %s: a value is one line of text" % key, "bad-sysctl-value"
            )
        wanted[_key_of(path)] = " ".join(text.split())
    return wanted


def _choose(
    context: "Context", machine: MachineClass, wanted: "Dict[str, str]", profile: "Optional[str]"
) -> "List[_Choice]":
    """Every key that was considered, in the order of the table, the user's own last."""
    line = context.facts.kernel.line or "other"
    rows: "Dict[str, Row]" = {}
    for row in ROWS:
        if row.classes is None or machine.name in row.classes:
            rows[row.key] = row
    reserve = _reserve(context)
    if reserve is not None:
        rows[reserve.key] = reserve
    profiles: "Dict[str, str]" = {}
    if profile is not None:
        profiles = profile_keys(context.read, context.exists, profile, context.facts.cpu.architecture)
    later = _later_files(context)
    testable = context.hardware_exists("/proc/sys/vm") or context.hardware_exists("/proc/sys/net")
    choices = []
    for key in sorted(rows):
        if key in wanted:
            continue
        row = rows[key]
        facts = ["kernel parameters table: " + row.source]
        left = _left_out(context, row, line, testable)
        if left is None and key in profiles:
            left, facts = "left to tuned's profile %s" % profile, [profiles[key]]
        if left is None and key in later and later[key][0] != row.value:
            left, facts = "%s is read later and says %s" % (later[key][1], later[key][0]), [later[key][1]]
        if left is None:
            choices.append(_Choice(key, row.value, "%s (%s)" % (row.why, row.source), facts, False))
        else:
            choices.append(_Choice(key, None, left, facts, False))
    for key in sorted(wanted):
        choices.append(_users(context, key, wanted[key], later, testable))
    return choices


def _users(
    context: "Context", key: str, value: str, later: "Dict[str, Tuple[str, str]]", testable: bool
) -> _Choice:
    path = sysctl_path(key)
    if testable and not context.hardware_exists(path):
        context.warn("kernel_parameters.sysctl: this kernel has no %s; it is left out" % key)
        return _Choice(key, None, "named by the user, but this kernel has no " + key, [path], True)
    if key in later and later[key][0] != value:
        context.warn(
            "kernel_parameters.sysctl: %s is read after %s and sets %s to %s at the next boot: remove it"
            % (later[key][1], FILE, key, later[key][0])
        )
    return _Choice(key, value, "named by the user", ["kernel_parameters.sysctl"], True)


def _left_out(context: "Context", row: Row, line: str, testable: bool) -> "Optional[str]":
    """Why the kernel should not be given a row's value; None where it should."""
    if not testable:
        if row.lines is not None and line not in row.lines:
            return "kernels of line %s have no such key" % line
        return None
    path = sysctl_path(row.key)
    if not context.hardware_exists(path):
        return "this kernel has no %s" % path
    if row.least:
        current = context.hardware_text(path) or ""
        if current.isdigit() and int(current) > int(row.value):
            return "is %s already, which is more than %s" % (current, row.value)
    return None


def _reserve(context: "Context") -> "Optional[Row]":
    total = context.facts.memory.total_bytes
    if not total or total < RESERVE_FROM:
        return None
    value = min(total // RESERVE_PART, RESERVE_MOST) // 1024
    why = "one part in %d of %d GiB of memory is kept for bursts" % (RESERVE_PART, total >> 30)
    return Row(_RESERVE_KEY, str(value), why, RESERVE_SOURCE, least=True)


def _later_files(context: "Context") -> "Dict[str, Tuple[str, str]]":
    """Keys that files read after ours set: (value, file)."""
    names: "Dict[str, str]" = {}
    for directory in DIRECTORIES:
        for name in context.listdir(directory):
            if name.endswith(".conf"):
                names.setdefault(name, directory + "/" + name)
    own = FILE.rpartition("/")[2]
    found = {}
    for name in sorted(names):
        if name <= own:
            continue
        for line in (context.read(names[name]) or b"").decode("utf-8", "replace").splitlines():
            if "=" not in line or line.lstrip()[:1] in ("#", ";"):
                continue
            key, value = line.split("=", 1)
            try:
                path = sysctl_path(key.strip().lstrip("-"))
            except AgentError:
                continue  # a pattern, or what sysctl itself will complain of
            found[_key_of(path)] = (" ".join(value.split()), names[name])
    return found


def _key_of(path: str) -> str:
    """The dotted name of a path under /proc/sys."""
    parts = path[len("/proc/sys/") :].split("/")
    return ".".join(part.replace(".", "/") for part in parts)


def _render(
    context: "Context", machine: MachineClass, choices: "List[_Choice]", profile: "Optional[str]"
) -> str:
    kernel = context.facts.kernel
    lines = [
        "# Written by tsagent at the first boot. A file whose name sorts after this one wins over it;",
        "# kernel_parameters.sysctl in user data changes it. `tsagent explain kernel_parameters` says more.",
        "# Class %s: %s." % (machine.name, machine.because),
        "# Kernel %s, line %s." % (kernel.release or "unknown", kernel.line or "other"),
    ]
    if profile is not None:
        lines.append("# tuned's profile %s keeps the keys that it sets itself." % profile)
    for choice in choices:
        lines.append("")
        if choice.value is None:
            lines.append("# %s left out: %s." % (choice.key, choice.why))
        else:
            lines.append("# %s." % choice.why)
            lines.append("%s = %s" % (choice.key, choice.value))
    return "\n".join(lines) + "\n"
