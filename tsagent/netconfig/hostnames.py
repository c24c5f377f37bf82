"""What this machine is called, as its files say: pure, for modules that tell others."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    from tsagent.registry.context import Context


def host_names(context: "Context") -> "Tuple[str, str]":
    """The short and the fully qualified host name; the same one twice where no domain is known.

    The kernel's name, else /etc/hostname, else the metadata's; its domain from /etc/hosts, as the
    resolver finds it, else from the metadata.
    """
    name = context.text("/proc/sys/kernel/hostname") or context.text("/etc/hostname")
    stated = context.instance.get("hostname") or ""
    if not name or name == "(none)":
        name = stated or "localhost"
    if "." in name:
        return name.split(".")[0], name
    full = _in_hosts(context.text("/etc/hosts") or "", name)
    if full is None and stated.startswith(name + "."):
        full = stated
    return name, full or name


def _in_hosts(text: str, name: str) -> "Optional[str]":
    """The name with a domain in the first line of /etc/hosts that has this name. Source: hosts(5)."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()[1:]
        if name in words:
            return next((word for word in words if word.startswith(name + ".")), None)
    return None
