"""Making an image out of a machine: everything of one instance goes, so that a clone is a new one."""

from tsagent.state import paths, remains

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.host import Tree

MACHINE_ID = "/etc/machine-id"
_DBUS_MACHINE_ID = "/var/lib/dbus/machine-id"


def clean(tree: "Tree", logs: bool = False, machine_id: bool = False, seeds: bool = True) -> "List[str]":
    """Remove what is of one machine and leave the marker of an image; what could not be removed.

    `logs` removes the logs too; without `seeds` the seeds stay; `machine_id` makes the next boot choose
    a new machine-id. Links are removed, never followed out of the tree.
    """
    left: "List[str]" = []
    # The marker first: cut off after it, the next boot is a first boot of a half-cleaned image;
    # before it, a machine in use that has lost its state would be adopted.
    tree.write_atomic(paths.CLEAN_MARKER, b"", 0o644)
    tree.flush()
    doomed = remains.of_one_machine(tree, seeds)
    if logs:
        doomed += remains.logs(tree)
    for path in sorted(set(doomed)):
        try:
            tree.remove_tree(path)
        except OSError as error:
            inside = " (%s in it)" % error.filename if error.filename and error.filename not in path else ""
            left.append("%s%s: %s" % (path, inside, error.strerror))
    if machine_id:
        left += _forget_machine_id(tree)
    tree.flush()
    return left


def _forget_machine_id(tree: "Tree") -> "List[str]":
    left = []
    for path, forget in ((MACHINE_ID, _forget), (_DBUS_MACHINE_ID, _forget_copy)):
        try:
            forget(tree, path)
        except OSError as error:
            left.append("%s: %s" % (path, error.strerror))
    return left


def _forget(tree: "Tree", path: str) -> None:
    """Where there is none, that is a first boot, too."""
    if tree.exists(path):
        tree.write_atomic(path, remains.no_machine_id(tree), 0o444)


def _forget_copy(tree: "Tree", path: str) -> None:
    """D-Bus's own; where it is a link to systemd's it stays."""
    import stat

    try:
        if stat.S_ISREG(tree.lstat(path).st_mode):
            tree.unlink(path)
    except FileNotFoundError:
        pass
