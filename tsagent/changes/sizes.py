"""How much room is worth growing into, and how sizes are told.

What grows is in `partition_growth` and `file_system_growth`.
"""

# Less than this is not worth a change: growpart's own threshold.
PARTITION_SLACK = 1 << 20  # bytes
# resize2fs leaves out a last block group too small for its own tables: up to 8 MiB with 1 KiB blocks.
FILE_SYSTEM_SLACK = 16 << 20  # bytes


def slack(kind: str) -> int:
    """Bytes a file system may leave of its device and still count as filling it."""
    return PARTITION_SLACK if kind == "xfs" else FILE_SYSTEM_SLACK


def shown(size: int) -> str:
    """A size for people."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= factor:
            return "%.1f %s" % (size / factor, unit)
    return "%d bytes" % size
