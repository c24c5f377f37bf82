"""Everything about the machine: what its name promises, and what is really there.

`Facts(hardware, root, instance_type)` reads nothing until a section is asked for; each section is read
once, by a file of its own, which is imported then. A section is plain JSON data: a `Record` (a dict
with attributes) or a list of records, and each record says in `source` where it came from. The shape
of a section stands at the top of its file:

    instance         instance_type.py      what the type's name promises
    dmi              dmi.py                firmware's vendor, product, UUID
    cpu              processor.py
    memory           memory.py
    gpus             pci.py                list
    nvswitches       pci.py                list
    nvme             nvme.py               list
    rdma             rdma.py               list
    nics             network.py            list
    queues           queues.py             list
    disks            block.py              list
    root_filesystem  root_filesystem.py
    os               operating_system.py
    kernel           kernel.py
    virtualization   virtualization.py

No section raises for what it finds on a machine. One that cannot be read at all is an empty record
(every key None) or an empty list, with the reason in its `problem`.
"""

from tsagent.errors import AgentError
from tsagent.facts.record import Record, Records, as_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host.tree import Tree

__all__ = ["Facts", "Record", "Records"]

# Section: (file, its function, name of its list of keys, whether it is a list)
_SECTIONS = {
    "instance": ("instance_type", "gather", "KEYS", False),
    "dmi": ("dmi", "gather", "KEYS", False),
    "cpu": ("processor", "gather", "KEYS", False),
    "memory": ("memory", "gather", "KEYS", False),
    "gpus": ("pci", "gather_gpus", "GPU_KEYS", True),
    "nvswitches": ("pci", "gather_nvswitches", "NVSWITCH_KEYS", True),
    "nvme": ("nvme", "gather", "KEYS", True),
    "rdma": ("rdma", "gather", "KEYS", True),
    "nics": ("network", "gather", "KEYS", True),
    "queues": ("queues", "gather", "KEYS", True),
    "disks": ("block", "gather", "KEYS", True),
    "root_filesystem": ("root_filesystem", "gather", "KEYS", False),
    "os": ("operating_system", "gather", "KEYS", False),
    "kernel": ("kernel", "gather", "KEYS", False),
    "virtualization": ("virtualization", "gather", "KEYS", False),
}


class Facts:
    """The machine, a section an attribute.

    `hardware` is the tree whose /sys and /proc are read (and, unless it is `/`, /addresses.json);
    `root` is the tree whose /etc tells the distribution. `instance_type` comes from the metadata;
    `addresses` stands in for the network's addresses in the form of addresses.json.
    """

    SECTIONS = tuple(_SECTIONS)

    def __init__(
        self,
        hardware: "Tree",
        root: "Tree",
        instance_type: "Optional[str]" = None,
        addresses: "Optional[Dict[str, Any]]" = None,
    ) -> None:
        self.hardware = hardware
        self.root = root
        self.instance_type = instance_type
        self.addresses = addresses

    @classmethod
    def from_data(cls, data: "Dict[str, Any]") -> "Facts":
        """Facts from plain data, as `as_data` gives it or less of it.

        A section that is left out is empty, and a key that is left out of a section is None. Raises
        ValueError for a section of the wrong kind and for a name that is no section.
        """
        facts = _Recorded.__new__(_Recorded)
        facts.instance_type = None
        for name, value in data.items():
            if name in ("problems", "doubts"):
                continue
            if name not in _SECTIONS:
                raise ValueError("no section of facts is called %r" % name)
            is_list = _SECTIONS[name][3]
            if is_list != isinstance(value, list) or not isinstance(value, (list, dict)):
                raise ValueError("section %s must be %s" % (name, "a list" if is_list else "an object"))
            keys = _keys(name)
            if is_list:
                facts.__dict__[name] = Records(as_record(item, keys) for item in value)
                facts.__dict__[name].problem = data.get("problems", {}).get(name)
            else:
                facts.__dict__[name] = as_record(value, keys)
        if "instance" in facts.__dict__:
            facts.instance_type = facts.instance.type
        return facts

    def __getattr__(self, name: str) -> "Any":
        """A section, read at its first use."""
        if name not in _SECTIONS:
            raise AttributeError("no section of facts is called %r" % name)
        value = self._read(name)
        self.__dict__[name] = value
        return value

    def _read(self, name: str) -> "Any":
        file_name, function, _, is_list = _SECTIONS[name]
        try:
            return getattr(_subject(file_name), function)(self)
        except (OSError, ValueError, AgentError) as error:
            empty = Records() if is_list else Record((key, None) for key in _keys(name))
            empty.problem = "%s: %s" % (type(error).__name__, error)
            return empty

    def forget(self, *names: str) -> None:
        """Have these sections read anew when they are asked for: the machine has changed."""
        for name in names:
            self.__dict__.pop(name, None)

    def as_data(self) -> "Dict[str, Any]":
        """Every section as JSON data, with `problems` (section: why) and `doubts` (in words)."""
        data = {name: getattr(self, name) for name in _SECTIONS}
        problems = {}
        for name, value in data.items():
            problem = value.problem if isinstance(value, Records) else value.get("problem")
            if problem:
                problems[name] = problem
        data["problems"] = problems
        data["doubts"] = self.doubts()
        return data

    def doubts(self) -> "List[str]":
        """Where the machine and its name disagree, and what nobody knows, a sentence each."""
        from tsagent.facts import doubts

        return doubts.gather(self)

    def rdma_cluster(self) -> Record:
        """Whether this is a node of an RDMA cluster: {"cluster", "reason", "devices"}."""
        from tsagent.facts import rdma

        return rdma.cluster(self)


class _Recorded(Facts):
    """Facts that came as data: what was not given is empty, and nothing is read."""

    def _read(self, name: str) -> "Any":
        if _SECTIONS[name][3]:
            return Records()
        if name == "instance":
            from tsagent.facts import instance_type

            return instance_type.parse(None)
        return Record((key, None) for key in _keys(name))


def _subject(file_name: str) -> "Any":
    return __import__("tsagent.facts." + file_name, fromlist=["gather"])


def _keys(name: str) -> "List[str]":
    file_name, _, keys, _ = _SECTIONS[name]
    return list(getattr(_subject(file_name), keys))
