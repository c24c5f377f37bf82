"""Adds up the test runs of CI: the last line it prints is `N passed, N failed, N skipped`.

    python3 .ci/totals.py FOLDER

FOLDER holds a JUnit file for each run. Exits 1 when no test was run at all, or any failed.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    """Passed, failed and skipped tests of one run; an error while collecting is a failure."""
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left_out = int(suite.get("skipped", 0))
        passed += max(int(suite.get("tests", 0)) - bad - left_out, 0)
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def main():
    """Command line."""
    folder = sys.argv[1]
    counts = [count(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
