"""Trying a network configuration on a running machine, with the former one at hand."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.network_files import RemoveNetworkFile, WriteNetworkFile, set_digest
from tsagent.changes.network_service import names_of, running
from tsagent.changes.network_trial import Trial, left_over, watch, why_put_back
from tsagent.digests import sha256
from tsagent.errors import AgentError, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Union

    from tsagent.host import Host

LIMIT = 20.0  # seconds within which all that was reached must be so again, unless said otherwise
_LAST_LOOK = 5.0  # seconds for the former one to be in force when the agent is told to end
_STOPPED = "the agent was stopped while it was being tried"
_HINT = "'tsagent network apply' tries it again"


class ApplyNetwork(Change):
    """Have the network service that runs take up files that differ, and put the former ones back where
    the machine then no longer has its default route or no longer reaches the metadata service.

    `files` are the changes that write and remove them, each of which requires this one: it does them all,
    since all or none must be in place. Where the service has not started yet it does nothing; they are
    then done one by one, and the service reads them when it starts. `primary` is the card that the machine
    is reached by (by default the one with the default route); `url` the metadata service, None where there
    is none; `limit` in seconds. `owner` is the instance whose own configuration this is, None for one that
    a command brings. With `always` the service is told even where no file differs; without `rollback` what
    is lost is told and nothing is put back.
    """

    type = "apply_network"
    needs_live = True
    repeat_visible = True

    def __init__(
        self,
        renderer: str,
        files: "Sequence[Union[WriteNetworkFile, RemoveNetworkFile]]",
        primary: "Optional[str]" = None,
        url: "Optional[str]" = None,
        limit: float = LIMIT,
        owner: "Optional[str]" = None,
        always: bool = False,
        rollback: bool = True,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("network", reason, requires)
        self.renderer = renderer
        self.files = list(files)
        self.primary = primary
        self.url = url
        self.limit = limit
        self.owner = owner
        self.always = always
        self.rollback = rollback
        self.digest = set_digest(self.files, owner or "")
        self.service: "Optional[str]" = None  # set when it is applied
        self.remarks: "List[str]" = []  # what the service could not do and what was saved, set likewise
        for change in self.files:
            change.requires.append(self)

    def payload(self) -> "Dict[str, Any]":
        return {"renderer": self.renderer, "files": self.digest}

    def describe(self) -> str:
        names = names_of({str(change.target): None for change in self.files})
        what = ", ".join(names) or ", ".join(str(change.target) for change in self.files)
        return "have the network service take up the configuration of " + what

    def probe(self, host: "Host") -> Probe:
        service = running(host, self.renderer)
        if service is None:
            why = why_put_back(host.root, self.digest)
            if why is not None or self.always:
                return Probe(DIFFERS, "it was put back: %s" % why if why else "no service runs that reads it")
            return Probe(CONVERGED, "the service does not run yet")
        if not self._differing(host) and (not self.always or self._left_alone(host)):
            # What somebody has changed by hand may not be in force yet: it is not for this to begin with it.
            return Probe(CONVERGED, "no file of the agent's own is to change")
        return Probe(DIFFERS, "%s runs" % service.name)

    def apply(self, host: "Host") -> "Optional[str]":
        service = running(host, self.renderer)
        if service is None:
            why = why_put_back(host.root, self.digest)
            if why is not None:
                raise AgentError("it was tried and put back: %s" % why, "network-put-back", _HINT)
            raise AgentError("no service runs that reads files of %s" % self.renderer, "network-no-service")
        # The limits of the trial are its own: the module's would cut it off with the new files in place.
        host = host.limited(0)
        self.service = service.name
        differing = self._differing(host)
        trial = Trial.begin(host, service, differing, self.digest, self.owner, self.url, self.limit)
        lost: "List[str]" = []
        try:
            lost = self._try(host, service, differing, trial)
        except (AgentError, OSError) as error:
            self._put_back(host, trial, _words(error))
        except BaseException:  # the agent is told to end: what is not proved does not stay
            trial.put_back(host, _STOPPED, _LAST_LOOK)
            raise
        if lost and self.rollback:
            self._put_back(host, trial, "it lost %s for %g s" % (" and ".join(lost), self.limit))
        trial.accept(host)
        if lost:
            self.remarks.insert(0, "lost: %s; left so, as asked" % " and ".join(lost))
        done = ["wrote %s" % change.target for change in differing if isinstance(change, WriteNetworkFile)]
        done += [
            "removed %s" % change.target for change in differing if isinstance(change, RemoveNetworkFile)
        ]
        words = "%s has taken it up%s" % (service.name, ": " + ", ".join(done) if done else "")
        return "; ".join([words] + self.remarks)

    def _try(self, host: "Host", service: "Any", differing: "List[Any]", trial: Trial) -> "List[str]":
        """Write the files, have them taken up, and see what is lost."""
        present: "Dict[str, Optional[bytes]]" = {}
        if self.always:
            present = {str(change.target): change.content for change in self._kept(host, differing)}
        present.update({str(change.target): getattr(change, "content", None) for change in differing})
        primary = self.primary or next((way[0] for way in host.reach.default_routes(4)), None)
        service.let_go(host, names_of(present))
        notes = [change.apply(host) for change in differing]
        host.root.flush()
        self.remarks = service.take_up(host, present, primary, self.always)
        self.remarks += [note for note in notes if note]
        return watch(host, trial.reached, self.url, self.limit)

    def _put_back(self, host: "Host", trial: Trial, why: str) -> None:
        """Put the former files back and raise AgentError, which says so."""
        left = trial.put_back(host, why)
        if left:
            raise AgentError(
                "the new configuration was taken back: %s. But %s" % (why, left),
                "network-lost",
            )
        words = "the new configuration was taken back: %s. The former one is in place again" % why
        raise AgentError(words, "network-put-back")

    def _differing(self, host: "Host") -> "List[Any]":
        return [change for change in self.files if change.probe(host).state in (DIFFERS, UNKNOWN)]

    def _left_alone(self, host: "Host") -> bool:
        """Whether a file is somebody's own by now."""
        return any(change.probe(host).warn for change in self.files)

    def _kept(self, host: "Host", differing: "List[Any]") -> "List[Any]":
        """The files that are so already, and not somebody's own by now."""
        return [
            change
            for change in self.files
            if isinstance(change, WriteNetworkFile)
            and change not in differing
            and not change.probe(host).warn
        ]


class RestoreNetwork(Change):
    """Put back the files of before a configuration that was being tried when the agent was cut off.

    `trial` is what was kept of it, by which one such change is told from another.
    """

    type = "restore_network"

    def __init__(self, trial: bytes, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("network", reason, requires)
        self.trial = sha256(trial).hexdigest()[:24]

    def payload(self) -> "Dict[str, Any]":
        return {"trial": self.trial}

    def describe(self) -> str:
        return "put back the network configuration of before the one that was being tried"

    def probe(self, host: "Host") -> Probe:
        trial = left_over(host.root)
        return Probe(CONVERGED, "none is being tried") if trial is None else Probe(DIFFERS)

    def detail(self, host: "Host") -> "List[str]":
        trial = left_over(host.root)
        return sorted(trial.files) if trial is not None else []

    def apply(self, host: "Host") -> "Optional[str]":
        trial = left_over(host.root)
        if trial is None:
            return None
        why = "the agent or the machine was stopped while it was being tried"
        left = trial.put_back(host, why)
        if left:
            words = "the former network configuration was put back, but %s" % left
            raise AgentError(words, "network-lost")
        if trial.owner is not None:
            raise AgentError("it was put back: %s" % why, "network-put-back", _HINT)
        return why


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        return one_line("%s: %s" % (error.filename, error.strerror))
    return str(error)
