"""Answers to debconf: what is understood of them, and what never shows."""

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.debconf import SetDebconf, logical_lines, parse_answers
from tsagent.errors import AgentError
from tsagent.host import Host

TEXT = """\
# a comment

pack pack/one string two \\
 words
pack pack/flag boolean true
pack pack/empty string
"""


def test_lines():
    answers, wrong = parse_answers(TEXT + "pack pack/no kind x\nshort\npack pack/flag seen false\n")
    assert answers == [
        ("pack", "pack/one", "string", "two  words"),
        ("pack", "pack/flag", "boolean", "true"),
        ("pack", "pack/empty", "string", ""),
        ("pack", "pack/flag", "seen", "false"),
    ]
    assert wrong == [7, 8]
    assert logical_lines("a\\\nb\\") == [(1, "ab")]


def test_a_look_at_the_database(scratch_root):
    host = Host(str(scratch_root), commands="chroot")
    change = SetDebconf("one", TEXT + "pack pack/secret password hunter22\n", enter=True)
    assert change.probe(host).state == DIFFERS
    known = "Name: pack/one\nTemplate: pack/one\nValue: two  words\nOwners: pack\nFlags: seen\n\n"
    known += "Name: pack/flag\nValue: true\n\nName: pack/empty\nValue: \n\n"
    host.root.write_atomic("/var/cache/debconf/config.dat", known.encode("utf-8"))
    assert change.probe(host).detail == "not answered so: pack/secret"
    host.root.write_atomic("/var/cache/debconf/passwords.dat", b"Name: pack/secret\nValue: hunter22\n")
    assert change.probe(host).state == CONVERGED


def test_what_the_tool_says_is_not_repeated(tmp_path):
    tool = tmp_path / "debconf-set-selections"
    tool.write_text("#!/bin/sh\necho \"error: parse error on line 1: '$(cat)'\"\nexit 1\n", encoding="utf-8")
    tool.chmod(0o755)
    host = Host("/")
    host.runner.path = "%s:%s" % (tmp_path, host.runner.path)
    change = SetDebconf("one", "pack pack/secret password hunter22", enter=False)
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert "failed with status 1" in str(caught.value) and "hunter22" not in str(caught.value)
    shown = "%s %s %s" % (change.describe(), change.payload(), change.detail(host))
    assert "hunter22" not in shown


class Impatient:
    """A clock that a database's lock outlasts."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += 50  # instead of half a second: fewer tries serve here as well


def test_a_locked_database_is_waited_for_and_then_named(tmp_path):
    tool = tmp_path / "debconf-set-selections"
    tool.write_text(
        "#!/bin/sh\necho config.dat is locked by another process: busy\nexit 1\n", encoding="utf-8"
    )
    tool.chmod(0o755)
    host = Host("/", clock=Impatient())
    host.runner.path = "%s:%s" % (tmp_path, host.runner.path)
    change = SetDebconf("one", "pack pack/flag boolean true", enter=False)
    with pytest.raises(AgentError, match="has held debconf's database for 120 s"):
        change.apply(host)
