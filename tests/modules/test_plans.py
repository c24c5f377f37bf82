"""Plan tests as data: facts and settings in, changes out.

Each file of `cases/MODULE/` is one case; only the fields it names are compared. See docs/modules.md.
Every case runs twice: on the module as shipped, and on a copy of it in a drop-in directory.
"""

import glob
import json
import os
import shutil

import pytest

from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context, Nothing
from tsagent.registry.discovery import discover, shipped_directory
from tsagent.registry.loading import load_module

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
FILES = sorted(glob.glob(CASES + "/*/*.json"))


def make_context(case, name, tmp_path):
    """A context of plain data, over a root that holds just the case's files."""
    root = tmp_path / "root"
    hardware = tmp_path / "hardware"
    for top, files in ((root, case.get("files", {})), (hardware, case.get("hardware", {}))):
        top.mkdir()
        for path, text in files.items():
            file = top / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode("utf-8"))
            if path in case.get("modes", {}):
                file.chmod(int(case["modes"][path], 8))
    host = Host(str(root), hardware=str(hardware), commands=case.get("commands"))
    scripts = [dict(item, content=item["content"].encode("utf-8")) for item in case.get("scripts", [])]
    context = Context(
        name,
        case.get("settings", {}),
        Facts.from_data(case.get("facts", {})),
        host.root,
        host.hardware,
        instance=case.get("instance"),
        sensitive=case.get("sensitive"),
        network=case.get("network"),
        scripts=scripts,
        provisional=case.get("provisional", False),
        commands=case.get("commands", "live"),
    )
    context.live = case.get("live", True)
    return context


def plan(context, module):
    """All changes a module plans, or its word that there is nothing to do."""
    answer = module.plan(context)
    if answer is None or isinstance(answer, Nothing):
        return []
    return list(answer)


def seen(change, field):
    """A field of a change as a case file writes it."""
    if field == "describe":
        return change.describe()
    value = getattr(change, field) if hasattr(change, field) else change.payload().get(field)
    if field == "mode" and value is not None:
        return "%04o" % value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, (tuple, set)):
        return list(value)
    return value if isinstance(value, (int, float, list, dict, bool, type(None))) else str(value)


@pytest.fixture(scope="module", params=["shipped", "drop-in"])
def loaded(request, tmp_path_factory):
    """Loads a built-in module by its name: from where it is shipped, or as a third party's would lie."""
    top = tmp_path_factory.mktemp("image")
    if request.param == "drop-in":
        for name in ("modules", "schemas"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                os.path.join(shipped_directory(), name), str(top / "etc/tsagent" / name), ignore=ignored
            )
    tree = Host(str(top)).root
    found = discover(tree, use_cache=False)
    assert found.problems == []

    def load(name):
        info = found.modules[name]
        assert info.shipped == (request.param == "shipped")
        module = load_module(info, tree)
        assert module.__file__.startswith(str(top)) != info.shipped
        return module

    return load


@pytest.mark.parametrize("path", FILES, ids=[os.path.relpath(path, CASES)[:-5] for path in FILES])
def test_plan(path, loaded, tmp_path):
    with open(path, encoding="utf-8") as stream:
        case = json.load(stream)
    name = os.path.basename(os.path.dirname(path))
    context = make_context(case, name, tmp_path)
    changes = plan(context, loaded(name))
    expected = case.get("changes", [])
    got = [{field: seen(change, field) for field in want} for change, want in zip(changes, expected)]
    extra = [change.describe() for change in changes[len(expected) :]]
    assert (got, extra) == (expected, []), [change.describe() for change in changes]
    if "nothing" in case:
        assert context.reason == case["nothing"]
    for words in case.get("warnings", []):
        assert any(words in warning for warning in context.warnings), context.warnings
    if not case.get("warnings"):
        assert context.warnings == []
    for key, value in case.get("decisions", {}).items():
        assert value in [item.value for item in context.decisions if item.key == key]


def test_there_are_cases_for_every_module():
    modules = discover(Host("/").root, use_cache=False).modules
    without = [name for name in modules if not glob.glob("%s/%s/*.json" % (CASES, name))]
    assert without == []
