"""Keys of sources: given as they are, or to be fetched by their IDs."""

from tsagent.changes.apt import FetchAptKey
from tsagent.changes.files import WriteFile
from tsagent.changes.openpgp import NoKey, key_id, public_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context

SERVER = "keyserver.ubuntu.com"
TRUSTED = "/etc/apt/trusted.gpg.d"  # for every source
KEYRINGS = "/etc/apt/keyrings"  # for those that name it


class Keys:
    """Collects the changes that bring keys."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._by_path: "Dict[str, Change]" = {}

    @property
    def changes(self) -> "List[Change]":
        """What brings the keys."""
        return list(self._by_path.values())

    def add(self, place: str, entry: "Dict[str, Any]", name: str, named: bool) -> "Optional[Change]":
        """What brings the key of an entry, if it has one that can be had.

        `named`: the source says where its key is, and no other source is to trust it.
        """
        path = "%s/%s.gpg" % (KEYRINGS if named else TRUSTED, stem(name))
        given, wanted = entry.get("key"), entry.get("keyid")
        try:
            if given:
                data = public_keys(given if isinstance(given, bytes) else str(given))
                change: "Change" = WriteFile(path, data, 0o644, "root", "root", reason=place)
            elif wanted:
                server = str(entry.get("keyserver") or SERVER)
                change = FetchAptKey(path, key_id(str(wanted)), server, reason=place)
            else:
                return None
        except NoKey as error:
            self._context.warn("%s.%s is left out: %s" % (place, "key" if given else "keyid", error))
            return None
        other = self._by_path.get(path)
        if other is not None and (other.type, other.payload()) != (change.type, change.payload()):
            self._context.warn("%s: its key is left out: another entry has one of the same name" % place)
            return None
        return self._by_path.setdefault(path, change)


def stem(name: str) -> str:
    """A file's name without directory and ending, of letters that apt takes."""
    last = name.rstrip("/").rpartition("/")[2]
    head, dot, _ = last.rpartition(".")
    return safe(head if dot and head else last)


def safe(name: str) -> str:
    """A name that apt does not pass over. Source: sources.list(5): letters, digits, - _ and full stops."""
    kept = "".join(
        letter if (letter.isalnum() and ord(letter) < 128) or letter in "-_." else "_" for letter in name
    )
    return kept.lstrip(".") or "source"
