"""The network: what the source, the image or the kernel's command line says, as the service's own files.

They are written in the local stage, before the network service starts. Where nothing says anything the
primary card gets DHCP, unless somebody configured it already.
"""

from tsagent import netconfig
from tsagent.changes.network_files import RemoveNetworkFile, WriteNetworkFile, parse_records
from tsagent.netconfig import choice, initramfs, renderers, source_routing, system, versions
from tsagent.netconfig.cards import candidates, race_result
from tsagent.netconfig.model import CARDS
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Union

    from tsagent.changes.base import Change
    from tsagent.netconfig.model import Network
    from tsagent.registry.context import Context, Nothing

# A network service runs, or has run: looked at before anything is asked of one. The last: a configuration
# was put back, and must not be put in place without being tried.
_SIGNS = ("/run/NetworkManager", "/run/systemd/netif", "/var/lock/subsys/network", paths.NETWORK_PUT_BACK)


def plan(context: "Context") -> "Union[Nothing, Iterator[Change], List[Change]]":
    """Read the first source that says anything, render it for the service the system has."""
    left = context.read(paths.NETWORK_TRIAL)
    if left is not None:
        from tsagent.changes.network_apply import RestoreNetwork

        context.warn("the agent or the machine was stopped while a network configuration was being tried")
        return [RestoreNetwork(left)]
    settings = dict(context.settings.get("network") or {})
    if context.asked.get("renderer"):
        settings["renderer"] = context.asked["renderer"]
    form, config, source = context.asked.get("config") or choice.configuration(context, settings)
    if form == choice.DISABLED:
        return context.nothing("network configuration is disabled by %s" % source)
    nics = context.facts.nics
    mac = context.instance.get("mac")
    rdma = system.owned_by_rdma_agent(context)
    others = [card for card in nics if card["name"] not in rdma]
    nic, why = netconfig.primary_nic(others if candidates(others) else nics, mac, race_result(context))
    if nic is not None:
        rdma.discard(nic["name"])
    early = {} if context.asked.get("config") or source == choice.KERNEL else initramfs.configured(context)
    if form:
        network = netconfig.read(form, config, source)
    else:
        if nic is None:
            return context.nothing(_no_card(context))
        if nic["name"] in early:
            return context.nothing("the initramfs has configured %s (%s)" % (nic["name"], early[nic["name"]]))
        foreign = system.configured_by_others(context, nic)
        if foreign is not None:
            return context.nothing("%s is configured by %s already" % (nic["name"], foreign))
        network = netconfig.fallback(nic, source)
        context.choose("primary", nic["name"], why, ["nics"])
    context.choose("source", source, "it is the first that says anything", ["kernel.parameters"])
    netconfig.resolve(network, nics)
    if not context.asked.get("config"):
        attached = (context.network or {}).get("attached")
        netconfig.attach(network, attached or [], nics)
    owners = dict.fromkeys(rdma, "the service rdma-agent owns it")
    owners.update((name, "the initramfs has configured it (%s)" % early[name]) for name in early)
    _leave_alone(context, network, owners)
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
    managed = renderer == "ifcfg" and system.managed_ifcfg(context)
    if renderer == "ifcfg" and not managed:
        netconfig.expand(network, nics)  # the scripts know no patterns
    options = renderers.Options(
        managed, versions.systemd(context, context.facts.os.family), netplan=versions.netplan(context)
    )
    files = renderers.render(network, renderer, options)
    _report(context, network)
    return _changes(context, files, source, renderer, nic) + _names(context, network)


def _names(context: "Context", network: "Network") -> "List[Change]":
    """What is called anew: at once where nobody uses it yet, by udev from the next start on."""
    names = {
        device.interface: device.set_name
        for device in network.devices
        if device.renamed and device.kind in CARDS and device.interface and device.set_name
    }
    if not names or context.asked:
        return []
    from tsagent.changes.card_names import RenameCards

    addresses = {nic["name"]: nic["mac"] for nic in context.facts.nics if nic["name"] in names and nic["mac"]}
    return [RenameCards(names, addresses, "set-name")]


def _changes(
    context: "Context", files: "List[renderers.File]", source: str, renderer: str, nic: "Optional[Any]"
) -> "List[Change]":
    """The files to write and to remove; where the service may run already, what tries them comes first."""
    asked = context.asked
    instance = str(context.instance.get("instance_id") or "")
    force = bool(asked.get("force"))
    changes: "List[Union[WriteNetworkFile, RemoveNetworkFile]]" = [
        WriteNetworkFile(
            item.path,
            item.content,
            item.mode,
            getattr(item, "secret", False),
            "from %s" % source,
            instance,
            force,
        )
        for item in files
    ]
    for path in _stale(context, {item.path for item in files}):
        words = "written by an earlier run and no longer asked for"
        changes.append(RemoveNetworkFile(path, words, instance, force))
    settled = all(context.read(item.path) == item.content.encode("utf-8") for item in files)
    if not asked and (
        (settled and len(changes) == len(files)) or not any(context.exists(path) for path in _SIGNS)
    ):
        return list(changes) + ([] if settled else _generated(renderer, changes))
    from tsagent.changes.network_apply import LIMIT, ApplyNetwork

    trial = ApplyNetwork(
        renderer,
        changes,
        nic["name"] if nic is not None else None,
        context.service_url,
        asked.get("timeout", LIMIT),
        None if asked.get("config") else instance,
        always=bool(asked),
        rollback=asked.get("rollback", True),
        reason="as asked" if asked else "files differ from those that the service started with",
    )
    return [trial] + list(changes) + _generated(renderer, changes)


def _generated(renderer: str, files: "Sequence[Change]") -> "List[Change]":
    """What netplan still has to do in the local stage; one that is applied has done it by then."""
    if renderer != "netplan":
        return []
    from tsagent.changes.netplan import GenerateNetplan

    return [GenerateNetplan("its generator has run before these files were there", files)]


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
        if asked is network.renderer and chosen and system.netplan_configures(context):
            # netplan's own word for the service that it shall write for.
            chosen, where = "netplan", "%s, and netplan configures the network" % where
        if chosen:
            return str(context.choose("renderer", chosen, "asked for by %s" % where))
        context.warn("%s names no renderer known here (%s)" % (where, ", ".join(renderers.NAMES)))
    chosen, why = system.choose_renderer(context, context.facts.os.family)
    return str(context.choose("renderer", chosen, why, ["os.family"])) if chosen else ""


def _report(context: "Context", network: "Network") -> None:
    if network.source == choice.IMAGE and network.problems:
        from tsagent.netconfig.places import place

        place(context, context.settings.get("network"), network.problems)
    if context.asked.get("text") and network.problems:
        netconfig.place_problems(network.problems, context.asked["text"], network.source)
    from tsagent.netconfig.renderers.whole_network import UNUSED

    for problem in network.problems:
        if problem.rule == UNUSED:  # the configuration means it so
            context.choose("names", "each device's own", problem.message)
            continue
        if problem.line:
            context.warn(str(problem))
            continue
        where = " at %s" % problem.path if problem.path else ""
        context.warn("%s%s: %s" % (network.source, where, problem.message))


def _leave_alone(context: "Context", network: "Network", owners: "Dict[str, str]") -> None:
    """Take out the devices that somebody else sees to, and what is made of those: it would be fought over.

    `owners` says for the kernel's name of a device who does.
    """
    gone: "Dict[str, str]" = {}
    more = True
    while more:
        more = False
        for device in network.devices:
            if device.name in gone:
                continue
            owner = owners.get(device.label) or owners.get(device.interface or "")
            below = [name for name in [*device.members, device.parent] if name in gone]
            if owner is None and below:
                owner = "it is on %s" % below[0]
            if owner is not None:
                gone[device.name] = owner
                context.choose(device.label, "left alone", owner, ["rdma", "nics", "kernel.parameters"])
                more = True
    network.devices = [device for device in network.devices if device.name not in gone]


def _stale(context: "Context", written: "Set[str]") -> "Iterator[str]":
    """Files of the agent's own that this configuration does not ask for: by their mark, or on record."""
    records = parse_records(context.read(paths.NETWORK_FILES))
    instance = str(context.instance.get("instance_id") or "")
    found = set(records) - written
    for directory, beginnings in system.OWN:
        for name in context.listdir(directory):
            path = "%s/%s" % (directory, name)
            if name.startswith(beginnings) and path not in written:
                if renderers.ours(context.read(path) or b""):
                    found.add(path)
    for path in sorted(found):
        content = context.read(path)
        record = records.get(path)
        if content is None:
            continue
        if renderers.ours(content) or (record and (record.knows(content) or record.instance == instance)):
            yield path
