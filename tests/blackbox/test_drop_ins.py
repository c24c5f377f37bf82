"""Modules as third parties write them: one file and one schema, dropped into a directory."""

import json
import os
import shutil

import pytest

from tsagent.registry.discovery import shipped_directory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

DIRECTORIES = ("usr/lib/tsagent", "run/tsagent", "etc/tsagent")  # each wins over those before it

BANNER = '''"""Greets people at login."""

from tsagent.changes import WriteFile


def plan(context):
    """One file; nothing where nobody asked for a banner."""
    settings = context.settings.get("banner")
    if not settings:
        return context.nothing("no banner is asked for")
    return changes(context, settings)


def changes(context, settings):
    text = settings["text"]
    cores = context.facts.cpu.logical
    if settings.get("cores", True):
        text = context.choose("text", "%s (%d cores)" % (text, cores), "it has them", ["cpu.logical"])
    if context.exists("/etc/motd.local"):
        context.warn("/etc/motd.local is not shown any more")
    yield WriteFile("/etc/motd", text + "\\n", 0o644, "root", "root", reason="banner: text")
'''
SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "title": "banner",
    "description": "A banner at login.",
    "type": "object",
    "x-tsagent": {
        "stage": "final",
        "after": ["hostname"],
        "provides": ["banner"],
        "frequency": "instance",
        "time_limit": 10,
        "keys": ["banner"],
    },
    "properties": {
        "banner": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "cores": {"type": "boolean"}},
            "required": ["text"],
            "additionalProperties": False,
        }
    },
}
BASE = {"ssh_genkeytypes": ["ed25519"]}


def install(agent, directory="etc/tsagent", name="banner", code=BANNER, schema=None):
    """As a package would: two files."""
    top = agent.root / directory
    for sub in ("modules", "schemas"):
        (top / sub).mkdir(parents=True, exist_ok=True)
    (top / "modules" / (name + ".py")).write_text(code, encoding="utf-8")
    (top / "schemas" / (name + ".json")).write_text(json.dumps(schema or SCHEMA), encoding="utf-8")


def writes(path, text):
    return "from tsagent.changes import WriteFile\n\n\ndef plan(context):\n    yield WriteFile(%r, %r)\n" % (
        path,
        text,
    )


def test_from_the_plan_to_the_status(agent):
    install(agent)
    (agent.root / "etc/motd.local").write_text("x")
    agent.tell("#cloud-config\nssh_genkeytypes: [ed25519]\nbanner:\n  text: Welcome\n")
    plan = json.loads(agent("plan", "--format", "json").stdout)
    module = next(item for item in plan["modules"] if item["name"] == "banner")
    assert module["stage"] == "final" and module["warnings"] == ["/etc/motd.local is not shown any more"]
    change = module["changes"][0]
    assert (change["type"], change["target"], change["state"]) == ("write_file", "/etc/motd", "differs")
    assert change["reason"] == "banner: text"
    assert any("Welcome" in line for line in change["diff"])
    assert not (agent.root / "etc/motd").exists()

    result = agent.run()
    assert result.returncode == 2, result.stdout + result.stderr  # its warning
    assert "banner: done" in result.stdout or "banner: 1 applied" in result.stdout, result.stdout
    text = (agent.root / "etc/motd").read_text(encoding="utf-8")
    assert text.startswith("Welcome (") and text.endswith(" cores)\n")
    entry = agent.module("banner")
    assert entry["state"] == "done" and [item["state"] for item in entry["changes"]] == ["applied"]
    assert entry["warnings"] == ["/etc/motd.local is not shown any more"]
    # No bytecode beside it, and no part of it in the agent's own directories.
    assert sorted(os.listdir(str(agent.root / "etc/tsagent/modules"))) == ["banner.py"]

    explained = agent("explain", "banner")
    assert explained.returncode == 0, explained.stderr
    assert "banner.text: from user-data:4:" in explained.stdout
    assert "it has them [cpu.logical]" in explained.stdout
    assert agent("explain", "banner", "text").returncode == 0
    listed = json.loads(agent("modules", "--format", "json").stdout)
    found = next(item for item in listed["modules"] if item["name"] == "banner")
    assert found["path"] == "/etc/tsagent/modules/banner.py" and not found["shipped"]
    assert found["state"] == "done" and found["keys"] == ["banner"]
    line = next(row for row in agent("modules").stdout.splitlines() if row.startswith("banner "))
    assert "/etc/tsagent/modules/banner.py" in line
    assert "banner" in agent("status").stdout

    (agent.root / "etc/motd").write_text("mine\n")
    assert agent.run().returncode in (0, 2)
    assert (agent.root / "etc/motd").read_text(
        encoding="utf-8"
    ) == "mine\n"  # once for an instance, like a built-in
    assert agent.run("--only", "banner", "--again").returncode == 2
    assert (agent.root / "etc/motd").read_text(encoding="utf-8") == text


def test_what_nobody_asks_for_is_no_change(agent):
    install(agent)
    agent.tell(BASE)
    assert agent.run().returncode == 0
    assert agent.module("banner")["state"] == "nothing"
    assert agent.module("banner")["reason"] == "no banner is asked for"


def test_its_schema_judges_its_section(agent):
    """What is wrong is told with its place and left out; what is right is used."""
    install(agent)
    agent.tell(
        "#cloud-config\nssh_genkeytypes: [ed25519]\nbanner:\n  text: Hi\n  cores: maybe\n  colour: red\n"
    )
    assert agent.run().returncode == 2
    told = "\n".join(agent.status()["warnings"])
    assert "user-data:5:" in told and "/banner/cores" in told
    assert "user-data:6:" in told and "colour" in told
    assert (agent.root / "etc/motd").read_text(encoding="utf-8").startswith("Hi (")


def test_the_image_gives_it_defaults(agent):
    install(agent)
    (agent.root / "etc/tsagent/agent.yaml").write_text("defaults: {banner: {text: Image, cores: false}}\n")
    agent.tell(BASE)
    assert agent.run().returncode == 0
    assert (agent.root / "etc/motd").read_text(encoding="utf-8") == "Image\n"
    agent.tell(dict(BASE, banner={"text": "User"}), instance_id="ins-2")
    assert agent.run().returncode == 0
    assert (agent.root / "etc/motd").read_text(encoding="utf-8") == "User\n"


def test_a_later_directory_wins_and_masks(agent):
    agent.tell(BASE)
    for directory in DIRECTORIES:
        schema = dict(SCHEMA, title="from " + directory)
        install(agent, directory, code=writes("/srv/from", directory), schema=schema)
        assert agent.run("--only", "banner", "--again").returncode == 0
        assert (agent.root / "srv/from").read_text(encoding="utf-8") == directory
        listed = json.loads(agent("modules", "--format", "json").stdout)
        found = next(item for item in listed["modules"] if item["name"] == "banner")
        # File and schema as a pair.
        assert found["directory"] == "/" + directory and found["title"] == "from " + directory
    etc = agent.root / "etc/tsagent"
    (etc / "modules/banner.py").write_text("")
    assert masked(agent) == ["banner"]
    (etc / "modules/banner.py").unlink()
    (etc / "modules/banner.py").symlink_to("/dev/null")
    assert masked(agent) == ["banner"]
    result = agent.run("--only", "banner", "--again")
    assert result.returncode == 1 and "no module banner" in result.stderr
    (etc / "modules/banner.py").unlink()
    assert masked(agent) == []
    # A mask below one that is there is lifted by it.
    (agent.root / "run/tsagent/modules/banner.py").write_text("")
    assert masked(agent) == ["banner"]
    install(agent, "etc/tsagent", code=writes("/srv/from", "again"))
    assert masked(agent) == []
    assert agent.run("--only", "banner", "--again").returncode == 0
    assert (agent.root / "srv/from").read_text(encoding="utf-8") == "again"


def masked(agent):
    listed = json.loads(agent("modules", "--format", "json").stdout)
    assert listed["problems"] == []
    assert ("banner" in [item["name"] for item in listed["modules"]]) != ("banner" in listed["masked"])
    return listed["masked"]


def test_a_built_in_is_replaced_by_the_pair_and_comes_back(agent):
    """Its keys, stage and frequency are those of the replacement, not of what it replaces."""
    schema = dict(SCHEMA, title="hostname")
    schema["x-tsagent"] = {"stage": "final", "frequency": "always", "keys": ["hostname"]}
    schema["properties"] = {"hostname": {"type": "string"}}
    install(agent, "usr/lib/tsagent", "hostname", writes("/srv/host", "mine"), schema)
    agent.tell(dict(BASE, hostname="vm-1"))
    assert agent.run().returncode == 0
    assert (agent.root / "srv/host").read_text(encoding="utf-8") == "mine" and not (
        agent.root / "etc/hostname"
    ).exists()
    assert agent.module("hostname")["stage"] == "final"
    (agent.root / "usr/lib/tsagent/modules/hostname.py").unlink()
    agent.tell(dict(BASE, hostname="vm-1"), instance_id="ins-2")
    assert agent.run().returncode == 0
    assert (agent.root / "etc/hostname").read_text(encoding="utf-8") == "vm-1\n"
    assert agent.module("hostname")["stage"] == "network"


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_a_module_that_is_a_folder(agent, directory):
    """With parts of its own and a table beside it."""
    folder = agent.root / directory / "modules/colours"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "import json, os\n"
        "from tsagent.changes import WriteFile\n"
        "from . import words\n"
        "from .words import plural\n"
        "def plan(context):\n"
        "    from . import late\n"
        "    with open(os.path.join(os.path.dirname(__file__), 'table.json')) as stream:\n"
        "        table = json.load(stream)\n"
        "    yield WriteFile('/srv/colours', plural(table['name']) + words.END + late.LATE)\n"
    )
    (folder / "words.py").write_text("END = '!'\ndef plural(word):\n    return word + 's'\n")
    (folder / "late.py").write_text("LATE = '?'\n")
    (folder / "table.json").write_text('{"name": "red"}')
    schemas = agent.root / directory / "schemas"
    schemas.mkdir()
    schema = {"x-tsagent": {"stage": "network", "keys": []}}
    (schemas / "colours.json").write_text(json.dumps(schema))
    agent.tell(BASE)
    assert agent.run().returncode == 0, agent.status()
    assert (agent.root / "srv/colours").read_text(encoding="utf-8") == "reds!?"
    assert sorted(os.listdir(str(folder))) == ["__init__.py", "late.py", "table.json", "words.py"]


def test_order_needs_and_locks(agent):
    """`after` orders, `requires` skips, a shared lock keeps two apart: all by what is declared."""
    log = "import os\nfrom tsagent.changes import AppendFile\n"
    append = log + "def plan(context):\n    yield AppendFile('/srv/order', %r)\n"
    for name, after in (("zeta", []), ("alpha", ["zeta"]), ("mid", ["alpha", "thing"])):
        agent.drop_in(name, append % (name + "\n"), after=after, locks=["one"])
    agent.drop_in("source", append % "source\n", provides=["thing"], after=["alpha"], locks=["one"])
    agent.drop_in("broken", "def plan(context):\n    raise ValueError\n", provides=["lost"])
    agent.drop_in("needy", append % "needy\n", requires=["lost"])
    agent.tell(BASE)
    result = agent.run("--workers", "4")
    assert result.returncode == 1
    assert (agent.root / "srv/order").read_text(encoding="utf-8").split() == [
        "zeta",
        "alpha",
        "source",
        "mid",
    ]
    assert agent.module("needy")["state"] == "skipped" and "broken" in agent.module("needy")["reason"]


def test_every_frequency(agent, tmp_path):
    append = (
        "from tsagent.changes import AppendFile\ndef plan(context):\n    yield AppendFile('/srv/%s', 'x')\n"
    )
    for frequency in ("always", "instance", "once"):
        agent.drop_in("f_" + frequency, append % frequency, frequency=frequency)
    agent.drop_in("f_keys", append % "keys", only_with_keys=True)
    agent.tell(BASE)
    assert agent.run().returncode == 0
    assert agent.run().returncode == 0
    assert counts(agent) == {"always": 1, "instance": 1, "once": 1}  # the same boot
    agent.tell(dict(BASE, f_keys={}), instance_id="ins-2")
    assert agent.run().returncode == 0
    assert counts(agent)["instance"] == 2 and counts(agent)["once"] == 1 and counts(agent)["keys"] == 1


def counts(agent):
    return {file.name: len(file.read_text(encoding="utf-8")) for file in (agent.root / "srv").iterdir()}


def test_every_built_in_is_as_good_as_a_drop_in(agent):
    """The same plan, and a whole first boot, with nothing left that is loaded from where it is shipped."""
    config = {
        "hostname": "vm-1",
        "users": ["default", {"name": "ada"}],
        "write_files": [
            {"path": "/srv/now", "content": "x"},
            {"path": "/srv/late", "content": "x", "defer": True},
        ],
        "bootcmd": ["echo early >> order"],
        "runcmd": ["echo late >> order"],
    }
    agent.tell(dict(BASE, **config))
    shipped = json.loads(agent("plan", "--format", "json").stdout)
    for name in ("modules", "schemas"):
        target = agent.root / "etc/tsagent" / name
        shutil.copytree(
            os.path.join(shipped_directory(), name), str(target), ignore=shutil.ignore_patterns("__pycache__")
        )
    listed = json.loads(agent("modules", "--format", "json").stdout)
    assert listed["problems"] == [] and len(listed["modules"]) >= 13
    assert {item["shipped"] for item in listed["modules"]} == {False}
    dropped = json.loads(agent("plan", "--format", "json").stdout)
    assert dropped["modules"] == shipped["modules"] and dropped["pending"] == shipped["pending"] > 8
    result = agent.run()
    assert result.returncode == 0, result.stdout + result.stderr
    assert (agent.root / "order").read_text(encoding="utf-8") == "early\nlate\n"
    assert (agent.root / "etc/hostname").read_text(encoding="utf-8") == "vm-1\n"
    assert "ada:" in (agent.root / "etc/passwd").read_text(encoding="utf-8")
    assert agent.run().returncode == 0
