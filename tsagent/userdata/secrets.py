"""Secret values of a configuration: finding them for redaction, masking them for display."""

from tsagent.userdata.schemawalk import extension, pairs_of, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set, Tuple

MASK = "***"
# Shorter ones stand in any text by chance: hiding them would destroy every report.
SHORTEST = 4
SHORTEST_LINE = 8
SHORTEST_USER = 16  # of an address that names a user and no password: a longer one is mostly a token

PASSWORD_OPTIONS = ("password", "pass", "password2")  # Source: mount.cifs(8)
_NAMES = r"(?<!ch)passw|secret|token|credential|private|api_?key|access_?key|auth_?key|passphrase"


def secret_places(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]") -> "List[Tuple[Any, ...]]":
    """The paths of the values that a schema marks secret."""
    found: "List[Tuple[Any, ...]]" = []

    def visit(steps: "List[Any]", _value: "Any", schema: "Dict[str, Any]") -> bool:
        if extension(schema).get("secret"):
            found.append(tuple(steps))
            return True
        return False

    walk(config, schemas, visit)
    return found


def secret_values(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]") -> "Set[str]":
    """Every text to blank out of reports: the secret values, and the longer lines of those with several.

    Left out are those that the schema marks `redact: false`.
    """
    values: "Set[str]" = {word for text in _texts(config) for word in inner_secrets(text)}
    shown_by_name = _unredacted(config, schemas)
    for steps in secret_places(config, schemas):
        value: "Any" = config
        for step in steps:
            value = value[step]
        if steps in shown_by_name:
            continue
        for text in _texts(value):
            if len(text) >= SHORTEST:
                values.add(text)
            if "\n" in text:
                values.update(
                    line.strip() for line in text.splitlines() if len(line.strip()) >= SHORTEST_LINE
                )
    return values


def inner_secrets(text: str) -> "List[str]":
    """What no schema can mark, as it stands within a text: passwords of addresses, and of mount options."""
    found: "List[str]" = []
    if "://" in text and "@" in text:
        for place in text.split("://")[1:]:
            place = (place.split(None, 1) or [""])[0]
            for mark in "/?#\"'":
                place = place.partition(mark)[0]
            user, colon, password = place.rpartition("@")[0].partition(":")
            if colon:
                found.append(password)
            elif len(user) >= SHORTEST_USER:
                found.append(user)
    if "pass" in text and "=" in text:
        for word in text.split(","):
            name, _, value = word.strip().partition("=")
            if name in PASSWORD_OPTIONS:
                found.append(value)
    return [word for word in found if len(word) >= SHORTEST]


def _unredacted(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]") -> "Set[Tuple[Any, ...]]":
    """Secrets that no message ever quotes, such as a file's content: its words may be ordinary ones."""
    found: "Set[Tuple[Any, ...]]" = set()

    def visit(steps: "List[Any]", _value: "Any", schema: "Dict[str, Any]") -> bool:
        words = extension(schema)
        if words.get("secret") and words.get("redact") is False:
            found.add(tuple(steps))
        return bool(words.get("secret"))

    walk(config, schemas, visit)
    return found


def _texts(value: "Any") -> "List[str]":
    """The scalars in a value, as text; flags and nothing are no secrets."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace")]
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]


def mask(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]") -> "Dict[str, Any]":
    """A copy with "***" for each secret: those that schemas mark, and those that their names tell."""
    masked: "Dict[str, Any]" = _masked(config, pairs_of(secret_places(config, schemas)), False)
    return masked


def _names_secret(key: str, value: "Any") -> bool:
    # `chpasswd` holds a mapping with flags; text in its place is what should have stood in its list.
    import re  # not at every boot

    return bool(re.search(_NAMES, key, re.IGNORECASE)) or (isinstance(value, str) and "passw" in key.lower())


def _masked(value: "Any", tree: "Any", named: bool) -> "Any":
    if tree is None and value is not None:
        return MASK
    below = tree or {}
    if isinstance(value, dict):
        return {
            key: _masked(
                item, below.get(key, {}), named or (isinstance(key, str) and _names_secret(key, item))
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, below.get(index, {}), named) for index, item in enumerate(value)]
    if named and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        for word in inner_secrets(value):
            value = value.replace(word, MASK)
    return value
