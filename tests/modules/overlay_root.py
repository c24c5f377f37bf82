"""A copy of this machine as a root that may be changed and entered: an overlay, gone when its test ends."""

import json
import os
import subprocess
import sys

HARNESS = """
set -e
top=$1; shift
mount -t tmpfs none $top
mkdir $top/upper $top/work $top/root
mount -t overlay overlay -o lowerdir=/,upperdir=$top/upper,workdir=$top/work $top/root
# No disk may be seen from inside.
mount -t tmpfs none $top/root/dev
mknod -m 666 $top/root/dev/null c 1 3
mknod -m 666 $top/root/dev/zero c 1 5
mknod -m 666 $top/root/dev/urandom c 1 9
mount -t proc none $top/root/proc
# What other packages of this machine hook in is not of interest here.
rm -f $top/root/etc/ca-certificates/update.d/*
"$@" $top/root
"""
PRELUDE = """
import json, os, subprocess, sys
sys.path.insert(0, {checkout!r})
sys.path.insert(0, {checkout!r} + "/tests/modules")
from overlay_root import apply, planned, report
from tsagent.host import Host
root = sys.argv[1]
host = Host(root, commands="chroot")
"""


def run_inside(tmp_path, checkout, script):
    """What `script` reports, run with `root` (the path of such a root) and `host` for it."""
    top = tmp_path / "overlay"
    top.mkdir()
    # With --kill-child nothing outlives a test that is cut off.
    words = ["unshare", "-m", "-p", "-f", "--kill-child", "--propagation", "private"]
    words += ["bash", "-c", HARNESS, "harness", str(top)]
    words += [sys.executable, "-c", PRELUDE.format(checkout=checkout) + script]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    output = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, output
    return json.loads(output.split("REPORT ", 1)[1].splitlines()[0])


def report(**values):
    """Hand values to the test; called inside."""
    print("\nREPORT " + json.dumps(values))
    sys.stdout.flush()


def apply(host, name, settings, facts):
    """Plan a module and apply what is not so yet, as the engine would.

    (state, type, target, note) of each change, the warnings, and the states that a second look sees.
    """
    from tsagent.changes.base import CONVERGED
    from tsagent.errors import AgentError

    changes, context = planned(host, name, settings, facts)
    outcomes = []
    for change in changes:
        before = change.probe(host)
        if before.state == CONVERGED:
            outcomes.append(["already", change.type, str(change.target), before.detail])
            continue
        try:
            outcomes.append(["applied", change.type, str(change.target), change.apply(host)])
        except AgentError as error:
            outcomes.append(["failed", change.type, str(change.target), str(error)])
    again = [
        [change.type, str(change.target), change.probe(host).state]
        for change in planned(host, name, settings, facts)[0]
    ]
    return {"outcomes": outcomes, "warnings": context.warnings, "again": again}


def planned(host, name, settings, facts):
    """A module's changes on a host, and its context."""
    from tsagent.facts import Facts
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing
    from tsagent.registry.discovery import discover
    from tsagent.registry.loading import load_module

    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules[name], tree)
    known = Facts.from_data(facts)
    host.facts = known
    context = Context(name, settings, known, host.root, host.hardware, commands=host.commands)
    answer = module.plan(context)
    return [] if answer is None or isinstance(answer, Nothing) else list(answer), context


def is_root():
    """Whether such a root can be made."""
    return os.geteuid() == 0
