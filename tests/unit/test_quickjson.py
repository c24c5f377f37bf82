"""`quickjson` against the standard library's `json`."""

import json
import os
import subprocess
import sys

import pytest

from tsagent import quickjson

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VALUES = [
    None,
    True,
    [1, -0.0, 1.5, 1e300, 2**70],
    'a"\\\u00e9\n\x00\U0001f600',
    [],
    {},
    {"a": {"b": [None, {"c": []}]}, "": False},
    {2: "int", None: "none", True: "bool"},
]
WRONG = ["", " ", "{", "[1,]", "1 2", "nul", '{"a":1,}', '"\t"', "[1}", "{'a': 1}", "\ufeff1"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_writes_and_reads_what_json_does(value):
    text = json.dumps(value)
    assert quickjson.dumps(value) == text
    assert quickjson.loads(text) == quickjson.loads(" \n" + text + "\t\r\n") == json.loads(text)
    assert quickjson.loads(text.encode("ascii")) == json.loads(text)
    assert json.loads(quickjson.dumps(value, lines=True)) == json.loads(text)


def test_sorts_and_asks_for_what_it_does_not_know():
    assert (
        quickjson.dumps({"b": 1, "a": [b"x"]}, sort_keys=True, default=bytes.hex) == '{"a": ["78"], "b": 1}'
    )


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_says_what_is_wrong_as_json_does(text):
    with pytest.raises(ValueError) as theirs:
        json.loads(text)
    with pytest.raises(ValueError) as ours:
        quickjson.loads(text)
    assert str(ours.value) == str(theirs.value)


def test_says_so_where_json_was_not_imported_before():
    program = (
        "import sys; from tsagent import quickjson; assert 'json' not in sys.modules\n"
        "try: quickjson.loads(sys.stdin.buffer.read())\n"
        "except ValueError as error: print(error)\n"
    )
    for text in WRONG:
        done = subprocess.run(
            [sys.executable, "-S", "-c", program],
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert done.returncode == 0 and done.stdout.strip(), text


def test_refuses_what_cannot_be_json():
    with pytest.raises(TypeError, match="set"):
        quickjson.dumps({1, 2})
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match="ircular"):
        quickjson.dumps(circle)
    with pytest.raises(RecursionError):
        quickjson.loads("[" * 100000)


def test_without_the_c_parts_json_itself_answers(monkeypatch):
    monkeypatch.setattr(quickjson, "_C", None)
    assert quickjson.loads(b'[1, {"a": null}]') == [1, {"a": None}]
    assert quickjson.dumps({"b": 1, "a": 2}, sort_keys=True, lines=True) == '{"a": 2,\n"b": 1}'
