"""What `load_yaml` says of bad or dangerous text, where it says it, and that it stays within its bounds."""

import os
import subprocess
import sys

import pytest
import yaml

from tsagent.userdata.yamlfile import load_yaml
from tsagent.userdata.yamlstream import Limits

PARSERS = ["c", "pure"] if yaml.__with_libyaml__ else ["pure"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _only(data, parser="auto", **more):
    document = load_yaml(data, "f.yaml", parser=parser, **more)
    assert len(document.problems) == 1, document.problems
    return document, document.problems[0]


def test_marks_of_keys_and_values_count_from_one():
    document = load_yaml(
        b"#cloud-config\nwrite_files:\n  - path: /etc/a\n    content: |\n      x\n  - {path: /etc/b}\n", "f"
    )
    marks = document.marks
    assert marks["/write_files"] == (3, 3)
    assert marks.key("/write_files") == (2, 1)
    assert marks["/write_files/0/path"] == (3, 11)
    assert marks.key("/write_files/0/path") == (3, 5)
    assert marks["/write_files/0/content"] == (4, 14)
    assert marks["/write_files/1/path"] == (6, 12)
    assert "/write_files/2" not in marks
    assert marks.get("/nothing") is None
    assert marks.where("/write_files") == ("f", 2, 1)
    assert marks.where("/write_files/1/owner") == ("f", 6, 5)  # what holds the missing key
    assert next(path for path, _ in marks.items()) == ""


def test_marks_escape_pointers_and_take_keys_of_any_type():
    document = load_yaml(b"a/b: {c~d: 1}\n5: {true: x}\n", "f")
    assert document.marks["/a~1b/c~0d"] == (1, 12)
    assert document.marks["/5/true"] == (2, 11)


def test_marks_of_aliased_and_merged_values_are_where_they_were_written():
    document = load_yaml(b"a: &a\n  x: 1\nb: *a\nc:\n  <<: *a\n  y: 2\n", "f")
    assert document.marks["/b"] == (3, 4)
    assert document.marks["/b/x"] == (2, 6)
    assert document.marks["/c/x"] == (2, 6)
    assert document.marks["/c/y"] == (6, 6)


def test_line_offset_moves_marks_and_problems():
    document = load_yaml(b"a: 1\na: 2\n", "f", line_offset=10)
    assert document.marks["/a"] == (12, 4)
    assert document.problems[0].line == 12
    assert "first on line 11" in document.problems[0].message


@pytest.mark.parametrize("parser", PARSERS)
def test_duplicate_keys_warn_with_both_lines_and_the_last_wins(parser):
    document, problem = _only(b"x:\n  users: one\n  z: 1\n  users: two\n", parser)
    assert document.value == {"x": {"users": "two", "z": 1}}
    assert str(problem) == (
        'f.yaml:4:3: warning: /x/users: the key "users" stands here again (first on line 2): '
        "the last one counts"
    )


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "text, line, column, words",
    [
        (b"a:\n\t- b\n", 2, 1, "tab"),
        (b"a:\n  b: 1\n\tc: 2\n", 3, 1, "tab"),
        (b"a: b: c\n", 1, 5, "not allowed here"),
        (b"a: [1, 2\nb: 3\n", 2, 2, "opened on line 1"),
        (b"a: 'open\n", 2, 1, "quoted text opened on line 1"),
        (b"a: @x\n", 1, 4, "quotes"),
        (b"a: *nope\n", 1, 4, "anchor"),
        (b"a: &a [*a]\n", 1, 8, "inside of what it stands for"),
        (b"a: 1\n---\nb: 2\n", 2, 1, "second document"),
        (b"? [a]\n: b\n", 1, 3, "cannot be a key"),
        (b"{a: 1}: b\n", 1, 1, "cannot be a key"),
        (b"a: !!python/object:os.system x\n", 1, 4, "tag"),
        (b"a: !local [x]\n", 1, 4, "tag"),
        (b"a: 2001-02-31\n", 1, 4, "date"),
        (b"a: !!int five\n", 1, 4, "number"),
        (b"a: !!binary 'a'\n", 1, 4, "base64"),
        (b"<<: 5\n", 1, 5, "merge key"),
        (b"a: x\0y\n", 1, 5, "NUL"),
        (b"ab: \x1b[0m\n", 1, 5, "U+001B"),
        (b"ok: 1\na: \xff\n", 2, 4, "not UTF-8"),
        ("ä: ".encode() + b"\xe4\n", 1, 4, "not UTF-8"),
        ("a: b".encode("utf-16"), 1, 1, "UTF-16"),
        (b'a: "\\ud800"\n', 1, None, ""),
        (b'a: "\\UFFFFFFFF"\n', 1, None, ""),
    ],
)
def test_errors_are_named_with_their_place(text, line, column, words, parser):
    document, problem = _only(text, parser)
    assert not document.ok and document.value is None
    assert problem.severity == "error"
    assert words in problem.message
    assert problem.line == line
    if column is not None and not (parser == "pure" and "opened" in words):
        assert problem.column == column


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "template",
    [
        "password: %s: x: y\n",
        "password: [%s\nb: c\n",
        "password: '%s\n",
        "password: @%s\n",
        "password: !!int %s\n",
        'password: "\\%s"\n',
        "password:\n\t%s\n",
        "password: !!binary 'x%s'\n",
        "password: %s\n  x: y\n",
        "password: |%s\n",
    ],
)
def test_no_problem_quotes_a_value(template, parser):
    document = load_yaml((template % "qS3cr3tcanary").encode("utf-8"), "f", parser=parser)
    assert not document.ok
    assert not any("S3cr3tcanary" in str(problem) for problem in document.problems)


def test_a_byte_order_mark_is_tolerated_with_a_warning():
    document, problem = _only(b"\xef\xbb\xbfa: 1\n")
    assert document.ok and document.value == {"a": 1}
    assert problem.severity == "warning" and "byte order mark" in problem.message


def test_words_keep_how_booleans_and_octals_were_spelt():
    words = load_yaml(b"a: no\nb: 0644\nc: 420\nd: false\ne: 'no'\nf: 0\n", "f").marks.words
    assert words == {("f", 1, 4): "no", ("f", 2, 4): "octal"}


@pytest.mark.parametrize(
    "text, limits, rule",
    [
        (b"a: 1\n", Limits(size=4), "size"),
        (b"[[[]]]", Limits(depth=2), "depth"),
        (b"a: &a [[]]\nb: [[*a]]\n", Limits(depth=4), "depth"),
        (b"[1, 2, 3]", Limits(nodes=3), "nodes"),
        (b"[&a [1, 2], *a, *a]", Limits(nodes=9), "nodes"),
        (b"[&a 1, *a, *a]", Limits(aliases=1), "aliases"),
        (b"[&a xxxxx, *a, *a]", Limits(expanded=14), "expanded"),
        (b"12345", Limits(digits=4), "digits"),
    ],
)
def test_each_limit_refuses_one_more_than_it_allows(text, limits, rule):
    document, problem = _only(text, limits=limits)
    assert problem.rule == rule and not document.ok
    for field in ("size", "depth", "nodes", "aliases", "expanded", "digits"):
        setattr(limits, field, getattr(limits, field) + 1)
    assert load_yaml(text, "f", limits=limits).ok


BOMBS = {
    "brackets": "b'[' * 200000",
    "braces": "b'{' * 10000000",
    "brackets-10MB": "b'[' * 10000000",
    "mappings": "b'{a: ' * 700000",
    "dashes": "b'- ' * 1500000",
    "dashes-10MB": "b'- - - - ' * 1250000",
    "questions": "b'? ' * 500000",
    "flow": "b'[' + b'a,' * 1900000",
    "small-lists": "b'a: [' + b'[],' * 900000",
    "block": "b'- a\\n' * 900000",
    "laughs": "b'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\\n' + "
    "b''.join(b'a%d: &a%d [%s]\\n' % (i, i, b','.join([b'*a%d' % (i - 1)] * 10))"
    " for i in range(1, 60))",
    "long-laughs": "b'- &a ' + b'x' * 3000000 + b'\\n' + b'- *a\\n' * 9000",
    "merge": "b'a0: &a0 {' + b','.join(b'k%d: 1' % i for i in range(1000)) + b'}\\n'"
    " + b''.join(b'a%d: &a%d {<<: [%s]}\\n'"
    " % (i, i, b','.join([b'*a%d' % (i - 1)] * 10)) for i in range(1, 60))",
    "aliases": "b'- &a x\\n' + b'- *a\\n' * 500000",
    "anchors": "b'&a ' * 500000",
    "digits": "b'a: ' + b'1' * 4000000",
    "sexagesimal": "b'a: 1' + b':1' * 500000",
    "tags": "b'!!str ' * 500000",
    "nul": "b'a: 1\\n' * 600000 + b'\\0'",
    "duplicates": "b'a: 1\\n' * 70000",
    "mebibytes": "b'x: |\\n' + b'  some text\\n' * 5000000",
}  # fmt: skip

_RUN = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
sys.path.insert(0, sys.argv[1])
from tsagent.userdata.yamlfile import load_yaml
import yaml
data = %s
before = time.process_time()
document = load_yaml(data, "bomb", parser=sys.argv[2])
spent = time.process_time() - before
for problem in document.problems[:1]:
    print(problem)
print(spent)
"""


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bombs_are_refused_in_two_seconds_and_200_megabytes(bomb, parser):
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN % BOMBS[bomb], ROOT, parser],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output[-2000:]
    lines = output.splitlines()
    assert len(lines) == 2, output[-2000:]
    assert lines[0].startswith("bomb:") and len(lines[0]) < 200
    assert float(lines[1]) < 2.0


def test_time_is_linear_in_list_entries():
    script = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tsagent.userdata.yamlfile import load_yaml
def spent(count):
    data = b"write_files:\\n" + b"- path: /etc/x\\n  permissions: '0644'\\n  content: hello\\n" * count
    best = 9e9
    for _ in range(3):
        before = time.process_time()
        assert len(load_yaml(data, "x").value["write_files"]) == count
        best = min(best, time.process_time() - before)
    return best
small = spent(500)
print(spent(5000) / small)
"""
    output = subprocess.check_output([sys.executable, "-c", script, ROOT], universal_newlines=True)
    assert float(output) < 25
