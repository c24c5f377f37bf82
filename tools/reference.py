#!/usr/bin/env python3
"""Write docs/reference/: a page for each module, made of its schema and its examples, and the table of keys.

    python3 tools/reference.py [--check]

With --check nothing is written: the exit code is 1 where a page is not what it would be. Examples are
docs/examples/MODULE/*.yaml; the second line of each says in a comment what it does.
"""

import argparse
import glob
import json
import os
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, CHECKOUT)

from tsagent.registry.metadata import FREQUENCIES, STAGES, read_metadata  # noqa: E402
from tsagent.userdata import cloud_init  # noqa: E402
from tsagent.userdata.expected import resolve, types_of  # noqa: E402

PAGES = os.path.join(CHECKOUT, "docs", "reference")
EXAMPLES = os.path.join(CHECKOUT, "docs", "examples")
RUNS = {"always": "every boot", "instance": "once an instance", "once": "once ever"}
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "nothing",
}
STATE_WORDS = {
    cloud_init.WORKS: "works",
    cloud_init.DIFFERS: "differs",
    cloud_init.NOT_HERE: "not for this system",
}
MADE = "<!-- Made by tools/reference.py (make reference): change the schema or the example instead. -->\n"


class Module:
    """A module's schema file, read."""

    def __init__(self, path):
        name = os.path.basename(path)[:-5]
        with open(path, encoding="utf-8") as stream:
            self.schema = json.load(stream)
        self.info = read_metadata(name, "", path, "", True, self.schema)
        self.name = name
        self.examples = sorted(glob.glob(os.path.join(EXAMPLES, name, "*.yaml")))


def modules():
    """All built-in modules, in the order of their stages and names."""
    found = [Module(path) for path in glob.glob(os.path.join(CHECKOUT, "schemas", "*.json"))]
    return sorted(found, key=lambda module: (STAGES.index(module.info.stage), module.name))


# -- a key in words -----------------------------------------------------------------------------------


def kinds(schema, root, depth=0):
    """The types a schema allows, in words, each once."""
    schema = resolve(schema, root)
    if isinstance(schema.get("enum"), list):
        return [
            "`%s`" % (json.dumps(value) if not isinstance(value, str) else value) for value in schema["enum"]
        ]
    found = []
    for kind in types_of(schema):
        word = WORDS[kind]
        if kind == "array":
            items = kinds(schema.get("items", {}), root, depth + 1) if depth < 2 else []
            word = "list of %s" % " / ".join(items) if items and len(items) < 6 else "list"
        found.append(word)
    for choice in ("oneOf", "anyOf", "allOf"):
        for branch in schema.get(choice, []) if depth < 4 and not found else []:
            found += kinds(branch, root, depth + 1)
    return sorted(dict.fromkeys(found), key=lambda word: word.startswith("list"))


def limits(schema):
    """Limits of a value, in words."""
    said = []
    if "minimum" in schema or "maximum" in schema:
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            said.append("%s to %s" % (low, high))
        else:
            said.append("at least %s" % low if low is not None else "at most %s" % high)
    return said


def remarks(schema, required):
    """What is to be known of a key beside its type: words for the column on the right."""
    own = schema.get("x-tsagent") or {}
    said = [cell(schema.get("description") or schema.get("title") or "")]
    if required:
        said.append("**Required.**")
    if "default" in schema:
        said.append("Default: `%s`." % cell(json.dumps(schema["default"], ensure_ascii=False)))
    if own.get("deprecated"):
        words = own["deprecated"]
        said.append("*Deprecated%s.*" % (": " + cell(words).rstrip(".") if isinstance(words, str) else ""))
    if own.get("no_effect"):
        said.append("*Without effect here: %s.*" % cell(own["no_effect"]).rstrip("."))
    if own.get("secret"):
        said.append("Secret.")
    return " ".join(word for word in said if word)


def cell(text):
    """Text fit for a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def below(schema, root, depth=0):
    """(properties, required names, suffix) of the mappings a schema allows, inside of lists as well."""
    schema = resolve(schema, root)
    found = []
    if schema.get("properties"):
        found.append((schema["properties"], set(schema.get("required", [])), ""))
    for item in (schema.get("patternProperties") or {}).values():
        if resolve(item, root).get("description") or resolve(item, root).get("properties"):
            found.append(({"NAME": item}, set(), ""))
    if isinstance(schema.get("additionalProperties"), dict):
        found.append(({"NAME": schema["additionalProperties"]}, set(), ""))
    if depth < 5:
        for choice in ("oneOf", "anyOf", "allOf"):
            for branch in schema.get(choice, []):
                found += below(branch, root, depth + 1)
        if isinstance(schema.get("items"), dict):
            found += [
                (names, needed, "[]" + suffix)
                for names, needed, suffix in below(schema["items"], root, depth + 1)
            ]
    return found


def older_spellings(names, root):
    """Key -> deprecated spellings of it that stand beside it: they need no row of their own."""
    older = {}
    for name, item in names.items():
        words = (resolve(item, root).get("x-tsagent") or {}).get("deprecated")
        new = words[4:] if isinstance(words, str) and words.startswith("use ") else None
        if new in names and new.replace("_", "-") == name.replace("_", "-"):
            older.setdefault(new, []).append(name)
    return older


def rows(schema, root, path, seen, depth=0):
    """Lines of the table of the keys inside of one."""
    for names, required, suffix in below(schema, root):
        older = older_spellings(names, root)
        for name, item in names.items():
            place = "%s%s.%s" % (path, suffix, name)
            item = resolve(item, root)
            if place in seen or not (item.get("description") or item.get("title")):
                continue
            if any(name in spellings for spellings in older.values()):
                continue
            seen.add(place)
            kind = " or ".join(kinds(item, root)) or "any"
            more = "".join(", " + words for words in limits(item))
            words = remarks(item, name in required)
            if name in older:
                words += " Older spelling: %s." % ", ".join("`%s`" % spelling for spelling in older[name])
            yield "| `%s` | %s%s | %s |" % (place, cell(kind), more, words)
            if depth < 6:
                yield from rows(item, root, place, seen, depth + 1)


# -- pages --------------------------------------------------------------------------------------------


def key_sections(module):
    """The part of a page about its keys."""
    lines = []
    tables = {}
    for key, schema in module.schema.get("properties", {}).items():
        whole = resolve(schema, module.schema)
        lines += ["### `%s`" % key, ""]
        kind = " or ".join(kinds(whole, module.schema)) or "any"
        lines += [
            remarks(whole, False),
            "",
            "Type: %s%s." % (kind, "".join(", " + word for word in limits(whole))),
            "",
        ]
        inside = list(rows(whole, module.schema, key, set()))
        bodies = [line.partition("| `%s" % key)[2].lstrip("[]") for line in inside]
        shape = "\n".join(body.split(".", 1)[-1] for body in bodies)
        if shape in tables and len(inside) > 3:
            lines += ["Its keys are those of [`%s`](#%s)." % (tables[shape], tables[shape].lower()), ""]
        elif inside:
            tables[shape] = key
            lines += ["| key | type | what |", "|---|---|---|"] + inside + [""]
    return lines


def example_sections(module):
    """The part of a page about its examples."""
    lines = []
    for path in module.examples:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        first, second = text.split("\n", 2)[:2]
        if first != "#cloud-config" or not second.startswith("# "):
            raise SystemExit("%s: begins with #cloud-config, then a comment that says what it does" % path)
        body = first + "\n" + text.split("\n", 2)[2]
        lines += [second[2:], "", "```yaml", body.rstrip("\n"), "```", ""]
    return ["## Examples", ""] + lines if lines else []


def page(module, table):
    """The page of a module."""
    info, schema = module.info, module.schema
    lines = [MADE, "# `%s`" % module.name, "", schema.get("description", info.title), ""]
    lines += ["| | |", "|---|---|"]
    lines.append("| stage | %s |" % info.stage)
    lines.append("| runs | %s |" % RUNS[info.frequency])
    if info.after or info.requires:
        names = sorted(set(info.after + info.requires))
        lines.append("| after | %s |" % ", ".join("`%s`" % name for name in names))
    if info.time_limit:
        lines.append("| time limit | %d s |" % info.time_limit)
    if info.scripts:
        lines.append("| scripts | %s |" % ", ".join(info.scripts))
    theirs = [row for row in table["modules"] if module.name in row["modules"]]
    if theirs:
        lines.append("| in cloud-init | %s |" % ", ".join("`%s`" % row["name"] for row in theirs))
    lines.append("")
    lines += [
        "Differs from cloud-init: %s\n" % row["words"] for row in theirs if row["state"] == cloud_init.DIFFERS
    ]
    own = [key for key in info.keys if key not in schema.get("properties", {})]
    if schema.get("properties"):
        lines += ["## Keys", ""] + key_sections(module)
    if own:
        lines += ["Reads, too: %s.\n" % ", ".join("`%s`" % key for key in own)]
    lines += example_sections(module)
    return "\n".join(lines).rstrip("\n") + "\n"


def index(found):
    """The list of all modules."""
    lines = [MADE, "# Modules and their keys", ""]
    lines += ["A page for each. `tsagent modules` prints the same of a machine, drop-ins included.", ""]
    lines += ["| module | stage | runs | keys | |", "|---|---|---|---|---|"]
    for module in found:
        keys = ", ".join("`%s`" % key for key in module.info.keys)
        lines.append(
            "| [`%s`](%s.md) | %s | %s | %s | %s |"
            % (
                module.name,
                module.name,
                module.info.stage,
                RUNS[module.info.frequency],
                keys,
                cell(module.info.title),
            )
        )
    return "\n".join(lines) + "\n"


def theirs(table):
    """cloud-init's modules and what becomes of each."""
    lines = [MADE, "# cloud-init's modules here", ""]
    lines += ["[Coming from cloud-init](../coming-from-cloud-init.md) says the rest.", ""]
    lines += ["| cloud-init's module | keys | here | | |", "|---|---|---|---|---|"]
    for row in table["modules"]:
        keys = ", ".join("`%s`" % key for key in row["keys"])
        ours = ", ".join("[`%s`](%s.md)" % (name, name) for name in row["modules"])
        lines.append(
            "| `%s` | %s | %s | %s | %s |"
            % (row["name"], keys, ours, STATE_WORDS[row["state"]], cell(row.get("words", "")))
        )
    for group in table["other_keys"]:
        keys = ", ".join("`%s`" % key for key in group["keys"])
        lines.append(
            "| (the image's) | %s | | %s | %s |"
            % (keys, STATE_WORDS[cloud_init.NOT_HERE], cell(group["words"]))
        )
    return "\n".join(lines) + "\n"


def pages():
    """File name -> text of all pages."""
    found = modules()
    table = cloud_init.table()
    made = {"%s.md" % module.name: page(module, table) for module in found}
    made["README.md"] = index(found)
    made["cloud-init.md"] = theirs(table)
    assert set(RUNS) == set(FREQUENCIES)
    return made


def main():
    """Write what differs, or say what would."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a page is out of date"
    )
    check = parser.parse_args().check
    made = pages()
    os.makedirs(PAGES, exist_ok=True)
    stale = []
    for name in sorted(set(made) | set(os.listdir(PAGES))):
        path = os.path.join(PAGES, name)
        old = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                old = stream.read()
        if old == made.get(name):
            continue
        stale.append(name)
        if check:
            continue
        if name not in made:
            os.remove(path)
        else:
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(made[name])
    for name in stale:
        print("%s: %s" % (name, "out of date: make reference" if check else "written"))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
