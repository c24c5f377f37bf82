"""Files as cloud-config lists them: path, content, encoding, owner, permissions, append.

Entries of one path are made into one change, so that a run which is cut off between them cannot leave
half of them, and content that is added twice is added once. An entry that cannot be understood fails on
its own; its content is never quoted.
"""

from tsagent.changes.base import DIFFERS, Change, Probe
from tsagent.changes.files import AppendFile, WriteFile
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

    from tsagent.changes.fetched_files import FetchFile, Source
    from tsagent.host import Host

# Source: cloud-init's documentation of write_files.
_GZIP = ("gz", "gzip")
_BASE64 = ("b64", "base64")
_BOTH = ("gz+base64", "gzip+base64", "gz+b64", "gzip+b64")
_PLAIN = ("", "text/plain")
ENCODINGS = _GZIP + _BASE64 + _BOTH + _PLAIN[1:]

FILE_LIMIT = 32 << 20  # bytes of one decoded file
TOTAL_LIMIT = 64 << 20  # bytes of all decoded files of a list: they are held together
_MODE = 0o644
_LARGEST_MODE = 0o7777
_DECIMAL_MODES = 0o777  # a larger number is an octal mode that lost its leading zero


class UnusableEntry(Change):
    """An entry that cannot be made into a change: fails by itself, so that the others need not."""

    type = "unusable_entry"

    def __init__(self, place: str, message: str, code: str, hint: "Optional[str]" = None) -> None:
        # Words and not the error: its traceback would hold on to what was decoded.
        super().__init__(place)
        self.message = message
        self.code = code
        self.hint = hint

    def payload(self) -> "Dict[str, Any]":
        return {"code": self.code}

    def describe(self) -> str:
        return str(self.target)

    def probe(self, host: "Host") -> Probe:
        return Probe(DIFFERS, self.message)

    def apply(self, host: "Host") -> "Optional[str]":
        raise AgentError(self.message, self.code, self.hint)


class _File:
    """What is to become of one path."""

    def __init__(self) -> None:
        self.pieces: "List[Union[bytes, Source]]" = []
        self.append = True
        self.mode: "Optional[int]" = None
        self.owner: "Optional[str]" = None
        self.group: "Optional[str]" = None
        self.places: "List[str]" = []

    def add(
        self,
        place: str,
        entry: "Dict[str, Any]",
        content: "Union[bytes, Source]",
        mode: "Optional[int]",
    ) -> None:
        """Take one more entry of this path."""
        self.places.append(place)
        owner, group = _owner(entry.get("owner"))
        if is_true(entry.get("append")):
            # What is there keeps its mode and owner unless the entry says otherwise.
            self.pieces.append(content)
            if mode is not None:
                self.mode = mode
            if entry.get("owner") is not None:
                self.owner, self.group = owner, group
            return
        self.append = False
        self.pieces = [content]
        self.mode = _MODE if mode is None else mode
        self.owner, self.group = (owner, group) if entry.get("owner") is not None else ("root", "root")

    def change(self, path: str, deferred: bool, warn: "Callable[[str], None]") -> "Change":
        reason = " and ".join(self.places)
        change: "Union[AppendFile, WriteFile, FetchFile]"
        owner, group = self.owner, self.group
        if not all(isinstance(piece, bytes) for piece in self.pieces):
            from tsagent.changes.fetched_files import FetchFile

            change = FetchFile(path, self.pieces, self.append, self.mode, owner, group, warn, reason)
        else:
            kind = AppendFile if self.append else WriteFile
            content = b"".join(piece for piece in self.pieces if isinstance(piece, bytes))
            change = kind(path, content, self.mode, owner, group, secret=True, reason=reason)
        change.own_parents = True
        if not deferred:
            change.owner_hint = "defer: true writes it once packages have brought their users"
        return change


def plan_entries(
    entries: "List[Any]",
    deferred: bool,
    warn: "Callable[[str], None]",
    key: str = "write_files",
    total: int = TOTAL_LIMIT,
) -> "Iterator[Change]":
    """The changes that write the entries which are deferred, or those which are not.

    `warn` is told what was understood though it should be written differently. More than `total` bytes of
    decoded content are refused: all of it is held at once.
    """
    files: "Dict[str, _File]" = {}
    failures: "List[Change]" = []
    left = total
    for index, entry in enumerate(entries):
        place = "%s[%d]" % (key, index)
        if not isinstance(entry, dict):
            if not deferred:
                failures.append(UnusableEntry(place, "it is not a mapping", "bad-file-entry"))
            continue
        if is_true(entry.get("defer")) != deferred:
            continue
        try:
            path = _path(entry.get("path"))
            mode = permissions(entry.get("permissions"), place, warn)
            content = _content(entry, place, min(FILE_LIMIT, left), warn)
        except AgentError as error:
            failures.append(UnusableEntry(place, error.message, error.code, error.hint))
            continue
        left -= len(content) if isinstance(content, bytes) else len(content.instead or b"")
        files.setdefault(path, _File()).add(place, entry, content, mode)
    for path, file in files.items():
        yield file.change(path, deferred, warn)
    yield from failures


def decode(
    content: "Union[str, bytes]",
    encoding: "Optional[str]",
    limit: int = FILE_LIMIT,
    warn: "Optional[Callable[[str], None]]" = None,
) -> bytes:
    """The bytes an entry stands for; `warn` is told of what is understood though it is not as it should be.

    Raises AgentError: `bad-encoding` for an unknown one, `bad-content` for content that is not in it,
    `content-too-large` for more than `limit` bytes.
    """
    name = str(encoding or "").strip().lower()
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    if name in _BASE64 or name in _BOTH:
        data = _from_base64(data, warn)
    elif name not in _GZIP and name not in _PLAIN:
        raise AgentError("its encoding is not known", "bad-encoding", "use one of " + ", ".join(ENCODINGS))
    if name in _GZIP or name in _BOTH:
        if not data.startswith(b"\x1f\x8b"):
            hint = "gzip as text is gz+b64" if name in _GZIP else None
            raise AgentError("its content is not gzip", "bad-content", hint)
        data = gunzip(data, limit)
    if len(data) > limit:
        raise _too_large(limit)
    return data


def gunzip(data: bytes, limit: int) -> bytes:
    """The content of one gzip file, of several members perhaps; never more than `limit` bytes of it.

    Raises AgentError `bad-content` or `content-too-large`.
    """
    import zlib

    parts: "List[bytes]" = []
    room = limit
    while data:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            part = stream.decompress(data, room + 1)
        except zlib.error:
            raise AgentError("its content is damaged gzip", "bad-content") from None
        room -= len(part)
        if room < 0:
            raise _too_large(limit)
        parts.append(part)
        if not stream.eof:
            raise AgentError("its content is gzip that was cut short", "bad-content")
        data = stream.unused_data.lstrip(b"\0")  # padding is allowed after a member
    return b"".join(parts)


def permissions(value: "Any", place: str, warn: "Callable[[str], None]") -> "Optional[int]":
    """A file mode: text is octal, a number is itself (YAML read `0644` as octal already); None for none.

    Raises AgentError `bad-permissions`: guessing could open the file to everybody.
    """
    if value is None:
        return None
    mode = -1
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_MODE:
        mode = int(value)
        if mode > _DECIMAL_MODES and all(digit in "01234567" for digit in str(mode)):
            words = "%s: permissions %d is a decimal number, mode %04o: write '0%d'"
            warn(words % (place, mode, mode, mode))
    elif isinstance(value, str):
        text = value.strip().lower()
        digits = text[2:] if text.startswith("0o") else text
        if digits and all(digit in "01234567" for digit in digits):
            mode = int(digits, 8)
    if not 0 <= mode <= _LARGEST_MODE:
        raise AgentError("its permissions are not an octal mode", "bad-permissions", "write '0644'")
    return mode


def is_true(value: "Any") -> bool:
    """Whether a value says yes, as cloud-config reads it."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "on", "yes")
    return bool(value)


def _content(
    entry: "Dict[str, Any]", place: str, limit: int, warn: "Callable[[str], None]"
) -> "Union[bytes, Source]":
    source = entry.get("source")
    source = source if isinstance(source, dict) else {}
    uri = source.get("uri")
    if not uri:
        return _given(entry, limit, place, warn)
    from tsagent.changes.fetched_files import Source

    if not isinstance(uri, str) or not _is_text(uri):
        raise AgentError("the uri of its source is not text", "bad-content", "write it in quotes")
    instead: "Optional[bytes]" = None
    if entry.get("content") is not None:
        try:
            instead = _given(entry, limit, place, warn)
        except AgentError as error:
            warn("%s: %s: nothing is used in place of its source" % (place, error.message))
    headers = source.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else ()
    return Source(uri, {str(name): str(value) for name, value in pairs}, instead)


def _given(entry: "Dict[str, Any]", limit: int, place: str, warn: "Callable[[str], None]") -> bytes:
    def tell(message: str) -> None:
        warn("%s: %s" % (place, message))

    content = entry.get("content")
    if content is None:
        return b""
    if not isinstance(content, (str, bytes)):
        raise AgentError("its content is not text", "bad-content", "quote it")
    try:
        return decode(content, entry.get("encoding"), limit, tell)
    except UnicodeEncodeError:
        raise AgentError("its content is not text", "bad-content", "use base64") from None


def _from_base64(data: bytes, warn: "Optional[Callable[[str], None]]") -> bytes:
    """What base64 stands for. Letters that are none of its alphabet are passed over, as cloud-init has it."""
    import base64
    import binascii

    packed = b"".join(data.split())
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        pass
    try:
        decoded = base64.b64decode(packed)
    except binascii.Error:
        decoded = b""
    if not decoded:
        raise AgentError("its content is not base64", "bad-content")
    if warn is not None:
        warn("its content has letters that are not base64's; they are passed over")
    return decoded


def _path(path: "Any") -> str:
    if not isinstance(path, str) or not path.strip("/") or "\0" in path or not _is_text(path):
        raise AgentError("it has no path", "bad-path")
    # `a//b` and `a/./b` are one file; `..` is left to the root, which knows the links.
    return "/" + "/".join(name for name in path.split("/") if name not in ("", "."))


def _is_text(text: str) -> bool:
    """Whether it can be written as bytes: YAML may escape halves of a character."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _owner(value: "Any") -> "Tuple[Optional[str], Optional[str]]":
    if value is None:
        return None, None
    owner, _, group = str(value).partition(":")
    return owner.strip() or None, group.strip() or None


def _too_large(limit: int) -> AgentError:
    return AgentError("it decodes to more than %d bytes" % limit, "content-too-large")
