"""Formats within formats: launch indexes, vendor data's own settings, character sets, templates' names."""

import base64
import gzip
import json

import pytest

from tsagent.userdata.assemble import assemble
from tsagent.userdata.decode import decode

CC = "Content-Type: text/cloud-config"
SCRIPT = b"#!/bin/sh\necho\n"


def mime(*parts, **options):
    """A multipart message of (headers, body)."""
    head = options.get("head", 'Content-Type: multipart/mixed; boundary="B"\nMIME-Version: 1.0\n')
    lines = [head.encode("ascii")]
    for headers, body in parts:
        body = body if isinstance(body, bytes) else body.encode("utf-8")
        lines.append(b"--B\n" + headers.encode("utf-8") + b"\n\n" + body)
    return b"\n".join(lines + [b"--B--", b""])


def machine(index):
    """Instance data of the n-th machine of those that were started together."""
    return {"ds": {"meta_data": {"launch-index": index}}}


def statuses(decoded):
    return [part.status for part in decoded.parts]


# -- launch index -------------------------------------------------------------------------------------

ARCHIVE = b"""#cloud-config-archive
- type: text/cloud-config
  content: "a: 1"
  launch-index: 0
- type: text/x-shellscript
  content: |
    #!/bin/sh
  Launch-Index: 1
- type: text/cloud-config
  content: "b: 1"
"""


@pytest.mark.parametrize(
    "index, expected",
    [
        (0, ["ok", "ignored", "ok"]),
        ("1", ["ignored", "ok", "ok"]),
        (7, ["ignored", "ignored", "ok"]),
        (None, ["ok", "ok", "ok"]),
    ],
)
def test_parts_of_an_archive_are_for_their_launch_index(index, expected):
    decoded = decode(ARCHIVE, instance_data=machine(index))
    assert statuses(decoded) == expected
    assert decoded.warnings == []
    if index == 0:
        assert decoded.parts[1].problem == "for launch index 1: this instance has 0"


def test_where_nobody_tells_the_launch_index_all_parts_count():
    assert statuses(decode(ARCHIVE)) == ["ok"] * 3


@pytest.mark.parametrize(
    "headers, body, used",
    [
        (CC + "\nLaunch-Index: 1", "a: 1", False),
        (CC + "\nLaunch-Index: 0", "launch-index: 1", True),  # the header wins
        (CC, "launch-index: 1", False),
        (CC, "launch-index: '0'", True),
        (CC, "launch-index: all", True),
        (CC, "#cloud-config\nruncmd: [echo launch-index]", True),
        (CC + "\nLaunch-Index: first", "a: 1", True),
        ("Content-Type: text/x-include-url\nLaunch-Index: 1", "http://h/x", False),
    ],
)
def test_headers_and_keys_name_the_launch_index(headers, body, used):
    decoded = decode(mime((headers, body)), instance_data=machine(0), fetch=lambda *_: b"#cloud-config\n")
    assert (decoded.parts[0].status == "ok") is used


def test_a_whole_multipart_is_for_a_launch_index():
    inner = mime((CC, "a: 1"), head='Content-Type: multipart/mixed; boundary="B"\nLaunch-Index: 3\n')
    outer = b'Content-Type: multipart/mixed; boundary="O"\nMIME-Version: 1.0\n\n--O\n' + inner + b"\n--O--\n"
    assert statuses(decode(outer, instance_data=machine(3))) == ["ok"]
    assert statuses(decode(outer, instance_data=machine(2))) == ["ignored"]


def test_the_metadata_of_clouds_name_the_launch_index():
    for name in ("launch_index", "ami-launch-index", "ami_launch_index"):
        told = {"ds": {"meta_data": {name: 1}}}
        assert statuses(decode(ARCHIVE, instance_data=told)) == ["ignored", "ok", "ok"]


# -- vendor data --------------------------------------------------------------------------------------


def told(user, vendor=SCRIPT, vendor2=None):
    return assemble(b"#cloud-config\n" + user.encode("ascii"), vendor_data=vendor, vendor_data2=vendor2)


@pytest.mark.parametrize(
    "prefix, words",
    [
        ("/usr/bin/time", ["/usr/bin/time"]),
        ("timeout 30", ["timeout", "30"]),
        ("[timeout, 30]", ["timeout", "30"]),
        ("[]", None),
    ],
)
def test_the_vendors_scripts_get_the_users_prefix(prefix, words):
    (script,) = told("vendor_data: {enabled: true, prefix: %s}" % prefix).scripts
    assert (script["kind"], script.get("prefix")) == ("vendor", words)


def test_the_second_vendor_data_have_the_same_prefix_unless_they_have_their_own():
    scripts = told("vendor_data: {prefix: one}", vendor2=SCRIPT).scripts
    assert [script["prefix"] for script in scripts] == [["one"], ["one"]]
    scripts = told("vendor_data: {prefix: one}\nvendor_data2: {prefix: two}", vendor2=SCRIPT).scripts
    assert [script["prefix"] for script in scripts] == [["one"], ["two"]]


def test_the_users_own_scripts_and_the_vendors_boot_hooks_have_no_prefix():
    body = mime(("Content-Type: text/x-shellscript", SCRIPT), (CC, "vendor_data: {prefix: time}"))
    settings = assemble(body, vendor_data=b"#cloud-boothook\n" + SCRIPT)
    assert [script.get("prefix") for script in settings.scripts] == [None, None]


@pytest.mark.parametrize("word", ["false", "'no'", "0", "never", "'false'"])
def test_vendor_data_that_are_not_wanted_are_left_out(word):
    settings = told("vendor_data: {enabled: %s}" % word)
    assert settings.scripts == []
    assert settings.parts[0]["status"] == "ignored"


@pytest.mark.parametrize("word", ["true", "'yes'", "'on'", "1", "null"])
def test_vendor_data_that_are_wanted_count(word):
    assert len(told("vendor_data: {enabled: %s}" % word).scripts) == 1


def test_what_is_no_mapping_leaves_vendor_data_out():
    assert told("vendor_data: false").scripts == []
    assert told("vendor_data2: false", vendor2=SCRIPT).scripts != []


def test_kinds_of_vendor_data_can_be_left_out():
    vendor = mime(("Content-Type: text/x-shellscript", SCRIPT), (CC, "a: vendor"))
    settings = told("vendor_data: {disabled_handlers: [text/x-shellscript]}", vendor)
    assert settings.scripts == []
    assert settings.config["a"] == "vendor"
    assert [part["status"] for part in settings.parts] == ["ignored", "ok", "ok"]


def test_patches_of_three_sources_stack_as_their_configurations_do():
    def patch(**values):
        operations = [{"op": "add", "path": "/" + key, "value": value} for key, value in values.items()]
        return b"#cloud-config-jsonp\n" + json.dumps(operations).encode("ascii")

    settings = assemble(
        patch(a="user", b="user"), vendor_data=patch(a="v", c="v", d="v"), vendor_data2=patch(b="w", d="w")
    )
    assert settings.config == {"a": "user", "b": "user", "c": "v", "d": "w"}


# -- MIME ---------------------------------------------------------------------------------------------


def test_text_of_another_character_set_is_read_as_what_it_says():
    body = "a: caf\u00e9".encode("latin-1")
    assert assemble(mime((CC + "; charset=iso-8859-1", body))).config == {"a": "caf\u00e9"}
    wide = str(base64.b64encode("a: \u4f60".encode("utf-16")), "ascii")
    part = (CC + "; charset=UTF-16\nContent-Transfer-Encoding: base64", wide)
    assert assemble(mime(part)).config == {"a": "\u4f60"}
    # What Python's own mail library writes for bytes that it could not tell.
    assert assemble(mime((CC + '; charset="unknown-8bit"', "a: caf\u00e9"))).config == {"a": "caf\u00e9"}


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=iso-8859-1", "; charset=no-such"])
def test_a_script_is_kept_byte_for_byte(charset):
    script = b"#!/bin/sh\nprintf '\xe9\xff\x80'\n"
    coded = base64.b64encode(script).decode("ascii")
    header = "Content-Type: text/x-shellscript%s\nContent-Transfer-Encoding: base64" % charset
    (kept,) = assemble(mime((header, coded))).scripts
    assert kept["content"] == script
    (kept,) = assemble(script).scripts
    assert kept["content"] == script


def test_a_template_is_known_by_both_its_names():
    pytest.importorskip("jinja2")
    for kind in ("text/jinja2", "text/jinja"):
        body = "## template: jinja\n#cloud-config\na: {{ v1.region }}"
        settings = assemble(mime(("Content-Type: " + kind, body)), instance_data={"v1": {"region": "r"}})
        assert settings.config == {"a": "r"}


def test_cloud_config_that_is_called_a_script_is_cloud_config():
    patch = json.dumps([{"op": "replace", "path": "/a", "value": "c"}, {"op": "remove", "path": "/c"}])
    settings = assemble(
        mime(
            ("Content-Type: text/x-shellscript", "\n#cloud-config\na: b\nc: d\n"),
            ("Content-Type: text/cloud-config-jsonp", patch),
        )
    )
    assert settings.config == {"a": "c"}
    assert settings.scripts == []


def test_compressed_parts_of_a_compressed_message():
    def packed(text):
        return base64.encodebytes(gzip.compress(text)).decode("ascii")

    header = "Content-Type: application/gzip\nContent-Transfer-Encoding: base64"
    inner = gzip.compress(mime((CC, "c: 3")))
    body = mime(
        (header, packed(b"#cloud-config\na: 1\n")), (header, base64.encodebytes(inner).decode("ascii"))
    )
    assert assemble(gzip.compress(body)).config == {"a": 1, "c": 3}


# -- templates ----------------------------------------------------------------------------------------


def render(text, data):
    pytest.importorskip("jinja2")
    (script,) = assemble(
        b"## template: jinja\n#!/bin/sh\n" + text.encode("utf-8"), instance_data=data
    ).scripts
    return str(script["content"], "utf-8").partition("\n")[2]


def test_templates_know_instance_data_by_all_its_names():
    data = {
        "v1": {"region": "r", "local-hostname": "h"},
        "v2": {"region": "newer"},
        "ds": {"meta_data": {"local-hostname": "h2", "v1.0": {"my/key": 1}}},
    }
    assert render("{{ v1.region }} {{ region }} {{ local_hostname }}", data) == "r newer h"
    assert render("{{ ds.meta_data.local_hostname }} {{ ds.meta_data.v1_0.my_key }}", data) == "h2 1"
    assert render("{{ ds['meta_data']['local-hostname'] }}", data) == "h2"
    assert render("{{ ds.meta_data.absent | default('none') }}", data) == "none"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{% if rack %}yes{% else %}no{% endif %}", "no"),
        ("{% if ds.meta_data.rack %}yes{% endif %}.", "."),
        ("{% for one in racks %}{{ one }}{% endfor %}.", "."),
        ("{{ rack | default('none') }}", "none"),
        ("{% set l = [] %}{% do l.append(4) %}{{ l[0] }}", "4"),
    ],
)
def test_a_template_may_ask_for_what_is_not_there(text, expected):
    """As under cloud-init, where whole templates rest on it; what would be printed is still an error."""
    data = {"v1": {"region": "r"}, "ds": {"meta_data": {"a": 1}}}
    assert render(text, data) == expected
    for printed in ("{{ rack }}", "{{ 'in ' ~ rack }}", "{{ rack | upper }}", "{{ [rack] | join }}"):
        decoded = decode(b"## template: jinja\n#!/bin/sh\n" + printed.encode("ascii"), instance_data=data)
        assert statuses(decoded) == ["failed"]
        assert 'uses "rack"' in str(decoded.warnings[0])


def test_a_template_changes_nothing_of_the_instance_data():
    data = {"ds": {"meta_data": {"names": ["a"]}}}
    assert render("{% do ds.meta_data.names.append('b') %}{{ ds.meta_data.names | join }}", data) == "ab"
    assert data == {"ds": {"meta_data": {"names": ["a"]}}}


def test_templates_see_through_base64():
    data = {"ds": {"blob": base64.b64encode(b"hi mom").decode("ascii")}, "base64_encoded_keys": ["ds/blob"]}
    assert render("{{ ds.blob }}", data) == "hi mom"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ v1.region.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for a in range(99999999) %}x{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
    ],
)
def test_templates_reach_nothing_outside(text):
    pytest.importorskip("jinja2")
    body = b"## template: jinja\n#!/bin/sh\n" + text.encode("ascii")
    decoded = decode(body, instance_data={"v1": {"region": "r"}})
    assert statuses(decoded) == ["failed"]
    assert len(decoded.warnings) == 1
