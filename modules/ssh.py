"""The ssh server's host keys: a new instance has its own, never those of the image it was made from."""

from tsagent.changes.files import EditFile, RemoveFile, WriteFile
from tsagent.changes.ssh import DIRECTORY, KEY_TYPES, GenerateHostKey, InstallHostKey, host_key_path
from tsagent.changes.ssh_text import reads_drop_ins
from tsagent.people import switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Sequence, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

CONFIG = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/40-tsagent-host-certificates.conf"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Plan one pair a type, each replaced in one step; what is left of the image's is removed after that."""
    if context.live and not context.exists("/usr/sbin/sshd") and not context.exists(CONFIG):
        return context.nothing("no ssh server is installed")
    if context.provisional:
        return _missing(context)
    return _keys(context)


def _missing(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """It is not known yet which instance this is: what is there may be its own."""
    kinds = _kinds(context)
    if all(context.exists(host_key_path(kind)) for kind in kinds):
        return context.nothing("the instance is not known yet; the host keys that are there stay")
    # Each looks for itself whether its key is missing: a plan made again after a crash is the same plan.
    return iter([GenerateHostKey(kind, False, "the instance is not known yet") for kind in kinds])


def _keys(context: "Context") -> "Iterator[Change]":
    settings = context.settings
    replace = switch(settings.get("ssh_deletekeys")) is not False
    made: "List[Change]" = []
    certificates: "Dict[str, str]" = {}
    given = _given(context, replace)
    published = settings.get("ssh_publish_hostkeys")
    if isinstance(published, dict) and published.get("enabled", True):
        context.choose("ssh_publish_hostkeys", "not published", "there is no place to publish host keys to")
    if given:
        for kind, parts in given.items():
            if "private" in parts:
                made.append(InstallHostKey(kind, parts["private"], parts.get("public"), "ssh_keys"))
            if parts.get("certificate"):
                certificates[kind] = parts["certificate"]
    else:
        reason = "a new instance" if replace else "missing"
        made = [GenerateHostKey(kind, replace, reason) for kind in _kinds(context)]
    yield from made
    written = []
    for kind, text in sorted(certificates.items()):
        path = host_key_path(kind) + "-cert.pub"
        needs = [change for change in made if change.target == host_key_path(kind)]
        content = text.strip() + "\n"
        written.append(WriteFile(path, content, 0o644, "root", "root", reason="ssh_keys", requires=needs))
    yield from written
    if written:
        yield _certificates(context, sorted(certificates), written)
    if replace:
        kept = [str(change.target) for change in made]
        kept += [path + ".pub" for path in kept]
        kept += [host_key_path(kind) + "-cert.pub" for kind in certificates]
        for name in context.listdir(DIRECTORY):
            path = "%s/%s" % (DIRECTORY, name)
            if name.startswith("ssh_host_") and "_key" in name and path not in kept:
                yield RemoveFile(path, "ssh_deletekeys: it belongs to the image", made)


def _kinds(context: "Context") -> "List[str]":
    """The types to make: those asked for, else all; no ed25519 where the kernel enforces FIPS 140."""
    asked = context.settings.get("ssh_genkeytypes")
    known = [str(kind) for kind in asked if kind in KEY_TYPES] if isinstance(asked, list) else []
    if isinstance(asked, list) and len(known) < len(asked):
        context.warn("ssh_genkeytypes: only %s can be made" % ", ".join(KEY_TYPES))
    kinds = list(dict.fromkeys(known)) or list(KEY_TYPES)
    why = "ssh_genkeytypes" if known else "every type the server takes"
    if context.hardware_text("/proc/sys/crypto/fips_enabled") == "1" and kinds != ["ed25519"]:
        kinds = [kind for kind in kinds if kind != "ed25519"]
        why += ", without ed25519: FIPS mode"
    chosen: "List[str]" = context.choose("ssh_genkeytypes", kinds, why)
    return chosen


def _given(context: "Context", replace: bool) -> "Dict[str, Dict[str, str]]":
    """What ssh_keys gives, by type: key pairs, and certificates of keys that are there and stay.

    A public key or certificate whose private key is not to be had is left out.
    """
    keys = context.settings.get("ssh_keys")
    found: "Dict[str, Dict[str, str]]" = {}
    for name, value in sorted(keys.items()) if isinstance(keys, dict) else ():
        kind, _, part = str(name).partition("_")
        if kind not in KEY_TYPES or part not in ("private", "public", "certificate"):
            context.warn("ssh_keys: %s is not understood; left out" % name)
        elif isinstance(value, str) and value.strip():
            found.setdefault(kind, {})[part] = value
    for kind in [kind for kind, parts in found.items() if "private" not in parts]:
        if not replace and "certificate" in found[kind] and context.exists(host_key_path(kind)):
            continue
        context.warn("ssh_keys: %s_private is missing; what there is of %s is left out" % (kind, kind))
        del found[kind]
    return found


def _certificates(context: "Context", kinds: "List[str]", written: "Sequence[Change]") -> "Change":
    paths = [host_key_path(kind) + "-cert.pub" for kind in kinds]
    config = context.read(CONFIG)
    if config is None or reads_drop_ins(config, "HostCertificate"):
        text = "# Made by tsagent from ssh_keys.\n" + "".join("HostCertificate %s\n" % path for path in paths)
        return WriteFile(DROP_IN, text, 0o600, "root", "root", reason="ssh_keys", requires=written)

    def edit(current: "Optional[bytes]") -> "Optional[bytes]":
        # One line each: sshd takes all of them, unlike other options.
        for path in paths:
            line = ("HostCertificate %s\n" % path).encode("ascii")
            if current is not None and line not in current:
                current = line + current
        return current

    return EditFile(CONFIG, edit, "HostCertificate " + ", ".join(paths), reason="ssh_keys", requires=written)
