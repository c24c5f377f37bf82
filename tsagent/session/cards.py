"""Network cards may come later than the local stage, with their drivers; and later than the boot."""

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.host import Host
    from tsagent.host.tree import Tree
    from tsagent.session.session import Session

LIMIT = 10.0  # seconds; then there is none
_PAUSE = 0.1  # seconds between two looks where udev says it is through and no card is there
_CARDS = "/sys/class/net"
_UDEV = "/run/udev/control"
_KNOWN = "/cards"  # in the instance's directory
_ETHERNET = "1"  # ARPHRD_ETHER
QUEUES = "network_queues"
QUEUES_UNIT = "tsagent-network-queues.service"


def wait_for_cards(host: "Host") -> None:
    """Wait until there is a card, and udev has named those that are there; LIMIT seconds at most.

    Returns at once where both are so, which is the usual case, and where no udev runs: in a container.
    """
    if not host.live or not host.root.exists(_UDEV):
        return
    deadline = host.clock.monotonic() + LIMIT
    while not _named(host.root):
        left = deadline - host.clock.monotonic()
        if left <= 0:
            return
        host.run(["udevadm", "settle", "--timeout=%d" % max(1, left)], timeout=left + 1)
        if _cards(host.root):
            return
        host.clock.sleep(_PAUSE)


def not_wanted(session: "Session") -> "Optional[str]":
    """Why cards that come later are none of the agent's business here; None where they are."""
    if session.snapshot is None or session.incomplete:
        return "it is not known yet which instance this is"
    if session.recognition.adopted:
        return "this machine was in use before the agent was installed"
    if "network" in session.off:
        return "the module network is turned off"
    config = session.snapshot.config
    own = config.get("network") or {}
    if own.get("version") is not None or own.get("config") is not None:
        return "network: in the configuration says how the network is to be"
    words = (session.host.hardware.text("/proc/cmdline") or "").split()
    if any(word.startswith("network-config=") for word in words):
        return "network-config= on the kernel command line says how the network is to be"
    told = session.snapshot.source.get("network") or {}
    if isinstance(told.get("config"), dict) and told["config"].get("config") == "disabled":
        return "network configuration is disabled by the instance's network data"
    when = ((config.get("updates") or {}).get("network") or {}).get("when")
    if when is not None and "hotplug" not in when:
        return "updates: network: when: does not say hotplug"
    return None


def queues_wanted(session: "Session") -> bool:
    """Whether somebody here looks after the queues of cards that come later."""
    if session.snapshot is None or QUEUES not in session.modules or QUEUES in session.off:
        return False
    return (session.snapshot.config.get(QUEUES) or {}).get("enabled") is not False


def missed(session: "Session") -> bool:
    """Whether an Ethernet card is there now that was not when queues were looked at in this boot."""
    known = session.cards_looked_at()
    if known is None:
        return False
    tree = session.host.hardware
    there = [name for name in _cards(tree) if tree.text("%s/%s/type" % (_CARDS, name)) == _ETHERNET]
    return not known.issuperset(there)


def look_at_queues(host: "Host") -> None:
    """Have systemd look at the queues of all cards once more, when what runs now has ended."""
    if host.live and host.root.is_dir("/run/systemd/system"):
        # Begun anew where it runs: it may be past the card that has come.
        host.run(["systemctl", "--no-block", "restart", QUEUES_UNIT])


def end_of_boot(session: "Session") -> None:
    """From now on network cards that come are looked at, where that is anybody's business here."""
    queues = queues_wanted(session)
    if session.service_url() is not None and not_wanted(session) is None:
        watch_for_cards(session.host)
    elif queues:
        note_cards(session.host)
    if queues and missed(session):
        look_at_queues(session.host)


def watch_for_cards(host: "Host") -> None:
    """From now on cards that come are taken up; so are those that came or went while the machine was off."""
    there = cards_there(host)
    try:
        known = host.root.read(host.instance_dir + _KNOWN).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        known = there
    remember_cards(host, known)
    if known != there:
        host.run(["systemctl", "--no-block", "restart", "tsagent-attach.timer"])


def remember_cards(host: "Host", cards: str) -> None:
    """Note that these cards have been taken up, for this boot and the next."""
    note_cards(host, cards)
    path = host.instance_dir + _KNOWN
    try:
        same = host.root.read(path) == cards.encode("utf-8")
    except OSError:
        same = False
    if not same:
        host.root.write_atomic(path, cards.encode("utf-8"), 0o600)


def note_cards(host: "Host", cards: "Optional[str]" = None) -> None:
    """Note which cards are known, by default those that are there, for packaging/libexec/attach: udev's rule
    has that look once the file is there, and it starts nothing while they are the same.
    """
    text = cards_there(host) if cards is None else cards
    host.root.write_atomic(paths.CARDS, text.encode("utf-8"), 0o644, sync=False)


def cards_there(host: "Host") -> str:
    """The cards of the machine, a line each: the name and the address."""
    rows = []
    for name in sorted(_cards(host.hardware)):
        address = host.hardware.text("%s/%s/address" % (_CARDS, name)) or ""
        rows.append("%s %s\n" % (name, address))
    return "".join(rows)


def _cards(tree: "Tree") -> "List[str]":
    """The cards that are hardware, or look like it."""
    if not tree.is_dir(_CARDS):
        return []
    return [name for name in tree.listdir(_CARDS) if tree.exists("%s/%s/device" % (_CARDS, name))]


def _named(tree: "Tree") -> bool:
    """Whether there is a card, and udev's database has each: it may still rename one that it has not."""
    cards = _cards(tree)
    for name in cards:
        index = tree.text("%s/%s/ifindex" % (_CARDS, name))
        if index is None or not tree.exists("/run/udev/data/n" + index):
            return False  # without an index, it has just been renamed
    return bool(cards)
