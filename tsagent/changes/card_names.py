"""Names of network cards, given at once where that is safe; udev gives them from the next start on."""

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.host import Host

_CARDS = "/sys/class/net"
# Who may have the cards in its hands.
SERVICES = ("NetworkManager.service", "systemd-networkd.service", "network.service", "networking.service")
_LIMIT = 10.0  # seconds for one call of ip


class RenameCards(Change):
    """Give cards other names before the network service starts: `names` has the new by the old, `addresses`
    the hardware address by the old name, by which a card is told from another that has that name by now.

    A card that somebody has brought up keeps its name until the next start, as does one whose new name
    another card has and keeps; what does not succeed is noted and no failure. Cards may swap their names.
    """

    type = "rename_cards"
    needs_live = True

    def __init__(
        self,
        names: "Dict[str, str]",
        addresses: "Dict[str, str]",
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("cards", reason, requires)
        self.names = dict(names)
        self.addresses = dict(addresses)

    def payload(self) -> "Dict[str, Any]":
        return {"names": self.names, "addresses": self.addresses}

    def describe(self) -> str:
        return "rename " + ", ".join("%s to %s" % item for item in sorted(self.names.items()))

    def probe(self, host: "Host") -> Probe:
        if not any(self._is(host, name) for name in self.names):
            return Probe(CONVERGED, "they have their names")
        if host.root.is_dir("/run/systemd/system") and host.which("systemctl") is not None:
            for unit in SERVICES:
                if host.run(["systemctl", "is-active", "--quiet", unit]).status == 0:
                    return Probe(CONVERGED, "%s has them in its hands: at the next start" % unit)
        return Probe(DIFFERS)

    def apply(self, host: "Host") -> "Optional[str]":
        notes: "List[str]" = []
        todo = {}
        for old, new in sorted(self.names.items()):
            if not self._is(host, old):
                continue
            if is_up(host, old):
                notes.append("%s is up and keeps its name until the next start" % old)
            else:
                todo[old] = new
        taken = True
        while taken:  # one that keeps its name may keep others from theirs
            taken = False
            for old, new in sorted(todo.items()):
                if _there(host, new) and new not in todo:
                    notes.append("%s keeps its name: there is another card called %s" % (old, new))
                    del todo[old]
                    taken = True
        # Those whose new name is still another's go by a name of the agent's own on the way.
        aside = {}
        for old, new in sorted(todo.items()):
            if new in todo:
                aside[old] = "tsagent%s" % (host.hardware.text("%s/%s/ifindex" % (_CARDS, old)) or "")
                if not _rename(host, old, aside[old]):
                    notes.append("%s could not be renamed" % old)
                    del aside[old], todo[old]
        for old, new in sorted(todo.items()):
            if not _rename(host, aside.get(old, old), new):
                notes.append("%s could not be renamed to %s" % (old, new))
                if old in aside:
                    _rename(host, aside[old], old)
        if host.facts is not None:
            host.facts.forget("nics", "queues", "rdma")
        return "; ".join(notes) or None

    def _is(self, host: "Host", name: str) -> bool:
        """Whether the card that is meant still has this name."""
        address = host.hardware.text("%s/%s/address" % (_CARDS, name))
        return address is not None and self.addresses.get(name, address) == address


def is_up(host: "Host", name: str) -> bool:
    """Whether somebody has brought the card up. Source: IFF_UP of linux/if.h."""
    flags = host.hardware.text("%s/%s/flags" % (_CARDS, name))
    try:
        return bool(int(flags or "0", 16) & 1)
    except ValueError:
        return False


def _there(host: "Host", name: str) -> bool:
    return host.hardware.exists("%s/%s" % (_CARDS, name))


def _rename(host: "Host", old: str, new: str) -> bool:
    return host.run(["ip", "link", "set", "dev", old, "name", new], timeout=_LIMIT).status == 0
