"""`#include` and `#include-once`: URLs, one a line, of which each that fails costs only itself."""

from tsagent.errors import AgentError
from tsagent.userdata.decode import MAX_INCLUDES
from tsagent.userdata.parts import FAILED, IGNORED, REFUSED
from tsagent.web.urls import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Tuple

    from tsagent.userdata.decode import Decoder
    from tsagent.userdata.parts import Source

    Fetch = Callable[[str, bool, int], bytes]


class NotYet(Exception):
    """An include that has to wait for the network: it is fetched by a later stage."""


def include(decoder: "Decoder", kind: str, data: bytes, source: "Source") -> None:
    """Take what each URL gives as one more body, of any format."""
    for number, once, url in urls(data, kind):
        here = source.inner(line_offset=source.line_offset + number - 1, filename=None, headers={})
        if decoder.fetch is None:
            decoder.reject(kind, b"", here, IGNORED, "not fetched: %s" % public(url))
            continue
        if url in source.urls:
            words = "not fetched: %s includes itself" % public(url)
            decoder.reject(kind, b"", here, REFUSED, words, rule="part-refused")
            continue
        if decoder.includes_left <= 0:
            decoder.reject(kind, b"", here, REFUSED, "more than %d includes" % MAX_INCLUDES)
            return
        decoder.includes_left -= 1
        try:
            content = decoder.fetch(url, once, max(decoder.bytes_left, 0))
        except NotYet:
            part = decoder.add(kind, b"", here)
            if part is not None:
                part.status, part.problem = IGNORED, "not fetched yet: %s" % public(url)
        except (AgentError, OSError, ValueError) as error:
            reason = error.message if isinstance(error, AgentError) else type(error).__name__
            words = "cannot fetch %s: %s" % (public(url), reason)
            if public(url) in reason:
                words = "not included: %s" % reason
            decoder.reject(kind, b"", here, FAILED, words)
        else:
            inside = source.inner(
                ":" + public(url), declared=None, filename=None, headers={}, urls=source.urls + (url,)
            )
            decoder.body(content, inside)


def urls(data: bytes, kind: str) -> "List[Tuple[int, bool, str]]":
    """(line, whether it is to be fetched once only, URL) of each line that is no comment and not blank.

    `#include-once` and `#include` say so for what stands on their own line and below.
    """
    found = []
    once = kind.endswith("-once-url")
    for number, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        line = raw.strip()
        lowered = line.lower()
        for header in ("#include-once", "#include"):
            rest = line[len(header) :]
            if lowered.startswith(header) and (not rest or rest[0].isspace()):
                once = header.endswith("once")
                line = rest.strip()
                break
        if line and not line.startswith("#"):
            found.append((number, once, line))
    return found
