"""The off switches: a kernel command line or a file turns the agent, or one module, off."""

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set

    from tsagent.host import Host


def _words(host: "Host") -> "List[str]":
    return (host.hardware.text("/proc/cmdline") or "").split()


def off(host: "Host") -> "Optional[str]":
    """Why the agent must not run at all, or None."""
    if "tsagent=off" in _words(host):
        return "tsagent=off on the kernel command line"
    if host.root.exists(paths.DISABLED):
        return "%s exists" % paths.DISABLED
    return None


def other_agent(host: "Host") -> "Optional[str]":
    """Why cloud-init would set up this running system, too; None where it would not.

    Of a tree that is not running nothing is said: it is prepared on purpose.
    """
    if not host.live or not host.root.exists("/usr/bin/cloud-init"):
        return None
    if host.root.exists("/etc/cloud/cloud-init.disabled") or "cloud-init=disabled" in _words(host):
        return None
    return "cloud-init is installed and not turned off"


def skipped_modules(host: "Host") -> "Set[str]":
    """Modules named by `tsagent.skip=MODULE,...` on the kernel command line."""
    names: "Set[str]" = set()
    for word in _words(host):
        if word.startswith("tsagent.skip="):
            names.update(name for name in word.split("=", 1)[1].split(",") if name)
    return names
