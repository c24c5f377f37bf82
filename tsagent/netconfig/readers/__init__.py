"""What describes a network, each format into the one model.

A reader never raises for what a configuration says: what it cannot take is left out, and stands in the
network's problems with the place (a JSON pointer) and what was expected.
"""

from tsagent.netconfig.model import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMATS = ("openstack", "v1", "v2", "imds")


def format_of(config: "Any") -> str:
    """Which format a parsed document has; empty where it has none."""
    if not isinstance(config, dict):
        return ""
    if "links" in config or "networks" in config:
        return "openstack"
    if config.get("version") in (1, 2):
        return "v%d" % config["version"]
    if isinstance(config.get("nics"), list):
        return "imds"
    return ""


def read(form: str, config: "Any", source: str = "") -> Network:
    """The network that `config` describes in format `form` (one of FORMATS)."""
    if form == "openstack":
        from tsagent.netconfig.readers import openstack as reader
    elif form == "v1":
        from tsagent.netconfig.readers import version1 as reader  # type: ignore[no-redef]
    elif form == "v2":
        from tsagent.netconfig.readers import version2 as reader  # type: ignore[no-redef]
    elif form == "imds":
        from tsagent.netconfig.readers import metadata as reader  # type: ignore[no-redef]
    else:
        network = Network(source)
        network.error("", "should be network configuration of version 1 or 2, or network_data.json")
        return network
    network = Network(source)
    if not isinstance(config, dict):
        network.error("", "should be a mapping")
        return network
    reader.read(config, network)
    _check_members(network)
    return network


def _check_members(network: Network) -> None:
    """What names another device must name one that is there."""
    seen = set()
    for device in list(network.devices):
        if device.name in seen:
            network.error("", "the device %s is described twice; the second is left out" % device.name)
            network.devices.remove(device)
            continue
        seen.add(device.name)
    names = {device.name for device in network.devices}
    for device in list(network.devices):
        if device.kind == "vlan" and device.parent not in names:
            network.error("", "VLAN %s is on a device that is not described; it is left out" % device.name)
            network.devices.remove(device)
        for member in [name for name in device.members if name not in names]:
            network.error("", "bond %s names a member that is not described: %s" % (device.name, member))
            device.members.remove(member)
