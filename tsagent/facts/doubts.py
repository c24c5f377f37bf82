"""Where the machine and its name disagree. The machine is believed; the doubt is reported."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.facts import Facts

# The kernel shows less memory than was sold: firmware, crash kernel and page tables take their part,
# on small machines up to a sixth. More than was sold is only rounding.
_MEMORY_LOW = 0.80
_MEMORY_HIGH = 1.05
_GIB = 1 << 30


def gather(facts: "Facts") -> "List[str]":
    """The doubts, a sentence each; none when everything agrees."""
    found: "List[str]" = []
    for check in (_name, _size, _accelerators, _disks, _rdma, _system):
        found.extend(check(facts))
    return found


def _name(facts: "Facts") -> "List[str]":
    instance = facts.instance
    if instance.type is None:
        return []
    if instance.family is None:
        return [
            "instance type %r is not a name that can be parsed: only the machine itself is believed"
            % instance.type
        ]
    if not instance.known:
        return [
            "instance type %s is of a family not known here: taken from its name, by rule" % instance.type
        ]
    return []


def _size(facts: "Facts") -> "List[str]":
    instance, found = facts.instance, []
    logical = facts.cpu.logical
    if instance.vcpu and logical and instance.vcpu != logical:
        found.append(
            "%s promises %d vCPU, the machine has %d: the machine overrules the name"
            % (instance.type, instance.vcpu, logical)
        )
    total = facts.memory.total_bytes
    if instance.memory_gb and total:
        share = total / float(instance.memory_gb * _GIB)
        if not _MEMORY_LOW <= share <= _MEMORY_HIGH:
            found.append(
                "%s promises %d GB of memory, the kernel has %.1f GB: the machine overrules the name"
                % (instance.type, instance.memory_gb, total / float(_GIB))
            )
    if instance.arm and facts.cpu.architecture == "x86_64":
        found.append("%s is an Arm family, the machine is x86_64" % instance.type)
    return found


def _accelerators(facts: "Facts") -> "List[str]":
    promised, gpus = facts.instance.accelerator, facts.gpus
    name, found = facts.instance.type, []
    for gpu in gpus:
        if gpu.architecture == "unknown":
            found.append(
                "GPU %s (%s:%s) at %s is not known here: its architecture is unknown"
                % (gpu.vendor, gpu.vendor_id, gpu.device_id, gpu.address)
            )
    if promised is None:
        if (
            gpus
            and facts.instance.known
            and facts.instance.instance_class not in ("gpu", "hpc", "bare-metal")
        ):
            found.append(
                "%s promises no GPU, PCI shows %d: the machine overrules the name" % (name, len(gpus))
            )
        return found
    if promised.count is not None and promised.count != len(gpus):
        found.append(
            "%s promises %d GPU(s), PCI shows %d: the machine overrules the name"
            % (name, promised.count, len(gpus))
        )
    others = sorted({gpu.model for gpu in gpus if gpu.model and gpu.model != promised.model})
    if others:
        found.append("%s promises %s, PCI shows %s" % (name, promised.model, ", ".join(others)))
    if promised.vgpu and gpus and not any(gpu.vgpu for gpu in gpus):
        found.append("%s promises a share of a GPU, PCI shows none of that model" % name)
    return found


def _disks(facts: "Facts") -> "List[str]":
    promised = [disk for disk in facts.instance.local_disks or [] if disk.kind == "nvme" and disk.count]
    expected = sum(disk.count for disk in promised)
    # Some hosts hand their local disks to instances as virtio disks, with a serial of their own.
    present = sum(len(controller.namespaces) for controller in facts.nvme)
    present += len([disk for disk in facts.disks if disk.local_disk and disk.transport != "nvme"])
    if expected and present != expected:
        return [
            "%s promises %d local NVMe disk(s), the machine shows %d"
            % (facts.instance.type, expected, present)
        ]
    return []


def _rdma(facts: "Facts") -> "List[str]":
    promised = facts.instance.rdma
    if promised is None:
        return []
    if not facts.rdma:
        return [
            "%s promises RDMA adapters, the machine shows no RDMA device (driver not loaded?)"
            % facts.instance.type
        ]
    whole = [record for record in facts.rdma if record.pci_id and not record.virtual_function]
    if promised.count is not None and len(whole) < promised.count:
        return [
            "%s promises %d RDMA adapters, the machine shows %d"
            % (facts.instance.type, promised.count, len(whole))
        ]
    return []


def _system(facts: "Facts") -> "List[str]":
    found = []
    if facts.os.family == "unknown":
        found.append("the distribution is not known here: no package or network habits can be assumed")
    if facts.os.tencentos and facts.kernel.release and facts.kernel.line == "other":
        found.append("TencentOS Server runs a kernel that is not Tencent's: %s" % facts.kernel.line_reason)
    if facts.root_filesystem.fs_type and not facts.root_filesystem.chain:
        found.append("root disk unknown: %s" % facts.root_filesystem.reason)
    return found
