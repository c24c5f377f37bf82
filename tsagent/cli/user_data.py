"""`tsagent user-data show`: what the agent makes of user data."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Print parts, merged configuration, scripts and warnings."""
    from tsagent.host import Host
    from tsagent.registry.discovery import discover, load_schemas
    from tsagent.userdata.command import show

    host = Host("/")
    schemas = load_schemas(host, discover(host.root, use_cache=False).modules)
    text, code = show(
        values.file,
        vendor_data=values.vendor_data,
        instance_data=values.instance_data,
        format=values.format,
        schemas=schemas,
    )
    sys.stdout.write(text)
    return code
