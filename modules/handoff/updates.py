"""The update services: how each is told what to apply.

Source: the manual pages dnf-automatic(8) and yum-cron(8), and the comments of their configuration files.
"""

from tsagent.tuning.machine import MachineClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from tsagent.registry.context import Context

    Options = Dict[str, Dict[str, str]]

# On these an update of the kernel leaves a GPU driver or an RDMA stack built for the kernel before it.
_HOLD_KERNEL = ("gpu", "hpc")
_KERNEL_PACKAGES = ["kernel*"]


class Service:
    """One update service: its package, unit, configuration file, and the names of its options."""

    def __init__(
        self,
        package: str,
        unit: str,
        configuration: str,
        kind: str,
        exclude: str,
        delay: "Tuple[str, int]",
    ) -> None:
        self.package = package
        self.unit = unit
        self.configuration = configuration
        self.kind = kind  # the option that chooses between all updates and those for security
        self.exclude = exclude
        self.delay = delay  # option and its unit in seconds

    def installed(self, exists: "Callable[[str], bool]") -> bool:
        """Whether its unit is there."""
        return any(exists(directory + self.unit) for directory in _UNITS)

    def options(self, apply: str, exclude: "Sequence[str]", delay: "Optional[int]") -> "Options":
        """What its configuration should say."""
        commands = {
            self.kind: "security" if apply == "security" else "default",
            "download_updates": "no" if apply == "none" else "yes",
            "apply_updates": "no" if apply == "none" else "yes",
        }
        if delay is not None:
            commands[self.delay[0]] = str(-(-delay // self.delay[1]))
        options = {"commands": commands}
        if exclude:
            options["base"] = {self.exclude: " ".join(exclude)}
        return options


_UNITS = ("/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/systemd/system/")

SERVICES = {
    "dnf-automatic": Service(
        "dnf-automatic",
        "dnf-automatic.timer",
        "/etc/dnf/automatic.conf",
        "upgrade_type",
        "excludepkgs",
        ("random_sleep", 1),
    ),
    "yum-cron": Service(
        "yum-cron",
        "yum-cron.service",
        "/etc/yum/yum-cron.conf",
        "update_cmd",
        "exclude",
        ("random_sleep", 60),
    ),
}  # type: Dict[str, Service]


def service_of(context: "Context") -> "Tuple[Optional[str], str]":
    """The update service of this distribution, and why."""
    system = context.facts.os
    named = system.user_mode or system.pretty_name or system.id or "this system"
    if system.package_manager == "yum":
        return "yum-cron", "%s is updated by yum" % named
    if system.package_manager == "dnf":
        return "dnf-automatic", "%s is updated by dnf" % named
    return None, "%s has an update service of its own" % named


def policy(context: "Context", wanted: "Dict[str, Any]", machine: MachineClass) -> "Tuple[str, List[str]]":
    """Which updates are applied, and which packages are held back."""
    apply = wanted.get("apply")
    if apply is None:
        apply = context.choose(
            "updates.apply", "security", "the default: fixes, and nothing that is only new"
        )
    else:
        context.choose("updates.apply", apply, "handoff.updates.apply names it")
    exclude = wanted.get("exclude")
    if exclude is not None:
        names = [str(name) for name in exclude]
        context.choose("updates.exclude", names, "handoff.updates.exclude names them")
        return str(apply), names
    if machine.name in _HOLD_KERNEL:
        because = "class %s: the driver is built for the kernel that runs" % machine.name
        context.choose("updates.exclude", _KERNEL_PACKAGES, because, machine.sources)
        return str(apply), list(_KERNEL_PACKAGES)
    return str(apply), []


def set_options(current: "Optional[bytes]", options: "Options") -> bytes:
    """An ini file with these options set; all else of it, comments and order included, stays as it is."""
    lines = (current or b"").decode("utf-8", "surrogateescape").splitlines()
    left = {section: dict(values) for section, values in options.items()}
    result: "List[str]" = []
    section = ""
    continued = False
    for line in lines:
        words = line.strip()
        if words.startswith("[") and words.endswith("]"):
            _finish(result, left.pop(section, {}))
            section = words[1:-1]
        elif continued and line[:1] in (" ", "\t") and words:
            continue  # the rest of a value that is replaced
        continued = False
        key = words.split("=", 1)[0].strip() if "=" in words and words[:1] not in ("#", ";") else ""
        if key and key in options.get(section, {}):
            continued = True
            value = left.get(section, {}).pop(key, None)
            if value is not None:
                result.append(line if words.split("=", 1)[1].strip() == value else "%s = %s" % (key, value))
            continue
        result.append(line)
    _finish(result, left.pop(section, {}))
    for name in sorted(left):
        if result and result[-1].strip():
            result.append("")
        result.append("[%s]" % name)
        _finish(result, left[name])
    return ("\n".join(result) + "\n").encode("utf-8", "surrogateescape")


def _finish(result: "List[str]", values: "Dict[str, str]") -> None:
    """Add what a section lacks at its end, before the blank lines that part it from the next."""
    end = len(result)
    while end and not result[end - 1].strip():
        end -= 1
    result[end:end] = ["%s = %s" % (key, values[key]) for key in sorted(values)]
