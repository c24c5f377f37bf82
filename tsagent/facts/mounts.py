"""What is mounted, from /proc/self/mountinfo, or /proc/mounts where that is missing."""

from tsagent.facts.reading import fields, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from tsagent.host.tree import Tree

MOUNTINFO = "/proc/self/mountinfo"
MOUNTS = "/proc/mounts"
SWAPS = "/proc/swaps"


class Mount:
    """One mount: `device` is "major:minor" (None from /proc/mounts), `source` what was mounted."""

    __slots__ = ("device", "target", "fs_type", "source", "options")

    def __init__(
        self, device: "Optional[str]", target: str, fs_type: str, source: str, options: "List[str]"
    ) -> None:
        self.device = device
        self.target = target
        self.fs_type = fs_type
        self.source = source
        self.options = options


def mounts(tree: "Tree") -> "List[Mount]":
    """All mounts in the order they were made; none where neither file can be read."""
    found = parse_mountinfo(whole(tree, MOUNTINFO))
    return found or parse_mounts(whole(tree, MOUNTS))


def parse_mountinfo(text: "Optional[str]") -> "List[Mount]":
    """The mounts of a mountinfo file; a row that is cut short is left out."""
    found = []
    for row in fields(text):
        # 36 35 254:1 / / rw,noatime shared:1 … - ext4 /dev/vda1 rw,errors=continue
        if len(row) < 9 or "-" not in row[6:]:
            continue
        dash = row.index("-", 6)
        after = row[dash + 1 :]
        if len(after) < 2 or not _is_device_number(row[2]):
            continue
        options = row[5].split(",")
        extra = after[2].split(",") if len(after) > 2 else []
        options += [option for option in extra if option not in options]
        found.append(Mount(row[2], _unescape(row[4]), after[0], _unescape(after[1]), options))
    return found


def parse_mounts(text: "Optional[str]") -> "List[Mount]":
    """The mounts of a /proc/mounts file, which does not tell device numbers."""
    return [
        Mount(None, _unescape(row[1]), row[2], _unescape(row[0]), row[3].split(","))
        for row in fields(text)
        if len(row) >= 4
    ]


def swap_devices(tree: "Tree") -> "List[str]":
    """Names of the block devices used as swap: `vda2`, `dm-1`."""
    rows = fields(whole(tree, SWAPS))[1:]
    return [row[0].rsplit("/", 1)[-1] for row in rows if row[0].startswith("/dev/")]


def _is_device_number(value: str) -> bool:
    major, colon, minor = value.partition(":")
    return bool(colon) and major.isdigit() and minor.isdigit()


def _unescape(value: str) -> str:
    """Blank, tab, newline and backslash stand as octal numbers in these files."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        value = value.replace(code, character)
    return value
