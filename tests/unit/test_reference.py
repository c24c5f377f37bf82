"""The reference pages are those of the schemas, and their examples are valid and do something."""

import glob
import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tsagent.userdata import cloud_init

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = sorted(glob.glob(os.path.join(CHECKOUT, "docs", "examples", "*", "*.yaml")))
MACHINE = os.path.join(CHECKOUT, "tests", "machines", "s5-medium4")


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location(
        "reference", os.path.join(CHECKOUT, "tools", "reference.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def modules(reference):
    return {module.name: module for module in reference.modules()}


def tsagent_of(*words):
    environment = dict(os.environ, PYTHONPATH=CHECKOUT, PYTHONDONTWRITEBYTECODE="1")
    process = subprocess.Popen(
        [sys.executable, "-m", "tsagent"] + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    output, complaints = process.communicate(timeout=120)
    return process.returncode, output.decode("utf-8"), complaints.decode("utf-8", "replace")


def test_the_pages_are_those_of_the_schemas(reference):
    made = reference.pages()
    stale = []
    for name, text in made.items():
        with open(os.path.join(reference.PAGES, name), encoding="utf-8") as stream:
            if stream.read() != text:
                stale.append(name)
    assert (stale, set(os.listdir(reference.PAGES)) - set(made)) == ([], set()), "make reference"


def test_every_module_with_keys_has_an_example(modules):
    without = [
        name for name, module in modules.items() if module.schema.get("properties") and not module.examples
    ]
    assert without == []


def test_every_key_has_a_description(reference, modules):
    bare = []
    for module in modules.values():
        for key, schema in module.schema.get("properties", {}).items():
            if not reference.resolve(schema, module.schema).get("description"):
                bare.append("%s: %s" % (module.name, key))
    assert bare == []


@pytest.mark.parametrize("path", EXAMPLES, ids=[os.path.relpath(path, CHECKOUT)[14:-5] for path in EXAMPLES])
def test_example_is_valid_and_planned(path, modules, tmp_path):
    """Without an error or a warning; and its module has something to do, or says why not."""
    code, output, _ = tsagent_of("validate", path)
    assert (code, output) == (0, "")
    name = os.path.basename(os.path.dirname(path))
    assert name in modules
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    places = ["--root", str(root), "--hardware", MACHINE, "--source", "none", "--user-data", path]
    code, output, complaints = tsagent_of(*(["plan", "--only", name, "--format", "json"] + places))
    assert code == 0, complaints
    (module,) = [entry for entry in json.loads(output)["modules"] if entry["name"] == name]
    assert module["changes"] or module["reason"], module


def test_what_becomes_of_each_of_cloud_inits_modules(modules, capsys):
    """The table, printed; each key it says we have is a key of that module, and no key is forgotten."""
    table = cloud_init.table()
    lines, wrong, known = [], [], set()
    for row in table["modules"]:
        assert row["state"] in cloud_init.STATES
        known.update(row["keys"])
        lines.append("%-32s %-12s %s" % (row["name"], row["state"], ", ".join(row["keys"])))
        if row["state"] == cloud_init.NOT_HERE:
            wrong += [row["name"]] if row["modules"] or not row["words"] else []
            continue
        have = {key for name in row["modules"] for key in modules[name].info.keys}
        wrong += ["%s: %s" % (row["name"], key) for key in row["keys"] if key not in have]
        if row["state"] == cloud_init.DIFFERS and not row["words"]:
            wrong.append("%s: says not how it differs" % row["name"])
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert wrong == []
    assert len(table["modules"]) == 62
    states = {
        entry["key"]: entry["state"]
        for entry in json.loads(tsagent_of("modules", "--format", "json")[1])["keys"]
    }
    assert known <= set(states)
    for row in table["modules"]:
        for key in row["keys"]:
            assert (states[key] == "not-here") == (row["state"] == cloud_init.NOT_HERE), key


def test_keys_that_are_not_for_this_system_are_never_an_error(tmp_path):
    file = tmp_path / "user-data"
    keys = [key for row in cloud_init.table()["modules"] if row["state"] == "not-here" for key in row["keys"]]
    file.write_text(
        "#cloud-config\n" + "".join("%s: {any: [thing]}\n" % key for key in keys), encoding="utf-8"
    )
    code, output, _ = tsagent_of("validate", str(file))
    assert code == 0
    assert len(output.splitlines()) == len(keys) and all(
        ": warning: " in line for line in output.splitlines()
    )
