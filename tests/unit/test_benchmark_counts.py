"""What the boot benchmark reads out of strace's and Python's output."""

import os
import sys

import pytest

BENCHMARKS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "benchmarks")
TRACE = """\
10 execve("/usr/bin/python3", ["/usr/bin/python3", "-m", "x"], 0x7f /* 8 vars */) = 0
10 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND) = 11
10 vfork( <unfinished ...>
12 execve("/usr/local/bin/useradd", ["useradd"], 0x7f /* 3 vars */) = -1 ENOENT (No such file or directory)
12 execve("/usr/sbin/useradd", ["useradd"], 0x7f /* 3 vars */ <unfinished ...>
10 <... vfork resumed>) = 12
12 <... execve resumed>) = 0
12 fsync(5</etc/passwd+>) = 0
10 fsync(3</var/log/x> <unfinished ...>
11 fdatasync(4</var/log/y>) = -1 EINVAL (Invalid argument)
10 <... fsync resumed>) = 0
10 sync() = 0
10 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7f, stack_size=0x9000}, 88) = 13
10 +++ exited with 0 +++
"""
IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   yaml.error
import time:       500 |       2000 | yaml
something that the program itself says
import time:      3000 |       5000 | json
"""


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import counted

    yield counted
    for name in ("counted", "arms", "nspawn", "nspawn_tree"):
        sys.modules.pop(name, None)


def test_processes_programs_and_flushes(counted):
    found = counted.calls([TRACE, '20 execve("/bin/sh", ["sh"], 0x7f /* 8 vars */) = 0\n'])
    # Two that systemd starts, two more; a thread is none, a search of PATH that finds nothing no program.
    assert found["processes"] == 4
    assert found["programs"] == {"python3": 1, "useradd": 1, "sh": 1}
    assert found["syncs"] == 3
    assert found["synced"] == ["/etc/passwd+", "/var/log/x", "sync"]


def test_imports_by_package_dearest_first(counted):
    found = counted.imports([IMPORTS])
    assert (found["count"], found["ms"]) == (3, 5.0)
    assert found["packages"] == [("json", 3.0), ("yaml", 2.0)]
