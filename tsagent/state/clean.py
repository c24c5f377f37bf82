"""Making an image out of a machine: everything of one instance goes, so that a clone is a new one."""

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.host import Tree

_HANDOFF_RESTORER = "/etc/tmpfiles.d/tsagent-handoff.conf"
SEEDS = ("/var/lib/tsagent/seed", "/var/lib/cloud/seed")


def clean(tree: "Tree", logs: bool = False, machine_id: bool = False, seeds: bool = True) -> "List[str]":
    """Remove state, seeds and host keys and leave the marker of an image; what could not be removed.

    `logs` removes the logs too; without `seeds` the seeds stay.
    `machine_id` makes the next boot choose a new machine-id.
    """
    left: "List[str]" = []
    doomed = ["%s/%s" % (paths.STATE, name) for name in tree.listdir(paths.STATE) if name != "clean"]
    doomed += ["%s/%s" % (paths.RUN, name) for name in tree.listdir(paths.RUN) if name != "lock"]
    if seeds:
        doomed += SEEDS
    else:
        doomed = [path for path in doomed if path not in SEEDS]
    doomed.append(_HANDOFF_RESTORER)
    doomed += [
        "/etc/ssh/" + name
        for name in tree.listdir("/etc/ssh")
        if name.startswith("ssh_host_") and name.endswith(("_key", "_key.pub", "_key-cert.pub"))
    ]
    if logs:
        doomed += [paths.LOG, paths.OUTPUT_LOG]
    # The marker first: cut off after it, the next boot is a first boot of a half-cleaned image;
    # before it, a machine in use that has lost its state would be adopted.
    tree.write_atomic(paths.CLEAN_MARKER, b"", 0o644)
    tree.flush()
    for path in doomed:
        try:
            tree.remove_tree(path)
        except OSError as error:
            left.append("%s: %s" % (path, error.strerror))
    if machine_id:
        left += _forget_machine_id(tree)
    tree.flush()
    return left


def _forget_machine_id(tree: "Tree") -> "List[str]":
    """`uninitialized` makes systemd choose a new id and run first-boot units (machine-id(5))."""
    if not tree.exists("/etc/machine-id"):
        return []
    try:
        tree.write_atomic("/etc/machine-id", b"uninitialized\n", 0o444)
        tree.unlink("/var/lib/dbus/machine-id", missing_ok=True)
        tree.unlink("/var/lib/systemd/random-seed", missing_ok=True)
    except OSError as error:
        return ["%s: %s" % (error.filename or "/etc/machine-id", error.strerror)]
    return []
