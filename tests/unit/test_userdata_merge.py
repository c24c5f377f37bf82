"""Merging by cloud-init's rules: each option on its own, and patches."""

import pytest

from tsagent.errors import AgentError
from tsagent.userdata import jsonpatch
from tsagent.userdata.merge import BETWEEN_SOURCES, merge, parse_how


@pytest.mark.parametrize(
    "how, old, new, expected",
    [
        # Between parts the last one replaces, nested mappings and lists as a whole.
        ("dict(replace)+list()+str()", {"x": {"a": 1, "b": 2}}, {"x": {"b": 3}}, {"x": {"b": 3}}),
        ("dict(replace)+list()+str()", {"runcmd": [1, 2]}, {"runcmd": [3]}, {"runcmd": [3]}),
        ("dict(replace)", {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        # Between sources the first one counts, mappings are filled in.
        (BETWEEN_SOURCES, {"x": {"a": 1}}, {"x": {"a": 2, "b": 3}, "y": 1}, {"x": {"a": 1, "b": 3}, "y": 1}),
        (BETWEEN_SOURCES, {"l": [1], "s": "a"}, {"l": [2, 3], "s": "b"}, {"l": [1], "s": "a"}),
        (BETWEEN_SOURCES, {"x": 1}, {"x": {"a": 1}}, {"x": 1}),
        # list
        ("list(append)+dict(recurse_list)", {"l": [1]}, {"l": [2]}, {"l": [1, 2]}),
        ("list(append)+dict(recurse_array)", {"l": [1]}, {"l": [2]}, {"l": [1, 2]}),
        ("list(prepend)+dict(recurse_list)", {"l": [1]}, {"l": [2]}, {"l": [2, 1]}),
        ("list(append)+dict(no_replace)", {"l": [1]}, {"l": [2]}, {"l": [1]}),
        ("list(replace)+dict(recurse_list)", {"l": [1, 2, 3]}, {"l": [9]}, {"l": [9, 2, 3]}),
        ("list(no_replace)+dict(recurse_list)", {"l": [1, 2]}, {"l": [9]}, {"l": [1, 2]}),
        ("list(recurse_list)+dict(recurse_list)", {"l": [[1, 2]]}, {"l": [[9]]}, {"l": [[9, 2]]}),
        (
            "list(recurse_dict)+dict(recurse_list)",
            {"l": [{"a": 1}]},
            {"l": [{"a": 2, "b": 2}]},
            {"l": [{"a": 1, "b": 2}]},
        ),
        ("list(recurse_str)+dict(recurse_list)+str(append)", {"l": ["a"]}, {"l": ["b"]}, {"l": ["ab"]}),
        ("list(append)+dict(recurse_list)", {"l": [1]}, {"l": "x"}, {"l": [1]}),
        # dict
        ("dict(no_replace)", {"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}),
        ("dict(recurse_dict)", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}),
        ("dict(recurse_str)+str(append)", {"a": "x"}, {"a": "y"}, {"a": "xy"}),
        ("dict(recurse_str)+str()", {"a": "x"}, {"a": "y"}, {"a": "y"}),
        ("dict(recurse_str)", {"a": "x"}, {"a": "y"}, {"a": "x"}),
        ("dict(allow_delete,replace)", {"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ("dict(replace)", {"a": 1}, {"a": None}, {"a": None}),
        ("dict(replace,recurse_list)+list(append)", {"a": [1]}, {"a": [2]}, {"a": [2]}),
        # The first merger of a type counts; names may be written with "-" or a prefix.
        ("dict(replace)+dict(no_replace)", {"a": 1}, {"a": 2}, {"a": 2}),
        ("DICT(Recurse-List) + m_list( append )", {"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ([["list", "append"], ["dict", "recurse_list"]], {"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        (
            [
                {"name": "list", "settings": ["prepend"]},
                {"name": "dict", "settings": ["no_replace", "recurse_list"]},
            ],
            {"a": [1], "b": 1},
            {"a": [2], "b": 2},
            {"a": [2, 1], "b": 1},
        ),
    ],
)
def test_each_way_to_merge(how, old, new, expected):
    before = repr((old, new))
    assert merge(old, new, how) == expected
    assert repr((old, new)) == before  # neither is changed


@pytest.mark.parametrize("how", ["list", "list(append", "set(append)", 5, {"a": 1}, [5], [{"x": 1}], [["a"]]])
def test_what_is_no_way_to_merge_is_said(how):
    with pytest.raises(AgentError) as caught:
        parse_how(how)
    assert caught.value.code == "merge-how"


def test_an_unknown_option_means_nothing_and_is_told():
    unknown = []
    assert merge({"a": [1]}, {"a": [2]}, "list(append)+dict(recurse_list,recursive)") == {"a": [1, 2]}
    parse_how("list(append,sorted)+dict(recurse)", unknown)
    assert unknown == ["sorted", "recurse"]


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "copy", "from": "", "path": "/a%d" % number} for number in range(60)],
        [{"op": "add", "path": "/a" + "/a" * number, "value": {}} for number in range(400)],
        [{"op": "add", "path": "/a%d" % number, "value": 1} for number in range(2000)],
        [{"op": "add", "path": "/a", "value": [0] * 200000}],
    ],
)
def test_patches_are_bounded(operations):
    with pytest.raises(AgentError) as caught:
        jsonpatch.apply({"x": 1}, operations)
    assert caught.value.code == "json-patch"


@pytest.mark.parametrize(
    "document, operations, expected",
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": [1]}], {"a": 1, "b": [1]}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
        ({"a/b": 1, "c~": 2}, [{"op": "replace", "path": "/a~1b", "value": 5}], {"a/b": 5, "c~": 2}),
        ({"a": {"x": 1}}, [{"op": "move", "from": "/a/x", "path": "/b"}], {"a": {}, "b": 1}),
        ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"a": 1}, [{"op": "add", "path": "", "value": {"z": 1}}], {"z": 1}),
        ({}, [], {}),
    ],
)
def test_json_patch(document, operations, expected):
    before = repr(document)
    assert jsonpatch.apply(document, operations) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    "operations",
    [
        {"op": "add"},
        ["x"],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "remove", "path": "/none"}],
        [{"op": "replace", "path": "/none", "value": 1}],
        [{"op": "add", "path": "/l/5", "value": 1}],
        [{"op": "add", "path": "/l/01", "value": 1}],
        [{"op": "remove", "path": "/l/-"}],
        [{"op": "test", "path": "/one", "value": True}],
        [{"op": "explode", "path": "/one"}],
        [{"op": "add", "path": "/one/two", "value": 1}],
        [{"op": "add", "path": "/ok", "value": 1}, {"op": "test", "path": "/ok", "value": 2}],
    ],
)
def test_a_patch_applies_whole_or_not_at_all(operations):
    document = {"l": [1], "one": 1}
    with pytest.raises(AgentError) as caught:
        jsonpatch.apply(document, operations)
    assert caught.value.code == "json-patch"
    assert document == {"l": [1], "one": 1}
