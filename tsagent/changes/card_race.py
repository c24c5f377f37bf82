"""Which of several cards reaches a network: all are asked at once, before the network service starts."""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe
from tsagent.changes.card_names import SERVICES, is_up
from tsagent.netconfig.cards import RACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

# Seconds. A carrier takes a virtual card no time and a real one up to 4 s of negotiation.
CARRIER = 5.0
ANSWER = 6.0  # from the first question on a card; dnsmasq looks for 3 s whether an address is in use
# A card before the one that has answered gets this much longer: on a machine whose cards all reach a
# server it is the kernel's order that decides, not luck.
GRACE = 0.25
_AGAIN = 1.0  # between two questions on a card
_LOOK = 0.02  # between two looks at carriers
_ETH_P_IP = 0x0800


class RaceCards(Change):
    """Find out which of `cards` (names, in the order in which they are preferred) reaches a DHCP server.

    All are brought up and asked at once; the first answer ends it. Where no server answers, the first with
    a carrier has won. Cards that were down are down again afterwards, and no address is taken. What was
    found is written to RACE, for whoever configures the network; it counts for this boot.
    """

    type = "race_cards"
    needs_live = True

    def __init__(self, cards: "Sequence[str]", reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("cards", reason, requires)
        self.cards = list(cards)

    def payload(self) -> "Dict[str, Any]":
        return {"cards": self.cards}

    def describe(self) -> str:
        return "ask on %s at once whether a DHCP server answers" % ", ".join(self.cards)

    def probe(self, host: "Host") -> Probe:
        if host.root.exists(RACE):
            return Probe(CONVERGED, "they were asked in this boot")
        if host.root.is_dir("/run/systemd/system") and host.which("systemctl") is not None:
            for unit in SERVICES:
                if host.run(["systemctl", "is-active", "--quiet", unit]).status == 0:
                    return Probe(CONVERGED, "%s has them in its hands" % unit)
        return Probe(DIFFERS, "nobody has said which of them is connected")

    def apply(self, host: "Host") -> "Optional[str]":
        raised = [name for name in self.cards if not is_up(host, name)]
        try:
            for name in raised:
                # One that cannot be brought up takes no part.
                host.run(["ip", "link", "set", "dev", name, "up"], timeout=CARRIER)
            card, why = _Race(host, self.cards).run()
        finally:
            for name in raised:
                host.run(["ip", "link", "set", "dev", name, "down"], timeout=CARRIER)
        from tsagent.quickjson import dumps

        text = dumps({"card": card, "why": why})
        host.root.write_atomic(RACE, text.encode("utf-8"), 0o644, sync=False)
        return "%s: %s" % (card, why)


class _Race:
    """One race: a socket for each card that has a carrier."""

    def __init__(self, host: "Host", cards: "List[str]") -> None:
        self._host = host
        self._cards = cards
        self._number = int.from_bytes(os.urandom(4), "big")
        self._runners: "Dict[str, _Runner]" = {}

    def run(self) -> "Tuple[Optional[str], str]":
        clock = self._host.clock
        began = clock.monotonic()
        end: "Optional[float]" = None
        try:
            while True:
                now = clock.monotonic()
                self._start_those_with_a_carrier(now)
                for name in self._cards:
                    if name in self._runners:
                        self._runners[name].step(now)
                answered = [name for name in self._cards if self._answered(name)]
                if answered:
                    if end is None or end > now + GRACE:
                        end = now + GRACE
                    before = self._cards[: self._cards.index(answered[0])]
                    if now >= end or not any(name in self._runners for name in before):
                        return answered[0], "a DHCP server answers on it"
                elif self._over(now, began):
                    return self._without_answer()
                self._wait()
        finally:
            for runner in self._runners.values():
                runner.close()

    def _answered(self, name: str) -> bool:
        return name in self._runners and self._runners[name].answered

    def _over(self, now: float, began: float) -> bool:
        """Whether no answer is to be hoped for any more."""
        if not self._runners:
            return now >= began + CARRIER
        last = max(runner.began for runner in self._runners.values())
        waited = len(self._runners) == len(self._cards) or now >= began + CARRIER
        return waited and now >= last + ANSWER

    def _without_answer(self) -> "Tuple[Optional[str], str]":
        for name in self._cards:
            if name in self._runners:
                return name, "it is the first card with a carrier; no DHCP server answers on any"
        return None, "no card has a carrier"

    def _start_those_with_a_carrier(self, now: float) -> None:
        for name in self._cards:
            if name in self._runners:
                continue
            if self._host.hardware.text("/sys/class/net/%s/carrier" % name) == "1":
                try:
                    self._runners[name] = _Runner(name, self._number, now)
                except OSError:
                    continue  # it has just gone

    def _wait(self) -> None:
        if not self._runners:
            self._host.clock.sleep(_LOOK)
            return
        import select

        select.select(list(self._runners.values()), [], [], _LOOK)


class _Runner:
    """A card that is asked."""

    def __init__(self, name: str, number: int, now: float) -> None:
        import socket

        self.began = now
        self.answered = False
        self._asked: "Optional[float]" = None
        self._number = number
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        try:
            self._socket.bind((name, _ETH_P_IP))
            self._socket.setblocking(False)
            self._name = name
            self._mac = bytes(self._socket.getsockname()[4])
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def step(self, now: float) -> None:
        """Ask, where it is time to, and read what has come."""
        from tsagent.netconfig.discover import discover, is_offer

        try:
            if self._asked is None or now >= self._asked + _AGAIN:
                self._asked = now
                packet = discover(self._mac, self._number, int(now - self.began))
                self._socket.sendto(packet, (self._name, _ETH_P_IP, 0, 0, b"\xff" * 6))
            while not self.answered:
                self.answered = is_offer(self._socket.recv(2048), self._mac, self._number)
        except OSError:
            return  # nothing has come yet, or the card is down; the next step sees

    def close(self) -> None:
        self._socket.close()
