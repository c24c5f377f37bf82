"""Certificates of authorities: those that are to be trusted, and the distribution's that are not."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Probe
from tsagent.changes.debconf import SetDebconf
from tsagent.changes.files import EditFile, RemoveFile, WriteFile
from tsagent.changes.root_tools import RunInRoot

from .pem import NoCertificate, armored, certificates, in_bundle
from .stores import NAME, store_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

    from .stores import Store

_NOTE = b"# What is deselected with ! below is not trusted: remove_defaults of ca_certs asks for it."
_QUESTION = "ca-certificates ca-certificates/trust_new_crts select no"
_KEPT = ("README",)


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Files of certificates, then the tool that makes the bundle of them."""
    settings = _settings(context)
    remove = bool(settings.get("remove_defaults", settings.get("remove-defaults", False)))
    wanted = _wanted(context, settings.get("trusted"))
    if not (remove or wanted):
        return context.nothing("no certificate is to be added, and none to be removed")
    store = store_of(context)
    if store is None:
        context.warn("ca_certs is left out: it is not known where this system keeps what it trusts")
        return context.nothing("the trust store of this system is not known")
    return _changes(context, store, wanted, remove)


def _settings(context: "Context") -> "Dict[str, Any]":
    new, old = context.settings.get("ca_certs"), context.settings.get("ca-certs")
    if new is not None and old is not None:
        context.warn("ca-certs is left out: ca_certs stands beside it")
    settings = new if new is not None else old
    return settings if isinstance(settings, dict) else {}


def _wanted(context: "Context", trusted: "Any") -> "List[Tuple[str, bytes]]":
    """(name of its file, DER) of each certificate that is to be trusted, each once."""
    wanted: "List[Tuple[str, bytes]]" = []
    seen: "Dict[bytes, str]" = {}
    for index, text in enumerate(trusted if isinstance(trusted, list) else [trusted] if trusted else []):
        place = "ca_certs.trusted[%d]" % index
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        try:
            found = certificates(str(text))
        except NoCertificate as error:
            context.warn("%s is left out: %s" % (place, error))
            continue
        for number, der in enumerate(found):
            if der in seen:
                context.choose(place, "left out", "%s is the same certificate" % seen[der])
                continue
            seen[der] = place
            count = str(index + 1) if not number else "%d-%d" % (index + 1, number + 1)
            wanted.append((NAME % count, der))
    return wanted


def _changes(
    context: "Context", store: "Store", wanted: "List[Tuple[str, bytes]]", remove: bool
) -> "Iterator[Change]":
    if remove:
        yield from _removals(context, store, [name for name, _ in wanted])
    for name, der in wanted:
        path = "%s/%s" % (store.anchors, name)
        yield WriteFile(path, armored(der), 0o644, "root", "root", reason="ca_certs")
    if not store.installed(context):
        context.warn(
            "%s is not installed: the certificates count once the package ca-certificates is" % store.tool
        )
        return
    nothing = remove and store.configuration is not None and not wanted and not _local(context, store)
    run = RunInRoot(
        [store.tool],
        "have programs trust what ca_certs says",
        enter=context.commands == "chroot",
        check=_no_links(store) if nothing else _look(store, wanted, remove),
        hint="only certificates of authorities are taken: openssl x509 -text shows CA:TRUE",
        reason="ca_certs",
    )
    yield run
    if nothing:
        # Debian's tool keeps the bundle of before where nothing is left to put into one.
        reason = "ca_certs: nothing is trusted"
        yield WriteFile(store.bundle, b"", 0o644, "root", "root", reason=reason, requires=[run])


def _removals(context: "Context", store: "Store", names: "List[str]") -> "Iterator[Change]":
    reason = "ca_certs: remove_defaults"
    if store.configuration:
        yield EditFile(
            store.configuration,
            deselected,
            "none of the distribution's certificates is selected",
            reason=reason,
        )
        if context.exists("/usr/bin/debconf-set-selections"):
            # Else an upgrade of the package selects those that it brings.
            yield SetDebconf(
                "trust_new_crts", _QUESTION, enter=context.commands == "chroot", secret=False, reason=reason
            )
    for directory in store.sources:
        for name in context.listdir(directory):
            path = "%s/%s" % (directory, name)
            if name in _KEPT or (directory == store.anchors and name in names) or context.listdir(path):
                continue
            if path in store.sources or name in ("anchors", "blacklist", "blocklist"):
                continue
            yield RemoveFile(path, reason=reason)


def deselected(current: "Optional[bytes]") -> "Optional[bytes]":
    """The configuration of Debian's ca-certificates with every certificate of the distribution deselected."""
    if current is None:
        return None
    rows = current.splitlines()
    if any(row.strip() and row[:1] not in (b"#", b"!") for row in rows) and _NOTE not in rows:
        rows = [_NOTE] + rows
    rows = [row if not row.strip() or row[:1] in (b"#", b"!") else b"!" + row for row in rows]
    return b"\n".join(rows) + (b"\n" if rows else b"")


def _local(context: "Context", store: "Store") -> bool:
    """Whether an administrator's own certificates are there; a directory is taken for one with some."""
    names = context.listdir(store.anchors)
    return any(name.endswith(".crt") or context.listdir("%s/%s" % (store.anchors, name)) for name in names)


def _no_links(store: "Store") -> "Callable[[Host], Probe]":
    """Whether no link beside the bundle leads to a certificate of the distribution."""
    directory = store.bundle.rpartition("/")[0]

    def look(host: "Host") -> Probe:
        count = 0
        try:
            for name in host.root.listdir(directory):
                try:
                    count += host.root.readlink("%s/%s" % (directory, name)).startswith(store.shipped + "/")
                except OSError:
                    continue  # no link
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        return (
            Probe(DIFFERS, "%d of the distribution's are in %s" % (count, directory))
            if count
            else Probe(CONVERGED)
        )

    return look


def _look(store: "Store", wanted: "List[Tuple[str, bytes]]", remove: bool) -> "Callable[[Host], Probe]":
    """Whether the bundle holds what is wanted, and nothing that is not."""

    def look(host: "Host") -> Probe:
        try:
            held = set(in_bundle(host.root.read(store.bundle)))
        except FileNotFoundError:
            return Probe(DIFFERS, "%s is absent" % store.bundle)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        missing = [name for name, der in wanted if der not in held]
        if missing:
            return Probe(DIFFERS, "%s is not in %s" % (", ".join(missing[:3]), store.bundle))
        if remove:
            unwanted = held.difference(der for _, der in wanted)
            if store.configuration:
                unwanted &= _shipped(host, store)
            if unwanted:
                return Probe(DIFFERS, "%d of the distribution's are in %s" % (len(unwanted), store.bundle))
        return Probe(CONVERGED)

    return look


def _shipped(host: "Host", store: "Store") -> "Set[bytes]":
    """The certificates of the distribution that its configuration deselects."""
    found: "Set[bytes]" = set()
    for line in (host.root.text(str(store.configuration)) or "").splitlines():
        if line.startswith("!"):
            try:
                found.update(in_bundle(host.root.read("%s/%s" % (store.shipped, line[1:].strip()))))
            except OSError:
                continue
    return found
