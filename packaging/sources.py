"""The sources that a package is built from: the checkout without what was built or is private in it."""

import calendar
import contextlib
import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(HERE)
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
    "tests",  # thousands of files, recorded machines among them; no package runs them
)
# Written by earlier builds into a checkout; each build makes its own.
VALIDATORS = os.path.join("tsagent", "userdata", "validators_generated.py")
CHANGELOG = os.path.join("packaging", "deb", "debian", "changelog")


def version():
    """The version, as tsagent/__init__.py states it."""
    with open(os.path.join(CHECKOUT, "tsagent", "__init__.py"), encoding="utf-8") as file:
        found = re.search(r'^__version__ = "([^"]+)"$', file.read(), re.MULTILINE)
    if found is None:
        raise SystemExit('tsagent/__init__.py: expected a line __version__ = "..."')
    return found.group(1)


def date():
    """The release's date in the changelog, in seconds since 1970: equal sources make equal packages."""
    with open(os.path.join(CHECKOUT, CHANGELOG), encoding="utf-8") as file:
        found = re.search(r"^ -- .*>  \w+, (.*) \+0000$", file.read(), re.MULTILINE)
    if found is None:
        raise SystemExit("%s: expected a signature with a date in UTC" % CHANGELOG)
    return calendar.timegm(time.strptime(found.group(1), "%d %b %Y %H:%M:%S"))


def export(target):
    """Copy the sources to the new directory `target`; links stay links."""
    shutil.copytree(CHECKOUT, target, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    generated = os.path.join(target, VALIDATORS)
    if os.path.exists(generated):
        os.unlink(generated)


def tarball(path, version):
    """Write the sources as tsagent-VERSION.tar.gz, with all that is generated from them.

    No target then needs what generates it (fastjsonschema, shtab), which el7 does not have.
    """
    name = "tsagent-" + version
    with tempfile.TemporaryDirectory(prefix="tsagent-sources-") as work:
        tree = os.path.join(work, name)
        export(tree)
        made = os.path.join(tree, "generated")
        for words in (
            ["generate_validators.py", "--output", os.path.join(tree, VALIDATORS)],
            ["generate_manual.py", "--output", os.path.join(made, "man")],
            ["generate_completion.py", "--output", os.path.join(made, "completion")],
        ):
            words[0] = os.path.join(tree, "packaging", words[0])
            environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
            done = subprocess.run(
                ["/usr/bin/python3"] + words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            if done.returncode != 0:
                sys.stderr.write(done.stdout.decode("utf-8", "replace"))
                raise SystemExit("%s: status %d" % (words[0], done.returncode))
        moment = date()

        def plain(entry):
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = moment
            entry.mode = entry.mode & ~0o022
            return entry

        with contextlib.ExitStack() as stack:
            plain_file = stack.enter_context(open(path, "wb"))
            # No time of day in the header.
            packed = stack.enter_context(gzip.GzipFile("", "wb", fileobj=plain_file, mtime=moment))
            archive = stack.enter_context(tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT))
            for folder, names, files in os.walk(tree):
                names.sort()
                links = [entry for entry in names if os.path.islink(os.path.join(folder, entry))]
                for full in [folder] + [os.path.join(folder, entry) for entry in sorted(files + links)]:
                    archive.add(full, os.path.relpath(full, work), recursive=False, filter=plain)
