"""Changes to what is mounted, and to what is in use as swap."""

import os
import stat as stat_module

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.disks.fstab import MARK, PASSWORDS
from tsagent.errors import AgentError
from tsagent.facts.mounts import SWAPS, mounts
from tsagent.host.process import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

_LIMIT = 90.0  # seconds: a server that does not answer holds nothing up for longer
_TAGS = ("LABEL=", "UUID=", "PARTLABEL=", "PARTUUID=", "ID=")


class Mount(Change):
    """Mount a file system now, as its line in fstab says; missing mount points are made.

    A disk that is not there is left to come later where the options have `nofail`.
    """

    type = "mount"
    needs_live = True

    def __init__(
        self,
        source: str,
        mountpoint: str,
        kind: str = "auto",
        options: str = "defaults",
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(mountpoint, reason, requires)
        self.source = source
        self.mountpoint = mountpoint
        self.kind = kind
        self.options = options

    def payload(self) -> "Dict[str, Any]":
        return {"source": self.source, "kind": self.kind, "options": ",".join(self._words(False)[0])}

    def describe(self) -> str:
        return "mount %s on %s" % (self.source, self.mountpoint)

    def probe(self, host: "Host") -> Probe:
        if not host.live:
            return Probe(UNKNOWN, "mounts are the running system's")
        device = _device(host, self.source)
        there = [item for item in mounts(host.hardware) if item.target == self._place(host)]
        number = None if not device else _number(host, device)
        for item in there:
            if item.source == self.source or (number is not None and item.device == number):
                return Probe(CONVERGED, "it is mounted")
            if device and _backing_file(host, item.source) == device:
                return Probe(CONVERGED, "it is mounted")
        if there and self._is_bind():
            return Probe(CONVERGED, "something is mounted there")
        if device == "" and "nofail" in self.options.split(","):
            return Probe(CONVERGED, "%s is not there; it is mounted when it comes" % self.source, warn=True)
        return Probe(DIFFERS, "%s is mounted there" % there[-1].source if there else "not mounted")

    def apply(self, host: "Host") -> "Optional[str]":
        if not host.root.exists(self.mountpoint):
            host.root.mkdir(self.mountpoint)
        words, env = self._words(True)
        argv = ["mount", "-t", self.kind] if self.kind != "auto" else ["mount"]
        argv += ["-o", ",".join(word for word in words if word != MARK) or "defaults"]
        result = host.run(argv + ["--", self.source, self.mountpoint], env=env, timeout=_LIMIT)
        if result.status != 0 or result.timed_out:
            raise CommandFailed(result, "its line stays in /etc/fstab; see 'findmnt --verify'")
        return None

    def _words(self, mounting: bool) -> "Tuple[List[str], Dict[str, str]]":
        """The options that everybody may see, and the environment that has the password in their place."""
        words: "List[str]" = []
        env: "Dict[str, str]" = {}
        for word in self.options.split(","):
            name, equals, value = word.partition("=")
            if equals and name in PASSWORDS and (not mounting or name != "password2"):
                env["PASSWD"] = value  # Source: mount.cifs(8)
            elif word:
                words.append(word)
        return words, env

    def _is_bind(self) -> bool:
        return any(word in ("bind", "rbind") for word in self.options.split(","))

    def _place(self, host: "Host") -> str:
        try:
            return host.root.realpath(self.mountpoint)
        except OSError:
            return self.mountpoint


class SwapOn(Change):
    """Put a swap file or device into use."""

    type = "swap_on"
    needs_live = True

    def __init__(
        self, source: str, options: str = "sw", reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(source, reason, requires)
        self.source = source
        self.options = options

    def payload(self) -> "Dict[str, Any]":
        return {"options": self.options}

    def describe(self) -> str:
        return "put the swap %s into use" % self.source

    def probe(self, host: "Host") -> Probe:
        if not host.live:
            return Probe(UNKNOWN, "swap is the running system's")
        device = _device(host, self.source)
        if device == "":
            if "nofail" in self.options.split(","):
                return Probe(CONVERGED, "%s is not there; it is used when it comes" % self.source, warn=True)
            return Probe(DIFFERS, "it is not there")
        if (device or self.source) in active_swap(host):
            return Probe(CONVERGED, "it is in use")
        return Probe(DIFFERS, "not in use")

    def apply(self, host: "Host") -> "Optional[str]":
        argv = ["swapon"]
        for option in self.options.split(","):
            if option.startswith("pri=") and option[4:].isdigit():
                argv += ["--priority", option[4:]]
            elif option == "discard":
                argv.append("--discard")
        result = host.run(argv + ["--", self.source], timeout=_LIMIT)
        if result.status != 0 or result.timed_out:
            raise CommandFailed(result, "swap may not be allowed here, or not on this file system")
        return None


def active_swap(host: "Host") -> "List[str]":
    """Paths of the files and devices in use as swap, links resolved."""
    found = []
    for row in (host.hardware.text(SWAPS) or "").splitlines()[1:]:
        path = row.split()[0].replace("\\040", " ") if row.split() else ""
        try:
            found.append(host.root.realpath(path))
        except OSError:
            found.append(path)
    return found


def _device(host: "Host", source: str) -> "Optional[str]":
    """The device or file that is mounted: "" where there is none, None where the name is of another kind."""
    if source.startswith(_TAGS):
        try:
            result = host.run(["findfs", source])
        except AgentError:
            return None
        source = result.text.strip() if result.status == 0 else ""
    elif not source.startswith("/") or source.startswith("//"):
        return None
    try:
        return host.root.realpath(source) if source and host.root.exists(source) else ""
    except OSError:
        return ""


def _backing_file(host: "Host", source: str) -> "Optional[str]":
    """The file behind a loop device."""
    if not source.startswith("/dev/loop"):
        return None
    return host.hardware.text("/sys/class/block/%s/loop/backing_file" % source[len("/dev/") :])


def _number(host: "Host", device: str) -> "Optional[str]":
    try:
        status = host.root.stat(device)
    except OSError:
        return None
    if not stat_module.S_ISBLK(status.st_mode):
        return None
    return "%d:%d" % (os.major(status.st_rdev), os.minor(status.st_rdev))
