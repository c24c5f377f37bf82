"""netplan: one YAML file, from which netplan writes those of systemd-networkd or NetworkManager.

A document of version 2 is netplan's own form and is passed as it stands, with whatever netplan knows and
nothing here does. Where a part of it is wrong, netplan would refuse all of it: then, and for every other
format, the file is written from the model. Source: netplan's YAML reference.
"""

from tsagent.netconfig.model import CARDS, VRF
from tsagent.netconfig.renderers import MARK, File
from tsagent.netconfig.renderers.link import link_file
from tsagent.netconfig.renderers.netplan_model import SECTIONS, describe, one_for_both

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set

    from tsagent.netconfig.model import Network
    from tsagent.netconfig.renderers import Options

PATH = "/etc/netplan/50-tsagent.yaml"
# What netplan before 1.0 refuses wherever it stands. Source: its change log.
_NEWER = (
    "dummy-devices", "virtual-ethernets", "advertised-mss", "ra-overrides", "hairpin", "port-mac-learning",
)  # fmt: skip
# Where netplan keeps passwords and keys. Source: its YAML reference.
_SECRET = ("auth", "key", "keys", "password", "access-points", "private", "shared")


def render(network: "Network", options: "Options") -> "List[File]":
    """The one file, where a document may bring keys of tunnels and such; and one for each new name."""
    from tsagent.netconfig.renderers.netplan_yaml import dump

    document = network.document
    links: "List[File]" = []
    if document is not None and _may_pass(network, document, options):
        # What nothing here can express, netplan can.
        network.problems = [item for item in network.problems if item.rule != "network-unsupported"]
        passed = _trimmed(document, 0)
        # Cards that came later are not in it.
        for section, devices in describe(network, options, but=_named(document)).items():
            if isinstance(devices, dict):
                passed.setdefault(section, {}).update(devices)
        content = {"network": passed}
    else:
        content = {"network": describe(network, options)}
        for device in network.devices:
            if device.set_name and device.kind in CARDS:
                # Before netplan's own, 10-netplan-NAME.link, which an MTU alone brings about.
                link = link_file(network, device, options, order=5)
                links += [link] if link is not None else []
    return [File(PATH, MARK + dump(content), 0o600, secret=_mentions(content, _SECRET)), *links]


def _may_pass(network: "Network", document: "Dict[str, Any]", options: "Options") -> bool:
    """Whether netplan takes the document as a whole, as far as that can be told without asking it."""
    if any(item.severity == "error" or item.rule == "unknown-key" for item in network.problems):
        return False
    if options.netplan == 0 and (
        _mentions(document, _NEWER) or any(device.kind == VRF and device.routes for device in network.devices)
    ):
        return False
    if _named(document) - {device.name for device in network.devices}:
        return False  # some are left alone
    # It names files after the device.
    if any(one_for_both(device) or "/" in device.name for device in network.devices):
        return False
    # netplan finds a card by its new name, which it has from the next start on.
    return bool(network.problems) or not any(device.renamed for device in network.devices)


def _named(document: "Dict[str, Any]") -> "Set[str]":
    """The devices of a document that are in the model, too."""
    return {str(name) for section in SECTIONS for name in document.get(section) or {} if name != "renderer"}


def _mentions(value: "Any", keys: "Any") -> bool:
    if isinstance(value, dict):
        return any(key in keys or _mentions(item, keys) for key, item in value.items())
    return isinstance(value, list) and any(_mentions(item, keys) for item in value)


def _trimmed(value: "Any", depth: int) -> "Any":
    """Without what says nothing: netplan takes no null. A device without settings is one all the same."""
    if isinstance(value, dict):
        kept = {}
        for key in value:
            if value[key] is not None:
                kept[key] = _trimmed(value[key], depth + 1)
            elif depth == 1:
                kept[key] = {}
        return kept
    if isinstance(value, list):
        return [_trimmed(item, depth + 1) for item in value if item is not None]
    return value
