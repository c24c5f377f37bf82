"""Settings on the kernel command line: `cc: YAML [end_cc]` and `cloud-config-url=URL`.

They stand above the image's and below the vendor's and the user's. Source: cloud-init's documentation,
"Kernel command line".
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.userdata.includes import Fetch

NAME = "kernel-command-line"
LIMIT = 1 << 20  # bytes of what the URL gives
_BEGIN, _END = " cc:", "end_cc"
_URL = "cloud-config-url="


def kernel_documents(line: "Optional[str]", fetch: "Optional[Fetch]") -> "Tuple[List[Any], List[str]]":
    """(the documents, the highest first; what is wrong with them)."""
    documents: "List[Any]" = []
    problems: "List[str]" = []
    if line and _BEGIN in " " + line:
        _load(stated(line), NAME, documents, problems)
    for word in (line or "").split():
        if word.startswith(_URL) and fetch is not None:
            _fetch(word[len(_URL) :], fetch, documents, problems)
    return documents, problems


def stated(line: str) -> bytes:
    r"""The YAML between each `cc:` and its `end_cc`, or the end. It may be URL-encoded, and `\n` is a
    line break.
    """
    from urllib.parse import unquote

    line = " " + line
    pieces = []
    begin = line.find(_BEGIN)
    while begin >= 0:
        start = begin + len(_BEGIN)
        end = line.find(_END, start)
        end = len(line) if end < 0 else end
        pieces.append(unquote(line[start:end].strip()).replace("\\n", "\n"))
        begin = line.find(_BEGIN, end)
    return "\n".join(pieces).encode("utf-8", "replace")


def _load(data: bytes, name: str, documents: "List[Any]", problems: "List[str]") -> None:
    from tsagent.userdata.yamlfile import load_yaml

    document = load_yaml(data, name)
    problems.extend(str(problem) for problem in document.problems)
    if document.ok and isinstance(document.value, dict):
        documents.append(document)
    elif document.ok and document.value is not None:
        problems.append("%s: expected keys and values: not used" % name)


def _fetch(url: str, fetch: "Fetch", documents: "List[Any]", problems: "List[str]") -> None:
    from tsagent.userdata import formats
    from tsagent.userdata.includes import NotYet
    from tsagent.web.urls import public

    name = "%s:%s" % (NAME, public(url))
    try:
        data = fetch(url, False, LIMIT)
    except NotYet:
        return
    except (AgentError, OSError) as error:
        reason = error.message if isinstance(error, AgentError) else type(error).__name__
        problems.append("%s: not used: %s" % (NAME, reason))
        return
    if formats.sniff(data) != formats.CLOUD_CONFIG:
        problems.append('%s: it does not begin with "#cloud-config": not used' % name)
        return
    _load(data, name, documents, problems)
