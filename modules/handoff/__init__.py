"""The hand-off: the tuning and the update service take over what the first boot set up.

Both are contracts with real services (tuned; dnf-automatic or yum-cron), written down in
/run/tsagent/handoff.json, so that another service can take either's place by configuration.
"""

from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.system import EnableUnit, SwitchTunedProfile
from tsagent.errors import AgentError
from tsagent.tuning.machine import MachineClass, machine_class
from tsagent.tuning.profiles import find_profile, installed, profile_of

from . import document, updates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

# What stands in for a profile that this version of tuned does not have yet.
_STAND_INS = {
    "accelerator-performance": "throughput-performance",
    "hpc-compute": "latency-performance",
    "virtual-guest": "throughput-performance",
}
_COMMAND_LIMIT = 300.0  # seconds another service's own command may take


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Write handoff.json, then hand over the tuning and the updates."""
    settings = context.settings.get("handoff") or {}
    if settings.get("enabled") is False:
        return context.nothing("handoff.enabled is false")
    machine = machine_class(context.facts)
    tuning, tune = _tuning(context, settings, machine)
    update, updating = _updates(context, settings, machine)
    return _changes(context, machine, (tuning, update), tune + updating)


def _changes(
    context: "Context",
    machine: MachineClass,
    parts: "Tuple[Dict[str, Any], Dict[str, Any]]",
    services: "List[Change]",
) -> "Iterator[Change]":
    content = document.render(context, machine, parts[0], parts[1])
    # /run is empty after a restart: systemd-tmpfiles puts the copy back before any service looks.
    yield WriteFile(document.KEPT, content, 0o644, "root", "root", reason="what the services were handed")
    yield WriteFile(
        document.TMPFILES,
        document.TMPFILES_CONTENT,
        0o644,
        "root",
        "root",
        reason="/run is empty at each start",
    )
    yield WriteFile(document.PATH, content, 0o644, "root", "root", reason="what the services are handed")
    yield from services


def _tuning(
    context: "Context", settings: "Dict[str, Any]", machine: MachineClass
) -> "Tuple[Dict[str, Any], List[Change]]":
    wanted = settings.get("tuning") or {}
    service = wanted.get("service", "tuned")
    profile, because = profile_of(machine, settings)
    if service != "tuned":
        return _another(context, "tuning", service, wanted)
    assert profile is not None  # profile_of: None only for another service
    there = installed(context.exists)
    if there:
        profile, because = _known_profile(context, wanted, profile, because)
    context.choose("tuning.profile", profile, because, machine.sources)
    part: "Dict[str, Any]" = {"service": "tuned", "unit": "tuned.service"}
    part.update(profile=profile, because=because)
    changes: "List[Change]" = []
    if context.facts.virtualization.container:
        return dict(part, state="left", reason="in a container the kernel is the host's"), []
    if not there:
        manager = context.facts.os.package_manager
        if not wanted.get("install") or manager is None:
            context.choose(
                "tuning.service", None, "tuned is not installed; handoff.tuning.install: true installs it"
            )
            return dict(part, state="absent", reason="tuned is not installed"), []
        changes.append(_install("tuned", manager, "handoff.tuning.install"))
    context.choose("tuning.service", "tuned", "it is installed" if there else "handoff.tuning.install")
    enable = EnableUnit("tuned.service", reason="it keeps the profile in force", requires=list(changes))
    switch = SwitchTunedProfile(profile, reason=because, requires=[enable])
    return dict(part, state="handed-over", reason=None), changes + [enable, switch]


def _known_profile(
    context: "Context", wanted: "Dict[str, Any]", profile: str, because: str
) -> "Tuple[str, str]":
    missing = [name for name in profile.split() if find_profile(context.exists, name) is None]
    if not missing:
        return profile, because
    if wanted.get("profile"):
        raise AgentError(
            "handoff.tuning.profile: tuned has no profile %s" % missing[0],
            "no-such-profile",
            "`tuned-adm list` names those it has",
        )
    stand_in = _STAND_INS.get(profile, "balanced")
    if find_profile(context.exists, stand_in) is None:
        stand_in = "balanced"
    return stand_in, "%s; this tuned has no %s" % (because, profile)


def _updates(
    context: "Context", settings: "Dict[str, Any]", machine: MachineClass
) -> "Tuple[Dict[str, Any], List[Change]]":
    wanted = settings.get("updates") or {}
    service = wanted.get("service", "auto")
    if service not in ("auto",) + tuple(updates.SERVICES):
        return _another(context, "updates", service, wanted)
    if service == "auto":
        service, because = updates.service_of(context)
    else:
        because = "handoff.updates.service names it"
    context.choose("updates.service", service, because, [context.facts.os.source or "os-release"])
    if service is None:
        return {"service": None, "unit": None, "state": "left", "reason": because}, []
    known = updates.SERVICES[service]
    apply, exclude = updates.policy(context, wanted, machine)
    part = {
        "service": service,
        "unit": known.unit,
        "configuration": known.configuration,
        "apply": apply,
        "exclude": exclude,
        "because": because,
    }  # type: Dict[str, Any]
    changes: "List[Change]" = []
    if not known.installed(context.exists):
        manager = context.facts.os.package_manager
        if not wanted.get("install") or manager is None:
            reason = "%s is not installed; handoff.updates.install: true installs it" % service
            context.choose("updates.state", "absent", reason)
            return dict(part, state="absent", reason="%s is not installed" % service), []
        changes.append(_install(known.package, manager, "handoff.updates.install"))
    options = known.options(apply, exclude, wanted.get("random_delay"))
    edit = EditFile(
        known.configuration,
        lambda current: updates.set_options(current, options),
        _in_words(apply, exclude),
        mode=0o644,
        owner="root",
        group="root",
        reason="handoff.updates",
        requires=list(changes),
    )
    enable = EnableUnit(known.unit, reason="it looks for updates", requires=[edit])
    return dict(part, state="handed-over", reason=None), changes + [edit, enable]


def _in_words(apply: str, exclude: "List[str]") -> str:
    what = "only announce updates" if apply == "none" else "apply %s updates" % apply
    return what + (", but not of " + ", ".join(exclude) if exclude else "")


def _another(
    context: "Context", part: str, service: "Optional[str]", wanted: "Dict[str, Any]"
) -> "Tuple[Dict[str, Any], List[Change]]":
    """A service of the user's own in place of the agent's choice, or none at all."""
    key = "handoff.%s.service" % part
    context.choose(part + ".service", None if service == "none" else service, key + " names it")
    if service in (None, "none"):
        return {"service": None, "unit": None, "state": "left", "reason": key + " is none"}, []
    unit = str(wanted.get("unit") or "%s.service" % service)
    changes: "List[Change]" = [EnableUnit(unit, reason=key)]
    command = wanted.get("command")
    if command:
        from tsagent.changes.commands import RunTool

        changes.append(
            RunTool(
                [str(word) for word in command],
                "hand over to " + str(service),
                needs_live=True,
                timeout=_COMMAND_LIMIT,
                env={"TSAGENT_HANDOFF": document.PATH},
                reason="handoff.%s.command" % part,
                requires=list(changes),
            )
        )
    handed = {
        "service": service,
        "unit": unit,
        "state": "handed-over",
        "reason": None,
        "because": key + " names it",
    }
    return handed, changes


def _install(package: str, manager: str, reason: str) -> "Change":
    from tsagent.changes.packages import InstallPackages  # where nothing is missing it is not needed

    return InstallPackages([package], manager, reason=reason)
