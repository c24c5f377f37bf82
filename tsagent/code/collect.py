"""Writing the file of a boot's code: by the interpreter that will read it, when an image is made."""

import marshal
import os
import sys

from tsagent import code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator

    from tsagent.host import Tree

# Of the agent, what no boot loads.
_APART = ("tsagent.demo", "tsagent.compat", "tsagent.sources.simulator", "tsagent.code.collect")
_COMMANDS = ("tsagent.cli", "tsagent.cli.run", "tsagent.cli.unit")


def collect(tree: "Tree", path: str = code.PATH) -> int:
    """Write the code of all that a boot may load; the number of modules. For this interpreter's own root.

    Raises OSError.
    """
    _import_all()
    index: "Dict[str, code.Entry]" = {}
    parts = []
    offset = 0
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        loader: "Any" = getattr(spec, "loader", None)
        source = getattr(spec, "origin", None)
        if spec is None or spec.name != name or not source or not hasattr(loader, "get_code"):
            continue
        if type(loader).__name__ != "SourceFileLoader" or name.startswith(_APART):
            continue
        if name.startswith("tsagent.cli") and name not in _COMMANDS:
            continue
        status = os.stat(source)
        data = marshal.dumps(loader.get_code(name))
        package = spec.submodule_search_locations is not None
        index[name] = (package, source, int(status.st_mtime), status.st_size, offset, len(data))
        parts.append(data)
        offset += len(data)
    table = marshal.dumps(index)
    whole = code.head() + len(table).to_bytes(4, "little") + table + b"".join(parts)
    tree.write_atomic(path, whole, 0o600)
    return len(index)


def _import_all() -> None:
    """Have the agent's modules loaded, and with them what they need of the standard library."""
    from tsagent.userdata.yamllibrary import yaml

    try:
        yaml()
    except ImportError:
        pass
    for name in _modules():
        try:
            __import__(name)
        except ImportError:
            pass  # the generated validators, where there are none; an optional library


def _modules() -> "Iterator[str]":
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, folders, files in os.walk(top):
        here = "tsagent" + folder[len(top) :].replace(os.sep, ".")
        # Data: what a module of the agent's is made of is loaded in another way.
        folders[:] = [name for name in folders if name not in ("modules", "schemas", "__pycache__")]
        if here.startswith(_APART):
            continue
        for name in sorted(files):
            if name.endswith(".py") and here + "." + name[:-3] not in _APART and name != "__main__.py":
                if here != "tsagent.cli" or "%s.%s" % (here, name[:-3]) in _COMMANDS:
                    yield here if name == "__init__.py" else "%s.%s" % (here, name[:-3])
