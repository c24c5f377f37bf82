"""`tsagent clean`: back to an image that was never booted."""

from tsagent.errors import EXIT_DONE, EXIT_FAILED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from tsagent.host import Tree


def main(values: "argparse.Namespace") -> int:
    """Clean the root and return the exit code."""
    import os

    from tsagent.host import Tree

    if not os.path.isdir(values.root):
        raise AgentError("%s: no such directory" % values.root, code="no-such-directory")
    return clean_root(Tree(values.root), logs=values.logs, machine_id=values.machine_id)


def clean_root(tree: "Tree", logs: bool, machine_id: bool, seeds: bool = True) -> int:
    """Clean with the agent's lock held, name what could not be removed, and return the exit code."""
    import os
    import sys

    from tsagent.state import paths
    from tsagent.state.clean import clean
    from tsagent.state.lock import take_lock

    lock = take_lock(tree)
    try:
        left = clean(tree, logs=logs, machine_id=machine_id, seeds=seeds)
        if tree.live:
            _keep_code(tree)
        else:
            tree.remove_tree(paths.RUN)  # the lock was the last of it
    finally:
        os.close(lock)
    for problem in left:
        sys.stderr.write("tsagent: %s (not-cleaned)\n" % problem)
    return EXIT_FAILED if left else EXIT_DONE


def _keep_code(tree: "Tree") -> None:
    """Leave the boot's code in one file; without it a boot is a little slower, and no different."""
    from tsagent.code.collect import collect

    try:
        collect(tree)
    except OSError:
        pass
