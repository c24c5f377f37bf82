"""Where in the image's configuration a problem of its `network:` stands."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from tsagent.registry.context import Context
    from tsagent.userdata.problem import Problem

_MAIN = "/etc/tsagent/agent.yaml"
_DROP_INS = "/etc/tsagent/agent.d"


def place(context: "Context", settings: "Any", problems: "List[Problem]") -> None:
    """Give the problems file, line and column, where one file holds these very settings.

    Settings that user data had a part in are in no file of the image's: `tsagent validate` places those.
    """
    from tsagent.userdata.yamlfile import load_yaml

    names = [
        "%s/%s" % (_DROP_INS, name) for name in context.listdir(_DROP_INS) if name.endswith((".yaml", ".yml"))
    ]
    for path in reversed([_MAIN, *names]):
        data = context.read(path)
        if data is None:
            continue
        document = load_yaml(data, path)
        value = document.value
        if not isinstance(value, dict) or value.get("network") != settings:
            continue
        inner = settings.get("config")
        pointer = "/network/config" if isinstance(inner, dict) else "/network"
        for problem in problems:
            if problem.path:
                problem.path = pointer + problem.path
                problem.name, problem.line, problem.column = document.marks.where(problem.path)
        return
