"""The network: what the source, the image or the kernel's command line says, as the service's own files.

They are written in the local stage, before the network service starts. Where nothing says anything the
primary card gets DHCP, unless somebody configured it already.
"""

from tsagent import netconfig
from tsagent.changes.files import RemoveFile, WriteFile
from tsagent.changes.network_service import ReloadNetwork, cards_of
from tsagent.netconfig import choice, renderers, source_routing, system
from tsagent.netconfig.cards import race_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Set, Union

    from tsagent.changes.base import Change
    from tsagent.netconfig.model import Device, Network
    from tsagent.registry.context import Context, Nothing

_RDMA_AGENT = (
    "/usr/lib/systemd/system/rdma-agent.service",
    "/etc/systemd/system/rdma-agent.service",
    "/etc/init.d/rdma-agent",
)


def plan(context: "Context") -> "Union[Nothing, Iterator[Change], List[Change]]":
    """Read the first source that says anything, render it for the service the system has."""
    settings = context.settings.get("network") or {}
    form, config, source = choice.configuration(context, settings)
    if form == choice.DISABLED:
        return context.nothing("network configuration is disabled by %s" % source)
    nics = context.facts.nics
    mac = context.instance.get("mac")
    nic, why = netconfig.primary_nic(nics, mac, race_result(context))
    if form:
        network = netconfig.read(form, config, source)
    else:
        if nic is None:
            return context.nothing(_no_card(context))
        foreign = system.configured_by_others(context, nic)
        if foreign is not None:
            return context.nothing("%s is configured by %s already" % (nic["name"], foreign))
        network = netconfig.fallback(nic, source)
        context.choose("primary", nic["name"], why, ["nics"])
    context.choose("source", source, "it is the first that says anything", ["kernel.parameters"])
    netconfig.resolve(network, nics)
    _leave_rdma_alone(context, network, nic)
    if network.find(network.primary) is None:
        named = bool(mac) and nic is not None and nic.get("mac") == str(mac).lower()
        network.primary = netconfig.primary_device(network, nic, named)
    if form == "openstack":
        for device in source_routing.separate(network):
            because = "it is not the primary device: what its addresses send must leave by it"
            context.choose(device.label, "a routing table of its own", because)
    if not network.devices:
        _report(context, network)
        return context.nothing("%s describes no device that can be configured here" % source)
    renderer = _renderer(context, settings, network)
    if not renderer:
        _report(context, network)
        return context.nothing(system.choose_renderer(context, context.facts.os.family)[1])
    if renderer == "ifcfg":
        netconfig.expand(network, nics)  # it knows no patterns
    managed = renderer == "ifcfg" and system.managed_ifcfg(context)
    files = renderers.render(network, renderer, renderers.Options(managed))
    _report(context, network)
    changes = _changes(context, files, source)
    changes.extend(_reload(context, files, changes, renderer, nic))
    return changes


def _reload(
    context: "Context",
    files: "List[renderers.File]",
    changes: "List[Change]",
    renderer: str,
    nic: "Optional[Any]",
) -> "Iterator[Change]":
    """The service started with the files of an instance not known yet, and must hear of the others."""
    current = {item.path: context.read(item.path) for item in files}
    if not any(renderers.ours(content or b"") for content in current.values()):
        return
    differ = [item.path for item in files if current[item.path] != item.content.encode("utf-8")]
    cards = cards_of(differ, [card["name"] for card in context.facts.nics])
    if cards:
        primary = nic["name"] if nic is not None else None
        yield ReloadNetwork(
            renderer, cards, primary, "their files are newer than the service's start", changes
        )


def _changes(context: "Context", files: "List[renderers.File]", source: str) -> "List[Change]":
    written = {item.path for item in files}
    changes: "List[Change]" = [
        WriteFile(item.path, item.content, item.mode, "root", "root", reason="from %s" % source)
        for item in files
    ]
    for path in _stale(context, written):
        changes.append(RemoveFile(path, reason="written by an earlier run and no longer asked for"))
    return changes


def _no_card(context: "Context") -> str:
    bonds = [nic["name"] for nic in context.facts.nics if nic.get("kind") == "bond"]
    if bonds:
        return "every card is a port of %s, which is configured already" % " or ".join(bonds)
    return "there is no network card"


def _renderer(context: "Context", settings: "Dict[str, Any]", network: "Network") -> str:
    for asked, where in (
        (settings.get("renderer"), "network: renderer:"),
        (network.renderer, "renderer: of the network configuration"),
    ):
        if asked is None:
            continue
        chosen = renderers.canonical(str(asked))
        if chosen:
            return str(context.choose("renderer", chosen, "asked for by %s" % where))
        context.warn("%s names no renderer known here (%s)" % (where, ", ".join(renderers.NAMES)))
    chosen, why = system.choose_renderer(context, context.facts.os.family)
    return str(context.choose("renderer", chosen, why, ["os.family"])) if chosen else ""


def _report(context: "Context", network: "Network") -> None:
    for problem in network.problems:
        place = " at %s" % problem.path if problem.path else ""
        context.warn("%s%s: %s" % (network.source, place, problem.message))


def _leave_rdma_alone(context: "Context", network: "Network", primary: "Optional[Any]") -> None:
    """Take the devices out that the RDMA service of the image owns: it would be fought over."""
    if not any(context.exists(path) for path in _RDMA_AGENT):
        return
    cards = {name for device in context.facts.rdma for name in device.get("netdevs") or []}
    bonds = {
        nic["name"]: set(nic.get("ports") or []) for nic in context.facts.nics if nic.get("kind") == "bond"
    }
    owned: "Set[str]" = {name for name, ports in bonds.items() if ports & cards}
    owned |= cards
    if primary is not None:
        owned.discard(primary["name"])
    kept: "List[Device]" = []
    for device in network.devices:
        if device.label in owned or (device.interface or "") in owned:
            context.choose(device.label, "left alone", "the service rdma-agent owns it", ["rdma", "nics"])
        else:
            kept.append(device)
    network.devices = kept


def _stale(context: "Context", written: "Set[str]") -> "Iterator[str]":
    """Files of the agent's own that this configuration does not ask for."""
    for directory, beginnings in (
        (system.PROFILES, ("tsagent-",)),
        (system.DEFAULTS, ("30-tsagent",)),
        (system.UNITS, ("10-tsagent-",)),
        (system.SCRIPTS, ("ifcfg-", "route-", "route6-", "rule-", "rule6-")),
    ):
        for name in context.listdir(directory):
            path = "%s/%s" % (directory, name)
            if name.startswith(beginnings) and path not in written:
                if renderers.ours(context.read(path) or b""):
                    yield path
