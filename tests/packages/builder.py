"""Builds packages, and runs what looks at them."""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
PACKAGING = os.path.join(CHECKOUT, "packaging")
LATER = "9.9.9"  # the version that the packages are upgraded to
LIMIT = 300  # seconds, far beyond what any of these takes


def run(argv, **options):
    """Run a command; its output, errors among it. Fails with all of it unless the status is 0."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        **options,
    )
    output = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, "%s: status %d\n%s" % (" ".join(argv), done.returncode, output)
    return output


def _build(kind, folder, more):
    words = [sys.executable, os.path.join(PACKAGING, kind, "build.py"), "--output", str(folder)]
    printed = run(words + list(more)).split()
    # What it says it built is what lies there.
    assert sorted(printed) == sorted(glob.glob(str(folder) + "/*")), printed
    return str(folder)


def build_rpm(folder, *more):
    """`make rpm` into a folder; the folder."""
    return _build("rpm", folder, more)


def build_deb(folder, *more):
    """`make deb` into a folder; the folder."""
    return _build("deb", folder, more)


def checkout_data():
    """Every file of modules/ and schemas/, relative to the checkout."""
    listed = run(["git", "-C", CHECKOUT, "ls-files", "modules", "schemas"]).split()
    assert len(listed) > 20
    return listed


def units(folder):
    """The units of a folder of packaging/ that are to be enabled; the others are called upon by these."""
    found = []
    for name in sorted(os.listdir(os.path.join(PACKAGING, folder))):
        if name.endswith((".service", ".target", ".timer")):
            with open(os.path.join(PACKAGING, folder, name), encoding="utf-8") as file:
                if "\n[Install]\n" in file.read():
                    found.append(name)
    return found
