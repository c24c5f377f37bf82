"""Memory as the kernel has it (a little less than what the machine was sold with).

Section `memory`, a record; sizes in bytes:
    total_bytes, swap_bytes, huge_page_bytes (size of one), huge_pages (reserved now), source
"""

from tsagent.facts.reading import fields, parse_number, whole
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional

    from tsagent.facts import Facts

SOURCE = "/proc/meminfo"
KEYS = ["total_bytes", "swap_bytes", "huge_page_bytes", "huge_pages", "source"]
_KIB = 1024


def gather(facts: "Facts") -> Record:
    """The section `memory`."""
    values = parse_meminfo(whole(facts.hardware, SOURCE))
    return Record(
        total_bytes=values.get("MemTotal"),
        swap_bytes=values.get("SwapTotal"),
        huge_page_bytes=values.get("Hugepagesize"),
        huge_pages=values.get("HugePages_Total"),
        source=SOURCE,
    )


def parse_meminfo(text: "Optional[str]") -> "Dict[str, int]":
    """The values of a meminfo file; those in kB come back in bytes, counts as they are."""
    values: "Dict[str, int]" = {}
    for row in fields(text):
        if row[0] == "Node":
            row = row[2:]  # `Node 0 MemTotal: …` of a NUMA node's own file
        if len(row) < 2 or not row[0].endswith(":"):
            continue
        value = parse_number(row[1])
        if value is not None and value >= 0:
            values[row[0][:-1]] = value * _KIB if row[2:3] == ["kB"] else value
    return values
