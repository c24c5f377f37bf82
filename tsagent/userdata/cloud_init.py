"""What becomes of cloud-init's modules and top-level keys here: the table `cloud_init.json`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List

WORKS, DIFFERS, NOT_HERE = "works", "differs", "not-here"
STATES = (WORKS, DIFFERS, NOT_HERE)


def table() -> "Dict[str, Any]":
    """The whole table: `modules` (name, keys, modules of ours, state, words) and `other_keys`."""
    import json
    import os

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cloud_init.json")
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)  # type: ignore[no-any-return]


def recognised_keys() -> "Dict[str, str]":
    """cloud-init's top-level keys, each with the reason why nothing comes of it where no module has it."""
    data = table()
    known = {}
    for row in data["modules"]:
        reason = row.get("words") if row["state"] == NOT_HERE else None
        for key in row["keys"]:
            known[key] = reason or "the module %s is not on this machine" % " or ".join(row["modules"])
    for group in data["other_keys"]:
        known.update((key, group["words"]) for key in group["keys"])
    return known


def key_states(modules: "Iterable[Any]", schemas: "Iterable[Dict[str, Any]]") -> "List[Dict[str, Any]]":
    """Every top-level key with its module and state, by name.

    `modules` are `ModuleInfo`s, `schemas` the parsed schema of each, in the same order. A state is `works`,
    `deprecated`, `no-effect` (a module has it, and says why nothing comes of it) or `not-here`.
    """
    keys: "Dict[str, Dict[str, Any]]" = {}
    for info, schema in zip(modules, schemas):
        properties = schema.get("properties") or {}
        for key in sorted(set(info.keys) | set(properties)):
            entry = keys.setdefault(key, {"key": key, "modules": [], "state": WORKS, "reason": ""})
            if key in info.keys:
                entry["modules"].append(info.name)
            said = properties.get(key, {}).get("x-tsagent") or {}
            if said.get("deprecated"):
                entry["state"], entry["reason"] = "deprecated", str(said["deprecated"])
            elif said.get("no_effect"):
                entry["state"], entry["reason"] = "no-effect", str(said["no_effect"])
    for key, reason in recognised_keys().items():
        keys.setdefault(key, {"key": key, "modules": [], "state": NOT_HERE, "reason": reason})
    return [keys[key] for key in sorted(keys)]
