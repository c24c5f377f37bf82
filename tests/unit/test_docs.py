"""The documentation says what the program does: examples run, lists are complete, links lead somewhere."""

import ast
import glob
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import tsagent.changes
from tsagent.registry import metadata
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = sorted(
    [os.path.join(CHECKOUT, name) for name in ("README.md", "CONTRIBUTING.md")]
    + glob.glob(os.path.join(CHECKOUT, "docs", "*.md"))
    + glob.glob(os.path.join(CHECKOUT, "docs", "reference", "*.md"))
)
MACHINE = os.path.join(CHECKOUT, "tests", "machines", "s5-medium4")


def read(name):
    with open(os.path.join(CHECKOUT, name), encoding="utf-8") as stream:
        return stream.read()


def blocks(text, language):
    """The fenced blocks of a language."""
    return re.findall(r"^```%s\n(.*?)^```$" % language, text, re.MULTILINE | re.DOTALL)


def prose(text):
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


def tsagent_of(*words):
    """Run the program; what it prints, exit code aside."""
    environment = dict(os.environ, PYTHONPATH=CHECKOUT, PYTHONDONTWRITEBYTECODE="1", PYTHONIOENCODING="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "tsagent"] + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=CHECKOUT,
    )
    output, complaints = process.communicate(timeout=120)
    assert process.returncode in (0, 2), complaints.decode("utf-8", "replace")
    return output.decode("utf-8")


# -- links and pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=[os.path.relpath(page, CHECKOUT) for page in PAGES])
def test_links_lead_somewhere(page):
    text = prose(read(page))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(file) or (anchor and anchor not in anchors(read(file))):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme():
    seen = set()
    waiting = [os.path.join(CHECKOUT, "README.md")]
    while waiting:
        page = waiting.pop()
        if page not in seen and os.path.exists(page):
            seen.add(page)
            for target in re.findall(r"\]\(([^)\s#:]+\.md)", read(page)):
                waiting.append(os.path.normpath(os.path.join(os.path.dirname(page), target)))
    assert set(PAGES) - seen == set()


def test_pictures_are_whole_and_have_words_for_those_who_do_not_see_them():
    from xml.etree import ElementTree

    pictures = glob.glob(os.path.join(CHECKOUT, "docs", "pictures", "*.svg"))
    assert pictures
    for path in pictures:
        top = ElementTree.parse(path).getroot()
        names = [element.tag.rsplit("}", 1)[1] for element in top]
        assert "title" in names and "desc" in names and "script" not in names


# -- docs/modules.md: the example -------------------------------------------------------------------


class Example:
    """The module of the page, laid out below a scratch root as its reader would."""

    def __init__(self, root, top):
        page = read("docs/modules.md")
        self.schema, self.case = blocks(page, "json")
        (self.code,) = blocks(page, "python")
        (self.user_data,) = blocks(page, "yaml")
        self.shown = blocks(page, "console")
        self.root = root
        self.seed = top / "seed"
        self.seed.mkdir()
        (self.seed / "meta-data").write_text("instance-id: ins-docs\n", encoding="utf-8")
        (self.seed / "user-data").write_text(self.user_data, encoding="utf-8")
        for path, text in (
            ("modules/build_worker.py", self.code),
            ("schemas/build_worker.json", self.schema),
        ):
            file = root / "etc/tsagent" / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")

    def run(self, *words):
        places = ["--root", str(self.root), "--hardware", MACHINE, "--source", "nocloud:%s" % self.seed]
        return tsagent_of(*(list(words) + places))


@pytest.fixture
def example(scratch_root, tmp_path):
    return Example(scratch_root, tmp_path)


def test_example_module_plans_as_the_page_shows(example):
    plan, explanation = example.shown
    command, _, output = plan.partition("\n")
    assert command.startswith("$ tsagent plan --only build_worker ")
    assert example.run("plan", "--only", "build_worker") == output
    assert example.run("explain", "build_worker", "workers") == explanation


def test_example_case_is_a_plan_test(example, tmp_path):
    path = os.path.join(CHECKOUT, "tests", "modules", "test_plans.py")
    spec = importlib.util.spec_from_file_location("plans_for_docs", path)
    plans = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plans)
    from tsagent.host import Tree

    tree = Tree(str(example.root))
    module = load_module(discover(tree, use_cache=False).modules["build_worker"], tree)
    (tmp_path / "case").mkdir()
    case = json.loads(example.case)
    context = plans.make_context(case, "build_worker", tmp_path / "case")
    changes = plans.plan(context, module)
    got = [
        {field: plans.seen(change, field) for field in want} for change, want in zip(changes, case["changes"])
    ]
    assert (got, len(changes)) == (case["changes"], len(case["changes"]))
    assert {item.key: item.value for item in context.decisions} == case["decisions"]
    assert context.warnings == []


@pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")
def test_example_module_runs_as_a_drop_in(example):
    output = example.run("run", "--only", "build_worker", "--format", "json")
    (module,) = json.loads(output)["modules"]
    assert module["state"] == "done"
    assert [change["state"] for change in module["changes"]] == ["applied"] * 3
    file = example.root / "var/lib/builder/worker.conf"
    assert (
        file.read_text(encoding="utf-8")
        == "server = farm.example.com\ntoken = not-to-be-shown\nworkers = 1\n"
    )
    owner = (example.root / "var/cache/builder").stat().st_uid
    assert file.stat().st_mode & 0o7777 == 0o600 and file.stat().st_uid == owner != 0
    status = (example.root / "run/tsagent/status.json").read_text(encoding="utf-8")
    assert "not-to-be-shown" not in output + status
    listed = tsagent_of("modules", "--root", str(example.root), "--format", "json")
    assert json.loads(listed)["problems"] == []


# -- docs/modules.md: the lists ---------------------------------------------------------------------


def change_classes():
    found = {}
    for name in tsagent.changes.__all__:
        value = getattr(tsagent.changes, name)
        if inspect.isclass(value) and issubclass(value, tsagent.changes.Change) and value.type != "change":
            found[name] = value
    return found


def test_every_change_is_described_with_its_arguments():
    page = read("docs/modules.md")
    wrong = []
    for name, change in sorted(change_classes().items()):
        shown = re.search(r"^\| `%s\((.*?)\)` \|" % name, page, re.MULTILINE)
        if shown is None:
            wrong.append(name)
            continue
        arguments = []
        for parameter in list(inspect.signature(change.__init__).parameters.values())[1:]:
            if parameter.name in ("reason", "requires"):
                continue
            default = parameter.default
            if default is inspect.Parameter.empty:
                arguments.append(parameter.name)
            elif parameter.name == "mode" and isinstance(default, int):
                arguments.append("mode=0o%o" % default)
            else:
                arguments.append(
                    "%s=%s" % (parameter.name, json.dumps(default) if isinstance(default, str) else default)
                )
        if arguments[:1] == ["target"]:
            arguments[0] = shown.group(1).partition(",")[0]  # called by what it is
        if ", ".join(arguments) != shown.group(1):
            wrong.append("%s(%s), not (%s)" % (name, ", ".join(arguments), shown.group(1)))
    assert wrong == []


def test_no_change_is_described_that_is_not_there():
    table = read("docs/modules.md").split("\n### Files", 1)[1].split("\n### Later", 1)[0]
    assert set(re.findall(r"^\| `([A-Z]\w+)\(", table, re.MULTILINE)) == set(change_classes())


def test_every_entry_of_x_tsagent_is_described():
    source = inspect.getsource(metadata.read_metadata)
    groups = re.findall(r"^    (?:known|lists) = (\{.*\})$", source, re.MULTILINE)
    known = {entry for group in groups for entry in ast.literal_eval(group)}
    assert len(groups) == 2 and "stage" in known
    section = read("docs/modules.md").split("\n## The schema file", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == known
    used = set()

    def visit(node):
        if isinstance(node, dict):
            own = node.get("x-tsagent")
            if isinstance(own, dict) and "stage" not in own:
                used.update(own)
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    for path in glob.glob(os.path.join(CHECKOUT, "schemas", "*.json")):
        visit(json.loads(read(path)))
    assert used and [entry for entry in used if '`"%s": ' % entry not in section] == []


def test_every_part_of_the_context_is_described():
    from tsagent.facts import Facts
    from tsagent.host import Tree
    from tsagent.registry.context import Context

    context = Context("any", {}, Facts.from_data({}), Tree("/"), Tree("/"))
    names = {name for name in dir(context) if not name.startswith("_")}
    section = read("docs/modules.md").split("\n## `plan(context)`", 1)[1].split("\n## ", 1)[0]
    words = set(re.findall(r"`(\w+)", section))
    # What the engine reads back is no business of a module's.
    assert names - words == {"decisions", "reads", "reason", "warnings"}


# -- README.md and docs/user-data.md ----------------------------------------------------------------


def test_the_readmes_commands_are_those_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        for block in blocks(read(page), "console"):
            for line in re.findall(r"^\$ make ([a-z -]+)", block, re.MULTILINE):
                assert set(line.split()) <= targets, page


def test_simulator_faults_are_listed():
    from tsagent.sources.simulator.faults import VALID

    page = read("docs/sources.md")
    assert [form for form, _ in VALID if "`%s`" % form.replace("|", "\\|") not in page] == []


def test_numbers_of_the_client_are_those_of_the_source():
    from tsagent.sources.imds import client, crawl, transport

    page = read("docs/sources.md")
    for number, words in (
        (transport.CONNECT_LIMIT, "connecting | %d s"),
        (transport.REQUEST_LIMIT, "a request | %d s"),
        (crawl.DEADLINE, "the whole crawl | %d s"),
        (crawl.MAX_REQUESTS, "at most %d requests"),
        (client.MAX_RETRY_AFTER, "`Retry-After` | %d s"),
        (client.MAX_ANSWER >> 20, "an answer | %d MiB"),
        (client.MAX_USER_DATA >> 20, "user data | %d MiB"),
    ):
        assert words % number in page


def test_pages_hold_no_generated_rubbish():
    """No place of somebody's own machine, no tabs, no trailing blanks."""
    for page in PAGES:
        text = read(page)
        assert "\t" not in text and not re.search(r"[ ]+$", text, re.MULTILINE), page
        assert not re.search(r"/work/|/home/\w+/tsagent|/opt/venvs", text), page


def test_example_of_the_readme_is_real(tmp_path):
    """The user data of the README is valid, and is what its plan was made of."""
    (user_data,) = blocks(read("README.md"), "yaml")
    (tmp_path / "user-data").write_text(user_data, encoding="utf-8")
    assert tsagent_of("validate", str(tmp_path / "user-data")) == ""
    (tmp_path / "meta-data").write_text(
        "instance-id: ins-3g445roi\ninstance-type: GN7.2XLARGE32\n", encoding="utf-8"
    )
    root = tmp_path / "root"
    machine = os.path.join(CHECKOUT, "tests/machines/gn7-2xlarge32")
    (root / "etc").mkdir(parents=True)
    shutil.copy(os.path.join(machine, "etc/os-release"), str(root / "etc"))
    places = ["--root", str(root), "--hardware", machine, "--source", "nocloud:%s" % tmp_path]
    for command in ("plan", "explain gpu_driver branch"):
        (shown,) = [
            block.partition("\n")[2]
            for block in blocks(read("README.md"), "console")
            if block.startswith("$ tsagent %s " % command)
        ]
        real = tsagent_of(*(command.split() + places))
        # `…` stands for lines that are left out, and at the end of a line for its rest.
        missing = [line for line in shown.splitlines() if line.rstrip("…") not in real]
        assert missing == []
