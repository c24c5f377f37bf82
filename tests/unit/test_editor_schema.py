"""The JSON Schema for editors: it is that of the modules' schemas, and says what they say."""

import glob
import json
import os
import subprocess
import sys

import jsonschema
import pytest

from tsagent.userdata.editorschema import editor_schema

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUBLISHED = os.path.join(CHECKOUT, "docs", "schema", "cloud-config.json")
# The oldest libraries know no Draft 7; what the schema uses of it means the same to Draft 4.
JUDGE = getattr(jsonschema, "Draft7Validator", jsonschema.Draft4Validator)


def read(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


@pytest.fixture(scope="module")
def published():
    return read(PUBLISHED)


def words_of(schema):
    """Each schema inside a schema, with the words it uses."""
    if isinstance(schema, dict):
        yield schema
        for word, below in schema.items():
            if word in ("properties", "patternProperties", "definitions"):
                for each in below.values():
                    for found in words_of(each):
                        yield found
            elif word not in ("enum", "default", "examples"):
                for found in words_of(below):
                    yield found
    elif isinstance(schema, list):
        for each in schema:
            for found in words_of(each):
                yield found


def test_what_is_published_is_up_to_date():
    process = subprocess.Popen(
        [sys.executable, os.path.join(CHECKOUT, "tools", "editor_schema.py"), "--check"],
        stdout=subprocess.PIPE,
    )
    said = process.communicate()[0].decode("utf-8")
    assert process.returncode == 0, said


def test_it_is_a_schema_of_its_draft_and_all_its_references_lead_somewhere(published):
    JUDGE.check_schema(published)
    for schema in words_of(published):
        assert "x-tsagent" not in schema and "id" not in schema
        if "$ref" in schema:
            assert len(schema) == 1  # beside a reference nothing counts
            assert schema["$ref"].startswith("#/definitions/")
            assert schema["$ref"][len("#/definitions/") :] in published["definitions"]
        if isinstance(schema.get("exclusiveMinimum"), bool) or isinstance(
            schema.get("exclusiveMaximum"), bool
        ):
            raise AssertionError("a limit of Draft 4: %s" % schema)


def test_every_key_is_there_with_a_title_and_a_description(published):
    from tsagent.userdata.cloud_init import recognised_keys
    from tsagent.userdata.unknownkeys import own_schema

    keys = set(recognised_keys()) | set(own_schema()["properties"])
    for path in glob.glob(os.path.join(CHECKOUT, "schemas", "*.json")):
        keys.update(read(path).get("properties") or {})
    assert set(published["properties"]) == keys
    for key, below in published["properties"].items():
        found = below
        while "$ref" in found:
            found = published["definitions"][found["$ref"][len("#/definitions/") :]]
        assert found.get("description"), key


def test_it_accepts_the_examples_and_rejects_what_is_misspelt(published):
    import yaml

    judge = JUDGE(published)
    paths = glob.glob(os.path.join(CHECKOUT, "docs", "examples", "*", "*.yaml"))
    assert paths
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        if text.startswith("#cloud-config"):
            config = yaml.safe_load(text)
            assert [error.message for error in judge.iter_errors(config)] == [], path
    for wrong in ({"hostnam": "a"}, {"hostname": 5}, {"users": [{"nme": "a"}]}, {"runcmd": "ls"}, []):
        assert not judge.is_valid(wrong), wrong


def test_what_the_agent_knows_is_told_to_people():
    made = editor_schema(
        {
            "one": {
                "definitions": {
                    "mode": {"type": "string", "pattern": "^a", "x-tsagent": {"expected": "an a"}}
                },
                "properties": {
                    "old": {"description": "Old.", "type": "string", "x-tsagent": {"deprecated": "use new"}},
                    "new": {"title": "New", "description": "New.", "$ref": "#/definitions/mode"},
                    "size": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "default": None},
                    "idle": {"description": "Idle.", "x-tsagent": {"no_effect": "nothing uses it"}},
                    "shared": {"type": "string"},
                },
                "dependencies": {"old": ["new"]},
            },
            "two": {"properties": {"shared": {"minLength": 2}}},
        }
    )
    keys = made["properties"]
    assert keys["old"] == {
        "description": "Old. Deprecated: use new.",
        "type": "string",
        "deprecated": True,
        "deprecationMessage": "Deprecated: use new",
    }
    assert keys["new"]["allOf"] == [{"$ref": "#/definitions/one.mode"}]
    assert made["definitions"]["one.mode"]["patternErrorMessage"] == "Expected an a."
    assert keys["size"] == {"type": "number", "exclusiveMinimum": 0}
    assert keys["idle"]["description"] == "Idle. Without effect: nothing uses it."
    assert keys["shared"]["allOf"] == [{"type": "string"}, {"minLength": 2}]
    assert made["allOf"] == [{"dependencies": {"old": ["new"]}}]
    assert keys["snap"]["description"].startswith("Recognised, not acted on: ")


def test_the_command_prints_it():
    command = [sys.executable, "-m", "tsagent", "validate"]
    environment = dict(os.environ, PYTHONPATH=CHECKOUT)
    output = subprocess.check_output(command + ["--schema"], cwd=CHECKOUT, env=environment)
    assert set(json.loads(output.decode("utf-8"))["properties"]) >= {"users", "runcmd", "vendor_data"}
    for words in ([], ["--schema", "file"]):
        process = subprocess.Popen(command + words, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE)
        assert process.communicate()[1].count(b"\n") == 1
        assert process.returncode == 64


def test_an_editor_judges_as_the_agent_does(published):
    import random

    import yaml

    from tsagent.userdata.validation import validate

    sys.path.insert(0, os.path.join(CHECKOUT, "tests", "peers"))
    try:
        from cloud_init import changed
    finally:
        sys.path.pop(0)
    schemas = [read(path) for path in sorted(glob.glob(os.path.join(CHECKOUT, "schemas", "*.json")))]
    judge, rng, verdicts = JUDGE(published), random.Random(9), {True: 0, False: 0}
    for path in sorted(glob.glob(os.path.join(CHECKOUT, "docs", "examples", "*", "*.yaml"))):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        config = yaml.safe_load(text) if text.startswith("#cloud-config") else {}
        for key, value in json.loads(json.dumps(config, default=str)).items():
            for _ in range(4):
                wrong = dict(config, **{key: changed(rng, value)})
                told = [problem for problem in validate(wrong, None, schemas) if problem.severity == "error"]
                assert judge.is_valid(wrong) is not bool(told), (wrong, told)
                verdicts[not told] += 1
    assert min(verdicts.values()) > 20
