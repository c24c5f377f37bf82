"""`tsagent network render`: a network configuration to the files of one renderer."""

import sys

from tsagent.errors import EXIT_DONE, EXIT_FAILED, AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Write the files below the output directory and print their paths; problems go to stderr.

    What is wrong is left out, as at a boot, and makes the exit code 1.
    """
    from tsagent.netconfig import INPUT_LIMIT, render
    from tsagent.userdata.problem import ERROR

    try:
        with open(values.input, "rb") as stream:
            data = stream.read(INPUT_LIMIT + 1)
    except OSError as error:
        raise AgentError("%s: %s" % (values.input, error.strerror), code="unreadable") from None
    rendered = render(data, values.input, values.renderer, values.output)
    for path in rendered.files:
        sys.stdout.write(path + "\n")
    for problem in rendered.problems:
        sys.stderr.write("%s\n" % problem)
    wrong = any(problem.severity == ERROR for problem in rendered.problems)
    return EXIT_FAILED if wrong else EXIT_DONE
