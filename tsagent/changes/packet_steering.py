"""Which processors go on with the packets of a card's queues, and which queue a processor sends by.

Source: Linux documentation, networking/scaling, on RPS, RFS and XPS.
"""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.cpu_sets import flat, listed, mask, parse_mask, shares
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

_DIRECTORY = "/sys/class/net/%s/queues"
_DIRECTIONS = ("rx", "tx")


class SteerPackets(Change):
    """Have other processors than that of a queue's interrupt share the work of its packets.

    `receive`: the processors that received packets of each queue go to (RPS); None leaves that alone.
    `flows`: how many flows of each queue are remembered with the processor that reads them (RFS). `send`:
    groups of cores, each group dealt out to the sending queues (XPS), so that every queue has a share of
    each. The queues are those that the card has when it is applied.
    """

    type = "steer_packets"
    needs_live = True

    def __init__(
        self,
        card: str,
        receive: "Optional[Sequence[int]]" = None,
        flows: int = 0,
        send: "Sequence[Sequence[Sequence[int]]]" = (),
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(card, reason, requires)
        self.card = card
        self.receive = sorted(receive) if receive is not None else None
        self.flows = flows
        self.send = [[list(core) for core in group] for group in send]

    def payload(self) -> "Dict[str, Any]":
        return {"receive": self.receive, "flows": self.flows, "send": self.send}

    def describe(self) -> str:
        parts = []
        if self.receive is not None:
            parts.append("received ones to processors %s" % listed(self.receive))
        if self.send:
            cpus = [cpu for group in self.send for cpu in flat(group)]
            parts.append("those sent by processors %s over its queues" % listed(cpus))
        return "steer packets of %s: %s" % (self.card, ", ".join(parts))

    def detail(self, host: "Host") -> "List[str]":
        lines = []
        for path, value in self._wanted(host):
            current = host.hardware.text(path)
            if not _same(path, current, value):
                lines.append("%s: %s -> %s" % (path, current or "?", value))
        return lines

    def probe(self, host: "Host") -> Probe:
        wanted = self._wanted(host)
        if not wanted:
            there = host.hardware.is_dir(_DIRECTORY % self.card)
            return Probe(CONVERGED) if there else Probe(UNKNOWN, "there is no card %s" % self.card)
        off = [path for path, value in wanted if not _same(path, host.hardware.text(path), value)]
        return Probe(DIFFERS, "%d of %d settings" % (len(off), len(wanted))) if off else Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        if host.hardware.root != host.root.root:
            raise AgentError("the hardware is a recorded one", "not-this-machine")
        kept = []
        for path, value in self._wanted(host):
            if _same(path, host.root.text(path), value):
                continue
            try:
                descriptor = host.root.open(path, os.O_WRONLY | os.O_TRUNC)
                try:
                    os.write(descriptor, value.encode("ascii") + b"\n")
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise AgentError(
                    "%s cannot be set to %s: %s" % (path, value, error.strerror),
                    "steering-not-taken",
                    "network_queues.rps and .xps: off leave it alone",
                ) from None
            if not _same(path, host.root.text(path), value):
                kept.append(path)
        if kept:
            # Newer kernels take isolated processors out of a mask by themselves.
            return "the kernel made something else of %d of them, such as %s" % (len(kept), kept[0])
        return None

    def _wanted(self, host: "Host") -> "List[Tuple[str, str]]":
        """(file, value) of each queue that is there."""
        directory = _DIRECTORY % self.card
        receiving, sending = (_queues(host, directory, direction) for direction in _DIRECTIONS)
        wanted = []
        if self.receive is not None:
            for queue in receiving:
                wanted.append(("%s/rx-%d/rps_cpus" % (directory, queue), mask(self.receive)))
                wanted.append(("%s/rx-%d/rps_flow_cnt" % (directory, queue), "%d" % self.flows))
        if self.send and len(sending) > 1:  # with one queue there is nothing to choose, and no such file
            parts = [shares(group, len(sending)) for group in self.send]
            for place, queue in enumerate(sending):
                cpus = [cpu for part in parts for cpu in part[place]]
                wanted.append(("%s/tx-%d/xps_cpus" % (directory, queue), mask(cpus)))
        return wanted


def _queues(host: "Host", directory: str, direction: str) -> "List[int]":
    names = host.hardware.listdir(directory)
    return sorted(int(name[3:]) for name in names if name[:3] == direction + "-" and name[3:].isdigit())


def _same(path: str, current: "Optional[str]", value: str) -> bool:
    if current is None:
        return False
    return current == value if path.endswith("_cnt") else parse_mask(current) == parse_mask(value)
