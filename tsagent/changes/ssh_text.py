"""The text files of ssh: authorized_keys lines and sshd_config, as pure functions.

Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT", and sshd_config(5).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence

_KINDS = ("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")
_REDIRECTS = "Please login as the user"  # in the command of a key that lets nobody in


class PublicKey:
    """One line of authorized_keys: what it allows, the key, and whose it says it is."""

    __slots__ = ("blob", "comment", "kind", "options")

    def __init__(self, options: str, kind: str, blob: str, comment: str) -> None:
        self.options = options
        self.kind = kind
        self.blob = blob
        self.comment = comment

    def data(self) -> bytes:
        """The key itself, out of its base64."""
        import binascii

        return binascii.a2b_base64(self.blob.encode("ascii"))

    def option_names(self) -> "List[str]":
        """The options without what they are set to."""
        names: "List[str]" = []
        quoted = False
        word = ""
        for index, letter in enumerate(self.options + ","):
            if letter == '"' and self.options[index - 1 : index] != "\\":
                quoted = not quoted
            if letter == "," and not quoted:
                names.append(word.split("=", 1)[0])
                word = ""
            else:
                word += letter
        return [name for name in names if name]


def parse_public_key(line: str) -> "Optional[PublicKey]":
    """The parts of an authorized_keys line; None for a comment or what is no key."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    options, rest = "", line
    if not line.startswith(_KINDS):
        end = _options_end(line)
        options, rest = line[:end], line[end:].lstrip()
    words = rest.split(None, 2)
    if len(words) < 2 or not words[0].startswith(_KINDS) or not _is_key(words[0], words[1]):
        return None
    return PublicKey(options, words[0], words[1], words[2].strip() if len(words) > 2 else "")


def with_options(line: str, options: str) -> "Optional[str]":
    """The key of a line under other options."""
    key = parse_public_key(line)
    if key is None:
        return None
    return " ".join(part for part in (options, key.kind, key.blob, key.comment) if part)


def merge_authorized_keys(current: bytes, keys: "Sequence[str]", override: bool = False) -> bytes:
    """The file with `keys` in it: lines there stay in their order, a key there is not added again.

    With `override` a key that is there takes the line given for it; so does one that only says whom to
    log in as instead (an earlier instance's).
    """
    lines = current.decode("utf-8", "surrogateescape").split("\n")
    if lines[-1] == "":
        lines.pop()
    place: "Dict[str, int]" = {}
    for index, line in enumerate(lines):
        key = parse_public_key(line)
        if key is not None:
            place.setdefault(key.blob, index)
    for line in keys:
        key = parse_public_key(line)
        if key is None:
            continue
        if key.blob not in place:
            place[key.blob] = len(lines)
            lines.append(line.strip())
        elif override or _REDIRECTS in lines[place[key.blob]]:
            lines[place[key.blob]] = line.strip()
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")


def set_sshd_option(config: "Optional[bytes]", name: str, value: str) -> "Optional[bytes]":
    """sshd_config with an option set for all: at its first place outside Match blocks, or ahead of them.

    sshd takes the first value it reads; further ones outside Match blocks are commented out. None where
    there is no configuration.
    """
    if config is None:
        return None
    lines = config.decode("utf-8", "surrogateescape").splitlines(True)
    wanted = "%s %s\n" % (name, value)
    result: "List[str]" = []
    done = False
    matched = False
    for line in lines:
        keyword, argument = _directive(line)
        if keyword == "match" and not matched:
            matched = True
            if not done:
                result.append(wanted)
                done = True
        elif keyword == name.lower() and not matched:
            if done:
                line = "#" + line
            elif argument.lower() != value.lower():
                line = wanted
            done = True
        result.append(line)
    if not done:
        if result and not result[-1].endswith("\n"):
            result[-1] += "\n"
        result.append(wanted)
    return "".join(result).encode("utf-8", "surrogateescape")


def sshd_option(config: "Optional[bytes]", name: str) -> "Optional[str]":
    """The first value of an option outside Match blocks; None where the default holds."""
    for line in (config or b"").decode("utf-8", "surrogateescape").splitlines():
        keyword, argument = _directive(line)
        if keyword == "match":
            return None
        if keyword == name.lower():
            return argument
    return None


def keys_file(config: "Optional[bytes]", user: str) -> str:
    """Where sshd looks for a user's keys: the first of AuthorizedKeysFile, `%h` standing for the home."""
    configured = (sshd_option(config, "AuthorizedKeysFile") or "").split()
    pattern = configured[0] if configured else ""
    if pattern in ("", "none") or "%" in pattern.replace("%h", "").replace("%u", ""):
        pattern = "%h/.ssh/authorized_keys"
    pattern = pattern.replace("%u", user)
    return pattern if pattern.startswith(("/", "%h/")) else "%h/" + pattern


def reads_drop_ins(config: "Optional[bytes]", name: str) -> bool:
    """Whether drop-ins are read, and ahead of any value of `name` in the file itself."""
    for line in (config or b"").decode("utf-8", "surrogateescape").splitlines():
        keyword, argument = _directive(line)
        if keyword in ("match", name.lower()):
            return False
        if keyword == "include" and "sshd_config.d/*.conf" in argument:
            return True
    return False


def _directive(line: str) -> "Sequence[str]":
    """The keyword, in lower case, and the argument of a line; both empty for a comment."""
    words = line.strip().replace("=", " ", 1).split(None, 1)
    if not words or words[0].startswith("#"):
        return "", ""
    return words[0].lower(), words[1].strip().strip('"') if len(words) > 1 else ""


def _options_end(line: str) -> int:
    """Where the options of a line end: at the first blank that is not within quotes."""
    quoted = False
    for index, letter in enumerate(line):
        if letter == '"' and line[index - 1 : index] != "\\":
            quoted = not quoted
        elif letter in " \t" and not quoted:
            return index
    return len(line)


def _is_key(kind: str, blob: str) -> bool:
    """Whether a blob is base64 of a key that says it is of this kind."""
    import binascii

    try:
        data = binascii.a2b_base64(blob.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return False
    size = int.from_bytes(data[:4], "big")
    return data[4 : 4 + size] == kind.split("-cert-")[0].encode("ascii") or (
        "-cert-" in kind and data[4 : 4 + size] == kind.encode("ascii")
    )
