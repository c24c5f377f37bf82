"""From percentages to sectors, and the numbers and names of partition types.

Sources: UEFI specification ("Partition Entry"); the UAPI group's Discoverable Partitions Specification;
the numbers are those of sfdisk and sgdisk.
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    Part = Tuple[float, Optional[str]]

ALIGNMENT = 2048  # sectors of 512 bytes: partitions begin at full MiB
_TAIL = 64  # sectors of 512 bytes: more than a GPT keeps at the end
_MBR_PARTS = 4
_MBR_LIMIT = (1 << 32) - 1  # sectors
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_GPT_TYPES = {
    "0700": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
    "8200": "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
    "8300": _LINUX,
    "8302": "933AC7E1-2EB4-4F13-B844-0E14E2AEF915",
    "8303": "44479540-F297-41B2-9AF7-D131D5F0458A",
    "8304": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    "8305": "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
    "8306": "3B8F8425-20E0-4F3B-907F-1A25A76F98E8",
    "8309": "CA7D7CCB-63ED-4C53-861C-1742536059CC",
    "8E00": "E6D6D379-F507-44C2-A23C-238F2A3DF928",
    "EA00": "BC13C2FF-59E6-4262-A352-B275FD6F7172",
    "EF00": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "EF02": "21686148-6449-6E6F-744E-656564454649",
    "FD00": "A19D880F-05FC-4D3B-A006-743F0F84911E",
}
_WORDS = {"linux": "83", "swap": "82", "lvm": "8e", "raid": "fd", "uefi": "ef"}


def parse_layout(layout: "Any", table: str) -> "List[Part]":
    """The partitions a layout asks for: percentage, and type where one is given. Raises AgentError.

    The type is a hexadecimal number for "mbr" and a GUID for "gpt".
    """
    if layout is True:
        return [(100.0, None)]
    parts: "List[Part]" = []
    for item in layout:
        size, kind = (item[0], item[1]) if isinstance(item, list) and len(item) == 2 else (item, None)
        try:
            percent = float(size)
        except (TypeError, ValueError):
            raise _bad("a size in layout is not a percentage") from None
        if isinstance(size, bool) or not 0 < percent <= 100:
            raise _bad("a size in layout is not a percentage between 1 and 100")
        parts.append((percent, None if kind is None else partition_type(kind, table)))
    if sum(percent for percent, _ in parts) > 100:
        raise _bad("the sizes in layout add up to more than 100 %")
    if table == "mbr" and len(parts) > _MBR_PARTS:
        raise _bad("an mbr table holds %d partitions, layout has %d" % (_MBR_PARTS, len(parts)), "use gpt")
    return parts


def partition_type(kind: "Any", table: str) -> str:
    """A type as people write it (82, "8e", "swap", "8200", a GUID) as the table has it. Raises AgentError."""
    text = str(kind).strip()
    text = _WORDS.get(text.lower(), text)
    digits = text.upper()
    if table == "mbr":
        if 1 <= len(digits) <= 2 and _is_hexadecimal(digits) and int(digits, 16):
            return "%02x" % int(digits, 16)
        raise _bad("%s is no partition type of an mbr table" % text[:40], "use two hexadecimal digits")
    if len(digits) == 36 and [len(word) for word in digits.split("-")] == [8, 4, 4, 4, 12]:
        if _is_hexadecimal(digits.replace("-", "")):
            return digits
    if 1 <= len(digits) <= 4 and _is_hexadecimal(digits):
        found = _GPT_TYPES.get(digits.rjust(2, "0").ljust(4, "0"))
        if found is not None:
            return found
    raise _bad("%s is no partition type known here for a gpt table" % text[:40], "use its GUID")


def place(parts: "List[Part]", table: str, sectors: int) -> "List[Tuple[int, int, str]]":
    """Start, size (sectors of 512 bytes) and type of each partition; the last one takes the rest."""
    end = min(sectors, _MBR_LIMIT) if table == "mbr" else sectors - _TAIL
    end -= end % ALIGNMENT if end % ALIGNMENT and end > 2 * ALIGNMENT else 0
    rows = []
    start = ALIGNMENT
    for index, (percent, kind) in enumerate(parts):
        size = int(sectors * percent / 100) // ALIGNMENT * ALIGNMENT
        if index == len(parts) - 1:
            size = end - start
        if size < ALIGNMENT or start + size > end:
            raise _bad("the disk is too small for its layout")
        rows.append((start, size, kind or ("83" if table == "mbr" else _LINUX)))
        start += size
    return rows


def _is_hexadecimal(text: str) -> bool:
    return all(letter in "0123456789ABCDEF" for letter in text)


def _bad(message: str, hint: "Optional[str]" = None) -> AgentError:
    return AgentError(message, "bad-layout", hint)
