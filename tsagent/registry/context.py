"""What a module's plan(context) is given: settings, facts, the instance, and eyes without hands."""

from tsagent.errors import AgentError, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.facts import Facts
    from tsagent.host import Tree

_SHOWN = 80  # letters of a path that are quoted
_READ_LIMIT = 16 << 20  # bytes


class Nothing:
    """A module's word that there is nothing to do, and why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Decision:
    """A value a module chose, for `tsagent explain`."""

    __slots__ = ("because", "facts", "key", "value")

    def __init__(self, key: str, value: "Any", because: str, facts: "List[str]") -> None:
        self.key = key
        self.value = value
        self.because = because
        self.facts = facts

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data."""
        return {"key": self.key, "value": self.value, "because": self.because, "facts": self.facts}


class Context:
    """The world as one module may see it. It reads; it has no effects, and what it read is recorded.

    `settings`: the module's keys and their values. `facts`: see tsagent.facts. `instance`: the normalised
    public metadata. `sensitive`: the metadata that is never shown (a password). `network`: the network
    configuration the source carries, or None. `scripts`: the user's scripts. `live`: the root is the
    running system. `provisional`: it is not known yet which instance this is. `commands` and `disk`: as in
    Host. `service_url`: the metadata service of this machine, for the module that makes the network; None
    where there is none. `asked`: what a command of the agent's own asks of this one module.
    """

    def __init__(
        self,
        name: str,
        settings: "Dict[str, Any]",
        facts: "Facts",
        root: "Tree",
        hardware: "Tree",
        instance: "Optional[Dict[str, Any]]" = None,
        sensitive: "Optional[Dict[str, Any]]" = None,
        network: "Optional[Dict[str, Any]]" = None,
        scripts: "Sequence[Dict[str, Any]]" = (),
        provisional: bool = False,
        commands: str = "live",
        disk: "Optional[str]" = None,
        service_url: "Optional[str]" = None,
        asked: "Optional[Dict[str, Any]]" = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.facts = facts
        self.instance = instance or {}
        self.sensitive = sensitive or {}
        self.network = network
        self.scripts = list(scripts)
        self.provisional = provisional
        self.commands = commands
        self.disk = disk
        self.service_url = service_url
        self.asked = asked or {}
        self.live = root.live
        self.reads: "List[str]" = []
        self.warnings: "List[str]" = []
        self.decisions: "List[Decision]" = []
        self.reason: "Optional[str]" = None
        self._root = root
        self._hardware = hardware

    # -- eyes ---------------------------------------------------------------------------------

    def read(self, path: str) -> "Optional[bytes]":
        """The content of a file of the root; None where there is none. Other errors are raised.

        AgentError `is-a-directory` for a directory, `bad-path` for what names no file: whose path it is
        may be the user's mistake.
        """
        self.reads.append(path)
        try:
            return self._root.read(path, _READ_LIMIT)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            message = "%s is a directory, not a file" % one_line(path)
            raise AgentError(message, "is-a-directory", "name a file") from None
        except OSError as error:
            import errno

            if error.errno not in (errno.EINVAL, errno.ENAMETOOLONG, errno.ELOOP):
                raise
            shown = "".join(letter if letter.isprintable() else "?" for letter in path[:_SHOWN])
            message = "%s cannot be the path of a file" % shown
            raise AgentError(message, "bad-path", "name a file") from None

    def text(self, path: str, default: "Optional[str]" = None) -> "Optional[str]":
        """The stripped text of a small file of the root, or `default`."""
        self.reads.append(path)
        return self._root.text(path, default)

    def exists(self, path: str) -> bool:
        """Whether there is something at `path` in the root."""
        self.reads.append(path)
        return self._root.exists(path)

    def link(self, path: str) -> "Optional[str]":
        """What a symbolic link of the root says; None where there is no link at `path`."""
        self.reads.append(path)
        try:
            return self._root.readlink(path)
        except OSError:
            return None

    def listdir(self, path: str) -> "List[str]":
        """The sorted names in a directory of the root."""
        self.reads.append(path)
        return self._root.listdir(path)

    def executable(self, path: str) -> "Optional[bool]":
        """Whether a file of the root may be executed; None for what is no file. Links are followed."""
        self.reads.append(path)
        try:
            mode = self._root.stat(path).st_mode
        except OSError:
            return None
        return bool(mode & 0o111) if mode & 0o170000 == 0o100000 else None

    def hardware_text(self, path: str, default: "Optional[str]" = None) -> "Optional[str]":
        """The stripped text of a file of the machine's /sys or /proc, or `default`."""
        self.reads.append(path)
        return self._hardware.text(path, default)

    def hardware_exists(self, path: str) -> bool:
        """Whether there is something at `path` in the machine's /sys or /proc."""
        self.reads.append(path)
        return self._hardware.exists(path)

    def read_disk(self, offset: int, size: int) -> bytes:
        """Bytes of the image file that stands for the disk (`--disk`). Raises OSError."""
        if self.disk is None:
            return b""
        self.reads.append(self.disk)
        with open(self.disk, "rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    # -- words --------------------------------------------------------------------------------

    def nothing(self, reason: str) -> Nothing:
        """Say that there is nothing to do: `return context.nothing("no GPU on the PCI bus")`."""
        self.reason = one_line(str(reason))
        return Nothing(self.reason)

    def warn(self, message: str) -> None:
        """Report something that is not as it should be; the run is then degraded, not failed."""
        self.warnings.append(one_line(str(message)))

    def choose(self, key: str, value: "Any", because: str, facts: "Sequence[str]" = ()) -> "Any":
        """Record why a value was chosen, for `tsagent explain`; returns the value."""
        self.decisions.append(Decision(key, value, because, list(facts)))
        return value
