"""`tsagent facts`: the instance and its hardware, and where each fact was read."""

import json
import sys

from tsagent.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, Optional

    from tsagent.host import Host


def main(values: "argparse.Namespace") -> int:
    """Print the facts."""
    from tsagent.cli.run import make_host
    from tsagent.facts import Facts

    host = make_host(values)
    kind = values.instance_type or _known_type(host)
    data = Facts(host.hardware, host.root, instance_type=kind).as_data()
    if values.format == "json":
        document: "Dict[str, Any]" = {"schema": "tsagent.facts/1"}
        document.update(data)
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        from tsagent.facts.text import render

        sys.stdout.write(render(data) + "\n")
    return EXIT_DONE


def _known_type(host: "Host") -> "Optional[str]":
    """The instance type that the metadata of this instance gave, if a run has asked."""
    from tsagent.state import paths
    from tsagent.state.store import read_json

    instance = read_json(host.root, paths.INSTANCE)
    return instance["metadata"].get("instance_type") if instance else None
