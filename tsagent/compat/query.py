"""`cloud-init query`: instance data under cloud-init's names, as far as the agent's source states them."""

import json
import os

from tsagent.errors import AgentError
from tsagent.state import paths
from tsagent.state.instance_data import find, told
from tsagent.state.instance_data import instance_data as documented
from tsagent.state.store import read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.host import Host

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
    if name:
        try:
            value = find(data, name)
        except AgentError:
            raise _unknown(data, name) from None
    if list_keys:
        if not isinstance(value, dict):
            raise AgentError("--list-keys provided but '%s' is not a dict" % name, "no-such-path")
        value = "\n".join(sorted(value))
    if isinstance(value, str):
        return value + "\n"
    return json.dumps(value, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"


def _unknown(data: "Dict[str, Any]", name: str) -> AgentError:
    """In cloud-init's words, which scripts look for."""
    steps = name.split(".")
    words = "Undefined instance-data key '%s'" % steps[0]
    for end in range(len(steps) - 1, 0, -1):
        walked = ".".join(steps[:end])
        try:
            find(data, walked)
        except AgentError:
            continue
        words = "instance-data '%s' has no '%s'" % (walked, steps[end])
        break
    return AgentError(words, "no-such-path", "'cloud-init query --list-keys' lists what there is")


def instance_data(host: "Host") -> "Dict[str, Any]":
    """cloud-init's instance data: `v1` and, as there, its names at the top, too; `ds`, `userdata` …

    Raises AgentError `no-instance` before the first run.
    """
    root = os.geteuid() == 0
    said: "Any" = read_json(host.root, paths.INSTANCE_SENSITIVE if root else paths.INSTANCE)
    if not isinstance(said, dict):
        raise AgentError("there is no instance data yet", "no-instance", "see 'cloud-init status'")
    image = said.get("merged_system_cfg")
    names = documented(said, host.root, image if isinstance(image, dict) else None, private=root)
    data: "Dict[str, Any]" = dict(names["v1"], **names)
    data["combined_cloud_config"] = said.get("config") if root else _HIDDEN % paths.INSTANCE_SENSITIVE
    for theirs, ours in _DATA:
        path = "%s/%s" % (paths.INSTANCE_LINK, ours)
        data[theirs] = told(host.root, ours) if root else _HIDDEN % path
    return data
