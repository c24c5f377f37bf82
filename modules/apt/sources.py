"""Files of sources: the distribution's own, with other mirrors and suites off, and those beside it."""

from tsagent.changes.apt import EditAptSources
from tsagent.changes.root_tools import RunInRoot

from .keys import safe
from .lists import (
    decode,
    disable_suites,
    encode,
    has_password,
    is_deb822,
    mistake,
    replace_mirrors,
    set_aside,
    with_entry,
)
from .system import LIST, PARTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

    from tsagent.changes.apt import MirrorSearch
    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

    from .keys import Keys
    from .mirrors import Mirrors
    from .system import System

    Transform = Callable[[Optional[bytes]], Optional[bytes]]
    Entry = Tuple[str, bool]  # text, whether it is added to what is there

_SUITES = ("updates", "backports", "security", "proposed")
REPOSITORY_MATCH = r"^[\w-]+:\w"
_DEFAULT = """\
Types: deb
URIs: %s
Suites: %s %s-updates
Components: main
Signed-By: %s

Types: deb
URIs: %s
Suites: %s-security
Components: main
Signed-By: %s
"""


class Sources:
    """Plans what becomes of the files of sources."""

    def __init__(
        self,
        context: "Context",
        settings: "Dict[str, Any]",
        system: "System",
        mirrors: "Mirrors",
        keys: "Keys",
    ) -> None:
        self._context = context
        self._settings = settings
        self._system = system
        self._mirrors = mirrors
        self._keys = keys

    def changes(self) -> "Iterator[Change]":
        """The distribution's own file first, then the others in their order."""
        if not self._settings.get("preserve_sources_list"):
            yield from self._own()
        yield from self._others()

    # -- the distribution's own ---------------------------------------------------------------

    def _own(self) -> "Iterator[Change]":
        template = self._settings.get("sources_list")
        suites = [self._suite(str(suite)) for suite in self._settings.get("disable_suites") or []]
        mirrors = self._mirrors
        keys: "Dict[str, str]" = {}
        needs: "List[Change]" = []
        for kind, entry in mirrors.entries.items():
            key = self._keys.add("apt." + kind, entry, kind, named=False)
            if key is not None:
                keys[kind] = str(key.target)
                needs.append(key)
        if self._system.ubuntu and "primary" in keys and "security" not in mirrors.entries:
            keys["security"] = keys["primary"]
        if isinstance(template, str) and template.strip():
            yield from self._template(template, suites, keys, needs)
        elif suites or mirrors.asked:
            yield from self._edits(suites, keys, needs)

    def _template(
        self, template: str, suites: "List[str]", keys: "Dict[str, str]", needs: "List[Change]"
    ) -> "Iterator[Change]":
        if template.lstrip().startswith("## template:"):
            self._context.warn(
                "apt.sources_list is left out: only $NAME is replaced in it, it is no other template"
            )
            return
        if not self._can_be_read("apt.sources_list", template):
            return
        deb822 = is_deb822(template)
        path, other = (self._system.parts, LIST) if deb822 else (LIST, self._system.parts)
        key = keys.get("primary", "")

        def make(urls: "Dict[str, str]") -> "Transform":
            text = disable_suites(self._filled(template, urls, key), suites)
            return lambda current: encode(text if text.endswith("\n") else text + "\n")

        yield EditAptSources(
            path,
            self._named(template),
            make,
            "as sources_list has it",
            secret=has_password(template) or self._secret(template),
            reason="apt: sources_list",
            requires=needs,
        )
        if self._context.exists(other):
            yield EditAptSources(
                other,
                {},
                lambda urls: lambda current: None if current is None else encode(set_aside(decode(current))),
                "set aside: sources_list takes its place",
                reason="apt: sources_list",
            )

    def _edits(
        self, suites: "List[str]", keys: "Dict[str, str]", needs: "List[Change]"
    ) -> "Iterator[Change]":
        system, asked = self._system, self._mirrors.asked

        def make(urls: "Dict[str, str]") -> "Transform":
            chosen = {kind: urls[kind.upper()] for kind in asked}

            def transform(current: "Optional[bytes]") -> "Optional[bytes]":
                if current is None:
                    return None
                text = replace_mirrors(decode(current), system.release, chosen, keys)
                return encode(disable_suites(text, suites))

            return transform

        what = "; ".join(
            (["the mirrors are those of apt"] if asked else [])
            + (["off: " + " ".join(suites)] if suites else [])
        )
        files = [path for path in system.files if (self._context.text(path) or "").strip()]
        if not files and asked and system.release:
            files = [system.parts]
            inner = make

            def make(urls: "Dict[str, str]") -> "Transform":
                return lambda current: inner(urls)(current or encode(self._default(urls, keys)))

        if not files:
            self._context.warn(
                "apt: there is no file of the distribution's sources in which to change anything"
            )
        for path in files:
            yield EditAptSources(
                path,
                self._mirrors.searches if asked else {},
                make,
                what,
                secret=bool(asked) and self._mirrors.secret,
                reason="apt",
                requires=needs,
            )

    def _default(self, urls: "Dict[str, str]", keys: "Dict[str, str]") -> str:
        system = self._system
        primary = (urls["PRIMARY"], system.release, system.release, keys.get("primary", system.keyring))
        return _DEFAULT % (primary + (urls["SECURITY"], system.release, keys.get("security", system.keyring)))

    def _suite(self, suite: str) -> str:
        """A suite by its name: `updates` is the release's own."""
        if suite in _SUITES:
            suite = "$RELEASE-" + suite
        elif suite == "release":
            suite = "$RELEASE"
        return self._filled(suite, {}, "")

    def _can_be_read(self, place: str, text: str) -> bool:
        """Whether apt will read a text of sources; else it would read none at all."""
        wrong = mistake(self._filled(text, None, ""))
        if not wrong and not self._system.release and "RELEASE" in text:
            wrong = "the release of this system is not known"
        if wrong:
            self._context.warn("%s is left out: %s" % (place, wrong))
        return not wrong

    # -- those beside it ----------------------------------------------------------------------

    def _others(self) -> "Iterator[Change]":
        files: "Dict[str, List[Entry]]" = {}
        needs: "Dict[str, List[Change]]" = {}
        sources = self._settings.get("sources")
        for name, entry in sources.items() if isinstance(sources, dict) else ():
            place = "apt.sources.%s" % name
            if not isinstance(entry, dict):
                continue
            filename = str(entry.get("filename") or name)
            text = str(entry.get("source") or "")
            named = "$KEY_FILE" in text or "${KEY_FILE}" in text
            key = self._keys.add(place, entry, filename, named)
            if not text.strip():
                continue
            if named and key is None:
                self._context.warn(
                    "%s is left out: $KEY_FILE stands for the file of a key that it lacks" % place
                )
                continue
            if self._is_repository(text):
                yield from self._repository(name, text)
                continue
            if not self._can_be_read(place, text):
                continue
            path = self._path(filename, text)
            files.setdefault(path, []).append(
                (
                    self._filled(text, None, str(key.target) if key is not None and named else ""),
                    entry.get("append") is not False,
                )
            )
            needs.setdefault(path, []).extend([key] if key is not None and named else [])
        for path, entries in files.items():
            yield EditAptSources(
                path,
                self._named(*[text for text, _ in entries]),
                self._maker(entries),
                "the sources of apt",
                secret=any(has_password(text) or self._secret(text) for text, _ in entries),
                reason="apt: sources",
                requires=needs[path],
            )

    def _named(self, *texts: str) -> "Dict[str, MirrorSearch]":
        """The mirrors that texts name: no others are looked for."""
        words = "\n".join(texts).upper()
        return {name: search for name, search in self._mirrors.searches.items() if name in words}

    def _secret(self, text: str) -> bool:
        """Whether a text names a mirror, and the mirrors have a password."""
        return self._mirrors.secret and bool(self._named(text))

    def _maker(self, entries: "List[Entry]") -> "Callable[[Dict[str, str]], Transform]":
        def make(urls: "Dict[str, str]") -> "Transform":
            def transform(current: "Optional[bytes]") -> "Optional[bytes]":
                text = decode(current)
                for entry, append in entries:
                    text = with_entry(text, self._filled(entry, urls, ""), append)
                return encode(text)

            return transform

        return make

    def _path(self, filename: str, text: str) -> str:
        ending = ".sources" if is_deb822(text) else ".list"
        if not filename.startswith("/"):
            filename = "%s/%s" % (PARTS, safe(filename))
        if filename.endswith((".list", ".sources")):
            filename = filename[: filename.rindex(".")]
        return filename + ending

    def _is_repository(self, text: str) -> bool:
        """Whether it is for add-apt-repository, such as ppa:somebody/something."""
        import re

        pattern = str(self._settings.get("add_apt_repo_match") or REPOSITORY_MATCH)
        try:
            return re.search(pattern, text) is not None
        except re.error:
            self._context.warn("apt.add_apt_repo_match is left out: it is no regular expression")
            self._settings["add_apt_repo_match"] = REPOSITORY_MATCH
            return re.search(REPOSITORY_MATCH, text) is not None

    def _repository(self, name: str, text: str) -> "Iterator[Change]":
        if not self._context.exists("/usr/bin/add-apt-repository"):
            self._context.warn(
                "apt.sources.%s is left out: it needs add-apt-repository, which is not installed here" % name
            )
            return
        yield RunInRoot(
            ["add-apt-repository", "--yes", "--no-update", "--", text.strip()],
            "add the repository of apt.sources.%s" % name,
            enter=self._context.commands == "chroot",
            reason="apt: sources",
        )

    def _filled(self, text: str, urls: "Optional[Dict[str, str]]", key: str) -> str:
        """A text with its variables replaced: the mirrors where `urls` says them, the others always."""
        values = {"RELEASE": self._system.release, "codename": self._system.release}
        for name, url in (urls or {}).items():
            values[name] = values[name.lower()] = url
        if key:
            values["KEY_FILE"] = key
        for name in sorted(values, key=len, reverse=True):
            if values[name]:
                text = text.replace("${%s}" % name, values[name]).replace("$" + name, values[name])
        return text
