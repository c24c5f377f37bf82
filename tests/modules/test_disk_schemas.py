"""What the schemas of disk_setup and mounts take and refuse, and what a boot makes of a misspelt value."""

import json
import os

import pytest

from tsagent.userdata.validation import accept, validate

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schemas")
GOOD = [
    {"device_aliases": {"a": "/dev/sdb"}},
    {"disk_setup": {}},
    {"disk_setup": {"a": {}}},
    {"disk_setup": {"a": {"layout": "remove", "overwrite": True, "table_type": "gpt"}}},
    {"disk_setup": {"a": {"layout": []}}},
    {"disk_setup": {"a": {"layout": [1, [2, 82], ["3", "swap"]]}}},
    {"fs_setup": []},
    {"fs_setup": [{}]},
    {"fs_setup": [{"device": "a.1", "filesystem": "ext4", "label": "x", "partition": 2, "overwrite": False}]},
    {"fs_setup": [{"replace_fs": "ntfs", "extra_opts": "-a -b", "cmd": "mkfs"}]},
    {"fs_setup": [{"extra_opts": ["-a"], "cmd": ["mkfs"], "partition": "auto"}]},
    {"mounts": [["sdb"], ["swap", None], ["a", "/b", "auto", "defaults", "0", "2"]]},
    {"mount_default_fields": [None, "None", "auto", "defaults", "0", "2"]},
    {"swap": {}},
    {"swap": {"filename": "/a", "size": "auto", "maxsize": 1048576}},
    {"swap": {"size": "1.5G", "maxsize": ".5T"}},
    {"swap": {"size": 0}},
]
BAD = [
    {"device_aliases": []},
    {"device_aliases": {"a": 1}},
    {"disk_setup": []},
    {"disk_setup": {"a": []}},
    {"disk_setup": {"a": {"table_type": "msdos"}}},
    {"disk_setup": {"a": {"layout": "auto"}}},
    {"disk_setup": {"a": {"layout": 50}}},
    {"disk_setup": {"a": {"layout": ["50"]}}},
    {"disk_setup": {"a": {"layout": [[50]]}}},
    {"disk_setup": {"a": {"layout": [[50, 82, 1]]}}},
    {"disk_setup": {"a": {"overwrite": "yes"}}},
    {"disk_setup": {"a": {"unknown": 1}}},
    {"fs_setup": {}},
    {"fs_setup": ["a"]},
    {"fs_setup": [{"partition": "first"}]},
    {"fs_setup": [{"partition": -1}]},
    {"fs_setup": [{"unknown": 1}]},
    {"fs_setup": [{"cmd": 1}]},
    {"mounts": []},
    {"mounts": [[]]},
    {"mounts": ["sdb"]},
    {"mounts": [["sdb", "/b", "auto", "defaults", 0, 2]]},
    {"mounts": [["1", "2", "3", "4", "5", "6", "7"]]},
    {"mount_default_fields": [None, None, "auto", "defaults", "0"]},
    {"mount_default_fields": [None, None, "auto", "defaults", "0", 2]},
    {"swap": []},
    {"swap": {"size": "2GB"}},
    {"swap": {"size": None}},
    {"swap": {"maxsize": "auto"}},
    {"swap": {"unknown": 1}},
]


def schemas():
    found = []
    for name in ("disk_setup", "mounts"):
        with open(os.path.join(SCHEMAS, name + ".json"), encoding="utf-8") as stream:
            found.append(json.load(stream))
    return found


@pytest.mark.parametrize("config", GOOD, ids=json.dumps)
def test_good(config):
    assert validate(config, None, schemas(), {}) == []


@pytest.mark.parametrize("config", BAD, ids=json.dumps)
def test_bad(config):
    assert [problem.severity for problem in validate(config, None, schemas(), {})][:1] == ["error"]


def test_numbers_without_quotes_are_told_and_mounted_all_the_same():
    config = {
        "mounts": [["sdb", "/b", "ext4", "defaults", 0, 2], "sdc", ["sdd", "/d"]],
        "swap": {"size": "2GB"},
    }
    kept, problems = accept(config, None, schemas())
    assert kept == {"mounts": [["sdb", "/b", "ext4", "defaults", 0, 2], ["sdd", "/d"]], "swap": {}}
    assert [(problem.path, problem.message) for problem in problems] == [
        ("/mounts/0/4", "expected a string or null, found a whole number"),
        ("/mounts/0/5", "expected a string or null, found a whole number"),
        ("/mounts/1", "expected a list of strings, found a string"),
        (
            "/swap/size",
            "expected auto, a whole number or a number with B, K, M, G or T, such as 2G, found a string",
        ),
    ]
