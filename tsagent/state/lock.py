"""One agent at a time in a root."""

import os

from tsagent.errors import LockedError
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.host import Tree


def take_lock(tree: "Tree") -> int:
    """Hold the lock until the descriptor is closed or the process ends, however it ends.

    Raises LockedError (exit code 75) when another agent holds it.
    """
    import fcntl

    descriptor = tree.open(paths.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockedError(
            "another agent is running in this root", "locked", "see 'tsagent status --wait'"
        ) from None
    return descriptor
