"""One process for the stages: the agent on one side, the units' shell script on the other, both real."""

import os
import signal
import subprocess
import sys
import time

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(CHECKOUT, "packaging", "libexec", "stage")
MACHINE = os.path.join(CHECKOUT, "tests", "machines", "s5-medium4")
SHELLS = [shell for shell in ("dash", "bash") if os.path.exists("/bin/" + shell)]
LIMIT = 60  # seconds

AGENT = """\
import sys
sys.path.insert(0, {checkout!r})
from tsagent.cli.run import start
from tsagent.host import Host
from tsagent.session.options import Options
def ready():
    print("ready", flush=True)
host = Host({root!r}, hardware={hardware!r}, commands="here")
sys.exit(start(host, Options(stage="local", source={source!r}), "json", ready))
"""


class World:
    """A scratch root and what runs in it."""

    def __init__(self, directory, shell):
        self.shell = shell
        self.root = str(directory.join("root"))
        self.seed = str(directory.join("seed"))
        for path in (
            self.root + "/etc",
            self.root + "/run",
            self.root + "/var/lib",
            self.root + "/srv",
            self.seed,
        ):
            os.makedirs(path)
        for name in ("passwd", "group"):
            with open(self.root + "/etc/" + name, "w", encoding="ascii") as file:
                file.write("root:x:0:0:root:/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n")
        # The script as a package installs it, but for where it looks, and whom it calls when left alone.
        with open(SCRIPT, encoding="utf-8") as file:
            text = file.read().replace("/run/tsagent", self.root + "/run/tsagent")
        line = "exec /usr/bin/python3 -I -S /usr/libexec/tsagent/agent"
        assert line in text
        self.script = str(directory.join("stage"))
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(text.replace(line, "echo alone; exec true"))
        self.processes = []

    def told(self, user_data):
        for name, text in (("meta-data", "instance-id: i-1\n"), ("user-data", "#cloud-config\n" + user_data)):
            with open(os.path.join(self.seed, name), "w", encoding="utf-8") as file:
                file.write(text)

    def agent(self):
        """The process of the local stage, once it says that this is done."""
        program = AGENT.format(
            checkout=CHECKOUT, root=self.root, hardware=MACHINE, source="nocloud:" + self.seed
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    def stage(self, name):
        """What a unit starts."""
        process = subprocess.Popen([self.shell, self.script, name], stdout=subprocess.PIPE)
        self.processes.append(process)
        return process

    def lines(self, name):
        try:
            with open(os.path.join(self.root, name), encoding="utf-8") as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def until(self, condition):
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def end(process):
    """(status, output) of a process that ends by itself."""
    output = process.communicate(timeout=LIMIT)[0]
    return process.returncode, output.decode("utf-8")


@pytest.fixture(params=SHELLS)
def world(request, tmpdir):
    made = World(tmpdir, request.param)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait()


COMMANDS = "write_files: [{path: /srv/file, content: x}]\nruncmd: ['echo $PPID >> srv/ran']\n"


def test_one_process_does_each_stage_when_its_unit_asks(world):
    world.told(COMMANDS)
    agent = world.agent()
    assert not os.path.exists(world.root + "/srv/file")
    assert end(world.stage("network")) == (0, "")
    assert os.path.exists(world.root + "/srv/file") and not world.lines("srv/ran")
    assert end(world.stage("final")) == (0, "")
    assert world.lines("srv/ran") == [str(agent.pid)]
    assert end(agent)[0] == 0
    # Nothing is left to join.
    assert not os.path.exists(world.root + "/run/tsagent/gates/final")
    assert end(world.stage("final")) == (0, "alone\n")


def test_a_stage_that_is_skipped_is_caught_up_with(world):
    world.told(COMMANDS)
    world.agent()
    assert end(world.stage("final")) == (0, "")
    assert os.path.exists(world.root + "/srv/file") and world.lines("srv/ran")


def test_a_stages_own_exit_code_reaches_its_unit(world):
    world.told("write_files: [{path: /srv/file, content: x}]\nruncmd: ['exit 3']\n")
    agent = world.agent()
    assert end(world.stage("network"))[0] == 0
    assert end(world.stage("final")) == (1, "")
    assert end(agent)[0] == 0, "the local stage was all right"


def test_the_agent_dies_before_a_stage_or_in_it(world):
    world.told("runcmd: ['touch srv/began; sleep 60']\n")
    agent = world.agent()
    final = world.stage("final")
    world.until(lambda: os.path.exists(world.root + "/srv/began"))
    agent.kill()
    assert end(final) == (0, "alone\n")
    # The FIFOs are still there, and nobody holds them.
    assert os.path.exists(world.root + "/run/tsagent/gates/final")
    assert end(world.stage("final")) == (0, "alone\n")


def test_a_unit_that_is_stopped_ends_the_agents_work_and_waits_for_it(world):
    world.told("runcmd: ['touch srv/began; sleep 60; touch srv/ended']\n")
    agent = world.agent()
    final = world.stage("final")
    world.until(lambda: os.path.exists(world.root + "/srv/began"))
    final.send_signal(signal.SIGTERM)
    assert end(final) == (1, ""), "cut off"
    assert end(agent)[0] == 0
    assert not os.path.exists(world.root + "/srv/ended")


def test_a_waiting_agent_ends_when_told(world):
    world.told(COMMANDS)
    agent = world.agent()
    agent.terminate()
    assert end(agent)[0] == 0
    assert end(world.stage("network")) == (0, "alone\n")


def test_somebody_else_may_run_while_it_waits(world):
    world.told(COMMANDS)
    agent = world.agent()
    words = [sys.executable, "-m", "tsagent", "run", "--root", world.root, "--hardware", MACHINE]
    words += ["--source", "nocloud:" + world.seed, "--commands", "here"]
    assert subprocess.call(words, cwd=CHECKOUT, stdout=subprocess.DEVNULL) == 0
    assert len(world.lines("srv/ran")) == 1
    # What it holds in memory is not true any more: the stage gets a process of its own.
    assert end(world.stage("network")) == (0, "alone\n")
    assert end(agent)[0] == 0
    assert len(world.lines("srv/ran")) == 1


def test_nothing_left_and_nobody_waits(world):
    world.told("{}\n")
    first = world.agent()
    assert [end(world.stage(name))[0] for name in ("network", "final")] == [0, 0]
    assert end(first)[0] == 0
    assert end(world.agent())[0] == 0
    assert not os.path.exists(world.root + "/run/tsagent/gates/go")
    assert os.path.exists(world.root + "/run/tsagent/nothing-due")
