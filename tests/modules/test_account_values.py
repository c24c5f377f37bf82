"""The modules of accounts and names cope with any value: validation hands them what is wrong, too."""

import random

import pytest

from tsagent import people
from tsagent.changes.base import Change
from tsagent.engine.identifiers import identify
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context, Nothing
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzB2kAlTdyYX5Pq4rRMwbG1uv8f8gTW1Vh5RmkgcGJ5 x"
WORDS = [
    "a",
    "default",
    "root",
    KEY,
    "",
    " ",
    "yes",
    "\u00fc",
    "a:b",
    "$6$x$y",
    "R",
    "\n",
    "-x",
    "\0",
    "a" * 300,
]
OTHERS = [None, True, False, 0, 5, -1, 1.5, b"\xff"]
NAMES = sorted(people._TEXTS | people._SWITCHES | people._LISTS) + [
    "default",
    "expire",
    "list",
    "users",
    "type",
    "rsa_private",
    "rsa_certificate",
    "emit_keys_to_console",
    "enabled",
    "default_user",
]


def value(chance, depth=0):
    kind = chance.random()
    if kind < 0.5 or depth > 3:
        return chance.choice(WORDS + OTHERS)
    if kind < 0.75:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): value(chance, depth + 1) for _ in range(chance.randrange(5))}


@pytest.mark.parametrize(
    "name", ["users", "ssh", "hostname", "etc_hosts", "ssh_fingerprints", "ssh_import_id"]
)
def test_no_value_is_a_bug(name, scratch_root):
    chance = random.Random(name)
    host = Host(str(scratch_root))
    info = discover(host.root, use_cache=False).modules[name]
    module = load_module(info, host.root)
    for _ in range(600):
        settings = {key: value(chance) for key in info.keys + info.reads if chance.random() < 0.5}
        context = Context(
            name,
            settings,
            Facts.from_data({"os": {"family": chance.choice(["el8", "debian"])}}),
            host.root,
            host.hardware,
            instance={"hostname": chance.choice(WORDS), "public_keys": [KEY]},
        )
        try:
            answer = module.plan(context)
            changes = [] if answer is None or isinstance(answer, Nothing) else list(answer)
        except AgentError:
            continue  # said in one line
        assert all(isinstance(change, Change) for change in changes)
        identify(name, changes)
        for change in changes:
            assert "\n" not in change.describe(), settings
