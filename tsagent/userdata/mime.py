"""MIME messages split into their leaves, with the line each begins on.

The standard library's parser takes tens of milliseconds to import, recurses as deep as a message nests
and does not say where a part stood; what user data needs of MIME is small: headers, multipart of any
sub-type, the transfer encodings of RFC 2045.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple

MAX_HEADERS = 16384
MAX_PARAMETERS = 2000  # characters of one header that are looked at

# Bounded repetitions: a hostile header costs no more than its length.
_PARAMETER = re.compile(
    r';\s{0,20}([^\s=;"]{1,100})\s{0,20}=\s{0,20}("(?:[^"\\]|\\.){0,300}"|[^\s;"]{1,300})'
)

# Python knows stranger ones, some of which take a square of the time.
_CHARSET = re.compile(r"(iso[-_]?8859|latin|windows-|cp\d|utf-?(16|32)|koi8|gb|big5|euc[-_]|shift|sjis)")


class MimeError(Exception):
    """A message that cannot be split; the text says why, without quoting it."""


class Entity:
    """A piece of a message: lower-cased headers, body, and the lines before the body in the whole text."""

    __slots__ = ("headers", "body", "lines_before")

    def __init__(self, headers: "Dict[str, str]", body: bytes, lines_before: int) -> None:
        self.headers = headers
        self.body = body
        self.lines_before = lines_before

    def content_type(self) -> str:
        """The declared type in lower case, "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def filename(self) -> "Optional[str]":
        """The file name of Content-Disposition, else the name of Content-Type."""
        found = parameters(self.headers.get("content-disposition", "")).get("filename")
        return found or parameters(self.headers.get("content-type", "")).get("name")

    def decoded(self) -> "Tuple[bytes, bool]":
        """(the body without its transfer encoding, whether its lines are those of the message).

        Raises MimeError for an encoding that is not known or not kept.
        """
        encoding = self.headers.get("content-transfer-encoding", "").strip().lower()
        if encoding in ("", "7bit", "8bit", "binary"):
            return self.body, True
        import binascii

        if encoding == "base64":
            try:
                return binascii.a2b_base64(self.body), False
            except binascii.Error:
                raise MimeError("its base64 is damaged") from None
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body), False
        raise MimeError(
            "its Content-Transfer-Encoding is not one of 7bit, 8bit, binary, base64, quoted-printable"
        )


def in_utf8(content: bytes, charset: str) -> bytes:
    """Text of another character set as UTF-8; as it is where the set is not known, or is not kept."""
    name = charset.strip().lower()
    if not _CHARSET.match(name):
        return content
    try:
        return content.decode(name).encode("utf-8")
    except (LookupError, UnicodeError, ValueError):
        return content


def parameters(value: str) -> "Dict[str, str]":
    """The parameters after the first ";" of a header."""
    found: "Dict[str, str]" = {}
    for match in _PARAMETER.finditer(value[:MAX_PARAMETERS]):
        name, text = match.group(1).lower(), match.group(2)
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        if name.endswith("*") and text.count("'") >= 2:
            from urllib.parse import unquote

            charset, _, coded = text.split("'", 2)
            name = name[:-1]
            try:
                text = unquote(coded, encoding=charset or "utf-8", errors="replace")
            except LookupError:
                text = coded
        found.setdefault(name, text)
    return found


def parse(data: bytes, lines_before: int = 0) -> Entity:
    """The headers and the body of one message or part.

    A first line that is blank means no headers; a line that is none ends them. Raises MimeError when they
    are too long.
    """
    headers: "Dict[str, str]" = {}
    last = ""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start, start + MAX_HEADERS)
        stop = end + 1 if end >= 0 else min(len(data), start + MAX_HEADERS)
        if stop > MAX_HEADERS:
            raise MimeError("its headers are longer than %d bytes" % MAX_HEADERS)
        text = data[start:stop].decode("utf-8", "replace").rstrip("\r\n")
        if not text.strip():
            start = stop
            break
        name, colon, value = text.partition(":")
        if text[0] in " \t" and last:
            headers[last] += " " + text.strip()
        elif colon and " " not in name:
            last = name.lower()
            if last in headers:
                last = ""  # the first one counts
            else:
                headers[last] = value.strip()
        elif not (start == 0 and text.startswith("From ")):
            break
        start = stop
    return Entity(headers, data[start:], lines_before + data.count(b"\n", 0, start))


def split(body: bytes, boundary: bytes, most: int) -> "Tuple[List[Tuple[int, int]], bool]":
    """(start and end of each part of a multipart body, whether the closing boundary was there).

    Raises MimeError when there are more than `most`.
    """
    delimiter = b"--" + boundary
    spans: "List[Tuple[int, int]]" = []
    open_at = -1
    at = 0 if body.startswith(delimiter) else body.find(b"\n" + delimiter)
    while at >= 0:
        line_start = at + 1 if body[at : at + 1] == b"\n" else at
        after = line_start + len(delimiter)
        closing = body.startswith(b"--", after)
        line_end = body.find(b"\n", after)
        line_end = len(body) if line_end < 0 else line_end
        # The rest of the line is blank, else the line only begins like the boundary.
        if not body[after + (2 if closing else 0) : min(line_end, after + 200)].strip():
            if open_at >= 0:
                # The line break before a delimiter belongs to the delimiter.
                end = line_start - 1
                if end > open_at and body[end - 1 : end] == b"\r":
                    end -= 1
                spans.append((open_at, max(end, open_at)))
                if len(spans) > most:
                    raise MimeError("more than %d parts" % most)
            if closing:
                return spans, True
            open_at = min(line_end + 1, len(body))
        at = body.find(b"\n" + delimiter, max(line_end, at + 1)) if line_end < len(body) else -1
    if open_at >= 0:
        spans.append((open_at, len(body)))
    return spans, False
