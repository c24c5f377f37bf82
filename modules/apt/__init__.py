"""apt: what its packages are asked, its configuration, its mirrors and sources, and the keys of these.

The names of files are those that cloud-init gives, where people may refer to them.
"""

from tsagent.changes.apt import WriteAptConf
from tsagent.changes.debconf import SetDebconf, logical_lines, parse_answers
from tsagent.changes.files import RemoveFile, WriteFile
from tsagent.changes.packages import RefreshPackages

from .keys import Keys
from .mirrors import Mirrors
from .settings import one_form
from .sources import Sources
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

CONF = "/etc/apt/apt.conf.d/94cloud-init-config"
PROXY = "/etc/apt/apt.conf.d/90cloud-init-aptproxy"
PIPELINING = "/etc/apt/apt.conf.d/90cloud-init-pipelining"
PREFERENCES = "/etc/apt/preferences.d/90tsagent"
_PROXIES = (("proxy", "http"), ("http_proxy", "http"), ("ftp_proxy", "ftp"), ("https_proxy", "https"))


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """debconf and configuration first, then keys and sources, and at the end the lists of packages."""
    if context.facts.os.package_manager != "apt":
        return context.nothing(
            "apt is for Debian and its kin; the package manager of this system is %s"
            % (context.facts.os.package_manager or "unknown")
        )
    settings = one_form(context)
    if not settings and context.settings.get("apt_pipelining") is None:
        return context.nothing("apt is to be left as it is")
    return _changes(context, settings)


def _changes(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    enter = context.commands == "chroot"
    yield from _debconf(context, settings.get("debconf_selections"), enter)
    yield from _pipelining(context)
    if not settings:
        return
    yield from _proxies(context, settings)
    conf = settings.get("conf")
    if isinstance(conf, str) and conf.strip():
        # A file that it may not read is a warning in each apt command of whoever is not root.
        mode = 0o600 if "@" in conf or "pass" in conf.lower() else 0o644
        text = conf if conf.endswith("\n") else conf + "\n"
        yield WriteAptConf(CONF, text, enter, mode, True, reason="apt: conf")
    elif context.exists(CONF):
        yield RemoveFile(CONF, reason="apt says no conf; this is an earlier instance's")
    yield from _preferences(context, settings.get("preferences"))
    system = System(context)
    keys = Keys(context)
    mirrors = Mirrors(context, settings, system)
    sources = Sources(context, settings, system, mirrors, keys)
    changes = list(sources.changes())
    yield from keys.changes
    yield from changes
    if changes and (settings.get("sources") or settings.get("sources_list") or mirrors.asked):
        refresh = RefreshPackages("apt", "apt: the sources are others now")
        refresh.needs_live = not enter
        yield refresh


def _debconf(context: "Context", selections: "Any", enter: bool) -> "Iterator[Change]":
    for name, text in selections.items() if isinstance(selections, dict) else ():
        place = "apt.debconf_selections.%s" % name
        _, wrong = parse_answers(str(text))
        for number in wrong:
            context.warn(
                "line %d of %s is left out: it is not of the form 'package question type answer'"
                % (number, place)
            )
        kept = "\n".join(line for number, line in logical_lines(str(text)) if number not in wrong)
        if parse_answers(kept)[0]:
            yield SetDebconf(str(name), kept + "\n", enter, reason="apt: debconf_selections")


def _pipelining(context: "Context") -> "Iterator[Change]":
    value = context.settings.get("apt_pipelining")
    if value is None or value is True:
        return
    word = str(value).strip().lower()
    if word in ("os", "none", "unchanged", "true"):
        return
    if word == "false":
        word = "0"
    if not word.isdigit():
        context.warn(
            "apt_pipelining is left out: expected false, os, or how many requests may be on their way"
        )
        return
    content = '// As apt_pipelining says.\nAcquire::http::Pipeline-Depth "%d";\n' % int(word)
    yield WriteFile(PIPELINING, content, 0o644, "root", "root", reason="apt_pipelining")


def _proxies(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    lines: "List[str]" = []
    secret = False
    for key, scheme in _PROXIES:
        value = settings.get(key)
        if not value:
            continue
        url = str(value).strip()
        if '"' in url or not url.isprintable():
            context.warn("apt.%s is left out: a URL has no quotes and no line ends" % key)
            continue
        lines.append('Acquire::%s::Proxy "%s";' % (scheme, url))
        secret = secret or "@" in url
    if lines:
        # apt itself, which root runs, hands the proxy to the less privileged that fetch.
        yield WriteFile(
            PROXY,
            "\n".join(lines) + "\n",
            0o600 if secret else 0o644,
            "root",
            "root",
            secret=secret,
            reason="apt: proxies",
        )
    elif context.exists(PROXY):
        yield RemoveFile(PROXY, reason="apt says no proxy; this is an earlier instance's")


def _preferences(context: "Context", preferences: "Any") -> "Iterator[Change]":
    stanzas: "List[str]" = []
    for index, item in enumerate(preferences if isinstance(preferences, list) else ()):
        rows = [
            ("Explanation", item.get("explanation")),
            ("Package", item.get("package")),
            ("Pin", item.get("pin")),
            ("Pin-Priority", item.get("pin-priority")),
        ]
        values = [(name, " ".join(str(value).split())) for name, value in rows if value is not None]
        if len([value for name, value in values if value and name != "Explanation"]) < 3:
            context.warn("apt.preferences[%d] is left out: it needs package, pin and pin-priority" % index)
            continue
        stanzas.append("".join("%s: %s\n" % row for row in values))
    if stanzas:
        yield WriteFile(PREFERENCES, "\n".join(stanzas), 0o644, "root", "root", reason="apt: preferences")
