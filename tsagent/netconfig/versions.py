"""Which versions of the network's tools a system has, by the files of their packages: nothing is started."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.registry.context import Context

# systemd's private library, named after its version since 231: with the systemd of Debian, and of Red Hat.
_LIBRARIES = (
    "/usr/lib/systemd",
    "/lib/systemd",
    "/usr/lib/x86_64-linux-gnu/systemd",
    "/usr/lib/aarch64-linux-gnu/systemd",
)
_LIBRARY = "libsystemd-shared-"
_EL7 = 219  # which has no such library


def systemd(context: "Context", family: "Optional[str]") -> "Optional[int]":
    """The version of systemd; None where it cannot be told."""
    for directory in _LIBRARIES:
        for name in context.listdir(directory):
            if name.startswith(_LIBRARY):
                number = ""
                for letter in name[len(_LIBRARY) :]:
                    if not letter.isdigit():
                        break
                    number += letter
                if number:
                    return int(number)
    return _EL7 if family == "el7" else None


def netplan(context: "Context") -> "Optional[int]":
    """The first part of netplan's version, 0 or 1; None where it is not installed."""
    if context.exists("/usr/share/netplan/netplan_cli"):
        return 1
    return 0 if context.exists("/usr/share/netplan/netplan") else None
