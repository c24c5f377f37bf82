"""The order of modules: a dependency graph whose cycles are named and dropped."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Set

    from tsagent.registry.metadata import ModuleInfo


class Graph:
    """Modules of one stage, what each waits for, and what it cannot do without.

    `waits[name]`: the modules that must have ended first. `needs[name]`: those of them that must have
    succeeded. `cycles`: module names in the order in which they wait for each other, one list a cycle.
    `missing[name]`: what a module requires and nobody provides.
    """

    def __init__(self, modules: "Iterable[ModuleInfo]", satisfied: "Iterable[str]" = ()) -> None:
        by_name = {info.name: info for info in modules}
        providers: "Dict[str, Set[str]]" = {}
        for info in by_name.values():
            for thing in [info.name] + info.provides:
                providers.setdefault(thing, set()).add(info.name)
        done = set(satisfied)
        self.modules = by_name
        self.waits: "Dict[str, Set[str]]" = {}
        self.needs: "Dict[str, Set[str]]" = {}
        self.missing: "Dict[str, List[str]]" = {}
        for name, info in by_name.items():
            needs = set().union(*[providers.get(thing, set()) for thing in info.requires])
            after = set().union(*[providers.get(thing, set()) for thing in info.after])
            self.needs[name] = needs
            self.waits[name] = needs | after
            missing = [item for item in info.requires if item not in providers and item not in done]
            if missing:
                self.missing[name] = missing
        self.cycles = self._drop_cycles()

    def _drop_cycles(self) -> "List[List[str]]":
        cycles: "List[List[str]]" = []
        while True:
            cycle = self._find_cycle()
            if not cycle:
                return cycles
            cycles.append(cycle)
            for name in cycle:
                del self.modules[name]
                del self.waits[name]
                del self.needs[name]
            gone = set(cycle)
            for name in self.modules:
                lost = self.needs[name] & gone
                if lost:
                    self.missing.setdefault(name, []).extend(sorted(lost))
                self.needs[name] -= gone
                self.waits[name] -= gone

    def _find_cycle(self) -> "List[str]":
        """One cycle, or an empty list. Iterative: a drop-in cannot exhaust the stack."""
        finished: "Set[str]" = set()
        for start in sorted(self.modules):
            if start in finished:
                continue
            path = [start]
            pending = [sorted(self.waits[start])]
            while path:
                if not pending[-1]:
                    finished.add(path.pop())
                    pending.pop()
                    continue
                name = pending[-1].pop(0)
                if name in path:
                    return path[path.index(name) :]
                if name not in finished:
                    path.append(name)
                    pending.append(sorted(self.waits[name]))
        return []
