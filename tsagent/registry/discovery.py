"""Finding modules by directory precedence, with masking and refusal.

A module is `DIR/modules/NAME.py` (or `NAME/__init__.py`) with `DIR/schemas/NAME.json`; a later DIR wins,
file and schema as a pair. An empty file or a link to /dev/null masks the module. Outside the shipped
data, a file that somebody other than root or the caller owns or may write is refused and reported.
"""

import os
import stat as stat_module

from tsagent.errors import AgentError
from tsagent.quickjson import dumps, loads
from tsagent.registry.metadata import ModuleInfo, read_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.host import Host, Tree

DROP_IN_DIRECTORIES = ("/usr/lib/tsagent", "/run/tsagent", "/etc/tsagent")
CACHE = "/var/lib/tsagent/cache/modules.json"
_CACHE_FORMAT = 3
_SCHEMA_LIMIT = 4 << 20  # bytes


class Discovered:
    """What a look through the directories found: modules by name, and what was wrong."""

    def __init__(self, modules: "Dict[str, ModuleInfo]", problems: "List[str]", masked: "List[str]") -> None:
        self.modules = modules
        self.problems = problems
        self.masked = masked


def shipped_directory() -> str:
    """Where the built-in `modules/` and `schemas/` lie: in the installed package, else in the checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if os.path.isdir(os.path.join(package, "modules")):
        return package
    return os.path.dirname(package)


def discover(root: "Tree", use_cache: bool = True) -> Discovered:
    """The modules of this root. Reads each schema only when a file changed since the cached answer."""
    shipped = shipped_directory()
    candidates, problems, masked = _candidates(root, shipped)
    key = [
        [name, path, schema_path] + stamp
        for several in candidates
        for name, path, schema_path, _, _, stamp in several
    ]
    if use_cache:
        cached = _read_cache(root, key)
        if cached is not None:
            return Discovered(cached, problems, masked)
    modules: "Dict[str, ModuleInfo]" = {}
    sound = True
    for several in candidates:
        # A pair that cannot be used leaves its place to the one it would have replaced.
        for name, path, schema_path, directory, is_shipped, _ in reversed(several):
            try:
                schema = load_schema(root, schema_path, is_shipped)
                if not is_shipped:
                    from tsagent.registry.schemacheck import check_schema

                    check_schema(schema, schema_path)
                modules[name] = read_metadata(name, path, schema_path, directory, is_shipped, schema)
                break
            except AgentError as error:
                problems.append("module %s refused: %s" % (name, error))
                sound = False
    if use_cache and sound:
        _write_cache(root, key, modules)
    return Discovered(modules, problems, masked)


def load_schema(root: "Tree", path: str, shipped: bool) -> "Any":
    """A parsed schema file. Raises AgentError `bad-schema` with the line and column."""
    try:
        if shipped:
            with open(path, "rb") as stream:
                data = stream.read()
        else:
            data = root.read(path, _SCHEMA_LIMIT)
        return loads(data)
    except ValueError as error:
        where = "%s:%d:%d" % (path, getattr(error, "lineno", 1), getattr(error, "colno", 1))
        raise AgentError("%s: not JSON" % where, code="bad-schema") from None
    except RecursionError:
        raise AgentError("%s: nested too deeply" % path, code="bad-schema") from None
    except OSError as error:
        raise AgentError("%s: %s" % (path, error.strerror), code="bad-schema") from None


def load_schemas(host: "Host", modules: "Dict[str, ModuleInfo]") -> "List[Dict[str, Any]]":
    """The parsed schema files of these modules, by the modules' names."""
    return [
        load_schema(host.root, info.schema_path, info.shipped)
        for info in sorted(modules.values(), key=lambda info: info.name)
    ]


def _candidates(root: "Tree", shipped: str) -> "Tuple[List[Any], List[str], List[str]]":
    chosen: "Dict[str, Any]" = {}
    problems: "List[str]" = []
    masked = set()
    for name in sorted(os.listdir(os.path.join(shipped, "modules"))):
        found = _module_file(os.path.join(shipped, "modules"), name, os.path.isfile)
        if found is None:
            continue
        name, path = found
        schema = os.path.join(shipped, "schemas", name + ".json")
        stamp = _stamp(os.stat(path)) + _stamp(os.stat(schema))
        chosen[name] = [(name, path, schema, shipped, True, stamp)]
    for directory in DROP_IN_DIRECTORIES:
        for name in root.listdir(directory + "/modules"):
            found = _module_file(directory + "/modules", name, root.exists)
            if found is None:
                continue
            name, path = found
            try:
                if _is_mask(root, path):
                    masked.add(name)
                    chosen.pop(name, None)
                    continue
                schema = directory + "/schemas/" + name + ".json"
                _refuse_untrusted(root, path)
                _refuse_untrusted(root, schema)
                stamp = _stamp(root.stat(path)) + _stamp(root.stat(schema))
            except FileNotFoundError as error:
                problems.append("module %s refused: %s is missing" % (name, error.filename))
                continue
            except AgentError as error:
                problems.append("module %s refused: %s" % (name, error))
                continue
            masked.discard(name)
            chosen.setdefault(name, []).append((name, path, schema, directory, False, stamp))
    return [chosen[name] for name in sorted(chosen)], problems, sorted(masked)


def _module_file(directory: str, entry: str, exists: "Any") -> "Optional[Tuple[str, str]]":
    """The name and file of a directory entry that is a module."""
    path = directory + "/" + entry
    if entry.endswith(".py") and entry[:-3].isidentifier():
        return entry[:-3], path
    if entry.isidentifier() and exists(path + "/__init__.py"):
        return entry, path + "/__init__.py"
    return None


def _is_mask(root: "Tree", path: str) -> bool:
    status = root.lstat(path)
    if stat_module.S_ISLNK(status.st_mode):
        return root.readlink(path) == "/dev/null"
    return stat_module.S_ISREG(status.st_mode) and status.st_size == 0


def _refuse_untrusted(root: "Tree", path: str) -> None:
    """Refuse a file that another user owns or can write, or whose directories they can."""
    current = root.realpath(path)
    root.stat(current)
    while True:
        status = root.stat(current)
        if status.st_uid not in (0, os.geteuid()):
            raise AgentError(
                "%s belongs to uid %d" % (current, status.st_uid), "untrusted-module", "chown root " + current
            )
        if status.st_mode & (stat_module.S_IWGRP | stat_module.S_IWOTH):
            raise AgentError(
                "%s is writable by others" % current, "untrusted-module", "chmod go-w " + current
            )
        if current == "/":
            return
        current = os.path.dirname(current)


def _stamp(status: os.stat_result) -> "List[int]":
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _read_cache(root: "Tree", key: "List[Any]") -> "Optional[Dict[str, ModuleInfo]]":
    try:
        cached = loads(root.read(CACHE))
        if cached["format"] == _CACHE_FORMAT and cached["key"] == key:
            return {item["name"]: ModuleInfo(item) for item in cached["modules"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # absent, torn or another version's: made anew
    return None


def _write_cache(root: "Tree", key: "List[Any]", modules: "Dict[str, ModuleInfo]") -> None:
    cached = {
        "format": _CACHE_FORMAT,
        "key": key,
        "modules": [modules[name].as_data() for name in sorted(modules)],
    }
    try:
        root.write_atomic(CACHE, dumps(cached).encode("ascii"), 0o600, sync=False)
    except OSError:
        pass  # a root that cannot be written has no cache; everything else says so where it matters
