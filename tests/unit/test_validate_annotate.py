"""`tsagent validate --annotate`: the file's text with the problems below their lines."""

import base64
import gzip
import json
import os

import pytest

from tsagent.userdata.annotate import annotated
from tsagent.userdata.command import validate_files
from tsagent.userdata.problem import Problem

SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "title": "all",
    "type": "object",
    "properties": {
        "hostname": {"type": "string"},
        "users": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "passwd": {"type": "string", "x-tsagent": {"secret": True}},
                },
            },
        },
    },
}
BAD = "#cloud-config\nhostname: off\nusers:\n- name: a\n  nme: b\n"
SAID = [
    "hostname: off",
    (
        "          ^ error: /hostname: expected a string, found a boolean "
        "(YAML reads the word off as a boolean: put it in quotes)"
    ),
    "users:",
    "- name: a",
    "  nme: b",
    '  ^ error: /users/0/nme: the key "nme" is not known here',
]


def shown(tmp_path, data, instance=None):
    file = tmp_path / "f"
    file.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    text, code = validate_files([str(file)], [SCHEMA], annotate=True, instance_data=instance)
    return text.replace(str(file), "f").splitlines(), code


def without_numbers(lines):
    return [line[6:] for line in lines]


def test_each_problem_stands_below_its_line_at_its_column(tmp_path):
    lines, code = shown(tmp_path, BAD)
    assert code == 1
    assert lines[0] == "==> f"
    assert lines[1] == "   1  #cloud-config"
    assert without_numbers(lines[2:8]) == SAID
    assert lines[-1] == "2 errors, 0 warnings"


def test_a_right_file_is_shown_as_it_is(tmp_path):
    lines, code = shown(tmp_path, "#cloud-config\nhostname: a\n")
    assert code == 0
    assert lines == ["==> f", "   1  #cloud-config", "   2  hostname: a", "", "0 errors, 0 warnings"]


def test_the_caret_stands_right_after_wide_characters_and_tabs(tmp_path):
    lines, _ = shown(tmp_path, "#cloud-config\nusers: [{name: \u4f60\u597d, nme: b}]\n")
    (caret,) = [line for line in lines if "^" in line]
    assert caret.index("^") == 6 + len("users: [{name: ") + 4 + len(", ")
    lines, _ = shown(tmp_path, "#cloud-config\nhostname:\toff\n")
    (caret,) = [line for line in lines if "^" in line]
    assert caret.startswith("      " + " " * len("hostname:") + "\t^ ")


def test_lines_of_a_message_are_those_of_the_file_and_encoded_parts_follow(tmp_path):
    encoded = base64.b64encode(BAD.encode("utf-8")).decode("ascii")
    message = (
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: text/cloud-config\n\n%s\n"
        "--b\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n%s\n--b--\n"
    ) % (BAD, encoded)
    lines, code = shown(tmp_path, message)
    assert code == 1
    start = lines.index("   8  hostname: off")
    assert without_numbers(lines[start : start + 6]) == SAID
    start = lines.index("==> f:part-002")
    assert without_numbers(lines[start + 2 : start + 8]) == SAID
    assert lines[-1] == "4 errors, 0 warnings"


def test_archives_and_compressed_files(tmp_path):
    archive = "#cloud-config-archive\n- type: text/cloud-config\n  content: |\n"
    archive += "".join("    %s\n" % line for line in BAD.splitlines())
    lines, _ = shown(tmp_path, archive)
    assert "   5      hostname: off" in lines
    assert lines[lines.index("   5      hostname: off") + 1].strip().startswith("^ error: /hostname")
    lines, _ = shown(tmp_path, gzip.compress(BAD.encode("utf-8")))
    start = lines.index("   2  hostname: off")
    assert without_numbers(lines[start : start + 6]) == SAID


def test_a_template_is_annotated_where_it_was_written(tmp_path):
    pytest.importorskip("jinja2")
    template = (
        "## template: jinja\n#cloud-config\n{% for name in ['a', 'b', 'c'] %}\n# {{ name }}\n{% endfor %}\n"
        "users:\n- name: '{{ v1.instance_id }}'\n  nme: b\n"
    )
    lines, code = shown(tmp_path, template)
    assert code == 1
    assert lines[lines.index("   8    nme: b") + 1].strip().startswith("^ error: /users/0/nme")
    instance = tmp_path / "instance.json"
    instance.write_text(json.dumps({"v1": {}}), encoding="utf-8")
    lines, code = shown(tmp_path, template, str(instance))
    assert any('"instance_id", which instance data does not have' in line for line in lines)


def test_a_terminal_is_shown_no_control_characters(tmp_path):
    lines, code = shown(tmp_path, b'#cloud-config\nhostname: "\x1b[2J\x9b"\n')
    assert code == 1
    assert not any(char < " " or "\x7f" <= char < "\xa0" for line in lines for char in line)


def test_what_has_no_line_or_lies_behind_the_end_is_shown_too():
    problems = [
        Problem("error", "/a", "without a line", "f", 0, 0),
        Problem("warning", "/b", "behind the end", "f", 99, 99),
        Problem("error", "/c", "elsewhere", "other", 1, 1),
    ]
    text = annotated("f", b"one\ntwo", problems, [])
    assert text.splitlines() == [
        "==> f",
        "error: /a: without a line",
        "   1  one",
        "   2  two",
        "         ^ warning: /b: behind the end",
        "",
        "==> other",
        "error: /c: elsewhere",
        "",
        "2 errors, 1 warning",
    ]


def test_a_file_that_cannot_be_read(tmp_path):
    text, code = validate_files([str(tmp_path / "absent")], [SCHEMA], annotate=True)
    assert code == 1
    assert "error: /: cannot be read: No such file or directory" in text


def test_on_the_command_line(checkout, tmp_path):
    import subprocess
    import sys

    def run(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "tsagent", "validate"] + list(words),
            cwd=checkout,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=checkout),
        )
        out, err = process.communicate(b"#cloud-config\nhostname: off\n")
        return process.returncode, out.decode("utf-8"), err.decode("utf-8")

    code, out, _ = run("--annotate", "-")
    assert code == 1
    assert out.startswith(
        "==> -\n   1  #cloud-config\n   2  hostname: off\n                ^ error: /hostname"
    )
    assert run("--annotate", "--format", "json", "-")[0] == 64
