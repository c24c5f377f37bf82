"""The formats of user data: their MIME types, their first lines, and what a first line nearly was.

Source: cloud-init's documentation, "User-data formats".
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

    from tsagent.userdata.parts import Source

CLOUD_CONFIG = "text/cloud-config"
SCRIPT = "text/x-shellscript"
BOOTHOOK = "text/cloud-boothook"
INCLUDE = "text/x-include-url"
INCLUDE_ONCE = "text/x-include-once-url"
ARCHIVE = "text/cloud-config-archive"
JSONP = "text/cloud-config-jsonp"
TEMPLATE = "text/jinja2"
DOCUMENTED_TEMPLATE = "text/jinja"  # what cloud-init's documentation calls it
PART_HANDLER = "text/part-handler"
GZIP = "application/gzip"
UNKNOWN = "text/plain"
BINARY = "application/octet-stream"

# MIME type -> where its scripts belong; these exist as MIME types only.
SCHEDULED_SCRIPTS: "Dict[str, str]" = {
    "text/x-shellscript-per-boot": "per-boot",
    "text/x-shellscript-per-instance": "per-instance",
    "text/x-shellscript-per-once": "per-once",
}

# Kept byte for byte, whatever character set they are in.
SCRIPTS = (SCRIPT, BOOTHOOK, PART_HANDLER) + tuple(SCHEDULED_SCRIPTS)

# First word of the text -> type. A longer word is tried before its own beginning.
HEADERS: "List[Tuple[bytes, str]]" = [
    (b"#cloud-config-archive", ARCHIVE),
    (b"#cloud-config-jsonp", JSONP),
    (b"#cloud-config", CLOUD_CONFIG),
    (b"#cloud-boothook", BOOTHOOK),
    (b"#include-once", INCLUDE_ONCE),
    (b"#include", INCLUDE),
    (b"#part-handler", PART_HANDLER),
    (b"#!", SCRIPT),
]

# Declared types of what may be a whole message of its own.
WHOLE = (None, "message/rfc822", "text/x-not-multipart")

# Declared types that say nothing about the content, which is then looked at.
UNDECLARED = (
    None,
    "",
    "text/plain",
    "text/x-not-multipart",
    BINARY,
    SCRIPT,
    GZIP,
    "application/gzip-compressed",
    "application/gzipped",
    "application/x-compress",
    "application/x-compressed",
    "application/x-gunzip",
    "application/x-gzip",
    "application/x-gzip-compressed",
)

HANDLED = (
    CLOUD_CONFIG,
    SCRIPT,
    BOOTHOOK,
    INCLUDE,
    INCLUDE_ONCE,
    ARCHIVE,
    JSONP,
    TEMPLATE,
    PART_HANDLER,
) + tuple(SCHEDULED_SCRIPTS)

GZIP_MAGIC = b"\x1f\x8b"
_TEMPLATE = rb"(?i)##\s*template:\s*jinja\b"
_MIME_HEADER = rb"[A-Za-z][A-Za-z0-9-]{1,60}:[ \t\r\n]"


def first_line(data: bytes) -> bytes:
    """The first line that is not blank, at most 200 bytes of it."""
    return data[:8192].lstrip()[:200].partition(b"\n")[0].rstrip()


def sniff(data: bytes) -> "Optional[str]":
    """The type that the beginning of `data` states; None when it states none."""
    line = first_line(data)
    if re.match(_TEMPLATE, line):
        return TEMPLATE
    lowered = line.lower()
    for header, kind in HEADERS:
        if lowered.startswith(header):
            after = line[len(header) : len(header) + 1]
            if kind in (INCLUDE, INCLUDE_ONCE) and after and not after.isspace():
                continue
            return kind
    return None


def header_tail(data: bytes) -> str:
    """What follows the header word on its line without a space: "" for a proper header."""
    line = first_line(data).lower()
    for header, kind in HEADERS:
        if line.startswith(header):
            tail = line[len(header) :]
            if kind == SCRIPT or not tail or tail[:1].isspace():
                return ""
            return tail.split()[0].decode("ascii", "replace")
    return ""


def is_mime(data: bytes) -> bool:
    """Whether `data` is a MIME message: it begins with headers, one of them MIME's own."""
    start = data[:8192].lstrip()
    if start.startswith(b"From "):
        start = start.partition(b"\n")[2]
    if not re.match(_MIME_HEADER, start):
        return False
    head = re.split(rb"\r?\n\r?\n", data[:8192], maxsplit=1)[0].lower()
    return b"mime-version:" in head or b"content-type:" in head


def nearly(data: bytes) -> "Optional[str]":
    """The header that the first line was probably meant to be; None when it resembles none."""
    line = first_line(data)[:60].decode("utf-8", "replace").strip().lower()
    words = line.split()
    if not words:
        return None
    word = words[0]
    if word == "#" and len(words) > 1:
        word = "#" + words[1]
    known = [header.decode("ascii") for header, _ in HEADERS if header != b"#!"]
    bare = word.lstrip("#").replace("_", "-").rstrip(":")
    for header in known:
        if bare == header[1:] or bare.replace("-", "") == header[1:].replace("-", ""):
            return header
    if word.startswith("!"):
        return "#!"
    if not word.startswith("#"):
        return None
    import difflib

    found = difflib.get_close_matches("#" + bare, known, 1, 0.8)
    return found[0] if found else None


def looks_like_mapping(data: bytes) -> bool:
    """Whether the text seems to be cloud-config that lacks its first line."""
    # One blank at a time: with `\s+` a run of forty that nothing follows would take for ever.
    return re.match(rb"(?:---|#[^\n]*\n|\s)*[a-z_]{3,40}:(?:\s|$)", data[:4096]) is not None


def looks_like_network(data: bytes) -> bool:
    """Whether the text may be a network configuration by itself, which has no first line of its own."""
    keys = rb"(^[ \t]*|[\"'{])(network|version|ethernets|bonds|bridges|vlans|links|networks)[\"']?[ \t]*:"
    return re.search(keys, data, re.MULTILINE) is not None


def is_text(data: bytes) -> bool:
    """Whether `data` is UTF-8 text without control characters that no text has."""
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not re.search(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f]", data)


def as_script(kind: str, data: bytes, source: "Source") -> "Tuple[bytes, Source]":
    """(the script as the kernel will take it, its source): nothing before "#!", line ends of Unix."""
    stripped = data.lstrip()
    if kind == BOOTHOOK and stripped.lower().startswith(b"#cloud-boothook"):
        stripped = stripped.partition(b"\n")[2].lstrip()
    if stripped[:2] == b"#!" or kind == BOOTHOOK:
        skipped = data[: len(data) - len(stripped)].count(b"\n")
        source = source.inner(line_offset=source.line_offset + skipped)
        data = stripped
    if data.partition(b"\n")[0].endswith(b"\r"):
        data = data.replace(b"\r\n", b"\n")
    return data, source


def from_base64(data: bytes) -> "Optional[bytes]":
    """What `data` is the base64 of, when that begins like a known format; else None."""
    if not re.match(rb"[A-Za-z0-9+/=\s]{16,}\Z", data):
        return None
    import binascii

    compact = b"".join(data.split())
    try:
        start = binascii.a2b_base64(compact[:400])
        if start[:2] != GZIP_MAGIC and sniff(start) is None and not is_mime(start):
            return None
        return binascii.a2b_base64(compact)
    except binascii.Error:
        return None
