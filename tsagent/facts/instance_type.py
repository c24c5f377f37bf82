"""The instance type: what its name and the vendor's tables promise.

Section `instance`, a record:
    type           "GN7.2XLARGE32" as the metadata service gives it, or None
    family         "GN7"; "HCCPNV4h"; None without a type
    size           "2XLARGE32"; None for types without a size (BMS5)
    suffix         what follows the size: "ne" of HCCPNV6s.96XLARGE2304-ne, else None
    instance_class "standard" | "compute" | "memory" | "high-io" | "big-data" | "gpu" | "hpc" |
                   "bare-metal" | "unknown"
    known          whether the family stands in the vendor's tables
    vcpu           or None
    memory_gb      or None
    exception      whether vcpu comes from the table of exceptions, not from the rule
    arm            whether the family is sold with Arm processors
    bare_metal     whether the family is sold as whole machines (bare metal, and HCC)
    accelerator    None, or {"vendor", "model", "count" (None: by size unknown), "vgpu" (needs the GRID
                   driver), "share" ("1/4" | "1/2" | "1" | None)}
    local_disks    None (none promised), or [{"kind": "nvme"|"hdd", "count" (None: unknown), "bytes"}]
    rdma           None, or {"count", "gbps", "adapter"}: the adapters promised
    source         "metadata: instance-type; rule and tables of the vendor's documentation"
All of it is a promise of a name. `gpus`, `nvme`, `rdma` and `cpu` say what is really there.
"""

import re

from tsagent.facts import instance_tables as tables
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from tsagent.facts import Facts

KEYS = [
    "type",
    "family",
    "size",
    "suffix",
    "instance_class",
    "known",
    "vcpu",
    "memory_gb",
    "exception",
    "arm",
    "bare_metal",
    "accelerator",
    "local_disks",
    "rdma",
    "source",
]
SOURCE = "metadata: instance-type; rule and tables of the vendor's documentation"
_TYPE_LIMIT = 128
_NAME = re.compile(
    r"(?P<family>[A-Za-z][A-Za-z0-9]*)"
    r"(?:\.(?P<size>(?P<count>\d{0,4})(?P<unit>SMALL|MEDIUM|LARGE|XLARGE)(?P<memory>\d{1,6}))"
    r"(?:-(?P<suffix>[A-Za-z0-9-]+))?)?"
)


def gather(facts: "Facts") -> Record:
    """The section `instance`."""
    return parse(facts.instance_type)


def parse(name: "Optional[str]") -> Record:
    """What a type name promises. Never raises: a name that is none gives an unknown instance."""
    record = Record((key, None) for key in KEYS)
    record.update(
        type=None, instance_class="unknown", known=False, exception=False, arm=False, bare_metal=False
    )
    record.source = SOURCE
    if not isinstance(name, str) or not name.strip():
        return record
    record.type = "".join(c for c in name.strip() if c.isprintable())[:_TYPE_LIMIT]
    match = _NAME.fullmatch(record.type)
    if match is None:
        return record
    record.family = family = match.group("family")
    record.size = size = match.group("size")
    record.suffix = match.group("suffix")
    record.instance_class, record.known = classify(family)
    record.arm = family in tables.ARM
    record.bare_metal = record.instance_class in ("bare-metal", "hpc")
    if size is not None:
        record.vcpu = int(match.group("count") or 1) * tables.SIZES[match.group("unit")]
        record.memory_gb = int(match.group("memory"))
        plain = "%s.%s" % (family, size)
        record.exception = plain in tables.VCPU_EXCEPTIONS
        record.vcpu = tables.VCPU_EXCEPTIONS.get(plain, record.vcpu)
    elif family in tables.WHOLE_MACHINES:
        record.vcpu, record.memory_gb = tables.WHOLE_MACHINES[family]
    record.accelerator = _accelerator(family, size)
    record.local_disks = _local_disks(family, size, record.instance_class)
    if family in tables.RDMA:
        count, gbps, adapter = tables.RDMA[family]
        record.rdma = Record(count=count, gbps=gbps, adapter=adapter)
    return record


def classify(family: str) -> "Tuple[str, bool]":
    """The class of a family, and whether the vendor's tables name it."""
    for name, pattern in tables.CLASSES:
        if re.fullmatch(pattern, family):
            return name, True
    return "unknown", False


def _accelerator(family: str, size: "Optional[str]") -> "Optional[Record]":
    if family not in tables.ACCELERATORS:
        return None
    vendor, model, counts = tables.ACCELERATORS[family]
    count = counts.get(size) if isinstance(counts, dict) else counts
    share = tables.VGPU.get("%s.%s" % (family, size))
    return Record(vendor=vendor, model=model, count=count, vgpu=share is not None, share=share)


def _local_disks(family: str, size: "Optional[str]", instance_class: str) -> "Optional[List[Record]]":
    promised = tables.LOCAL_DISKS.get(family)
    if isinstance(promised, dict):
        promised = [promised[size]] if size in promised else None
    if isinstance(promised, list):
        return [Record(kind=kind, count=count, bytes=size_bytes) for kind, count, size_bytes in promised]
    kind = tables.LOCAL_DISK_CLASSES.get(instance_class)
    return [Record(kind=kind, count=None, bytes=None)] if kind else None
