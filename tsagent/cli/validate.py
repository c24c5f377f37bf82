"""`tsagent validate`: check user data against the schemas of the modules found."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Print the problems, one a line or in the file's text; 1 when one of them is an error."""
    from tsagent.errors import UsageError
    from tsagent.host import Host
    from tsagent.registry.discovery import discover, load_schemas
    from tsagent.userdata.command import validate_files

    if bool(values.files) is values.schema:
        raise UsageError("validate: files to check, or --schema alone")
    host = Host("/")
    modules = discover(host.root, use_cache=False).modules
    schemas = load_schemas(host, modules)
    if values.schema:
        import json

        from tsagent.userdata.editorschema import editor_schema

        made = editor_schema(dict(zip(sorted(modules), schemas)))
        sys.stdout.write(json.dumps(made, indent=1) + "\n")
        return 0
    text, code = validate_files(
        values.files, schemas, values.format, annotate=values.annotate, instance_data=values.instance_data
    )
    sys.stdout.write(text)
    return code
