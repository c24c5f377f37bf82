"""Reading the files of a local source: byte caps, errors with file, line and column.

Nothing that is raised or warned here quotes what stands in a file: it may be a password.
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host.tree import Tree

MAX_DOCUMENT = 4 << 20  # bytes of one JSON or YAML document
MAX_USER_DATA = 4 << 20  # bytes of user data; compressed data may unfold to more, bounded there


class BadDocument(AgentError):
    """A file of a source that cannot be used. `code` is the source's own, `SOURCE-bad-document`."""


def read_bytes(tree: "Tree", path: str, limit: int) -> "Optional[bytes]":
    """A file's content, None where it is absent. Raises AgentError `source-unreadable`, `file-too-large`."""
    import stat

    try:
        if not stat.S_ISREG(tree.stat(path).st_mode):
            raise AgentError("%s is no file" % tree.host_path(path), "source-unreadable")
        return tree.read(path, limit)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        words = "%s: %s" % (path, error.strerror or type(error).__name__)
        raise AgentError(words, "source-unreadable") from None


def parse_json(data: bytes, name: str, code: str) -> "Any":
    """The value of a JSON document. Raises BadDocument with `name`, line and column."""
    from tsagent.quickjson import loads

    try:
        text = data.decode("utf-8")
        return loads(text[1:] if text.startswith("\ufeff") else text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadDocument("%s:%d: bytes that are not UTF-8" % (name, line), code) from None
    except (RecursionError, ValueError) as error:
        # Those of json.JSONDecodeError, which is not imported for this.
        place = tuple(getattr(error, key, None) for key in ("lineno", "colno", "msg"))
        if place[0] is not None:
            words = "%s:%s:%s: not JSON: %s" % (name, place[0], place[1], place[2])
            raise BadDocument(words, code) from None
        # Too deep, or (3.11 on) a number of more digits than Python converts.
        raise BadDocument("%s: nested too deeply or a number too long" % name, code) from None


def parse_mapping(data: bytes, name: str, code: str) -> "Dict[str, Any]":
    """A JSON (when it begins with `{`) or YAML document that is a mapping. Raises BadDocument."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            value = parse_json(data, name, code)
        except BadDocument:
            value = _yaml(data, name, code)  # a flow mapping of YAML begins so too
    elif data.strip():
        value = _yaml(data, name, code)
    else:
        value = {}
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadDocument("%s:1: not a mapping of names to values" % name, code)
    return value


def _yaml(data: bytes, name: str, code: str) -> "Any":
    from tsagent.userdata.yamlfile import load_yaml

    document = load_yaml(data, name)
    if not document.ok:
        wrong = next(problem for problem in document.problems if problem.severity == "error")
        raise BadDocument("%s:%d:%d: %s" % (name, wrong.line, wrong.column, wrong.message), code)
    return document.value


def text(mapping: "Dict[str, Any]", *names: str) -> "Optional[str]":
    """The first of `names` that holds text (or a number), stripped; None where none does."""
    for name in names:
        value = mapping.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


def instance_id(value: "Optional[str]", name: str, code: str) -> "Optional[str]":
    """An instance id fit to name a directory. Raises BadDocument for one that is not."""
    import re

    if value is None:
        return None
    if not re.match(r"[A-Za-z0-9_][A-Za-z0-9._:@+=-]{0,127}\Z", value):
        raise BadDocument(
            "%s: the instance id is not of letters, digits and . _ : @ + = - (at most 128)" % name, code
        )
    return value


def hostname(value: "Optional[str]", name: str, warnings: "List[str]") -> "Optional[str]":
    """A host name; one that is none is left out with a warning."""
    import re

    if value is None or re.match(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?\Z", value):
        return value
    warnings.append("%s: the host name holds characters no host name has: left out" % name)
    return None


def public_keys(value: "Any") -> "List[str]":
    """SSH public keys from any of the forms in use, in order, each once.

    Text with a key a line; a list of keys; a mapping of names to a key or a list of them; and the
    mapping of numbers to `{"openssh-key": KEY}` that EC2's tree becomes.
    """
    keys: "List[str]" = []
    if isinstance(value, str):
        keys = [line.strip() for line in value.splitlines()]
    elif isinstance(value, list):
        for item in value:
            keys.extend(public_keys(item) if isinstance(item, str) else [])
    elif isinstance(value, dict):
        for item in value.values():
            if isinstance(item, dict):
                item = item.get("openssh-key")
            keys.extend(public_keys(item) if isinstance(item, (str, list)) else [])
    return list(dict.fromkeys(key for key in keys if key and not key.startswith("#")))


def fingerprint(tree: "Tree", paths: "List[str]") -> "List[List[Any]]":
    """What tells whether files changed: path, size, mtime in nanoseconds and inode of those present."""
    found: "List[List[Any]]" = []
    for path in paths:
        try:
            status = tree.stat(path)
        except OSError:
            continue
        found.append([tree.host_path(path), status.st_size, status.st_mtime_ns, status.st_ino])
    return found
