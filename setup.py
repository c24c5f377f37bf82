"""Builds tsagent with its data inside the package, and its complete source distribution.

`modules/` and `schemas/` are the agent's data: found by path, never imported as packages. In the built
package they stand at `tsagent/modules` and `tsagent/schemas`, together with every file under `tsagent/`
that is no Python source. Everything else is declared in setup.cfg.
"""

import os
import shutil
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))

# Folder of the checkout -> folder of the built package. `tsagent` is here for what is in it and is no part of
# a Python package.
DATA_FOLDERS = (("tsagent", "tsagent"), ("modules", "tsagent/modules"), ("schemas", "tsagent/schemas"))

# What else is source. The recorded machines under tests/ are full of links that lead in circles, which the
# patterns of MANIFEST.in would follow.
SOURCE_FOLDERS = ("tsagent", "modules", "schemas", "packaging", "docs", "tests", "tools", ".ci")

GENERATOR = "packaging/generate_validators.py"
GENERATED = "tsagent/userdata/validators_generated.py"


def data_files(folder):
    """The files under `folder` of the checkout that belong to a build, as sorted paths relative to it."""
    found = []
    for path, names, files in os.walk(os.path.join(HERE, folder)):
        names[:] = [name for name in names if name != "__pycache__" and not name.startswith(".")]
        for name in names + files:
            if os.path.islink(os.path.join(path, name)):
                raise SystemExit("%s is a link: a wheel cannot hold one" % os.path.join(path, name))
        for name in files:
            if not name.startswith(".") and not name.endswith((".pyc", ".pyo", "~")):
                found.append(os.path.relpath(os.path.join(path, name), os.path.join(HERE, folder)))
    return sorted(found)


class BuildWithData(build_py):
    """build_py that also copies the agent's data, and generates the validators where that is possible."""

    def run(self):
        if not getattr(self, "editable_mode", False):
            # What an earlier build left here would land in this one: a removed module would live on.
            shutil.rmtree(os.path.join(self.build_lib, "tsagent"), ignore_errors=True)
        super().run()
        if getattr(self, "editable_mode", False):
            return  # the checkout is used as it stands
        for source, target in self.data():
            self.mkpath(os.path.dirname(target))
            self.copy_file(source, target)
        self.generate_validators()

    def data(self):
        """Pairs of source and target of every data file."""
        for source, target in DATA_FOLDERS:
            for name in data_files(source):
                if os.path.join(target, name) != GENERATED:
                    yield os.path.join(HERE, source, name), os.path.join(self.build_lib, target, name)

    def generate_validators(self):
        """Write the validators made ahead of time from the schemas; without fastjsonschema there are none.

        The agent then validates with jsonschema at boot: the same answers, more slowly.
        """
        generator, target = os.path.join(HERE, GENERATOR), os.path.join(self.build_lib, GENERATED)
        if not os.path.exists(generator) or not os.path.isdir(os.path.dirname(target)):
            return
        try:
            import fastjsonschema  # noqa: F401
        except ImportError:
            self.announce("fastjsonschema is not installed: no validators are generated", level=3)
            return
        schemas = os.path.join(self.build_lib, "tsagent", "schemas")
        subprocess.check_call([sys.executable, generator, "--schemas", schemas, "--output", target])

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        if getattr(self, "editable_mode", False):
            return outputs
        generated = os.path.join(self.build_lib, GENERATED)
        data = {target for _source, target in self.data()}
        if os.path.exists(generated):
            data.add(generated)
        return sorted(data.union(outputs))


class CompleteSources(sdist):
    """sdist of every source folder as it is, links kept as links."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        unwanted = shutil.ignore_patterns("__pycache__", "*.py[co]", "*~", ".*.sw?")
        for folder in SOURCE_FOLDERS:
            source, target = os.path.join(HERE, folder), os.path.join(base_dir, folder)
            if os.path.isdir(source):
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, symlinks=True, ignore=unwanted)


setup(cmdclass={"build_py": BuildWithData, "sdist": CompleteSources})
