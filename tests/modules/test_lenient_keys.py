"""Keys whose modules get whatever stands there: no value makes a plan fail, or a change a bug."""

import random

import pytest

from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

KEYS = {
    "commands": ["runcmd"],
    "bootcmd": ["bootcmd"],
    "files": ["write_files"],
    "files_deferred": ["write_files"],
    "packages": ["packages", "package_update", "package_upgrade", "package_reboot_if_required"],
}
WORDS = ["path", "content", "encoding", "owner", "permissions", "append", "defer", "source", "uri", "headers"]
WORDS += ["apt", "dnf", "snap", "x"]
SCALARS = [
    None,
    True,
    False,
    0,
    -1,
    420,
    10**30,
    1.5,
    float("inf"),
    float("nan"),
    "",
    "x",
    "/a",
    "\ud800",
    "/\ud800",
]
SCALARS += [
    "\udcff",
    "\0",
    "/a/\0",
    "0644",
    "b64",
    "gz",
    b"\xff",
    b"",
    "yes",
    "é" * 300,
    ":",
    "root:",
    "/../..",
    "/",
]


def junk(chance, depth=0):
    kind = chance.random()
    if depth > 3 or kind < 0.5:
        return chance.choice(SCALARS)
    if kind < 0.75:
        return [junk(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = [chance.choice(WORDS + SCALARS[:5]) for _ in range(chance.randrange(6))]
    return {key: junk(chance, depth + 1) for key in keys}


def likely(chance, key):
    """A value that gets a little further than junk."""
    if key == "write_files":
        entries = []
        for _ in range(3):
            entry = {name: junk(chance, 3) for name in chance.sample(WORDS[:8], 4)}
            entries.append(dict({"path": "/srv/%d" % chance.randrange(3)}, **entry))
        return entries
    return [junk(chance, 2) for _ in range(3)]


@pytest.mark.parametrize("name", sorted(KEYS))
def test_whatever_stands_there(name, tmp_path):
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules[name], tree)
    host = Host(str(tmp_path), commands="skip")
    chance = random.Random(name)
    planned = 0
    for number in range(400):
        make = likely if number % 2 else lambda chance, key: junk(chance)
        settings = {key: make(chance, key) for key in KEYS[name]}
        facts = Facts.from_data({"os": {"package_manager": "dnf"}})
        context = Context(name, settings, facts, host.root, host.root, commands="skip")
        answer = module.plan(context)
        for change in [] if hasattr(answer, "reason") else list(answer):
            planned += 1
            assert isinstance(change.describe(), str) and isinstance(change.payload(), dict)
            if name.startswith("files"):
                try:
                    change.probe(host)
                    change.apply(host)
                except (AgentError, OSError):
                    pass
    assert planned > 30
