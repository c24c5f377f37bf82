"""NVIDIA's driver: chosen by GPU and kernel, installed from a package repository, and seen to work.

A driver that is there is never replaced. Tencent Cloud's own installer, where it was asked for, is given
way to: two installers never run. Nothing here holds up a login.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Nothing without NVIDIA GPUs; otherwise choose, install and verify, or only verify what is there."""
    settings = context.settings.get("gpu_driver") or {}
    if settings.get("enabled") is False:
        return context.nothing("gpu_driver.enabled is false")
    gpus = [gpu for gpu in context.facts.gpus if gpu.vendor_id == "10de"]
    if not gpus:
        return _no_gpu(context)
    from . import driver  # most machines have none and need not load it

    return driver.plan(context, settings, gpus)


def _no_gpu(context: "Context") -> "Nothing":
    promised = context.facts.instance.accelerator
    others = [gpu for gpu in context.facts.gpus if gpu.vendor_id != "10de"]
    if others:
        names = ", ".join("%d x %s" % item for item in count(others))
        return context.nothing("the GPUs here are not NVIDIA's (%s): install their maker's driver" % names)
    if promised is not None and promised.vendor == "NVIDIA" and context.facts.nics:
        context.warn(
            "gpu_driver: %s should have a %s, but there is no GPU on the PCI bus"
            % (context.facts.instance.type, promised.model)
        )
    return context.nothing("no GPU on the PCI bus")


def count(gpus: "List[Any]") -> "List[Any]":
    """How many of each model: (number, name)."""
    names = [gpu.model or "%s:%s" % (gpu.vendor_id, gpu.device_id) for gpu in gpus]
    return [(names.count(name), name) for name in sorted(set(names))]
