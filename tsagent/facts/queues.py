"""Queues of the network cards: how many there are, and which interrupts serve them.

Section `queues`, a list of records, by name; only Ethernet cards that are hardware, or look like it:
    name            "eth0"
    driver          "virtio_net" | "mlx5_core" …, or None
    function        "/sys/devices/pci0000:00/0000:00:05.0": the PCI function it is on, or None
    numa_node       of that function, or None
    master          name of the bond or bridge it belongs to, or None
    ports           interfaces below it: a failover's, whose own queues carry nothing
    rdma            whether its function is an RDMA device, too
    rx_queues, tx_queues    counts, as they are now
    channels        {"combined": {"current": 4, "maximum": 8}}, of "rx", "tx", "other", "combined"; or None
    channels_source     "ethtool" | "/channels.json"
    channels_problem    why they are not known, or None
    msi             how many message-signalled interrupts its function has
    interrupts      [{"irq": 25, "name": "virtio2-input.0", "queue": 0}]: those of queues that are in use
    source          "/sys/class/net/eth0"

On the machine itself channels are asked of the kernel; with a recorded tree they come from `channels.json` at
its top: {"eth0": {"combined": {"current": 4, "maximum": 8}}}.
"""

from tsagent.errors import AgentError
from tsagent.facts.reading import is_pci_address, link_name, number, parse_number, real, whole
from tsagent.facts.record import Record, Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.facts import Facts
    from tsagent.host.tree import Tree

DIRECTORY = "/sys/class/net"
RECORDED = "/channels.json"
KEYS = [
    "name",
    "driver",
    "function",
    "numa_node",
    "master",
    "ports",
    "rdma",
    "rx_queues",
    "tx_queues",
    "channels",
    "channels_source",
    "channels_problem",
    "msi",
    "interrupts",
    "source",
]
_ETHERNET = 1  # ARPHRD_ETHER
_LIMIT = 1 << 20
_KINDS = ("rx", "tx", "other", "combined")
# What the kernel itself puts into /proc/irq/N; anything else there is the name of a handler.
# Source: Linux, kernel/irq/proc.c.
_FILES = frozenset(
    (
        "affinity_hint",
        "effective_affinity",
        "effective_affinity_list",
        "node",
        "smp_affinity",
        "smp_affinity_list",
        "spurious",
    )
)
# Parts of names of interrupts that end in a number and serve no queue: mlx5's asynchronous events, the Intel
# drivers' flow director, administration and events of ionic, hinic, vmxnet3.
# Source: request_irq and its names in these drivers.
_NO_QUEUE = ("admin", "aeq", "async", "event", "fdir")


def gather(facts: "Facts") -> Records:
    """The section `queues`."""
    tree = facts.hardware
    found = Records()
    for name in tree.listdir(DIRECTORY):
        directory = real(tree, "%s/%s" % (DIRECTORY, name))
        if directory is None or "/virtual/" in directory:
            continue
        device = real(tree, directory + "/device")
        if device is not None and number(tree, directory + "/type") == _ETHERNET:
            found.append(_card(tree, name, directory, device))
    if found:
        _channels(tree, found)
    return found


def _card(tree: "Tree", name: str, directory: str, device: str) -> Record:
    queues = tree.listdir(directory + "/queues")
    function = _function(device)
    node = number(tree, (function or device) + "/numa_node")
    numbers = msi_interrupts(tree, function)
    return Record(
        name=name,
        driver=link_name(tree, directory + "/device/driver"),
        function=function,
        numa_node=node if node is not None and node >= 0 else None,
        master=link_name(tree, directory + "/master"),
        ports=[entry[6:] for entry in tree.listdir(directory) if entry.startswith("lower_")],
        rdma=bool(tree.listdir(directory + "/device/infiniband")),
        rx_queues=len([queue for queue in queues if queue.startswith("rx-")]),
        tx_queues=len([queue for queue in queues if queue.startswith("tx-")]),
        channels=None,
        channels_source=None,
        channels_problem=None,
        msi=len(numbers),
        interrupts=[
            Record(irq=irq, name=label, queue=queue)
            for queue, irq, label in queue_interrupts(tree, name, numbers)
        ],
        source="%s/%s" % (DIRECTORY, name),
    )


def _function(device: str) -> "Optional[str]":
    """The PCI function that a device is, or is on: a virtio device has its interrupts there."""
    parts = device.split("/")
    while parts:
        if is_pci_address(parts[-1]):
            return "/".join(parts)
        parts.pop()
    return None


def _channels(tree: "Tree", found: Records) -> None:
    """Add to each card what it can have of channels."""
    if tree.root == "/":
        from tsagent.host.channels import get_channels

        for card in found:
            card.channels_source = "ethtool"
            try:
                card.channels = _records(get_channels(card.name))
            except OSError as error:
                card.channels_problem = "the driver does not tell: %s" % error.strerror
        return
    data, problem = _recorded(tree)
    for card in found:
        card.channels_source = RECORDED
        recorded = data.get(card.name)
        if isinstance(recorded, dict):
            card.channels = _records(recorded)
        else:
            card.channels_problem = problem or "%s does not tell of it" % RECORDED


def _recorded(tree: "Tree") -> "Tuple[Dict[str, Any], Optional[str]]":
    from tsagent.quickjson import loads

    try:
        data = loads(tree.read(RECORDED, _LIMIT).decode("utf-8"))
    except FileNotFoundError:
        return {}, "no recorded channels"
    except (OSError, AgentError, ValueError, RecursionError) as error:
        return {}, "%s: %s" % (RECORDED, error)
    return (data, None) if isinstance(data, dict) else ({}, "%s: expected a JSON object" % RECORDED)


def _records(channels: "Dict[str, Any]") -> Record:
    """The kinds that are there, each with two whole numbers; others are left out."""
    record = Record()
    for kind in _KINDS:
        pair = channels.get(kind)
        values = [pair.get(key) for key in ("current", "maximum")] if isinstance(pair, dict) else [None]
        if all(isinstance(value, int) and value >= 0 for value in values):
            record[kind] = Record(current=values[0], maximum=values[1])
    return record


# -- interrupts -----------------------------------------------------------------------------------


def interrupts_of(tree: "Tree", card: str) -> "List[Tuple[int, int, str]]":
    """(queue, interrupt, name) of a card as it is now: its driver asks for them when the card is used."""
    device = real(tree, "%s/%s/device" % (DIRECTORY, card))
    function = _function(device) if device is not None else None
    return queue_interrupts(tree, card, msi_interrupts(tree, function))


def msi_interrupts(tree: "Tree", function: "Optional[str]") -> "List[int]":
    """The numbers of the message-signalled interrupts of a PCI function."""
    if function is None:
        return []
    numbers = (parse_number(name) for name in tree.listdir(function + "/msi_irqs"))
    return sorted(irq for irq in numbers if irq is not None and irq >= 0)


def queue_interrupts(tree: "Tree", card: str, numbers: "List[int]") -> "List[Tuple[int, int, str]]":
    """(queue, interrupt, name) of those of the interrupts `numbers` that serve a queue, by queue."""
    found = []
    alone = []
    names = _handlers(tree, numbers)
    for irq in numbers:
        for name in names.get(irq, []):
            queue = queue_of(name, card)
            if queue is not None:
                found.append((queue, irq, name))
            elif name == card:
                alone.append((0, irq, name))
    # Named after the card only: its one interrupt, or, beside those of queues, one that tells of the link.
    return sorted(found or alone)


def queue_of(name: str, card: str) -> "Optional[int]":
    """The queue of an interrupt such as `virtio2-input.0`, `mlx5_comp3@pci:…`, `eth0-TxRx-7`; or None."""
    if name == card:
        return None
    base = name.partition("@")[0].replace(card, "", 1).lower()
    if any(part in base for part in _NO_QUEUE):
        return None
    if base.endswith("virtqueues"):
        return 0  # all queues of a virtio card share one, where there are too few
    digits = base[len(base.rstrip("0123456789")) :]
    return parse_number(digits) if digits else None


def _handlers(tree: "Tree", numbers: "List[int]") -> "Dict[int, List[str]]":
    """The names of the handlers of interrupts: from /proc/irq, else from /proc/interrupts."""
    names = {}
    for irq in numbers:
        names[irq] = [entry for entry in tree.listdir("/proc/irq/%d" % irq) if entry not in _FILES]
    if numbers and not any(names.values()):
        wanted = set(numbers)
        for row in (whole(tree, "/proc/interrupts") or "").splitlines():
            label, colon, rest = row.partition(":")
            irq_or_none = parse_number(label.strip()) if colon else None
            if irq_or_none in wanted and rest.split():
                names[irq_or_none] = [rest.split()[-1]]
    return names
