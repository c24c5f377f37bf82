#!/usr/bin/env python3
"""Builds the source package and the RPM packages with rpmbuild; prints the path of each, one a line.

    packaging/rpm/build.py [--output DIR] [--target el7|el8|tl4]... [--version V]

Runs on any machine with rpmbuild: what a target's own macros would say is passed as definitions. Needs a
Python of each target's version, for its bytecode and metadata, and for the source package the machine's own
Python with fastjsonschema and shtab (`make rpm` installs all but the Pythons). The checkout stays as it is.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

import sources  # noqa: E402 (beside this folder)


class Target:
    """A distribution: its release of Enterprise Linux, its suffix, its Python."""

    def __init__(self, release, python):
        self.release = release
        self.python = python

    def defines(self, name, interpreter):
        """The macros that the distribution's own rpmbuild would have."""
        defines = {
            "rhel": str(self.release),
            "dist": "." + name,
            "__python3": interpreter,
            "python3_version": self.python,
            "python3_sitelib": "/usr/lib/python%s/site-packages" % self.python,
            "_unitdir": "/usr/lib/systemd/system",
            "_docdir": "/usr/share/doc",
            "_defaultdocdir": "/usr/share/doc",
            "_defaultlicensedir": "/usr/share/licenses",
            # This machine's own rules for what was installed (stripping, compressing) are not the target's.
            "__os_install_post": "%{nil}",
        }
        if self.release > 7:
            defines["_docdir_fmt"] = "%%{NAME}"
        return defines


TARGETS = {"el7": Target(7, "3.6"), "el8": Target(8, "3.6"), "tl4": Target(9, "3.11")}


def find_python(version):
    """The path of an interpreter of this version with setuptools, or None."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    candidates = sorted(glob.glob(os.path.join(pyenv, "versions", version + ".*", "bin", "python")))
    candidates += ["python" + version, "/usr/local/bin/python" + version, "/usr/bin/python" + version]
    test = "import sys, setuptools; print(sys.executable, '%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        try:
            done = subprocess.run(
                [candidate, "-I", "-c", test], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            continue
        path, _, found = done.stdout.decode("utf-8").strip().rpartition(" ")
        if done.returncode == 0 and found == version:
            return path
    return None


def rpmbuild(what, top, defines):
    """Run rpmbuild in the directory `top`. Raises SystemExit with its last words."""
    words = ["rpmbuild", what, "--nodeps", "--define", "_topdir " + top]
    for name, value in sorted(defines.items()):
        words += ["--define", "%s %s" % (name, value)]
    date = sources.date()
    environment = dict(os.environ, LC_ALL="C.UTF-8", SOURCE_DATE_EPOCH=str(date), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        words + [os.path.join(top, "SPECS", "tsagent.spec")],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout.decode("utf-8", "replace")[-6000:])
        raise SystemExit("rpmbuild %s: status %d" % (what, done.returncode))


def build(output, targets=tuple(TARGETS), version=None):
    """Build into the directory `output`; the paths of the packages. Raises SystemExit with what is missing.

    `version` other than the checkout's serves tests of upgrades.
    """
    pythons = {TARGETS[name].python: find_python(TARGETS[name].python) for name in targets}
    missing = sorted(version for version, path in pythons.items() if path is None)
    if missing:
        raise SystemExit(
            "no Python %s with setuptools here, for %s: install it with pyenv or put it on PATH, or "
            "name the other targets (--target)"
            % (
                " and ".join(missing),
                ", ".join(name for name in targets if TARGETS[name].python in missing),
            )
        )
    version = version or sources.version()
    common = {
        "tsagent_version": version,
        # The same sources make the same packages.
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
        "_buildhost": "localhost",
    }
    with tempfile.TemporaryDirectory(prefix="tsagent-rpm-") as top:
        for name in ("SOURCES", "SPECS", "RPMS", "SRPMS", "BUILD"):
            os.mkdir(os.path.join(top, name))
        parts = [
            os.path.join(top, "SPECS", "tsagent.spec"),
            os.path.join(top, "SOURCES", "tsagent-%s.tar.gz" % version),
        ]
        shutil.copy(os.path.join(HERE, "tsagent.spec"), parts[0])
        sources.tarball(parts[1], version)
        for path in parts:
            os.utime(path, (sources.date(), sources.date()))
        rpmbuild("-bs", top, common)
        for name in targets:
            interpreter = pythons[TARGETS[name].python]
            rpmbuild("-bb", top, dict(common, **TARGETS[name].defines(name, interpreter)))
        os.makedirs(output, exist_ok=True)
        found = sorted(glob.glob(top + "/SRPMS/*.rpm") + glob.glob(top + "/RPMS/*/*.rpm"))
        return [shutil.copy(path, output) for path in found]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", default=os.path.join(CHECKOUT, "dist"), metavar="DIR", help="default: dist/"
    )
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="default: all of them")
    parser.add_argument("--version", help="instead of the checkout's own, to test upgrades")
    options = parser.parse_args()
    targets = tuple(options.target or TARGETS)
    for path in build(os.path.abspath(options.output), targets, options.version):
        print(path)


if __name__ == "__main__":
    main()
