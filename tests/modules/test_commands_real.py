"""The user's commands for real: /bin/sh on this machine, dash and bash as /bin/sh of a chroot."""

import glob
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

import jsonschema
import pytest

from tsagent.changes.base import CONVERGED, DIFFERS, Probe
from tsagent.changes.commands import RunTool, UserCommand, UserScript, interpreter, shown
from tsagent.errors import AgentError
from tsagent.host import CommandFailed, Host, Interrupted
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

INSTANCE = "/var/lib/tsagent/instances/i-1"
LOG = "/var/log/tsagent-output.log"
NASTY = b"line 1\nPPID='1'\nreadonly Q=1 \\ ` $(false) \"double\" 'single' \xff\xfe\x81\x88 \t end\n\n"


def make_host(root, commands="here"):
    host = Host(str(root), commands=commands)
    host.instance_dir = INSTANCE
    host.root.mkdir(INSTANCE, 0o700)
    return host


def commands(items):
    """Items of runcmd as the module plans them."""
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["commands"], tree)
    context = Context("commands", {"runcmd": items}, None, tree, tree, instance={"instance_id": "i-1"})
    return list(module.plan(context))


def apply_all(host, items):
    """The error of each item, None where it succeeded."""
    errors = []
    for change in commands(items):
        try:
            change.apply(host)
            errors.append(None)
        except AgentError as error:
            errors.append(error)
    return errors


def output(host):
    return host.root.read(LOG)


def section(host, index):
    """What one item printed."""
    return output(host).split(b"--- runcmd[%d] ---\n" % index)[1].split(b"--- runcmd[")[0]


@pytest.fixture
def host(tmp_path):
    (tmp_path / "root").mkdir()
    return make_host(tmp_path / "root")


@pytest.fixture(params=["dash", "bash"])
def either(request, tmp_path):
    """A host whose user commands run in a chroot with this shell as its /bin/sh."""
    root = tmp_path / "root"
    for directory in ("bin", "tmp", "root"):
        (root / directory).mkdir(parents=True)
    for program, name in ((request.param, "sh"), ("cat", "cat"), ("env", "env"), ("sleep", "sleep")):
        install(root, shutil.which(program), "/bin/" + name)
    return make_host(root, "chroot")


def install(root, program, place):
    """Copy a program and the libraries it needs into a tree."""
    shutil.copy(program, str(root) + place)
    listing = subprocess.check_output(["ldd", program]).decode()
    for word in listing.split():
        if word.startswith("/"):
            target = root / word[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, str(target))


def test_items_are_one_shell_session(either):
    errors = apply_all(
        either,
        [
            "mkdir() { :; }; cd /tmp; umask 027; plain='a b'; export SHOWN=yes",
            "echo dir=$(pwd) umask=$(umask) plain=$plain; env | cat; cd /bin; unset HOME",
            ["echo", "it's", "$plain", "two  words"],
            'echo "home=${HOME-unset} was=$OLDPWD now=$PWD id=$INSTANCE_ID args=$#"; cd - >/tmp/x; pwd',
        ],
    )
    assert errors == [None] * 4
    second = section(either, 1).decode()
    assert second.startswith("dir=/tmp umask=0027 plain=a b\n")
    assert "SHOWN=yes\n" in second and "INSTANCE_ID=i-1\n" in second and "plain=" not in second[40:]
    assert section(either, 2) == b"it's $plain two  words\n"
    assert section(either, 3) == b"home=unset was=/tmp now=/bin id=i-1 args=0\n/tmp\n"


def test_any_value_survives(either):
    (path,) = glob.glob(either.root.root + "/tmp")
    with open(path + "/nasty", "wb") as stream:
        stream.write(NASTY)
    errors = apply_all(
        either,
        [
            'X=$(cat /tmp/nasty; echo .); export Y="$X"; readonly Z="$X"; IFS=:; readonly Z2=1',
            "true",
            'cat <<E\n$X\nE\ncat <<E\n$Y\nE\ncat <<E\n$Z\nE\necho "ifs=$IFS"',
            "Z2=2; echo not reached",
        ],
    )
    assert errors[:3] == [None] * 3
    assert section(either, 2) == (NASTY + b".\n") * 3 + b"ifs=:\n"
    assert errors[3] is not None and b"not reached" not in section(either, 3)


def test_the_language_is_the_commands_own_to_choose(either):
    """Nothing stands above a LANG that an item sets."""
    errors = apply_all(
        either, ['echo "first ${LANG:-none}"', "export LANG=xx_XX.UTF-8", 'echo "then $LANG ${LC_ALL-unset}"']
    )
    assert errors == [None] * 3
    assert b"first C" in output(either)
    assert b"then xx_XX.UTF-8 unset" in output(either)


def test_language_and_proxies_of_the_service_manager_are_handed_on(host, monkeypatch):
    monkeypatch.setattr(host, "live", True)
    for name, value in (("LANG", "zh_CN.UTF-8"), ("http_proxy", "http://proxy:3128"), ("TSAGENT_LEAK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LC_ALL", raising=False)
    words = 'echo "$LANG ${http_proxy-none} ${TSAGENT_LEAK-none} ${LC_ALL-none}"'
    assert apply_all(host, [words, "unset http_proxy LANG", words]) == [None] * 3
    assert b"zh_CN.UTF-8 http://proxy:3128 none none\n" in output(host)
    assert b"\n none none none\n" in output(host)


def test_functions_and_arrays_where_sh_is_bash(tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    install(root, shutil.which("bash"), "/bin/sh")
    host = make_host(root, "chroot")
    errors = apply_all(
        host,
        [
            'greet() { echo "hello ${1-nobody}"; }; list=(a "b c"); declare -A map=([k]="v w")',
            "shopt -s extglob",
            "if_other() { case $1 in @(a|b)) echo a-or-b ;; esac; }; export -f greet; set -o pipefail",
            'greet you; echo "${#list[@]} ${list[1]} ${map[k]}"; if_other b; sh -c greet',
            "(exit 3) | true; echo $?",
        ],
    )
    assert errors == [None] * 5, output(host)
    assert section(host, 3) == b"hello you\n2 b c v w\na-or-b\nhello nobody\n"
    assert section(host, 4) == b"3\n"


def test_options_are_carried_and_each_item_ends_alone(either):
    errors = apply_all(
        either,
        [
            "set -eu",
            "echo before; false; echo after",
            "set +e; false; echo goes on",
            "exit 7",
            "set -x",
            "echo seen",
        ],
    )
    assert [error is None for error in errors] == [True, False, True, False, True, True]
    assert str(errors[1]).startswith("runcmd item 2 failed with status 1")
    assert str(errors[3]).startswith("runcmd item 4 failed with status 7")
    assert errors[3].code == "command-failed"
    assert section(either, 1) == b"before\n"
    # The trace shows the item, nothing of the driver around it.
    assert section(either, 5) in (b"+ echo seen\nseen\n", b"++ echo seen\nseen\n")


def test_a_syntax_error_a_signal_and_an_exit_trap(either):
    errors = apply_all(
        either,
        [
            "V=kept",
            "if then",
            "kill -9 $$",
            "trap 'echo user trap' EXIT; W=too; exit 2",
            "exec true",
            "echo $V",
        ],
    )
    assert errors[1] is not None and errors[3].message == "runcmd item 4 failed with status 2"
    assert errors[2].message == "runcmd item 3 was killed by signal 9"
    assert section(either, 3) == b"user trap\n"
    assert section(either, 5) == b"kept\n"


def test_what_is_not_carried_over_is_said(either):
    for name in ("proc", "dev"):
        os.mkdir("%s/%s" % (either.root.root, name))
    # dash opens it for what runs in the background.
    os.mknod(either.root.root + "/dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    items = [
        "trap 'echo bye' USR1",
        "exec 3>/tmp/file",
        "sleep 30 & echo $! > /tmp/pid",
        "trap '' INT; exec 4>/tmp/file; sleep 30 & echo $! >> /tmp/pid; false",
        "X=1; (sleep 0) & wait; echo out 3>/tmp/other >&3",
        "trap - USR1; (trap 'true' USR1; sleep 0)",
    ]
    subprocess.check_call(["mount", "-t", "proc", "proc", either.root.root + "/proc"])
    try:
        notes = []
        for change in commands(items):
            try:
                notes.append(change.apply(either))
            except AgentError as error:
                notes.append(str(error))
    finally:
        subprocess.check_call(["umount", "-l", either.root.root + "/proc"])
        for pid in either.root.read("/tmp/pid").split():
            os.kill(int(pid), signal.SIGKILL)
    words = "not carried over to the next item: "
    assert notes[:3] == [words + "traps", words + "open files", words + "running jobs"]
    assert notes[3].startswith("runcmd item 4 failed with status 1")
    assert notes[4:] == [None, None]


def test_the_working_directory_is_gone(host, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    first, second = commands(["cd '%s'; rmdir '%s'" % (gone, gone), "pwd"])
    assert first.apply(host) is None
    assert second.apply(host) == "the working directory of the item before is gone"
    assert section(host, 1).decode().strip() == host.root.root


def test_state_is_private_and_a_new_session_starts_fresh(host):
    os.umask(0o022)
    apply_all(host, ["umask 000; X=hunter2", "true"])
    for directory, _, names in os.walk(host.root.root + INSTANCE + "/session"):
        assert os.stat(directory).st_mode & 0o777 == 0o700
        for name in names:
            assert os.stat(os.path.join(directory, name)).st_mode & 0o077 == 0
    assert os.stat(host.root.root + LOG).st_mode & 0o777 == 0o600
    apply_all(host, ["echo X=${X-fresh}"])
    assert output(host).endswith(b"X=fresh\n")
    assert not host.root.exists(INSTANCE + "/session/runcmd/item")


def test_what_is_saved_depends_on_the_items_alone(either):
    """No process number, time or random number: two runs leave the same bytes."""
    saved = []
    for _ in range(2):
        assert apply_all(either, ["X=1; set -f", "Y=2; false || cd /tmp"]) == [None, None]
        state = INSTANCE + "/session/runcmd/1/"
        saved.append([either.root.read(state + name) for name in either.root.listdir(state)])
    assert saved[0] == saved[1] and len(saved[0]) == 4
    assert b"PPID=" not in b"".join(saved[0])  # both runs have the same parent here


RESUME = """
import sys
sys.path.insert(0, sys.argv[1])
from tsagent.changes.commands import UserCommand
from tsagent.host import Host
host = Host(sys.argv[2], commands="here")
host.instance_dir = sys.argv[3]
items = ["cd /usr; export N=1; f() { :; }", "N=$((N + 1)); echo begun > $M; read line < $G", "echo $N; pwd"]
previous = None
for index, item in enumerate(items):
    if index >= int(sys.argv[4]):
        UserCommand("runcmd", index, item, previous, {"M": sys.argv[5], "G": sys.argv[6]}).apply(host)
    previous = index
"""


def test_killed_in_an_item_and_resumed(host, tmp_path, checkout):
    """SIGKILL while the second item runs; the resume runs it again from the state the first one left."""
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    os.mkfifo(gate)
    program = [sys.executable, "-c", RESUME, checkout, host.root.root, INSTANCE]
    process = subprocess.Popen(program + ["0", mark, gate], start_new_session=True)
    wait_for(lambda: os.path.exists(mark) and os.path.getsize(mark))
    (shell,) = children(process.pid)
    process.kill()
    process.wait()
    os.kill(shell, signal.SIGKILL)
    assert os.listdir(host.root.root + INSTANCE + "/session/runcmd/new") == []

    os.unlink(mark)
    process = subprocess.Popen(program + ["1", mark, gate])
    wait_for(lambda: os.path.exists(mark) and os.path.getsize(mark))
    open_gate(gate)
    assert process.wait(30) == 0
    assert section(host, 2) == b"2\n/usr\n"  # incremented once: not from what the killed item had
    assert sorted(os.listdir(host.root.root + INSTANCE + "/session/runcmd")) == ["1", "2", "driver"]


def test_a_state_that_was_not_written_to_its_end_is_not_used(host):
    first, second, third = commands(["X=1", "X=2", "echo X=$X"])
    first.apply(host)
    second.apply(host)
    state = host.root.root + INSTANCE + "/session/runcmd/1/state"
    os.truncate(state, os.path.getsize(state) - 4)
    third.apply(host)
    assert section(host, 2) == b"X=1\n"


def test_a_background_child_holds_nobody_up(host, tmp_path):
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    (change,) = commands(["(read line < '%s'; echo late) & echo now" % gate])
    change.apply(host)
    assert output(host).endswith(b"now\n")
    open_gate(gate)
    wait_for(lambda: output(host).endswith(b"late\n"))


def test_nothing_of_the_text_is_in_a_command_line(host, tmp_path):
    """Every command line of the machine is read while an item and a script hold their secret."""
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    os.mkfifo(gate)
    canary = "canary-4f1d"
    body = "S=%s; export S; echo $S > '%s'; read line < '%s'" % (canary, mark, gate)
    script = ("#!/bin/sh\n# %s\n%s\n" % (canary, body)).encode()
    for change in commands([body]) + [UserScript("part-001", script)]:
        worker = threading.Thread(target=change.apply, args=(host,))
        worker.start()
        wait_for(lambda: os.path.exists(mark) and os.path.getsize(mark))
        lines = [read(path) for path in glob.glob("/proc/[0-9]*/cmdline")]
        open_gate(gate)
        worker.join()
        os.unlink(mark)
        assert any(b"/session/runcmd/driver" in line or b"/scripts/part-001" in line for line in lines)
        assert not any(canary.encode() in line for line in lines)
        assert canary not in change.describe() + str(change.payload()) + str(change.target)


def test_a_shutdown_ends_the_item(host, tmp_path):
    """The runner is interrupted while an item waits: its group gets SIGTERM and the caller hears of it."""
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    os.mkfifo(gate)
    (change,) = commands(["echo > '%s'; read line < '%s'" % (mark, gate)])
    seen = []

    def work():
        try:
            change.apply(host)
        except Interrupted as error:
            seen.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    wait_for(lambda: os.path.exists(mark))
    host.runner.interrupt()
    worker.join()
    assert len(seen) == 1


def test_scripts_run_by_their_interpreter(host):
    script = b"#!%s\nimport os, sys\nprint('py', len(sys.argv), os.environ['INSTANCE_ID'])\n#\xff\n"
    script = b"# -*- coding: latin-1 -*-\n".join(
        [b"#!%s\n" % sys.executable.encode(), script.split(b"\n", 1)[1]]
    )
    change = UserScript("../a b.py", script, {"INSTANCE_ID": "i-1"})
    assert change.apply(host) is None
    assert output(host).endswith(b"py 1 i-1\n")
    kept = host.root.root + INSTANCE + "/scripts/.._a_b.py"
    assert read(kept) == script and os.stat(kept).st_mode & 0o777 == 0o700
    with pytest.raises(AgentError, match="script b failed with status 4"):
        UserScript("b", b"#!/bin/sh -e\nexit 4\n").apply(host)
    with pytest.raises(AgentError, match="no-such-interpreter is not installed"):
        UserScript("c", b"#!/no-such-interpreter\n").apply(host)
    with pytest.raises(AgentError, match="does not say what runs it"):
        UserScript("d", b"echo\n").apply(host)


@pytest.mark.parametrize(
    "first, expected",
    [
        (b"#!/bin/sh\n", ["/bin/sh"]),
        (b"#! /usr/bin/env  -S python3 -u \nx", ["/usr/bin/env", "-S python3 -u"]),
        (b"#!\n", None),
        (b"echo", None),
    ],
)
def test_interpreter(first, expected):
    assert interpreter(first) == expected


@pytest.mark.parametrize(
    "item, expected",
    [
        ("curl -u me:hunter2 x", "curl …"),
        (["sh", "-c", "hunter2"], "sh …"),
        ("PASSWORD=hunter2", "PASSWORD=…"),
        ("reboot", "reboot"),
        ("", "nothing"),
        ([], "nothing"),
        ("$(hunter2)", "…"),
        ("h" * 50, "…"),
    ],
)
def test_what_is_shown_of_a_command(item, expected):
    assert shown(item) == expected


def test_a_tool_is_checked_before_and_after(host, tmp_path):
    made = tmp_path / "made"

    def look(_host):
        return Probe(CONVERGED, "there") if made.exists() else Probe(DIFFERS, "not there")

    tool = RunTool(["touch", str(made)], "make the file", look)
    assert (tool.probe(host).state, tool.describe()) == (DIFFERS, "make the file")
    assert tool.apply(host) == "there"
    assert tool.probe(host).state == CONVERGED
    made.unlink()
    with pytest.raises(AgentError, match="true succeeded, and yet: not there"):
        RunTool(["true"], "make nothing", look).apply(host)
    with pytest.raises(CommandFailed, match="sh failed with status 3: why"):
        RunTool(["sh", "-c", "echo why; exit $N"], "fail", env={"N": "3"}).apply(host)


def children(pid):
    """The processes a process started."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as stream:
        return [int(word) for word in stream.read().split()]


def open_gate(path):
    """Let one reader of a pipe go on."""
    with open(path, "w") as stream:
        stream.write("go\n")


def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def wait_for(condition, limit=30.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "value, runcmd, bootcmd",
    [
        ([["echo", "bye"], ["echo", "bye"]], True, True),
        (["echo bye", "echo bye", ["ls", "-l", "/"]], True, True),
        (["true", None], True, False),
        (1, False, False),
        ([], False, False),
        (["ls /", 20, ["wget", "http://stuff/blah"], {"a": "n"}], False, False),
        ([["sleep", 1]], False, False),
    ],
)
def test_schemas(value, runcmd, bootcmd, checkout):
    for name, key, valid in (("commands", "runcmd", runcmd), ("bootcmd", "bootcmd", bootcmd)):
        with open("%s/schemas/%s.json" % (checkout, name), encoding="utf-8") as stream:
            schema = json.load(stream)
        assert jsonschema.Draft4Validator(schema).is_valid({key: value}) is valid


def test_the_instance_id_is_known_without_metadata(host):
    UserCommand("bootcmd", 0, "echo id=$INSTANCE_ID", env={"INSTANCE_ID": ""}).apply(host)
    assert output(host).endswith(b"id=i-1\n")
