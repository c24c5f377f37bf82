"""Repositories of dnf and yum: a file of /etc/yum.repos.d for each, as they stand in the user data.

Source: the manual pages yum.conf(5) and dnf.conf(5); the characters of an id are those that dnf takes.
"""

from tsagent.changes.files import EditFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

DIRECTORY = "/etc/yum.repos.d"
_SOURCES = ("baseurl", "metalink", "mirrorlist")
_SECRET = ("password", "proxy_password")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_FILES = 1000  # files of the directory that are looked at


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """One edit for each repository."""
    wanted = context.settings.get("yum_repos")
    if not wanted:
        return context.nothing("yum_repos names no repository")
    if context.facts.os.package_manager in ("apt", "zypper"):
        return context.nothing(
            "yum_repos is for dnf and yum; the package manager of this system is %s"
            % context.facts.os.package_manager
        )
    return _changes(context, wanted)


def _changes(context: "Context", wanted: "Dict[str, Any]") -> "Iterator[Change]":
    directory = _directory(context)
    places = _places(context, directory)
    seen: "Dict[str, str]" = {}
    for name, options in wanted.items():
        identity = clean(str(name))
        place = "yum_repos.%s" % name
        if identity in seen:
            context.warn(
                "%s is left out: its id is %s, and so is that of %s" % (place, identity, seen[identity])
            )
            continue
        seen[identity] = place
        entries = _entries(context, place, options)
        if not any(value for key, value in entries if key in _SOURCES):
            context.warn("%s is left out: it needs a baseurl, a metalink or a mirrorlist" % place)
            continue
        if identity != name:
            context.choose(
                "id of %s" % name, identity, "an id has letters, digits and the characters - _ . :"
            )
        path = places.get(identity)
        if path is None:
            path = "%s/%s.repo" % (directory, identity)
        elif path != "%s/%s.repo" % (directory, identity):
            context.choose("file of %s" % name, path, "the repository is defined there already")
        secret = any(key in _SECRET or _has_password(value) for key, value in entries)
        yield EditFile(
            path,
            _edit(identity, entries),
            "the repository %s is as yum_repos has it" % identity,
            mode=0o600 if secret else None,
            secret=secret,
            reason="yum_repos",
        )


def _directory(context: "Context") -> str:
    stated = context.settings.get("yum_repo_dir")
    if not isinstance(stated, str) or not stated.strip():
        return DIRECTORY
    directory = "/" + stated.strip().strip("/")
    if directory != DIRECTORY:
        context.choose(
            "yum_repo_dir",
            directory,
            "as stated; dnf and yum read it where reposdir of their main section names it",
        )
    return directory


def _places(context: "Context", directory: str) -> "Dict[str, str]":
    """Repository id -> the file that defines it; dnf takes the first of several, by name of file."""
    places: "Dict[str, str]" = {}
    for name in context.listdir(directory)[:_FILES]:
        if not name.endswith(".repo"):
            continue
        path = "%s/%s" % (directory, name)
        for line in (context.text(path) or "").splitlines():
            identity = section_of(line)
            if identity:
                places.setdefault(identity, path)
    return places


def section_of(line: str) -> str:
    """The name of the section that a line of an ini file begins; empty where it begins none."""
    if not line.startswith("["):
        return ""
    return line[1:].partition("]")[0].strip()


def clean(name: str) -> str:
    """The id of a repository: dnf refuses one with other characters, and it is a file's name too."""
    return "".join(letter if letter in _LETTERS else "-" for letter in name.strip()) or "-"


def _entries(context: "Context", place: str, options: "Any") -> "List[Tuple[str, str]]":
    """The options as lines of the file have them, the name first."""
    entries: "Dict[str, str]" = {}
    for key, value in options.items() if isinstance(options, dict) else ():
        word = str(key).strip().lower().replace("-", "_")
        if not word or not all(letter in _LETTERS and letter not in "-.:" for letter in word):
            context.warn("an option of %s is left out: its name is none" % place)
            continue
        if value is None or isinstance(value, dict):
            context.warn("%s.%s is left out: it has no value that an option can have" % (place, word))
            continue
        entries[word] = text_of(value)
    if not entries:
        return []
    name = entries.pop("name", "")
    return [("name", name)] + list(entries.items())


def text_of(value: "Any") -> str:
    """A value as dnf and yum read it: 1 and 0 for booleans, a list as lines."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return text_of("\n".join(text_of(item) for item in value))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    # Control characters would end what the parser of dnf reads.
    text = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in str(value))
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def _has_password(value: str) -> bool:
    """Whether there is a URL with a password (or a token) before its host."""
    for word in value.split():
        _, mark, rest = word.partition("://")
        if mark and "@" in rest.partition("/")[0]:
            return True
    return False


def _edit(identity: str, entries: "List[Tuple[str, str]]") -> "Any":
    lines = ["[%s]" % identity]
    for key, value in entries:
        if key == "name" and not value:
            value = identity
        lines.append("%s=%s" % (key, value.replace("\n", "\n\t")))
    section = "\n".join(lines) + "\n"
    return lambda current: with_section(current, identity, section)


def with_section(current: "Optional[bytes]", identity: str, section: str) -> bytes:
    """A file of repositories with this one as stated in place of what it was; others are kept."""
    wanted = section.encode("utf-8")
    if not (current or b"").strip():
        return b"# Written by tsagent from yum_repos.\n" + wanted
    before: "List[bytes]" = []
    after: "List[bytes]" = []
    state = "before"
    trailing: "List[bytes]" = []  # comments and blank lines after the old section belong to what follows
    for row in (current or b"").splitlines(True):
        if not row.endswith(b"\n"):
            row += b"\n"
        name = section_of(row.decode("utf-8", "surrogateescape"))
        if name:
            if state == "inside":
                after.extend(trailing)
            trailing = []
            if name == identity:
                # A second section of the same name would be read over the first.
                state = "inside"
                continue
            state = "after" if state != "before" else "before"
        if state == "inside":
            if not row.strip() or row[:1] in (b"#", b";"):
                trailing.append(row)
            else:
                trailing = []
            continue
        (before if state == "before" else after).append(row)
    if state == "before":
        separator = b"" if not before[-1].strip() else b"\n"
        return b"".join(before) + separator + wanted
    after.extend(trailing if state == "inside" else [])
    return b"".join(before) + wanted + b"".join(after)
