"""Packages: fetch the lists, upgrade, install, and ask for a restart where they need one."""

from tsagent.changes.packages import InstallPackages, RefreshPackages, RestartIfRequired, UpgradePackages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

    Package = Union[str, List[str]]

_MANAGERS = ("apt", "dnf", "yum")
_FAMILY = {"dnf": ("dnf", "yum"), "yum": ("dnf", "yum"), "apt": ("apt",)}


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """At most one change of each kind."""
    settings = context.settings
    manager = context.facts.os.package_manager
    upgrade = _either(settings, "package_upgrade", "apt_upgrade")
    update = upgrade or _either(settings, "package_update", "apt_update")
    packages = _packages(context, settings.get("packages"), manager)
    if not (update or packages):
        return context.nothing("no packages are asked for")
    if manager not in _MANAGERS:
        context.warn(
            "packages are left alone: the package manager of this system is %s" % (manager or "unknown")
        )
        return context.nothing("no package manager that is known here")
    restart = _either(settings, "package_reboot_if_required", "apt_reboot_if_required")
    return _changes(context, manager, update, upgrade, packages, restart)


def _changes(
    context: "Context", manager: str, update: bool, upgrade: bool, packages: "List[Package]", restart: bool
) -> "Iterator[Change]":
    changes: "List[Change]" = []
    if update:
        changes.append(RefreshPackages(manager, "package_upgrade" if upgrade else "package_update"))
    elif manager == "apt":
        changes.append(RefreshPackages(manager, "images of this distribution come without package lists"))
    if upgrade:
        changes.append(UpgradePackages(manager, "package_upgrade"))
    if packages:
        changes.append(InstallPackages(packages, manager, "packages"))
    if restart and (upgrade or packages):
        changes.append(RestartIfRequired("package_reboot_if_required"))
    for change in changes:
        if manager == "apt" and context.commands != "chroot":
            change.needs_live = True  # apt knows no root but its own
        yield change


def _packages(context: "Context", items: "Any", manager: "Optional[str]") -> "List[Package]":
    """The packages this system's manager is to install, each once."""
    if items is None:
        return []
    if isinstance(items, str):
        items = [items]
    if not isinstance(items, list):
        context.warn("packages is not a list; none is installed")
        return []
    wanted: "List[Package]" = []
    for index, item in enumerate(items):
        place = "packages[%d]" % index
        if isinstance(item, dict):
            for name, entries in item.items():
                _of_manager(context, wanted, "%s.%s" % (place, name), str(name), entries, manager)
        else:
            _add(context, wanted, place, item)
    return wanted


def _of_manager(
    context: "Context",
    wanted: "List[Package]",
    place: str,
    name: str,
    entries: "Any",
    manager: "Optional[str]",
) -> None:
    """Take the packages that are meant for one package manager, if it is this system's."""
    if name not in _MANAGERS:
        context.warn("%s is not for this system; left out" % place)
        return
    if name not in _FAMILY.get(str(manager), ()):
        return  # written for several distributions: not a mistake
    if not isinstance(entries, list):
        context.warn("%s is not a list; left out" % place)
        return
    for index, entry in enumerate(entries):
        _add(context, wanted, "%s[%d]" % (place, index), entry)


def _add(context: "Context", wanted: "List[Package]", place: str, item: "Any") -> None:
    if isinstance(item, str) and item.strip():
        package: "Package" = item.strip()
    elif isinstance(item, list) and len(item) in (1, 2) and _is_name(item[0]) and _is_version(item[-1]):
        package = item[0] if len(item) == 1 else [item[0], str(item[-1])]
        if not isinstance(item[-1], str):
            context.warn("%s: the version is a number, read as %s: quote it" % (place, item[-1]))
    else:
        context.warn("%s is neither a name nor a name and a version; left out" % place)
        return
    if package not in wanted:
        wanted.append(package)


def _is_name(value: "Any") -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_version(value: "Any") -> bool:
    return _is_name(value) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _either(settings: "Dict[str, Any]", *keys: str) -> bool:
    for key in keys:
        value = settings.get(key)
        if isinstance(value, str):
            value = value.strip().lower() in ("true", "1", "on", "yes")
        if value:
            return True
    return False
