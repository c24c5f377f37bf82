"""What describes a network, each format into the one model.

A reader never raises for what a configuration says: what it cannot take is left out, and stands in the
network's problems with the place (a JSON pointer) and what was expected.
"""

from tsagent.netconfig.model import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

FORMATS = ("openstack", "v1", "v2", "imds")
_SECTIONS = ("ethernets", "bonds", "bridges", "vlans", "vrfs", "dummy-devices", "tunnels", "wifis", "modems")
_DEPTH = 20  # levels; the formats have eight


def format_of(config: "Any") -> str:
    """Which format a parsed document has; empty where it has none."""
    if not isinstance(config, dict):
        return ""
    if "links" in config or "networks" in config:
        return "openstack"
    version = config.get("version")
    if version is not True and str(version) in ("1", "2"):
        return "v%s" % version
    if isinstance(config.get("nics"), list):
        return "imds"
    # netplan's default; cloud-init wants it to be said.
    if version is None and any(isinstance(config.get(name), dict) for name in _SECTIONS):
        return "v2"
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
    try:
        plain = _plain(config, 0)
    except _TooDeepError:
        network.error("", "is nested more than %d levels deep" % _DEPTH)
        return network
    reader.read(plain, network)
    _once(network)
    if form == "v2" and "rails" not in config:  # which netplan does not know
        network.document = config
    return network


def _once(network: Network) -> None:
    """What was said twice is one."""
    for device in network.devices:
        device.addresses = list({str(item): item for item in reversed(device.addresses)}.values())[::-1]
        routes = {tuple(getattr(item, name) for name in item.__slots__): item for item in device.routes}
        device.routes = list(routes.values())
        device.nameservers, device.search = _unique(device.nameservers), _unique(device.search)
    network.nameservers, network.search = _unique(network.nameservers), _unique(network.search)


def _unique(texts: "List[str]") -> "List[str]":
    return list(dict.fromkeys(texts))


class _TooDeepError(Exception):
    pass


def _plain(value: "Any", depth: int) -> "Any":
    """A document as JSON could have it: keys are texts, and so are dates and what is larger than a number.

    YAML has more kinds of values than any reader should have to think of.
    """
    if depth > _DEPTH:
        raise _TooDeepError
    if isinstance(value, dict):
        from tsagent.userdata.pointer import key_text

        return {key_text(_plain(key, depth + 1)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return "a number that is too large"
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return str(value)
