"""The sources that a package is built from: the checkout without what was built or is private in it."""

import os
import re
import shutil

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOT_SOURCES = (
    ".git",
    ".venv*",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "*.py[co]",
)
# Written by earlier builds into a checkout; each build makes its own.
GENERATED = os.path.join("tsagent", "userdata", "validators_generated.py")


def version():
    """The version, as tsagent/__init__.py states it."""
    with open(os.path.join(CHECKOUT, "tsagent", "__init__.py"), encoding="utf-8") as file:
        found = re.search(r'^__version__ = "([^"]+)"$', file.read(), re.MULTILINE)
    if found is None:
        raise SystemExit('tsagent/__init__.py: expected a line __version__ = "..."')
    return found.group(1)


def export(target):
    """Copy the sources to the new directory `target`; links stay links."""
    shutil.copytree(CHECKOUT, target, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    generated = os.path.join(target, GENERATED)
    if os.path.exists(generated):
        os.unlink(generated)
