"""Network cards may come later than the local stage: their drivers are loaded by udev, beside it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from tsagent.host import Host
    from tsagent.host.tree import Tree

LIMIT = 10.0  # seconds; then there is none
_PAUSE = 0.1  # seconds between two looks where udev says it is through and no card is there
_CARDS = "/sys/class/net"
_UDEV = "/run/udev/control"


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
