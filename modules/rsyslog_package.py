"""rsyslog itself, where it is asked for and missing: in the final stage, for which no login waits."""

from tsagent.changes.packages import InstallPackages, RefreshPackages
from tsagent.changes.system import EnableUnit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

_MANAGERS = ("apt", "dnf", "yum")
_PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Install it and have it run."""
    settings = context.settings.get("rsyslog")
    if not isinstance(settings, dict) or settings.get("install_rsyslog") is not True:
        return context.nothing("rsyslog.install_rsyslog is not true")
    program = str(settings.get("check_exe") or "rsyslogd")
    paths = [program] if program.startswith("/") else ["%s/%s" % (place, program) for place in _PLACES]
    if any(context.exists(path) for path in paths):
        return context.nothing("%s is there" % program)
    packages = settings.get("packages")
    names = [str(name) for name in packages] if isinstance(packages, list) and packages else ["rsyslog"]
    if context.facts.os.package_manager not in _MANAGERS:
        context.warn("rsyslog is not installed: the package manager of this system is not known here")
        return context.nothing("no package manager that is known here")
    return _changes(context, names)


def _changes(context: "Context", names: "List[str]") -> "Iterator[Change]":
    manager = context.facts.os.package_manager
    changes: "List[Change]" = []
    if manager == "apt":
        changes.append(RefreshPackages(manager, "images of this distribution come without package lists"))
    install = InstallPackages(names, manager, "rsyslog.install_rsyslog")
    changes += [install, EnableUnit("rsyslog.service", reason="install_rsyslog", requires=[install])]
    for change in changes:
        if manager == "apt" and context.commands != "chroot":
            change.needs_live = True  # apt knows no root but its own
        yield change
