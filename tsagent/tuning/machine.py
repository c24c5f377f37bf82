"""The class of a machine: what its type's name promises, overruled by what is really there."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.facts import Facts

CLASSES = (
    "standard",
    "compute",
    "memory",
    "high-io",
    "big-data",
    "gpu",
    "hpc",
    "bare-metal",
    "unknown",
)


class MachineClass:
    """One of CLASSES, why, and the files that say so. `virtual`: it runs under a hypervisor."""

    __slots__ = ("because", "name", "sources", "virtual")

    def __init__(self, name: str, because: str, sources: "List[str]", virtual: bool) -> None:
        self.name = name
        self.because = because
        self.sources = sources
        self.virtual = virtual


def machine_class(facts: "Facts") -> MachineClass:
    """Classify a machine.

    GPUs on the bus make any machine but an RDMA cluster's node one of class gpu, whatever its name; a
    name that is not known leaves the choice to what is there. A promise the bus does not keep is
    dropped where the bus could be read.
    """
    instance = facts.instance
    promised = instance.instance_class or "unknown"
    named = "the family %s is of class %s" % (instance.family, promised)
    name_source = [instance.source] if instance.source else []
    virtual = _virtual(facts)
    if promised == "hpc":
        return MachineClass("hpc", named, name_source, virtual)
    if facts.gpus:
        sources = [gpu.source for gpu in facts.gpus if gpu.source]
        count = "%d GPU%s on the PCI bus" % (len(facts.gpus), "" if len(facts.gpus) == 1 else "s")
        return MachineClass("gpu", count, sources, virtual)
    if promised == "gpu" and facts.nics:
        # Devices were found on this machine's buses, and no GPU among them.
        return MachineClass("standard", named + ", but there is no GPU on the PCI bus", name_source, virtual)
    if promised != "unknown":
        return MachineClass(promised, named, name_source, virtual)
    kind = facts.virtualization
    doubt = "the instance type %s is not known" % (instance.type or "was not given")
    if instance.type is None:
        doubt = "no instance type was given"
    if kind.bare_metal:
        because = "%s; %s" % (doubt, kind.reason or "it runs on the bare machine")
        return MachineClass("bare-metal", because, [kind.source] if kind.source else [], False)
    return MachineClass("unknown", doubt, name_source, virtual)


def _virtual(facts: "Facts") -> bool:
    kind = facts.virtualization.kind
    if kind in (None, "unknown"):
        return not facts.instance.bare_metal
    return str(kind) != "none"
