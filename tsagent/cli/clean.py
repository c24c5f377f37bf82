"""`tsagent clean`: back to an image that was never booted."""

from tsagent.errors import EXIT_DONE, EXIT_FAILED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Clean the root and return the exit code."""
    import os
    import sys

    from tsagent.host import Tree
    from tsagent.state.clean import clean
    from tsagent.state.lock import take_lock

    if not os.path.isdir(values.root):
        raise AgentError("%s: no such directory" % values.root, code="no-such-directory")
    tree = Tree(values.root)
    lock = take_lock(tree)
    try:
        left = clean(tree, logs=values.logs, machine_id=values.machine_id)
    finally:
        os.close(lock)
    for problem in left:
        sys.stderr.write("tsagent: %s (not-cleaned)\n" % problem)
    return EXIT_FAILED if left else EXIT_DONE
