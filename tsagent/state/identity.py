"""Which instance this is: what was cached, what the machine says, and whether it is in use already."""

from tsagent.state import paths
from tsagent.state.store import read_state, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.host import Host, Tree

FORMAT = 1
_NO_UUID = ("", "not settable", "not present", "none")
_OTHER_AGENTS = ("/var/lib/cloud/instance", "/var/lib/cloud/data/instance-id")


class Machine:
    """What tells one machine from its clone: the DMI UUID, else the machine-id."""

    def __init__(self, uuid: "Optional[str]", machine_id: "Optional[str]") -> None:
        self.uuid = uuid
        self.machine_id = machine_id

    def name(self) -> str:
        """An instance id for a machine that no source names."""
        return "iid-" + (self.uuid or self.machine_id or "local")


def read_machine(host: "Host") -> Machine:
    """Read both from the hardware tree and the root; neither need be there."""
    uuid = (host.hardware.text("/sys/class/dmi/id/product_uuid") or "").lower()
    if uuid in _NO_UUID or not uuid.strip("0-") or not uuid.strip("f-"):
        uuid = ""
    machine_id = host.root.text("/etc/machine-id") or ""
    if machine_id == "uninitialized":
        machine_id = ""
    return Machine(uuid or None, machine_id or None)


class Identity:
    """The instance this root last ran as. `adopted`: it was in use before the agent came."""

    def __init__(self, data: "Dict[str, Any]") -> None:
        self.instance_id: "str" = data["instance_id"]
        self.source: "str" = data["source"]
        self.origin: "str" = data.get("origin", "")
        self.uuid: "Optional[str]" = data.get("uuid")
        self.machine_id: "Optional[str]" = data.get("machine_id")
        self.fingerprint = data.get("fingerprint")
        self.adopted: "bool" = data.get("adopted", False)

    def matches(self, machine: Machine) -> bool:
        """Whether this machine is the one the identity was taken on.

        The machine-id alone decides where there is no DMI; where neither is known on one side, the
        state directory came along with the tree and is believed.
        """
        if self.uuid and machine.uuid:
            return self.uuid == machine.uuid
        if self.uuid or machine.uuid:
            return False
        if self.machine_id and machine.machine_id:
            return self.machine_id == machine.machine_id
        return True

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data."""
        return {
            "format": FORMAT,
            "instance_id": self.instance_id,
            "source": self.source,
            "origin": self.origin,
            "uuid": self.uuid,
            "machine_id": self.machine_id,
            "fingerprint": self.fingerprint,
            "adopted": self.adopted,
        }


def read_identity(tree: "Tree") -> "Optional[Identity]":
    """The cached identity, or None before the first run."""
    found: "Optional[Identity]" = read_state(tree, paths.IDENTITY, FORMAT, _identity)
    return found


def _identity(data: "Dict[str, Any]") -> Identity:
    identity = Identity(data)
    if not all(isinstance(data[key], str) for key in ("instance_id", "source")):
        raise TypeError("an identity without a name")
    return identity


def write_identity(tree: "Tree", identity: Identity) -> None:
    """Remember which instance this is. `settle` follows, at every run."""
    write_json(tree, paths.IDENTITY, identity.as_data())


def settle(tree: "Tree", identity: Identity) -> None:
    """Make what hangs on the identity agree with it, also when the run that wrote it was cut off.

    The marker of an image goes last of all: until the identity stands, it keeps a machine with host keys
    of its image from being taken for one in use.
    """
    target = paths.instance_directory(identity.instance_id)[len(paths.STATE) + 1 :]
    try:
        current = tree.readlink(paths.INSTANCE_LINK)
    except OSError:
        current = ""
    if current != target:
        tree.symlink(target, paths.INSTANCE_LINK)
    tree.remove_tree(paths.PENDING)
    tree.unlink(paths.CLEAN_MARKER, missing_ok=True)


def _is_ours(tree: "Tree", path: str) -> bool:
    """Whether it is the link that the compatibility files of `tsagent.compat.finished` are found by."""
    try:
        return tree.readlink(path) == paths.COMPATIBILITY
    except OSError:
        return False


def in_use(tree: "Tree") -> "Optional[str]":
    """What shows that somebody has used this machine before the agent came, or None.

    An image that was prepared for a first boot carries the `clean` marker and is never in use.
    """
    if tree.exists(paths.CLEAN_MARKER):
        return None
    for path in _OTHER_AGENTS:
        if tree.exists(path) and not _is_ours(tree, path):
            return path
    for name in tree.listdir("/etc/ssh"):
        if name.startswith("ssh_host_") and name.endswith("_key"):
            return "/etc/ssh/" + name
    return None
