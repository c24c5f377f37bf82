"""Disks to try things on: loop devices over files of a test's own. No other device is ever named."""

import json
import os
import subprocess

from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context, Nothing
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module


def sh(*argv, **options):
    """The output of a command that must succeed."""
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=options.get("input"), check=False
    )
    assert done.returncode == 0, (argv, done.stdout)
    return done.stdout.decode("utf-8", "replace")


class Loops:
    """Loop devices that go when the test ends, with their partitions."""

    def __init__(self, top):
        self.top = str(top)
        self.made = []

    def disk(self, size=300, sector=512):
        """A disk of `size` MiB, empty; its path."""
        path = os.path.join(self.top, "disk%d.img" % len(self.made))
        with open(path, "wb") as stream:
            stream.truncate(size << 20)
        loop = sh("losetup", "--find", "--show", "--sector-size", str(sector), path).strip()
        self.made.append(loop)
        return loop

    def close(self):
        for loop in self.made:
            subprocess.run(["partx", "--delete", loop], stderr=subprocess.DEVNULL, check=False)
            sh("losetup", "--detach", loop)

    def own(self, device):
        """Whether a device is one of ours."""
        real = os.path.realpath(device)
        return any(real == loop or real.startswith(loop + "p") for loop in self.made)


def plan(name, settings, loops, runner=None):
    """(changes, context, host) of a module on the running system, of which only our loops may be named."""
    host = Host("/", runner=runner)
    context = Context(name, settings, Facts(host.hardware, host.root), host.root, host.hardware)
    answer = load_module(discover(host.root, use_cache=False).modules[name], host.root).plan(context)
    changes = [] if isinstance(answer, Nothing) else list(answer)
    for change in changes:
        assert loops.own(str(change.target)), change.describe()
    return changes, context, host


def apply(changes, host):
    """Probe and apply in order, as the engine does; each change's state and note."""
    outcome = []
    for change in changes:
        seen = change.probe(host)
        if seen.state == "converged":
            outcome.append(("warned" if seen.warn else "already", seen.detail))
            continue
        change.before(host)
        outcome.append(("applied", change.apply(host) or ""))
        assert change.probe(host).state == "converged", (change.describe(), change.probe(host))
    return outcome


def states(outcome):
    return [state for state, _ in outcome]


def partitions(disk):
    """Kind of table, and type and MiB of each partition, as sfdisk tells them."""
    table = json.loads(sh("sfdisk", "--json", disk))["partitiontable"]
    unit = int(table.get("sectorsize", 512))
    return table["label"], [(part["type"].upper(), part["size"] * unit >> 20) for part in table["partitions"]]


def held(device):
    """(kind, label) of the file system on a device, as blkid tells them; None where there is none."""
    done = subprocess.run(["blkid", "-p", "-o", "export", device], stdout=subprocess.PIPE, check=False)
    rows = dict(row.split("=", 1) for row in done.stdout.decode().splitlines() if "=" in row)
    if "TYPE" not in rows:
        return None
    return rows["TYPE"], rows.get("LABEL", rows.get("LABEL_FATBOOT", "")).replace("\\", "")
