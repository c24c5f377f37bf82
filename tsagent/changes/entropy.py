"""Random numbers from outside for the kernel, and the user's command that fetches some."""

import os

from tsagent.changes.base import DIFFERS, Change, Probe
from tsagent.changes.commands import UserChange, shown
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.host import Host

SEED_LIMIT = 60.0  # seconds of a command that seeds; the host keys and login wait for it


class SeedDevice(Change):
    """Write a seed to a device such as /dev/urandom, which mixes it into what it has. Harmless to repeat."""

    type = "seed_device"
    needs_live = True

    def __init__(self, path: str, data: bytes, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(path, reason, requires)
        self.path = path
        self.data = data

    def describe(self) -> str:
        return "write a seed of %d bytes to %s" % (len(self.data), self.path)

    def probe(self, host: "Host") -> Probe:
        return Probe(DIFFERS, "to be written")

    def apply(self, host: "Host") -> "Optional[str]":
        descriptor = host.root.open(self.path, os.O_WRONLY | os.O_NOCTTY)
        try:
            left = self.data
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
        return None


class SeedCommand(UserChange):
    """The user's command that seeds the kernel, a list of words; it finds the file in RANDOM_SEED_FILE.

    A program that is not there is a failure only where the command is `required`.
    """

    type = "seed_command"

    def __init__(
        self,
        words: "Sequence[str]",
        file: str,
        required: bool = False,
        env: "Optional[Dict[str, str]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("random_seed command", dict(env or {}, RANDOM_SEED_FILE=file), reason, requires)
        self.words: "List[str]" = [str(word) for word in words]
        self.required = required

    def payload(self) -> "Dict[str, Any]":
        return {"required": self.required}

    def describe(self) -> str:
        return "%s: %s" % (self.target, shown(self.words))

    def apply(self, host: "Host") -> "Optional[str]":
        if not self.words:
            raise AgentError(
                "random_seed asks for a command and has none", "bad-command", "give it a command"
            )
        chroot, directory = self.where(host)
        if not self._is_there(host, chroot):
            message = "%s: the program is not installed" % self.describe()
            if self.required:
                raise AgentError(message, "no-such-program")
            return "left out: the program is not installed"
        result = self.run(host, self.words, directory, self.env, SEED_LIMIT)
        if result.timed_out:
            raise AgentError(
                "%s was stopped after %d seconds" % (self.target, SEED_LIMIT),
                "timed-out",
                "login waits for it: have it end by itself, as with count=1 for dd",
            )
        self.judge(str(self.target), result)
        return None

    def _is_there(self, host: "Host", chroot: bool) -> bool:
        name = self.words[0]
        if not chroot:
            return host.which(name) is not None
        places = [name] if "/" in name else ["%s/%s" % (top, name) for top in host.runner.path.split(":")]
        return any(host.root.exists(place) for place in places)
