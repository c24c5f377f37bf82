"""What the journal remembers across runs, crashes and boots."""

import json

import pytest

from tsagent.engine.journal import Journal
from tsagent.errors import AgentError
from tsagent.host import Tree

PATH = "/j.jsonl"


@pytest.fixture
def tree(tmp_path):
    return Tree(str(tmp_path))


def reopen(tree):
    return Journal(tree, PATH)


def test_begun_and_not_done_is_open(tree):
    journal = Journal(tree, PATH)
    journal.begin("a", {"length": 3}, durable=True)
    record = reopen(tree).change("a")
    assert record.open and record.begins == 1 and record.before == {"length": 3}


def test_done_failed_interrupted(tree):
    journal = Journal(tree, PATH)
    for name in "abc":
        journal.begin(name, None, durable=False)
    journal.done("a", None, durable=False)
    journal.failed("b", "x", "broke", final=True)
    journal.interrupted("c")
    journal = reopen(tree)
    assert [journal.change(name).outcome for name in "abc"] == ["done", "failed", "interrupted"]
    assert journal.change("b").final and not journal.change("b").open


def test_torn_last_line_is_cut(tree, tmp_path):
    journal = Journal(tree, PATH)
    journal.begin("a", None, durable=True)
    journal.close()
    file = tmp_path / "j.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"event": "done", "id"')
    assert reopen(tree).change("a").open
    assert file.read_bytes() == whole


def test_readonly_journal_does_not_touch_the_file(tree, tmp_path):
    file = tmp_path / "j.jsonl"
    file.write_bytes(b'{"format": 1, "agent": "0"}\n{"event": "begin", "id": "a"}\n{"torn')
    before = file.read_bytes()
    journal = Journal(tree, PATH, readonly=True)
    journal.done("a", None, durable=True)
    journal.start_boot("b")
    assert file.read_bytes() == before


def test_newer_format_is_refused(tree, tmp_path):
    (tmp_path / "j.jsonl").write_text(json.dumps({"format": 99, "agent": "9.9"}) + "\n")
    with pytest.raises(AgentError) as caught:
        reopen(tree)
    assert caught.value.code == "state-too-new" and "9.9" in str(caught.value)


def test_garbage_is_named_with_its_line(tree, tmp_path):
    (tmp_path / "j.jsonl").write_text('{"format": 1, "agent": "0"}\n[1]\n')
    with pytest.raises(AgentError) as caught:
        reopen(tree)
    assert caught.value.code == "bad-journal" and "/j.jsonl:2" in str(caught.value)


def test_attempts_add_up_until_an_end(tree):
    for count in (1, 2, 3):
        journal = reopen(tree)
        journal.begin("a", {"first": count}, durable=True)
        assert journal.change("a").begins == count
        journal.close()
    record = reopen(tree).change("a")
    assert record.before == {"first": 1}
    journal = reopen(tree)
    journal.done("a", None, durable=True)
    assert journal.change("a").begins == 0


def test_new_boot_forgets_ends_and_keeps_attempts(tree):
    journal = Journal(tree, PATH)
    journal.start_boot("one")
    journal.begin("done", None, True)
    journal.done("done", None, True)
    journal.begin("cut", {"n": 1}, True)
    journal.module("m", "done", "", 0.1)
    journal.close()
    same = reopen(tree)
    same.start_boot("one")
    assert same.change("done").outcome == "done" and same.modules["m"].state == "done"
    other = reopen(tree)
    other.start_boot("two")
    assert other.modules == {} and other.change("done").outcome is None
    again = reopen(tree)
    assert again.change("cut").begins == 1 and again.change("cut").before == {"n": 1}
    assert again.boot == "two"


def test_again_forgets_one_module(tree):
    journal = Journal(tree, PATH)
    for name in ("m:write:/a:1", "n:write:/a:1"):
        journal.begin(name, None, True)
        journal.done(name, None, True)
    journal.module("m", "done", "", 0)
    journal.module("n", "done", "", 0)
    journal.again("m")
    journal = reopen(tree)
    assert "m" not in journal.modules and "n" in journal.modules
    assert journal.change("m:write:/a:1").outcome is None
    assert journal.change("n:write:/a:1").outcome == "done"


def test_failures_count_until_success(tree):
    journal = Journal(tree, PATH)
    for _ in range(2):
        journal.begin("a", None, True)
        journal.failed("a", "x", "broke", final=False)
        journal.module("m", "failed", "", 0)
    assert reopen(tree).change("a").failures == 2
    assert reopen(tree).modules["m"].failures == 2
    journal.module("m", "done", "", 0)
    assert reopen(tree).modules["m"].failures == 0
