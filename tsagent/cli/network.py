"""`tsagent network render`: a network configuration to the files of one renderer."""

import sys

from tsagent.errors import EXIT_DONE, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Write the files below the output directory and print their paths; problems go to stderr."""
    from tsagent.netconfig import INPUT_LIMIT, render

    try:
        with open(values.input, "rb") as stream:
            data = stream.read(INPUT_LIMIT + 1)
    except OSError as error:
        raise AgentError("%s: %s" % (values.input, error.strerror), code="unreadable") from None
    paths, problems = render(data, values.input, values.renderer, values.output)
    for path in paths:
        sys.stdout.write(path + "\n")
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return EXIT_DONE
