"""Running the modules of one stage: in graph order, with workers and named locks."""

from _thread import allocate_lock, start_new_thread

from tsagent.engine import results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Set

    from tsagent.engine.graph import Graph
    from tsagent.engine.results import ModuleResult

    Work = Callable[[str], ModuleResult]

MAX_WORKERS = 4


def run_stage(
    graph: "Graph",
    failed_before: "Set[str]",
    work: "Work",
    skip: "Callable[[str, str], ModuleResult]",
    workers: int,
) -> "List[ModuleResult]":
    """Run every module of the graph and return how each ended.

    `work(name)` runs one module; `skip(name, reason)` records one that cannot run. `failed_before` are
    modules of earlier stages that failed. One module runs on the caller's own thread when no other can
    run beside it, so a single worker makes no thread at all.
    """
    waiting = {name: set(waits) for name, waits in graph.waits.items()}
    ended: "Dict[str, ModuleResult]" = {}
    pool = _Pool(work, min(max(workers, 1), MAX_WORKERS))
    lost = set(failed_before)
    try:
        while waiting or pool.running:
            unstarted = set(waiting)
            for name in sorted(waiting):
                reason = _hopeless(graph, name, lost)
                if reason and waiting[name].isdisjoint(unstarted):
                    ended[name] = skip(name, reason)
                    lost.add(name)
                    del waiting[name]
            unfinished = set(waiting) | set(pool.running)
            ready = [
                name
                for name in sorted(waiting)
                if waiting[name].isdisjoint(unfinished) and not pool.locked(graph.modules[name].locks)
            ]
            for name in ready:
                if pool.full() or pool.locked(graph.modules[name].locks):
                    continue
                del waiting[name]
                pool.start(name, graph.modules[name].locks, alone=not pool.running and len(ready) == 1)
            for result in pool.collect():
                ended[result.name] = result
                if result.state in (results.FAILED, results.INTERRUPTED):
                    lost.add(result.name)
    except BaseException:
        pool.drain()
        raise
    return list(ended.values())


def _hopeless(graph: "Graph", name: str, lost: "Set[str]") -> str:
    """Why a module cannot run at all, or an empty string."""
    missing = graph.missing.get(name)
    if missing:
        return "requires %s, which is not there" % ", ".join(missing)
    failed = sorted(graph.needs[name] & lost)
    return "requires %s, which failed" % ", ".join(failed) if failed else ""


class _Pool:
    """At most `size` modules at a time, no two holding the same lock."""

    def __init__(self, work: "Work", size: int) -> None:
        self._work = work
        self._size = size
        self.running: "Dict[str, List[str]]" = {}
        self._finished: "List[ModuleResult]" = []
        self._error: "Optional[BaseException]" = None
        # Bare threads: a Thread and its locks cost more than what most modules do.
        self._guard = allocate_lock()
        self._news = allocate_lock()  # held while nothing has ended that `collect` has not seen
        self._news.acquire()

    def full(self) -> bool:
        return len(self.running) >= self._size

    def locked(self, locks: "List[str]") -> bool:
        held = {lock for locks_of_one in self.running.values() for lock in locks_of_one}
        return bool(held & set(locks))

    def start(self, name: str, locks: "List[str]", alone: bool) -> None:
        self.running[name] = locks
        if alone or self._size == 1:
            try:
                self._finished.append(self._work(name))
            except BaseException:
                self.running.pop(name)
                raise
        else:
            import threading  # noqa: F401 (takes the thread that imports it first for the main one)

            start_new_thread(self._run, (name,))

    def _run(self, name: str) -> None:
        result = None
        error: "Optional[BaseException]" = None
        try:
            result = self._work(name)
        except BaseException as caught:  # noqa: BLE001 (handed to the caller's thread)
            error = caught
        with self._guard:
            if result is None:
                self._error = self._error or error
                self.running.pop(name)
            else:
                self._finished.append(result)
            if self._news.locked():
                self._news.release()

    def collect(self) -> "List[ModuleResult]":
        """Wait until at least one running module has ended, and return those that have."""
        if self.running and not self._finished and self._error is None:
            self._news.acquire()
        with self._guard:
            done, self._finished = self._finished, []
        for result in done:
            self.running.pop(result.name, None)
        if self._error is not None:
            raise self._error
        return done

    def drain(self) -> None:
        """Wait for the others to notice the interruption."""
        while set(self.running) - {result.name for result in self._finished}:
            self._news.acquire()
