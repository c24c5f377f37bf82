"""What the system runs on: a virtual machine, the bare machine, a container.

Section `virtualization`, a record:
    kind         "kvm" | "xen" | "vmware" | "microsoft" | "oracle" | "qemu" | "none" (bare metal) |
                 "other" (a hypervisor not known here) | "unknown" (nothing to read)
    container    None, or "docker" | "podman" | "systemd-nspawn" | … | "other"
    bare_metal   kind is "none" and no container
    reason       why, in words
    source       the files read
"""

from tsagent.facts.reading import line, whole
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    from tsagent.facts import Facts

HYPERVISOR = "/sys/hypervisor/type"
KEYS = ["kind", "container", "bare_metal", "reason", "source"]
# The beginning of SMBIOS vendor or product, lower case. Tencent Cloud's virtual machines run on KVM.
# Source: systemd-detect-virt's manual for the generic ones.
_FIRMWARE = [
    ("kvm", "kvm"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("virtual machine", "microsoft"),
    ("virtualbox", "oracle"),
    ("innotek", "oracle"),
    ("xen", "xen"),
    ("bochs", "qemu"),
    ("amazon ec2", "kvm"),
    ("google compute engine", "kvm"),
    ("alibaba cloud", "kvm"),
    ("openstack", "kvm"),
]


def gather(facts: "Facts") -> Record:
    """The section `virtualization`."""
    container = _container(facts)
    kind, reason = _kind(facts)
    if container:
        reason = "%s; container marks of %s" % (reason, container)
    return Record(
        kind=kind,
        container=container,
        bare_metal=kind == "none" and container is None,
        reason=reason,
        source="%s, /proc/cpuinfo, %s, /proc/1/environ, /run/systemd/container"
        % (facts.dmi.source, HYPERVISOR),
    )


def _kind(facts: "Facts") -> "Tuple[str, str]":
    flag = facts.cpu.hypervisor_flag
    vendor, product = facts.dmi.vendor, facts.dmi.product_name
    names = [name.lower() for name in (product, vendor) if name]
    if flag is False:
        # An x86 processor under a hypervisor says so; bare metal may still bear a cloud's name.
        if line(facts.hardware, HYPERVISOR) == "xen":
            return "xen", "%s says xen" % HYPERVISOR
        return "none", "the processor reports no hypervisor"
    if line(facts.hardware, HYPERVISOR) == "xen":
        return "xen", "%s says xen" % HYPERVISOR
    for beginning, kind in _FIRMWARE:
        if any(name.startswith(beginning) for name in names):
            return kind, "firmware says %s" % (product or vendor)
    if facts.dmi.platform == "tencent-cloud" and (flag or "cvm" in (product or "").lower()):
        return "kvm", "firmware says %s" % " ".join(name for name in (vendor, product) if name)
    if flag:
        return "other", "the processor reports a hypervisor that the firmware does not name"
    if facts.cpu.architecture == "aarch64" and names:
        return "none", "firmware names no hypervisor: %s" % (product or vendor)
    return "unknown", "neither processor nor firmware tells"


def _container(facts: "Facts") -> "Optional[str]":
    name = line(facts.root, "/run/systemd/container")
    if name:
        return name
    for variable in (whole(facts.hardware, "/proc/1/environ") or "").split("\0"):
        if variable.startswith("container="):
            return variable.partition("=")[2].strip() or "other"
    # An image made from a container keeps the mark when it is booted: only on layers is it believed.
    if facts.root.exists("/.dockerenv") and _on_layers(facts):
        return "docker"
    return "podman" if facts.root.exists("/run/.containerenv") else None


def _on_layers(facts: "Facts") -> bool:
    """Whether / is an overlay, as in a container, and no file system of a disk's."""
    for mount in (whole(facts.hardware, "/proc/self/mountinfo") or "").splitlines():
        before, _, after = mount.partition(" - ")
        if before.split(" ")[4:5] == ["/"]:
            return after.split(" ", 1)[0] in ("overlay", "aufs", "fuse.fuse-overlayfs")
    return False
