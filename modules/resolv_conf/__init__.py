"""Name servers: in /etc/resolv.conf, or with the program whose link that is."""

from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.services import RestartUnit
from tsagent.errors import AgentError

from .words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

FILE = "/etc/resolv.conf"
MANAGER_FILE = "/etc/NetworkManager/conf.d/90-tsagent-dns.conf"
RESOLVED_FILE = "/etc/systemd/resolved.conf.d/90-tsagent-dns.conf"
HOOK_DEBIAN = "/etc/dhcp/dhclient-enter-hooks.d/tsagent-resolv-conf"
HOOK_RHEL = "/etc/dhcp/dhclient-enter-hooks"
_HEADER = b"# Written by tsagent from the resolv_conf of user data.\n"
_ORDER = ("domain", "search", "nameserver", "sortlist", "options")
_RESOLVED = ("/run/systemd/resolve/", "/usr/lib/systemd/resolv.conf", "/lib/systemd/resolv.conf")
_MANAGER = ("/run/NetworkManager/", "/var/run/NetworkManager/")
_DHCLIENT = ("/sbin/dhclient", "/usr/sbin/dhclient")
# Source: dhclient-script(8): a hook may say what is done with the name servers of a lease.
_HOOK = b"# By tsagent: /etc/resolv.conf is as user data has it.\nmake_resolv_conf() { :; }\n"

# Source: NetworkManager.conf(5).
_UNMANAGED = (
    "# By tsagent: /etc/resolv.conf is as user data has it.\n[main]\ndns=none\nrc-manager=unmanaged\n"
)


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """By what /etc/resolv.conf is: a file, or a link of one program or another."""
    given = context.settings.get("resolv_conf")
    manage = context.settings.get("manage_resolv_conf")
    if manage is not True:
        if manage is None and given:
            context.warn("resolv_conf is left alone: it needs manage_resolv_conf: true beside it")
        return context.nothing("manage_resolv_conf is not true")
    words = Words(context, given if isinstance(given, dict) else {})
    if not words:
        context.warn("manage_resolv_conf is true, but resolv_conf says nothing: /etc/resolv.conf stays")
        return context.nothing("no name servers are given")
    link = context.link(FILE)
    if link is None:
        return _file(context, words)
    path = _absolute(link)
    if path.startswith(_RESOLVED):
        context.choose("by", "systemd-resolved", "%s is a link to %s" % (FILE, link))
        return _resolved(context, words)
    if path.startswith(_MANAGER):
        context.choose("by", "NetworkManager", "%s is a link to %s" % (FILE, link))
        return _manager(context, words)
    raise AgentError(
        "%s is a link to %s, which another program writes: nothing is changed" % (FILE, link),
        "resolv-conf-link",
        "put a file in its place, or tell that program",
    )


def _absolute(link: str) -> str:
    """Where a link in /etc leads, by its words."""
    parts: "List[str]" = [] if link.startswith("/") else ["etc"]
    for part in link.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


# -- a file -----------------------------------------------------------------------------------------


def _file(context: "Context", words: Words) -> "Iterator[Change]":
    context.choose("by", FILE, "it is a file")
    before: "List[Change]" = []
    if context.exists("/etc/NetworkManager"):
        drop_in = WriteFile(
            MANAGER_FILE,
            _UNMANAGED,
            0o644,
            reason="NetworkManager would write %s anew" % FILE,
        )
        before += [
            drop_in,
            RestartUnit("NetworkManager.service", [drop_in], reload=True, reason="resolv_conf"),
        ]
    if any(context.exists(path) for path in _DHCLIENT):
        before.append(_hook(context))
    yield from before
    yield EditFile(
        FILE,
        lambda old: with_directives(old, words.directives()),
        "name servers %s" % (", ".join(words.servers) or "as they are"),
        mode=0o644,
        reason="resolv_conf",
    )


def _hook(context: "Context") -> "Change":
    reason = "dhclient would write %s anew" % FILE
    if context.facts.os.family == "debian":
        return WriteFile(HOOK_DEBIAN, _HOOK, 0o644, reason=reason)
    # One file, which is run only where it may be: what is in it stays.
    return EditFile(HOOK_RHEL, with_hook, "leases do not change %s" % FILE, mode=0o755, reason=reason)


def with_hook(current: "Optional[bytes]") -> bytes:
    """The file of hooks with ours at its end, once."""
    current = current or b""
    if _HOOK in current:
        return current
    return current + (b"\n" if current and not current.endswith(b"\n") else b"") + _HOOK


def with_directives(current: "Optional[bytes]", given: "Dict[str, List[str]]") -> bytes:
    """resolv.conf with these lines; those of other first words as they were."""
    kept: "Dict[str, List[bytes]]" = {}
    others: "List[bytes]" = []
    for row in (current or b"").splitlines():
        first = row.split()[0].decode("utf-8", "replace") if row.split() else ""
        if first in _ORDER:
            kept.setdefault(first, []).append(row.strip())
        elif first and first[0] not in "#;":
            others.append(row)
    if "search" in given and "domain" not in given:
        kept.pop("domain", None)
    if "domain" in given and "search" not in given:
        kept.pop("search", None)  # it would stand above the domain
    lines: "List[bytes]" = []
    for word in _ORDER:
        lines += [line.encode("utf-8") for line in given[word]] if word in given else kept.get(word, [])
    return _HEADER + b"".join(line + b"\n" for line in lines + others)


# -- systemd-resolved and NetworkManager --------------------------------------------------------------


def _resolved(context: "Context", words: Words) -> "Iterator[Change]":
    lines = ["# By tsagent, from the resolv_conf of user data.", "[Resolve]"]
    if words.servers:
        lines += ["DNS=", "DNS=" + " ".join(words.servers)]  # the empty one takes back what other files say
    domains = words.domains or ([words.domain] if words.domain else [])
    if words.servers:
        domains = domains + ["~."]  # all names are for these servers, before those of a card's lease
    if domains:
        lines += ["Domains=", "Domains=" + " ".join(domains)]
    _warn_of(context, words.sortlist, "sortlist", "systemd-resolved")
    _warn_of(context, words.options, "options", "systemd-resolved")
    if len(lines) > 2:
        file = WriteFile(RESOLVED_FILE, "\n".join(lines) + "\n", 0o644, reason="resolv_conf")
        yield file
        yield RestartUnit("systemd-resolved.service", [file], reason="resolv_conf")


def _manager(context: "Context", words: Words) -> "Iterator[Change]":
    """Source: NetworkManager.conf(5), sections global-dns and global-dns-domain."""
    lines = ["# By tsagent, from the resolv_conf of user data.", "[global-dns]"]
    domains = words.domains or ([words.domain] if words.domain else [])
    if domains:
        lines.append("searches=" + ",".join(domains))
    if words.options:
        lines.append("options=" + ",".join(words.options))
    _warn_of(context, words.sortlist, "sortlist", "NetworkManager")
    if not words.servers:
        # Without servers NetworkManager would ignore the section, or ask nobody.
        context.warn("resolv_conf has no nameservers: NetworkManager takes the rest only together with some")
        return
    lines += ["", "[global-dns-domain-*]", "servers=" + ",".join(words.servers)]
    file = WriteFile(MANAGER_FILE, "\n".join(lines) + "\n", 0o644, reason="resolv_conf")
    yield file
    yield RestartUnit("NetworkManager.service", [file], reload=True, reason="resolv_conf")


def _warn_of(context: "Context", words: "List[str]", key: str, program: str) -> None:
    if words:
        context.warn("resolv_conf.%s is left out: %s has no such thing" % (key, program))
