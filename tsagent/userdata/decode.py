"""What a source delivered, split into typed parts: `decode`.

Nothing here raises for what user data holds: a part that cannot be used is listed with the reason, and
the others go on. Unknown, empty and binary parts are named and never run.
"""

from tsagent.errors import AgentError
from tsagent.userdata import formats
from tsagent.userdata.launch_index import launch_index_of, whole_number
from tsagent.userdata.parts import FAILED, IGNORED, REFUSED, Decoded, Part, Source
from tsagent.userdata.problem import ERROR, WARNING, Problem, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.userdata.handlers import Handlers
    from tsagent.userdata.includes import Fetch

MAX_BYTES = 10 << 20  # of all parts together, unpacked
MAX_PARTS = 1000
MAX_UNPACKED = 40 << 20  # of all that is unpacked on the way, used or not
MAX_NESTING = 8
MAX_INCLUDES = 100  # of one body, those within includes counted
BOM = b"\xef\xbb\xbf"


def decode(
    data: "Optional[bytes]",
    name: str = "user-data",
    allow_part_handlers: bool = False,
    fetch: "Optional[Fetch]" = None,
    instance_data: "Optional[Dict[str, Any]]" = None,
) -> Decoded:
    """Split user data or vendor data into parts; None (there is none) has no parts and no warnings.

    `name` is the file shown in problems. `fetch(url, once, limit)` gets the bytes of an included URL, at
    most `limit` of them, and keeps them where `once` (NotYet, AgentError or OSError when it cannot);
    without it includes are named and not fetched. `instance_data` is for templates, and says which launch
    index this instance has.
    """
    decoder = Decoder(name, allow_part_handlers, fetch, instance_data)
    if data is not None:
        decoder.body(data, Source(name))
    return Decoded(decoder.parts, decoder.problems)


class Decoder:
    """The state of one decoding: what was found, and how much may still come."""

    def __init__(self, name: str, allow_part_handlers: bool, fetch: "Any", instance_data: "Any") -> None:
        self.allow_part_handlers = allow_part_handlers
        self.fetch = fetch
        self.instance_data = instance_data
        self.launch_index = launch_index_of(instance_data)
        self.handlers: "Optional[Handlers]" = None  # those of user data, once there is one
        self.parts: "List[Part]" = []
        self.problems: "List[Problem]" = []
        self.bytes_left = MAX_BYTES
        self.unpacking_left = MAX_UNPACKED
        self.includes_left = MAX_INCLUDES
        self.overflowed = False

    # What is found

    def add(self, kind: str, content: bytes, source: Source) -> "Optional[Part]":
        """A new part; None when there are too many, which is said once."""
        if len(self.parts) >= MAX_PARTS:
            if not self.overflowed:
                self.overflowed = True
                self.say(ERROR, source, "more than %d parts: the rest is left out" % MAX_PARTS)
            return None
        name = shown(source.filename, 100) if source.filename else "part-%03d" % (len(self.parts) + 1)
        part = Part(kind, name, content, source.file, source.line_offset)
        part.headers = source.headers
        self.parts.append(part)
        self.bytes_left -= len(content)
        return part

    def reject(
        self,
        kind: str,
        content: bytes,
        source: Source,
        status: str,
        problem: str,
        line: int = 1,
        rule: str = "",
    ) -> "Optional[Part]":
        """A part that is not used, and why."""
        part = self.add(kind, content, source)
        if part is not None:
            part.status, part.problem = status, problem
            severity = WARNING if status == IGNORED else ERROR
            where = "" if source.file.endswith(":" + part.name) else part.name + ": "
            rule = rule or ("not-fetched" if problem.startswith("not fetched") else "part-" + status)
            self.say(severity, source, where + problem, line, rule)
        return part

    def say(
        self, severity: str, source: Source, message: str, line: int = 1, rule: str = "user-data"
    ) -> None:
        """Note a problem at a line of the source's own counting."""
        self.problems.append(Problem(severity, "", message, source.file, line + source.line_offset, 1, rule))

    # Bodies

    def body(self, data: bytes, source: Source) -> None:
        """Decode one body: unpack it, find its type, and go on by that."""
        if source.depth > MAX_NESTING:
            self.reject(formats.UNKNOWN, b"", source, REFUSED, "nested more than %d deep" % MAX_NESTING)
            return
        if data[:2] == formats.GZIP_MAGIC:
            if self.unpacking_left <= 0:
                self.reject(formats.GZIP, b"", source, REFUSED, "too much gzip data in all")
                return
            self.unpack(data, source)
            return
        if len(data) > self.bytes_left:
            message = "user data of more than %d bytes in all" % MAX_BYTES
            self.reject(source.declared or formats.UNKNOWN, b"", source, REFUSED, message)
            return
        if data.startswith(BOM):
            data = data[len(BOM) :]
            self.say(WARNING, source, "a byte order mark at the start was left out", rule="bom")
        if not data.strip():
            if source.declared is None or source.declared in formats.HANDLED or source.filename:
                self.reject(source.declared or formats.UNKNOWN, data, source, IGNORED, "empty")
            return
        if source.declared == formats.DOCUMENTED_TEMPLATE:
            source.declared = formats.TEMPLATE
        kind = source.declared
        stated = formats.sniff(data)
        if (
            kind in (None, "message/rfc822", "text/x-not-multipart")
            and stated is None
            and formats.is_mime(data)
        ):
            self.message(data, source)
            return
        if kind in formats.UNDECLARED or (stated == formats.TEMPLATE and kind != formats.TEMPLATE):
            kind = stated or kind
        if kind in formats.UNDECLARED and stated is None:
            if not self.handled(kind, data, source, known=False):
                self.unknown(data, source)
            return
        self.typed(str(kind), data, source)

    def unpack(self, data: bytes, source: Source) -> None:
        """gzip: the whole or one part."""
        from tsagent.userdata.compressed import gunzip

        try:
            content = gunzip(data, min(self.bytes_left, self.unpacking_left))
            self.unpacking_left -= len(content)
        except AgentError as error:
            self.unpacking_left -= MAX_UNPACKED // 16
            status = REFUSED if error.code == "too-large" else FAILED
            self.reject(formats.GZIP, b"", source, status, error.message)
            return
        declared = None if source.declared in formats.UNDECLARED else source.declared
        self.body(content, source.inner(line_offset=0, declared=declared))

    def unknown(self, data: bytes, source: Source) -> None:
        """A body without a type: base64 of something known, a misspelt header, text or binary."""
        content = formats.from_base64(data)
        if content is not None:
            self.body(content, source.inner(line_offset=0, declared=None))
            return
        if not formats.is_text(data):
            self.reject(formats.BINARY, data, source, IGNORED, "binary data of no known format: not run")
            return
        message = "no known format: the first line says none"
        likely = formats.nearly(data)
        if likely is not None:
            message = 'the first line is no known header: did you mean "%s"?' % likely
        elif formats.looks_like_mapping(data):
            message = 'no known format: cloud-config begins with the line "#cloud-config"'
        lines = data[: len(data) - len(data.lstrip())].count(b"\n")
        kind = source.declared if source.declared == formats.SCRIPT else formats.UNKNOWN
        if kind == formats.SCRIPT:
            message = 'a script without a "#!" line: not run'
        self.reject(kind, data, source, IGNORED, message, 1 + lines)

    def typed(self, kind: str, data: bytes, source: Source) -> None:
        """A body whose type is known."""
        if self.elsewhere(kind, data, source) or self.handled(kind, data, source, kind in formats.HANDLED):
            return
        if kind == formats.TEMPLATE:
            self.template(data, source)
        elif kind in (formats.INCLUDE, formats.INCLUDE_ONCE):
            from tsagent.userdata.includes import include

            include(self, kind, data, source)
        elif kind == formats.ARCHIVE:
            self.archive(data, source)
        elif kind == formats.PART_HANDLER:
            self.part_handler(data, source)
        elif kind in formats.HANDLED:
            tail = formats.header_tail(data) if kind == formats.CLOUD_CONFIG else ""
            if tail:
                message = 'the first line has "%s" after "#cloud-config": read as cloud-config' % shown(tail)
                self.say(WARNING, source, message)
            if kind == formats.SCRIPT or kind == formats.BOOTHOOK or kind in formats.SCHEDULED_SCRIPTS:
                data, source = formats.as_script(kind, data, source)
            self.take(kind, data, source)
        else:
            message = 'the type "%s" is not known: not run' % shown(kind)
            self.reject(kind, data, source, IGNORED, message)

    def part_handler(self, data: bytes, source: Source) -> None:
        """#part-handler: Python that takes parts, where the image allows it. Looked at, not run."""
        kind = formats.PART_HANDLER
        if not self.allow_part_handlers:
            message = (
                "part handlers (Python from user data) are not allowed by this image: allow_part_handlers"
            )
            self.reject(kind, data, source, REFUSED, message)
            return
        from tsagent.userdata.handlers import Handlers, listed_types

        try:
            types = listed_types(data)
        except SyntaxError as error:
            self.reject(kind, data, source, FAILED, "not valid Python", error.lineno or 1)
            return
        except ValueError:
            self.reject(kind, data, source, FAILED, "a part handler without a function list_types")
            return
        part = self.add(kind, data, source)
        if part is not None:
            self.handlers = self.handlers or Handlers()
            self.handlers.register(part, types)

    def handled(self, kind: "Optional[str]", data: bytes, source: Source, known: bool) -> bool:
        """Whether a part handler gets this."""
        handler = self.handlers.taker(kind, known) if self.handlers is not None else None
        if handler is None:
            return False
        part = self.add(kind or "text/x-not-multipart", data, source)
        if part is not None:
            part.handler = handler
        return True

    def take(self, kind: str, data: bytes, source: Source) -> None:
        """A part that is used as it is."""
        self.add(kind, data, source)

    def elsewhere(self, kind: str, data: bytes, source: Source) -> bool:
        """Whether this is for another launch index than this instance's; then it is left out without a word.

        The header Launch-Index says so, or the key `launch-index` of a cloud-config without the header.
        """
        if self.launch_index is None:
            return False
        wanted = whole_number(source.headers.get("launch-index"))
        if "launch-index" not in source.headers and kind == formats.CLOUD_CONFIG and b"launch-index" in data:
            from tsagent.userdata.yamlfile import load_yaml

            value = load_yaml(data, source.file).value
            wanted = whole_number(value.get("launch-index")) if isinstance(value, dict) else None
        if wanted is None or wanted == self.launch_index:
            return False
        part = self.add(kind, data, source)
        if part is not None:
            part.status = IGNORED
            part.problem = "for launch index %d: this instance has %d" % (wanted, self.launch_index)
        return True

    # Containers

    def message(self, data: bytes, source: Source) -> None:
        """A MIME message or multipart."""
        from tsagent.userdata import mime

        stripped = data.lstrip()
        before = data[: len(data) - len(stripped)].count(b"\n")
        try:
            self.entity(mime.parse(stripped, source.line_offset + before), source)
        except mime.MimeError as error:
            self.reject("multipart/mixed", b"", source, REFUSED, "a MIME message: %s" % error)

    def entity(self, entity: "Any", source: Source) -> None:
        """One entity of a message: a multipart's parts in turn, or a leaf.

        Raises MimeError for a multipart that cannot be split.
        """
        from tsagent.userdata import mime

        kind = entity.content_type()
        if not kind.startswith("multipart/"):
            here = source.inner(
                line_offset=entity.lines_before,
                declared=kind or formats.UNKNOWN,
                filename=entity.filename(),
                headers=entity.headers,
            )
            try:
                content, in_place = entity.decoded()
            except mime.MimeError as error:
                self.reject(here.declared or formats.UNKNOWN, b"", here, FAILED, str(error))
                return
            if kind.startswith("text/") and kind not in formats.SCRIPTS:
                charset = mime.parameters(entity.headers.get("content-type", "")).get("charset", "")
                content = mime.in_utf8(content, charset)
            if not in_place:
                here = here.inner(line_offset=0, depth=here.depth)
                here.file = "%s:%s" % (source.file, entity.filename() or "part-%03d" % (len(self.parts) + 1))
            if kind == "message/rfc822":
                here.declared = None
            self.body(content, here)
            return
        if self.elsewhere(kind, b"", source.inner(line_offset=entity.lines_before, headers=entity.headers)):
            return
        boundary = mime.parameters(entity.headers["content-type"]).get("boundary")
        if not boundary:
            raise mime.MimeError("no boundary")
        if source.depth > MAX_NESTING:
            raise mime.MimeError("nested more than %d deep" % MAX_NESTING)
        spans, closed = mime.split(entity.body, boundary.encode("utf-8"), MAX_PARTS)
        if not closed:
            message = "a MIME message without its last boundary: the end may be cut off"
            self.say(WARNING, source.inner(line_offset=entity.lines_before), message)
        line, at = entity.lines_before, 0
        for start, end in spans:
            if self.overflowed:
                return
            line += entity.body.count(b"\n", at, start)
            at = start
            try:
                self.entity(mime.parse(entity.body[start:end], line), source.inner())
            except mime.MimeError as error:
                here = source.inner(line_offset=line)
                self.reject(formats.UNKNOWN, b"", here, REFUSED, "a part of a MIME message: %s" % error)

    def archive(self, data: bytes, source: Source) -> None:
        """#cloud-config-archive: a YAML list of parts."""
        from tsagent.userdata.yamlfile import load_yaml

        document = load_yaml(data, source.file, line_offset=source.line_offset)
        self.problems.extend(document.problems)
        if not document.ok or not isinstance(document.value, list):
            problem = "not valid YAML" if not document.ok else "not a list of parts"
            self.reject(formats.ARCHIVE, data, source, FAILED, "the archive is %s: left out" % problem)
            return
        for index, entry in enumerate(document.value):
            if self.overflowed:
                return
            entry = {"content": entry} if isinstance(entry, (str, bytes)) else entry
            mark = document.marks.node("/%d/content" % index) or document.marks.node("/%d" % index)
            # The text of a block scalar begins on the line after its mark.
            here = source.inner(line_offset=mark[1] if mark is not None else 0)
            content = entry.get("content", "") if isinstance(entry, dict) else None
            if not isinstance(content, (str, bytes)):
                self.reject(
                    formats.UNKNOWN, b"", here, FAILED, "an archive entry without a text as its content"
                )
                continue
            headers = {str(key).lower(): str(entry[key]) for key in entry if key != "content"}
            raw = content.encode("utf-8") if isinstance(content, str) else content
            here.filename = headers.get("filename")
            here.headers = headers
            here.declared = headers.get("type") or formats.sniff(raw)
            if here.declared is None:
                here.declared = formats.CLOUD_CONFIG if isinstance(content, str) else formats.BINARY
            self.body(raw, here)

    def template(self, data: bytes, source: Source) -> None:
        """## template: jinja, whose second line says the type of what comes out."""
        from tsagent.userdata.template import TemplateError, render

        try:
            content = render(data, self.instance_data or {})
        except TemplateError as error:
            self.reject(formats.TEMPLATE, data, source, FAILED, error.message, error.line or 1)
            return
        stated = formats.sniff(content)
        if stated == formats.TEMPLATE:
            self.reject(formats.TEMPLATE, data, source, REFUSED, "a template that renders to a template")
            return
        declared = None if source.declared in (formats.TEMPLATE, *formats.UNDECLARED) else source.declared
        if declared is None and stated is None:
            message = "the template's second line names no known format"
            self.reject(formats.TEMPLATE, data, source, FAILED, message, 2)
            return
        self.body(content, source.inner(declared=declared))
