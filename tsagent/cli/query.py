"""`tsagent query`: instance data by dotted path."""

import json
import sys

from tsagent.errors import EXIT_DONE, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any


def main(values: "argparse.Namespace") -> int:
    """Print the value: a scalar as it is, anything else as JSON."""
    from tsagent.host import Tree
    from tsagent.state import paths
    from tsagent.state.store import read_json

    path = paths.INSTANCE_SENSITIVE if values.sensitive else paths.INSTANCE
    try:
        value: "Any" = read_json(Tree(values.root), path)
    except PermissionError:
        raise AgentError("%s: only root may read it" % path, code="not-permitted") from None
    if value is None:
        raise AgentError("there is no instance data yet", "no-instance", "run 'tsagent run' first")
    for step in values.path.split(".") if values.path else []:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            known = ", ".join(sorted(value)) if isinstance(value, dict) else "no names"
            raise AgentError("there is no %s in %s" % (step, values.path), "no-such-path", "there: " + known)
    text = value if isinstance(value, str) else json.dumps(value, indent=1)
    sys.stdout.write(text + "\n")
    return EXIT_DONE
