"""Queues of network cards: channels, the processors that share the work of their packets, their interrupts.

None of it survives a restart, so it is looked at in each boot; what somebody else on the machine sees to is
left to them. Facts and small files alone decide, so that a boot with nothing to change starts no program.
"""

from tsagent import changes as machine
from tsagent.changes.cpu_sets import listed, parse_mask

from .owners import CHANNELS, INTERRUPTS, PARTS, RPS, XPS, Owners
from .processors import Processors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

# Flows remembered for each receiving queue, on machines of fewer processors than the second figure; more
# processors than that are spread by the hash alone. Source: the cloud's own set_rps.sh.
_FLOWS = 4096
_FLOWS_BELOW = 32
_FLOW_TABLE = "net.core.rps_sock_flow_entries"
_FLOW_TABLE_FILE = "/proc/sys/net/core/rps_sock_flow_entries"
_LATER = "tsagent-network-queues.service"
_LATER_PATHS = ("/usr/lib/systemd/system/" + _LATER, "/lib/systemd/system/" + _LATER)
_PARTS_IN_WORDS = {
    "": "",
    CHANNELS: "channels of ",
    RPS: "RPS of ",
    XPS: "XPS of ",
    INTERRUPTS: "interrupts of ",
}
_AUTO, _OFF, _ON = "auto", "off", "on"


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """Card for card: who sees to it, what it has, what it could have."""
    settings = context.settings.get("network_queues") or {}
    if settings.get("enabled") is False:
        return context.nothing("network_queues.enabled is false")
    processors = Processors(context)
    if len(processors.online) < 2:
        return context.nothing(
            "one processor: there is nothing to spread" if processors.online else "processors are not known"
        )
    cards = list(context.facts.queues)
    if not cards:
        problem = context.facts.queues.problem
        return context.nothing(problem or "there is no network card that is hardware")
    if _read_only(context):
        return context.nothing("/sys is mounted read-only")
    work = _Work(context, settings, processors)
    for card in cards:
        work.card(card)
    work.unknown_cards()
    work.look_again()
    if not work.changes:
        return context.nothing(work.why_nothing())
    # Asked last: a machine with nothing to do need not look for it.
    container = context.facts.virtualization.container
    if container:
        del context.decisions[:]
        return context.nothing("in a container (%s) the cards are the host's" % container)
    return work.changes + work.flow_table()


class _Work:
    """What is planned for the cards, one after the other."""

    def __init__(self, context: "Context", settings: "Dict[str, Any]", processors: Processors) -> None:
        self.context = context
        self.settings = settings
        self.processors = processors
        self.owners = Owners(context)
        self.changes: "List[Change]" = []
        self._reasons: "Dict[Tuple[str, str], List[str]]" = {}  # part and why: the cards
        self._later: "List[str]" = []  # cards whose interrupts are not there yet
        self.steered = 0  # receiving queues whose flows are remembered
        self._turns: "Dict[Tuple[int, ...], int]" = {}
        self._named = {str(name).lower() for name in settings.get("cards") or {}}

    def card(self, card: "Any") -> None:
        """Plan one card."""
        wishes = self._wishes(card)
        if card.ports:
            why = "its ports carry its packets: %s" % ", ".join(card.ports)
            self._say(card, "", "left alone", why, [card.source])
            return
        owner = self.owners.of_card(card)
        if owner is not None:
            self._say(card, "", "left alone", owner.because, owner.facts)
            return
        if wishes.get("enabled") is False:
            self._say(card, "", "left alone", "network_queues.cards says so", ["network_queues.cards"])
            return
        local = self.processors.of_node(card.numa_node)
        where = "processors" if len(local) == len(self.processors.usable) else "processors of its node"
        receiving, sending, raised = self._channels(card, wishes.get(CHANNELS, "max"))
        receive = self._receiving(card, _mode(wishes, RPS), receiving, local, where)
        send = self._sending(card, _mode(wishes, XPS), sending, local, raised)
        if receive is not None or send:
            flows = _FLOWS if receive is not None and len(self.processors.online) < _FLOWS_BELOW else 0
            self.steered += receiving if flows else 0
            self.changes.append(
                machine.SteerPackets(
                    card.name,
                    receive,
                    flows,
                    send,
                    reason="%d receiving and %d sending queues for %d processors"
                    % (receiving, sending, len(self.processors.usable)),
                )
            )
        self._interrupts(card, _mode(wishes, INTERRUPTS), local, where, raised)

    def unknown_cards(self) -> None:
        """Warn of cards that the user names and the machine has not."""
        for name in sorted(self._named):
            self.context.warn("network_queues.cards: there is no card %s here" % name)

    def look_again(self) -> None:
        """Have the unit look once more, when the network service has brought the cards up."""
        if self._later and self.context.live and any(self.context.exists(path) for path in _LATER_PATHS):
            why = "interrupts of %s are there when it is up" % ", ".join(self._later)
            self.changes.append(machine.EnableUnit(_LATER, reason=why))

    def why_nothing(self) -> str:
        """Why each part of each card is as it is, in one line."""
        return "; ".join(
            "%s%s: %s" % (_PARTS_IN_WORDS[part], ", ".join(cards), because)
            for (part, because), cards in self._reasons.items()
        )

    def flow_table(self) -> "List[Change]":
        """The table of all flows, large enough for those of every queue."""
        if not self.steered:
            return []
        size = 1
        while size < self.steered * _FLOWS:
            size *= 2  # the kernel rounds up likewise
        users = ((self.context.settings.get("kernel_parameters") or {}).get("sysctl") or {}).keys()
        if any(str(key).replace("/", ".") == _FLOW_TABLE for key in users):
            self.context.choose(_FLOW_TABLE, "left alone", "kernel_parameters.sysctl sets it")
            return []
        current = self.context.hardware_text(_FLOW_TABLE_FILE)
        if current is None or (current.isdigit() and int(current) >= size):
            return []
        why = "%d flows for each of %d queues" % (_FLOWS, self.steered)
        self.context.choose(_FLOW_TABLE, size, why, [_FLOW_TABLE_FILE])
        return [machine.SetSysctl(_FLOW_TABLE, size, reason=why)]

    # -- parts ------------------------------------------------------------------------------------

    def _channels(self, card: "Any", wish: "Any") -> "Tuple[int, int, bool]":
        """(receiving queues, sending queues, whether they change): those that there will be."""
        now = (card.rx_queues or 0, card.tx_queues or 0)
        if wish == "keep":
            self._say(card, CHANNELS, "kept", "network_queues says so", ["network_queues.channels"])
            return now + (False,)
        channels = card.channels or {}
        counts = _wanted_channels(channels, wish)
        if not counts:
            why = card.channels_problem or "its driver knows no channels"
            self._say(card, CHANNELS, "kept", why, [card.channels_source or card.source])
            return now + (False,)
        if wish != "max" and any(channels[kind].maximum < wish for kind in counts):
            self.context.warn(
                "network_queues.channels: %s has %s at most, not %s" % (card.name, _words(counts), wish)
            )
        both = counts.get("combined", 0)
        later = (both + counts.get("rx", 0), both + counts.get("tx", 0))
        owner = self.owners.of(card, CHANNELS)
        if owner is not None and wish == "max":
            self._say(card, CHANNELS, "left alone", owner.because, owner.facts)
            return later + (False,)
        if owner is not None:
            self.context.warn(
                "network_queues.channels: %s changes those of %s again" % (owner.because, card.name)
            )
        if all(channels[kind].current == count for kind, count in counts.items()):
            self._say(card, CHANNELS, _words(counts), "it has them already", [card.channels_source])
            return later + (False,)
        why = "the maximum its driver tells" if wish == "max" else "network_queues.channels says so"
        self.context.choose("%s.%s" % (card.name, CHANNELS), _words(counts), why, [card.channels_source])
        self.changes.append(machine.SetChannels(card.name, counts, reason=why))
        return later + (True,)

    def _receiving(
        self, card: "Any", mode: str, queues: int, local: "List[int]", where: str
    ) -> "Optional[List[int]]":
        """The processors that received packets go to, or None."""
        if self._not_ours(card, RPS, mode):
            return None
        if queues >= len(local) and mode != _ON:
            why = "%d receiving queues for %d %s" % (queues, len(local), where)
            self._say(card, RPS, _OFF, why, [card.source + "/queues"])
            return None
        why = "%d receiving queues for %d %s" % (queues, len(local), where)
        self.context.choose("%s.%s" % (card.name, RPS), listed(local), why, [card.source + "/queues"])
        return local

    def _sending(
        self, card: "Any", mode: str, queues: int, local: "List[int]", raised: bool
    ) -> "List[List[List[int]]]":
        """The groups of cores that are dealt out to the sending queues; none where nothing is set."""
        if self._not_ours(card, XPS, mode):
            return []
        source = [card.source + "/queues"]
        usable = self.processors.usable
        if queues < 2:
            self._say(card, XPS, _OFF, "one sending queue: there is nothing to choose", source)
            return []
        why = "%d sending queues for %d processors" % (queues, len(usable))
        if queues >= len(usable) and mode != _ON:
            self._say(card, XPS, _OFF, why, source)
            return []
        if mode != _ON and not raised and self._spread_by_driver(card):
            self._say(card, XPS, "left alone", "the driver has given each processor its queue", source)
            return []
        self.context.choose("%s.%s" % (card.name, XPS), listed(usable), why, source)
        far = [cpu for cpu in usable if cpu not in set(local)]
        return [self.processors.cores(group) for group in (local, far) if group]

    def _interrupts(self, card: "Any", mode: str, local: "List[int]", where: str, raised: bool) -> None:
        if self._not_ours(card, INTERRUPTS, mode):
            return
        if not card.msi:
            why = "it has no message-signalled interrupts"
            self._say(card, INTERRUPTS, _OFF, why, [card.function or card.source])
            return
        if not card.interrupts and not raised:
            self._say(card, INTERRUPTS, "later", "its driver asks for none before it is up", ["/proc/irq"])
            self._later.append(card.name)
            return
        allowed = set(self.processors.for_interrupts)
        cpus = [cpu for cpu in local if cpu in allowed] or self.processors.for_interrupts
        turn = self._turns.get(tuple(cpus), 0)
        self._turns[tuple(cpus)] = turn + 1
        why = "one processor for each queue, of %d %s" % (len(cpus), where)
        self.context.choose("%s.%s" % (card.name, INTERRUPTS), listed(cpus), why, ["queues"])
        self.changes.append(
            machine.SpreadInterrupts(card.name, self.processors.cores(cpus), turn, reason=why)
        )

    # -- what they have in common -----------------------------------------------------------------

    def _not_ours(self, card: "Any", part: str, mode: str) -> bool:
        """Whether a part is left alone; says so."""
        if mode == _OFF:
            self._say(card, part, _OFF, "network_queues says so", ["network_queues.%s" % part])
            return True
        owner = self.owners.of(card, part)
        if owner is None:
            return False
        if mode == _ON:
            self.context.warn(
                "network_queues.%s: on, but %s: the two will undo each other" % (part, owner.because)
            )
            return False
        self._say(card, part, "left alone", owner.because, owner.facts)
        return True

    def _say(self, card: "Any", part: str, value: str, because: str, facts: "List[str]") -> None:
        """Note why nothing is done about a part of a card."""
        self.context.choose("%s.%s" % (card.name, part) if part else card.name, value, because, facts)
        self._reasons.setdefault((part, because), []).append(card.name)

    def _wishes(self, card: "Any") -> "Dict[str, Any]":
        """The user's word for a card: its own, then that for all."""
        wishes = {key: value for key, value in self.settings.items() if key in PARTS}
        address = self.context.hardware_text(card.source + "/address") if self._named else None
        for name, own in (self.settings.get("cards") or {}).items():
            if str(name).lower() in (str(card.name).lower(), (address or card.name).lower()):
                self._named.discard(str(name).lower())
                wishes.update(own or {})
        return wishes

    def _spread_by_driver(self, card: "Any") -> bool:
        """Whether each processor has a sending queue of this card already."""
        covered: "Set[int]" = set()
        for queue in range(card.tx_queues or 0):
            text = self.context.hardware_text("%s/queues/tx-%d/xps_cpus" % (card.source, queue))
            cpus = parse_mask(text) if text else None
            if not cpus:
                return False
            covered.update(cpus)
        return covered >= set(self.processors.usable)


def _wanted_channels(channels: "Any", wish: "Any") -> "Dict[str, int]":
    """The counts a card should have, by kind; none where the driver tells no maximum."""
    kinds = ["rx", "tx"]
    both = channels.get("combined")
    if both is not None and both.maximum and (both.current or not any(kind in channels for kind in kinds)):
        kinds = ["combined"]  # where a card can have either, only the kind that it uses is counted
    counts = {}
    for kind in kinds:
        maximum = channels[kind].maximum if kind in channels else 0
        if maximum:
            counts[kind] = maximum if wish == "max" else min(int(wish), maximum)
    return counts


def _words(counts: "Dict[str, int]") -> str:
    return ", ".join("%d %s" % (counts[kind], kind) for kind in sorted(counts))


def _mode(wishes: "Dict[str, Any]", part: str) -> str:
    """`auto`, `on` or `off`: YAML reads the last two as booleans."""
    value = wishes.get(part, _AUTO)
    if isinstance(value, bool):
        return _ON if value else _OFF
    return str(value)


def _read_only(context: "Context") -> bool:
    """Whether /sys cannot be written."""
    for row in (context.hardware_text("/proc/self/mounts") or "").splitlines():
        fields = row.split()
        if len(fields) > 3 and fields[1] == "/sys":
            return "ro" in fields[3].split(",")
    return False
