"""docs/command-line.md describes every command, option and code, and none that is not there."""

import argparse
import ast
import glob
import os
import re

import pytest

from tsagent.cli import parser

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


@pytest.fixture(scope="module")
def page():
    return read(os.path.join(CHECKOUT, "docs", "command-line.md"))


def leaves(top, words=()):
    """Each command of the parser, with its own parser."""
    nested = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        return [(words, top)]
    return [leaf for name, each in nested[0].choices.items() for leaf in leaves(each, words + (name,))]


@pytest.fixture
def commands(monkeypatch):
    """The parser's commands; taken from the parser at the moment it would parse."""
    caught = []

    class Caught(Exception):
        pass

    class Watching(parser._Parser):
        def parse_args(self, args=None, namespace=None):
            caught.append(self)
            raise Caught()

    monkeypatch.setattr(parser, "_Parser", Watching)
    with pytest.raises(Caught):
        parser.parse(["imds"])
    return leaves(caught[0])


def test_every_command_and_option_is_described(commands, page):
    assert len(commands) > 10
    wrong = []
    for words, each in commands:
        heading = "## `tsagent %s" % " ".join(words)
        if heading not in page:
            wrong.append(heading)
            continue
        section = page.split(heading, 1)[1].split("\n## ", 1)[0]
        if "[run options]" in section.partition("\n")[0] or "(#run-options)" in section:
            section += page.split("\n### Run options", 1)[1].split("\n## ", 1)[0]
        for action in each._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help", "--debug") and "`%s" % option not in section:
                    wrong.append("%s: %s" % (" ".join(words), option))
    assert wrong == []


def test_no_command_is_described_that_is_not_there(commands, page):
    described = re.findall(r"^## `tsagent ([a-z -]+?)(?: [A-Z\[]|`)", page, re.MULTILINE)
    assert sorted(described) == sorted(" ".join(words) for words, _ in commands)


def test_every_key_of_the_images_configuration_is_described(page):
    source = read(os.path.join(CHECKOUT, "tsagent", "state", "config.py"))
    checked = set(re.findall(r"^    (?:el)?if key == \"(\w+)\":", source, re.MULTILINE))
    section = page.split("\n### The image's configuration", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(cells))) == checked and "sources" in checked


def test_every_code_is_described(page):
    """All stable codes of errors, and none that is not there."""
    section = page.split("\n## Codes", 1)[1]
    described = {
        code
        for cell in re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
        for code in re.findall(r"`([a-z-]+)`", cell)
    }
    assert described == stable_codes()


def stable_codes():
    """The codes that the sources give to errors and endings: what is handed to a parameter called `code`."""
    files = glob.glob(os.path.join(CHECKOUT, "tsagent", "**", "*.py"), recursive=True)
    files += glob.glob(os.path.join(CHECKOUT, "modules", "**", "*.py"), recursive=True)
    trees = [ast.parse(read(path)) for path in files]
    takers = code_parameters(trees)
    codes = set()
    for tree in trees:
        names = constants(tree)
        for node in ast.walk(tree):
            codes.update(re.findall(r"^tsagent: %s \(([a-z-]+)\)", string(node) or ""))
            codes.update(text for value in given_codes(node, takers) for text in texts(value, names))
    return codes


def code_parameters(trees):
    """Name of a function or class -> where in its call the parameter `code` stands."""
    places = {}
    bases = {}
    for node in [node for tree in trees for node in ast.walk(tree)]:
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            if "code" in names:
                places.setdefault(node.name, set()).add(names.index("code"))
        elif isinstance(node, ast.ClassDef):
            bases[node.name] = [getattr(base, "id", "") for base in node.bases]
            for made in [item for item in node.body if getattr(item, "name", "") == "__init__"]:
                names = [argument.arg for argument in made.args.args if argument.arg != "self"]
                bases[node.name] = []
                if "code" in names:
                    places.setdefault(node.name, set()).add(names.index("code"))
    for _ in range(4):  # an heir without a beginning of its own is called as its parent is
        for name, parents in bases.items():
            for parent in parents:
                places.setdefault(name, set()).update(places.get(parent, ()))
    return places


def given_codes(node, takers):
    """The expressions that a piece of source uses as a code."""
    if isinstance(node, ast.Call):
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        found = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        return found + [node.args[place] for place in takers.get(name, ()) if place < len(node.args)]
    if isinstance(node, ast.ClassDef):
        parents = {place for base in node.bases for place in takers.get(getattr(base, "id", ""), ())}
        calls = [
            call for call in ast.walk(node) if getattr(getattr(call, "func", None), "attr", "") == "__init__"
        ]
        return [call.args[place] for call in calls for place in parents if place < len(call.args)]
    if isinstance(node, ast.Assign):
        targets = [item for target in node.targets for item in getattr(target, "elts", [target])]
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value] * len(targets)
        pairs = zip(targets, values)
        return [
            value for target, value in pairs if getattr(target, "attr", getattr(target, "id", "")) == "code"
        ]
    if isinstance(node, ast.FunctionDef):
        arguments = node.args.args[-len(node.args.defaults) :] if node.args.defaults else []
        return [value for argument, value in zip(arguments, node.args.defaults) if argument.arg == "code"]
    return []


def string(node):
    """The text that a literal stands for, None for anything else; `ast` names it by the Python's age."""
    value = getattr(node, "s" if type(node).__name__ == "Str" else "value", None)
    return value if isinstance(value, str) and type(node).__name__ in ("Str", "Constant") else None


def constants(tree):
    """Module-level names to the texts that they stand for."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            strings = [string(value) for value in values if string(value) is not None]
            if strings:
                found[node.targets[0].id] = strings
    return found


def texts(value, names):
    """The codes that an expression can be."""
    text = string(value)
    if text is not None:
        return [text] if re.match(r"[a-z]+(-[a-z]+)*\Z", text) else []
    if isinstance(value, ast.IfExp):
        return texts(value.body, names) + texts(value.orelse, names)
    if isinstance(value, ast.Subscript):
        value = value.value
    return names.get(getattr(value, "id", ""), [])
