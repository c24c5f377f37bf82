"""handoff.json: what the tuning and update services are handed. Its schema is public: `handoff`."""

from tsagent.state.paths import HANDOFF, STATE
from tsagent.tuning.machine import MachineClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.registry.context import Context

SCHEMA = "tsagent.handoff/1"
PATH = HANDOFF
KEPT = STATE + "/handoff.json"
TMPFILES = "/etc/tmpfiles.d/tsagent-handoff.conf"
TMPFILES_CONTENT = "d %s 0755 root root -\nC %s 0644 root root - %s\n" % (PATH.rpartition("/")[0], PATH, KEPT)
_PARAMETERS = "/etc/sysctl.d/60-tsagent.conf"
_DRIVER = "/proc/driver/nvidia/version"


def render(
    context: "Context", machine: MachineClass, tuning: "Dict[str, Any]", updates: "Dict[str, Any]"
) -> str:
    """The document as text."""
    import json

    data = {
        "schema": SCHEMA,
        "instance": _instance(context),
        "hardware_class": {
            "name": machine.name,
            "because": machine.because,
            "virtual": machine.virtual,
            "kernel_release": context.facts.kernel.release,
            "kernel_line": context.facts.kernel.line,
        },
        "tuning": tuning,
        "updates": updates,
        "kernel_parameters": _kernel_parameters(context),
        "gpu": _gpu(context),
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _instance(context: "Context") -> "Dict[str, Any]":
    instance = context.instance
    return {
        "id": instance.get("instance_id"),
        "type": instance.get("instance_type") or context.facts.instance.type,
        "region": instance.get("region"),
        "zone": instance.get("zone"),
        "image_id": instance.get("image_id"),
    }


def _kernel_parameters(context: "Context") -> "Dict[str, Any]":
    keys = {}
    for line in (context.read(_PARAMETERS) or b"").decode("utf-8", "replace").splitlines():
        if "=" in line and line.lstrip()[:1] not in ("#", ";"):
            key, value = line.split("=", 1)
            keys[key.strip()] = value.strip()
    return {"file": _PARAMETERS if keys else None, "keys": keys}


def _gpu(context: "Context") -> "Dict[str, Any]":
    models: "List[Dict[str, Any]]" = []
    for gpu in context.facts.gpus:
        known = {"vendor": gpu.vendor, "model": gpu.model, "architecture": gpu.architecture}
        same = [item for item in models if {key: item[key] for key in known} == known]
        if same:
            same[0]["count"] += 1
        else:
            models.append(dict(known, count=1))
    return {
        "count": len(context.facts.gpus),
        "models": models,
        "nvswitches": len(context.facts.nvswitches),
        "vgpu": any(bool(gpu.vgpu) for gpu in context.facts.gpus),
        "driver": _driver(context),
    }


def _driver(context: "Context") -> "Any":
    """The first line of the loaded driver's own account, or None."""
    text = context.hardware_text(_DRIVER) if context.facts.gpus else None
    return text.splitlines()[0] if text else None
