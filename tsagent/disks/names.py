"""Which device a name in user data stands for.

A name is a path, a kernel name without /dev (`sdb`), an alias (`device_aliases`), or one of cloud-init's
names for what a cloud attaches: `ephemeral0` is the first local disk of the machine, `root` the device of
the root file system, `swap` a device in use as swap. `NAME.N` is partition N of NAME; N = 0 is all of it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Context

_SHORT = r"((xvd|[shv]d)[a-z]+[0-9]*|sr[0-9]+|nvme[0-9]+n[0-9]+(p[0-9]+)?)$"


class Device:
    """What a name stands for: a `path` and a partition `number`, or the reason `why` it stands for nothing.

    `number` is None where the name says nothing of a partition, and 0 where it says the whole device.
    """

    __slots__ = ("number", "path", "why")

    def __init__(self, path: "Optional[str]", number: "Optional[int]" = None, why: str = "") -> None:
        self.path = path
        self.number = number
        self.why = why


def device_of(context: "Context", name: str) -> Device:
    """The device that `name` stands for on this machine."""
    aliases = context.settings.get("device_aliases")
    aliases = aliases if isinstance(aliases, dict) else {}
    base, _, digits = name.rpartition(".")
    dotted = bool(base) and digits.isdigit() and name not in aliases
    # A name of udev's may end in a dot and digits itself.
    if not dotted or (name.startswith("/dev/") and context.live and context.exists(name)):
        return _lookup(context, name, aliases)
    found = _lookup(context, base, aliases)
    return found if found.path is None else Device(found.path, int(digits))


def _lookup(context: "Context", name: str, aliases: "Dict[str, Any]") -> Device:
    first = name
    for _ in range(len(aliases) + 1):
        target = aliases.get(name, aliases.get(name[len("/dev/") :] if name.startswith("/dev/") else name))
        if not isinstance(target, str) or not target or target == name:
            return _named(context, name)
        name = target  # which may be an alias itself
    return Device(None, why='the aliases that "%s" stands for go round in a circle' % first[:80])


def _named(context: "Context", name: str) -> Device:
    import re

    bare = name[len("/dev/") :] if name.startswith("/dev/") else name
    if re.match(r"(ephemeral[0-9]*|ebs[0-9]+|ami|root|swap)$", bare) and not name.startswith("/dev/root"):
        return _of_the_cloud(context, bare)
    if name.startswith("/"):
        return Device(name)
    if re.match(_SHORT, name):
        return Device("/dev/" + name)
    return Device(None, why='"%s" is neither a path, nor a disk of the kernel\'s, nor an alias' % name[:80])


def _of_the_cloud(context: "Context", name: str) -> Device:
    """The device behind one of the names that cloud-init looks up in metadata."""
    if name in ("ami", "root"):
        device = context.facts.root_filesystem.device
        return Device(device, why='the device of the root file system ("%s") is not known' % name)
    if name == "swap":
        for disk in context.facts.disks:
            for item in [disk] + list(disk.get("partitions") or []):
                if item.get("swap"):
                    return Device(item["device"])
        return Device(None, why='no device is in use as swap, so "swap" stands for none')
    if name.startswith("ephemeral"):
        index = int(name[len("ephemeral") :] or 0)
        local = [
            disk["device"] for disk in context.facts.disks if disk.get("local_disk") and not disk.get("root")
        ]
        if index < len(local):
            return Device(local[index])
        count = "%d local disks" % len(local) if len(local) != 1 else "one local disk"
        return Device(None, why='"%s" stands for no device: this machine has %s' % (name, count))
    return Device(None, why='"%s" stands for no device here' % name)


def partition_names(device: str, number: int) -> "List[str]":
    """The names a partition may have, the likeliest first: `/dev/vda1`, `/dev/nvme0n1p1`, `…-part1`."""
    plain, kernel, by_link = ("%s%s%d" % (device, middle, number) for middle in ("", "p", "-part"))
    if device.startswith("/dev/disk/"):
        return [by_link, kernel, plain]
    return [kernel, plain, by_link] if device[-1:].isdigit() else [plain, kernel, by_link]


def partition_path(context: "Context", device: str, number: int) -> str:
    """The path of a partition: what is there, else the name it will have."""
    names = partition_names(device, number)
    return next((name for name in names if context.live and context.exists(name)), names[0])
