"""`jsonschema`'s errors as problems in our own words.

The library's messages quote the value, which may be a password; only its structure is used: which
keyword failed where. Of alternatives (anyOf, oneOf) the one that was meant is found, and its errors told.
"""

from tsagent.userdata import pointer as pointers
from tsagent.userdata.expected import (
    allowed,
    close,
    either,
    expected,
    found,
    has_type,
    names_of,
    resolve,
    types_of,
)
from tsagent.userdata.problem import ERROR, Problem, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

MAX_ERRORS = 1000  # of one key; more are not told apart


def errors_of_key(
    root: "Dict[str, Any]", key: str, value: "Any", top_level: "Iterable[str]" = ()
) -> "List[Problem]":
    """The errors of a top-level key's value against its subschema in `root`, without places.

    `top_level` are the keys that are known at the top: one that stands deeper is said to be one.
    """
    import jsonschema

    validator = jsonschema.Draft4Validator(root)
    problems = _collect(_errors(validator, value, root, key), root, key)
    for problem in problems:
        if problem.rule == "unknown-key" and "did you mean" not in problem.message:
            last = pointers.split(problem.path)[-1]
            if last in top_level:
                problem.message += ': "%s" is a top-level key, check the indentation' % shown(last)
    problems = _without_echoes(problems)
    if problems and problems[-1].rule == "errors":
        _spare_the_right(problems[-1], problems[-2], value, root, key)
    own = root["properties"][key].get("x-tsagent") or {}
    for problem in problems:
        if own.get("whole") and problem.rule != "unknown-key":
            problem.drop = pointers.join([key])
        elif own.get("lenient"):
            problem.drop, problem.also = None, []
    return problems


def _spare_the_right(more: Problem, last: Problem, value: "Any", root: "Dict[str, Any]", key: str) -> None:
    """Of a list with more errors than are told leave out the wrong entries alone."""
    items = resolve(root["properties"][key], root).get("items")
    steps = pointers.split(last.path)
    if not isinstance(value, list) or not isinstance(items, dict) or len(steps) < 2:
        return
    from tsagent.userdata.quickvalid import quick_valid

    more.message += ": the others are left out unnamed"
    more.drop = None
    more.also = [
        pointers.join([key, index])
        for index in range(int(steps[1]), len(value))
        if quick_valid(value[index], items, root) is not True
    ]


def _errors(validator: "Any", value: "Any", root: "Dict[str, Any]", key: str) -> "Iterator[Any]":
    """The library's errors; of a list it sees only the entries that are not quickly seen to be right."""
    schema = resolve(root["properties"][key], root)
    items = schema.get("items")
    if not isinstance(value, list) or not isinstance(items, dict):
        for error in validator.descend(value, root["properties"][key], path=key):
            yield error
        return
    from tsagent.userdata.quickvalid import quick_valid

    whole = {word: schema[word] for word in schema if word != "items"}
    for error in validator.descend(value, whole, path=key):
        yield error
    for index, item in enumerate(value):
        if quick_valid(item, items, root) is not True:
            for error in validator.descend(item, items, path=index):
                error.relative_path.appendleft(key)
                yield error


def _without_echoes(problems: "List[Problem]") -> "List[Problem]":
    """Without the missing keys of which a misspelt one is named as what was meant."""
    meant: "Dict[Tuple[str, str], Problem]" = {}
    for problem in problems:
        if problem.rule == "unknown-key" and "did you mean" in problem.message:
            name = problem.message.rpartition("did you mean ")[2].rstrip("?")
            meant[(pointers.parent(problem.path), name)] = problem
    kept = []
    for problem in problems:
        missing = problem.message[len("needs the key ") :].replace(" or ", ", ").split(", ")
        misspelt = [meant[(problem.path, name)] for name in missing if (problem.path, name) in meant]
        if problem.rule == "required" and misspelt:
            misspelt[0].drop = problem.drop
        else:
            kept.append(problem)
    return kept


def errors_of_whole(schema: "Dict[str, Any]", values: "Dict[str, Any]") -> "List[Problem]":
    """The errors of a module's keys against what its schema asks of them together."""
    import jsonschema

    return _collect(jsonschema.Draft4Validator(schema).iter_errors(values), schema, "")


def _collect(errors: "Iterator[Any]", root: "Dict[str, Any]", key: str) -> "List[Problem]":
    problems: "List[Problem]" = []
    seen = set()
    for error in errors:
        for problem in _problems(error, root, 0):
            once = (problem.path, problem.message)
            if once not in seen:
                seen.add(once)
                problems.append(problem)
        if len(problems) >= MAX_ERRORS:
            path = pointers.join([key]) if key else ""
            problems.append(
                Problem(ERROR, path, "more than %d errors" % MAX_ERRORS, rule="errors", drop=path)
            )
            break
    return problems


def _problems(error: "Any", root: "Dict[str, Any]", depth: int) -> "List[Problem]":
    """What one error of the library amounts to."""
    rule = error.validator
    steps = list(error.absolute_path)
    if rule in ("anyOf", "oneOf") and error.context and depth < 10:
        return _alternatives(error, root, steps, depth)
    if rule == "additionalProperties" and isinstance(error.instance, dict):
        return _unknown_keys(error, steps)
    problem = _problem(steps, _message(error, root), rule)
    own = error.schema.get("x-tsagent") if isinstance(error.schema, dict) else None
    if isinstance(own, dict) and own.get("applied"):
        problem.drop = None
    return [problem]


def _problem(steps: "List[Any]", message: str, rule: str) -> Problem:
    return Problem(ERROR, pointers.join(steps), message, rule=rule, drop=pointers.join(_droppable(steps)))


def _droppable(steps: "List[Any]") -> "List[Any]":
    """What a boot leaves out for an error at `steps`: the innermost list entry around it, else the value.

    A list in a list is one entry of the outer one: half a command is worse than none.
    """
    end = len(steps)
    while end > 1 and not isinstance(steps[end - 1], int):
        end -= 1
    if end <= 1:
        return steps
    while end > 2 and isinstance(steps[end - 2], int):
        end -= 1
    return steps[:end]


def _unknown_keys(error: "Any", steps: "List[Any]") -> "List[Problem]":
    import re

    properties = error.schema.get("properties") or {}
    known = list(properties)
    patterns = list(error.schema.get("patternProperties") or {})
    named = known + [name for pattern in patterns for name in names_of(pattern)]
    problems = []
    for key in error.instance:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        message = 'the key "%s" is not known here' % shown(key)
        free = [name for name in named if name not in error.instance]
        # A spelling of old is nobody's wish, unless it is the only one that comes near.
        likely = close(key, [name for name in free if not _deprecated(properties.get(name))])
        likely = likely or close(key, free)
        if likely is not None:
            message += ': did you mean "%s"?' % likely
        path = pointers.join([*steps, key])
        problems.append(Problem(ERROR, path, message, rule="unknown-key", drop=path))
    return problems


def _deprecated(schema: "Any") -> bool:
    own = schema.get("x-tsagent") if isinstance(schema, dict) else None
    return isinstance(own, dict) and bool(own.get("deprecated"))


def _alternatives(error: "Any", root: "Dict[str, Any]", steps: "List[Any]", depth: int) -> "List[Problem]":
    branches = _branches(error)
    choices = error.schema.get(error.validator) or []
    fitting = {index: errors for index, errors in branches.items() if not _wrong_kind(errors)}
    if not fitting:
        return [_problem(steps, _wanted(choices, branches, error.instance, root, steps), "type")]
    if len(fitting) > 1 and all(_only_missing(errors) for errors in fitting.values()):
        names = [name for errors in fitting.values() for name in _missing(errors[0])[:1]]
        message = "needs the key %s" % either('"%s"' % name for name in names)
        return [_problem(steps, message, "required")]
    apart = _told_apart(fitting)
    if apart is not None:
        return [_problem(apart[0], _not_allowed(apart[1], apart[2]), "enum")]
    best = min(fitting, key=lambda index: _distance(fitting[index]) + (index,))
    problems = []
    for inner in fitting[best]:
        problems.extend(_problems(inner, root, depth + 1))
    return problems


def _branches(error: "Any") -> "Dict[int, List[Any]]":
    """The errors of each alternative, by its number."""
    branches: "Dict[int, List[Any]]" = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    return branches


def _told_apart(fitting: "Dict[int, List[Any]]") -> "Optional[Tuple[List[Any], List[Any], Any]]":
    """(steps, all values, an error) of the key that tells alternatives apart, and fits none of them."""
    found: "Dict[Tuple[Any, ...], List[Any]]" = {}
    for errors in fitting.values():
        for error in errors:
            if error.validator == "enum" and len(error.relative_path) == 1:
                found.setdefault(tuple(error.absolute_path), []).append(error)
    for steps, errors in found.items():
        if len(errors) == len(fitting) > 1:
            return list(steps), [value for error in errors for value in error.validator_value], errors[0]
    return None


def _wrong_kind(errors: "List[Any]") -> bool:
    """Whether an alternative is out of the question: it wants another type, constant or kind of text."""
    for error in errors:
        if not error.relative_path:
            if error.validator in ("type", "enum"):
                return True
            if error.validator in ("oneOf", "anyOf") and error.context:
                if all(_wrong_kind(inner) for inner in _branches(error).values()):
                    return True
            own = error.schema.get("x-tsagent") if isinstance(error.schema, dict) else None
            if error.validator == "pattern" and isinstance(own, dict) and own.get("expected"):
                return True
    return False


def _only_missing(errors: "List[Any]") -> bool:
    return all(error.validator == "required" and not error.relative_path for error in errors)


def _distance(errors: "List[Any]") -> "Tuple[int, int, int]":
    """How far a value is from an alternative: wrong discriminators first, then unknown or missing keys."""
    constants = sum(error.validator == "enum" and len(error.relative_path) == 1 for error in errors)
    shape = sum(
        error.validator in ("required", "additionalProperties") and not error.relative_path
        for error in errors
    )
    return (constants, shape, len(errors))


def _wanted(
    choices: "List[Any]",
    branches: "Dict[int, List[Any]]",
    value: "Any",
    root: "Dict[str, Any]",
    steps: "List[Any]",
) -> str:
    """The message when a value is of no alternative's kind."""
    enums: "List[Any]" = []
    for index in branches:
        choice = resolve(choices[index], root) if index < len(choices) else {}
        if isinstance(choice.get("enum"), list) and has_type(value, types_of(choice)):
            enums.extend(choice["enum"])
    wanted = either(expected(choice, root) for choice in choices)
    message = _kind_message(wanted, value, steps)
    likely = close(value, enums)
    if likely is not None:
        message += ': did you mean "%s"?' % likely
    return message


def _kind_message(wanted: str, value: "Any", steps: "Any") -> str:
    """The message about a value of a wrong type."""
    message = "expected %s, found %s" % (wanted, found(value))
    if isinstance(value, dict) and len(value) == 1 and isinstance(steps[-1], int) and "a string" in wanted:
        message += ' (a text with ": " in it must be in quotes)'
    return message


def _missing(error: "Any") -> "List[str]":
    """The required keys that are not there."""
    required = error.validator_value if isinstance(error.validator_value, list) else []
    return [shown(name) for name in required if name not in error.instance]


def _message(error: "Any", root: "Dict[str, Any]") -> str:
    """Our words for one failed keyword."""
    rule, wanted, value = error.validator, error.validator_value, error.instance
    own = error.schema.get("x-tsagent") if isinstance(error.schema, dict) else None
    own = own if isinstance(own, dict) else {}
    if rule == "type":
        return _kind_message(expected(error.schema, root), value, error.absolute_path)
    if rule == "required":
        return "needs the key " + " and ".join('"%s"' % name for name in _missing(error))
    if rule == "enum":
        return _not_allowed(wanted, error)
    if rule in ("pattern", "format"):
        text = own.get("expected")
        return (
            "expected %s" % text
            if isinstance(text, str)
            else "expected text of the form %s" % shown(str(wanted), 120)
        )
    if rule == "dependencies":
        return _dependencies(wanted, value)
    if rule == "oneOf":
        return "fits more than one of the forms that exclude each other"
    if rule in ("minLength", "minItems", "minProperties") and wanted == 1:
        return "must not be empty"
    return _LIMITS.get(rule, "not allowed here") % ({"limit": wanted} if rule in _LIMITS else {})


def _not_allowed(values: "List[Any]", error: "Any") -> str:
    """The message about a value that is none of these."""
    message = "expected %s%s" % ("one of " if len(values) > 1 else "", allowed(values))
    own = error.schema.get("x-tsagent") if isinstance(error.schema, dict) else None
    likely = None if isinstance(own, dict) and own.get("secret") else close(error.instance, values)
    return message + (': did you mean "%s"?' % likely if likely is not None else "")


def _dependencies(wanted: "Any", value: "Any") -> str:
    for key, needs in wanted.items() if isinstance(wanted, dict) and isinstance(value, dict) else ():
        names = [needs] if isinstance(needs, str) else needs
        if key in value and isinstance(names, list):
            lacking = ['"%s"' % shown(name) for name in names if name not in value]
            if lacking:
                return 'the key "%s" needs %s beside it' % (shown(key), " and ".join(lacking))
    return "not allowed together"


_LIMITS = {
    "minimum": "must be at least %(limit)s",
    "maximum": "must be at most %(limit)s",
    "multipleOf": "must be a multiple of %(limit)s",
    "minLength": "must have at least %(limit)s characters",
    "maxLength": "must have at most %(limit)s characters",
    "minItems": "must have at least %(limit)s items",
    "maxItems": "must have at most %(limit)s items",
    "minProperties": "must have at least %(limit)s keys",
    "maxProperties": "must have at most %(limit)s keys",
    "uniqueItems": "has the same item twice",
}
