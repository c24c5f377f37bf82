"""Reading small kernel files without trusting what is in them.

A machine's /sys and /proc, and still more a recorded copy of them, may lack any file, hold garbage in
it, or a directory in its place. An attribute that cannot be read is None: what is unknown is said to
be unknown, and nothing here raises for the content of a file.
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.host.tree import Tree

# /proc/cpuinfo is about 1.5 KB a processor; 16 MiB holds ten thousand of them.
_LIMIT = 16 << 20
# A name or model in sysfs is at most a page; what is longer is no attribute.
_LINE_LIMIT = 4096
# No list of CPUs names more than the kernel's NR_CPUS limit of 8192.
_RANGE_LIMIT = 8192


def line(tree: "Tree", path: str) -> "Optional[str]":
    """The first line of an attribute, printable and stripped; None when absent, unreadable or empty."""
    value = tree.text(path)
    if not value:
        return None
    # Device tree strings and some firmware pad with NUL bytes.
    first = value.replace("\0", " ").strip().split("\n", 1)[0][:_LINE_LIMIT]
    cleaned = "".join(character for character in first if character.isprintable())
    return " ".join(cleaned.split()) or None


def whole(tree: "Tree", path: str) -> "Optional[str]":
    """The whole text of a file; None when absent or unreadable."""
    try:
        data = tree.read(path, _LIMIT)
    except (OSError, AgentError):
        return None
    return data.decode("utf-8", "replace")


def number(tree: "Tree", path: str, base: int = 10) -> "Optional[int]":
    """An attribute that is a whole number; None when it is not one."""
    return parse_number(line(tree, path), base)


def parse_number(value: "Optional[str]", base: int = 10) -> "Optional[int]":
    """`value` as a whole number in `base`; None when it is not one."""
    if value is None or len(value) > 64:
        return None
    try:
        return int(value, base)
    except ValueError:
        return None


def identifier(tree: "Tree", path: str) -> "Optional[str]":
    """A PCI number such as `0x10de` as `10de`; None when it is not one."""
    value = number(tree, path, 16)
    return None if value is None or value < 0 else "%04x" % value


def link_name(tree: "Tree", path: str) -> "Optional[str]":
    """The last component of what a symbolic link says; None when there is no link."""
    try:
        return tree.readlink(path).rstrip("/").rsplit("/", 1)[-1] or None
    except OSError:
        return None


def real(tree: "Tree", path: str) -> "Optional[str]":
    """The path inside the tree with links resolved; None when nothing is there or links loop."""
    try:
        found = tree.realpath(path)
    except OSError:
        return None
    return found if tree.exists(found) else None


def pci_address(path: "Optional[str]") -> "Optional[str]":
    """The PCI address nearest to the end of a sysfs path, or None: `/…/0000:00:05.0/virtio2/net/eth0`."""
    for name in reversed((path or "").split("/")):
        if is_pci_address(name):
            return name
    return None


def is_pci_address(name: str) -> bool:
    """Whether `name` looks like `0000:00:05.0` (domains of five digits and more exist)."""
    parts = name.replace(".", ":").split(":")
    if len(parts) != 4 or name.count(".") != 1 or len(parts[0]) < 4:
        return False
    return all(part and all(digit in "0123456789abcdefABCDEF" for digit in part) for part in parts)


def cpu_list(value: "Optional[str]") -> "List[int]":
    """The numbers in a kernel list such as `0-3,8,10-11`; what does not parse is left out."""
    found: "List[int]" = []
    for part in (value or "").split(","):
        first, dash, last = part.strip().partition("-")
        start = parse_number(first)
        end = parse_number(last) if dash else start
        if start is None or end is None or start < 0 or not start <= end < start + _RANGE_LIMIT:
            continue
        found.extend(range(start, end + 1))
        if len(found) > _RANGE_LIMIT:
            break
    return sorted(set(found))


def fields(text: "Optional[str]") -> "List[List[str]]":
    """The lines of a table such as /proc/swaps or /proc/modules, each split at blanks."""
    return [row.split() for row in (text or "").replace("\0", " ").split("\n") if row.strip()]
