"""What every change knows about itself."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence, Union

    from tsagent.host import Host

CONVERGED = "converged"  # the machine is as the change wants it
DIFFERS = "differs"  # it is not
UNKNOWN = "unknown"  # it cannot be told; never taken for absent


class Probe:
    """What a look at the machine said: a state and, in a few words, why.

    `warn`: nothing is to be done, but not because all is well; the run is then degraded.
    """

    __slots__ = ("detail", "state", "warn")

    def __init__(self, state: str, detail: str = "", warn: bool = False) -> None:
        self.state = state
        self.detail = detail
        self.warn = warn

    def __repr__(self) -> str:
        return "Probe(%r, %r)" % (self.state, self.detail)


class Later:
    """A value known only after an earlier change: the uid after useradd, the UUID after mkfs.

    `template` is the text in which the value stands in for `%s`.
    """

    def __init__(self, change: "Change", attribute: str, template: str = "%s") -> None:
        self.change = change
        self.attribute = attribute
        self.template = template
        self.value: "Optional[str]" = None

    def resolve(self, host: "Host") -> str:
        """The value, once the change it comes from is applied."""
        self.value = self.template % self.change.attribute(host, self.attribute)
        return self.value

    def __str__(self) -> str:
        if self.value is not None:
            return self.value
        return self.template % ("{%s known after %s}" % (self.attribute, self.change.describe()))


class Change:
    """One thing to make so on the machine.

    A module yields changes; only the engine calls `probe` and `apply`. `target` names what is changed
    (a path, an account, a unit), `reason` why, `requires` the changes that must have succeeded first.
    """

    type = "change"
    needs_live = False  # cannot be done in a tree that is not running
    user_command = False  # the user's own: its failure is final for the instance
    repeat_visible = False  # `begin` must be durable first: doing it twice would be seen
    outlives = False  # never killed: past its time limit it goes on and the boot goes on without it

    def __init__(
        self, target: "Union[str, Later]", reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        self.target = target
        self.reason = reason
        self.requires: "List[Change]" = list(requires)
        if isinstance(target, Later):
            self.requires.append(target.change)
        self.module = ""  # set by the engine
        self.id = ""  # set by the engine
        self.wants_reboot = False
        self.changed: "Optional[bool]" = None  # set by the engine: applied, now or before the run was cut off

    def payload(self) -> "Dict[str, Any]":
        """What else makes this change this one, as JSON data; nothing secret."""
        return {}

    def describe(self) -> str:
        """One line for people; nothing secret."""
        return "%s %s" % (self.type.replace("_", " "), self.target)

    def detail(self, host: "Host") -> "List[str]":
        """More lines for `plan`, such as a diff; nothing secret."""
        return []

    def probe(self, host: "Host") -> Probe:
        """Look whether the machine is already so. No effects."""
        return Probe(UNKNOWN)

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        """What to note in the journal before applying, so that a resume can tell how far it got."""
        return None

    def probe_resumed(self, host: "Host", before: "Optional[Dict[str, Any]]") -> Probe:
        """Look again after a run was cut off in this change; `before` is what was noted then."""
        return self.probe(host)

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        """Clear what a run that was cut off in this change left behind, ahead of a second try."""

    def apply(self, host: "Host") -> "Optional[str]":
        """Do it; a few words on how, where that is worth knowing. Raises AgentError or OSError."""
        raise NotImplementedError

    def flush(self, host: "Host") -> None:
        """Make durable what a tool wrote: called once it is applied, before that is journaled."""

    def finish(self, host: "Host") -> None:
        """Clear what was kept for a resume, once the whole module has ended for good."""

    def attribute(self, host: "Host", name: str) -> str:
        """A value that is known once the change is applied, for `Later`."""
        raise KeyError(name)

    def secrets(self) -> "Iterable[str]":
        """Values that must never be shown, for the redaction of logs."""
        return ()


def resolve(value: "Any", host: "Host") -> "Any":
    """A value itself, or what a Later stands for."""
    return value.resolve(host) if isinstance(value, Later) else value
