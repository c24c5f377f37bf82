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
    from tsagent.state.instance_data import find, told
    from tsagent.state.store import read_json

    tree = Tree(values.root)
    path = paths.INSTANCE_SENSITIVE if values.sensitive else paths.INSTANCE
    try:
        value: "Any" = read_json(tree, path)
    except PermissionError:
        raise AgentError("%s: only root may read it" % path, code="not-permitted") from None
    if value is None:
        raise AgentError("there is no instance data yet", "no-instance", "run 'tsagent run' first")
    if not isinstance(value, dict):
        raise AgentError("%s is damaged" % path, "bad-state", "'tsagent clean' starts anew")
    if values.sensitive:
        for name, kept in (("userdata", "user-data"), ("vendordata", "vendor-data")):
            if (values.path or "").startswith(name):
                value = dict(value, **{name: told(tree, kept)})
    if values.path:
        value = find(value, values.path)
    text = value if isinstance(value, str) else json.dumps(value, indent=1)
    sys.stdout.write(text + "\n")
    return EXIT_DONE
