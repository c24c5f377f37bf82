"""tuned's profiles: which one a class of machine gets, and which kernel parameters a profile sets itself."""

import re

from tsagent.tuning.machine import MachineClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, Optional, Set, Tuple

# Class: (profile under a hypervisor, profile on the bare machine).
# Source: the summaries of tuned's own profiles (tuned-profiles manual pages): virtual-guest for guests,
# throughput-performance for storage and general servers, hpc-compute for compute clusters,
# accelerator-performance for hosts of GPUs, whose short idle states cost transfers.
PROFILES = {
    "standard": ("virtual-guest", "throughput-performance"),
    "compute": ("virtual-guest", "throughput-performance"),
    "memory": ("virtual-guest", "throughput-performance"),
    "big-data": ("virtual-guest", "throughput-performance"),
    "high-io": ("throughput-performance", "throughput-performance"),
    "gpu": ("accelerator-performance", "accelerator-performance"),
    "hpc": ("hpc-compute", "hpc-compute"),
    "bare-metal": ("throughput-performance", "throughput-performance"),
    "unknown": ("virtual-guest", "throughput-performance"),
}  # type: Dict[str, Tuple[str, str]]

# Where profiles lie, the first that has one wins. Source: tuned.conf(5); `profiles/` since tuned 2.23.
DIRECTORIES = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
PROGRAMS = ("/usr/sbin/tuned-adm", "/usr/bin/tuned-adm", "/sbin/tuned-adm")
_INCLUDE_DEPTH = 8
_ARCHITECTURES = ("aarch64", "x86_64", "ppc64le", "s390x")
# Options of other plugins that are kernel parameters in truth. Source: tuned's plugins vm and scheduler.
_VM_OPTIONS = ("dirty_bytes", "dirty_ratio", "dirty_background_bytes", "dirty_background_ratio")
# A byte count and a ratio switch each other off in the kernel. Source: its sysctl/vm documentation.
_PAIRS = {
    "vm.dirty_bytes": "vm.dirty_ratio",
    "vm.dirty_ratio": "vm.dirty_bytes",
    "vm.dirty_background_bytes": "vm.dirty_background_ratio",
    "vm.dirty_background_ratio": "vm.dirty_background_bytes",
}


def profile_of(machine: MachineClass, settings: "Dict[str, Any]") -> "Tuple[Optional[str], str]":
    """The profile for a machine, and why; None where the tuning is nobody's or another service's.

    `settings` is the user's `handoff` section.
    """
    tuning = settings.get("tuning") or {}
    service = tuning.get("service", "tuned")
    if service != "tuned":
        return None, "handoff.tuning.service is %s" % service
    if tuning.get("profile"):
        return str(tuning["profile"]), "handoff.tuning.profile names it"
    chosen = PROFILES[machine.name][0 if machine.virtual else 1]
    place = "under a hypervisor" if machine.virtual else "on the bare machine"
    return chosen, "class %s %s: %s" % (machine.name, place, machine.because)


def installed(exists: "Callable[[str], bool]") -> bool:
    """Whether tuned is there."""
    return any(exists(path) for path in PROGRAMS)


def find_profile(exists: "Callable[[str], bool]", name: str) -> "Optional[str]":
    """The tuned.conf of a profile, or None."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name):
        return None
    for directory in DIRECTORIES:
        path = "%s/%s/tuned.conf" % (directory, name)
        if exists(path):
            return path
    return None


def profile_keys(
    read: "Callable[[str], Optional[bytes]]",
    exists: "Callable[[str], bool]",
    profile: str,
    architecture: "Optional[str]" = None,
) -> "Dict[str, str]":
    """The kernel parameters a profile (or several, parted by blanks) sets, each with the file that says so.

    A section for another processor architecture does not count; one with any other condition does, since
    it is the profile's to decide.
    """
    keys: "Dict[str, str]" = {}
    for name in profile.split():
        seen: "Set[str]" = set()
        for path, sections in _chain(read, exists, name, seen, 0):
            _collect(path, sections, keys, architecture)
    for key, path in list(keys.items()):
        if key in _PAIRS:
            keys.setdefault(_PAIRS[key], path)
    return keys


def plugin_options(
    read: "Callable[[str], Optional[bytes]]", exists: "Callable[[str], bool]", profile: str, plugin: str
) -> "Dict[str, str]":
    """The options a profile (or several, parted by blanks) gives one of tuned's plugins, with their files."""
    options: "Dict[str, str]" = {}
    for name in profile.split():
        seen: "Set[str]" = set()
        for path, sections in _chain(read, exists, name, seen, 0):
            for section in sections.values():
                if section.get("type") == plugin:
                    for option in section:
                        options.setdefault(option, path)
    return options


def _chain(
    read: "Callable[[str], Optional[bytes]]",
    exists: "Callable[[str], bool]",
    name: str,
    seen: "Set[str]",
    depth: int,
) -> "Iterator[Tuple[str, Dict[str, Dict[str, str]]]]":
    """A profile's file and sections, then those it includes."""
    path = find_profile(exists, name)
    if path is None or path in seen or depth > _INCLUDE_DEPTH:
        return
    seen.add(path)
    sections = _sections((read(path) or b"").decode("utf-8", "replace"))
    yield path, sections
    for included in re.split(r"[,;\s]+", sections.get("main", {}).get("include", "")):
        if included and "$" not in included:
            yield from _chain(read, exists, included, seen, depth + 1)


def _collect(
    path: str,
    sections: "Dict[str, Dict[str, str]]",
    keys: "Dict[str, str]",
    architecture: "Optional[str]",
) -> None:
    for options in sections.values():
        plugin = options.get("type", "")
        machine = options.get("uname_regex", "")
        if architecture and machine in _ARCHITECTURES and machine != architecture:
            continue
        for option in options:
            key = option.replace("/", ".")
            if plugin == "sysctl" and "." in key:
                keys.setdefault(key, path)
            elif plugin == "vm" and option in _VM_OPTIONS:
                keys.setdefault("vm." + option, path)
            elif plugin == "scheduler" and option.startswith("sched_"):
                keys.setdefault("kernel." + option, path)


def _sections(text: str) -> "Dict[str, Dict[str, str]]":
    """The sections of a tuned.conf; a section without a type is of the plugin it is named after."""
    sections: "Dict[str, Dict[str, str]]" = {}
    current: "Dict[str, str]" = {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1].strip(), {"type": line[1:-1].strip()})
        elif "=" in line and line[:1] not in "#;":
            option, value = line.split("=", 1)
            current[option.strip()] = value.strip()
    return sections
