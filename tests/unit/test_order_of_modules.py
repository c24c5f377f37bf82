"""The order that users rely on, between each two modules: it must need no third that may not be due."""

import pytest

from tsagent.engine.graph import Graph
from tsagent.host import Host
from tsagent.registry.discovery import discover

MODULES = discover(Host("/").root, use_cache=False).modules
STAGES = ["local", "network", "final"]

# Each before the next; a set stands for all in it. Source: cloud-init's lists of modules, and what its
# users ask for beyond them (files after mounts and users).
CHAINS = [
    ["bootcmd", "disk_setup", "mounts", "files", "packages", "files_deferred"],
    ["random_seed", {"bootcmd", "users", "ssh", "files"}],
    ["bootcmd", "users", "files"],
    ["mounts", "users"],
    ["files", "apt", "packages", "vendor_scripts", "once_scripts", "boot_scripts", "commands"],
    ["files_deferred", {"ansible", "puppet", "chef", "salt_minion"}, "vendor_scripts"],
    ["files_deferred", {"vendor_scripts", "once_scripts", "boot_scripts", "commands"}],
    [{"ansible", "puppet", "chef", "salt_minion"}, "commands", "phone_home", "final_message"],
    [{"ntp", "ssh_import_id", "locale"}, "commands"],
    ["packages", "locale"],
    ["commands", "ssh_fingerprints", "final_message", "power_state"],
]


def pairs():
    for chain in CHAINS:
        groups = [group if isinstance(group, set) else {group} for group in chain]
        for index, group in enumerate(groups):
            for later in groups[index + 1 :]:
                for first in sorted(group):
                    for second in sorted(later):
                        yield first, second


@pytest.mark.parametrize("first, second", sorted(set(pairs())))
def test_before(first, second):
    one, other = MODULES[first], MODULES[second]
    if one.stage != other.stage:
        assert STAGES.index(one.stage) < STAGES.index(other.stage)
    else:
        assert first in Graph([one, other]).waits[second]


def test_power_state_is_the_last_of_all():
    final = [info for info in MODULES.values() if info.stage == "final"]
    graph = Graph(final)
    before = set()
    waiting = ["power_state"]
    while waiting:
        for name in graph.waits[waiting.pop()]:
            if name not in before:
                before.add(name)
                waiting.append(name)
    assert before == {info.name for info in final} - {"power_state"}
    assert graph.cycles == []
