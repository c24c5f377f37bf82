"""Changes to what is on block devices: making a file system or swap.

One that is there as asked for stays. Another is destroyed only where `overwrite` or `replace` says so,
and nothing is made on a device in use. The tools are never killed: past their limit they go on alone.
"""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.block_devices import (
    Signature,
    need_device,
    owner_of,
    real_device,
    refuse_in_use,
    settle,
    signature,
    wipe,
)
from tsagent.disks.names import partition_names
from tsagent.errors import AgentError
from tsagent.host.process import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

    from tsagent.host import Host

_LIMIT = 600.0  # seconds after which a tool, never killed, is reported as still running: login waits
# Labels longer than this are cut by the tools or refused. Sources: the manuals of mke2fs, mkfs.xfs, mkswap …
LABEL_LIMIT = {
    "ext2": 16,
    "ext3": 16,
    "ext4": 16,
    "xfs": 12,
    "vfat": 11,
    "swap": 15,
    "btrfs": 255,
    "ntfs": 32,
}
_LABEL_FLAG = {"vfat": "-n", "msdos": "-n", "reiserfs": "-l", "f2fs": "-l"}
_FORCE_FLAG = {"ext2": "-F", "ext3": "-F", "ext4": "-F", "xfs": "-f", "btrfs": "-f", "swap": "-f"}
_FORCE_FLAG.update({"reiserfs": "-f", "f2fs": "-f", "ntfs": "-F"})
_WHOLE_DISK_FLAG = {"vfat": "-I", "msdos": "-I"}
# A look at a file system that changes nothing and says by its status whether it is whole.
_CHECK = {
    "ext2": ["e2fsck", "-f", "-n"],
    "ext3": ["e2fsck", "-f", "-n"],
    "ext4": ["e2fsck", "-f", "-n"],
    "xfs": ["xfs_repair", "-n"],
    "vfat": ["fsck.vfat", "-n"],
    "btrfs": ["btrfs", "check", "--readonly"],
}


class MakeFileSystem(Change):
    """Make a file system, or swap, on a device.

    `partition` is a number, "none" for the device itself, or "any" and "auto" for the first of its
    partitions that has this `kind` already (and with "auto" this `label`) or nothing. `replace` is a kind
    that may be overwritten. `command` is made in place of the usual tool: a list of words, or a text for
    the shell; `{device}` in it stands for the device, doubled braces for braces.
    """

    type = "make_file_system"
    needs_live = True
    repeat_visible = True
    outlives = True

    def __init__(
        self,
        device: str,
        kind: "Optional[str]",
        label: "Optional[str]" = None,
        partition: "Union[int, str]" = "any",
        overwrite: bool = False,
        replace: "Optional[str]" = None,
        options: "Sequence[str]" = (),
        command: "Union[str, Sequence[str], None]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(device, reason, requires)
        self.device = device
        self.kind = kind
        self.label = label or ""
        self.partition = partition
        self.overwrite = overwrite
        self.replace = replace
        self.options = list(options)
        self.command = command

    def payload(self) -> "Dict[str, Any]":
        names = ("kind", "label", "partition", "overwrite", "replace")
        # No digest of what the user gives to a tool: a passphrase may stand there.
        return dict({name: getattr(self, name) for name in names}, own_command=self.command is not None)

    def describe(self) -> str:
        what = "%s file system" % (self.kind or "") if self.kind != "swap" else "swap"
        name = ' "%s"' % self.label if self.label else ""
        if isinstance(self.partition, int) and self.partition:
            return "make %s%s on %s" % (what.strip(), name, partition_names(self.device, self.partition)[0])
        return "make %s%s on %s" % (what.strip(), name, self.device)

    def probe(self, host: "Host") -> Probe:
        if not host.live:
            return Probe(UNKNOWN, "a device of the running system")
        if real_device(host, self.device) is None:
            return Probe(DIFFERS, "there is no block device %s" % self.device)
        if isinstance(self.partition, int) and not self._candidates(host):
            return Probe(DIFFERS, "there is no partition %d on %s" % (self.partition, self.device))
        target, seen, why = self._choose(host)
        if target is None or why:
            return Probe(CONVERGED, why, warn=target is None or not self._matches(seen))
        return Probe(DIFFERS, "%s holds %s" % (target, seen))

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        target, seen, _ = self._choose(host)
        return {"device": target, "kind": seen.kind, "uuid": seen.uuid}

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        """What a killed tool left is made anew; what somebody else made since is not."""
        target = before["device"] if before else None
        if before is None or target is None or real_device(host, target) is None:
            return self.probe(host)
        seen = signature(host, target)
        if not self._may_be_ours(seen):
            if seen.kind and seen.kind != before["kind"]:
                return Probe(CONVERGED, "left alone: %s holds %s by now" % (target, seen), warn=True)
            return Probe(DIFFERS, "its making was cut off")
        if not self._whole(host, target):
            return Probe(DIFFERS, "its making was cut off")
        return self.probe(host) if self.kind else Probe(CONVERGED, "%s holds %s" % (target, seen))

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        """Take away what a killed tool left, so that the device is the one to be chosen again."""
        target = before["device"] if before else None
        if target is None or real_device(host, target) is None:
            return
        if self._may_be_ours(signature(host, target)) and not self._whole(host, target):
            refuse_in_use(host, target, whole=False)
            wipe(host, [target])

    def flush(self, host: "Host") -> None:
        host.flush()

    def apply(self, host: "Host") -> "Optional[str]":
        need_device(host, self.device)
        if isinstance(self.partition, int):
            self._need_partition(host)
        target, seen, why = self._choose(host)
        if target is None or why:
            return why
        self._refuse(host, target, seen)
        words = self._words(host, target)  # a tool that is missing is to cost nothing
        if seen:
            self._clear(host, target)
        result = host.run(words, timeout=_LIMIT, killable=False)
        if result.timed_out:
            raise AgentError(
                "%s is still running after %d minutes and is left to finish" % (result.argv[0], _LIMIT // 60),
                "still-running",
            )
        if result.status != 0:
            raise CommandFailed(result)
        made = signature(host, target)
        if self.kind and self.command is None and made.kind != self.kind:
            raise AgentError(
                "%s succeeded, and yet %s holds %s" % (result.argv[0], target, made), "not-converged"
            )
        settle(host)  # so that its label's name is there for what comes next
        return "on %s" % target

    # -- where ----------------------------------------------------------------------------------

    def _choose(self, host: "Host") -> "Tuple[Optional[str], Signature, str]":
        """The device to make it on and what it holds; and, where nothing is to be made, why."""
        candidates = self._candidates(host)
        if not candidates:
            return (
                None,
                Signature(),
                "left alone: there is no partition %s on %s" % (self.partition, self.device),
            )
        single = len(candidates) == 1
        for device in candidates:
            seen = signature(host, device)
            if self._matches(seen):
                return device, seen, "%s holds %s" % (device, seen)
            if not seen or (self.replace and seen.kind == self.replace):
                return device, seen, ""
            if single:
                if self.overwrite:
                    return device, seen, ""
                return (
                    device,
                    seen,
                    "left alone: %s holds %s (overwrite: true destroys that)" % (device, seen),
                )
        return None, Signature(), "left alone: every partition of %s holds something else" % self.device

    def _candidates(self, host: "Host") -> "List[str]":
        device = real_device(host, self.device)
        if device is None:
            return []
        if isinstance(self.partition, int):
            if self.partition == 0:
                return [device]
            found = self._partition_device(host, device, self.partition)
            return [found] if found is not None else []
        record = owner_of(host, device)
        if self.partition == "none" or record is None or record["device"] != device:
            return [device]
        return [item["device"] for item in record["partitions"] or []] or [device]

    @staticmethod
    def _partition_device(host: "Host", device: str, number: int) -> "Optional[str]":
        record = owner_of(host, device)
        for item in (record["partitions"] or []) if record is not None else []:
            if record is not None and record["device"] == device and item["number"] == number:
                return real_device(host, item["device"])
        return None

    def _need_partition(self, host: "Host") -> None:
        if not self._candidates(host):
            raise AgentError(
                "there is no partition %s on %s" % (self.partition, self.device),
                "no-such-device",
                "make it with disk_setup",
            )

    def _matches(self, seen: Signature) -> bool:
        """Whether what is there is what is wanted."""
        if not self.kind or not _same_kind(seen.kind, self.kind):
            return False
        if self.partition == "any" or not self.label:
            return True
        if self.kind in ("vfat", "msdos"):
            return seen.label.upper() == self.label.upper()
        return seen.label == self.label

    def _may_be_ours(self, seen: Signature) -> bool:
        """Whether it can be what this change was making; nobody knows what a command of the user's makes."""
        return bool(seen.kind) and (not self.kind or _same_kind(seen.kind, self.kind))

    @staticmethod
    def _whole(host: "Host", device: str) -> bool:
        """Whether a file system lacks nothing; True where nobody can tell."""
        words = _CHECK.get(signature(host, device).kind)
        if words is None or host.which(words[0]) is None:
            return True
        return host.run(words + [device], timeout=_LIMIT).status == 0

    # -- how ------------------------------------------------------------------------------------

    def _refuse(self, host: "Host", target: str, seen: Signature) -> None:
        record = owner_of(host, target)
        whole = record is not None and record["device"] == target
        refuse_in_use(host, target, whole)
        if whole and record is not None and record["partitions"] and not self.overwrite:
            raise AgentError(
                "%s has partitions" % target, "not-empty", "name one of them, or overwrite: true"
            )
        if seen and record is not None and record["root"]:
            raise AgentError(
                "%s is on the disk of the root file system and holds %s" % (target, seen), "device-in-use"
            )

    @staticmethod
    def _clear(host: "Host", target: str) -> None:
        record = owner_of(host, target)
        inside = [] if record is None or record["device"] != target else record["partitions"] or []
        wipe(host, [item["device"] for item in inside] + [target])
        if inside:
            host.run(["partx", "--delete", target])

    def _words(self, host: "Host", target: str) -> "List[str]":
        if self.command is not None:
            if isinstance(self.command, str):
                return ["/bin/sh", "-c", self.command.format(device=target)]
            return [word.format(device=target) for word in self.command]
        kind = self.kind or ""
        tool = next((name for name in ("mkfs." + kind, "mk" + kind) if host.which(name)), None)
        if tool is None or not kind.replace("-", "").isalnum():
            raise AgentError(
                "mkfs.%s is not installed" % kind,
                "no-such-program",
                "install the tools of %s in the image" % kind,
            )
        words = [tool]
        record = owner_of(host, target)
        if kind in _WHOLE_DISK_FLAG and record is not None and record["device"] == target:
            words.append(_WHOLE_DISK_FLAG[kind])
        if kind in _FORCE_FLAG:
            words.append(_FORCE_FLAG[kind])
        if self.label:
            words += [_LABEL_FLAG.get(kind, "-L"), self.label]
        return words + self.options + [target]


def _same_kind(seen: str, wanted: str) -> bool:
    alike = {"msdos": "vfat", "fat": "vfat", "ntfs3": "ntfs"}
    return alike.get(seen, seen) == alike.get(wanted, wanted)
