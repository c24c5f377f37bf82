#!/usr/bin/env python3
"""Write validators made ahead of time from the agent's schemas, so that a boot need not import jsonschema.

    generate_validators.py --schemas schemas --output tsagent/userdata/validators_generated.py

Needs fastjsonschema, here only: the file it writes stands alone. A key whose schema fastjsonschema cannot
compile is left to jsonschema, and named.
"""

import argparse
import glob
import inspect
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tsagent.userdata.fastvalid import digest  # noqa: E402 (the checkout's own)

HEAD = '''"""Validators generated from the schemas: `VALIDATORS`, digest of schema -> maker.

Written by packaging/generate_validators.py; changes are lost at the next build.
"""
# ruff: noqa
# mypy: ignore-errors

import re
from decimal import Decimal

NoneType = type(None)


class JsonSchemaValueException(ValueError):
    """A value is not valid; jsonschema is then asked why."""


JsonSchemaValuesException = JsonSchemaValueException
'''

# Messages are never shown (they quote values), and making them is most of the work of a failed alternative.
RAISE = re.compile(r"raise JsonSchemaValueException\(.*\)$", re.MULTILINE)


def compile_key(schema, key):
    """The source of a function `validate(data)` for one key. Raises what fastjsonschema raises."""
    import fastjsonschema

    definition = {"$schema": "http://json-schema.org/draft-04/schema#", "allOf": [schema["properties"][key]]}
    if "definitions" in schema:
        definition["definitions"] = schema["definitions"]
    wanted = {"use_default": False, "use_formats": False, "detailed_exceptions": False}
    known = inspect.signature(fastjsonschema.compile_to_code).parameters
    options = {name: value for name, value in wanted.items() if name in known}
    code = fastjsonschema.compile_to_code(without_notes(definition), **options)
    lines = [
        line
        for line in code.splitlines()
        if not re.match(
            r"(VERSION = |NoneType = |import re$|from fastjsonschema import|from decimal import)", line
        )
    ]
    text = "\n".join(lines).strip("\n").replace("(int, float, Decimal)", "(int, float)")
    return RAISE.sub("raise JsonSchemaValueException", text)


def without_notes(schema):
    """The schema without what only people and the agent read."""
    if isinstance(schema, dict):
        notes = ("description", "title", "x-tsagent", "default", "examples")
        return {
            key: {name: without_notes(below) for name, below in value.items()}
            if key in ("properties", "patternProperties", "definitions")
            else value
            if key == "enum"
            else without_notes(value)
            for key, value in schema.items()
            if key not in notes
        }
    if isinstance(schema, list):
        return [without_notes(item) for item in schema]
    return schema


def generate(schemas):
    """(the text of the module, the keys that were left out)."""
    pieces = [HEAD]
    table = []
    left_out = []
    for schema in schemas:
        for key in sorted(schema.get("properties") or {}):
            try:
                code = compile_key(schema, key)
                compile(code, key, "exec")
            except Exception as error:  # noqa: BLE001 (any failure of the compiler means: leave it to jsonschema)
                left_out.append("%s (%s)" % (key, type(error).__name__))
                continue
            name = "_make_%d" % len(table)
            body = "\n".join("    " + line if line.strip() else "" for line in code.splitlines())
            pieces.append("\ndef %s():\n%s\n    return validate\n\n" % (name, body))
            table.append('    "%s": %s,  # %s\n' % (digest(schema, key), name, key))
    pieces.append("\nVALIDATORS = {\n%s}\n" % "".join(table))
    text = "".join(pieces)
    if "Decimal(" not in text:
        text = text.replace("from decimal import Decimal\n", "")
    return text, left_out


def main():
    """Read the schemas, write the module, say what was left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--schemas", default=os.path.join(os.path.dirname(HERE), "schemas"), help="folder of *.json"
    )
    parser.add_argument("--output", required=True, help="the Python file to write")
    values = parser.parse_args()
    schemas = []
    for path in sorted(glob.glob(os.path.join(values.schemas, "*.json"))):
        with open(path, encoding="utf-8") as stream:
            schemas.append(json.load(stream))
    text, left_out = generate(schemas)
    compile(text, values.output, "exec")
    temporary = values.output + ".tmp"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, values.output)
    missing = "; left out: " + ", ".join(left_out) if left_out else ""
    print("%s: %d validators%s" % (values.output, text.count("def _make_"), missing))


if __name__ == "__main__":
    main()
