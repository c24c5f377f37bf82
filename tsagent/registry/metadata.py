"""What a module's schema file says about the module, read without importing it."""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

STAGES = ("local", "network", "final")
FREQUENCIES = ("always", "instance", "once")


class ModuleInfo:
    """A module as the engine knows it before loading it.

    `after` orders only; `requires` also skips this module when what it names has failed.
    `scripts` are the kinds of the user's scripts it runs, `directories` where more of them may lie; `reads`
    are the keys of other modules whose values it gets.
    `path` and `schema_path` lie inside the root unless `shipped`. `time_limit` is in seconds, 0 for none.
    `section`: the module has a key of its own name that holds a mapping. `provisional`: it may run while
    it is not known which instance this is.
    """

    fields = (
        "name",
        "path",
        "schema_path",
        "directory",
        "shipped",
        "title",
        "stage",
        "after",
        "requires",
        "provides",
        "locks",
        "frequency",
        "time_limit",
        "keys",
        "reads",
        "scripts",
        "directories",
        "only_with_keys",
        "provisional",
        "section",
    )

    def __init__(self, data: "Dict[str, Any]") -> None:
        self.name: "str" = data["name"]
        self.path: "str" = data["path"]
        self.schema_path: "str" = data["schema_path"]
        self.directory: "str" = data["directory"]
        self.shipped: "bool" = data["shipped"]
        self.title: "str" = data["title"]
        self.stage: "str" = data["stage"]
        self.after: "List[str]" = data["after"]
        self.requires: "List[str]" = data["requires"]
        self.provides: "List[str]" = data["provides"]
        self.locks: "List[str]" = data["locks"]
        self.frequency: "str" = data["frequency"]
        self.time_limit: "float" = data["time_limit"]
        self.keys: "List[str]" = data["keys"]
        self.reads: "List[str]" = data["reads"]
        self.scripts: "List[str]" = data["scripts"]
        self.directories: "List[str]" = data["directories"]
        self.only_with_keys: "bool" = data["only_with_keys"]
        self.provisional: "bool" = data["provisional"]
        self.section: "bool" = data["section"]

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data, for the cache."""
        return {field: getattr(self, field) for field in self.fields}


def read_metadata(
    name: str, path: str, schema_path: str, directory: str, shipped: bool, schema: "Any"
) -> ModuleInfo:
    """Make a ModuleInfo of a parsed schema file. Raises AgentError `bad-module-metadata`."""

    def refuse(what: str) -> AgentError:
        return AgentError("%s: x-tsagent: %s" % (schema_path, what), code="bad-module-metadata")

    if not isinstance(schema, dict) or not isinstance(schema.get("x-tsagent"), dict):
        raise refuse("expected an object that says the module's stage")
    declared = schema["x-tsagent"]
    known = {"stage", "frequency", "time_limit", "only_with_keys", "provisional"}
    lists = {"after", "requires", "provides", "locks", "keys", "reads", "scripts", "directories"}
    for key in declared:
        if key not in known | lists:
            raise refuse("unknown entry %r" % key)
    if declared.get("stage") not in STAGES:
        raise refuse("stage: expected one of %s" % ", ".join(STAGES))
    if declared.get("frequency", "instance") not in FREQUENCIES:
        raise refuse("frequency: expected one of %s" % ", ".join(FREQUENCIES))
    for key in lists:
        value = declared.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise refuse("%s: expected a list of strings" % key)
    limit = declared.get("time_limit", 0)
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or limit < 0:
        raise refuse("time_limit: expected seconds, 0 for none")
    properties = schema.get("properties", {})
    own = properties.get(name) if isinstance(properties, dict) else None
    return ModuleInfo(
        {
            "name": name,
            "path": path,
            "schema_path": schema_path,
            "directory": directory,
            "shipped": shipped,
            "title": str(schema.get("title", name)),
            "stage": declared["stage"],
            "after": declared.get("after", []),
            "requires": declared.get("requires", []),
            "provides": declared.get("provides", []),
            "locks": declared.get("locks", []),
            "frequency": declared.get("frequency", "instance"),
            "time_limit": limit,
            "keys": declared.get("keys", sorted(properties)),
            "reads": declared.get("reads", []),
            "scripts": declared.get("scripts", []),
            "directories": declared.get("directories", []),
            "only_with_keys": bool(declared.get("only_with_keys", False)),
            "provisional": bool(declared.get("provisional", False)),
            "section": isinstance(own, dict) and own.get("type") == "object",
        }
    )
