"""Looks at a machine's NVIDIA driver: whether it runs every GPU, and whether its parts fit together."""

import re

from tsagent.changes.base import CONVERGED, DIFFERS, Probe

from . import matrix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional

    from tsagent.host import Host

LOADED = "/proc/driver/nvidia/version"


def loaded_version(text: "Optional[str]") -> "Optional[str]":
    """The version in /proc/driver/nvidia/version, of either flavour."""
    match = re.search(r"Kernel Module(?: for \S+)?\s+(\d{3}\.\d+(?:\.\d+)?)", text or "")
    return match.group(1) if match else None


def is_loaded(host: "Host") -> Probe:
    """The module is loaded."""
    version = loaded_version(host.hardware.text(LOADED))
    return Probe(CONVERGED, version) if version else Probe(DIFFERS, "not loaded")


def lists_every_gpu(count: int) -> "Callable[[Host], Probe]":
    """`nvidia-smi -L` lists as many GPUs as the PCI bus has."""

    def look(host: "Host") -> Probe:
        if host.which("nvidia-smi") is None:
            return Probe(DIFFERS, "nvidia-smi is not installed")
        result = host.run(["nvidia-smi", "-L"])
        if result.status != 0:
            return Probe(DIFFERS, "nvidia-smi: " + result.last_line())
        listed = len([line for line in result.text.splitlines() if line.startswith("GPU ")])
        if listed != count:
            return Probe(DIFFERS, "nvidia-smi lists %d of %d" % (listed, count))
        return Probe(CONVERGED, "%d listed" % listed)

    return look


def versions_agree(packages: "List[str]") -> "Callable[[Host], Probe]":
    """The loaded module is of the version that is installed."""

    def look(host: "Host") -> Probe:
        loaded = loaded_version(host.hardware.text(LOADED))
        if loaded is None:
            return Probe(DIFFERS, "the module nvidia is not loaded")
        installed = _installed(host, packages)
        if installed is None:
            return Probe(DIFFERS, "%s is loaded, but what is installed cannot be told" % loaded)
        if installed != loaded:
            return Probe(DIFFERS, "%s is loaded, %s is installed" % (loaded, installed))
        return Probe(CONVERGED, loaded)

    return look


def persistence_is_on(host: "Host") -> Probe:
    """Persistence mode is on for every GPU."""
    if host.which("nvidia-smi") is None:
        return Probe(DIFFERS, "nvidia-smi is not installed")
    result = host.run(["nvidia-smi", "--query-gpu=persistence_mode", "--format=csv,noheader"])
    states = [line.strip() for line in result.text.splitlines() if line.strip()]
    if result.status != 0 or not states:
        return Probe(DIFFERS, "nvidia-smi: " + result.last_line())
    off = len([state for state in states if state != "Enabled"])
    return Probe(DIFFERS, "off for %d of %d" % (off, len(states))) if off else Probe(CONVERGED)


def fabric_manager_fits(host: "Host") -> Probe:
    """The fabric manager runs, and is of exactly the loaded module's version."""
    loaded = loaded_version(host.hardware.text(LOADED))
    version = _package_version(host, matrix.FABRIC_MANAGER)
    if version is None:
        return Probe(DIFFERS, "%s is not installed" % matrix.FABRIC_MANAGER)
    if version != loaded:
        return Probe(DIFFERS, "it is %s, the loaded driver %s" % (version, loaded or "none"))
    state = host.run(["systemctl", "is-active", matrix.FABRIC_MANAGER_UNIT]).last_line()
    return Probe(CONVERGED, version) if state == "active" else Probe(DIFFERS, "its service is " + state)


def other_installer_is_done(host: "Host") -> Probe:
    """Tencent Cloud's own installer has ended and left a driver loaded."""
    for name in host.root.listdir("/proc"):
        if name.isdigit() and is_other_installer(host.root.text("/proc/%s/cmdline" % name)):
            return Probe(DIFFERS, "process %s is still installing" % name)
    version = loaded_version(host.hardware.text(LOADED))
    return Probe(CONVERGED, version) if version else Probe(DIFFERS, "no driver is loaded yet")


def is_other_installer(command_line: "Optional[str]") -> bool:
    """Whether a process's command line is that of Tencent Cloud's driver installer."""
    words = (command_line or "").split("\0")
    return any(word.endswith(name) for word in words for name in matrix.TENCENT_PROCESSES)


def _installed(host: "Host", packages: "List[str]") -> "Optional[str]":
    for package in packages:
        version = _package_version(host, package)
        if version is not None:
            return version
    if host.which("modinfo") is None:
        return None
    result = host.run(["modinfo", "-F", "version", "nvidia"])
    return result.last_line() if result.status == 0 else None


def _package_version(host: "Host", package: str) -> "Optional[str]":
    if host.which("rpm") is None:
        return None
    result = host.run(["rpm", "-q", "--qf", "%{VERSION}\\n", package])
    return result.last_line() if result.status == 0 else None
