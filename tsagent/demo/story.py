"""The demo's story: facts, plan, first run, second run, status, hand-off; then a look whether it is true."""

import json
import os
import subprocess
import sys

from tsagent.demo import environment, world
from tsagent.facts.partition_table import parse_table
from tsagent.facts.superblock import parse_superblock
from tsagent.sources.simulator.server import Simulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

INSTANCE_TYPE = "GN7.2XLARGE32"
_HEAD = 1 << 16  # bytes at the start of a disk or file system: table and superblock


def tell(work: str, root: str, view: bool, accounts: bool = True) -> int:
    """Tell it; 0 when everything came true.

    `root` is the tree of the demo's machine, `view` whether it is a view of this one, `accounts` whether
    others than root can own anything in it.
    """
    packages = world.repository(root) if view else None
    told = world.user_data(packages is not None, accounts)
    common = ["--root", root, "--hardware", world.hardware(work), "--disk", world.disk(work)]
    common += ["--commands", "chroot" if view else "here"]
    before = _sizes(world.disk(work))
    with Simulator(INSTANCE_TYPE, user_data=told) as simulator:
        common += ["--source", "imds:" + simulator.url]
        if view:
            _title("The machine: a copy-on-write view of this one, made an image by `tsagent clean`")
            _agent("clean", "--root", root, "--logs")
        _title("What it runs on: a recorded %s" % INSTANCE_TYPE)
        _agent("facts", "--root", root, "--hardware", world.hardware(work), "--instance-type", INSTANCE_TYPE)
        _title("What would be done (tsagent plan)")
        _agent("plan", *common)
        asked = len(simulator.requests)
        _title("The first boot (tsagent run)")
        first = _agent("run", *common)
        _say("the metadata service was asked %d times" % (len(simulator.requests) - asked))
        asked = len(simulator.requests)
        _title("The second boot changes nothing")
        second = _agent("run", *common)
        quiet = len(simulator.requests) == asked
        _say("the metadata service was asked %d times" % (len(simulator.requests) - asked))
    _title("How it stands (tsagent status)")
    _agent("status", "--root", root)
    _title("The disk, before and after")
    after = _sizes(world.disk(work))
    for what, old, new in zip(("disk", "partition", "file system"), before, after):
        _say("%-12s %5d MiB -> %5d MiB" % (what, old >> 20, new >> 20))
    _title("What the tuning and update services are handed (/run/tsagent/handoff.json)")
    with open(root + "/run/tsagent/handoff.json", encoding="utf-8") as stream:
        sys.stdout.write(stream.read().rstrip() + "\n")
    wrong = _check(root, packages, before, after)
    with open(root + "/etc/passwd", encoding="utf-8") as stream:
        if accounts and "\nada:" not in stream.read():
            wrong.append("there is no account ada")
    for name, code in (("first", first), ("second", second)):
        if code not in (0, 2):
            wrong.append("the %s run ended with %d" % (name, code))
    if not quiet:
        wrong.append("the second boot asked the metadata service")
    _title("Not as promised" if wrong else "All of it came true")
    for line in wrong:
        _say(line)
    if packages is None:
        _say("(packages were left out: %s)" % ("no tool to make a repository" if view else "no view"))
    return 1 if wrong else 0


def _agent(*words: str) -> int:
    _say("$ tsagent " + " ".join(words))
    return subprocess.call([sys.executable, "-m", "tsagent"] + list(words), env=environment())


def _title(words: str) -> None:
    line = "\n== %s " % words
    sys.stdout.write(line + "=" * max(2, 100 - len(line)) + "\n")
    sys.stdout.flush()


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _sizes(path: str) -> "Tuple[int, int, int]":
    """Bytes of the disk, of its partition and of the file system in it."""
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        table = parse_table(stream.read(_HEAD))
        assert table is not None
        entry = table.entries[0]
        stream.seek(entry.start * 512)
        superblock = parse_superblock(stream.read(_HEAD))
        assert superblock is not None
    return size, entry.size * 512, superblock.size


def _check(
    root: str, packages: "object", before: "Tuple[int, int, int]", after: "Tuple[int, int, int]"
) -> "List[str]":
    """What is not as the demo's user asked."""
    wrong = []
    texts = {"/srv/hello.txt": "hello from write_files\n", "/srv/from-runcmd": "hello from runcmd\n"}
    texts["/srv/private"] = "secret\n"
    texts["/etc/hostname"] = "demo\n"
    if packages:
        texts["/srv/from-package"] = "hello\n"
    for path, text in texts.items():
        try:
            with open(root + path, encoding="utf-8") as stream:
                if stream.read() != text:
                    wrong.append("%s has another content" % path)
        except OSError as error:
            wrong.append("%s: %s" % (path, error.strerror))
    if after[1] < after[0] * 9 // 10 or after[2] < after[1] * 9 // 10:
        wrong.append("the disk was not grown")
    with open(root + "/run/tsagent/status.json", encoding="utf-8") as stream:
        status = json.load(stream)
    wrong += [
        "%s: %s" % (module["name"], module.get("reason", ""))
        for module in status["modules"]
        if module["state"] in ("failed", "skipped", "interrupted")
    ]
    return wrong
