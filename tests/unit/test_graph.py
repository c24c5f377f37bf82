"""Order, cycles, requirements, workers and locks."""

import threading

import pytest

from tsagent.engine import results
from tsagent.engine.graph import Graph
from tsagent.engine.stage import run_stage
from tsagent.registry.metadata import ModuleInfo


def info(name, after=(), requires=(), provides=(), locks=()):
    return ModuleInfo(
        {
            "name": name,
            "path": "",
            "schema_path": "",
            "directory": "",
            "shipped": True,
            "title": name,
            "stage": "final",
            "after": list(after),
            "requires": list(requires),
            "provides": list(provides),
            "locks": list(locks),
            "frequency": "instance",
            "time_limit": 0,
            "keys": [],
            "reads": [],
            "scripts": [],
            "directories": [],
            "only_with_keys": False,
            "provisional": False,
            "section": False,
        }
    )


def run(graph, workers=1, failing=(), failed_before=()):
    order = []
    lock = threading.Lock()

    def work(name):
        with lock:
            order.append(name)
        result = results.ModuleResult(name, "final")
        result.state = results.FAILED if name in failing else results.DONE
        return result

    def skip(name, reason):
        result = results.ModuleResult(name, "final")
        result.state, result.reason = results.SKIPPED, reason
        return result

    ended = run_stage(graph, set(failed_before), work, skip, workers)
    return order, {result.name: (result.state, result.reason) for result in ended}


@pytest.mark.parametrize("workers", [1, 4])
def test_order_follows_names_and_what_is_provided(workers):
    graph = Graph([info("z", provides=["base"]), info("a", after=["base"]), info("m", after=["a"])])
    order, _ = run(graph, workers)
    assert order == ["z", "a", "m"]


def test_cycle_is_named_and_the_rest_runs():
    graph = Graph(
        [info("a", after=["b"]), info("b", after=["c"]), info("c", after=["a"]), info("d", after=["a"])]
    )
    assert sorted(graph.cycles[0]) == ["a", "b", "c"]
    order, _ = run(graph)
    assert order == ["d"]


def test_self_cycle_and_two_cycles():
    graph = Graph([info("a", after=["a"]), info("b", after=["c"]), info("c", after=["b"]), info("d")])
    assert sorted(sorted(cycle) for cycle in graph.cycles) == [["a"], ["b", "c"]]
    assert list(graph.modules) == ["d"]


def test_what_requires_a_dropped_module_is_skipped():
    graph = Graph([info("a", after=["a"]), info("b", requires=["a"])])
    _, ended = run(graph)
    assert ended["b"] == (results.SKIPPED, "requires a, which is not there")


def test_failure_skips_only_those_that_require_it():
    graph = Graph([info("a"), info("b", requires=["a"]), info("c", after=["a"]), info("d", requires=["b"])])
    order, ended = run(graph, failing=["a"])
    assert order == ["a", "c"]
    assert ended["b"] == (results.SKIPPED, "requires a, which failed")
    assert ended["d"][0] == results.SKIPPED
    assert ended["c"][0] == results.DONE


def test_requirement_of_an_earlier_stage():
    graph = Graph([info("b", requires=["a"])], satisfied=["a"])
    assert run(graph)[1]["b"][0] == results.DONE
    graph = Graph([info("b", requires=["nobody"])])
    assert run(graph)[1]["b"] == (results.SKIPPED, "requires nobody, which is not there")


def test_a_thousand_in_a_row():
    modules = [info("m%04d" % number, after=["m%04d" % (number - 1)]) for number in range(1000)]
    assert len(run(Graph(modules))[0]) == 1000


def test_workers_run_beside_each_other_and_locks_keep_them_apart():
    """Two modules without a common lock meet at a barrier; two that share one never overlap."""
    barrier = threading.Barrier(2, timeout=20)
    active = []
    overlaps = []
    guard = threading.Lock()

    def work(name):
        if name in ("a", "b"):
            barrier.wait()
        else:
            with guard:
                active.append(name)
                overlaps.append(len(active))
            with guard:
                active.remove(name)
        result = results.ModuleResult(name, "final")
        result.state = results.DONE
        return result

    graph = Graph([info("a"), info("b"), info("c", locks=["rpm"]), info("d", locks=["rpm"])])
    ended = run_stage(graph, set(), work, None, 4)
    assert len(ended) == 4
    assert max(overlaps) == 1


def test_one_worker_makes_no_thread():
    seen = []

    def work(name):
        seen.append(threading.current_thread() is threading.main_thread())
        result = results.ModuleResult(name, "final")
        result.state = results.DONE
        return result

    run_stage(Graph([info("a"), info("b"), info("c")]), set(), work, None, 1)
    assert seen == [True, True, True]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bug_in_the_work_reaches_the_caller(workers):
    def work(name):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stage(Graph([info("a"), info("b")]), set(), work, None, workers)
