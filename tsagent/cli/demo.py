"""`tsagent demo`: a whole first boot, shown as it happens."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(values: "argparse.Namespace") -> int:
    """Run the demo and return its exit code."""
    from tsagent.demo import run

    return run(values.keep)
