"""The account tools and ssh-keygen killed midway, with the agent, and the change then done to its end.

Each case runs one change undisturbed and then, in a fresh copy of the root, once for each system call
that a kill may fall on: strace kills the tool there, the agent dies with it, and what is left is resumed
as the engine resumes: looked at, healed, applied. The root must then be byte for byte the undisturbed one.

TSAGENT_KILL_POINTS says how many points of each case are tried, `all` for every one.
"""

import os
import random
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from tsagent.changes.accounts import AddToGroups, CreateGroup, CreateUser
from tsagent.changes.base import CONVERGED
from tsagent.changes.credentials import LockPassword, SetPassword
from tsagent.changes.ssh import GenerateHostKey
from tsagent.host import Host, Runner
from tsagent.host.account_files import leftovers

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts and owners"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

CALLS = "/^(link|symlink|rename|unlink|mkdir|f?chmod|f?chown|openat|write|fsync|fdatasync|utimensat)"
HASH = "$6$saltsaltsaltsalt$" + "x" * 86
CASES = {
    "useradd": ([], CreateUser("alice", gecos="Alice", shell="/bin/sh")),
    "useradd-no-home": ([], CreateUser("alice", create_home=False, system=True)),
    "useradd-into-a-home-that-is-there": ([], CreateUser("kept", home="/home/kept")),
    "groupadd": ([], CreateGroup("ops")),
    "usermod-groups": ([CreateUser("bob"), CreateGroup("ops")], AddToGroups("bob", ["ops", "wheel"])),
    "usermod-lock": ([CreateUser("bob"), SetPassword("bob", hashed=HASH)], LockPassword("bob")),
    "chpasswd": ([CreateUser("bob")], SetPassword("bob", hashed=HASH, expire=True)),
    "chpasswd-alone": ([CreateUser("bob")], SetPassword("bob", hashed=HASH)),
    "ssh-keygen": ([GenerateHostKey("ed25519")], GenerateHostKey("ed25519")),
}


class Killing(Runner):
    """A runner under which every tool is killed at the Nth of one system call, and the agent with it."""

    def __init__(self, point, log):
        super().__init__()
        self.point = point
        self.log = log

    def run(self, argv, **options):
        """Run a tool under strace."""
        trace = ["strace", "-f", "-A", "-o", self.log, "-e", "trace=" + CALLS]
        if self.point:
            trace += ["-e", "inject=%s:signal=KILL:when=%d" % self.point]
        result = super().run(trace + list(argv), **options)
        if result.status == -signal.SIGKILL:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def apart(action):
    """Run something in a process of its own, which may be killed."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode("utf-8"))
            os._exit(1)
    return os.waitpid(child, 0)[1]


def content(root, blind=()):
    """Every file of a root: kind, mode, owner and content; only the kind for names that contain `blind`."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            data = b""
            if stat.S_ISREG(status.st_mode) and not any(word in name for word in blind):
                with open(path, "rb") as stream:
                    data = stream.read()
            found[os.path.relpath(path, root)] = (status.st_mode, status.st_uid, status.st_gid, data)
    return found


@pytest.fixture
def prepared(scratch_root):
    (scratch_root / "etc/subuid").write_text("")
    (scratch_root / "etc/subgid").write_text("")
    (scratch_root / "etc/default").mkdir()
    (scratch_root / "etc/default/useradd").write_text("CREATE_MAIL_SPOOL=yes\n")
    with open(str(scratch_root / "etc/login.defs"), "a") as stream:
        stream.write("MAIL_DIR /var/spool/mail\n")
    (scratch_root / "var/spool/mail").mkdir(parents=True)
    (scratch_root / "etc/skel/sub").mkdir()
    (scratch_root / "etc/skel/sub/file").write_text("some content\n" * 100)
    (scratch_root / "home/kept").mkdir()
    (scratch_root / "home/kept/mine").write_text("not the agent's\n")
    return scratch_root


def points(log):
    """Each system call of the tool as strace counts them: by name, and by process."""
    made = {}
    with open(log) as stream:
        for line in stream:
            pid, call = line.split(None, 1)
            if "(" in call and call[0].isalpha():
                key = (pid, call.split("(", 1)[0])
                made[key] = made.get(key, 0) + 1
    return sorted({(name, number) for (_, name), most in made.items() for number in range(1, most + 1)})


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_killed_tool_is_resumed_to_the_same_end(name, prepared, tmp_path, record_property):
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.fail("strace is missing")
    earlier, change = CASES[name]
    blind = ("ssh_host_",)
    for step in earlier:
        step.apply(Host(str(prepared)))
    start = str(tmp_path / "start")
    subprocess.check_call(["cp", "-a", str(prepared), start])
    root, log = str(tmp_path / "once"), str(tmp_path / "log")
    subprocess.check_call(["cp", "-a", start, root])
    change.apply(Host(root, runner=Killing(0, log)))
    wanted = content(root, blind)
    every = points(log)
    total = len(every)
    assert total > 15
    asked = os.environ.get("TSAGENT_KILL_POINTS", "6")
    if asked != "all":
        every = sorted(random.Random(name + asked).sample(every, min(int(asked), total)))  # noqa: S311
    killed = 0
    for point in every:
        root = str(tmp_path / "again")
        subprocess.check_call(["cp", "-a", start, root])
        before = change.before(Host(root))
        status = apart(lambda root=root, point=point: change.apply(Host(root, runner=Killing(point, log))))
        killed += os.WIFSIGNALED(status)
        assert status in (0, signal.SIGKILL)
        host = Host(root)
        if change.probe_resumed(host, before).state != CONVERGED:
            change.heal(host, before)
            change.apply(host)
        assert change.probe_resumed(host, before).state == CONVERGED, "killed at %s %d" % point
        assert leftovers(host.root) == []
        assert content(root, blind) == wanted, "killed at %s %d" % point
        shutil.rmtree(root)
    assert killed
    record_property("kill_points", len(every))
    print("%s: killed at %d of %d points" % (name, killed, total))
