"""The processors that network cards may be served by."""

from tsagent.changes.cpu_sets import parse_mask
from tsagent.facts.reading import cpu_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set

    from tsagent.registry.context import Context

_CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"
_DEFAULT_AFFINITY = "/proc/irq/default_smp_affinity"
_SIBLINGS = ("thread_siblings_list", "core_cpus_list")


class Processors:
    """Which are online, which of them take part, and which share a core or a node.

    `usable` are those online that are not isolated (isolcpus=, nohz_full=); all of them where none is left.
    `for_interrupts` are those of them that the kernel deals interrupts to (irqaffinity=).
    """

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._cores: "Dict[int, List[int]]" = {}
        self.online = cpu_list(context.hardware_text(_CPUS + "/online"))
        self.isolated = self._isolated()
        self.usable = [cpu for cpu in self.online if cpu not in self.isolated] or self.online
        allowed = self._allowed()
        self.for_interrupts = [cpu for cpu in self.usable if allowed is None or cpu in allowed] or self.usable

    def of_node(self, node: "Optional[int]") -> "List[int]":
        """Those of the usable ones that are on a NUMA node; all of them where it is not known or has none."""
        if node is None:
            return self.usable
        there = set(cpu_list(self._context.hardware_text("%s/node%d/cpulist" % (_NODES, node))))
        return [cpu for cpu in self.usable if cpu in there] or self.usable

    def cores(self, cpus: "List[int]") -> "List[List[int]]":
        """These processors, those that share a core together, in the order of the first of each."""
        cores: "List[List[int]]" = []
        place: "Dict[int, int]" = {}
        for cpu in cpus:
            first = self._siblings(cpu)[0]
            if first not in place:
                place[first] = len(cores)
                cores.append([])
            cores[place[first]].append(cpu)
        return cores

    def _siblings(self, cpu: int) -> "List[int]":
        if cpu not in self._cores:
            siblings: "List[int]" = []
            for name in _SIBLINGS:
                siblings = cpu_list(self._context.hardware_text("%s/cpu%d/topology/%s" % (_CPUS, cpu, name)))
                if siblings:
                    break
            for sibling in siblings or [cpu]:
                self._cores[sibling] = siblings or [cpu]
            self._cores.setdefault(cpu, [cpu])
        return self._cores[cpu]

    def _isolated(self) -> "Set[int]":
        isolated = set()
        for name in ("isolated", "nohz_full"):
            isolated.update(cpu_list(self._context.hardware_text("%s/%s" % (_CPUS, name))))
        for word in (self._context.hardware_text("/proc/cmdline") or "").split():
            key, _, value = word.partition("=")
            if key in ("isolcpus", "nohz_full"):
                isolated.update(cpu_list(value))  # flags such as `managed_irq,` are no numbers
        return isolated

    def _allowed(self) -> "Optional[Set[int]]":
        text = self._context.hardware_text(_DEFAULT_AFFINITY)
        cpus = parse_mask(text) if text else None
        return set(cpus) if cpus else None
