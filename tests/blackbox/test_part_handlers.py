"""Python from user data: refused, or run apart from the agent by cloud-init's protocol."""

import json
import os
import sys

import pytest

from tsagent.userdata.decode import decode

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")

HEAD = 'Content-Type: multipart/mixed; boundary="B"\nMIME-Version: 1.0\n'


def mime(*parts):
    lines = [HEAD]
    for kind, name, body in parts:
        lines.append(
            '--B\nContent-Type: %s\nContent-Disposition: attachment; filename="%s"\n\n%s' % (kind, name, body)
        )
    return "\n".join(lines + ["--B--", ""])


def handler(types, body, top=""):
    """A handler of `types` that notes each call, then does `body`."""
    return (
        "#part-handler\nimport json\n%s\ndef list_types():\n    return %s\n\n"
        "def handle_part(data, ctype, filename, payload, *more):\n"
        "    with open('calls', 'a') as stream:\n"
        "        stream.write(json.dumps([ctype, filename, payload, more]) + '\\n')\n%s"
    ) % (top, types, "".join("    %s\n" % line for line in body))


def calls(agent):
    path = agent.root / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def allowing(agent):
    place = agent.root / "etc/tsagent"
    place.mkdir(parents=True)
    (place / "agent.yaml").write_text("allow_part_handlers: true\n", encoding="utf-8")
    return agent


def test_without_the_images_word_it_is_refused_and_not_run(agent):
    agent.tell(mime(("text/part-handler", "h.py", handler(["text/x-own"], [])), ("text/x-own", "own", "x")))
    assert agent.run().returncode == 2
    said = "\n".join(agent.status()["warnings"])
    assert (
        "h.py: part handlers (Python from user data) are not allowed by this image: allow_part_handlers"
        in said
    )
    assert 'own: the type "text/x-own" is not known: not run' in said
    assert calls(agent) == []


def test_a_handler_gets_begin_its_parts_and_end(allowing):
    parts = [
        ("text/x-own", "before", "too early"),
        ("text/part-handler", "h.py", handler(["text/x-own"], [])),
        ("text/x-own", "one", "first\n"),
        ("text/cloud-config", "cc", "write_files: [{path: /etc/written, content: x}]"),
        ("text/x-own", "two", "second"),
    ]
    allowing.tell(mime(*parts))
    result = allowing.run()
    assert result.returncode == 2, result.stdout  # the part that came before its handler
    assert calls(allowing) == [
        ["__begin__", None, None, []],
        ["text/x-own", "one", "first\n", []],
        ["text/x-own", "two", "second", []],
        ["__end__", None, None, []],
    ]
    assert (allowing.root / "etc/written").exists()
    assert allowing.module("part_handlers")["state"] == "done"


@pytest.mark.parametrize("version, more", [(1, 0), (2, 1), (3, 2)])
def test_versions_of_the_protocol(allowing, version, more):
    source = handler(["text/x-own"], [], "handler_version = %d" % version)
    allowing.tell(mime(("text/part-handler", "h.py", source), ("text/x-own", "one", "x")))
    assert allowing.run("--only", "part_handlers").returncode == 0
    given = calls(allowing)[1][3]
    assert len(given) == more
    if version >= 2:
        assert given[0] == "once-per-instance"
    if version == 3:
        assert given[1]["Content-Type"] == "text/x-own"
        assert "filename" in given[1]["Content-Disposition"]


def test_a_later_boot_calls_those_that_are_for_every_boot(allowing):
    each = handler(["text/x-own"], [], "frequency = 'always'\nhandler_version = 2")
    once = handler(["text/x-other"], [], "handler_version = 2")
    allowing.tell(
        mime(
            ("text/part-handler", "each.py", each),
            ("text/part-handler", "once.py", once),
            ("text/x-own", "one", "x"),
            ("text/x-other", "two", "x"),
        )
    )
    assert allowing.run("--only", "part_handlers").returncode == 0
    kinds = [call[0] for call in calls(allowing)]
    assert kinds == ["__begin__", "text/x-own", "__end__", "__begin__", "text/x-other", "__end__"]
    (allowing.root / "calls").unlink()
    assert allowing.run("--only", "part_handlers", "--again").returncode == 0
    assert [(call[0], call[3]) for call in calls(allowing)] == [
        ("__begin__", ["always"]),
        ("text/x-own", ["always"]),
        ("__end__", ["always"]),
    ]


def test_a_handler_that_fails_costs_its_part_and_is_named(allowing):
    body = [
        "if filename == 'bad': raise RuntimeError('hunter2hunter2')",
        "if filename == 'out': raise SystemExit(0)",
    ]
    source = handler(["text/x-own"], body)
    parts = [("text/x-own", name, "x") for name in ("bad", "out", "good")]
    allowing.tell(mime(("text/part-handler", "h.py", source), *parts))
    result = allowing.run()
    assert result.returncode == 1
    assert [call[1] for call in calls(allowing)] == [None, "bad", "out", "good", None]
    module = allowing.module("part_handlers")
    assert module["state"] == "failed"
    assert "part handler h.py failed with status 1" in json.dumps(module)
    assert "hunter2" not in json.dumps(allowing.status()) + result.stdout + result.stderr
    output = (allowing.root / "var/log/tsagent-output.log").read_text()
    assert "RuntimeError: hunter2hunter2" in output
    assert "the part handler failed at bad" in output


def test_a_handler_can_take_over_what_the_agent_would_do(allowing):
    source = handler(["text/x-shellscript", "text/plain"], [])
    script = "#!/bin/sh\ntouch ran\n"
    allowing.tell(
        mime(
            ("text/part-handler", "h.py", source),
            ("text/x-shellscript", "s", script),
            ("text/plain", "t", "words"),
        )
    )
    assert allowing.run().returncode == 0
    assert [call[1:3] for call in calls(allowing)[1:3]] == [["s", script], ["t", "words"]]
    assert not (allowing.root / "ran").exists()


def test_types_that_only_the_code_knows(allowing):
    """It is offered what nothing else takes, and what it does not want after all is named in the log."""
    source = handler("['text/x-%s' % word for word in ('own', 'other')]", [])
    allowing.tell(
        mime(
            ("text/part-handler", "h.py", source),
            ("text/x-own", "one", "x"),
            ("text/x-strange", "two", "x"),
            ("application/octet-stream", "three", "\x7fx"),
        )
    )
    assert allowing.run().returncode == 0
    assert [call[1] for call in calls(allowing)] == [None, "one", None]
    output = (allowing.root / "var/log/tsagent-output.log").read_text()
    assert "h.py does not take two (text/x-strange): not handled" in output


def test_a_handler_written_for_cloud_init_finds_what_it_imports(allowing):
    top = "from cloudinit import util\nfrom cloudinit.cloud import Cloud\nfrom cloudinit import settings"
    body = [
        "if ctype == 'text/x-own': util.write_file('made/file', data.get_instance_id() + payload, 0o600)",
    ]
    source = handler(["text/x-own"], body, top)
    allowing.tell(mime(("text/part-handler", "h.py", source), ("text/x-own", "one", "!")))
    result = allowing.run()
    assert result.returncode == 0, (allowing.root / "var/log/tsagent-output.log").read_text()
    assert (allowing.root / "made/file").read_text() == "ins-test!"


def test_it_is_never_loaded_into_the_agent(allowing):
    body = "import os\nopen('pid', 'w').close()\nos._exit(3)\ndef list_types(): return ['a/b']\n"
    allowing.tell("#part-handler\n" + body)
    assert allowing("plan").returncode == 0
    assert not (allowing.root / "pid").exists()
    assert allowing.run().returncode == 1
    assert (allowing.root / "pid").exists()
    assert allowing.module("files")["state"] != "pending"


@pytest.mark.parametrize(
    "source, line, words",
    [
        ("#part-handler\nx = 1\ndef list_types(:\n", 3, "not valid Python"),
        ("#part-handler\ndef other(): pass\n", 1, "without a function list_types"),
    ],
)
def test_what_is_no_handler_is_named_by_line(source, line, words):
    decoded = decode(source.encode("utf-8"), allow_part_handlers=True)
    assert decoded.parts[0].status == "failed"
    assert "user-data:%d:" % line in decoded.warnings[0]
    assert words in decoded.warnings[0]


def test_the_driver_needs_nothing_of_the_agent():
    path = os.path.join(os.path.dirname(sys.modules["tsagent"].__file__), "changes", "part_handler_driver.py")
    with open(path, encoding="utf-8") as stream:
        assert "tsagent" not in stream.read()
