"""The clock: an NTP client that is installed, enabled and told its servers."""

from tsagent.changes.commands import RunTool
from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.packages import InstallPackages, RefreshPackages
from tsagent.changes.services import RestartUnit
from tsagent.changes.system import EnableUnit
from tsagent.changes.units import find_unit, missing_links
from tsagent.errors import AgentError
from tsagent.people import switch

from .clients import choose, others
from .text import drop_in, edited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change, Probe
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

    from .clients import Client
    from .text import Lists

_MANAGERS = ("apt", "dnf", "yum")
_LISTS = ("servers", "pools", "peers", "allow")
_SHOWN = 60  # letters of a host that are quoted
_POOLS_SINCE = 8  # RHEL generation: ntpd 4.2.6 of el7 drops the servers of a pool under "restrict ... nopeer"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Install, configure, enable, and have a running client take it up."""
    settings = context.settings.get("ntp")
    settings = settings if isinstance(settings, dict) else {}
    if switch(settings.get("enabled")) is False:
        return context.nothing("ntp.enabled is false")
    config = settings.get("config")
    name = str(settings.get("ntp_client") or "auto").strip()
    client = choose(context, name, config if isinstance(config, dict) else {})
    lists = {key: _hosts(context, key, settings.get(key)) for key in _LISTS}
    content = _rendered(client, lists) if client.template else None
    return _changes(context, client, lists, content, name not in ("", "auto"))


def _changes(
    context: "Context", client: "Client", lists: "Lists", content: "Optional[str]", named: bool
) -> "Iterator[Change]":
    installs = _install(context, client)
    yield from installs
    files = _files(context, client, lists, content, installs)
    yield from files
    if not client.service:
        return
    if named:
        yield from (_switch_off(service) for service in others(context, client))
    enable = EnableUnit(client.service, reason="ntp", requires=installs)
    if any(change.needs_live for change in installs):
        enable.needs_live = True  # in a tree the package is not installed, and its unit not there
    yield enable
    if files:
        yield RestartUnit(client.service, files[-1:], reason="ntp", requires=[enable])


def _install(context: "Context", client: "Client") -> "List[Change]":
    if client.installed(context):
        return []
    manager = context.facts.os.package_manager
    if not client.packages or manager not in _MANAGERS:
        context.warn("%s is not installed: %s is not there" % (client.name[:_SHOWN], client.program[:_SHOWN]))
        return []
    changes: "List[Change]" = []
    reason = "ntp: %s is missing" % client.program
    if manager == "apt":
        changes.append(RefreshPackages(manager, "images of this distribution come without package lists"))
    changes.append(InstallPackages(client.packages, manager, reason))
    for change in changes:
        if manager == "apt" and context.commands != "chroot":
            change.needs_live = True  # apt knows no root but its own
    return changes[-1:] if manager != "apt" else changes


def _files(
    context: "Context", client: "Client", lists: "Lists", content: "Optional[str]", needs: "List[Change]"
) -> "List[Change]":
    needs = needs[-1:]
    if content is not None:
        changes: "List[Change]" = []
        before = context.read(client.path)
        if (
            before is not None
            and before != content.encode("utf-8")
            and not context.exists(client.path + ".dist")
        ):
            changes.append(WriteFile(client.path + ".dist", before, reason="what was there before"))
        changes.append(WriteFile(client.path, content, 0o644, reason="ntp.config.template", requires=needs))
        return changes
    _warn_of_lists(context, client, lists)
    if not any(lists.values()):
        context.choose("servers", "as they are", "no servers and no pools are given")
        return []
    if client.syntax == "timesyncd":
        if not lists["servers"] and not lists["pools"]:
            return []
        return [WriteFile(client.path, drop_in(lists), 0o644, reason="ntp", requires=needs)]
    generation = context.facts.os.rhel_generation
    plain = client.syntax == "ntp" and generation is not None and generation < _POOLS_SINCE
    return [
        EditFile(
            client.path,
            lambda old: edited(old, client.syntax, lists, plain),
            "the servers are %s" % (", ".join(lists["servers"] + lists["pools"]) or "as they are"),
            reason="ntp",
            requires=needs,
        )
    ]


def _warn_of_lists(context: "Context", client: "Client", lists: "Lists") -> None:
    if lists["allow"] and client.syntax != "chrony":
        context.warn("ntp.allow is left out: %s serves whom its own configuration lets" % client.name)
        lists["allow"] = []
    if lists["peers"] and client.syntax not in ("chrony", "ntp"):
        context.warn("ntp.peers is left out: %s knows none" % client.name)
        lists["peers"] = []


def _hosts(context: "Context", key: str, given: "Any") -> "List[str]":
    """The hosts of a list; what is none is left out by itself."""
    hosts: "List[str]" = []
    for index, entry in enumerate(given if isinstance(given, list) else []):
        word = entry.strip() if isinstance(entry, str) else ""
        extra = "/" if key == "allow" else ""
        if not word or not all((c.isalnum() and ord(c) < 128) or c in ".:-_%" + extra for c in word):
            context.warn("ntp.%s[%d] is no host, and left out" % (key, index))
        elif word not in hosts:
            hosts.append(word)
    return hosts


def _rendered(client: "Client", lists: "Lists") -> str:
    """The template's text. Raises AgentError where it cannot be rendered."""
    head, _, rest = client.template.lstrip().partition("\n")
    if head.replace(" ", "").lower() not in ("##template:jinja", "##template:jinja2"):
        return client.template
    from tsagent.userdata.template import TemplateError, render

    data: "Dict[str, Any]" = {key: list(value) for key, value in lists.items()}
    try:
        text = render(b"## template: jinja\n" + rest.encode("utf-8"), data)
    except TemplateError as error:
        where = "line %d: " % error.line if error.line else ""
        raise AgentError(
            "ntp.config.template: %s%s" % (where, error.message),
            error.code,
            "it has the lists servers, pools, peers and allow",
        ) from None
    return text[1:].decode("utf-8")  # the line break of the first line


def _switch_off(service: str) -> "Change":
    unit = service + ".service"
    return RunTool(
        ["systemctl", "--no-block", "disable", "--now", unit],
        "switch off %s" % unit,
        check=lambda host: _is_off(host, unit),
        needs_live=True,
        reason="ntp_client names another",
    )


def _is_off(host: "Host", unit: str) -> "Probe":
    from tsagent.changes.base import CONVERGED, DIFFERS, Probe

    found = find_unit(host.root, unit)
    if found is None or found.masked:
        return Probe(CONVERGED, "it is not installed")
    if not found.links or len(missing_links(host.root, found)) >= len(found.links):
        return Probe(CONVERGED, "it is not enabled")
    return Probe(DIFFERS, "it is enabled")
