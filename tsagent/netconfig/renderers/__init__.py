"""The model as files of each network service.

Each renderer is one module with `render(network, options) -> [File]`. What a service cannot express is
noted in the network's problems.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.netconfig.model import Network

NAMES = ("networkmanager", "ifcfg", "networkd", "netplan")
# Other spellings in use: cloud-init's and netplan's.
_ALIASES = {"network-manager": "networkmanager", "nm": "networkmanager", "sysconfig": "ifcfg"}
MARK = "# Written by tsagent: a new instance gets this file anew.\n"
_OLD_MARKS = (b"# Written by tsagent",)


class File:
    """A file to be at `path` with `content` and `mode`; what is `secret` is shown nowhere."""

    __slots__ = ("content", "mode", "path", "secret")

    def __init__(self, path: str, content: str, mode: int = 0o644, secret: bool = False) -> None:
        self.path = path
        self.content = content
        self.mode = mode
        self.secret = secret


class Options:
    """What a renderer needs to know of the system.

    `managed` says that NetworkManager, not the network scripts, reads ifcfg files. `systemd` is its version,
    None where it is not known; `netplan` is the first part of netplan's. `offline` says that no machine was
    looked at: the name a configuration gives a card is then the only one there is.
    """

    __slots__ = ("managed", "netplan", "offline", "systemd")

    def __init__(
        self,
        managed: bool = False,
        systemd: "Optional[int]" = None,
        offline: bool = False,
        netplan: "Optional[int]" = None,
    ) -> None:
        self.managed = managed
        self.systemd = systemd
        self.offline = offline
        self.netplan = netplan


def canonical(name: str) -> str:
    """The renderer's own name for any spelling of it; empty for a name that is none."""
    plain = name.strip().lower()
    plain = _ALIASES.get(plain, plain)
    return plain if plain in NAMES else ""


def kernel_like(name: str) -> bool:
    """Whether a card may well have this name from the kernel or udev: eth0, enp1s0, ib0 …"""
    import re

    return bool(re.match(r"(eth\d|en[a-zA-Z]|ib[a-z]?\d|em\d|p\d+p)", name))


def ours(content: "bytes") -> bool:
    """Whether a file was written by the agent."""
    return content.startswith(_OLD_MARKS)


def render(network: "Network", renderer: str, options: "Options") -> "List[File]":
    """The files that make `network` so, for one of NAMES."""
    if renderer == "networkmanager":
        from tsagent.netconfig.renderers import networkmanager as module
    elif renderer == "ifcfg":
        from tsagent.netconfig.renderers import ifcfg as module  # type: ignore[no-redef]
    elif renderer == "networkd":
        from tsagent.netconfig.renderers import networkd as module  # type: ignore[no-redef]
    elif renderer == "netplan":
        from tsagent.netconfig.renderers import netplan as module  # type: ignore[no-redef]
    else:
        raise ValueError("no such renderer: %r" % renderer)
    if renderer not in ("networkd", "netplan"):  # they leave it to systemd-resolved who can be reached
        from tsagent.netconfig.renderers.whole_network import tell_unused_names

        _check_globals(network)
        tell_unused_names(network)
    files = module.render(network, options)
    if renderer not in ("networkd", "netplan"):
        from tsagent.netconfig.renderers.link import link_file

        links = [link_file(network, device, options, whole=False) for device in network.devices if device.mac]
        files.extend(link for link in links if link is not None)
    return sorted(files, key=lambda item: item.path)


def _check_globals(network: "Network") -> None:
    """Name servers that no device has an address to reach by are said to be left out."""
    for version in (4, 6):
        if any(device.wants(version) for device in network.devices):
            continue
        for device in network.devices:
            if any((":" in server) == (version == 6) for server in device.nameservers):
                network.warning(
                    "", "%s has name servers for IPv%d but no address for it" % (device.label, version)
                )
        if any((":" in server) == (version == 6) for server in network.nameservers):
            network.warning(
                "", "there are name servers for IPv%d but no device has an address for it" % version
            )
