"""Checking a configuration against the schemas of the modules: `validate`, `prune`, `accept`.

`jsonschema` is the authority. A validator generated ahead of time (`fastvalid`), or, for a schema without
one, a quick look (`quickvalid`) may say "valid" without it; whatever they do not call valid is judged by
`jsonschema`, key by key.
"""

from tsagent.userdata import pointer as pointers
from tsagent.userdata.expected import close, types_of
from tsagent.userdata.marks import Marks
from tsagent.userdata.problem import ERROR, WARNING, Problem, shown
from tsagent.userdata.schemawalk import extension, owners, pairs_of, walk
from tsagent.userdata.secrets import mask, secret_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

__all__ = ["accept", "mask", "prune", "secret_values", "validate"]

# Keys that the reading of user data itself acts on.
OWN_KEYS = ("vendor_data", "vendor_data2", "merge_how", "merge_type", "launch-index")
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
    from tsagent.userdata.fastvalid import fast_valid
    from tsagent.userdata.quickvalid import quick_valid

    places = _Places(origins)
    by_key = owners(schemas)
    problems: "List[Problem]" = []
    for key, value in config.items():
        if key not in by_key:
            problem = _unknown(key, by_key)
            if problem is not None:
                problems.append(places.put(problem, of_key=True))
            continue
        for schema in by_key[key]:
            fast = fast_valid(config, key, schema, validators)
            if fast is None:
                fast = quick_valid(value, schema["properties"][key], schema)
            if fast:
                continue
            from tsagent.userdata.schemaerrors import errors_of_key

            for problem in errors_of_key(schema, key, _textual(value)):
                places.put(problem, of_key=problem.rule == "unknown-key")
                if problem.rule == "type":
                    _hint_word(problem, places)
                problems.append(problem)
    problems.extend(places.put(problem) for problem in _together(config, schemas))
    problems.extend(_notes(config, schemas, places))
    problems.sort(key=Problem.sort_key)
    return problems


def prune(config: "Dict[str, Any]", problems: "List[Problem]") -> "Dict[str, Any]":
    """The configuration without what the errors among `problems` say is to be left out (`Problem.drop`).

    The smallest thing that stands for itself goes: an entry of a list, else the value. Indexes of the
    entries after it change.
    """
    gone = [
        tuple(pointers.split(problem.drop))
        for problem in problems
        if problem.severity == ERROR and problem.drop is not None and problem.drop
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
        found = [problem for problem in validate(config, None, schemas) if problem.severity == ERROR]
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


def _unknown(key: str, by_key: "Dict[str, Any]") -> "Optional[Problem]":
    """The warning for a top-level key that no module has; None for one the agent itself reads."""
    if key in OWN_KEYS:
        return None
    from tsagent.userdata.cloud_init import recognised_keys

    known = recognised_keys()
    path = pointers.join([key])
    if key in known:
        message = "recognised, not acted on here: %s" % known[key]
        return Problem(WARNING, path, message, rule="not-here")
    message = 'the key "%s" is not known' % shown(key)
    likely = close(key, by_key) or close(key, known)
    if likely is not None:
        message += ': did you mean "%s"?' % likely
    return Problem(WARNING, path, message, rule="unknown-key")


def _hint_word(problem: Problem, places: _Places) -> None:
    """Name YAML's trap where a word became a boolean."""
    word = places.marks.words.get((problem.name, problem.line, problem.column))
    if word is not None and word != "octal" and problem.message.endswith("found a boolean"):
        problem.message += " (YAML reads the word %s as a boolean: put it in quotes)" % word
        problem.rule = "boolean-word"


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


def _notes(config: "Dict[str, Any]", schemas: "List[Dict[str, Any]]", places: _Places) -> "List[Problem]":
    """Warnings: keys that are deprecated or without effect, and numbers that are meant as file modes."""
    problems: "List[Problem]" = []
    noted = set()

    def visit(steps: "List[Any]", value: "Any", schema: "Dict[str, Any]") -> bool:
        deprecated = extension(schema).get("deprecated")
        if deprecated:
            instead = ": %s" % deprecated if isinstance(deprecated, str) else ""
            note(steps, "deprecated" + instead, "deprecated", True)
        no_effect = extension(schema).get("no_effect")
        if isinstance(no_effect, str):
            note(steps, "has no effect here: " + no_effect, "no-effect", True)
        if (
            type(value) is int
            and len(steps) > 1
            and steps[-1] in _MODES
            and "string" in (types_of(schema) or ["string"])
        ):
            check_mode(steps, value)
        return False

    def note(steps: "List[Any]", message: str, rule: str, of_key: bool) -> None:
        problem = places.put(Problem(WARNING, pointers.join(steps), message, rule=rule), of_key)
        if (problem.path, rule) not in noted:
            noted.add((problem.path, rule))
            problems.append(problem)

    def check_mode(steps: "List[Any]", value: int) -> None:
        where = places.marks.where(pointers.join(steps))
        digits = str(value)
        if places.marks.words.get(where) == "octal" or not digits.isdigit() or len(digits) > 4:
            return
        if where[1] == 0 or set(digits) - set("01234567"):
            return
        note(steps, "a decimal number as a file mode: write it in quotes, with a leading 0", "mode", False)

    walk(config, schemas, visit)
    return problems
