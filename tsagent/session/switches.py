"""The off switches: a kernel command line or a file turns the agent, or one module, off."""

from tsagent.errors import AgentError
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Set

    from tsagent.host import Host

_CLOUD_INIT = "/usr/bin/cloud-init"
_COMPATIBILITY = b"tsagent.compat"  # what the agent's own /usr/bin/cloud-init imports


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
    if not host.live or not host.root.exists(_CLOUD_INIT):
        return None
    if _is_compatibility_command(host):
        return None
    if host.root.exists("/etc/cloud/cloud-init.disabled") or "cloud-init=disabled" in _words(host):
        return None
    return "cloud-init is installed and not turned off"


def _is_compatibility_command(host: "Host") -> bool:
    """Whether that program is the agent's own, which answers provisioners in cloud-init's place."""
    try:
        return _COMPATIBILITY in host.root.read(_CLOUD_INIT, 1 << 16)
    except (OSError, AgentError):
        return False


def skipped_modules(host: "Host") -> "Set[str]":
    """Modules named by `tsagent.skip=MODULE,...` on the kernel command line."""
    names: "Set[str]" = set()
    for word in _words(host):
        if word.startswith("tsagent.skip="):
            names.update(name for name in word.split("=", 1)[1].split(",") if name)
    return names
