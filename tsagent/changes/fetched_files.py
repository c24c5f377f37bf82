"""Files whose content, or a part of it, is fetched when they are written."""

from tsagent.changes.base import DIFFERS, UNKNOWN, Probe
from tsagent.changes.files import Owned
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

    from tsagent.changes.files import Owner
    from tsagent.host import Host

FETCH_LIMIT = 256 << 20  # bytes of one answer: it is held in memory
_RETRIES = 3  # Source: cloud-init's cc_write_files.py
_READ_LIMIT = 64 << 20  # bytes of a file that is added to


class Source:
    """Where content is fetched from, and what is used where that fails (None: nothing)."""

    def __init__(self, uri: str, headers: "Dict[str, str]", instead: "Optional[bytes]") -> None:
        self.uri = uri
        self.headers = headers
        self.instead = instead


class FetchFile(Owned):
    """Put a file there, or add to one, with content that is fetched now; once done it is never fetched again.

    `pieces` are bytes and `Source`s, in their order. `warn` is told where a source failed and something
    else is used. Addresses and headers are shown nowhere.
    """

    type = "fetch_file"
    repeat_visible = True

    def __init__(
        self,
        path: str,
        pieces: "Sequence[Union[bytes, Source]]",
        append: bool = False,
        mode: "Optional[int]" = None,
        owner: "Owner" = None,
        group: "Owner" = None,
        warn: "Optional[Callable[[str], None]]" = None,
        reason: str = "",
    ) -> None:
        super().__init__(path, mode, owner, group, reason, ())
        self.pieces = list(pieces)
        self.append = append
        self._warn = warn
        self._start: "Optional[int]" = None  # where an addition of a run that was cut off begins

    def payload(self) -> "Dict[str, Any]":
        return dict(super().payload(), append=self.append)

    def secrets(self) -> "Iterable[str]":
        for piece in self.pieces:
            if isinstance(piece, Source):
                yield piece.uri
                yield from piece.headers.values()

    def describe(self) -> str:
        return "%s %s" % ("fetch and append to" if self.append else "fetch", self.target)

    def probe(self, host: "Host") -> Probe:
        if not host.root.exists(self.path(host)):
            return Probe(DIFFERS, "absent")
        return Probe(UNKNOWN, "its content is known when it is fetched")

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return {"length": len(self._current(host))} if self.append else None

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        self._start = int(before["length"]) if before else None

    def apply(self, host: "Host") -> "Optional[str]":
        uid, gid = self.ids(host)
        notes: "List[str]" = []
        data = b"".join(
            piece if isinstance(piece, bytes) else self._fetch(host, piece, notes) for piece in self.pieces
        )
        path = self.path(host)
        self.make_parents(host, path, uid, gid)
        if self.append:
            current, start = self._current(host, act=True), self._start
            added = start is not None and current[start : start + len(data)] == data
            data = current if added else current + data
        how = host.root.write_atomic(path, data, self.mode, uid, gid)
        if how != "replaced":
            notes.append("written in place: it is a mount point")
        return "; ".join(notes) or None

    def _fetch(self, host: "Host", source: Source, notes: "List[str]") -> bytes:
        try:
            return host.web.get(source.uri, limit=FETCH_LIMIT, headers=source.headers, retries=_RETRIES).body
        except AgentError as error:
            # The address, which may be a secret, stands before the first colon.
            why = error.message.split(": ", 1)[-1]
            if source.instead is None:
                hint = error.hint or "give it content, which is used where its source fails"
                raise AgentError("its source could not be fetched: " + why, error.code, hint) from None
        note = "its source could not be fetched (%s): its content is used instead" % why
        if self._warn is not None:
            self._warn("%s: %s" % (self.target, note))
        notes.append(note)
        return source.instead

    def _current(self, host: "Host", act: bool = False) -> bytes:
        try:
            return host.root.read(self.path(host), _READ_LIMIT, act)
        except FileNotFoundError:
            return b""
