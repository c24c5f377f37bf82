"""One form for the settings: today's `apt`, or the keys of old that it took the place of."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from tsagent.registry.context import Context

_OLD = {
    "apt_preserve_sources_list": "preserve_sources_list",
    "apt_custom_sources_list": "sources_list",
    "apt_proxy": "proxy",
    "apt_http_proxy": "http_proxy",
    "apt_ftp_proxy": "ftp_proxy",
    "apt_https_proxy": "https_proxy",
    "add_apt_repo_match": "add_apt_repo_match",
}
_MIRROR = {"apt_mirror": "uri", "apt_mirror_search": "search", "apt_mirror_search_dns": "search_dns"}
_ANONYMOUS = "cloud_config_sources.list"  # cloud-init's name for the file of sources without one


def one_form(context: "Context") -> "Dict[str, Any]":
    """The settings as `apt` has them. Of a new and an old key for one thing the new one counts."""
    given = context.settings.get("apt")
    settings: "Dict[str, Any]" = dict(given) if isinstance(given, dict) else {}
    for old, new in _OLD.items():
        if context.settings.get(old) not in (None, ""):
            _put(context, settings, old, new, context.settings[old])
    mirror = {
        new: context.settings[old]
        for old, new in _MIRROR.items()
        if context.settings.get(old) not in (None, "", [])
    }
    if mirror:
        _put(context, settings, "apt_mirror", "primary", [dict(mirror, arches=["default"])])
    sources = context.settings.get("apt_sources")
    if sources:
        _put(context, settings, "apt_sources", "sources", _by_name(sources))
    return settings


def _put(context: "Context", settings: "Dict[str, Any]", old: str, new: str, value: "Any") -> None:
    if settings.get(new) is None:
        settings[new] = value
    elif settings[new] != value:
        context.warn("%s is left out: apt.%s stands beside it" % (old, new))


def _by_name(sources: "Any") -> "Dict[str, Any]":
    """Sources by their names; those of a list are named by their files, or counted."""
    if isinstance(sources, dict):
        return sources
    named: "Dict[str, Any]" = {}
    for index, entry in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(entry, dict):
            name = str(entry.get("filename") or _ANONYMOUS)
            unique = name if name not in named else "%s (%d)" % (name, index + 1)
            named[unique] = dict(entry, filename=name)
    return named
