"""The locale: LANG for all logins and services, and the locale itself where it has to be generated."""

from tsagent.changes.commands import RunTool
from tsagent.changes.files import EditFile
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Optional, Union

    from tsagent.changes.base import Change, Probe
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

RHEL_FILE = "/etc/locale.conf"
DEBIAN_FILE = "/etc/default/locale"
GENERATED = "/etc/locale.gen"
SUPPORTED = "/usr/share/i18n/SUPPORTED"
_BUILT_IN = ("C", "POSIX", "C.utf8")  # part of the C library or of its base package
_DIRECTORY = "/usr/lib/locale"
_ARCHIVE = _DIRECTORY + "/locale-archive"
_SHOWN = 40  # letters of a name that are quoted
_LIMIT = 128  # letters
_NO = ("false", "off", "no", "0", "")
_LANGPACKS = 8  # the RHEL generation since which locales are packages of their own
_GENERATION_LIMIT = 240.0  # seconds for locale-gen, which compiles a locale


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The locale where it can be made, then the file that names it."""
    settings = context.settings
    value = settings.get("locale")
    if value is False or (isinstance(value, str) and value.strip().lower() in _NO):
        return context.nothing("locale is false")
    if isinstance(value, str) and value.strip().lower() != "true":
        name = value.strip()
    elif value is None and settings.get("locale_configfile"):
        name = _current(context)
    else:
        return context.nothing("no locale is named")
    _check(name)
    path = str(settings.get("locale_configfile") or "").strip()
    if path and not path.startswith("/"):
        raise AgentError(
            "locale_configfile is not an absolute path", "bad-path", "write it as in " + RHEL_FILE
        )
    context.choose("locale", name, "locale: in the configuration" if value else "what the system has")
    return _changes(context, name, path)


def _changes(context: "Context", name: str, path: str) -> "Iterator[Change]":
    debian = context.facts.os.family == "debian"
    made: "List[Change]" = []
    if not _is_there(context, name):
        if debian:
            made = _generation(context, name)
            yield from made
        else:
            _warn_of_package(context, name)
    files = [path] if path else [DEBIAN_FILE if debian else RHEL_FILE]
    if debian and not path and context.exists(RHEL_FILE):
        files.append(RHEL_FILE)  # on Debian 13 one of the two is a link to the other
    for file in files:
        text = (context.read(file) or b"").decode("utf-8", "replace")
        if any(line.strip().startswith(("LC_ALL=", "export LC_ALL=")) for line in text.splitlines()):
            context.warn("%s sets LC_ALL, which stands above LANG" % file)
        yield EditFile(
            file,
            lambda old: with_value(old, "LANG", name),
            "LANG is %s" % name,
            reason="locale",
            requires=made,
        )


def with_value(current: "Optional[bytes]", variable: str, value: str) -> bytes:
    """A file of assignments in which one variable has this value; all other lines as they were."""
    start = variable.encode("ascii") + b"="
    line = start + value.encode("utf-8") + b"\n"
    rows = (current or b"").splitlines(True)
    if rows and not rows[-1].endswith(b"\n"):
        rows[-1] += b"\n"
    out: "List[bytes]" = []
    done = False
    for row in rows:
        bare = row.strip()
        if not bare.startswith((start, b"export " + start)):
            out.append(row)
        elif not done:
            kept = bare.replace(b'"', b"").replace(b"'", b"") == line.strip()
            out.append(row if kept else line)
            done = True
    if not done:
        out.append(line)
    return b"".join(out)


def _current(context: "Context") -> str:
    for path in (RHEL_FILE, DEBIAN_FILE):
        for line in (context.text(path) or "").splitlines():
            if line.startswith("LANG="):
                return line[len("LANG=") :].strip().strip("\"'")
    return "C.UTF-8" if context.facts.os.family == "debian" else "en_US.UTF-8"


def _check(name: str) -> None:
    """Raise AgentError for what cannot be a locale's name: language_COUNTRY.charset@modifier."""
    rest, _, modifier = name.partition("@")
    language, _, charset = rest.partition(".")
    plain = all(
        (letter.isalnum() and ord(letter) < 128) or letter in "_-" for letter in language + charset + modifier
    )
    if not plain or not language[:1].isalpha() or len(name) > _LIMIT:
        raise AgentError(
            "locale: %r is not the name of a locale" % name[:_SHOWN],
            "bad-locale",
            "write it as in en_US.UTF-8",
        )


def normal(name: str) -> str:
    """The name under which the C library keeps a locale: the charset in small letters and digits."""
    rest, at, modifier = name.partition("@")
    language, dot, charset = rest.partition(".")
    plain = "".join(letter for letter in charset.lower() if letter.isalnum())
    if plain.isdigit():
        plain = "iso" + plain
    return language + dot + plain + at + modifier


def _is_there(context: "Context", name: str) -> bool:
    """Whether the root has the locale; true where that cannot be told."""
    wanted = normal(name)
    if wanted in _BUILT_IN or wanted in [normal(entry) for entry in context.listdir(_DIRECTORY)]:
        return True
    try:
        archive = context.read(_ARCHIVE)
    except AgentError:
        return True  # so large that it holds all there are
    return archive is not None and b"\0" + wanted.encode("ascii") + b"\0" in archive


# -- Debian: /etc/locale.gen and locale-gen ---------------------------------------------------------


def _generation(context: "Context", name: str) -> "List[Change]":
    entry = _entry(context, name)
    edit = EditFile(
        GENERATED, lambda old: with_entry(old, entry), "%s is generated" % entry.split()[0], reason="locale"
    )
    if not any(context.exists(path) for path in ("/usr/sbin/locale-gen", "/usr/bin/locale-gen")):
        context.warn("the package locales is not installed: %s takes effect once it is" % name[:_SHOWN])
        return [edit]
    run = RunTool(
        # What is there stays: without this, locale-gen would first remove all and then make all again.
        ["locale-gen", "--keep-existing"],
        "generate the locale %s" % entry.split()[0],
        check=lambda host: _look(host, name),
        needs_live=True,
        timeout=_GENERATION_LIMIT,
        reason="locale",
        requires=[edit],
    )
    return [edit, run]


def _look(host: "Host", name: str) -> "Probe":
    from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe

    listed = host.run(["locale", "-a"], env={"LC_ALL": "C"})
    if listed.status != 0:
        return Probe(UNKNOWN, "locale -a fails")
    if normal(name) in [normal(line.strip()) for line in listed.text.splitlines()]:
        return Probe(CONVERGED)
    return Probe(DIFFERS, "there is no locale %s" % name)


def _entry(context: "Context", name: str) -> str:
    """The line of /etc/locale.gen. Raises AgentError for a locale that the C library has not."""
    lines = [
        line.split() for line in (context.read(SUPPORTED) or b"").decode("utf-8", "replace").splitlines()
    ]
    known = [words for words in lines if len(words) == 2]
    for words in known:
        if normal(words[0]) == normal(name):
            return " ".join(words)
    rest, _, modifier = name.partition("@")
    language, _, charset = rest.partition(".")
    for words in known:  # a charset that is not listed under the locale's own name
        if words[0] == language + ("@" + modifier if modifier else "") and normal("." + words[1]) == normal(
            "." + charset
        ):
            return " ".join(words)
    if not known:
        return "%s %s" % (name, charset or "ISO-8859-1")
    from tsagent.userdata.expected import close

    likely = close(name, [words[0] for words in known])
    raise AgentError(
        "locale: this system knows no locale %s" % name[:_SHOWN],
        "unknown-locale",
        "did you mean %s?" % likely if likely else "%s lists what there is" % SUPPORTED,
    )


def with_entry(current: "Optional[bytes]", entry: str) -> bytes:
    """/etc/locale.gen with this line: freed from its comment sign where it stands there as one."""
    wanted = entry.encode("ascii")
    rows = (current or b"").splitlines(True)
    if rows and not rows[-1].endswith(b"\n"):
        rows[-1] += b"\n"
    if any(row.split() == wanted.split() for row in rows):
        return b"".join(rows)
    for index, row in enumerate(rows):
        if row.lstrip(b"# \t").split() == wanted.split():
            rows[index] = wanted + b"\n"
            break
    else:
        rows.append(wanted + b"\n")
    return b"".join(rows)


# -- RHEL-like systems ------------------------------------------------------------------------------


def _warn_of_package(context: "Context", name: str) -> None:
    generation: "Any" = context.facts.os.rhel_generation
    if not context.listdir(_DIRECTORY):
        return  # a tree without a C library: nothing can be told
    if generation is not None and generation < _LANGPACKS:
        context.warn("the locale %s is not installed: reinstall the package glibc-common" % name)
        return
    language = name.partition("_")[0].partition(".")[0]
    context.warn("the locale %s is not installed: it is in the package glibc-langpack-%s" % (name, language))
