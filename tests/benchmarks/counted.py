"""Boots whose system calls and imports are counted: too slow to be timed, so apart from those that are."""

import collections
import glob
import json
import os
import re

import arms
import nspawn_tree

KINDS = ("calls", "imports")
FOLDER = "/bench/counted"
SYNCS = ("fsync", "fdatasync", "sync", "syncfs")
FORKS = ("fork", "vfork", "clone", "clone3")
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
UNFINISHED = "<unfinished ...>"
IMPORT = re.compile(r"^import time: +(\d+) \| +(\d+) \| +(\S+)$", re.MULTILINE)
PATH = re.compile(r"^\d+<([^>]*)>")
# What systemd takes of ExecStart= before the command itself.
PREFIX = re.compile(r"^([-+!:@|]*)(.*)$", re.DOTALL)


def prepare(made, arm, kind):
    """Have the units of an arm's machine run by the launcher."""
    for name, text in arms.units(made.tree, arm).items():
        lines = []
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("ExecStart="):
                prefix, command = PREFIX.match(line.partition("=")[2]).groups()
                words = "/usr/bin/python3 -I -S /bench/launch.py %s %s -- %s" % (kind, name, command)
                lines.append("ExecStart=%s%s" % (prefix, words))
        if lines:
            # The command is no longer the main process, which alone may tell systemd that it is ready.
            drop_in = ["[Service]", "NotifyAccess=all", "ExecStart="] + lines
            path = "/etc/systemd/system/%s.d/bench.conf" % name
            nspawn_tree.write(made.tree, path, "\n".join(drop_in) + "\n")


def collect(made, kind):
    """What was counted in the last boot, forgotten in the machine so that the next one begins anew."""
    found, largest = [], 0
    for path in sorted(glob.glob(made.path(FOLDER) + "/%s-*.service" % kind)):
        with open(path, encoding="utf-8", errors="replace") as file:
            found.append(file.read())
        with open(path + ".json", encoding="utf-8") as file:
            largest = max(largest, json.load(file)["kib"])
    nspawn_tree.remove(made.path(FOLDER))
    counted = calls(found) if kind == "calls" else imports(found)
    if kind == "calls":
        counted["largest_kib"] = largest
    return counted


def calls(traces):
    """Processes, programs and flushes in the output of strace, one text for each unit."""
    result = {"processes": len(traces), "programs": collections.Counter(), "syncs": 0, "synced": []}
    for trace in traces:
        for name, arguments in _finished(trace):
            outcome = arguments.rpartition(" = ")[2]
            if outcome.startswith(("-1", "?")):
                continue
            if name in FORKS and "CLONE_THREAD" not in arguments:
                result["processes"] += 1
            elif name == "execve":
                result["programs"][os.path.basename(arguments.split('"')[1])] += 1
            elif name in SYNCS:
                result["syncs"] += 1
                path = PATH.match(arguments)
                result["synced"].append(path.group(1) if path else name)
    result["programs"] = dict(result["programs"].most_common())
    return result


def _finished(trace):
    """The calls of a trace: name, and arguments with the outcome; those that were interrupted joined."""
    begun = {}
    for line in trace.splitlines():
        call, resumed = CALL.match(line), RESUMED.match(line)
        if call and line.endswith(UNFINISHED):
            begun[call.group(1, 2)] = call.group(3)[: -len(UNFINISHED)]
        elif call:
            yield call.group(2), call.group(3)
        elif resumed:
            yield resumed.group(2), begun.pop(resumed.group(1, 2), "") + resumed.group(3)
    for (_, name), arguments in begun.items():
        # An execve of one thread, or a fork, is never told to end when strace is.
        yield name, arguments + " = ?"


def imports(texts):
    """Imports in the output of `-X importtime`: how many, milliseconds, and by package, dearest first."""
    count, total, packages = 0, 0, collections.Counter()
    for text in texts:
        for itself, _, name in IMPORT.findall(text):
            count += 1
            total += int(itself)
            packages[name.partition(".")[0]] += int(itself)
    by_cost = [(name, spent / 1000) for name, spent in packages.most_common()]
    return {"count": count, "ms": total / 1000, "packages": by_cost}
