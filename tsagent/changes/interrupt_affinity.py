"""Which processors a network card's interrupts come to.

Source: Linux documentation, core-api/irq/irq-affinity.
"""

import errno
import os

from tsagent.changes.base import CONVERGED, DIFFERS, Change, Probe
from tsagent.changes.cpu_sets import flat, listed, one_each
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host


class SpreadInterrupts(Change):
    """Have the interrupts of each queue of a card come to one processor, another one for each queue.

    `cores` are those to use, each a list of its processors; `turn` counts the cards that were dealt the same
    cores before. The interrupts are looked for when it is applied: a driver asks for more of them when
    channels are added. Those that the kernel keeps for itself (managed interrupts) stay where they are.
    """

    type = "spread_interrupts"
    needs_live = True

    def __init__(
        self,
        card: str,
        cores: "Sequence[Sequence[int]]",
        turn: int = 0,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(card, reason, requires)
        self.card = card
        self.cores = [list(core) for core in cores]
        self.turn = turn

    def payload(self) -> "Dict[str, Any]":
        return {"cores": self.cores, "turn": self.turn}

    def describe(self) -> str:
        return "spread interrupts of %s over processors %s" % (self.card, listed(flat(self.cores)))

    def detail(self, host: "Host") -> "List[str]":
        return [
            "%s (%s): %s -> %d" % (_path(irq), name, host.hardware.text(_path(irq)) or "?", cpu)
            for irq, name, cpu in self._wanted(host)
            if host.hardware.text(_path(irq)) != "%d" % cpu
        ]

    def probe(self, host: "Host") -> Probe:
        wanted = self._wanted(host)
        if not wanted:
            return Probe(CONVERGED, "no interrupt of a queue is in use")
        now = [host.hardware.text(_path(irq)) for irq, _, _ in wanted]
        if now == ["%d" % cpu for _, _, cpu in wanted]:
            return Probe(CONVERGED)
        everywhere = set(flat(self.cores))
        if set(now) == {"%d" % cpu for cpu in everywhere}:
            return Probe(CONVERGED, "the driver has spread them over the same processors")
        off = sum(1 for text, (_, _, cpu) in zip(now, wanted) if text != "%d" % cpu)
        return Probe(DIFFERS, "%d of %d elsewhere" % (off, len(wanted)))

    def apply(self, host: "Host") -> "Optional[str]":
        if host.hardware.root != host.root.root:
            raise AgentError("the hardware is a recorded one", "not-this-machine")
        moved, managed = 0, 0
        for irq, name, cpu in self._wanted(host):
            path = _path(irq)
            if host.root.text(path) == "%d" % cpu:
                continue
            try:
                descriptor = host.root.open(path, os.O_WRONLY | os.O_TRUNC)
                try:
                    os.write(descriptor, b"%d\n" % cpu)
                finally:
                    os.close(descriptor)
                moved += 1
            except FileNotFoundError:
                continue  # it has gone meanwhile
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EPERM):
                    raise AgentError(
                        "interrupt %d (%s) cannot be moved to processor %d: %s"
                        % (irq, name, cpu, error.strerror),
                        "affinity-not-taken",
                        "network_queues.irq_affinity: off leaves it alone",
                    ) from None
                managed += 1
        if managed:
            return "%d moved; %d are managed by the kernel itself" % (moved, managed)
        return "%d moved" % moved

    def _wanted(self, host: "Host") -> "List[Tuple[int, str, int]]":
        """(interrupt, its name, processor), in the order of the queues."""
        from tsagent.facts.queues import interrupts_of

        found = interrupts_of(host.hardware, self.card)
        queues = sorted({queue for queue, _, _ in found})
        place_of = dict(zip(queues, one_each(self.cores, len(queues), self.turn)))
        return [(irq, name, place_of[queue]) for queue, irq, name in found if queue in place_of]


def _path(irq: int) -> str:
    return "/proc/irq/%d/smp_affinity_list" % irq
