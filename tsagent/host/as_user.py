"""Doing something as a user, with the user's rights and no others, inside the root.

What lies in a home is the user's: a link there may lead anywhere, and may be swapped at any moment. So
it is not root that follows it, but a child process that has given up root's rights and, for a tree, has
the tree as its root directory: what the user may not do, it cannot.
"""

import errno
import os

from tsagent.errors import AgentError
from tsagent.host.accounts import records
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List

    from tsagent.host.accounts import Account

PATIENCE = 30.0  # seconds: a home may lie on a server that does not answer
_LIMIT = 4 << 20  # bytes of an answer


def as_user(
    tree: Tree, account: "Account", work: "Callable[[Tree], bytes]", patience: float = PATIENCE
) -> bytes:
    """What `work(tree)` gives, called as the user with the tree as the user sees it.

    Without root's rights, and for root, it is simply called. `work` must have imported all it needs. An
    OSError or AgentError of it is raised here; AgentError `timed-out` where it ends not within `patience`
    seconds.
    """
    if os.geteuid() != 0 or account.uid == 0:
        return work(tree)
    import select
    import time
    from _signal import SIGKILL

    groups = _groups(tree, account)
    source, sink = os.pipe()
    child = _fork()
    if child == 0:
        _in_child(tree, account, groups, work, sink)
    os.close(sink)
    deadline = time.monotonic() + patience
    parts: "List[bytes]" = []
    options = 0
    try:
        waiting = select.poll()
        waiting.register(source, select.POLLIN)
        while sum(map(len, parts)) <= _LIMIT:
            left = deadline - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                os.kill(child, SIGKILL)
                options = os.WNOHANG  # what waits for a dead server ends only with it
                raise AgentError("the home of %s does not answer" % account.name, "timed-out")
            part = os.read(source, 1 << 16)
            if not part:
                break
            parts.append(part)
    finally:
        os.close(source)
        os.waitpid(child, options)
    made, _, result = _answer(b"".join(parts), account).partition(b"\0\0")
    tree.made.extend(os.fsdecode(path) for path in made.split(b"\0") if path)
    return result


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        # Of threads in the parent: the child calls nothing that another of them could hold a lock of.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _in_child(
    tree: Tree, account: "Account", groups: "List[int]", work: "Callable[[Tree], bytes]", sink: int
) -> None:
    """Never returns. The first byte of the answer says what it is."""
    answer = b"?"
    try:
        os.setsid()
        if not tree.live:
            os.chroot(tree.root)
        os.chdir("/")
        os.umask(0o077)
        os.setgroups(groups)
        os.setgid(account.gid)
        os.setuid(
            account.uid
        )  # and the user cannot look into a process that was root's. See prctl(2), DUMPABLE
        own = Tree("/")
        result = work(own)
        own.flush()
        answer = b"+" + b"\0".join(map(os.fsencode, own.made)) + b"\0\0" + result
    except AgentError as error:
        answer = b"!" + "\0".join([error.message, error.code, error.hint or ""]).encode("utf-8", "replace")
    except OSError as error:
        answer = b"-%d" % (error.errno or errno.EIO)
    finally:
        try:
            while answer:
                answer = answer[os.write(sink, answer) :]
        finally:
            os._exit(0)


def _answer(data: bytes, account: "Account") -> bytes:
    kind, rest = data[:1], data[1:]
    if kind == b"+":
        return rest
    if kind == b"-":
        number = int(rest)
        raise OSError(number, os.strerror(number))
    if kind == b"!":
        message, code, hint = rest.decode("utf-8", "replace").split("\0")
        raise AgentError(message, code, hint or None)
    raise AgentError("what was done as %s ended without an answer" % account.name, "command-failed")


def _groups(tree: Tree, account: "Account") -> "List[int]":
    """The ids of the groups the user is in."""
    found = [account.gid]
    for fields in records(tree, "/etc/group"):
        if len(fields) >= 4 and fields[2].isdigit() and account.name in fields[3].split(","):
            found.append(int(fields[2]))
    return list(dict.fromkeys(found))
