"""Loading a module's code, when it is needed and not before."""

import sys
import types
from _thread import allocate_lock

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tsagent.host import Tree
    from tsagent.registry.metadata import ModuleInfo


_LOADING = allocate_lock()  # the interpreter's table of modules and its settings are everybody's


def load_module(info: "ModuleInfo", root: "Tree") -> "Any":
    """The module's Python module object, loaded from its file.

    Drop-ins leave no bytecode beside them. Raises AgentError `module-load` for whatever goes wrong in
    the module's own code, naming its file and line.
    """
    with _LOADING:
        return _load(info, root)


def _load(info: "ModuleInfo", root: "Tree") -> "Any":
    name = "tsagent_module_" + info.name
    path = info.path if info.shipped else root.host_path(info.path)
    module = types.ModuleType(name)
    module.__file__ = path
    if path.endswith("/__init__.py"):
        module.__path__ = [path[: -len("/__init__.py")]]
        module.__package__ = name
    before = sys.dont_write_bytecode
    for other in [known for known in list(sys.modules) if known.startswith(name + ".")]:
        del sys.modules[other]  # parts of another module of this name
    sys.modules[name] = module
    try:
        sys.dont_write_bytecode = before or not info.shipped
        from _frozen_importlib_external import SourceFileLoader  # `importlib` imports `warnings`

        SourceFileLoader(name, path).exec_module(module)
    except (Exception, SystemExit) as error:  # the code is a third party's: anything may come out of it
        del sys.modules[name]
        raise AgentError(
            "module %s cannot be loaded: %s: %s" % (info.name, _where(error, path), type(error).__name__),
            "module-load",
            _words(error),
        ) from error
    finally:
        sys.dont_write_bytecode = before
    if not callable(getattr(module, "plan", None)):
        raise AgentError("module %s: %s has no plan(context)" % (info.name, path), code="module-load")
    return module


def _where(error: BaseException, path: str) -> str:
    """FILE:LINE of the deepest frame that lies in the module's own file."""
    if isinstance(error, SyntaxError) and error.filename:
        return "%s:%s" % (error.filename, error.lineno)
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return "%s:%s" % (path, line) if line else path


def _words(error: BaseException) -> str:
    # Import and syntax errors quote code, never settings.
    return str(error).splitlines()[0] if isinstance(error, (ImportError, SyntaxError)) and str(error) else ""
