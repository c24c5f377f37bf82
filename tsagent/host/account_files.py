"""The account files under the account tools' own locks, and what a killed tool leaves of both.

The tools of shadow-utils lock each file they change by a file beside it, `passwd.lock`, that holds their
process id; they write `passwd+` and rename it, and lock by way of `passwd.PID`. One that is killed leaves
these behind, and after a restart its process id may belong to anything. Source: lib/commonio.c of
shadow-utils, as seen in a trace of useradd 4.13.
"""

import os
import re

from tsagent.errors import AgentError
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional

    from tsagent.host import Host

FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
_TOOLS = frozenset(
    ["useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "groupmems", "gpasswd"]
    + ["chpasswd", "chgpasswd", "passwd", "chage", "newusers", "chsh", "chfn", "vipw", "vigr", "pwck"]
    + ["grpck", "pwconv", "grpconv", "pwunconv", "grpunconv", "lnewusers", "luseradd"]
)
_ELSEWHERE = frozenset(["--prefix", "-P", "--root", "-R"])  # options that name another root
_PATIENCE = 30.0  # seconds to wait for a tool that is at work; useradd itself waits 15
_STEP = 0.05  # seconds between two looks


def clear_dead_locks(host: "Host") -> "List[str]":
    """Remove the locks and half-written files of tools that are gone; the names of what was removed.

    Waits for tools that are at work on this root. Raises AgentError `accounts-locked`.
    """
    deadline = host.clock.monotonic() + _PATIENCE
    while _at_work(host.root):
        if host.clock.monotonic() > deadline:
            raise AgentError(
                "%s has been changing the accounts for %d s" % (_at_work(host.root)[0], _PATIENCE),
                "accounts-locked",
                "end it, then run again",
            )
        host.clock.sleep(_STEP)
    removed = [path for path in leftovers(host.root) if not _holder(host.root, path)]
    for path in removed:
        host.root.unlink(path, missing_ok=True)
    return removed


def leftovers(tree: Tree) -> "List[str]":
    """Locks and half-written files beside the account files, whosoever they are."""
    names = "|".join(re.escape(os.path.basename(path)) for path in FILES)
    pattern = re.compile(r"^(%s)(\.lock|\+|\.[0-9]+)$" % names)
    return ["/etc/" + name for name in tree.listdir("/etc") if pattern.match(name)]


def entries(tree: Tree, name: str) -> "Dict[str, int]":
    """How many entries of each account file bear `name`."""
    return {path: len([line for line in _lines(tree, path) if _named(line, name)]) for path in FILES}


def remove_entries(host: "Host", name: str, paths: "Iterable[str]") -> None:
    """Take the entries called `name` out of account files, each in one step and under its lock."""
    for path in paths:
        with _Locked(host, path):
            lines = _lines(host.root, path)
            kept = [line for line in lines if not _named(line, name)]
            if len(kept) != len(lines):
                host.root.write_atomic(path, b"".join(kept))


def require_confined(tree: Tree, path: str) -> None:
    """See that a program of this machine, given the root as a prefix, would reach `path` inside the root.

    Such a program follows the tree's links as this machine's. Raises AgentError `unsafe-link`.
    """
    if tree.live:
        return
    while path != "/" and not os.path.lexists(tree.root + path):
        path = os.path.dirname(path)  # to be made; what is there of its parents counts
    try:
        inside = tree.host_path(path)
    except FileNotFoundError:
        inside = None  # a link that leads nowhere inside the root
    if os.path.realpath(tree.root + path) != inside:
        raise AgentError(
            "%s is a link that leads out of the root" % path, "unsafe-link", "make it a relative link"
        )


def useradd_default(tree: Tree, key: str, default: str) -> str:
    """A setting of /etc/default/useradd."""
    for line in (tree.text("/etc/default/useradd") or "").splitlines():
        name, equals, value = line.strip().partition("=")
        if name == key and equals and value.strip():
            return value.strip()
    return default


def login_default(tree: Tree, key: str, default: str) -> str:
    """A setting of /etc/login.defs."""
    for line in (tree.text("/etc/login.defs") or "").splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == key:
            return words[1]
    return default


def _lines(tree: Tree, path: str) -> "List[bytes]":
    try:
        return tree.read(path).splitlines(True)
    except FileNotFoundError:
        return []


def _named(line: bytes, name: str) -> bool:
    return line.split(b":", 1)[0] == os.fsencode(name)


class _Locked:
    """Holds a file's lock as the tools do, so that none of them changes it meanwhile."""

    def __init__(self, host: "Host", path: str) -> None:
        self._tree = host.root
        self._lock = path + ".lock"
        _take_lock(host, path, self._lock)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._tree.unlink(self._lock, missing_ok=True)


def _take_lock(host: "Host", path: str, lock: str) -> None:
    deadline = host.clock.monotonic() + _PATIENCE
    descriptor = _create(host.root, lock)
    while descriptor is None:
        holder = _holder(host.root, lock)
        if holder is None:
            host.root.unlink(lock, missing_ok=True)
        elif host.clock.monotonic() > deadline:
            raise AgentError("%s is locked by %s" % (path, holder), "accounts-locked")
        else:
            host.clock.sleep(_STEP)
        descriptor = _create(host.root, lock)
    try:
        os.write(descriptor, b"%d\0" % os.getpid())
    finally:
        os.close(descriptor)


def _create(tree: Tree, path: str) -> "Optional[int]":
    try:
        return tree.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None


def _holder(tree: Tree, path: str) -> "Optional[str]":
    """The name of the live account tool that holds a lock or writes a file; None where there is none."""
    if path.endswith(".lock"):
        written = (tree.text(path) or "").strip("\0 \n")
    else:
        written = path.rpartition(".")[2]
    return _tool(int(written)) if written.isdigit() else None


def _tool(pid: int) -> "Optional[str]":
    """The name of a process, if it lives and is an account tool."""
    machine = Tree("/")
    name = machine.text("/proc/%d/comm" % pid)
    # A zombie has a name but no command line.
    return name if name in _TOOLS and machine.text("/proc/%d/cmdline" % pid) else None


def _at_work(tree: Tree) -> "List[str]":
    """The account tools that are changing this root now."""
    found = []
    for entry in Tree("/").listdir("/proc"):
        name = _tool(int(entry)) if entry.isdigit() else None
        if name is not None and _concerns(tree, int(entry)):
            found.append("%s (process %s)" % (name, entry))
    return found


def _concerns(tree: Tree, pid: int) -> bool:
    """Whether a process changes this root: it sees it as its own, or was given it by name."""
    words = (Tree("/").text("/proc/%d/cmdline" % pid) or "").split("\0")
    if tree.root in words:
        return True
    if any(
        word.startswith("/") and index and words[index - 1] in _ELSEWHERE for index, word in enumerate(words)
    ):
        return False
    try:
        own, root = os.stat("/proc/%d/root" % pid), os.stat(tree.root)
    except OSError:
        return False  # gone meanwhile
    return (own.st_dev, own.st_ino) == (root.st_dev, root.st_ino)
