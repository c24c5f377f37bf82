"""What is said of user data that its writer got wrong: the place, what was expected, the likely one meant."""

import glob
import json
import os
import re

import jsonschema
import pytest

from tsagent.userdata.command import validate_files
from tsagent.userdata.expected import names_of
from tsagent.userdata.validation import validate

DRAFT = "http://json-schema.org/draft-04/schema#"
KEY_FILES = "^(rsa|ecdsa|ed25519)_(private|public|certificate)$"
SCHEMA = {
    "$schema": DRAFT,
    "title": "all",
    "type": "object",
    "properties": {
        "hostname": {"type": "string"},
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        },
        "runcmd": {
            "type": "array",
            "items": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        },
        "power_state": {
            "type": "object",
            "required": ["mode"],
            "additionalProperties": False,
            "properties": {
                "mode": {"type": "string", "enum": ["poweroff", "reboot", "halt"]},
                "delay": {"type": ["integer", "string"]},
                "timeout": {"type": "integer"},
                "condition": {"oneOf": [{"type": "string"}, {"type": "boolean"}]},
            },
        },
        "users": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "sudo": {"type": "string"},
                    "passwd": {"type": "string", "x-tsagent": {"secret": True}},
                    "lock-passwd": {"type": "boolean", "x-tsagent": {"deprecated": "use lock_passwd"}},
                    "lock_passwd": {"type": "boolean"},
                },
            },
        },
        "ssh_keys": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {KEY_FILES: {"type": "string", "x-tsagent": {"secret": True}}},
        },
        "ntp": {
            "type": "object",
            "properties": {
                "enabled": {"type": "boolean"},
                "config": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "service": {
                            "oneOf": [
                                {"type": "string", "enum": ["chrony", "timesyncd"]},
                                {
                                    "type": "string",
                                    "enum": ["openntpd"],
                                    "x-tsagent": {"deprecated": "use chrony"},
                                },
                            ]
                        },
                        "version": {"type": ["string", "number"]},
                    },
                },
            },
        },
        "write_files": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path"],
                "properties": {
                    "path": {"type": "string"},
                    "permissions": {"type": ["string", "integer"]},
                    "content": {"type": "string", "x-tsagent": {"secret": True}},
                },
                "additionalProperties": False,
            },
        },
        "reporting": {
            "type": "object",
            "additionalProperties": {
                "oneOf": [
                    {"required": ["type"], "properties": {"type": {"enum": ["log", "print"]}}},
                    {"required": ["type", "endpoint"], "properties": {"type": {"enum": ["webhook"]}}},
                ]
            },
        },
        "mixed": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"apt": {"type": "array"}, "dnf": {"type": "array"}},
                        "additionalProperties": False,
                    },
                    {"oneOf": [{"type": "string"}, {"type": "array"}]},
                ]
            },
        },
        "apt_upgrade": {"type": "boolean", "x-tsagent": {"deprecated": "use package_upgrade"}},
    },
}

CASES = [
    # Misspelt keys and values, at every depth
    ("hostnam: a", ['2:1: warning: /hostnam: the key "hostnam" is not known: did you mean "hostname"?']),
    (
        "power_state:\n  mode: rebot",
        [('3:9: error: /power_state/mode: expected one of poweroff, reboot, halt: did you mean "reboot"?')],
    ),
    (
        "ntp:\n  config:\n    servce: chrony",
        ['4:5: error: /ntp/config/servce: the key "servce" is not known here: did you mean "service"?'],
    ),
    (
        "ntp:\n  config:\n    service: chrny",
        [
            (
                "4:14: error: /ntp/config/service: expected one of chrony, timesyncd or openntpd, "
                'found a string: did you mean "chrony"?'
            )
        ],
    ),
    (
        "ssh_keys:\n  rsa_privat: x",
        [
            (
                '3:3: error: /ssh_keys/rsa_privat: the key "rsa_privat" is not known here: '
                'did you mean "rsa_private"?'
            )
        ],
    ),
    # Of alternatives all values of what tells them apart, and the alternative that was meant
    (
        "reporting: {a: {type: webook}}",
        [('2:23: error: /reporting/a/type: expected one of log, print, webhook: did you mean "webhook"?')],
    ),
    (
        "mixed: [{apt: [a], dmf: [b]}]",
        ['2:20: error: /mixed/0/dmf: the key "dmf" is not known here: did you mean "dnf"?'],
    ),
    # Quotes help only where text is taken
    (
        "power_state: {mode: halt, timeout: 1.10}",
        ["2:36: error: /power_state/timeout: expected a whole number, found a number"],
    ),
    # A misspelt key is told once, not as a missing one too
    (
        "users:\n- nam: a",
        ['3:3: error: /users/0/nam: the key "nam" is not known here: did you mean "name"?'],
    ),
    ("users:\n- sudo: ALL", ['3:3: error: /users/0: needs the key "name"']),
    # A key at the wrong depth
    (
        "users:\n- name: a\n  packages: [b]",
        [
            (
                '4:3: error: /users/0/packages: the key "packages" is not known here: '
                '"packages" is a top-level key, check the indentation'
            )
        ],
    ),
    (
        "permissions: '0644'",
        [
            (
                '2:1: warning: /permissions: the key "permissions" is not known: '
                'it belongs below "write_files", check the indentation'
            )
        ],
    ),
    # Types
    ("hostname:", ["2:10: error: /hostname: expected a string, found nothing"]),
    ("packages: []", ["2:1: error: /packages: must not be empty"]),
    ("runcmd: ls", ["2:9: error: /runcmd: expected a list of strings or lists, found a string"]),
    (
        "runcmd:\n- echo now: here",
        [
            (
                "3:3: error: /runcmd/0: expected a string or a list of strings, found a mapping "
                '(a text with ": " in it must be in quotes)'
            )
        ],
    ),
    # Words that are booleans
    (
        "hostname: off",
        [
            (
                "2:11: error: /hostname: expected a string, found a boolean "
                "(YAML reads the word off as a boolean: put it in quotes)"
            )
        ],
    ),
    (
        "packages: [vim, no]",
        [
            (
                "2:17: error: /packages/1: expected a string or a list of strings, found a boolean "
                "(YAML reads the word no as a boolean: put it in quotes)"
            )
        ],
    ),
    (
        "users:\n- name: a\n  on: x",
        [
            (
                '4:3: error: /users/0/true: the key "true" is not known here '
                "(YAML reads the word on as a boolean: put it in quotes)"
            )
        ],
    ),
    ("power_state: {mode: halt, condition: yes}", []),
    # Numbers that are not what they look like
    (
        "write_files:\n- {path: /a, permissions: 0644}",
        [
            (
                "3:27: warning: /write_files/0/permissions: YAML reads a number with a leading 0 as octal: "
                "put it in quotes"
            )
        ],
    ),
    ("write_files:\n- {path: /a, permissions: '0644'}", []),
    (
        "packages: [[nginx, 1.10]]",
        [
            (
                "2:20: error: /packages/0/1: expected a string, found a number "
                "(YAML reads it as a number, so that 1.10 becomes 1.1: put it in quotes)"
            )
        ],
    ),
    ("packages: [[nginx, 1.1]]", ["2:20: error: /packages/0/1: expected a string, found a number"]),
    (
        "hostname: 22:22",
        [
            (
                "2:11: error: /hostname: expected a string, found a whole number "
                '(YAML reads digits with a ":" as a number in base 60: put it in quotes)'
            )
        ],
    ),
    (
        "power_state: {mode: halt, delay: 1:30}",
        [
            (
                '2:34: warning: /power_state/delay: YAML reads digits with a ":" as a number in base 60: '
                "put it in quotes"
            )
        ],
    ),
    (
        "ntp: {config: {version: 1.10}}",
        [
            (
                "2:25: warning: /ntp/config/version: YAML reads it as a number, so that 1.10 becomes 1.1: "
                "put it in quotes"
            )
        ],
    ),
    ("ntp: {config: {version: 1.5}}", []),
    ("power_state: {mode: halt, timeout: 1_000}", []),
    # Characters that look like YAML's
    (
        "hostname\uff1aweb\npackages: [a]",
        ['2:9: error: /: a full-width colon (U+FF1A) stands here: YAML wants ": "'],
    ),
    (
        "packages:\n- vim\n\u2013 nano",
        ['4:1: error: /packages/1: a long dash (U+2013) stands here: a list item begins with "- "'],
    ),
    (
        "packages:\n\u00a0\u00a0- vim",
        ["3:1: error: /packages: a space that is none to YAML (U+00A0) stands here: type it again"],
    ),
    (
        "runcmd:\n- dnf\u00a0install vim",
        ["3:3: warning: /runcmd/0: a space that is none to YAML (U+00A0): type it again"],
    ),
    ("runcmd:\n- 'dnf\u00a0install vim'", []),  # in quotes it is meant
    (
        "hostname: \u201cweb\u201d",
        ["2:11: warning: /hostname: a typographic quotation mark (U+201C) is text to YAML: use \" or '"],
    ),
    ("runcmd:\n- echo \u4f60\u597d\u3000\u4e16\u754c", []),
    ("runcmd:\n- \u201ca\u201d is not b", []),
    # Structure
    (
        "packages:\n  - vim\n\t- nano",
        ["4:1: error: /packages/0: a tab in the indentation: YAML wants spaces"],
    ),
    (
        "hostname: a\nhostname: b",
        [
            (
                '3:1: warning: /hostname: the key "hostname" stands here again (first on line 2): '
                "the last one counts"
            )
        ],
    ),
    (
        "write_files:\n- path: /a\n  path: /b",
        [
            (
                '4:3: warning: /write_files/0/path: the key "path" stands here again (first on line 3): '
                "the last one counts"
            )
        ],
    ),
    (
        "ntp: &base\n  enabled: true\n  config: {service: chrony}\n<<: {packages: [a]}\npackages: [b]",
        [
            (
                '6:1: warning: /packages: the list "packages" replaces the one that "<<" brings: '
                "YAML adds nothing to it"
            )
        ],
    ),
    ("- hostname: a", ["2:1: error: /: cloud-config is a mapping of keys"]),
    (
        "  hostname: a\n packages: [b]",
        ["3:2: error: /: a line indented less than the first key, or text after the end of the document"],
    ),
    # Deprecated: a key, a nested key, a value
    ("apt_upgrade: true", ["2:1: warning: /apt_upgrade: deprecated: use package_upgrade"]),
    (
        "users:\n- {name: a, lock-passwd: true}",
        ["3:13: warning: /users/0/lock-passwd: deprecated: use lock_passwd"],
    ),
    (
        "ntp: {config: {service: openntpd}}",
        ["2:16: warning: /ntp/config/service: deprecated: use chrony"],
    ),
    # Keys that the reading of user data acts on
    ("merge_how: list(append)+dict(recurse_list)+str()", []),
    ("merge_how: [{name: list, settings: [append]}, {name: dict, settings: []}]", []),
    (
        "merge_how: append",
        [
            (
                '2:12: error: /merge_how: expected the like of "list(append)+dict(recurse_list)+str()" '
                "or a list of mappings, found a string"
            )
        ],
    ),
    (
        "merge_type: [{name: list, settings: [apend]}]",
        [
            (
                "2:38: error: /merge_type/0/settings/0: expected one of allow_delete, no_replace, replace, "
                "append, prepend, recurse_dict, recurse_list, recurse_array, recurse_str: "
                'did you mean "append"?'
            )
        ],
    ),
    (
        "vendor_data: {enabled: 'no', prefx: x}",
        [
            "2:15: warning: /vendor_data/enabled: deprecated: use true or false, without quotes",
            '2:30: error: /vendor_data/prefx: the key "prefx" is not known here: did you mean "prefix"?',
        ],
    ),
    ("vendor_data2: {enabled: true}\nlaunch-index: 1", []),
    ("launch-index: one", ["2:15: error: /launch-index: expected a whole number, found a string"]),
]


def _said(tmp_path, text, schemas=(SCHEMA,)):
    file = tmp_path / "f"
    file.write_bytes(("#cloud-config\n" + text + "\n").encode("utf-8"))
    lines = validate_files([str(file)], list(schemas))[0].splitlines()
    return [line[len(str(file)) + 1 :] for line in lines]


@pytest.mark.parametrize("text, expected", CASES, ids=[text.splitlines()[0] for text, _ in CASES])
def test_what_is_said(tmp_path, text, expected):
    assert _said(tmp_path, text) == expected


def test_secrets_are_never_quoted_where_the_library_would(tmp_path):
    secret = "hunter2-hunter2"
    texts = [
        "users:\n- name: a\n  passwd: [%s]",
        "users:\n- name: a\n  passwd: {%s: 1}",
        "users:\n- %s",
        "ssh_keys: {rsa_private: [%s]}",
        "ssh_keys: %s",
        "write_files:\n- {path: /a, content: {a: %s}}",
        "write_files:\n- {path: [%s], content: %s}",
        "users:\n- name: a\n  passwd: *%s",
        "users:\n- name: a\n  passwd: !%s",
        'users:\n- name: a\n  passwd: "%s',
        "users:\n- name: a\n  passwd: \u201c%s\u201d",
    ]
    quoted = 0
    for text in texts:
        text = text.replace("%s", secret)
        said = _said(tmp_path, text)
        assert said
        assert not any(secret in line for line in said if "passwd: {" not in text), said
        try:
            import yaml

            jsonschema.validate(yaml.safe_load(text), SCHEMA)
        except jsonschema.ValidationError as error:
            quoted += secret in str(error)
        except yaml.YAMLError:
            pass
    assert quoted >= 5  # the library's own words do


def test_every_problem_has_its_place_and_one_line(tmp_path):
    for text, _ in CASES:
        for line in _said(tmp_path, text):
            assert re.match(r"[1-9]\d*:[1-9]\d*: (error|warning): /\S*: \S", line), line


def test_windows_line_ends_are_told_once(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(
        b"#cloud-config\r\nhostname: a\r\nwrite_files:\r\n- path: /a\r\n  content: |\r\n    b\r\n"
    )
    text, code = validate_files([str(file)], [SCHEMA])
    assert code == 0
    assert text == (
        "%s:1:1: warning: /: lines end as on Windows (CR LF): YAML reads them as LF, texts in it too\n" % file
    )


def test_thousands_of_unknown_keys_are_told_in_moderate_time(tmp_path):
    text = "".join("kee%d: 1\n" % number for number in range(3000))
    assert len(_said(tmp_path, text)) == 3000


def test_one_wrong_entry_of_many_is_found(tmp_path):
    text = "users:\n" + "".join("- name: u%d\n" % number for number in range(3000)) + "- nme: x\n"
    assert _said(tmp_path, text) == [
        '3003:3: error: /users/3000/nme: the key "nme" is not known here: did you mean "name"?'
    ]


def test_names_of_a_pattern_of_alternatives():
    assert names_of("^(a|b)_(?:c|d)$") == ["a_c", "a_d", "b_c", "b_d"]
    assert names_of("^plain$") == ["plain"]
    for pattern in ("a|b", "^a.*$", "^(a|b)+$", "^[ab]$", "(((", "^$"):
        assert names_of(pattern) == []


def test_own_keys_are_draft_4_with_titles():
    from tsagent.userdata.unknownkeys import own_schema

    schema = own_schema()
    jsonschema.Draft4Validator.check_schema(schema)
    assert json.dumps(schema)
    for key, below in schema["properties"].items():
        assert below["title"] and below["description"], key


def test_a_boot_leaves_out_an_entry_whose_one_needed_key_is_misspelt():
    from tsagent.userdata.validation import accept

    config, problems = accept({"users": [{"name": "a"}, {"nme": "b"}]}, None, [SCHEMA])
    assert config == {"users": [{"name": "a"}]}
    assert len(problems) == 1


def test_many_blanks_before_a_text_of_no_format_take_no_time(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"\n \t" * 1000 + b"E")  # once exponential in the number of blanks
    text, code = validate_files([str(file)], [SCHEMA])
    assert code == 1
    assert "no known format" in text


def _patterns(schema, path):
    """The patterns of a schema that have no words for people."""
    if isinstance(schema, dict):
        words = schema.get("x-tsagent") or {}
        if isinstance(schema.get("pattern"), str) and not words.get("expected"):
            yield path
        for key, below in schema.items():
            for found in _patterns(below, "%s/%s" % (path, key)):
                yield found
    elif isinstance(schema, list):
        for index, below in enumerate(schema):
            for found in _patterns(below, "%s/%d" % (path, index)):
                yield found


def test_no_error_shows_people_a_regular_expression(checkout):
    wrong = []
    for path in sorted(glob.glob(os.path.join(checkout, "schemas", "*.json"))):
        with open(path, encoding="utf-8") as stream:
            wrong.extend(_patterns(json.load(stream), os.path.basename(path)))
    assert wrong == []  # x-tsagent: {"expected": "what it wants, in words"}


def test_of_thousands_of_wrong_entries_the_right_ones_are_kept():
    from tsagent.userdata.validation import accept

    users = [{"name": "u%d" % number} if number % 3 == 0 else {"nam": "x"} for number in range(6000)]
    config, problems = accept({"users": users}, None, [SCHEMA])
    assert config == {"users": [user for user in users if "name" in user]}
    assert len(problems) <= 1001
    told = [problem.message for problem in problems if problem.rule == "errors"]
    assert told == ["more than 1000 errors: the others are left out unnamed"]


def _leaves(value, steps=()):
    if isinstance(value, (dict, list)) and value:
        for step in value if isinstance(value, dict) else range(len(value)):
            yield from _leaves(value[step], steps + (step,))
    else:
        yield steps


def test_no_value_of_any_key_is_quoted_whatever_is_wrong_with_it(checkout):
    import yaml

    from tsagent.userdata.validation import validate

    schemas = []
    for path in sorted(glob.glob(os.path.join(checkout, "schemas", "*.json"))):
        with open(path, encoding="utf-8") as stream:
            schemas.append(json.load(stream))
    secret, told = "Hunter2-Hunter2", 0
    for path in sorted(glob.glob(os.path.join(checkout, "docs", "examples", "*", "*.yaml"))):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        config = yaml.safe_load(text) if text.startswith("#cloud-config") else {}
        for steps in list(_leaves(config)):
            if not steps:
                continue
            for wrong in (secret, [secret], {"a": secret}, [[[secret]]]):
                broken = json.loads(json.dumps(config, default=str))
                place = broken
                for step in steps[:-1]:
                    place = place[step]
                place[steps[-1]] = wrong
                for problem in validate(broken, None, schemas):
                    told += 1
                    assert secret not in str(problem), problem
    assert told > 500


def test_a_boot_warns_of_what_it_left_out_and_not_of_how_a_number_is_written(scratch_root):
    from tsagent.host import Host
    from tsagent.session.settings import make_settings
    from tsagent.sources.data import SourceData
    from tsagent.state.config import Config

    text = (
        b"#cloud-config\nwrite_files:\n- {path: /a, permissions: 0644}\n- {path: /b, permissions: [0644]}\n"
    ) + "packages:\n- a\u00a0b\n".encode("utf-8")
    source = SourceData("nocloud", "seed", "i-1", user_data=text)
    settings, warnings = make_settings(Config({}, []), {}, [SCHEMA], source, Host(str(scratch_root)).root)
    assert settings.config["write_files"] == [{"path": "/a", "permissions": 420}]
    assert settings.config["packages"] == ["a\u00a0b"]
    assert len(warnings) == 1
    assert "/write_files/1/permissions: expected a string or a whole number, found a list" in warnings[0]


def test_the_likely_key_is_none_of_the_old_spellings(checkout):
    with open(os.path.join(checkout, "schemas", "users.json"), encoding="utf-8") as stream:
        schemas = [json.load(stream)]
    config = {"users": [{"name": "bob", "ssh-authorised-keys": ["x"], "lock_pass": False}]}
    messages = [problem.message for problem in validate(config, None, schemas)]
    assert sorted(messages) == [
        'the key "lock_pass" is not known here: did you mean "lock_passwd"?',
        'the key "ssh-authorised-keys" is not known here: did you mean "ssh_authorized_keys"?',
    ]
