"""The mirrors of the distribution's archives: which are asked for, and where they are looked for."""

from tsagent.changes.apt import MirrorSearch
from tsagent.web.urls import public

from .lists import first_mirrors, has_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Context

    from .system import System

_LABELS = {"primary": "mirror", "security": "security-mirror"}


class Mirrors:
    """`searches`: MIRROR, PRIMARY and SECURITY. `asked`: which of primary and security are to be changed."""

    def __init__(self, context: "Context", settings: "Dict[str, Any]", system: "System") -> None:
        self._context = context
        self._system = system
        self.entries: "Dict[str, Dict[str, Any]]" = {}
        for kind in ("primary", "security"):
            entry = self._entry(settings.get(kind))
            if entry is not None:
                self.entries[kind] = entry
        texts = [context.text(path) or "" for path in system.files]
        primary, security = first_mirrors(texts, system.release)
        searches = {
            "PRIMARY": self._search("primary", primary or system.primary),
            "SECURITY": self._search("security", security or system.security),
        }
        self.asked = [kind for kind in ("primary", "security") if searches[kind.upper()].candidates]
        if system.ubuntu and self.asked == ["primary"]:
            # Ubuntu's archive holds the security updates, too; Debian's does not.
            searches["SECURITY"] = searches["PRIMARY"]
            self.asked.append("security")
        searches["MIRROR"] = searches["PRIMARY"]
        # A mirror with a password in it: what holds it is for root alone, and in no plan.
        self.secret = any(
            has_password(url)
            for search in searches.values()
            for url in search.candidates + [search.otherwise]
        )
        self.searches = searches

    def _entry(self, entries: "Any") -> "Optional[Dict[str, Any]]":
        """The entry for this architecture, else the default one."""
        chosen: "Optional[Dict[str, Any]]" = None
        for entry in entries if isinstance(entries, list) else ():
            arches = entry.get("arches") or []
            if self._system.architecture and self._system.architecture in arches:
                return dict(entry)
            if "default" in arches:
                chosen = dict(entry)
        return chosen

    def _search(self, kind: str, otherwise: str) -> MirrorSearch:
        entry = self.entries.get(kind)
        if entry is None:
            return MirrorSearch([], otherwise)
        if entry.get("uri"):
            uri = str(entry["uri"])
            self._context.choose("apt.%s" % kind, public(uri), "uri of the entry for this architecture")
            return MirrorSearch([uri], otherwise, stated=True)
        candidates = [str(url) for url in entry.get("search") or []]
        if entry.get("search_dns"):
            label = "%s-%s" % (self._system.id, _LABELS[kind])
            candidates += ["http://%s%s/%s" % (label, domain, self._system.id) for domain in self._domains()]
        return MirrorSearch(candidates, otherwise)

    def _domains(self) -> "List[str]":
        """Where mirrors are looked for, as ends of a host name: the host's domain first."""
        names = [str(self._context.instance.get("hostname") or ""), self._context.text("/etc/hostname") or ""]
        domains = [name.partition(".")[2] for name in names] + ["localdomain"]
        for line in (self._context.text("/etc/resolv.conf") or "").splitlines():
            words = line.split()
            if words[:1] in (["search"], ["domain"]):
                domains.extend(words[1:])
        ends = ["." + domain.strip(".") for domain in domains if domain.strip(".")] + [""]
        return list(dict.fromkeys(ends))
