"""`tsagent bake`: the packages of a first boot, downloaded while the image is built."""

import json
import sys

from tsagent.errors import EXIT_DONE, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Download, print what, and return the exit code."""
    import os

    from tsagent.facts.pci_tables import GPUS
    from tsagent.host import Host
    from tsagent.session.bake import bake
    from tsagent.state.lock import take_lock

    if not os.path.isdir(values.root):
        raise UsageError("--root %s: no such directory" % values.root)
    known = sorted({model for vendor_device, (_, model) in GPUS.items() if vendor_device[0] == "10de"})
    for model in values.gpu:
        if model not in known:
            raise UsageError("--gpu %s: expected one of %s" % (model, ", ".join(known)))
    host = Host(values.root)
    lock = take_lock(host.root)
    try:
        document = bake(host, values.gpu, values.user_data)
    finally:
        os.close(lock)
    if values.format == "json":
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return EXIT_DONE
    for item in document["sets"]:
        for_gpu = " for %s" % item["gpu"] if item["gpu"] else ""
        variant = " (%s)" % item["variant"] if item["variant"] else ""
        sys.stdout.write(
            "%s%s: %s%s: %d files, %.1f MB\n"
            % (
                item["module"],
                for_gpu,
                ", ".join(item["packages"]),
                variant,
                len(item["files"]),
                item["bytes"] / 1e6,
            )
        )
    for line in document["left_out"]:
        sys.stdout.write("- %s\n" % line)
    return EXIT_DONE
