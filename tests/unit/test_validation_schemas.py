"""Validation: errors in our own words and at their place, pruning, secrets, the generated validators."""

import copy
import glob
import json
import os
import random
import subprocess
import sys

import pytest

from tsagent.userdata.assemble import assemble
from tsagent.userdata.fastvalid import digest, fast_valid
from tsagent.userdata.quickvalid import quick_valid
from tsagent.userdata.secrets import mask, secret_places, secret_values
from tsagent.userdata.validation import accept, prune, validate
from tsagent.userdata.yamlfile import load_yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DRAFT = "http://json-schema.org/draft-04/schema#"

FILES = {
    "$schema": DRAFT,
    "title": "files",
    "type": "object",
    "definitions": {"mode": {"type": ["string", "integer"]}},
    "properties": {
        "write_files": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string"},
                    "content": {"type": "string", "x-tsagent": {"secret": True}},
                    "permissions": {"$ref": "#/definitions/mode"},
                    "encoding": {"type": "string", "enum": ["gz", "b64", "gz+b64", "text/plain"]},
                    "append": {"type": "boolean"},
                    "owner": {"type": "string", "pattern": "^[a-z]+(:[a-z]+)?$"},
                },
            },
        }
    },
}
USERS = {
    "$schema": DRAFT,
    "title": "users",
    "type": "object",
    "dependencies": {"password": ["ssh_pwauth"]},
    "properties": {
        "password": {"type": "string", "x-tsagent": {"secret": True}},
        "ssh_pwauth": {
            "oneOf": [
                {"type": "boolean"},
                {"type": "string", "enum": ["unchanged"], "x-tsagent": {"deprecated": "use true or false"}},
            ]
        },
        "users": {
            "type": "array",
            "items": {
                "oneOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}},
                    {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "uid": {"type": "integer", "minimum": 0, "maximum": 65535},
                            "groups": {
                                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
                            },
                            "hashed_passwd": {"type": "string", "x-tsagent": {"secret": True}},
                            "ssh_authorized_keys": {
                                "type": "array",
                                "items": {"type": "string"},
                                "uniqueItems": True,
                            },
                            "no-user-group": {
                                "type": "boolean",
                                "x-tsagent": {"deprecated": "use no_user_group"},
                            },
                        },
                    },
                ]
            },
        },
        "chpasswd": {
            "type": "object",
            "required": ["users"],
            "properties": {
                "expire": {"type": "boolean"},
                "users": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "anyOf": [
                            {
                                "required": ["name", "type"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "type": {"type": "string", "enum": ["RANDOM"]},
                                },
                            },
                            {
                                "required": ["name", "password"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "type": {"type": "string", "enum": ["hash", "text"]},
                                    "password": {"type": "string", "x-tsagent": {"secret": True}},
                                },
                            },
                        ],
                    },
                },
            },
        },
    },
}
OTHER = {
    "$schema": DRAFT,
    "title": "other",
    "type": "object",
    "properties": {
        "runcmd": {
            "type": "array",
            "items": {
                "oneOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
                ]
            },
        },
        "package_update": {"type": "boolean", "x-tsagent": {"deprecated": True}},
        "power_state": {
            "type": "object",
            "required": ["mode"],
            "additionalProperties": False,
            "properties": {
                "mode": {"type": "string", "enum": ["poweroff", "reboot", "halt"]},
                "delay": {
                    "oneOf": [
                        {"type": "integer", "minimum": 0},
                        {"type": "string", "pattern": "^\\+?[0-9]+$"},
                    ]
                },
                "timeout": {"type": "number", "multipleOf": 5},
            },
        },
        "timezone": {"type": "string", "minLength": 1, "maxLength": 60},
        "sysctl": {
            "type": "object",
            "patternProperties": {"^net\\.": {"type": "string"}},
            "minProperties": 1,
        },
    },
}
SCHEMAS = [FILES, USERS, OTHER]


def _problems(text, schemas=SCHEMAS):
    document = load_yaml(text.encode("utf-8"), "f")
    assert document.ok, document.problems
    return [str(problem) for problem in validate(document.value, document.marks, schemas)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("timezone: Asia/Shanghai\nruncmd:\n- ls\n- [a, 5]\n", []),
        ("timezone: 5\n", ["f:1:11: error: /timezone: expected a string, found a whole number"]),
        ("timezone: ''\n", ["f:1:11: error: /timezone: must not be empty"]),
        ("timezone:\n  - x\n", ["f:1:1: error: /timezone: expected a string, found a list"]),
        (
            "timezone: no\n",
            [
                (
                    "f:1:11: error: /timezone: expected a string, found a boolean "
                    "(YAML reads the word no as a boolean: put it in quotes)"
                )
            ],
        ),
        (
            "write_files:\n- content: x\n- path: /a\n  pth: /b\n  encoding: base64\n",
            [
                'f:2:3: error: /write_files/0: needs the key "path"',
                'f:4:3: error: /write_files/1/pth: the key "pth" is not known here',
                "f:5:13: error: /write_files/1/encoding: expected one of gz, b64, gz+b64, text/plain",
            ],
        ),
        (
            "write_files:\n- path: /a\n  ownr: root\n  encoding: gzip+b64\n",
            [
                'f:3:3: error: /write_files/0/ownr: the key "ownr" is not known here: did you mean "owner"?',
                (
                    "f:4:13: error: /write_files/0/encoding: expected one of gz, b64, gz+b64, text/plain: "
                    'did you mean "gz+b64"?'
                ),
            ],
        ),
        (
            "write_files:\n- path: /a\n  permissions: [x]\n  owner: ROOT\n",
            [
                "f:3:3: error: /write_files/0/permissions: expected a string or a whole number, found a list",
                "f:4:10: error: /write_files/0/owner: expected text of the form ^[a-z]+(:[a-z]+)?$",
            ],
        ),
        ("write_files: []\n", ["f:1:1: error: /write_files: must not be empty"]),
        (
            "users: [5]\n",
            [
                (
                    "f:1:9: error: /users/0: expected a string, a list of strings or a mapping, "
                    "found a whole number"
                )
            ],
        ),
        (
            "users:\n- {name: a, uid: x}\n",
            ["f:2:18: error: /users/0/uid: expected a whole number, found a string"],
        ),
        ("users:\n- {name: a, uid: -1}\n", ["f:2:18: error: /users/0/uid: must be at least 0"]),
        ("users:\n- {name: a, uid: 99999}\n", ["f:2:18: error: /users/0/uid: must be at most 65535"]),
        ("users:\n- {nmae: a}\n", None),
        (
            "users:\n- {name: a, groups: {x: 1}}\n",
            ["f:2:13: error: /users/0/groups: expected a string or a list of strings, found a mapping"],
        ),
        (
            "users:\n- {name: a, groups: [1]}\n",
            ["f:2:22: error: /users/0/groups/0: expected a string, found a whole number"],
        ),
        (
            "users:\n- {name: a, ssh_authorized_keys: [k, k]}\n",
            ["f:2:13: error: /users/0/ssh_authorized_keys: has the same item twice"],
        ),
        (
            "chpasswd:\n  users:\n  - {name: a}\n",
            ['f:3:5: error: /chpasswd/users/0: needs the key "type" or "password"'],
        ),
        (
            "chpasswd:\n  users:\n  - {name: a, password: 5}\n",
            ["f:3:25: error: /chpasswd/users/0/password: expected a string, found a whole number"],
        ),
        (
            "chpasswd:\n  users:\n  - {name: a, type: RANDM, password: x}\n",
            None,
        ),
        ("power_state: {}\n", ['f:1:1: error: /power_state: needs the key "mode"']),
        (
            "power_state: {mode: rebot}\n",
            [
                (
                    "f:1:21: error: /power_state/mode: expected one of poweroff, reboot, halt: "
                    'did you mean "reboot"?'
                )
            ],
        ),
        ("power_state: {mode: halt, delay: -5}\n", ["f:1:34: error: /power_state/delay: must be at least 0"]),
        (
            "power_state: {mode: halt, timeout: 3}\n",
            ["f:1:36: error: /power_state/timeout: must be a multiple of 5"],
        ),
        ("password: x\n", ['f:1:1: error: /: the key "password" needs "ssh_pwauth" beside it']),
        (
            "ssh_pwauth: unchangd\n",
            [
                (
                    "f:1:13: error: /ssh_pwauth: expected true or false or unchanged, found a string: "
                    'did you mean "unchanged"?'
                )
            ],
        ),
        ("ssh_pwauth: unchanged\n", ["f:1:1: warning: /ssh_pwauth: deprecated: use true or false"]),
        ("ssh_pwauth: true\n", []),
        ("package_update: true\n", ["f:1:1: warning: /package_update: deprecated"]),
        (
            "users:\n- {name: a, no-user-group: true}\n",
            ["f:2:13: warning: /users/0/no-user-group: deprecated: use no_user_group"],
        ),
        (
            "runcmd: [[a, {b: 1}]]\n",
            [
                (
                    "f:1:14: error: /runcmd/0/1: expected a string or a whole number, found a mapping "
                    '(a text with ": " in it must be in quotes)'
                )
            ],
        ),
        ("sysctl: {}\n", ["f:1:1: error: /sysctl: must not be empty"]),
        ("sysctl: {net.a: 1}\n", ["f:1:17: error: /sysctl/net.a: expected a string, found a whole number"]),
        (
            "runcmdd: [a]\n",
            ['f:1:1: warning: /runcmdd: the key "runcmdd" is not known: did you mean "runcmd"?'],
        ),
        (
            "write-files: [a]\n",
            ['f:1:1: warning: /write-files: the key "write-files" is not known: did you mean "write_files"?'],
        ),
        ("frobnicate: 1\n", ['f:1:1: warning: /frobnicate: the key "frobnicate" is not known']),
        (
            "snap: {}\n",
            [("f:1:1: warning: /snap: recognised, not acted on here: it is for Ubuntu's snap packages")],
        ),
        (
            "rpi_interfaces: {spi: true}\n",
            ["f:1:1: warning: /rpi_interfaces: recognised, not acted on here: it is for other hardware"],
        ),
        (
            "rhel: {fips_mode: true}\n",
            [
                (
                    "f:1:1: warning: /rhel: recognised, not acted on here: "
                    "the kernel's FIPS mode is for an image to have: it takes another boot"
                )
            ],
        ),
        ("vendor_data: {enabled: false}\n", []),
        (
            "write_files:\n- {path: /a, permissions: 0644}\n",
            [
                (
                    "f:2:27: warning: /write_files/0/permissions: YAML reads a number with a leading 0 "
                    "as octal: put it in quotes"
                )
            ],
        ),
        ("write_files:\n- {path: /a, permissions: '644'}\n", []),
        (
            "write_files:\n- {path: /a, permissions: 644}\n",
            [
                (
                    "f:2:27: warning: /write_files/0/permissions: a decimal number as a file mode: "
                    "write it in quotes, with a leading 0"
                )
            ],
        ),
    ],
)
def test_problems_are_in_our_words_and_at_their_place(text, expected):
    found = _problems(text)
    if expected is None:  # something close is said, whichever alternative was meant
        assert len(found) >= 1 and all("error" in line for line in found)
    else:
        assert found == expected


@pytest.mark.parametrize(
    "template",
    [
        "password: [%s]\nssh_pwauth: true\n",
        "timezone: {x: %s}\n",
        "users:\n- {name: a, uid: %s}\n",
        "users:\n- {name: a, hashed_passwd: [%s]}\n",
        "chpasswd:\n  users:\n  - {name: a, password: [%s]}\n",
        "chpasswd: {list: '%s'}\n",
        "write_files:\n- {path: /a, content: {%s: %s}}\n",
        "write_files:\n- {path: /a, encoding: %s}\n",
        "write_files:\n- {path: /a, owner: '%s!'}\n",
        "power_state: {mode: %s}\n",
        "ssh_pwauth: %s\n",
        "users: %s\n",
    ],
)
def test_no_problem_quotes_a_value(template):
    found = _problems(template.replace("%s", "qCanary77"))
    assert found and not any("Canary" in line for line in found)


def test_problems_of_a_merged_configuration_name_their_source():
    settings = assemble(b"#cloud-config\ntimezone: 5\n", vendor_data=b"#cloud-config\nusers: [5]\n")
    lines = [str(problem) for problem in validate(settings.config, settings.marks, SCHEMAS)]
    assert [line.split(" ")[0] for line in lines] == ["user-data:2:11:", "vendor-data:2:9:"]
    again = [str(problem) for problem in validate(settings.config, settings.origins, SCHEMAS)]
    assert again == lines


@pytest.mark.parametrize(
    "config, expected",
    [
        ({"timezone": 5, "runcmd": ["a"]}, {"runcmd": ["a"]}),
        (
            {"write_files": [{"path": "/a"}, {"content": "x"}, {"path": 5}, {"path": "/b"}]},
            {"write_files": [{"path": "/a"}, {"path": "/b"}]},
        ),
        ({"write_files": [{"path": "/a", "x": 1}]}, {"write_files": [{"path": "/a"}]}),
        ({"runcmd": ["a", ["b", {"c": 1}], "d"]}, {"runcmd": ["a", "d"]}),
        (
            {"users": [{"name": "a", "ssh_authorized_keys": ["k", 5]}]},
            {"users": [{"name": "a", "ssh_authorized_keys": ["k"]}]},
        ),
        ({"power_state": {"mode": "halt", "delay": [1]}}, {"power_state": {"mode": "halt"}}),
        ({"power_state": {"mode": "x", "delay": 1}, "timezone": "UTC"}, {"timezone": "UTC"}),
        ({"unknown": 1}, {"unknown": 1}),
        ({"sysctl": {"net.a/b": 5, "net.c": "1"}}, {"sysctl": {"net.c": "1"}}),
    ],
)
def test_only_what_is_wrong_is_left_out(config, expected):
    before = copy.deepcopy(config)
    accepted, problems = accept(config, None, SCHEMAS)
    assert accepted == expected
    assert config == before
    assert any(problem.severity == "error" for problem in problems) == (expected != before)
    assert not [problem for problem in validate(accepted, None, SCHEMAS) if problem.severity == "error"]


def test_pruning_without_errors_gives_the_same_object():
    config = {"timezone": "UTC", "unknown": 1}
    assert prune(config, validate(config, None, SCHEMAS)) is config


def test_secrets_are_found_and_masked():
    config = {
        "password": "hunter2222",
        "users": ["default", {"name": "a", "hashed_passwd": "$6$abcdef"}],
        "chpasswd": {"users": [{"name": "b", "password": "pa55word", "type": "text"}]},
        "write_files": [
            {"path": "/k", "content": "-----BEGIN KEY-----\nMIIEpAIB\nx\n"},
            {"path": "/l", "content": "ab"},
        ],
        "phone_home": {"api_token": "tok", "url": "u", "post": ["all"]},
        "chef": {"validation_password": {"x": ["y", True, None]}},
    }
    before = copy.deepcopy(config)
    assert secret_values(config, SCHEMAS) == {
        "hunter2222",
        "$6$abcdef",
        "pa55word",
        "-----BEGIN KEY-----\nMIIEpAIB\nx\n",
        "-----BEGIN KEY-----",
        "MIIEpAIB",
    }
    assert ("chpasswd", "users", 0, "password") in secret_places(config, SCHEMAS)
    masked = mask(config, SCHEMAS)
    assert masked["users"] == ["default", {"name": "a", "hashed_passwd": "***"}]
    assert masked["write_files"][0] == {"path": "/k", "content": "***"}
    assert masked["chpasswd"]["users"][0] == {"name": "b", "password": "***", "type": "text"}
    assert masked["phone_home"] == {"api_token": "***", "url": "u", "post": ["all"]}
    assert masked["chef"]["validation_password"] == {"x": ["***", True, None]}
    assert config == before


def test_binary_content_is_text_to_the_schemas():
    assert validate({"write_files": [{"path": "/a", "content": b"\x00\xff"}]}, None, SCHEMAS) == []
    assert secret_values({"password": b"abcdef", "ssh_pwauth": True}, SCHEMAS) == {"abcdef"}


def _generated(tmp_path, schemas):
    """The validators that the build would make of `schemas`; needs fastjsonschema, a tool of the build."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    for schema in schemas:
        (folder / (schema["title"] + ".json")).write_text(json.dumps(schema), encoding="utf-8")
    target = tmp_path / "generated.py"
    generator = os.path.join(ROOT, "packaging", "generate_validators.py")
    subprocess.check_call([sys.executable, generator, "--schemas", str(folder), "--output", str(target)])
    text = target.read_text(encoding="utf-8")
    assert "fastjsonschema" not in text
    namespace = {}
    exec(compile(text, str(target), "exec"), namespace)  # noqa: S102 (the file just generated)
    return namespace["VALIDATORS"]


def _mutations(rng, value, count):
    """Copies of `value` with something in them changed, removed or replaced."""
    odd = [
        None,
        True,
        0,
        -1,
        3.5,
        "",
        "x",
        "unchanged",
        "reboot",
        [],
        ["a"],
        {},
        {"name": "a"},
        {"path": "/x"},
        99999,
    ]
    for _ in range(count):
        result = copy.deepcopy(value)
        for _ in range(rng.randrange(1, 3)):
            node = result
            while True:
                keys = list(node) if isinstance(node, dict) else list(range(len(node)))
                if not keys:
                    break
                key = rng.choice(keys)
                if isinstance(node[key], (dict, list)) and rng.random() < 0.75:
                    node = node[key]
                    continue
                roll = rng.random()
                if roll < 0.3:
                    del node[key]
                elif roll < 0.4 and isinstance(node, dict):
                    node[key + "x"] = node.pop(key)
                else:
                    node[key] = copy.deepcopy(rng.choice(odd))
                break
        yield result


VALID = {
    "write_files": [
        {"path": "/a", "content": "x", "permissions": "0644", "encoding": "b64", "owner": "root:root"}
    ],
    "password": "x",
    "ssh_pwauth": True,
    "users": [
        "default",
        ["a", "b"],
        {"name": "a", "uid": 5, "groups": ["x"], "ssh_authorized_keys": ["k", "l"]},
    ],
    "chpasswd": {"expire": False, "users": [{"name": "a", "password": "b"}, {"name": "c", "type": "RANDOM"}]},
    "runcmd": ["a", ["b", 5]],
    "power_state": {"mode": "reboot", "delay": "+5", "timeout": 10},
    "timezone": "UTC",
    "sysctl": {"net.a": "1"},
}


@pytest.fixture(scope="module")
def validators(tmp_path_factory):
    """Generated validators, or None where the build tool is not installed (the el7 and el8 environments)."""
    try:
        import fastjsonschema  # noqa: F401
    except ImportError:
        return None
    return _generated(tmp_path_factory.mktemp("generated"), SCHEMAS)


def test_generated_validators_and_the_quick_look_agree_with_jsonschema(validators):
    assert fast_valid(VALID, "users", USERS, {}) is None  # then the quick look judges
    import jsonschema

    rng = random.Random(11)
    verdicts = {True: 0, False: 0}
    for config in [VALID, *_mutations(rng, VALID, 500)]:
        for schema in SCHEMAS:
            for key in schema["properties"]:
                if key not in config:
                    continue
                one = dict(schema, properties={key: schema["properties"][key]})
                one.pop("dependencies", None)
                truth = jsonschema.Draft4Validator(one).is_valid({key: config[key]})
                if validators is not None:
                    fast = fast_valid(config, key, schema, validators)
                    assert fast is truth, (key, config[key])
                quick = quick_valid(config[key], schema["properties"][key], schema)
                assert quick is truth or (quick is None and key == "power_state"), (key, config[key])
                verdicts[truth] += 1
    assert min(verdicts.values()) > 100


def test_a_changed_schema_is_not_judged_by_an_older_validator(validators):
    if validators is None:
        return
    assert fast_valid({"timezone": "UTC"}, "timezone", OTHER, validators) is True
    changed = copy.deepcopy(OTHER)
    changed["properties"]["timezone"]["maxLength"] = 2
    assert fast_valid({"timezone": "UTC"}, "timezone", changed, validators) is None
    assert [problem.rule for problem in validate({"timezone": "UTC"}, None, [changed], validators)] == [
        "maxLength"
    ]
    assert digest(OTHER, "timezone") != digest(changed, "timezone")


def test_a_valid_configuration_is_judged_without_jsonschema(validators, tmp_path):
    if validators is None:
        return
    data = tmp_path / "data.json"
    data.write_text(json.dumps([VALID, SCHEMAS]), encoding="utf-8")
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); \n"
        "from tsagent.userdata.validation import validate\n"
        "config, schemas = json.load(open(sys.argv[2], encoding='utf-8'))\n"
        "names = {}; exec(open(sys.argv[3], encoding='utf-8').read(), names)\n"
        "schemas[1].pop('dependencies')\n"
        "assert validate(config, None, schemas, names['VALIDATORS']) == []\n"
        "print(sorted(set(sys.modules) & "
        "{'jsonschema', 'fastjsonschema', 'difflib', 'decimal', 'typing', 'yaml'}))"
    )
    _generated(tmp_path, SCHEMAS)
    target = str(tmp_path / "generated.py")
    output = subprocess.check_output(
        [sys.executable, "-S", "-c", script, ROOT, str(data), target], universal_newlines=True
    )
    assert output.strip() == "[]"


def test_without_generated_validators_a_valid_configuration_needs_no_jsonschema_either():
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tsagent.userdata.validation import validate\n"
        "config, schemas = json.loads(sys.argv[2])\n"
        "config['ssh_pwauth'] = True\n"
        "assert validate(config, None, schemas, {}) == []\n"
        "print(sorted(set(sys.modules) & {'jsonschema', 'difflib', 'yaml'}))"
    )
    data = json.dumps([VALID, SCHEMAS])
    output = subprocess.check_output(
        [sys.executable, "-S", "-c", script, ROOT, data], universal_newlines=True
    )
    assert output.strip() == "[]"


@pytest.mark.parametrize(
    "schema, sure",
    [
        ({"enum": [1]}, False),  # true equals 1 in Python, and not in JSON
        ({"type": "integer", "multipleOf": 1}, True),
        ({"items": [{"type": "string"}], "additionalItems": False}, True),
        ({"contains": {}}, False),  # a word of a later draft
        ({"$ref": "elsewhere.json"}, False),
        ({"type": "any"}, False),
        ({"not": {"type": "string"}}, True),
        ({"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}}, True),
        ({"dependencies": {"a": ["b"], "b": {"required": ["c"]}}}, True),
        ({"minimum": 1, "exclusiveMinimum": True}, True),
        ({"maximum": 2, "exclusiveMaximum": True}, True),
    ],
)
def test_the_quick_look_is_right_or_says_that_it_is_not_sure(schema, sure):
    import jsonschema

    values = [True, 1, 1.0, 2, 2.5, "a", None, [], ["a"], ["a", 1], {}, {"a": "x"}, {"a": "x", "b": 1}]
    values += [{"b": 1, "c": 2}, {"a": "x", "b": 1, "c": 1}, {"z": "z"}]
    unsure = 0
    for value in values:
        quick = quick_valid(value, schema, schema)
        unsure += quick is None
        if quick is not None:
            assert quick is jsonschema.Draft4Validator(schema).is_valid(value), value
    assert bool(unsure) is not sure or schema == {"type": "integer", "multipleOf": 1}


@pytest.mark.parametrize(
    "path", sorted(glob.glob(os.path.join(ROOT, "schemas", "*.json"))), ids=os.path.basename
)
def test_shipped_schemas_are_draft_4_and_can_be_walked(path):
    import jsonschema

    with open(path, encoding="utf-8") as stream:
        schema = json.load(stream)
    jsonschema.Draft4Validator.check_schema(schema)
    for key in schema.get("properties") or {}:
        # Any value is judged without a crash, and an error has its path.
        for value in (None, 5, "x", [], {}, [[{}]], {"a": [1]}, [{"name": 5, "path": []}], True):
            for problem in validate({key: value}, None, [schema], {}):
                assert problem.path == "" or problem.path.startswith("/" + key)
                assert problem.message and "%" not in problem.message
        secret_values({key: {"a": ["b"]}}, [schema])


def test_shipped_schemas_agree_with_their_generated_validators_and_the_quick_look(tmp_path):
    try:
        import fastjsonschema  # noqa: F401
    except ImportError:
        return
    import jsonschema

    schemas = []
    for path in sorted(glob.glob(os.path.join(ROOT, "schemas", "*.json"))):
        with open(path, encoding="utf-8") as stream:
            schemas.append(json.load(stream))
    validators = _generated(tmp_path, schemas)
    rng = random.Random(3)
    values = list(VALID.values()) + [None, 5, "x", [], {}, True, [[]], [{}], ["a", 5], "yes", {"a": 1}]
    checked = 0
    for schema in schemas:
        for key, below in (schema.get("properties") or {}).items():
            judge = jsonschema.Draft4Validator(
                {"definitions": schema.get("definitions", {}), "allOf": [below]}
            )
            for value in values + list(_mutations(rng, {"v": list(values)}, 1)):
                value = value.get("v", value) if isinstance(value, dict) else value
                fast = fast_valid({key: value}, key, schema, validators)
                assert fast is not None
                truth = judge.is_valid(value)
                if fast:
                    assert truth, (key, value)
                assert quick_valid(value, below, schema) in (truth, None), (key, value)
                checked += 1
    assert checked or not schemas


def test_every_recognised_key_has_a_reason():
    from tsagent.userdata.cloud_init import recognised_keys

    known = recognised_keys()
    assert {"snap", "apt", "runcmd", "ubuntu_pro", "phone_home", "autoinstall"} <= set(known)
    assert all(reason for reason in known.values())
