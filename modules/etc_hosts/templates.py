"""The templates of /etc/hosts: where they lie, how they are filled in, and one for where there is none.

A template that says `## template: jinja` in its first line is Jinja; any other has `$hostname` and `$fqdn`.
Jinja2 is imported only where a template has more to it than these two names and comments.
"""

import re

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Match, Optional

    from tsagent.registry.context import Context

DIRECTORIES = ("/etc/tsagent/templates", "/etc/cloud/templates")  # an administrator's, then an image's
_HEADER = re.compile(r"\s*##\s*template:\s*(\w+)[^\n]*\n?", re.IGNORECASE)
_COMMENT = re.compile(r"(?:\s*\{#-|\{#)(?:.*?)(?:-#\}\s*|#\}\n?)", re.DOTALL)
_NAME = re.compile(r"\{\{-?\s*(fqdn|hostname)\s*\}\}")
_PLAIN = re.compile(r"\$(?:\{([A-Za-z0-9_.]+)\}|([A-Za-z0-9_]+))")

_NOTE = """\
# Made by tsagent at each boot, because manage_etc_hosts is true: a change made here does not last.
# To have lines of your own, put a template at /etc/tsagent/templates/hosts.tmpl.
"""
_DEBIAN = """\
127.0.0.1 localhost
127.0.1.1 %(names)s

::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
"""
_OTHERS = """\
127.0.0.1 localhost localhost.localdomain localhost4 localhost4.localdomain4
127.0.0.1 %(names)s

::1 localhost localhost.localdomain localhost6 localhost6.localdomain6
::1 %(names)s
"""


def shipped(family: str, full: str, short: str) -> str:
    """The agent's own: this distribution's usual lines, and the host's."""
    body = _DEBIAN if family.startswith("debian") else _OTHERS
    return _NOTE + body % {"names": " ".join(dict.fromkeys([full, short]))}


def find_template(context: "Context") -> "Optional[str]":
    """The path of the template of this distribution, or of one for all; None where there is neither."""
    wanted = ["hosts.%s.tmpl" % word for word in _words(context)] + ["hosts.tmpl"]
    for directory in DIRECTORIES:
        there = {name.lower(): name for name in context.listdir(directory)}
        for name in wanted:
            if name in there:
                return "%s/%s" % (directory, there[name])
    return None


def _words(context: "Context") -> "List[str]":
    """What templates of this system are called after: the distribution, then what it is like."""
    family = context.facts.os.family or ""
    words = [(context.facts.os.id or "").lower()]
    if family.startswith("debian"):
        words.append("debian")
    elif family == "suse":
        words.append("suse")
    else:
        words.append("redhat")
    return [word for word in dict.fromkeys(words) if word]


def rendered(path: str, content: bytes, full: str, short: str) -> bytes:
    """The text of a template with the names in it. Raises AgentError `bad-template`."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad(path, "it is not UTF-8 text") from None
    names = {"fqdn": full, "hostname": short}
    header = _HEADER.match(text)
    kind = header.group(1).lower() if header else "basic"
    body = text[header.end() :] if header else text
    if kind == "basic":
        return _fill(path, body, names).encode("utf-8")
    if kind != "jinja":
        raise _bad(path, "its first line names a kind of template that is not known")
    bare = _COMMENT.sub("", body)
    filled = _NAME.sub(lambda found: names[found.group(1)], bare)
    if "{{" not in filled and "{%" not in filled and "{#" not in filled:
        return filled.encode("utf-8")
    from tsagent.userdata.template import TemplateError, render

    try:
        result = render(body.encode("utf-8"), dict(names))
    except TemplateError as error:
        where = "line %d: " % (error.line + (1 if header else 0)) if error.line else ""
        raise _bad(path, where + error.message, error.code) from None
    return result


def _fill(path: str, text: str, names: "Dict[str, str]") -> str:
    def value(found: "Match[str]") -> str:
        name = found.group(1) or found.group(2)
        if name not in names:
            raise _bad(path, "it names $%s" % name)
        return names[name]

    return _PLAIN.sub(value, text)


def _bad(path: str, what: str, code: str = "bad-template") -> AgentError:
    return AgentError(
        "%s cannot be filled in: %s" % (path, what), code, "$hostname and $fqdn are what there is"
    )
