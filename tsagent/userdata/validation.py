"""Checking a configuration against the schemas of the modules: `validate`, `prune`, `accept`.

`jsonschema` is the authority. A quick look (`quickvalid`) may say "valid" without it, and where that is not
sure a validator generated ahead of time (`fastvalid`): importing those costs more than looking. Whatever they
do not call valid is judged by `jsonschema`, key by key.
"""

from tsagent.userdata import pointer as pointers
from tsagent.userdata.expected import types_of
from tsagent.userdata.marks import Marks
from tsagent.userdata.problem import ERROR, WARNING, Problem
from tsagent.userdata.schemawalk import owners, pairs_of, walk
from tsagent.userdata.secrets import mask, secret_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set, Tuple

__all__ = ["accept", "mask", "prune", "secret_values", "validate"]

_ANNOTATIONS = (
    "$schema",
    "id",
    "title",
    "description",
    "type",
    "properties",
    "definitions",
    "x-tsagent",
    "default",
)
_MODES = ("permissions", "mode")


def validate(
    config: "Dict[str, Any]", origins: "Any", schemas: "List[Dict[str, Any]]", validators: "Any" = None
) -> "List[Problem]":
    """What is wrong with a configuration, ordered by place.

    `origins` places the problems: `Marks`, the dict of `Settings.origins`, or None. `schemas` are parsed
    schema files; `validators` the generated validators (default: those of this installation).
    """
    from tsagent.userdata.quickvalid import quick_valid

    places = _Places(origins)
    by_key = owners(schemas)
    top_level: "Any" = None
    problems: "List[Problem]" = []
    for key, value in config.items():
        if key not in by_key:
            if top_level is None:
                from tsagent.userdata.unknownkeys import TopLevel

                top_level = TopLevel(by_key)
            own = top_level.own_schema(key)
            if own is None:
                problems.append(_hinted(places.put(top_level.problem(key), of_key=True), places))
                continue
            if own not in schemas:
                schemas = [*schemas, own]
        for schema in by_key.get(key) or schemas[-1:]:
            right = quick_valid(value, schema["properties"][key], schema)
            if right is None:
                from tsagent.userdata.fastvalid import fast_valid

                right = fast_valid(config, key, schema, validators)
            if right:
                continue
            from tsagent.userdata.schemaerrors import errors_of_key

            told = (
                {(problem.path, problem.message) for problem in problems}
                if len(by_key.get(key, ())) > 1
                else ()
            )
            for problem in errors_of_key(schema, key, _textual(value), by_key):
                if (problem.path, problem.message) in told:
                    continue  # by another module that has the key, too
                problems.append(_hinted(places.put(problem, problem.rule == "unknown-key"), places))
    problems.extend(places.put(problem) for problem in _together(config, schemas))
    wrong = {problem.path for problem in problems}
    problems.extend(_notes(config, schemas, places, wrong))
    problems.sort(key=Problem.sort_key)
    return problems


def prune(config: "Dict[str, Any]", problems: "List[Problem]") -> "Dict[str, Any]":
    """The configuration without what the errors among `problems` say is to be left out (`Problem.drop`).

    The smallest thing that stands for itself goes: an entry of a list, else the value. Indexes of the
    entries after it change.
    """
    gone = [
        tuple(pointers.split(pointer))
        for problem in problems
        if problem.severity == ERROR
        for pointer in [problem.drop, *problem.also]
        if pointer
    ]
    if not gone:
        return config
    # The shorter first: an entry that goes takes what is inside of it along.
    pruned: "Dict[str, Any]" = _without(config, pairs_of(sorted(gone, key=len)))
    return pruned


def accept(
    config: "Dict[str, Any]", origins: "Any", schemas: "List[Dict[str, Any]]"
) -> "Tuple[Dict[str, Any], List[Problem]]":
    """(what a boot can act on, all problems): `validate` and `prune` until nothing is wrong.

    Leaving out a key that its section cannot do without makes the section wrong in turn, and so on up.
    """
    problems = validate(config, origins, schemas)
    remaining = prune(config, problems)
    for _ in range(5):
        if remaining is config:
            break
        config = remaining
        # Indexes have moved, so places are found by the path's top-level key only.
        # One that leaves nothing out has been told with its own place.
        found = [
            item
            for item in validate(config, None, schemas)
            if item.severity == ERROR and (item.drop is not None or item.also)
        ]
        places = _Places(origins)
        for problem in found:
            key = "/" + problem.path.split("/")[1] if problem.path else ""
            problem.name, problem.line, problem.column = places.marks.where(key)
        remaining = prune(config, found)
        problems += found
    return remaining, problems


def _without(value: "Any", tree: "Dict[Any, Any]") -> "Any":
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if key not in tree:
                kept[key] = item
            elif tree[key] is not None:
                kept[key] = _without(item, tree[key])
        return kept
    if isinstance(value, list):
        entries = []
        for index, item in enumerate(value):
            below = tree.get(str(index), _NOTHING)
            if below is _NOTHING:
                entries.append(item)
            elif below is not None:
                entries.append(_without(item, below))
        return entries
    return value


_NOTHING = object()


class _Places:
    """Puts problems where their paths stand."""

    def __init__(self, origins: "Any") -> None:
        marks = getattr(origins, "marks", None) or origins
        self.marks: "Any" = marks if isinstance(marks, Marks) else _OriginMarks(marks)

    def put(self, problem: Problem, of_key: bool = False) -> Problem:
        """Give a problem its file, line and column."""
        where = self.marks.where_key(problem.path) if of_key else self.marks.where(problem.path)
        problem.name, problem.line, problem.column = where
        return problem


class _OriginMarks:
    """The part of `Marks` that a plain mapping of origins can give."""

    def __init__(self, origins: "Any") -> None:
        origins = getattr(origins, "origins", origins)
        self.origins = origins if isinstance(origins, dict) else {}
        self.words: "Dict[Tuple[str, int, int], str]" = {}

    def where(self, pointer: str) -> "Tuple[str, int, int]":
        """The place of a pointer, or of what is around it."""
        while pointer and pointer not in self.origins:
            pointer = pointers.parent(pointer)
        name, line, column = self.origins.get(pointer, ("", 0, 0))
        return (name, line, column)

    where_key = where


def _textual(value: "Any") -> "Any":
    """A value as the schemas see it: binary content is text to them."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: _textual(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_textual(item) for item in value]
    return value


def _hinted(problem: Problem, places: _Places) -> Problem:
    """The problem, with YAML's trap named where it is one."""
    if problem.rule not in ("type", "unknown-key") or not places.marks.words:
        return problem
    kind = places.marks.words.get((problem.name, problem.line, problem.column))
    if kind is None:
        return problem
    from tsagent.userdata.yamltraps import NUMBERS, hint

    if problem.rule == "type":
        words = hint(kind, problem.message)
        if words:
            problem.message += words
            problem.rule = "number-word" if kind in NUMBERS else "boolean-word"
    elif kind not in NUMBERS and problem.path.endswith(("/true", "/false")):
        problem.message += " (YAML reads the word %s as a boolean: put it in quotes)" % kind
    return problem


def _together(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]") -> "List[Problem]":
    """The errors in what a module's schema asks of its keys together (required, dependencies ...)."""
    problems: "List[Problem]" = []
    for schema in schemas:
        rules = {
            word: schema[word]
            for word in schema
            if word not in _ANNOTATIONS and word != "additionalProperties"
        }
        values = {key: _textual(config[key]) for key in schema.get("properties") or {} if key in config}
        if rules and values:
            from tsagent.userdata.quickvalid import quick_valid

            if "definitions" in schema:
                rules["definitions"] = schema["definitions"]
            if quick_valid(values, rules, rules):
                continue
            from tsagent.userdata.schemaerrors import errors_of_whole

            problems.extend(errors_of_whole(rules, values))
    return problems


def _notes(
    config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]", places: _Places, wrong: "Set[str]"
) -> "List[Problem]":
    """Warnings: deprecated keys, and numbers that YAML reads otherwise than they look."""
    problems: "List[Problem]" = []
    noted = set()
    root: "Dict[str, Any]" = {}
    words = places.marks.words
    traps = any(kind in ("octal", "base 60", "respelt") for kind in words.values())

    def visit(steps: "List[Any]", value: "Any", schema: "Dict[str, Any]") -> bool:
        said = schema.get("x-tsagent")
        if said and said.get("deprecated"):
            deprecated = said["deprecated"]
            instead = ": %s" % deprecated if isinstance(deprecated, str) else ""
            note(steps, "deprecated" + instead, "deprecated", True)
        if type(value) is int or type(value) is float:
            if traps:
                check_trap(steps, schema)
            if len(steps) > 1 and steps[-1] in _MODES and "string" in (types_of(schema) or ["string"]):
                check_mode(steps, value)
        return False

    def note(steps: "List[Any]", message: str, rule: str, of_key: bool) -> None:
        problem = places.put(Problem(WARNING, pointers.join(steps), message, rule=rule), of_key)
        if (problem.path, rule) not in noted:
            noted.add((problem.path, rule))
            problems.append(problem)

    def check_trap(steps: "List[Any]", schema: "Dict[str, Any]") -> None:
        path = pointers.join(steps)
        kind = words.get(places.marks.where(path))
        if kind is None or path in wrong:
            return
        from tsagent.userdata.yamltraps import NUMBERS, warning

        message = warning(kind, schema, root) if kind in NUMBERS else None
        if message:
            note(steps, message, "number-word", False)

    def check_mode(steps: "List[Any]", value: "Any") -> None:
        where = places.marks.where(pointers.join(steps))
        digits = str(value)
        if words.get(where) == "octal" or not digits.isdigit() or len(digits) > 4:
            return
        if where[1] == 0 or set(digits) - set("01234567"):
            return
        note(steps, "a decimal number as a file mode: write it in quotes, with a leading 0", "mode", False)

    for root in schemas:
        walk(config, [root], visit)
    return problems
