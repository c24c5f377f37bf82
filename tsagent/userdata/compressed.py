"""Bounded decompression of gzip: a gigabyte of zeros is refused after a few megabytes."""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

MAX_MEMBERS = 16
_STEP = 1 << 18


def gunzip(data: bytes, limit: int) -> bytes:
    """The content of a gzip file of at most `limit` bytes.

    Raises AgentError, codes "too-large" and "damaged".
    """
    import zlib

    pieces: "List[bytes]" = []
    total = 0
    rest = data
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            while not member.eof:
                piece = member.decompress(rest, _STEP)
                rest = member.unconsumed_tail
                total += len(piece)
                if total > limit:
                    raise AgentError("gzip data of more than %d bytes when unpacked" % limit, "too-large")
                pieces.append(piece)
                if not piece and not rest and not member.eof:
                    raise AgentError("gzip data that ends too early", "damaged")
        except zlib.error:
            raise AgentError("damaged gzip data", "damaged") from None
        rest = member.unused_data
        if not rest.strip(b"\0"):
            return b"".join(pieces)
        if rest[:2] != b"\x1f\x8b":
            raise AgentError("gzip data with something else after it", "damaged")
    raise AgentError("gzip data of more than %d members" % MAX_MEMBERS, "too-large")
