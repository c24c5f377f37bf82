"""WireGuard: tunnels that wg-quick brings up, now and at every boot."""

from tsagent.changes.base import CONVERGED, DIFFERS, Probe
from tsagent.changes.commands import UserCommand
from tsagent.changes.files import WriteFile
from tsagent.changes.packages import InstallPackages, RefreshPackages
from tsagent.changes.services import RestartUnit
from tsagent.changes.system import EnableUnit, Verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

_PACKAGE = "wireguard-tools"
_MANAGERS = ("apt", "dnf", "yum")
_PROGRAMS = ("/usr/bin/wg-quick", "/bin/wg-quick", "/usr/local/bin/wg-quick")
_NAME_LIMIT = 15  # letters. Source: IFNAMSIZ of the kernel
_PATIENCE = 60.0  # seconds for a tunnel to come up; names of peers may have to be looked up
_SESSION = "readinessprobe"
_SHOWN = 40  # letters of a name that are quoted


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The package, then each tunnel by itself, then the user's tests."""
    settings = context.settings.get("wireguard")
    settings = settings if isinstance(settings, dict) else {}
    interfaces = _interfaces(context, settings.get("interfaces"))
    if not interfaces:
        return context.nothing("no interface is given")
    return _changes(context, interfaces, settings.get("readinessprobe"))


def _changes(context: "Context", interfaces: "List[Dict[str, str]]", tests: "Any") -> "Iterator[Change]":
    installs = _install(context)
    yield from installs
    ups: "List[Change]" = []
    for interface in interfaces:
        unit = "wg-quick@%s.service" % interface["name"]
        file = WriteFile(
            interface["path"], interface["content"], 0o600, "root", "root", secret=True, reason="wireguard"
        )
        enable = EnableUnit(unit, reason="wireguard", requires=[file] + installs[-1:])
        up = Verify(
            "the tunnel %s is up" % interface["name"],
            lambda host, unit=unit: _is_up(host, unit),  # type: ignore[misc]
            hint="see 'systemctl status %s'; kernels before 5.6 need the module wireguard" % unit,
            code="tunnel-down",
            patience=_PATIENCE,
            reason="wireguard",
            requires=[enable],
        )
        if any(change.needs_live for change in installs):
            enable.needs_live = True  # in a tree the package is not installed, and its unit not there
        yield file
        yield enable
        yield RestartUnit(unit, [file], reason="wireguard", requires=[enable])
        yield up
        ups.append(up)
    previous: "Optional[int]" = None
    for index, command in enumerate(tests if isinstance(tests, list) else []):
        if not isinstance(command, str) or not command.strip():
            context.warn("wireguard.readinessprobe[%d] is no command; it is not run" % index)
            continue
        yield UserCommand(_SESSION, index, command, previous, reason="wireguard", requires=ups)
        previous = index


def _install(context: "Context") -> "List[Change]":
    if any(context.exists(path) for path in _PROGRAMS):
        return []
    manager = context.facts.os.package_manager
    if manager not in _MANAGERS:
        context.warn("%s is not installed: the package manager of this system is not known here" % _PACKAGE)
        return []
    changes: "List[Change]" = []
    if manager == "apt":
        changes.append(RefreshPackages(manager, "images of this distribution come without package lists"))
    changes.append(InstallPackages([_PACKAGE], manager, "wg-quick is missing"))
    for change in changes:
        if manager == "apt" and context.commands != "chroot":
            change.needs_live = True  # apt knows no root but its own
    return changes


def _is_up(host: "Host", unit: str) -> Probe:
    state = host.run(["systemctl", "is-active", unit]).last_line()
    return Probe(CONVERGED) if state == "active" else Probe(DIFFERS, "it is %s" % (state or "unknown"))


def _interfaces(context: "Context", given: "Any") -> "List[Dict[str, str]]":
    """The interfaces that can be set up; what cannot is left out by itself, and said."""
    found: "List[Dict[str, str]]" = []
    for index, entry in enumerate(given if isinstance(given, list) else []):
        place = "wireguard.interfaces[%d]" % index
        entry = entry if isinstance(entry, dict) else {}
        name, content = entry.get("name"), entry.get("content")
        if not isinstance(name, str) or not _is_name(name):
            context.warn("%s has no name that an interface can have; left out" % place)
            continue
        if not isinstance(content, str) or not content.strip():
            context.warn("%s has no content; left out" % place)
            continue
        if name in [other["name"] for other in found]:
            context.warn("%s: %s is there twice; left out" % (place, name))
            continue
        usual = "/etc/wireguard/%s.conf" % name
        path = entry.get("config_path") or usual
        if not isinstance(path, str) or not path.startswith("/"):
            context.warn("%s: config_path is not an absolute path; left out" % place)
            continue
        if path != usual:
            context.warn("%s: wg-quick reads %s, not %s" % (place, usual, path[:_SHOWN]))
        found.append({"name": name, "path": path, "content": content.rstrip("\n") + "\n"})
    return found


def _is_name(name: str) -> bool:
    """Whether wg-quick takes it. Source: wg-quick(8)."""
    letters = all((letter.isalnum() and ord(letter) < 128) or letter in "_=+.-" for letter in name)
    return letters and 0 < len(name) <= _NAME_LIMIT and name not in (".", "..")
