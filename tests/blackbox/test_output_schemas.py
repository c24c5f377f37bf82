"""Every JSON output of the command line is valid by its published schema, whatever state the agent is in."""

import glob
import json
import os
import re
import signal
import subprocess

import pytest
from jsonschema import Draft4Validator

from tsagent.facts import Facts, _keys
from tsagent.host import Host
from tsagent.registry.discovery import discover, shipped_directory
from tsagent.registry.metadata import ModuleInfo

SCHEMAS = os.path.join(shipped_directory(), "schemas", "outputs")
NAMES = sorted(os.path.basename(path)[:-5] for path in glob.glob(SCHEMAS + "/*.json"))
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MACHINES = sorted(glob.glob(os.path.join(CHECKOUT, "tests", "machines", "*", "machine.json")))
GPU_MACHINE = os.path.join(CHECKOUT, "tests", "machines", "gn7-2xlarge32")
BASIC = {
    "hostname": "vm-1",
    "ssh_genkeytypes": ["ed25519"],
    "write_files": [{"path": "/srv/file", "content": "text\n"}],
    "runcmd": ["true"],
}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")


def load(name):
    with open(os.path.join(SCHEMAS, name + ".json"), encoding="utf-8") as stream:
        return json.load(stream)


def wrong(document):
    """What makes a document invalid by the schema that it names, a line each."""
    name = document["schema"].split(".", 1)[1].rsplit("/", 1)[0]
    errors = Draft4Validator(load(name)).iter_errors(document)
    return ["/".join(str(step) for step in error.absolute_path) + ": " + error.message for error in errors]


def checked(text, name):
    """The parsed output of a command, which must be valid by the schema called `name`."""
    document = json.loads(text)
    assert document["schema"] == "tsagent.%s/1" % name
    assert wrong(document) == []
    return document


def check_run(agent, *words, **options):
    """Plan, run, and look: all that tells of one run is valid. The status."""
    checked(agent("plan", "--format", "json", **options).stdout, "plan")
    checked(agent("explain", "--format", "json", **options).stdout, "explain")
    status = checked(agent("run", "--format", "json", *words, **options).stdout, "status")
    assert checked(agent("status", "--format", "json").stdout, "status") == status
    checked(agent("modules", "--format", "json").stdout, "modules")
    return status


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema_and_explains_itself(name):
    schema = load(name)
    Draft4Validator.check_schema(schema)
    assert schema["title"] == "tsagent.%s/1" % name
    assert schema["properties"]["schema"]["enum"] == [schema["title"]]
    bare = []

    def visit(node, place):
        for key, value in node.get("properties", {}).items():
            if "description" not in value and "$ref" not in value:
                bare.append("%s/%s" % (place, key))
            visit(value, "%s/%s" % (place, key))
        if isinstance(node.get("items"), dict):
            visit(node["items"], place + "/items")
        for key, value in node.get("definitions", {}).items():
            visit(value, "#" + key)

    visit(schema, "")
    assert bare == []


def test_there_is_a_schema_for_every_output():
    """Every `tsagent.NAME/1` that the sources write has its file; the frozen settings are nobody else's."""
    written = set()
    for top in ("tsagent", "modules"):
        for path, _, files in os.walk(os.path.join(CHECKOUT, top)):
            for name in files:
                if name.endswith(".py"):
                    with open(os.path.join(path, name), encoding="utf-8") as stream:
                        written.update(re.findall(r"\"tsagent\.([a-z-]+)/1\"", stream.read()))
    assert written - {"settings"} == set(NAMES)


def test_output_schemas_are_no_modules():
    assert "outputs" not in discover(Host("/").root, use_cache=False).modules


@needs_root
def test_first_run_and_the_next(agent):
    agent.tell(BASIC)
    assert checked(agent("status", "--format", "json").stdout, "status")["state"] == "not-run"
    checked(agent("modules", "--format", "json").stdout, "modules")
    assert check_run(agent)["state"] == "done"
    assert check_run(agent)["state"] == "done"
    for name in ("instance", "instance-sensitive"):
        with open(str(agent.root / "run/tsagent" / name) + ".json", encoding="utf-8") as stream:
            checked(stream.read(), "instance")


@needs_root
def test_stage_in_progress(agent):
    agent.tell(BASIC)
    assert check_run(agent, "--stage", "local")["state"] == "running"


@needs_root
def test_failed(agent):
    agent.tell({"runcmd": ["exit 3"], "ssh_genkeytypes": ["ed25519"]})
    assert check_run(agent)["state"] == "error"
    assert check_run(agent)["state"] == "error"


@needs_root
def test_degraded_with_a_module_skipped_and_one_warned(agent):
    agent.tell({"no_such_key": 1, "ssh_genkeytypes": ["ed25519"]})
    agent.drop_in("lonely", "def plan(context):\n    return []\n", requires=["nobody"])
    agent.drop_in("doubtful", "def plan(context):\n    context.warn('odd')\n    return []\n")
    status = check_run(agent)
    assert status["state"] == "degraded"
    assert agent.module("lonely")["state"] == "skipped"


@needs_root
def test_modules_that_are_broken_masked_or_in_a_circle(agent):
    agent.tell(BASIC)
    agent.drop_in("broken", "import no_such_thing\n")
    agent.drop_in("one", "def plan(context):\n    return []\n", after=["two"])
    agent.drop_in("two", "def plan(context):\n    return []\n", after=["one"])
    agent.drop_in("strange", "def plan(context):\n    return []\n", stage="never")
    agent.drop_in("kernel_parameters", "")
    assert check_run(agent)["state"] == "error"
    modules = checked(agent("modules", "--format", "json").stdout, "modules")
    assert modules["masked"] == ["kernel_parameters"] and modules["problems"]


def test_disabled(agent):
    (agent.root / "etc/tsagent").mkdir()
    (agent.root / "etc/tsagent/disabled").write_text("")
    assert check_run(agent)["state"] == "disabled"


@needs_root
def test_adopted(agent):
    (agent.root / "etc/ssh").mkdir()
    (agent.root / "etc/ssh/ssh_host_ed25519_key").write_text("old")
    agent.tell(BASIC)
    assert check_run(agent)["adopted"] is True


@needs_root
def test_provisional_while_nobody_says_which_instance_this_is(agent, tmp_path):
    seedless = str(tmp_path / "hardware")
    os.mkdir(seedless)
    status = check_run(agent, source="auto", hardware=seedless)
    assert status["provisional"] is True and status["instance_id"] is None
    assert [error["code"] for error in status["errors"]] == ["no-source"]


@needs_root
def test_metadata_service(agent, tmp_path):
    from tsagent.sources.simulator.server import Simulator

    with Simulator("GN7.2XLARGE32", user_data=b"#cloud-config\nssh_genkeytypes: [ed25519]\n") as simulator:
        check_run(agent, source="imds:" + simulator.url, hardware=GPU_MACHINE)
    with open(str(agent.root / "run/tsagent/instance.json"), encoding="utf-8") as stream:
        instance = checked(stream.read(), "instance")
    assert instance["source"] == "imds" and instance["metadata"]["nics"]
    with open(str(agent.root / "run/tsagent/handoff.json"), encoding="utf-8") as stream:
        checked(stream.read(), "handoff")


@needs_root
def test_shutdown_leaves_a_valid_status(agent):
    agent.tell({"runcmd": ["echo x > fifo; sleep 600"], "ssh_genkeytypes": ["ed25519"]})
    os.mkfifo(str(agent.root / "fifo"))
    process = subprocess.Popen(agent.command("run"), env=agent.environment(), stdout=subprocess.DEVNULL)
    with open(str(agent.root / "fifo")) as stream:
        stream.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 1
    checked(agent("status", "--format", "json").stdout, "status")
    assert agent.module("commands")["state"] == "interrupted"
    check_run(agent)
    agent.run()  # what was cut off is not repeated
    plan = checked(agent("plan", "--format", "json").stdout, "plan")
    assert {"commands": "interrupted"}.items() <= {m["name"]: m["state"] for m in plan["modules"]}.items()
    checked(agent("explain", "--format", "json").stdout, "explain")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: os.path.basename(os.path.dirname(path)))
def test_facts_of_every_recorded_machine(agent, machine):
    with open(machine, encoding="utf-8") as stream:
        kind = json.load(stream).get("instance_type")
    folder = os.path.dirname(machine)
    words = ["facts", "--hardware", folder, "--root", folder, "--format", "json"]
    checked(agent(*(words + (["--instance-type", kind] if kind else []))).stdout, "facts")


def test_facts_of_nothing_at_all(agent, tmp_path):
    """A machine that says nothing, and one whose files are no files."""
    (tmp_path / "empty").mkdir()
    checked(agent("facts", "--hardware", str(tmp_path / "empty"), "--format", "json").stdout, "facts")
    assert agent("facts", "--hardware", str(tmp_path / "empty")).stdout.endswith("\n")
    for path in ("proc/cpuinfo", "proc/meminfo", "proc/sys/kernel/osrelease", "proc/self/mountinfo"):
        (tmp_path / "odd" / path).mkdir(parents=True)
    checked(agent("facts", "--hardware", str(tmp_path / "odd"), "--format", "json").stdout, "facts")


def test_facts_schema_names_every_key():
    schema = load("facts")
    for section in Facts.SECTIONS:
        node = schema["properties"][section]
        node = node.get("items", node)
        assert set(node["required"]) == set(_keys(section)), section
        assert set(node["properties"]) - {"problem"} == set(_keys(section)), section


def test_modules_schema_names_every_field():
    node = load("modules")["properties"]["modules"]["items"]
    assert set(node["required"]) == set(node["properties"]) == set(ModuleInfo.fields) | {"state"}


@pytest.mark.parametrize(
    "data",
    [
        b"#cloud-config\nhostname: a\n",
        b"#cloud-config\nhostname: [1\n",
        b"#cloud-config\nhostname: {}\nzzz: 1\nwrite_files: [{path: /a, permissions: 644}]\n",
        b"#!/bin/sh\ntrue\n",
        b"nothing known\n",
        b"\0\1\2",
        b"",
        b"#include http://example.com/a\n",
        b"#part-handler\n",
        b"## template: jinja\n#cloud-config\nhostname: {{ nobody }}\n",
        b'#cloud-config-jsonp\n[{"op": "add", "path": "/hostname", "value": "b"}]\n',
        b"#cloud-config-archive\n- {type: text/cloud-boothook, content: 'true'}\n- '#cloud-config'\n",
        b"#cloud-config-archive\n- {type: text/x-shellscript-per-once, content: '#!/bin/sh'}\n",
        b"\x1f\x8bdamaged",
    ],
)
def test_user_data_of_all_kinds(agent, tmp_path, data):
    file = tmp_path / "data"
    file.write_bytes(data)
    checked(agent("validate", "--format", "json", str(file), str(tmp_path / "absent")).stdout, "validate")
    show = agent("user-data", "show", "--format", "json", "--vendor-data", str(file), str(file))
    checked(show.stdout, "user-data")


def test_a_wrong_document_is_seen(agent):
    """The check itself can fail."""
    assert wrong({"schema": "tsagent.status/1", "state": "fine"})
