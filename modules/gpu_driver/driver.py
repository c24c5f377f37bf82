"""The plan for a machine that has GPUs of NVIDIA's."""

from tsagent.changes import package_store
from tsagent.changes.files import EditFile
from tsagent.changes.system import EnableUnit, Verify
from tsagent.errors import AgentError

from . import count, looks, matrix, repositories
from .choice import Driver, Unsupported, choose_driver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

    from tsagent.changes.base import Change, Probe
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

STREAM_FILE = "/etc/dnf/modules.d/nvidia-driver.module"
_MODULE_NAMES = ("nvidia.ko", "nvidia.ko.xz", "nvidia.ko.zst", "nvidia.ko.gz")
# Where a built module lies below /lib/modules/RELEASE: DKMS, kmod packages, the runfile installer.
_MODULE_PLACES = (
    "extra",
    "updates/dkms",
    "extra/drivers/video/nvidia",
    "extra/nvidia",
    "kernel/drivers/video",
)
_SMI = ("/usr/bin/nvidia-smi", "/bin/nvidia-smi")
_SETTLE = 60.0  # seconds a daemon that was just started may take
_HELPER_LIMIT = 1800.0  # seconds Tencent Cloud's installer may take; its documentation says 15 to 25 minutes
_LOAD_HINT = "see dmesg, and the build's log in /var/lib/dkms/nvidia"


def plan(
    context: "Context", settings: "Dict[str, Any]", gpus: "List[Any]"
) -> "Union[Nothing, Iterator[Change]]":
    """Choose, install and verify, or only verify what is there, for these GPUs of NVIDIA's."""
    if context.facts.virtualization.container:
        return context.nothing("in a container the driver is the host's")
    names = ", ".join("%d x %s" % item for item in count(gpus))
    context.choose("gpus", names, "found on the PCI bus", [gpu.source for gpu in gpus if gpu.source])

    loaded = looks.loaded_version(context.hardware_text(looks.LOADED)) if context.live else None
    if loaded is not None:
        _keep(context, settings, loaded)
        return _verifications(context, gpus, settings, loaded, [])
    built = _built_module(context)
    if built is not None and any(
        context.exists(path) for path in _SMI
    ):  # else an installation that was cut off
        context.choose("install", False, "the module is there: " + built, [built])
        load = _load("the module is there: " + built)
        return _chain([load], _verifications(context, gpus, settings, None, [load]))
    shares = [gpu for gpu in gpus if gpu.vgpu]
    if shares:
        return context.nothing(
            "%s is a share of a %s: it needs NVIDIA's GRID driver, which has a licence and is in no public "
            "repository; use a GPU image of Tencent Cloud's that has it"
            % (context.facts.instance.type or "this GPU", shares[0].model or "GPU")
        )
    if context.live and _other_installer(context):
        return _wait_for_other(context, gpus, settings)
    try:
        driver = choose_driver(context, gpus, settings, _releases(context))
    except Unsupported as refusal:
        if refusal.doubt:
            context.warn("gpu_driver: " + refusal.reason)
        return context.nothing(refusal.reason)
    return _install(context, gpus, settings, driver)


def _install(
    context: "Context", gpus: "List[Any]", settings: "Dict[str, Any]", driver: Driver
) -> "Union[Nothing, Iterator[Change]]":
    manager = context.facts.os.package_manager
    if manager not in ("dnf", "yum"):
        return _cannot(
            context,
            settings,
            "NVIDIA's driver is installed by dnf or yum, and here the package manager is %s"
            % (manager or "unknown"),
            "install it by hand, or say gpu_driver: {enabled: false}",
        )
    changes: "List[Change]" = []
    stream = driver.stream if manager == "dnf" else ""
    packages = _packages(context, driver, manager, settings)
    if settings.get("repository"):
        changes.append(repositories.repository_file(context, settings["repository"]))
        context.choose("repository", repositories.OWN_FILE, "gpu_driver.repository names it")
    else:
        found = repositories.configured(context)
        ahead = package_store.read_sets(context.listdir, context.read)
        served = package_store.set_of(ahead, manager, stream, packages) is not None
        if found is None and not served:
            what = "no package repository here has NVIDIA's driver (wanted: branch %d, %s)" % (
                driver.branch,
                driver.flavour,
            )
            if ahead:
                what += "; what was downloaded ahead does not serve: " + "; ".join(
                    item.describe() for item in ahead
                )
            return _cannot(
                context,
                dict(settings, enabled=True) if ahead else settings,
                what,
                "say gpu_driver: {repository: nvidia}, or the address of a mirror",
            )
        if served:
            context.choose(
                "repository",
                package_store.DIRECTORY,
                "the packages were downloaded ahead",
                [package_store.DIRECTORY],
            )
        else:
            context.choose("repository", found, "it is configured", [str(found)])
    headers = _headers(context)
    if headers:
        changes.append(
            _packages_change(
                headers,
                manager,
                reason="the driver's module is built for this kernel",
                requires=list(changes),
            )
        )
    if manager == "dnf":
        changes.append(
            EditFile(
                STREAM_FILE,
                lambda current: repositories.stream_file(stream, current),
                "enable the module stream nvidia-driver:%s" % stream,
                mode=0o644,
                owner="root",
                group="root",
                reason="the stream pins branch %d" % driver.branch,
            )
        )
    context.choose("packages", packages, "branch %d, %s kernel modules" % (driver.branch, driver.flavour))
    install = _packages_change(
        packages,
        manager,
        reason="driver %s, %s kernel modules" % (driver.version or driver.branch, driver.flavour),
        requires=list(changes),
        variant=stream,
    )
    changes.append(install)
    load = _load("just installed", [install])
    changes.append(load)
    return _chain(changes, _verifications(context, gpus, settings, None, [load], installs=True))


def _packages(context: "Context", driver: Driver, manager: str, settings: "Dict[str, Any]") -> "List[str]":
    table = matrix.DNF_PACKAGES if manager == "dnf" else matrix.YUM_PACKAGES
    names = list(table[driver.flavour])
    if _wants_fabric_manager(context):
        names.append(matrix.FABRIC_MANAGER)
    if driver.version is not None:
        names = ["%s-%s" % (name, driver.version) for name in names]
    elif manager == "yum":
        names = [
            "%s-%d.*" % (name, driver.branch) for name in names
        ]  # no streams: the version pins the branch
    if settings.get("cuda"):
        names.append("cuda-toolkit-" + str(settings["cuda"]).replace(".", "-"))
    return names


def _verifications(
    context: "Context",
    gpus: "List[Any]",
    settings: "Dict[str, Any]",
    loaded: "Optional[str]",
    requires: "Sequence[Change]",
    installs: bool = False,
) -> "Iterator[Change]":
    """What must be so in the end: every GPU listed, versions that agree, persistence, the fabric manager."""
    number = len(gpus)
    fresh = list(requires)
    persistence = settings.get("persistence", True) is not False
    if persistence and (installs or context.exists(_unit_path(matrix.PERSISTENCE_UNIT))):
        yield EnableUnit(
            matrix.PERSISTENCE_UNIT,
            reason="without it a GPU that nobody uses forgets its state",
            requires=fresh,
        )
    elif persistence:
        yield _tool(
            ["nvidia-smi", "-pm", "1"],
            "switch persistence mode on",
            looks.persistence_is_on,
            "this driver came without its persistence daemon",
            fresh,
        )
    if _wants_fabric_manager(context):
        if loaded is not None and not context.exists(_unit_path(matrix.FABRIC_MANAGER_UNIT)):
            manager = context.facts.os.package_manager
            if manager in ("dnf", "yum"):
                yield _packages_change(
                    ["%s-%s" % (matrix.FABRIC_MANAGER, loaded)],
                    manager,
                    reason="NVSwitches need it, of exactly the driver's version",
                )
        yield EnableUnit(matrix.FABRIC_MANAGER_UNIT, reason="NVSwitches are wired up by it", requires=fresh)
    yield Verify(
        "nvidia-smi lists %d GPU%s" % (number, "" if number == 1 else "s"),
        looks.lists_every_gpu(number),
        hint="see dmesg for NVRM and Xid messages",
        code="gpu-missing",
        patience=_SETTLE if fresh else 0.0,
        reason="as many are on the PCI bus",
        requires=fresh,
    )
    yield Verify(
        "the loaded driver is the installed one",
        looks.versions_agree(_module_packages()),
        hint="restart the machine, so that the installed module is loaded",
        code="gpu-driver-mismatch",
        reason="a tool of another version than the module's fails",
        requires=fresh,
    )
    if persistence:
        yield Verify(
            "persistence mode is on",
            looks.persistence_is_on,
            hint="systemctl status " + matrix.PERSISTENCE_UNIT,
            code="gpu-persistence",
            patience=_SETTLE,
            requires=fresh,
        )
    if _wants_fabric_manager(context):
        yield Verify(
            "the fabric manager fits the driver",
            looks.fabric_manager_fits,
            hint="install %s of the driver's exact version" % matrix.FABRIC_MANAGER,
            code="fabric-manager",
            patience=_SETTLE,
            reason="there are %d NVSwitches" % len(context.facts.nvswitches),
            requires=fresh,
        )


def _wait_for_other(context: "Context", gpus: "List[Any]", settings: "Dict[str, Any]") -> "Iterator[Change]":
    wait = Verify(
        "Tencent Cloud's own driver installer is done",
        looks.other_installer_is_done,
        hint="see its log below /usr/local/qcloud/nv, or remove %s and run tsagent again"
        % matrix.TENCENT_CHOICE,
        code="other-installer",
        patience=float(settings.get("wait", _HELPER_LIMIT)),
        reason="two installers must never run",
    )
    context.choose(
        "install",
        False,
        "Tencent Cloud's own installer was asked for",
        [matrix.TENCENT_CHOICE, matrix.TENCENT_DIRECTORY],
    )
    return _chain([wait], _verifications(context, gpus, settings, None, [wait]))


def _other_installer(context: "Context") -> bool:
    if context.exists(matrix.TENCENT_CHOICE):
        return True
    if not context.exists(matrix.TENCENT_DIRECTORY):
        return False
    return any(
        looks.is_other_installer(context.hardware_text("/proc/%s/cmdline" % name))
        for name in context.listdir("/proc")
        if name.isdigit()
    )


def _cannot(context: "Context", settings: "Dict[str, Any]", what: str, hint: str) -> "Nothing":
    """No driver can be installed: an error where the user asked for one, else a word on what to do."""
    if any(settings.get(key) for key in ("enabled", "branch", "version", "flavour", "repository", "cuda")):
        raise AgentError("gpu_driver: " + what, "gpu-driver-source", hint)
    return context.nothing("%s; %s" % (what, hint))


def _keep(context: "Context", settings: "Dict[str, Any]", loaded: str) -> None:
    context.choose("install", False, "driver %s is loaded" % loaded, [looks.LOADED])
    wanted = settings.get("version") or settings.get("branch")
    if wanted is not None and not loaded.startswith(str(wanted)):
        context.warn(
            "gpu_driver: driver %s is there and stays, though %s is asked for; remove it first"
            % (loaded, wanted)
        )


def _built_module(context: "Context") -> "Optional[str]":
    for release in _releases(context):
        for place in _MODULE_PLACES:
            for name in _MODULE_NAMES:
                path = "/lib/modules/%s/%s/%s" % (release, place, name)
                if context.exists(path):
                    return path
    return None


def _headers(context: "Context") -> "List[str]":
    """The kernel-devel packages that the module's build lacks."""
    missing = [
        "kernel-devel-" + release
        for release in _releases(context)
        if not context.exists("/lib/modules/%s/build/Makefile" % release)
    ]
    return missing if _releases(context) else ["kernel-devel"]


def _releases(context: "Context") -> "List[str]":
    """The kernels to serve: the running one, or those installed in a tree."""
    if context.live:
        release = context.facts.kernel.release
        return [release] if release else []
    return context.listdir("/lib/modules")


def _wants_fabric_manager(context: "Context") -> bool:
    return bool(context.facts.nvswitches)


def _load(reason: str, requires: "Sequence[Change]" = ()) -> "Change":
    return _tool(["modprobe", "nvidia"], "load the module nvidia", looks.is_loaded, reason, requires)


def _tool(
    argv: "List[str]",
    what: str,
    check: "Callable[[Host], Probe]",
    reason: str,
    requires: "Sequence[Change]",
) -> "Change":
    from tsagent.changes.commands import RunTool  # a machine without GPUs needs none

    return RunTool(
        argv, what, check=check, needs_live=True, hint=_LOAD_HINT, reason=reason, requires=requires
    )


def _module_packages() -> "List[str]":
    return sorted(
        {names[0] for table in (matrix.DNF_PACKAGES, matrix.YUM_PACKAGES) for names in table.values()}
    )


def _unit_path(unit: str) -> str:
    return "/usr/lib/systemd/system/" + unit


def _chain(first: "List[Change]", rest: "Iterator[Change]") -> "Iterator[Change]":
    yield from first
    yield from rest


def _packages_change(
    names: "List[str]", manager: str, reason: str, requires: "Sequence[Change]" = (), variant: str = ""
) -> "Change":
    from tsagent.changes.packages import InstallPackages

    return InstallPackages(names, manager, reason=reason, requires=requires, variant=variant)
