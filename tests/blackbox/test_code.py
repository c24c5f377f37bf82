"""The code of a boot in one file: used where it is true, and never missed."""

import os
import subprocess
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

COLLECT = """\
import sys
sys.path.insert(0, sys.argv[1])
from tsagent.code.collect import collect
from tsagent.host import Tree
print(collect(Tree("/"), sys.argv[2]))
"""
# What a unit imports, and how many of it came from the file.
USE = """\
import sys
sys.path.insert(0, sys.argv[1])
from tsagent import code
print(code.use(sys.argv[2]))
import tsagent.session.run, tsagent.userdata.yamlfile
from tsagent.userdata.yamllibrary import yaml
yaml()
loaders = {name: type(getattr(module, "__loader__", 0)).__name__ for name, module in sys.modules.items()}
ours = [name for name in loaders if loaders[name] == "_Loader"]
print(len(ours), "tsagent.session.run" in ours, "yaml" in ours)
import inspect
run = sys.modules["tsagent.session.run"]
print(run.__file__, run.WORD if hasattr(run, "WORD") else "", "def run(" in inspect.getsource(run))
"""


def python(program, *words):
    done = subprocess.run(
        [sys.executable, "-B", "-c", program] + [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0, text
    return text.splitlines()


@pytest.fixture
def checkout(tmp_path):
    """A copy of the agent, to be changed."""
    top = tmp_path / "checkout"
    subprocess.check_call(["mkdir", str(top)])
    subprocess.check_call(["cp", "-a", os.path.join(CHECKOUT, "tsagent"), str(top)])
    return top


@pytest.fixture
def file(checkout, tmp_path):
    path = tmp_path / "code"
    assert int(python(COLLECT, checkout, path)[0]) > 100
    return path


def test_what_a_boot_imports_comes_from_the_file(checkout, file):
    used, numbers, source = python(USE, checkout, file)
    assert used == "True"
    number, run, yaml = numbers.split()
    assert int(number) > 50 and (run, yaml) == ("True", "True")
    assert source.split() == [str(checkout / "tsagent/session/run.py"), "True"]
    assert os.stat(str(file)).st_mode & 0o777 == 0o600


def test_a_source_that_has_changed_counts(checkout, file):
    with open(str(checkout / "tsagent/session/run.py"), "a", encoding="utf-8") as source:
        source.write("\nWORD = 'changed'\n")
    used, numbers, source = python(USE, checkout, file)
    assert used == "True" and numbers.split()[1] == "False"
    assert "changed" in source


@pytest.mark.parametrize("what", ["absent", "empty", "cut short", "of another", "writable", "garbled"])
def test_a_file_that_does_not_fit_is_not_missed(checkout, file, what):
    data = file.read_bytes()
    if what == "absent":
        file.unlink()
    elif what == "empty":
        file.write_bytes(b"")
    elif what == "cut short":
        file.write_bytes(data[: len(data) - len(data) // 3])
    elif what == "of another":
        file.write_bytes(data.replace(b"code 1\n", b"code 1\nx", 1))
    elif what == "writable":
        os.chmod(str(file), 0o620)
    elif what == "garbled":
        at = data.index(b"\0") + 1
        file.write_bytes(data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :])
    used, _, source = python(USE, checkout, file)
    assert used == ("True" if what == "cut short" else "False")
    assert source.split()[0] == str(checkout / "tsagent/session/run.py")
