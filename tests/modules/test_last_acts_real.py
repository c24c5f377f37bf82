"""The final message and the power state, with a `shutdown` that only notes how it was called."""

import json
import os
import subprocess
import sys
import time

import pytest
from overlay_root import is_root, run_inside

from tsagent.changes import FinalMessage, PowerState
from tsagent.changes.final_message import fill_in
from tsagent.errors import AgentError
from tsagent.host import Host, Runner
from tsagent.host.process import PATH
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module
from tsagent.userdata.validation import accept

VALUES = {"version": "1.2", "uptime": "9.5"}


@pytest.mark.parametrize(
    "template, text",
    [
        ("v. $version, up $uptime seconds", "v. 1.2, up 9.5 seconds"),
        ("${VERSION}.$UPTIME.", "1.2.9.5."),
        ("## template: jinja\nv. {{version}} {{ UPTIME }}", "v. 1.2 9.5"),
        ("$versions $ $$ {{ 1 + 1 }} ${ {{version", "$versions $ $$ {{ 1 + 1 }} ${ {{version"),
        ("", ""),
    ],
)
def test_names_in_a_message(template, text):
    assert fill_in(template, lambda name: VALUES.get(name.lower())) == text


def test_the_message_is_printed_at_every_boot_with_its_values(tmp_path):
    host = Host(str(tmp_path), commands="here")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/uptime").write_text("12.34 5.6\n")
    (tmp_path / "run/tsagent").mkdir(parents=True)
    (tmp_path / "run/tsagent/instance.json").write_text(json.dumps({"source": "nocloud", "origin": "/seed"}))
    (tmp_path / "var/log").mkdir(parents=True)
    change = FinalMessage("done\nfrom $datasource at $timestamp, $uptime\n")
    note = change.apply(host)
    lines = (tmp_path / "var/log/tsagent-output.log").read_text().splitlines()
    assert lines[0] == "done" and note == " ".join(lines)
    assert lines[1].startswith("from nocloud [/seed] at ") and lines[1].endswith("+0000, 12.34")
    assert change.probe(host).state == "differs"


@pytest.fixture
def host(tmp_path):
    """A host whose `shutdown` writes its arguments to `called`, one a line."""
    root, tools = tmp_path / "root", tmp_path / "tools"
    (root / "var/log").mkdir(parents=True)
    tools.mkdir()
    (tools / "shutdown").write_text("#!/bin/sh\nprintf '%%s\\n' \"$@\" > '%s'\n" % (tmp_path / "called"))
    (tools / "shutdown").chmod(0o755)
    result = Host(str(root), commands="here", runner=Runner("%s:%s" % (tools, PATH)))
    result.instance_dir = "/var/lib/tsagent/instances/i-1"
    return result


def planned(settings):
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["power_state"], tree)
    context = Context(
        "power_state", {"power_state": settings}, None, tree, tree, instance={"instance_id": "i-1"}
    )
    return list(module.plan(context))


@pytest.mark.parametrize(
    "condition, met",
    [
        (True, True),
        ("true", True),
        ("test -e /no/such/file", False),
        ("exit 5", False),
        (["test", "a b", "=", "a b"], True),
        (["sh", "-c", '[ "$INSTANCE_ID" = other ]'], False),
        ('[ "$INSTANCE_ID" = i-1 ]', True),
    ],
)
def test_a_condition_decides(host, condition, met):
    (change,) = planned({"mode": "reboot", "condition": condition})
    note = change.apply(host)
    assert [act.argv for act in host.at_end] == ([["shutdown", "-r", "now"]] if met else [])
    assert note == (None if met else "its condition is not met: nothing is done")


@pytest.mark.parametrize("condition", ["/no/such/program", ["no-such-program"], "kill -9 $$", "if then"])
def test_a_condition_that_cannot_be_run_turns_nothing_off(host, condition):
    (change,) = planned({"mode": "poweroff", "condition": condition})
    if condition == "if then":  # dash and bash say 2: a status like another
        assert "not met" in change.apply(host)
    else:
        with pytest.raises(AgentError, match="nothing is done"):
            change.apply(host)
    assert host.at_end == []


AGENT = """
import os, sys
from tsagent.changes import PowerState
from tsagent.host import Host, Runner
host = Host(sys.argv[1], commands="here", runner=Runner(sys.argv[2]))
change = PowerState("poweroff", 5, "bye  now", float(sys.argv[3]))
change.apply(host)
for act in host.at_end:
    act.start(host)
print("started", flush=True)
sys.stdin.read()
"""


def run_agent(host, timeout, checkout):
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, host.root.root, host.runner.path, str(timeout)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=checkout),
    )
    assert agent.stdout.readline() == b"started\n"
    return agent


def test_shutdown_is_called_when_the_agent_has_ended(host, tmp_path, checkout):
    called = tmp_path / "called"
    agent = run_agent(host, 60, checkout)
    pid = agent.pid
    wait_for(lambda: waiting_for(pid))
    assert not called.exists()
    agent.stdin.close()
    assert agent.wait(30) == 0
    agent.stdout.close()
    wait_for(called.exists)
    wait_for(lambda: called.read_text() == "-P\n+5\nbye  now\n")
    wait_for(lambda: not waiting_for(pid))


def test_an_agent_that_does_not_end_is_waited_for_so_long_and_no_longer(host, tmp_path, checkout):
    agent = run_agent(host, 0, checkout)
    wait_for((tmp_path / "called").exists)
    assert agent.poll() is None
    agent.stdin.close()
    assert agent.wait(30) == 0
    agent.stdout.close()


def waiting_for(pid):
    """Whether a process waits for the agent `pid` to end."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as stream:
                    words = stream.read().split(b"\0")
            except OSError:
                continue
            if b"tsagent-last-act" in words and str(pid).encode() in words:
                return True
    return False


def wait_for(condition, limit=30.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_without_shutdown(tmp_path):
    host = Host(str(tmp_path), runner=Runner(str(tmp_path)))
    with pytest.raises(AgentError, match="shutdown is not installed"):
        PowerState("reboot").apply(host)
    (tmp_path / "systemctl").write_text("")
    (tmp_path / "systemctl").chmod(0o755)
    PowerState("reboot").apply(host)
    assert [act.argv for act in host.at_end] == [["systemctl", "reboot"]]
    with pytest.raises(AgentError, match="shutdown is not installed"):
        PowerState("reboot", 5).apply(host)  # systemctl knows no delay


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": "soon"},
        {"condition": 5},
        {"mode": "off"},
        {"timeout": "long"},
        {"delay": -1},
        {"message": 3},
    ],
)
def test_what_is_wrong_turns_nothing_off(wrong, checkout):
    """A boot goes on without the smallest thing that is wrong; without a wrong delay this would be `now`."""
    with open(checkout + "/schemas/power_state.json", encoding="utf-8") as stream:
        schema = json.load(stream)
    settings = dict({"mode": "poweroff"}, **wrong)
    left, problems = accept({"power_state": settings}, None, [schema])
    assert left == {} and problems[0].path == "/power_state/" + list(wrong)[0]
    kept, problems = accept({"power_state": {"mode": "halt", "colour": "red"}}, None, [schema])
    assert kept == {"power_state": {"mode": "halt"}} and len(problems) == 1
    if "mode" not in wrong and "timeout" not in wrong and "message" not in wrong:
        with pytest.raises(AgentError, match="of power_state is not"):
            planned(settings)


LIVE = r"""
def put(path, text, mode=0o644):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    with open(root + path, "w") as stream:
        stream.write(text)
    os.chmod(root + path, mode)

shutdown = '#!/bin/sh\ncp /run/tsagent/status.json /at-shutdown\necho "$@" >> /called\n'
put("/usr/local/sbin/shutdown", shutdown, 0o755)
put("/var/lib/tsagent/clean", "")
put("/user-data", "#cloud-config\npower_state: {mode: reboot, delay: 2, condition: 'test -e /user-data'}\n")
words = ["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH=" + CHECKOUT]
words += [sys.executable, "-B", "-m", "tsagent", "run", "--source", "none"]
words += ["--user-data", "/user-data", "--only", "power_state"]
import time
runs = []
for _ in range(2):
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    runs.append([run.returncode, b"shutdown -r +2" in run.stdout])
    until = time.monotonic() + 60
    while not os.path.exists(root + "/called") or not os.path.getsize(root + "/called"):
        assert time.monotonic() < until
        time.sleep(0.01)
with open(root + "/called") as called, open(root + "/at-shutdown") as status:
    report(runs=runs, called=called.read(), status=json.load(status))
"""


@pytest.mark.skipif(not is_root(), reason="a root of its own needs root")
def test_a_live_run_has_ended_well_when_shutdown_is_called_and_never_calls_it_again(tmp_path, checkout):
    seen = run_inside(tmp_path, checkout, "CHECKOUT = %r\n" % checkout + LIVE)
    assert (seen["runs"], seen["called"]) == ([[0, True], [0, False]], "-r +2\n")
    status = seen["status"]
    assert (status["state"], status["stages"]["final"]["state"]) == ("done", "done")
    assert ("power_state", "done") in [(item["name"], item["state"]) for item in status["modules"]]


def test_a_url_in_yamls_binary_form_is_one():
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["phone_home"], tree)
    (change,) = module.plan(Context("phone_home", {"phone_home": {"url": b"http://e/"}}, None, tree, tree))
    assert change.url == "http://e/"
