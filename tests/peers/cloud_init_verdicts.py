"""Run by cloud-init's interpreter: judges configurations by cloud-init's schema.

Standard input: a JSON list of configurations; standard output: a JSON list of [what is wrong with it or "",
whether something in it is deprecated]; null where cloud-init raises something else.
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
            said.append(["", False])
        except schema.SchemaValidationError as error:
            wrong = str(error)[:600] if error.has_errors() else ""
            said.append([wrong, bool(error.schema_deprecations)])
        except Exception:  # noqa: BLE001 (a case that it cannot judge is no case)
            said.append(None)
    json.dump(said, sys.stdout)


main()
