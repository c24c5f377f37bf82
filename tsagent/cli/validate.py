"""`tsagent validate`: check user data against the schemas of the modules found."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Print the problems, one a line or in the file's text; 1 when one of them is an error."""
    from tsagent.host import Host
    from tsagent.registry.discovery import discover, load_schemas
    from tsagent.userdata.command import validate_files

    host = Host("/")
    schemas = load_schemas(host, discover(host.root, use_cache=False).modules)
    text, code = validate_files(
        values.files, schemas, values.format, annotate=values.annotate, instance_data=values.instance_data
    )
    sys.stdout.write(text)
    return code
