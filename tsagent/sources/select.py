"""Which source an instance is told by: `--source`, or the image's order of sources.

Local sources (seed, config drive) are asked before there is a network; the metadata service only after,
and under `auto` only where the firmware says this is Tencent Cloud: elsewhere no packet is ever sent to
a link-local address.
"""

from tsagent.errors import AgentError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence

    from tsagent.host import Host
    from tsagent.host.tree import Tree
    from tsagent.sources.data import SourceData

AUTO = "auto"
IMDS = "imds"
CONFIG_DRIVE = "configdrive"
NOCLOUD = "nocloud"
NONE = "none"

DEFAULT_ORDER = (NOCLOUD, CONFIG_DRIVE, IMDS)
_FORMS = "imds[:URL], configdrive:PATH, nocloud:DIR, none, auto"
_PLATFORM = "tencent cloud"


class Choice:
    """A parsed `--source`: `kind` is AUTO, IMDS, CONFIG_DRIVE, NOCLOUD or NONE.

    `where` is the URL of IMDS, the path of CONFIG_DRIVE and NOCLOUD (of this machine, not of a root),
    None of the others. `order` is the order of AUTO.
    """

    __slots__ = ("kind", "order", "where")

    def __init__(self, kind: str, where: "Optional[str]" = None, order: "Sequence[str]" = ()) -> None:
        self.kind = kind
        self.where = where
        self.order = list(order)

    def __repr__(self) -> str:
        return "Choice(%r, %r, %r)" % (self.kind, self.where, self.order)


class Found:
    """A local source that is there: its kind, its path in `tree`, and its fingerprint."""

    __slots__ = ("fingerprint", "kind", "path", "tree")

    def __init__(self, kind: str, tree: "Tree", path: str, fingerprint: "Any") -> None:
        self.kind = kind
        self.tree = tree
        self.path = path
        self.fingerprint = fingerprint


def parse_source(text: str, order: "Optional[Sequence[str]]" = None) -> Choice:
    """A `--source` value; `order` is the image's configured `sources`. Raises UsageError."""
    kind, colon, where = text.partition(":")
    if kind in (AUTO, NONE) and not colon:
        return Choice(kind, order=parse_order(order) if kind == AUTO else ())
    if kind == IMDS:
        return Choice(kind, _url(text, where) if colon else _default_url())
    if kind in (CONFIG_DRIVE, NOCLOUD) and where:
        import os

        return Choice(kind, os.path.abspath(where))
    raise UsageError("--source %s: no such source" % text, "valid: " + _FORMS)


def parse_order(order: "Optional[Sequence[str]]") -> "List[str]":
    """The configured `sources`, checked; the default where there is none. Raises UsageError."""
    if order is None:
        return list(DEFAULT_ORDER)
    if not isinstance(order, (list, tuple)):
        raise UsageError("sources: not a list", "valid: " + ", ".join(DEFAULT_ORDER))
    for name in order:
        if name not in DEFAULT_ORDER:
            raise UsageError("sources: there is no source %r" % name, "valid: " + ", ".join(DEFAULT_ORDER))
    return list(dict.fromkeys(order))


def _default_url() -> str:
    from tsagent.sources.imds.address import DEFAULT_BASE

    return DEFAULT_BASE


def _url(text: str, url: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    odd = parts.query or parts.fragment or parts.username is not None or any(c.isspace() for c in url)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or odd:
        # The text itself is not shown: it may hold a password.
        shown = text if parts.username is None else "imds:…"
        raise UsageError(
            "--source %s: not a URL of http or https with a host and no more than a path" % shown,
            "for example imds:http://127.0.0.1:8080",
        )
    return url.rstrip("/")


def on_tencent_cloud(dmi: "Any") -> bool:
    """Whether the firmware says so: a DMI value that begins `Tencent Cloud`, in any case.

    `dmi` is the facts' record or any mapping of names to texts. Product name `Tencent Cloud CVM`, or
    vendor `Tencent Cloud` with product `CVM`, are what instances have been seen with.
    """
    values = dict(dmi).items() if dmi else ()
    return any(
        isinstance(value, str) and value.strip().lower().startswith(_PLATFORM)
        for name, value in values
        if name != "source"
    )


def find_local(host: "Host", choice: Choice, dmi: "Any" = None) -> "Optional[Found]":
    """The local source that `choice` leads to, unread: with its fingerprint a known instance needs no more.

    None where there is none, or where the metadata service stands before it in the order and this is
    Tencent Cloud by `dmi`. Raises AgentError `source-unreadable`.
    """
    from tsagent.sources import configdrive, nocloud

    for kind in choice.order if choice.kind == AUTO else [choice.kind]:
        if kind == NOCLOUD:
            tree, path = _place(host, choice, nocloud.find(host.root) if choice.where is None else None)
            if path is not None:
                return Found(kind, tree, path, nocloud.fingerprint(tree, path))
        elif kind == CONFIG_DRIVE:
            tree, path = _place(host, choice, configdrive.find(host.root) if choice.where is None else None)
            if path is not None:
                return Found(kind, tree, path, configdrive.fingerprint(tree, path))
        elif kind == IMDS and on_tencent_cloud(dmi):
            return None
    return None


def _place(host: "Host", choice: Choice, found: "Optional[str]") -> "Any":
    if choice.where is None:
        return host.root, found
    from tsagent.host.tree import Tree

    return Tree("/"), choice.where


def read_local(host: "Host", found: Found) -> "SourceData":
    """Read a local source. Raises AgentError as `nocloud.read` and `configdrive.read` do."""
    from tsagent.sources import configdrive, nocloud

    if found.kind == NOCLOUD:
        return nocloud.read(found.tree, found.path)
    return configdrive.read(host, found.tree, found.path)


def choose_local(host: "Host", choice: Choice, dmi: "Any" = None) -> "Optional[SourceData]":
    """The data of the local source that `choice` leads to, None where there is none.

    A source that is there but cannot be read is an error, not a reason to ask the next: that one would
    make this a different instance.
    """
    found = find_local(host, choice, dmi)
    return read_local(host, found) if found is not None else None


def wants_imds(choice: Choice, dmi: "Any") -> "Optional[str]":
    """The URL of the metadata service to ask at the network stage, None where it is not to be asked.

    Under `auto`, ask only when no local source was found.
    """
    if choice.kind == IMDS:
        return choice.where
    if choice.kind == AUTO and IMDS in choice.order and on_tencent_cloud(dmi):
        return _default_url()
    return None


def service_of(dmi: "Any") -> "Optional[str]":
    """The URL of the metadata service that a machine has by its firmware; None elsewhere."""
    return _default_url() if on_tencent_cloud(dmi) else None


def no_source(choice: Choice) -> AgentError:
    """The error of an instance that nobody speaks for."""
    if choice.kind == AUTO:
        words = "no data source: looked for %s" % ", ".join(choice.order)
        hint = "the metadata service is asked only on Tencent Cloud (by DMI); name one with --source"
        return AgentError(words, "no-source", hint)
    return AgentError("no data source: %s" % choice.kind, "no-source", "valid: " + _FORMS)
