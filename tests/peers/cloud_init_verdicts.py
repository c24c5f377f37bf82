"""Run by cloud-init's interpreter: judges configurations by cloud-init's schema.

Standard input: a JSON list of configurations; standard output: a JSON list of "" for a valid one, else what
is wrong with it; null where cloud-init raises something else.
"""

import json
import sys


def main():
    from cloudinit.config import schema

    whole = schema.get_schema()
    said = []
    for config in json.load(sys.stdin):
        try:
            schema.validate_cloudconfig_schema(config, whole, strict=True, log_deprecations=False)
            said.append("")
        except schema.SchemaValidationError as error:
            said.append(str(error)[:600] if error.has_errors() else "")
        except Exception:  # noqa: BLE001 (a case that it cannot judge is no case)
            said.append(None)
    json.dump(said, sys.stdout)


main()
