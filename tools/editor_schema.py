#!/usr/bin/env python3
"""Write docs/schema/cloud-config.json: all keys as one JSON Schema, for editors of YAML.

    python3 tools/editor_schema.py [--check]

With --check nothing is written: the exit code is 1 where it is out of date. `tsagent validate --schema`
prints the same of the modules of one machine.
"""

import argparse
import glob
import json
import os
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, CHECKOUT)

from tsagent.userdata.editorschema import editor_schema  # noqa: E402 (the checkout's own)

TARGET = os.path.join(CHECKOUT, "docs", "schema", "cloud-config.json")


def text():
    """The schema of the checkout's modules."""
    schemas = {}
    for path in glob.glob(os.path.join(CHECKOUT, "schemas", "*.json")):
        with open(path, encoding="utf-8") as stream:
            schemas[os.path.basename(path)[: -len(".json")]] = json.load(stream)
    return json.dumps(editor_schema(schemas), indent=1, ensure_ascii=False) + "\n"


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where it is out of date")
    check = parser.parse_args().check
    made, old = text(), None
    if os.path.exists(TARGET):
        with open(TARGET, encoding="utf-8") as stream:
            old = stream.read()
    if made == old:
        return 0
    print("docs/schema/cloud-config.json: %s" % ("out of date: make reference" if check else "written"))
    if check:
        return 1
    os.makedirs(os.path.dirname(TARGET), exist_ok=True)
    with open(TARGET, "w", encoding="utf-8") as stream:
        stream.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
