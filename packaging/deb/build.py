#!/usr/bin/env python3
"""Builds the Debian packages with dpkg-buildpackage; prints the path of each .deb, one a line.

    packaging/deb/build.py [--output DIR] [--version V]

Needs debhelper, dh-python and the libraries that debian/control names (`make deb` installs them). Works in a
copy of the checkout, which stays as it is. One build serves Debian 12 and 13.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

import sources  # noqa: E402 (beside this folder)

LATER = """\
tsagent (%s) unstable; urgency=medium

  * A test of upgrades.

 -- tsagent maintainers <maintainers@tsagent.example>  Wed, 25 Nov 2026 12:00:01 +0000

"""


def build(output, version=None):
    """Build into the directory `output`; the paths of the .deb files. Raises SystemExit with what failed.

    `version`, later than the checkout's, serves tests of upgrades.
    """
    with tempfile.TemporaryDirectory(prefix="tsagent-deb-") as work:
        tree = os.path.join(work, "tsagent-" + sources.version())
        sources.export(tree)
        shutil.copytree(os.path.join(tree, "packaging", "deb", "debian"), os.path.join(tree, "debian"))
        if version:
            changelog = os.path.join(tree, "debian", "changelog")
            with open(changelog, encoding="utf-8") as file:
                text = LATER % version + file.read()
            with open(changelog, "w", encoding="utf-8") as file:
                file.write(text)
        # Bytecode is made where the package is installed, by that system's Python.
        environment = dict(
            os.environ, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", DEB_BUILD_OPTIONS="nocheck"
        )
        environment.pop("VIRTUAL_ENV", None)
        environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"  # the distribution's Python and its tools
        done = subprocess.run(
            # Python alone: no compiler (build-essential) is needed.
            ["dpkg-buildpackage", "-b", "--no-sign", "--ignore-builtin-builddeps"],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout.decode("utf-8", "replace")[-6000:])
            raise SystemExit("dpkg-buildpackage: status %d" % done.returncode)
        os.makedirs(output, exist_ok=True)
        built = []
        for name in sorted(os.listdir(work)):
            if name.endswith(".deb"):
                built.append(shutil.copy(os.path.join(work, name), os.path.join(output, name)))
        return built


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", default=os.path.join(CHECKOUT, "dist"), metavar="DIR", help="default: dist/"
    )
    parser.add_argument("--version", help="later than the checkout's own, to test upgrades")
    options = parser.parse_args()
    for path in build(os.path.abspath(options.output), options.version):
        print(path)


if __name__ == "__main__":
    main()
