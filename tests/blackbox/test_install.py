"""The built package: what is in it, and that it works where it is installed.

Built from a copy of the sources, without build isolation, so without the network.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_SOURCES = (".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "shared")

# A library is hidden from a build by a module of its name that cannot be imported.
HIDDEN = "raise ImportError('hidden by the test')\n"


def run(argv, **options):
    """Run a command to its end; its output, or an error that shows it."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    output = process.communicate(timeout=300)[0].decode("utf-8", "replace")
    assert process.returncode == 0, "%s: %d\n%s" % (argv, process.returncode, output)
    return output


def copy_sources(target, *left_out):
    """A copy of the checkout's sources, so that a build leaves nothing behind in them."""
    unwanted = shutil.ignore_patterns(*(NOT_SOURCES + left_out))
    shutil.copytree(CHECKOUT, str(target), symlinks=True, ignore=unwanted)
    return str(target)


def build_wheel(sources, target, environment=None):
    """Build a wheel of `sources` into `target`; its path."""
    argv = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(target),
    ]
    run(argv + ["."], cwd=sources, env=environment)
    (name,) = os.listdir(str(target))
    return os.path.join(str(target), name)


def names_in(wheel):
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def tree(sources, folder):
    """The files under a folder of the sources, relative to the sources."""
    found = set()
    for path, folders, files in os.walk(os.path.join(sources, folder)):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found.update(os.path.relpath(os.path.join(path, name), sources) for name in files)
    return {name for name in found if not name.endswith(".pyc") and "/." not in name}


def make_environment(venv):
    """A new virtual environment that also sees the libraries of this one; its interpreter."""
    run([sys.executable, "-m", "venv", str(venv)])
    python = os.path.join(str(venv), "bin", "python")
    place = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    libraries = run([sys.executable, "-c", place])
    with open(
        os.path.join(run([python, "-c", place]).strip(), "libraries.pth"), "w", encoding="utf-8"
    ) as file:
        file.write(libraries)
    return python


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp("sources") / "tsagent")


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    return build_wheel(sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The interpreter of an environment of its own where the wheel is installed."""
    python = make_environment(tmp_path_factory.mktemp("installed") / "venv")
    run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel])
    return python


def test_the_wheel_holds_the_package_with_its_data_inside_and_nothing_else(wheel, sources):
    data = tree(sources, "modules") | tree(sources, "schemas")
    expected = tree(sources, "tsagent") | {"tsagent/" + name for name in data}
    generated = "tsagent/userdata/validators_generated.py"
    found = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert found - {generated} == expected - {generated}
    assert any(name.startswith("tsagent/modules/") for name in found)
    assert any(name.startswith("tsagent/schemas/") for name in found)


def test_the_wheel_declares_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode("utf-8")
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        scripts = archive.read(name).decode("utf-8")
    needs = set(re.findall(r"^Requires-Dist: ([A-Za-z0-9]+)[^;\n]*$", metadata, re.MULTILINE))
    assert needs == {"PyYAML", "requests", "jsonschema", "netifaces"}
    assert re.search(r"^Requires-Python: >=3\.6$", metadata, re.MULTILINE)
    assert "tsagent = tsagent.cli:main" in scripts


def test_a_removed_module_does_not_live_on_in_the_next_build(tmp_path):
    sources = copy_sources(tmp_path / "sources", "tests", "docs")
    extra = os.path.join(sources, "modules", "removed_later.py")
    with open(extra, "w", encoding="utf-8") as file:
        file.write("def plan(context):\n    return context.nothing('here for one build')\n")
    assert "tsagent/modules/removed_later.py" in names_in(build_wheel(sources, tmp_path / "first"))
    os.unlink(extra)
    assert "tsagent/modules/removed_later.py" not in names_in(build_wheel(sources, tmp_path / "second"))


def test_data_files_of_every_kind_and_depth_are_built_in(tmp_path):
    sources = copy_sources(tmp_path / "sources", "tests", "docs")
    new = ["tsagent/demo/deep/tree/numa0", "modules/folder_module/table.json", "schemas/outputs/deep.json"]
    for name in new:
        os.makedirs(os.path.dirname(os.path.join(sources, name)), exist_ok=True)
        with open(os.path.join(sources, name), "w", encoding="utf-8") as file:
            file.write("{}\n")
    built = names_in(build_wheel(sources, tmp_path / "wheel"))
    assert built >= {
        "tsagent/demo/deep/tree/numa0",
        "tsagent/modules/folder_module/table.json",
        "tsagent/schemas/outputs/deep.json",
    }


def test_validators_are_generated_where_the_generator_is_there_and_a_build_without_it_works(wheel, tmp_path):
    generated = "tsagent/userdata/validators_generated.py"
    assert generated in names_in(wheel)
    (tmp_path / "fastjsonschema.py").write_text(HIDDEN, encoding="utf-8")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    without = build_wheel(
        copy_sources(tmp_path / "sources", "tests", "docs"), tmp_path / "wheel", environment
    )
    assert names_in(wheel) - names_in(without) == {generated}


def test_the_source_distribution_is_complete(sources, tmp_path):
    run([sys.executable, "setup.py", "-q", "sdist", "-d", str(tmp_path)], cwd=sources)
    (name,) = os.listdir(str(tmp_path))
    with tarfile.open(str(tmp_path / name)) as archive:
        found = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
    expected = {
        "LICENSE",
        "README.md",
        "CONTRIBUTING.md",
        "Makefile",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
    }
    for folder in ("tsagent", "modules", "schemas", "packaging", "docs", "tests", "tools"):
        expected |= tree(sources, folder)
    assert expected - found == set()


def test_the_installed_agent_runs_isolated_from_any_checkout(installed, tmp_path):
    from_module = run([installed, "-I", "-m", "tsagent", "--version"], cwd=str(tmp_path))
    from_script = run([os.path.join(os.path.dirname(installed), "tsagent"), "--version"], cwd=str(tmp_path))
    assert re.match(r"tsagent \d+\.\d+", from_module)
    assert from_script == from_module


def test_the_installed_agent_finds_its_modules(installed, sources, tmp_path):
    listed = run([installed, "-I", "-m", "tsagent", "modules"], cwd=str(tmp_path))
    names = {os.path.splitext(name.split("/")[1])[0] for name in tree(sources, "modules")}
    assert names, "the checkout has no modules"
    assert {name for name in names if not re.search(r"\b%s\b" % name, listed)} == set()
    assert sources + "/modules" not in listed


def test_an_editable_installation_runs_the_checkout_itself(tmp_path):
    sources = copy_sources(tmp_path / "sources", "tests", "docs")
    python = make_environment(tmp_path / "venv")
    run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", "."], cwd=sources)
    where = run([python, "-I", "-c", "import tsagent; print(tsagent.__file__)"], cwd="/").strip()
    assert where == os.path.join(sources, "tsagent", "__init__.py")
    assert run([python, "-I", "-m", "tsagent", "--version"], cwd="/").startswith("tsagent ")
