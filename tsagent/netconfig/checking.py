"""What is wrong with a network configuration, for who writes it: nothing is rendered."""

from tsagent.netconfig.readers import format_of, read
from tsagent.userdata.problem import ERROR, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.userdata.marks import Marks

NO_VERSION = "should have version: 1 or version: 2; without it nothing in it has an effect"


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
    if form:
        problems = read(form, config).problems
    elif says_nothing(config):
        return []
    else:
        problems = [Problem(ERROR, "", NO_VERSION, rule="network")]
    for problem in problems:
        problem.path = pointer + problem.path
        of_key = problem.rule == "unknown-key"
        where = marks.where_key(problem.path) if of_key else marks.where(problem.path)
        problem.name, problem.line, problem.column = where
    return problems


def is_alone(value: "Any") -> bool:
    """Whether a document is a network configuration and nothing else."""
    place = configuration_in(value)
    if place is None or (place[0] and len(value) > 1):
        return False
    return bool(format_of(place[1])) or place[1].get("config") == "disabled"


def says_nothing(config: "Any") -> bool:
    """Whether what stands below `network` describes no network: it is turned off, or only has a renderer."""
    return config.get("config") == "disabled" or not set(config) - {"renderer"}
