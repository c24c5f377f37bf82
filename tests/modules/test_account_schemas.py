"""What the schemas of users and ssh take and refuse: as cloud-config's own writers are used to."""

import json
import os

import jsonschema
import pytest

HASH = "$6$salt$digest"
GOOD = [
    ("users", {"users": ["default", "bob", ["carol", "dave"], {"name": "eve", "uid": 1000}]}),
    ("users", {"users": "bob,carol"}),
    ("users", {"users": {"bob": True, "eve": {"anything": 1}}}),
    ("users", {"users": []}),
    ("users", {"users": [{"name": "a", "groups": {"x": None}, "uid": "7", "lock-passwd": False}]}),
    ("users", {"users": [{"name": "a", "groups": ["x"], "sudo": ["ALL=(ALL) ALL", None]}]}),
    ("users", {"users": [{"name": "a", "sudo": False}, {"name": "b", "sudo": None}]}),
    ("users", {"users": [{"snapuser": "me@example.org"}]}),
    ("users", {"user": "admin"}),
    ("users", {"user": {"name": "admin", "plain-text-passwd": "x"}}),
    ("users", {"default_user": {"shell": "/bin/sh"}}),
    ("users", {"groups": "a,b"}),
    ("users", {"groups": ["a", {"b": ["x", "y"]}, {"c": "x"}]}),
    ("users", {"groups": {"a": ["x"]}}),
    ("users", {"groups": []}),
    ("users", {"groups": None}),
    ("users", {"groups": [{"a": []}]}),
    ("users", {"chpasswd": {"list": "a:b\n", "expire": False}}),
    ("users", {"chpasswd": {"list": ["a:b"]}}),
    (
        "users",
        {
            "chpasswd": {
                "users": [
                    {"name": "a", "password": HASH},
                    {"name": "b", "password": "x", "type": "text"},
                    {"name": "c", "type": "RANDOM"},
                ]
            }
        },
    ),
    ("users", {"ssh_pwauth": True, "disable_root": False, "password": "x"}),
    ("users", {"ssh_pwauth": "unchanged"}),
    ("users", {"users": [{"name": "a", "expiredate": "2032-02-29", "inactive": "5"}]}),
    ("users", {"system_info": {"default_user": {"name": "a"}, "distro": "rhel"}}),
    ("ssh_import_id", {"ssh_import_id": ["gh:a"]}),
    ("etc_hosts", {"manage_etc_hosts": "template"}),
    ("ssh", {"ssh_keys": {"rsa_private": "x", "rsa_public": "y", "ed25519_certificate": "z"}}),
    ("ssh", {"ssh_genkeytypes": ["rsa"], "ssh_deletekeys": False, "ssh_quiet_keygen": True}),
    ("ssh", {"ssh_publish_hostkeys": {"enabled": False, "blacklist": ["rsa"]}}),
    ("ssh_fingerprints", {"ssh": {"emit_keys_to_console": False}, "no_ssh_fingerprints": True}),
]
BAD = [
    ("users", {"users": 5}),
    ("users", {"users": [5]}),
    ("users", {"users": [{"shell": "/bin/sh"}]}),
    ("users", {"users": [{"name": "a", "snapuser": "b"}]}),
    ("users", {"users": [{"name": "a", "colour": "red"}]}),
    ("users", {"users": [{"name": "a", "ssh_authorized_keys": []}]}),
    ("users", {"users": [{"name": "a", "ssh_authorized_keys": "ssh-rsa AAAA"}]}),
    ("users", {"users": [{"name": "a", "lock_passwd": "no"}]}),
    ("users", {"users": [{"name": "a", "sudo": 1}]}),
    ("users", {"users": [{"name": "a", "inactive": 5}]}),
    ("users", {"user": {"shell": "/bin/sh"}}),
    ("users", {"groups": [5]}),
    ("users", {"groups": {"a": []}}),
    ("users", {"users": [{"name": "a", "expiredate": "2038,1,19"}]}),
    ("users", {"users": [{"name": "a", "expiredate": "2038-04-31"}]}),
    ("users", {"user": {"name": "a", "expiredate": "soon"}}),
    ("ssh_import_id", {"ssh_import_id": "gh:a"}),
    ("etc_hosts", {"manage_etc_hosts": "yes"}),
    ("etc_hosts", {"manage_etc_hosts": None}),
    ("users", {"chpasswd": {"list": ["ab"]}}),
    ("users", {"chpasswd": {"users": [{"name": "a"}]}}),
    ("users", {"chpasswd": {"users": [{"name": "a", "password": "x", "type": "plain"}]}}),
    ("users", {"chpasswd": {"user": []}}),
    ("users", {"password": 5}),
    ("users", {"disable_root": "no"}),
    ("ssh", {"ssh_keys": {"dsa_private": "x"}}),
    ("ssh", {"ssh_genkeytypes": []}),
    ("ssh", {"ssh_genkeytypes": ["dsa"]}),
    ("ssh_fingerprints", {"ssh": {}}),
    ("ssh_fingerprints", {"ssh_key_console_blacklist": ["rsa", "rsa"]}),
    ("ssh", {"ssh_publish_hostkeys": {"enable": True}}),
]


def schema(checkout, name):
    with open(os.path.join(checkout, "schemas", name + ".json"), encoding="utf-8") as stream:
        return json.load(stream)


def accepts(document, settings):
    return jsonschema.Draft4Validator(document).is_valid(settings)


@pytest.mark.parametrize("name, settings", GOOD, ids=[json.dumps(item[1])[:60] for item in GOOD])
def test_accepted(checkout, name, settings):
    assert accepts(schema(checkout, name), settings)


@pytest.mark.parametrize("name, settings", BAD, ids=[json.dumps(item[1])[:60] for item in BAD])
def test_refused(checkout, name, settings):
    assert not accepts(schema(checkout, name), settings)


@pytest.mark.parametrize("name", ["users", "ssh", "ssh_fingerprints"])
def test_the_schemas_are_draft_4_and_describe_their_keys(checkout, name):
    document = schema(checkout, name)
    jsonschema.Draft4Validator.check_schema(document)
    assert sorted(document["x-tsagent"]["keys"]) == sorted(document["properties"])
    assert all(item.get("title") and item.get("description") for item in document["properties"].values())


def secret_fields(document, found):
    if isinstance(document, dict):
        for key, value in document.get("properties", {}).items():
            if isinstance(value, dict) and value.get("x-tsagent", {}).get("secret"):
                found.add(key)
        for value in document.values():
            secret_fields(value, found)
    elif isinstance(document, list):
        for value in document:
            secret_fields(value, found)
    return found


def test_what_lets_in_is_marked_secret(checkout):
    found = secret_fields(schema(checkout, "users"), set())
    wanted = {"passwd", "hashed_passwd", "plain_text_passwd", "password", "list"}
    assert wanted | {"hashed-passwd", "plain-text-passwd"} == found
    private = schema(checkout, "ssh")["properties"]["ssh_keys"]["patternProperties"]
    assert [key for key, value in private.items() if value.get("x-tsagent", {}).get("secret")] == [
        "^(ecdsa|ed25519|rsa)_private$"
    ]
