"""rsyslog: files of configuration, remote servers, and a restart of what runs."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe
from tsagent.changes.commands import RunTool
from tsagent.changes.files import WriteFile
from tsagent.changes.services import RestartUnit
from tsagent.changes.system import Verify
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

MAIN = "/etc/rsyslog.conf"
DIRECTORY = "/etc/rsyslog.d"
FILE_NAME = "20-cloud-config.conf"  # the name people look for
_PROGRAMS = ("/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/local/sbin/rsyslogd")
_PORTS = 65535
_SHOWN = 60  # letters of a name that are quoted


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The files, a check of them by rsyslogd, and the restart."""
    settings = _settings(context)
    directory = str(settings.get("config_dir") or DIRECTORY).strip()
    if not directory.startswith("/"):
        raise AgentError(
            "rsyslog.config_dir is not an absolute path", "bad-path", "write it as in " + DIRECTORY
        )
    default = str(settings.get("config_filename") or FILE_NAME).strip()
    files = _files(context, settings, directory, default)
    if not files:
        return context.nothing("no configuration is given")
    for path in files:
        _see_that_it_is_read(context, path)
    installed = any(context.exists(path) for path in _PROGRAMS)
    if not installed and settings.get("install_rsyslog") is not True:
        context.warn("rsyslog is not installed; its configuration waits for it (install_rsyslog: true)")
    return _changes(context, settings, files, installed)


def _settings(context: "Context") -> "Dict[str, Any]":
    """The settings; the old form is a list of what is now `configs`."""
    given = context.settings.get("rsyslog")
    if isinstance(given, list):
        settings: "Dict[str, Any]" = {"configs": given}
        if context.settings.get("rsyslog_filename"):
            settings["config_filename"] = context.settings["rsyslog_filename"]
        if context.settings.get("rsyslog_dir"):
            settings["config_dir"] = context.settings["rsyslog_dir"]
        return settings
    return given if isinstance(given, dict) else {}


def _changes(
    context: "Context", settings: "Dict[str, Any]", files: "Dict[str, str]", installed: bool
) -> "Iterator[Change]":
    writes = [
        WriteFile(path, text, 0o644, "root", "root", reason="rsyslog") for path, text in sorted(files.items())
    ]
    yield from writes
    if not installed:
        return
    paths = sorted(files)
    check = Verify(
        "rsyslogd understands %s" % ", ".join(paths),
        lambda host: _look(host, paths),
        hint="the running rsyslogd goes on with what it read before",
        code="rsyslog-config",
        reason="rsyslog",
        requires=writes,
    )
    yield check
    command = settings.get("service_reload_command")
    if isinstance(command, list) and command:
        words = [str(word) for word in command]
        yield RunTool(
            words,
            "have rsyslog read its configuration: %s" % words[0],
            needs_live=True,
            reason="rsyslog.service_reload_command",
            requires=[check],
        )
    else:
        yield RestartUnit("rsyslog.service", writes, reason="rsyslog", requires=[check])


def _look(host: "Host", paths: "Sequence[str]") -> Probe:
    """What rsyslogd says of its configuration; mistakes that it finds in other files are not ours."""
    result = host.run(["rsyslogd", "-N1"])
    if result.timed_out:
        return Probe(UNKNOWN, "rsyslogd -N1 does not end")
    if result.status == 0:
        return Probe(CONVERGED)
    said = [_reason(line) for line in result.text.splitlines() if _is_complaint(line)]
    ours = [line for line in said if any(path in line for path in paths)]
    if ours:
        # The first is often no more than that there is another.
        return Probe(DIFFERS, next((line for line in ours if "warnings occurred" not in line), ours[0]))
    elsewhere = [line for line in said if "file" in line]
    if elsewhere:
        return Probe(CONVERGED, "it complains of another file: " + elsewhere[0])
    return Probe(DIFFERS, said[0] if said else "it says not why")


def _is_complaint(line: str) -> bool:
    quiet = ("config validation run", "End of config")
    return line.startswith("rsyslogd: ") and not any(words in line for words in quiet)


def _reason(line: str) -> str:
    """The message without the words that stand before and after each."""
    text = line.partition("rsyslogd: ")[2] or line
    return text.partition(" [v")[0].strip()[:300]


# -- what is written --------------------------------------------------------------------------------


def _files(context: "Context", settings: "Dict[str, Any]", directory: str, default: str) -> "Dict[str, str]":
    """The content of each file: the texts for it, in their order, the remote servers at the end."""
    files: "Dict[str, str]" = {}
    entries = settings.get("configs")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        place = "rsyslog.configs[%d]" % index
        name: "Any" = default
        content: "Any" = entry
        if isinstance(entry, dict):
            name, content = entry.get("filename", default), entry.get("content")
        if not isinstance(content, str) or not isinstance(name, str):
            context.warn("%s has no content; left out" % place)
            continue
        path = _path(directory, name.strip())
        if path is None:
            context.warn("%s has no file name; left out" % place)
            continue
        files[path] = files.get(path, "") + content + ("" if content.endswith("\n") else "\n")
    lines = _remotes(context, settings.get("remotes"))
    path = _path(directory, default)
    if lines and path is not None:
        block = ["# begin remotes"] + lines + ["# end remotes"]
        files[path] = files.get(path, "") + "\n".join(block) + "\n"
    return files


def _path(directory: str, name: str) -> "Optional[str]":
    if not name or name.endswith("/") or ".." in name.split("/") or "\0" in name:
        return None
    return name if name.startswith("/") else "%s/%s" % (directory.rstrip("/"), name)


def _see_that_it_is_read(context: "Context", path: str) -> None:
    """Warn of a file that rsyslog's own does not include."""
    text = context.text(MAIN)
    if text is None or path == MAIN:
        return
    directory, _, name = path.rpartition("/")
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]
    including = [line for line in lines if directory + "/" in line]
    if not including:
        context.warn("%s does not include %s: rsyslog does not read %s" % (MAIN, directory, name[:_SHOWN]))
    elif not name.endswith(".conf") and all(".conf" in line and name not in line for line in including):
        context.warn("%s is not read by rsyslog: its name does not end in .conf" % path)


def _remotes(context: "Context", remotes: "Any") -> "List[str]":
    """A line for each remote server; what is none is left out by itself."""
    lines = []
    for name, value in (remotes if isinstance(remotes, dict) else {}).items():
        if value is None or value == "":
            continue  # how one that an earlier part named is taken back
        line = remote(value) if isinstance(value, str) else None
        if line is None:
            context.warn(
                "rsyslog.remotes.%s is no remote server (as in *.* @@logs.example.com:514); left out"
                % str(name)[:_SHOWN]
            )
            continue
        lines.append("%s # %s" % (line, " ".join(str(name).split())))
    return lines


def remote(value: str) -> "Optional[str]":
    """`SELECTOR @HOST:PORT` of what a user wrote, with what was left out; None where it is no such thing."""
    words = value.partition("#")[0].split()
    if not words or len(words) > 2 or not all(word.isprintable() for word in words):
        return None
    selector = words[0] if len(words) == 2 else "*.*"
    found = _address(words[-1])
    if found is None:
        return None
    protocol, address, port = found
    shown = "[%s]" % address if ":" in address else address
    return "%s %s%s%s" % (selector, protocol, shown, ":%d" % port if port else "")


def _address(word: str) -> "Optional[Tuple[str, str, int]]":
    """Protocol, address and port (0: none is given)."""
    protocol = "@@" if word.startswith("@@") else "@"
    rest = word[2:] if word.startswith("@@") else word[1:] if word.startswith("@") else word
    if rest.startswith("["):
        address, closing, tail = rest[1:].partition("]")
        if not closing or ":" not in address:
            return None
    else:
        address, colon, port = rest.partition(":")
        tail = colon + port
    if not address or not all((c.isalnum() and ord(c) < 128) or c in ".:-_%" for c in address):
        return None
    if not tail:
        return protocol, address, 0
    number = tail[1:]
    if not tail.startswith(":") or not number.isdigit() or not 0 < int(number) <= _PORTS:
        return None
    return protocol, address, int(number)
