"""Which network service a system has, and what is configured on it already. Looks only."""

from tsagent.netconfig.renderers import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Set, Tuple

    from tsagent.registry.context import Context

SCRIPTS = "/etc/sysconfig/network-scripts"
PROFILES = "/etc/NetworkManager/system-connections"
DEFAULTS = "/etc/NetworkManager/conf.d"
UNITS = "/etc/systemd/network"
PLANS = "/etc/netplan"
# Where the agent's own files are, and how their names begin; those of SCRIPTS may be anybody's.
OWN = (
    (PROFILES, ("tsagent-",)),
    (DEFAULTS, ("30-tsagent",)),
    (UNITS, ("10-tsagent-", "05-tsagent-")),
    (PLANS, ("50-tsagent.",)),
    (SCRIPTS, ("ifcfg-", "route-", "route6-", "rule-", "rule6-")),
)
_MANAGER = ("/usr/sbin/NetworkManager", "/usr/bin/NetworkManager")
_NETWORKD = ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd")
# netplan's own folders for its files; and the generator, without which nothing reads them at boot.
_PLANS = (PLANS, "/run/netplan", "/usr/lib/netplan", "/lib/netplan")
_NETPLAN = ("/usr/lib/systemd/system-generators/netplan", "/lib/systemd/system-generators/netplan")
_INTERFACES = "/etc/network/interfaces"
_LIBRARIES = ("/usr/lib64/NetworkManager", "/usr/lib/NetworkManager")

_RDMA_AGENT = (
    "/usr/lib/systemd/system/rdma-agent.service",
    "/etc/systemd/system/rdma-agent.service",
    "/etc/init.d/rdma-agent",
)


def owned_by_rdma_agent(context: "Context") -> "Set[str]":
    """The cards and bonds that the RDMA service of the image sees to; none where it is not installed."""
    if not any(context.exists(path) for path in _RDMA_AGENT):
        return set()
    cards = {name for device in context.facts.rdma for name in device.get("netdevs") or []}
    bonds = {
        nic["name"]
        for nic in context.facts.nics
        if nic.get("kind") == "bond" and cards & set(nic.get("ports") or [])
    }
    return cards | bonds


def choose_renderer(context: "Context", family: "Optional[str]") -> "Tuple[str, str]":
    """The renderer for a system, and why; ("", why) where nothing here can configure it.

    el7 is configured by ifcfg files, which its network scripts and its NetworkManager both read. el8
    likewise while something reads them: the ifcfg-rh plugin or the network-scripts package. On Debian and
    Ubuntu netplan is taken where it configures the network. Every other system with NetworkManager gets
    keyfiles, since newer releases drop the plugin. systemd-networkd is taken only where it is all there is.
    """
    if family == "el7":
        return "ifcfg", "the network scripts of %s read ifcfg files" % family
    if family in ("el8", "oc8") and context.exists(SCRIPTS):
        if managed_ifcfg(context):
            return "ifcfg", "NetworkManager of %s reads ifcfg files (ifcfg-rh)" % family
        if context.exists(SCRIPTS + "/ifup") or context.exists("/usr/sbin/ifup"):
            return "ifcfg", "the network-scripts package is installed"
    if family == "debian" and netplan_configures(context):
        return "netplan", "netplan configures the network"
    for path in _MANAGER:
        if context.exists(path):
            return "networkmanager", "NetworkManager is installed"
    if family is not None and (family[:2] in ("el", "tl", "oc") or family == "fedora"):
        return "networkmanager", "NetworkManager is the network service of %s" % family
    for path in _NETWORKD:
        if context.exists(path):
            return "networkd", "systemd-networkd is the only network service installed"
    return "", "none of NetworkManager, network-scripts and systemd-networkd is installed"


def netplan_configures(context: "Context") -> bool:
    """Whether netplan is installed, and is what the network is configured with.

    That is so where it has a file, or where nothing else could be meant: neither NetworkManager is installed
    nor does /etc/network/interfaces describe a card.
    """
    if not any(context.exists(path) for path in _NETPLAN):
        return False
    for directory in _PLANS:
        if any(name.endswith(".yaml") for name in context.listdir(directory)):
            return True
    rows = (context.text(_INTERFACES) or "").splitlines()
    described = [row for row in rows if row.split()[:1] == ["iface"] and row.split()[1:2] != ["lo"]]
    return not described and not any(context.exists(path) for path in _MANAGER)


def managed_ifcfg(context: "Context") -> bool:
    """Whether NetworkManager's plugin for ifcfg files is installed."""
    for library in _LIBRARIES:
        for version in [library] + ["%s/%s" % (library, name) for name in context.listdir(library)]:
            if context.exists(version + "/libnm-settings-plugin-ifcfg-rh.so"):
                return True
    return False


def configured_by_others(context: "Context", nic: "Any") -> "Optional[str]":
    """The file by which somebody else configured this card, or None."""
    for name in context.listdir(SCRIPTS):
        if not name.startswith("ifcfg-") or name.endswith((".bak", ".orig", ".rpmsave", ".rpmnew", "~")):
            continue
        content = _foreign(context, "%s/%s" % (SCRIPTS, name))
        if content is None:
            continue
        values = _assignments(content)
        if (values.get("DEVICE") or name[len("ifcfg-") :]) == nic["name"]:
            return "%s/%s" % (SCRIPTS, name)
        if nic.get("mac") and values.get("HWADDR", "").lower() == nic["mac"]:
            return "%s/%s" % (SCRIPTS, name)
    for name in context.listdir(PROFILES):
        content = _foreign(context, "%s/%s" % (PROFILES, name))
        if content is None or name.startswith("."):
            continue
        values = _assignments(content)
        if values.get("type") not in ("ethernet", "802-3-ethernet"):
            continue
        named = values.get("interface-name")
        address = values.get("mac-address", "").lower()
        if named in (None, nic["name"]) and address in ("", nic.get("mac")):
            return "%s/%s" % (PROFILES, name)
    for name in context.listdir(UNITS):
        if name.endswith(".network"):
            content = _foreign(context, "%s/%s" % (UNITS, name))
            if content is not None and _unit_matches(content, nic):
                return "%s/%s" % (UNITS, name)
    for path in ["/etc/network/interfaces"] + [
        "/etc/network/interfaces.d/" + name for name in context.listdir("/etc/network/interfaces.d")
    ]:
        content = context.text(path)
        if content and any(row.split()[:2] == ["iface", nic["name"]] for row in content.splitlines()):
            return path
    for name in context.listdir(PLANS):
        path = "%s/%s" % (PLANS, name)
        if name.endswith((".yaml", ".yml")) and nic["name"] in (_foreign(context, path) or ""):
            return path
    return None


def _foreign(context: "Context", path: str) -> "Optional[str]":
    """The text of a file that the agent did not write."""
    text = context.text(path)
    return None if text is None or ours(text.encode("utf-8", "replace")) else text


def _assignments(text: str) -> "Any":
    values = {}
    for row in text.splitlines():
        key, equals, value = row.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key.strip()] = value.strip().strip("\"'")
    return values


def _unit_matches(text: str, nic: "Any") -> bool:
    """Whether the [Match] section of a .network file takes this card."""
    from fnmatch import fnmatchcase

    section = ""
    rows: "List[Tuple[str, str]]" = []
    for row in text.splitlines():
        row = row.strip()
        if row.startswith("["):
            section = row
        elif section == "[Match]" and "=" in row and row[0] not in "#;":
            key, _, value = row.partition("=")
            rows.append((key.strip(), value.strip()))
    if not rows:
        return False
    for key, value in rows:
        if key == "Name":
            if not any(fnmatchcase(nic["name"], pattern) for pattern in value.split()):
                return False
        elif key in ("MACAddress", "PermanentMACAddress"):
            if (nic.get("mac") or "") not in value.lower().split():
                return False
        elif key == "Type":
            if "ether" not in value.split():
                return False
        else:
            return False  # what is not understood here is not taken for a match
    return True
