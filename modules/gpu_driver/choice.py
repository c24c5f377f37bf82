"""Choosing a driver: branch and flavour for all GPUs of a machine and its kernel."""

import re

from tsagent.errors import AgentError

from . import matrix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Context


class Driver:
    """What to install. `version` is exact where the user named it, else None: the branch's newest."""

    __slots__ = ("branch", "flavour", "version")

    def __init__(self, branch: int, flavour: str, version: "Optional[str]") -> None:
        self.branch = branch
        self.flavour = flavour
        self.version = version

    @property
    def stream(self) -> str:
        """The module stream that holds it."""
        return matrix.STREAM.format(branch=self.branch, suffix=matrix.STREAM_SUFFIX[self.flavour])


class Unsupported(Exception):
    """No driver is installed, and why; `doubt` marks what the user should hear of."""

    def __init__(self, reason: str, doubt: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.doubt = doubt


def choose_driver(
    context: "Context", gpus: "List[Any]", settings: "Dict[str, Any]", releases: "List[str]"
) -> Driver:
    """The driver for these NVIDIA GPUs and the kernels of these releases.

    Raises Unsupported where there is none, and AgentError `gpu-driver-refused` where the user named one
    that cannot work.
    """
    version = _version(settings)
    named = _named_branch(settings, version)
    kernel = context.facts.kernel
    shown = ", ".join(releases) or kernel.release or "?"
    unknown = [gpu for gpu in gpus if gpu.architecture not in matrix.ARCHITECTURES]
    if unknown and named is None:
        raise Unsupported(
            "the GPU 10de:%s at %s is not known here; name gpu_driver.branch to have a driver installed"
            % (unknown[0].device_id, unknown[0].address)
        )
    old = _old_kernel(context, releases)
    if old is None and named is None:
        raise Unsupported("nothing tells the version of the kernel; name gpu_driver.branch")
    sources = [gpu.source for gpu in gpus if gpu.source]
    supports = {
        gpu.architecture: matrix.ARCHITECTURES[gpu.architecture] for gpu in gpus if gpu not in unknown
    }
    if old:
        for name, support in sorted(supports.items()):
            if not support.old_kernel:
                raise Unsupported(
                    "no driver runs %s GPUs on the kernel %s: use an image with a newer kernel"
                    % (name, shown)
                )
    least = max([support.least for support in supports.values()] or [0])
    least = max([least] + [matrix.LEAST_OF_MODEL.get(gpu.model, 0) for gpu in gpus])
    most = _most(supports, bool(old))
    names = ", ".join(sorted(supports)) or "unknown"
    on = "%s GPUs on the kernel %s (%s)" % (names, shown, kernel.line or "other")
    if named is None:
        last = matrix.LAST_PACKAGED.get(context.facts.os.rhel_generation or 0)
        if last is not None and (most is None or last < most):
            most, on = last, on + ", packaged for generation %d" % context.facts.os.rhel_generation
    branch = _branch(named, least, most, old, on)
    context.choose("branch", branch, _branch_because(named, most, on), sources + [kernel.source or "kernel"])
    flavour, because = _flavour(settings, branch, supports)
    context.choose("flavour", flavour, because, sources)
    return Driver(branch, flavour, version)


def _branch(named: "Optional[int]", least: int, most: "Optional[int]", old: "Optional[bool]", on: str) -> int:
    if named is None:
        wanted = matrix.DEFAULT_OLD_KERNEL if old else matrix.DEFAULT
        wanted = max(wanted, least)
        if most is not None and wanted > most:
            wanted = most
        if wanted < least:
            raise Unsupported(
                "no branch runs %s: it takes %d at least and %d at most" % (on, least, most or 0)
            )
        return wanted
    if most is not None and named > most:
        raise _refused("branch %d does not run %s" % (named, on), "%d is the last that does" % most)
    if named < least:
        raise _refused("branch %d does not run %s" % (named, on), "%d is the first that does" % least)
    return named


def _branch_because(named: "Optional[int]", most: "Optional[int]", on: str) -> str:
    if named is not None:
        return "gpu_driver names it; it runs " + on
    if most is not None:
        return "%d is the last branch for %s" % (most, on)
    return "the long-term branch, for " + on


def _most(supports: "Dict[str, Any]", old: bool) -> "Optional[int]":
    """The last branch that runs all of them, None for no end."""
    ends = [support.most for support in supports.values() if support.most is not None]
    if old:
        ends.append(matrix.DEFAULT_OLD_KERNEL)
    return min(ends) if ends else None


def _flavour(settings: "Dict[str, Any]", branch: int, supports: "Dict[str, Any]") -> "Any":
    wanted = settings.get("flavour", "auto")
    possible = [
        name
        for name in (matrix.OPEN, matrix.PROPRIETARY)
        if all(name in support.flavours for support in supports.values())
        and (name != matrix.OPEN or branch >= matrix.OPEN_SINCE)
    ]
    names = ", ".join(sorted(supports)) or "unknown GPUs"
    if wanted in (matrix.OPEN, matrix.PROPRIETARY):
        if wanted not in possible:
            raise _refused(
                "the %s kernel modules of branch %d do not run %s" % (wanted, branch, names),
                "say flavour: %s" % possible[0] if possible else "no flavour does",
            )
        return wanted, "gpu_driver.flavour names it"
    if not possible:
        raise Unsupported("no flavour of the driver runs %s together" % names)
    if len(possible) == 1:
        return possible[0], "the only one for %s" % names
    if branch >= matrix.OPEN_IS_DEFAULT_SINCE and supports:
        return matrix.OPEN, "NVIDIA's default since branch %d for %s" % (matrix.OPEN_IS_DEFAULT_SINCE, names)
    return matrix.PROPRIETARY, "NVIDIA's default before branch %d" % matrix.OPEN_IS_DEFAULT_SINCE


def _old_kernel(context: "Context", releases: "List[str]") -> "Optional[bool]":
    """Whether a kernel is too old for the newer branches; None where nobody can tell."""
    versions = [re.match(r"(\d+)\.(\d+)", release) for release in releases]
    known = [(int(match.group(1)), int(match.group(2))) for match in versions if match]
    if known:
        return min(known) < matrix.NEWER_KERNEL
    line = context.facts.kernel.line
    return bool(line == "tkernel3") if line in ("tkernel3", "tkernel4", "tkernel5") else None


def _version(settings: "Dict[str, Any]") -> "Optional[str]":
    version = settings.get("version")
    if version is None:
        return None
    if not re.fullmatch(r"\d{3}\.\d{2,3}(\.\d{2})?", str(version)):
        raise AgentError(
            "gpu_driver.version: %r is not a version" % str(version)[:40], "bad-version", "as in 580.159.04"
        )
    return str(version)


def _named_branch(settings: "Dict[str, Any]", version: "Optional[str]") -> "Optional[int]":
    named = settings.get("branch")
    if named is None:
        return int(version.split(".")[0]) if version else None
    if not re.fullmatch(r"\d{3}", str(named)):
        raise AgentError("gpu_driver.branch: %r is not a branch" % str(named)[:40], "bad-branch", "as in 580")
    if version and int(version.split(".")[0]) != int(named):
        raise AgentError(
            "gpu_driver: version %s is not of branch %s" % (version, named), "bad-branch", "name one of them"
        )
    return int(named)


def _refused(message: str, hint: str) -> AgentError:
    return AgentError("gpu_driver: " + message, "gpu-driver-refused", hint)
