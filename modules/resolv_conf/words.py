"""What user data say of the name servers: checked, word by word."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.registry.context import Context

_SERVERS = 3  # Source: resolv.conf(5), MAXNS
_DOMAINS = 6  # Source: resolv.conf(5): the limit of C libraries before 2.26
_DOMAIN_LETTERS = 256
_SORTED = 10  # Source: resolv.conf(5)
_SHOWN = 60  # letters of a word that are quoted


class Words:
    """Lists of words, empty where nothing is given."""

    def __init__(self, context: "Context", settings: "Dict[str, Any]") -> None:
        self.servers = _kept(context, settings, "nameservers", _is_address, "is no address")
        self.domains = _kept(context, settings, "searchdomains", _is_word, "is no domain")
        self.sortlist = _kept(context, settings, "sortlist", _is_word, "is no address")
        domain = settings.get("domain")
        self.domain = domain.strip() if isinstance(domain, str) and _is_word(domain.strip()) else ""
        if domain and not self.domain:
            context.warn("resolv_conf.domain is no domain; left out")
        self.options = _options(context, settings.get("options"))
        if len(self.servers) > _SERVERS:
            context.warn("resolv_conf: the C library asks the first %d name servers alone" % _SERVERS)
        if len(self.domains) > _DOMAINS or len(" ".join(self.domains)) > _DOMAIN_LETTERS:
            context.warn(
                "resolv_conf: C libraries older than 2.26 know %d search domains of %d letters together"
                % (_DOMAINS, _DOMAIN_LETTERS)
            )
        if len(self.sortlist) > _SORTED:
            context.warn("resolv_conf: the C library knows %d entries of sortlist" % _SORTED)

    def __bool__(self) -> bool:
        return bool(self.servers or self.domains or self.sortlist or self.domain or self.options)

    def directives(self) -> "Dict[str, List[str]]":
        """The lines of resolv.conf by their first word; only those that are given."""
        lines = {
            # Of domain and search the last one counts: the domain alone would lose the others.
            "domain": ["domain " + self.domain] if self.domain else [],
            "search": ["search " + " ".join(self.domains)] if self.domains else [],
            "nameserver": ["nameserver " + server for server in self.servers],
            "sortlist": ["sortlist " + " ".join(self.sortlist)] if self.sortlist else [],
            "options": ["options " + " ".join(self.options)] if self.options else [],
        }
        return {word: rows for word, rows in lines.items() if rows}


def _kept(
    context: "Context", settings: "Dict[str, Any]", key: str, good: "Any", complaint: str
) -> "List[str]":
    words: "List[str]" = []
    given = settings.get(key)
    for index, entry in enumerate(given if isinstance(given, list) else []):
        word = entry.strip() if isinstance(entry, str) else ""
        if not good(word):
            context.warn("resolv_conf.%s[%d] %s; left out" % (key, index, complaint))
        elif word not in words:
            words.append(word)
    return words


def _options(context: "Context", given: "Any") -> "List[str]":
    """Flags first, then those with a value, as `name:value`."""
    flags, valued = [], []
    for name, value in (given if isinstance(given, dict) else {}).items():
        if value is False:
            continue
        if not _is_word(str(name)) or (value is not True and not _is_value(value)):
            context.warn(
                "resolv_conf.options.%s is neither true, false nor a value; left out" % str(name)[:_SHOWN]
            )
        elif value is True:
            flags.append(str(name))
        else:
            valued.append("%s:%s" % (name, value))
    return flags + sorted(valued)


def _is_value(value: "Any") -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _is_word(value))


def _is_word(word: str) -> bool:
    return bool(word) and word.isprintable() and not any(c.isspace() or c in "#;" for c in word)


def _is_address(word: str) -> bool:
    import ipaddress

    address, percent, zone = word.partition("%")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_word(zone) if percent else True
