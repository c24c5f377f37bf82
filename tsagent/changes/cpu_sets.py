"""Sets of processors, and how queues are dealt out to them. No effects.

A core is a list of the logical processors that share it: `[0, 48]`. Source of the masks' form: Linux,
lib/bitmap.c: words of 32 bits in hexadecimal, the highest first, parted by commas.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, Iterable, List, Optional, Sequence

_WORD = 32  # bits between two commas


def mask(cpus: "Iterable[int]") -> str:
    """The mask of some processors: `[0, 1, 33]` gives `2,00000003`."""
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    words = ["%08x" % (bits & 0xFFFFFFFF)]
    bits >>= _WORD
    while bits:
        words.append("%08x" % (bits & 0xFFFFFFFF))
        bits >>= _WORD
    words[-1] = words[-1].lstrip("0") or "0"
    return ",".join(reversed(words))


def parse_mask(text: str) -> "Optional[FrozenSet[int]]":
    """The processors of a mask; None for what is none."""
    bits = 0
    for word in text.strip().split(","):
        if not 0 < len(word) <= 8 or not set(word) <= set("0123456789abcdefABCDEF"):
            return None
        bits = bits << _WORD | int(word, 16)
    # From its text: a shift for each of some thousand processors would copy the number each time.
    return frozenset(place for place, bit in enumerate(reversed("{:b}".format(bits))) if bit == "1")


def listed(cpus: "Iterable[int]") -> str:
    """The list of some processors: `[0, 1, 2, 8]` gives `0-2,8`."""
    parts: "List[List[int]]" = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][1] + 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join("%d" % low if low == high else "%d-%d" % (low, high) for low, high in parts)


def flat(cores: "Iterable[Sequence[int]]") -> "List[int]":
    """The processors of some cores, in their order."""
    return [cpu for core in cores for cpu in core]


def one_each(cores: "Sequence[Sequence[int]]", count: int, turn: int = 0) -> "List[int]":
    """A processor for each of `count` queues: each a core of its own, where there are so many.

    Fewer queues than cores are spread over all of them. The second processors of cores come into use when
    all first ones are. `turn` counts the cards that had these cores before: each begins one further on.
    """
    if not cores or count <= 0:
        return []
    depth = max(len(core) for core in cores)
    order = [core[level] for level in range(depth) for core in cores if level < len(core)]
    if count > len(cores):
        return [order[(turn * count + queue) % len(order)] for queue in range(count)]
    return [order[(queue * len(cores) // count + turn) % len(cores)] for queue in range(count)]


def shares(cores: "Sequence[Sequence[int]]", count: int) -> "List[List[int]]":
    """All processors dealt out to `count` queues in neighbouring groups; a core stays whole where it can."""
    items: "Sequence[Sequence[int]]" = cores
    if count > len(cores):
        items = [[cpu] for cpu in flat(cores)]
    if count > len(items):  # then several queues are one processor's
        return [list(items[queue % len(items)]) for queue in range(count)] if items else []
    return [
        flat(items[queue * len(items) // count : (queue + 1) * len(items) // count]) for queue in range(count)
    ]
