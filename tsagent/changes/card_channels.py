"""How many channels a network card uses."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

    from tsagent.host import Host


class SetChannels(Change):
    """Give a network card this many channels of each kind: `rx`, `tx`, `combined`; others stay as they are.

    By the kernel's ethtool interface: the program need not be installed. Many drivers take the link down for
    a moment for this.
    """

    type = "set_channels"
    needs_live = True

    def __init__(
        self, card: str, counts: "Dict[str, int]", reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(card, reason, requires)
        self.card = card
        self.counts = dict(counts)

    def payload(self) -> "Dict[str, Any]":
        return {"counts": self.counts}

    def describe(self) -> str:
        return "set channels of %s: %s" % (self.card, _words(self.counts))

    def probe(self, host: "Host") -> Probe:
        if not _is_this_machine(host):
            return Probe(UNKNOWN, "the hardware is a recorded one")
        from tsagent.host.channels import get_channels

        try:
            found = get_channels(self.card)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "it does not tell")
        now = {kind: found[kind]["current"] if kind in found else 0 for kind in self.counts}
        return Probe(CONVERGED) if now == self.counts else Probe(DIFFERS, "has " + _words(now))

    def apply(self, host: "Host") -> "Optional[str]":
        if not _is_this_machine(host):
            raise AgentError("the hardware is a recorded one", "not-this-machine")
        from tsagent.host.channels import set_channels

        try:
            set_channels(self.card, self.counts)
        except OSError as error:
            raise self._refused(error.strerror or "the driver refuses") from None
        seen = self.probe(host)
        if seen.state == DIFFERS:
            raise self._refused("afterwards it %s" % seen.detail)
        return None

    def _refused(self, why: str) -> AgentError:
        return AgentError(
            "%s does not take %s channels: %s" % (self.card, _words(self.counts), why),
            "channels-not-taken",
            "network_queues.channels: keep leaves them as they are",
        )


def _is_this_machine(host: "Host") -> bool:
    return host.hardware.root == "/"


def _words(counts: "Dict[str, int]") -> str:
    return ", ".join("%d %s" % (counts[kind], kind) for kind in sorted(counts))
