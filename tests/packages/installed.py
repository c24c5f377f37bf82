"""Looks at an installed agent in a tree, whichever package brought it."""

import os
import stat

from builder import run, units

# Run by the target's own Python, which must find nothing to compile in what the package installed.
BYTECODE = """
import importlib._bootstrap_external as external, importlib.machinery, os, sys
site = sys.argv[1]
sys.path.insert(0, site)
sys.dont_write_bytecode = True
def compiled(self, data, path, **more):
    raise SystemExit("compiled anew: " + path)
external.SourceLoader.source_to_code = compiled
count = 0
for folder, _, files in os.walk(os.path.join(site, "tsagent")):
    for name in files:
        if name.endswith(".py"):
            importlib.machinery.SourceFileLoader("x", os.path.join(folder, name)).get_code("x")
            count += 1
print(count)
"""

# Each key of each shipped schema has its validator made ahead of time.
VALIDATORS = """
import glob, json, os, sys
sys.path.insert(0, sys.argv[1])
from tsagent.userdata.fastvalid import digest, generated
made = generated()
missing = []
for path in glob.glob(os.path.join(sys.argv[1], "tsagent", "schemas", "*.json")):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    missing += [key for key in schema.get("properties", {}) if digest(schema, key) not in made]
print(len(made), missing)
"""


def inside(tree, *words):
    """Run a command in the tree; its output."""
    return run(
        ["chroot", tree] + list(words), env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    )


def assert_bytecode_is_valid(python, site):
    """Every source of the package has bytecode that this interpreter takes as it is."""
    assert int(run(python + ["-I", "-c", BYTECODE, site])) > 150


def assert_validators_are_complete(python, site):
    """Every key of the shipped schemas is validated without jsonschema."""
    count, _, missing = run(python + ["-I", "-c", VALIDATORS, site]).partition(" ")
    assert int(count) > 20 and missing.strip() == "[]"


def assert_enabled(tree, folder="systemd"):
    """systemd will start every unit of packaging/FOLDER at the next boot."""
    names = units(folder)
    states = run(["systemctl", "--root", tree, "is-enabled"] + names).split()
    assert dict(zip(names, states)) == dict.fromkeys(names, "enabled")


def snapshot(tree, leave_out=()):
    """Every path of a tree: type, mode, owner and content; not below what `leave_out` names."""
    found = {}
    for folder, names, files in os.walk(tree):
        names[:] = [name for name in names if os.path.join(folder, name)[len(tree) :] not in leave_out]
        for name in names + files:
            path = os.path.join(folder, name)
            if path[len(tree) :] in leave_out:
                continue
            entry = os.lstat(path)
            what = ""
            if stat.S_ISLNK(entry.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(entry.st_mode):
                what = "%d %d" % (entry.st_size, entry.st_mtime_ns)
            found[path[len(tree) :]] = (entry.st_mode, entry.st_uid, entry.st_gid, what)
    return found


def difference(before, after):
    """The paths that were added, went, or are not as they were."""
    return sorted(path for path in set(before) | set(after) if before.get(path) != after.get(path))


def leave_traces(tree):
    """What the agent writes at a boot, at the places that docs/command-line.md names."""
    for path, mode in (
        ("/var/lib/tsagent/identity.json", 0o600),
        ("/var/lib/tsagent/instances/i-1/journal.jsonl", 0o600),
        ("/var/lib/tsagent/cache/modules.json", 0o600),
        ("/var/cache/tsagent/packages/index.json", 0o644),
        ("/run/tsagent/status.json", 0o644),
        ("/var/log/tsagent.log", 0o640),
        ("/var/log/tsagent.log.1", 0o640),
        ("/var/log/tsagent-output.log", 0o600),
        ("/var/log/tsagent-output.log.2.gz", 0o600),
        ("/etc/tmpfiles.d/tsagent-handoff.conf", 0o644),
    ):
        os.makedirs(os.path.dirname(tree + path), exist_ok=True)
        with open(tree + path, "w", encoding="utf-8") as file:
            file.write("written by a run\n")
        os.chmod(tree + path, mode)


class Recorder:
    """In a tree that looks as if its systemd ran, a systemctl that writes down what it is asked."""

    def __init__(self, tree):
        self.tree = tree
        self.real = tree + "/usr/bin/systemctl"
        os.rename(self.real, self.real + ".real")
        with open(self.real, "w", encoding="utf-8") as file:
            file.write(
                '#!/bin/sh\necho "$@" >>/systemctl.log\nSYSTEMD_OFFLINE=1 exec /usr/bin/systemctl.real "$@"\n'
            )
        os.chmod(self.real, 0o755)
        os.makedirs(tree + "/run/systemd/system")

    def end(self):
        """Put the tree back; the verbs that systemctl was called with."""
        os.rename(self.real + ".real", self.real)
        os.rmdir(self.tree + "/run/systemd/system")
        log = self.tree + "/systemctl.log"
        if not os.path.exists(log):
            return set()
        with open(log, encoding="utf-8") as file:
            verbs = {next(word for word in line.split() if not word.startswith("-")) for line in file}
        os.unlink(log)
        return verbs
