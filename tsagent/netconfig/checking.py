"""What is wrong with a network configuration, for who writes it: nothing is rendered."""

from tsagent.netconfig.readers import format_of, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.userdata.marks import Marks
    from tsagent.userdata.problem import Problem


def configuration_in(value: "Any") -> "Optional[Tuple[str, Any]]":
    """The pointer of the network configuration in a document, and it; None where the document is none.

    It may be the whole document, or the value of `network`, by itself or among other keys.
    """
    if not isinstance(value, dict):
        return None
    inner = value.get("network")
    if isinstance(inner, dict):
        if isinstance(inner.get("config"), dict) and not format_of(inner):
            return "/network/config", inner["config"]
        return "/network", inner
    return ("", value) if format_of(value) and "nics" not in value else None


def problems_in(value: "Any", marks: "Marks") -> "List[Problem]":
    """The problems of the network configuration in a document, at their lines and columns."""
    place = configuration_in(value)
    if place is None:
        return []
    pointer, config = place
    form = format_of(config)
    if not form:
        return []
    problems = read(form, config).problems
    for problem in problems:
        problem.path = pointer + problem.path
        of_key = problem.rule == "unknown-key"
        where = marks.where_key(problem.path) if of_key else marks.where(problem.path)
        problem.name, problem.line, problem.column = where
    return problems


def is_alone(value: "Any") -> bool:
    """Whether a document is a network configuration and nothing else."""
    place = configuration_in(value)
    return place is not None and bool(format_of(place[1])) and (place[0] == "" or len(value) == 1)
