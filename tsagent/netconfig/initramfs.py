"""Cards that the initramfs has configured, for a root file system that comes over the network. Looks only.

They are left to whoever keeps them: taken down or configured anew, the root would be gone.
Source: dracut.cmdline(7), "Network", "iSCSI", "NFS"; initramfs-tools(7), `ip=`; the file names are those of
klibc's ipconfig, of dracut's module ifcfg and of NetworkManager's nm-initrd-generator.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Context

_ASKED = ("netroot", "nfsroot", "iscsi_initiator", "rd.iscsi.initiator", "rd.iscsi.firmware", "rd.iscsi.ibft")
_ROOTS = ("/dev/nfs", "nfs", "iscsi:", "nbd:", "dhcp")
_OFF = ("off", "none")
_KLIBC = "/run"
_DRACUT = "/run/initramfs/state/etc/sysconfig/network-scripts"
_MANAGER = "/run/NetworkManager/system-connections"
_SERVICES = ("/run/NetworkManager/devices", "/run/systemd/netif/links", "/var/lock/subsys/network")


def configured(context: "Context") -> "Dict[str, str]":
    """The cards that the initramfs has configured, by name, and what says so."""
    why = _asked(context.facts.kernel.parameters or {})
    if why is None:
        return {}
    found: "Dict[str, str]" = {}
    for name in context.listdir(_KLIBC):
        if name.startswith("net") and name.endswith(".conf"):
            card = _value(context.text("%s/%s" % (_KLIBC, name)), "DEVICE")
            if card is not None:
                found[card] = "%s/%s" % (_KLIBC, name)
    for name in context.listdir(_DRACUT):
        if name.startswith("ifcfg-"):
            card = _value(context.text("%s/%s" % (_DRACUT, name)), "DEVICE")
            found[card or name[len("ifcfg-") :]] = "%s/%s" % (_DRACUT, name)
    for name in context.listdir(_MANAGER):
        card = _value(context.text("%s/%s" % (_MANAGER, name)), "interface-name")
        if card is not None:
            found[card] = "%s/%s" % (_MANAGER, name)
    if not found and not any(context.listdir(path) for path in _SERVICES):
        # Nobody else can have given them.
        for nic in context.facts.nics:
            if nic.get("kind") == "physical" and nic.get("ipv4"):
                found[nic["name"]] = "%s on the kernel command line" % why
    return found


def _asked(given: "Dict[str, Any]") -> "Optional[str]":
    """The word of the kernel command line by which the initramfs sets up the network."""
    word = given.get("ip")
    if word is not None and str(word) not in _OFF:
        return "ip="
    for name in _ASKED:
        if name in given:
            return name + "="
    root = str(given.get("root") or "")
    return "root=" if root.startswith(_ROOTS) else None


def _value(text: "Optional[str]", key: str) -> "Optional[str]":
    rows: "List[str]" = (text or "").splitlines()
    for row in rows:
        name, equals, value = row.partition("=")
        if equals and name.strip() == key:
            return value.strip().strip("\"'") or None
    return None
