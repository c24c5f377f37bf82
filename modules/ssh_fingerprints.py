"""The host keys and the keys of users, on the console: the machine's owner may compare them there."""

from tsagent.changes.console import ShowOnConsole
from tsagent.changes.ssh import DIRECTORY
from tsagent.changes.ssh_fingerprint import DIGESTS, fingerprint, key_bits, kind_name
from tsagent.changes.ssh_text import keys_file, parse_public_key
from tsagent.people import switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Set, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.changes.ssh_text import PublicKey
    from tsagent.registry.context import Context, Nothing

_RULE = "#" * 61
_FIRST_USER = 1000  # the first id that is not the system's. Source: login.defs(5), UID_MIN
_NOBODY = 65534
_USERS_LIMIT = 100  # of a machine with more, nobody reads them on a console
_KEYS_LIMIT = 100


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """At most two changes: what the machine is known by, and who is let in."""
    settings = context.settings
    section = settings.get("ssh")
    emit = section.get("emit_keys_to_console") if isinstance(section, dict) else None
    if emit is None:
        emit = settings.get("emit_keys_to_console")
    emit, quiet = switch(emit), switch(settings.get("no_ssh_fingerprints"))
    changes: "List[Change]" = []
    if emit is not False:
        lines = _host_keys(context)
        if lines:
            changes.append(ShowOnConsole("\n".join(lines), "the host keys", "ssh: emit_keys_to_console"))
    if not quiet:
        lines = _user_keys(context)
        if lines:
            changes.append(
                ShowOnConsole("\n".join(lines), "the fingerprints of users' keys", "no_ssh_fingerprints")
            )
    if emit is False and quiet:
        return context.nothing("neither host keys nor fingerprints are wanted")
    return changes or context.nothing("there are no ssh keys to show")


def _host_keys(context: "Context") -> "List[str]":
    """The fingerprints and the keys, between the lines by which programs find them on a console."""
    without_print = _words(context, "ssh_fp_console_blacklist")
    without_key = _words(context, "ssh_key_console_blacklist")
    prints: "List[str]" = []
    keys: "List[str]" = []
    for name in context.listdir(DIRECTORY):
        if not (name.startswith("ssh_host_") and name.endswith("_key.pub")):
            continue
        text = context.text("%s/%s" % (DIRECTORY, name), "") or ""
        key = parse_public_key(text)
        if key is None:
            continue
        blob = key.data()
        shown = fingerprint(blob)
        names = {key.kind, kind_name(key.kind).lower(), shown.lower(), shown.split(":", 1)[1].lower()}
        if without_print or without_key:
            names |= _in_hexadecimal(blob)
        if not names & set(without_print):
            kind = kind_name(key.kind)
            prints.append("%d %s %s (%s)" % (key_bits(blob), shown, key.comment or "no comment", kind))
        if not names & set(without_key):
            keys.append(" ".join(part for part in (key.kind, key.blob, key.comment) if part))
    lines: "List[str]" = []
    if prints:
        lines += [_RULE, "-----BEGIN SSH HOST KEY FINGERPRINTS-----"] + prints
        lines += ["-----END SSH HOST KEY FINGERPRINTS-----", _RULE]
    if keys:
        lines += ["-----BEGIN SSH HOST KEY KEYS-----"] + keys + ["-----END SSH HOST KEY KEYS-----"]
    return lines


def _in_hexadecimal(blob: bytes) -> "Set[str]":
    """A key's MD5 and SHA-1 fingerprints in hexadecimal digits, in pairs and without."""
    import hashlib

    names: "Set[str]" = set()
    for digest in ("md5", "sha1"):
        try:
            digits = hashlib.new(digest, blob).hexdigest()
        except ValueError:
            continue  # a system in FIPS mode
        pairs = ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))
        names |= {digits, pairs, "%s:%s" % (digest, pairs)}
    return names


def _words(context: "Context", key: str) -> "List[str]":
    value = context.settings.get(key)
    return [str(word).strip().lower() for word in value] if isinstance(value, list) else []


def _user_keys(context: "Context") -> "List[str]":
    digest = _digest(context)
    config = context.read("/etc/ssh/sshd_config")
    lines: "List[str]" = []
    for name, home in _accounts(context):
        path = keys_file(config, name).replace("%h", home.rstrip("/"))
        try:
            text = (context.read(path) or b"").decode("utf-8", "replace")
        except OSError:
            continue  # a user's own doing, such as a link in a circle
        keys = [key for key in map(parse_public_key, text.splitlines()) if key is not None]
        if keys:
            lines.append("Keys that let %s in (%s):" % (name, path))
            lines += ["  " + _shown(key, digest) for key in keys[:_KEYS_LIMIT]]
    return lines


def _digest(context: "Context") -> str:
    asked = str(context.settings.get("authkey_hash") or "sha256").lower().replace("-", "")
    try:
        fingerprint(b"", asked)
    except ValueError:
        known = asked in DIGESTS
        words = "this system refuses it" if known else "it is none of " + ", ".join(DIGESTS)
        context.warn("authkey_hash: %s; sha256 is used" % words)
        return "sha256"
    return asked


def _shown(key: "PublicKey", digest: str) -> str:
    """A key without its options' values: a forced command may hold what is not for a console."""
    words = [key.kind, fingerprint(key.data(), digest)]
    if key.options:
        words.append("[%s]" % ",".join(key.option_names()))
    if key.comment:
        words.append("".join(letter if letter.isprintable() else "?" for letter in key.comment))
    return " ".join(words)


def _accounts(context: "Context") -> "Iterator[Tuple[str, str]]":
    """The names and homes of root and of people's accounts, in the order of /etc/passwd."""
    left = _USERS_LIMIT
    for line in (context.read("/etc/passwd") or b"").decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) < 7 or not fields[2].isdigit() or not fields[5].startswith("/"):
            continue
        uid = int(fields[2])
        if (uid == 0 or (uid >= _FIRST_USER and uid != _NOBODY)) and left:
            left -= 1
            yield fields[0], fields[5]
