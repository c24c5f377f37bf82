"""What the superblock of a file system says of its size, read without any tool.

Source: the kernel's documentation, filesystems/ext4 ("Super Block"); "XFS Algorithms & Data Structures"
("Superblocks").
"""

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.host.tree import Tree

READ_BYTES = 65536  # from the start of a file system: all that is looked at lies within
_EXT_MAGIC = 0xEF53
_EXT_64BIT = 0x80  # s_feature_incompat: block counts have a high half
_EXT_JOURNAL = 0x4  # s_feature_compat: has a journal; ext2 has none
_EXT4_FEATURES = 0x40 | 0x80 | 0x200  # extents, 64 bit, flexible groups: what ext3 cannot have


class Superblock:
    """A file system's kind ("ext2", "ext3", "ext4", "xfs"), its size and, for XFS, its log's, in bytes."""

    __slots__ = ("block_size", "blocks", "kind", "log_blocks")

    def __init__(self, kind: str, block_size: int, blocks: int, log_blocks: int = 0) -> None:
        self.kind = kind
        self.block_size = block_size
        self.blocks = blocks
        self.log_blocks = log_blocks

    @property
    def size(self) -> int:
        """Bytes the file system takes of its device."""
        return self.block_size * self.blocks


def parse_superblock(data: bytes) -> "Optional[Superblock]":
    """The superblock in the first bytes of a file system; None when it is none known here."""
    if data[:4] == b"XFSB" and len(data) >= 104:
        block_size, blocks = struct.unpack(">IQ", data[4:16])
        log_start = struct.unpack(">Q", data[48:56])[0]
        log_blocks = struct.unpack(">I", data[96:100])[0]
        if not 512 <= block_size <= 65536 or block_size & (block_size - 1):
            return None
        return Superblock("xfs", block_size, blocks, log_blocks if log_start else 0)
    block = data[1024:2048]
    if len(block) < 0x160 or struct.unpack("<H", block[56:58])[0] != _EXT_MAGIC:
        return None
    low, shift = struct.unpack("<I", block[4:8])[0], struct.unpack("<I", block[24:28])[0]
    compatible, incompatible = struct.unpack("<II", block[0x5C:0x64])
    if shift > 6:
        return None
    high = struct.unpack("<I", block[0x150:0x154])[0] if incompatible & _EXT_64BIT else 0
    kind = "ext4" if incompatible & _EXT4_FEATURES else "ext3" if compatible & _EXT_JOURNAL else "ext2"
    return Superblock(kind, 1024 << shift, low | high << 32)


def read_start(tree: "Tree", path: str, offset: int = 0) -> "Optional[bytes]":
    """The bytes at the start of a device or image, or None where they cannot be read.

    Cached pages are dropped first: XFS writes its superblock past the device's own cache.
    """
    try:
        descriptor = tree.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        os.posix_fadvise(descriptor, offset, READ_BYTES, os.POSIX_FADV_DONTNEED)
        return os.pread(descriptor, READ_BYTES, offset)
    except OSError:
        return None
    finally:
        os.close(descriptor)
