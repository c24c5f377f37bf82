"""`cloud-init query`: instance data under cloud-init's names, as far as the agent's source states them."""

import json
import os

from tsagent.errors import AgentError
from tsagent.state import paths
from tsagent.state.store import read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.host import Host

_LARGEST = 32 << 20  # bytes of unpacked user data
_HIDDEN = "<redacted for non-root user> file:%s"
_DATA = (("userdata", "user-data"), ("vendordata", "vendor-data"))


def answer(host: "Host", name: "Optional[str]", list_keys: bool, template: "Optional[str]") -> str:
    """What is printed. Raises AgentError for a name that there is not, and for a bad template."""
    data = instance_data(host)
    if template is not None:
        from tsagent.userdata.template import render

        text = render(b"## template: jinja\n" + template.encode("utf-8"), data).decode("utf-8")
        return text.lstrip("\n") + "\n"
    value: "Any" = data
    walked = ""
    for step in name.split(".") if name else []:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            words = "instance-data '%s' has no '%s'" % (walked, step)
            raise AgentError(
                words if walked else "Undefined instance-data key '%s'" % step,
                "no-such-path",
                "'cloud-init query --list-keys' lists what there is",
            )
        walked = "%s.%s" % (walked, step) if walked else step
    if list_keys:
        if not isinstance(value, dict):
            raise AgentError("--list-keys provided but '%s' is not a dict" % name, "no-such-path")
        value = "\n".join(sorted(value))
    if isinstance(value, str):
        return value + "\n"
    return json.dumps(value, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"


def instance_data(host: "Host") -> "Dict[str, Any]":
    """cloud-init's instance data: `v1` and, as there, its names at the top, too; `ds`, `userdata` …

    Raises AgentError `no-instance` before the first run.
    """
    from tsagent.session.settings import instance_data as as_templates_see_it
    from tsagent.sources.data import SourceData

    root = os.geteuid() == 0
    told: "Any" = read_json(host.root, paths.INSTANCE_SENSITIVE if root else paths.INSTANCE)
    if not isinstance(told, dict):
        raise AgentError("there is no instance data yet", "no-instance", "see 'cloud-init status'")
    source = SourceData(
        told["source"], told["origin"], told["instance_id"], told["metadata"], told.get("sensitive")
    )
    names = as_templates_see_it(source)
    version1 = dict(names["v1"], **_system(host))
    version1["cloud_id"] = version1["cloud_name"]
    version1["subplatform"] = "%s (%s)" % (told["source"], told["origin"])
    data: "Dict[str, Any]" = dict(version1, v1=version1, ds=names["ds"])
    data["combined_cloud_config"] = told.get("config") if root else _HIDDEN % paths.INSTANCE_SENSITIVE
    for theirs, ours in _DATA:
        path = "%s/%s" % (paths.INSTANCE_LINK, ours)
        data[theirs] = _text(host, path) if root else _HIDDEN % path
    return data


def _system(host: "Host") -> "Dict[str, Any]":
    import platform

    from tsagent.facts import Facts

    system = Facts(host.hardware, host.root).os
    _name, _node, release, _version, machine = os.uname()
    return {
        "distro": system.id,
        "distro_version": system.version_id,
        "distro_release": system.version,
        "kernel_release": release,
        "machine": machine,
        "python_version": platform.python_version(),
        "system_platform": platform.platform(),
        "variant": system.id,
    }


def _text(host: "Host", path: str) -> str:
    """Decompressed where it is gzip; what is no text in base64, marked as cloud-init marks it."""
    try:
        data = host.root.read(path)
    except OSError:
        return ""
    if data[:2] == b"\x1f\x8b":
        from tsagent.userdata.compressed import gunzip

        try:
            data = gunzip(data, _LARGEST)
        except AgentError:
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        import base64

        return "ci-b64:" + base64.b64encode(data).decode("ascii")
