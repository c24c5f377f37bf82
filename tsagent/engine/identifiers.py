"""The names by which the journal knows changes."""

from tsagent.digests import sha256
from tsagent.quickjson import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Sequence

    from tsagent.changes.base import Change


def identify(module: str, changes: "Sequence[Change]") -> None:
    """Give each change its id: module, type, target and a digest of its non-secret payload.

    Ids are unique within a plan: changes that are alike in all of these are numbered in their order.
    """
    seen: "Dict[str, int]" = {}
    for change in changes:
        change.module = module
        name = "%s:%s:%s:%s" % (module, change.type, change.target, _digest(change))
        seen[name] = seen.get(name, 0) + 1
        change.id = name if seen[name] == 1 else "%s#%d" % (name, seen[name])


def _digest(change: "Change") -> str:
    # crc32 would do to tell plans apart, but a target may come from outside: make clashes hard.
    text = dumps(change.payload(), sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
