"""What is said of a key that no schema has: whether it is known elsewhere, and what was likely meant."""

from tsagent.userdata import pointer as pointers
from tsagent.userdata.expected import close
from tsagent.userdata.problem import WARNING, Problem, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

OWN_KEYS_FILE = "own_keys.json"
MAX_GUESSES = 50  # of one configuration: looking for a likely key takes a millisecond


class TopLevel:
    """The top-level keys of a configuration that no module has."""

    def __init__(self, by_key: "Dict[str, List[Dict[str, Any]]]") -> None:
        self.by_key = by_key
        self.recognised: "Optional[Dict[str, str]]" = None
        self.own: "Optional[Dict[str, Any]]" = None
        self.guesses = 0

    def own_schema(self, key: str) -> "Optional[Dict[str, Any]]":
        """The schema of the keys that the reading of user data acts on, where this is one of them."""
        if self.own is None:
            self.own = own_schema()
        return self.own if key in self.own["properties"] else None

    def problem(self, key: str) -> Problem:
        """The warning for a top-level key."""
        if self.recognised is None:
            from tsagent.userdata.cloud_init import recognised_keys

            self.recognised = recognised_keys()
        path = pointers.join([key])
        if key in self.recognised:
            message = "recognised, not acted on here: %s" % self.recognised[key]
            return Problem(WARNING, path, message, rule="not-here")
        message = 'the key "%s" is not known' % shown(key)
        self.guesses += 1
        if self.guesses <= MAX_GUESSES:
            likely = close(key, self.by_key) or close(key, self.recognised)
            if likely is not None:
                message += ': did you mean "%s"?' % likely
            else:
                above = self.section_of(key)
                if above is not None:
                    message += ': it belongs below "%s", check the indentation' % above
        return Problem(WARNING, path, message, rule="unknown-key")

    def section_of(self, key: str) -> "Optional[str]":
        """The one top-level key that has this key somewhere below it; None for none or several."""
        found = [top for top in self.by_key if any(has_property(s, top, key) for s in self.by_key[top])]
        return found[0] if len(found) == 1 else None


def own_schema() -> "Dict[str, Any]":
    """The schema of the keys that the reading of user data itself acts on."""
    import json
    import os

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), OWN_KEYS_FILE)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)  # type: ignore[no-any-return]


def has_property(root: "Dict[str, Any]", top: str, key: str) -> bool:
    """Whether a mapping below the top-level key `top` has `key` among its properties."""
    from tsagent.userdata.expected import resolve

    seen = set()
    left: "List[Any]" = [root["properties"][top]]
    while left:
        schema = resolve(left.pop(), root)
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        below = schema.get("properties") or {}
        if key in below:
            return True
        left.extend(below.values())
        left.extend((schema.get("patternProperties") or {}).values())
        for word in ("oneOf", "anyOf", "allOf"):
            left.extend(schema.get(word) or ())
        items = schema.get("items")
        left.extend(items if isinstance(items, list) else [items])
        left.append(schema.get("additionalProperties"))
    return False
