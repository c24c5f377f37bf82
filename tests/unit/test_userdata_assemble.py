"""User data, vendor data and the image's configuration become one `Settings`."""

import pytest

from tsagent.userdata.assemble import assemble
from tsagent.userdata.settings import Settings
from tsagent.userdata.yamlfile import load_yaml


def _mime(*parts):
    text = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n"
    for headers, body in parts:
        text += b"--B\n" + headers + b"\n\n" + body + b"\n"
    return text + b"--B--\n"


CC = b"Content-Type: text/cloud-config"
SH = b"Content-Type: text/x-shellscript"


def test_nothing_is_nothing():
    settings = assemble(None)
    assert (settings.config, settings.scripts, settings.problems, settings.origins) == ({}, [], [], {})


def test_precedence_and_origins_of_every_layer():
    settings = assemble(
        b"#cloud-config\nhostname: mine\nntp:\n  servers: [u]\n",
        vendor_data=b"#cloud-config\nhostname: v1\nntp: {servers: [v], pools: [p]}\ntimezone: v1\n"
        b"locale: v1\n",
        vendor_data2=b"#cloud-config\ntimezone: v2\nruncmd: [v2]\n",
        image_config={"locale": "image", "swap": {"size": 1}, "runcmd": ["image"]},
        defaults={"swap": {"size": 2, "maxsize": 3}, "keyboard": "us"},
    )
    assert settings.config == {
        "hostname": "mine",
        "ntp": {"servers": ["u"], "pools": ["p"]},
        "timezone": "v2",
        "locale": "v1",
        "runcmd": ["v2"],
        "swap": {"size": 1, "maxsize": 3},
        "keyboard": "us",
    }
    assert settings.problems == []
    origins = settings.origins
    assert origins["/hostname"] == ["user-data", 2, 11]
    assert origins["/ntp/servers/0"] == ["user-data", 4, 13]
    assert origins["/ntp/pools/0"][:2] == ["vendor-data", 3]
    assert origins["/timezone"][:2] == ["vendor-data2", 2]
    assert origins["/swap/size"] == ["image", 0, 0]
    assert origins["/swap/maxsize"] == ["defaults", 0, 0]


def test_defaults_with_lines_keep_them():
    defaults = load_yaml(b"keyboard:\n  layout: us\n", "/etc/tsagent/agent.yaml")
    assert assemble(None, defaults=defaults).origins["/keyboard/layout"] == ["/etc/tsagent/agent.yaml", 2, 11]


def test_parts_replace_each_other_unless_they_say_otherwise():
    settings = assemble(
        _mime(
            (CC, b"a: [1]\nb: {x: 1, y: 2}\nc: [1]\nd: [1]"),
            (CC, b"a: [2]\nb: {x: 3}"),
            (CC, b"c: [2]\nmerge_how: list(append)+dict(recurse_list)+str()"),
            (CC + b"\nX-Merge-Type: list(prepend)+dict(no_replace,recurse_list)", b"d: [0]"),
        )
    )
    assert settings.config == {"a": [2], "b": {"x": 3}, "c": [1, 2], "d": [0, 1]}
    assert settings.origins["/c/0"][1] == 9
    assert settings.origins["/c/1"][1] == 19
    assert settings.origins["/d/0"][1] > settings.origins["/d/1"][1]
    assert "/merge_how" not in settings.origins
    assert settings.problems == []


def test_a_bad_way_to_merge_is_an_error_and_the_part_still_counts():
    settings = assemble(_mime((CC, b"a: 1"), (CC, b"a: 2\nmerge_how: nonsense")))
    assert settings.config == {"a": 2}
    assert len(settings.problems) == 1 and settings.problems[0].severity == "error"
    settings = assemble(_mime((CC, b"a: 1"), (CC, b"a: 2\nmerge_how: list(append)")))
    assert settings.config == {"a": 2}
    assert "dict()" in settings.warnings[0]


def test_a_part_with_an_error_is_left_out_and_the_others_stay():
    settings = assemble(
        _mime(
            (CC, b"a: 1"),
            (CC, b"b: [1"),
            (CC, b"- list"),
            (CC, b""),
            (b"Content-Type: text/x-shellscript", b"#!/bin/sh"),
        )
    )
    assert settings.config == {"a": 1}
    assert [part["status"] for part in settings.parts] == ["ok", "failed", "failed", "ignored", "ok"]
    assert len(settings.scripts) == 1
    lines = settings.warnings
    assert lines[0].startswith("user-data:") and "empty" in lines[0]
    assert any("not closed" in line for line in lines) and any("a mapping of keys" in line for line in lines)


@pytest.mark.parametrize("value", [b"false", b"no", b"'off'", b"'False'", b"0"])
def test_the_user_can_turn_vendor_data_off(value):
    settings = assemble(
        b"#cloud-config\nvendor_data: {enabled: " + value + b"}\n",
        vendor_data=_mime((CC, b"a: 1"), (b"Content-Type: text/x-shellscript", b"#!/bin/sh")),
        vendor_data2=b"#cloud-config\nb: 1\n",
    )
    assert "a" not in settings.config and settings.scripts == []
    assert settings.config["b"] == 1  # it has a switch of its own
    assert settings.parts[0]["status"] == "ignored" and settings.problems == []
    settings = assemble(
        None, vendor_data=b"#cloud-config\na: 1\n", image_config={"vendor_data": {"enabled": False}}
    )
    assert "a" not in settings.config
    settings = assemble(
        b"#cloud-config\nvendor_data: {enabled: true}\n",
        vendor_data=b"#cloud-config\na: 1\n",
        image_config={"vendor_data": {"enabled": False}},
    )
    assert settings.config["a"] == 1


def test_scripts_have_their_kind_and_names_of_their_own():
    script = b"Content-Type: text/x-shellscript"
    named = script + b'\nContent-Disposition: attachment; filename="../../etc/x y.sh"'
    settings = assemble(
        _mime(
            (script, b"#!/bin/sh\n1"),
            (named, b"#!/bin/sh\n2"),
            (named, b"#!/bin/sh\n3"),
            (b"Content-Type: text/cloud-boothook", b"#!/bin/sh\n4"),
            (b"Content-Type: text/x-shellscript-per-instance", b"#!/bin/sh\n5"),
        ),
        vendor_data=b"#!/bin/sh\nvendor\n",
    )
    assert [(script["kind"], script["name"], script["source"]) for script in settings.scripts] == [
        ("vendor", "part-001", "vendor-data"),
        ("user", "part-001", "user-data"),
        ("user", "_.._etc_x_y.sh", "user-data"),
        ("user", "_.._etc_x_y.sh-2", "user-data"),
        ("boothook", "part-004", "user-data"),
        ("per-instance", "part-005", "user-data"),
    ]
    assert settings.scripts[3]["content"] == b"#!/bin/sh\n3"


def test_json_patch_parts_change_what_is_merged_so_far():
    patch = b'#cloud-config-jsonp\n[{"op": "add", "path": "/runcmd/-", "value": "three"}]'
    settings = assemble(_mime((CC, b"runcmd: [one, two]\na: 1"), (b"Content-Type: text/plain", patch)))
    assert settings.config == {"runcmd": ["one", "two", "three"], "a": 1}
    assert settings.origins["/runcmd/1"][1] == 7
    assert settings.origins["/runcmd/2"][1] == 12
    for bad in (
        b"#cloud-config-jsonp\n[",
        b'#cloud-config-jsonp\n[{"op": "remove", "path": "/x"}]',
        b"#cloud-config-jsonp\n" + b"[" * 5000,
    ):
        settings = assemble(_mime((CC, b"a: 1"), (b"Content-Type: text/plain", bad)))
        assert settings.config == {"a": 1}
        assert settings.parts[1]["status"] == "failed" and len(settings.problems) == 1


def test_values_are_plain_data():
    settings = assemble(
        b"#cloud-config\n5: a\nyes: b\nd: 2024-01-31\ns: !!set {b, a}\n"
        b"b: !!binary AAE=\nn: {2: [{3: x}]}\no: !!omap [k: 1]\n"
    )
    assert settings.config == {
        "5": "a",
        "true": "b",
        "d": "2024-01-31",
        "s": ["a", "b"],
        "b": b"\x00\x01",
        "n": {"2": [{"3": "x"}]},
        "o": [["k", 1]],
    }
    assert settings.origins["/n/2/0/3"] == ["user-data", 7, 13]


def test_the_snapshot_gives_the_same_back():
    settings = assemble(
        b"#cloud-config\na: {b: [1, 2.5, null, true]}\nc: !!binary AAE=\na: {\xc3\xa4: 1}\n",
        vendor_data=b"#!/bin/sh\nprintf '\xff'\n",
    )
    again = Settings.from_json(settings.to_json())
    assert again.config == settings.config
    assert again.origins == settings.origins
    assert again.scripts == settings.scripts
    assert again.parts == settings.parts
    assert again.warnings == settings.warnings and len(again.warnings) == 1
    assert again.to_json() == settings.to_json()
    with pytest.raises(ValueError, match="snapshot"):
        Settings.from_json('{"schema": "other"}')


def test_all_parts_together_are_bounded():
    part = b"runcmd: [" + b"a," * 20000 + b"]\nmerge_how: list(append)+dict(recurse_list)"
    settings = assemble(_mime(*[(CC, part)] * 30))
    assert len(settings.config["runcmd"]) == 8 * 20000
    assert [entry["status"] for entry in settings.parts] == ["ok"] * 8 + ["failed"] * 22
    assert "left out" in settings.warnings[0]
