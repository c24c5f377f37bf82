"""Problems of a network configuration have their line and column, whichever way it is looked at."""

import io
import json
import sys

import pytest

from tsagent import netconfig
from tsagent.userdata.command import validate_files
from tsagent.userdata.validation import validate

VERSION2 = """\
version: 2
ethernets:
  eth0:
    dchp4: true
    mtu: 3
"""
VERSION1 = """\
# a comment
network:
  version: 1
  config:
    - type: physical
      name: eth0
      subnets: [{type: dhpc}]
"""
USER_DATA = """\
#cloud-config
hostname: x
network:
  version: 2
  ethernets:
    eth0: {dhcp4: maybe, addresses: [10.0.0.2/24]}
"""
OPENSTACK = '{"services": [], "networks": [],\n "links": [{"id": "a", "type": "phy"}]}'


@pytest.mark.parametrize(
    "text, wanted, code",
    [
        (
            VERSION2,
            [
                '4:5: warning: /ethernets/eth0/dchp4: eth0: the key "dchp4" is not known and has no effect',
                "5:10: error: /ethernets/eth0/mtu: mtu should be from 68 to 65535",
            ],
            1,
        ),
        (
            VERSION1,
            [
                "7:24: error: /network/config/0/subnets/0/type: eth0: the subnet is left out",
            ],
            1,
        ),
        (USER_DATA, ["6:19: error: /network/ethernets/eth0/dhcp4: should be true or false"], 1),
        (
            OPENSTACK,
            [
                "2:12: error: /links/0: a link needs an ethernet_mac_address to be found by; it is left out",
            ],
            1,
        ),
        (VERSION2.replace("dchp4", "dhcp4").replace("3", "1500"), [], 0),
        ("network:\n  config: disabled\n", [], 0),
        ("#cloud-config\nnetwork: {renderer: networkd}\n", [], 0),
        ("#cloud-config\nnetwork: {etherents: {}}\n", ["2:1: error: /network: should have version: 1"], 1),
        (
            "#cloud-config\nnetwork: {version: 3}\n",
            ["2:1: error: /network: should have version: 1 or", "2:20: error: /network/version: must be"],
            1,
        ),
    ],
    ids=[
        "version-2",
        "version-1",
        "user-data",
        "openstack",
        "nothing-wrong",
        "disabled",
        "renderer",
        "no-version",
        "version-3",
    ],
)
def test_validate(tmp_path, schemas, text, wanted, code):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    printed, exit_code = validate_files([str(path)], schemas)
    lines = [line.partition("x.yaml:")[2] for line in printed.splitlines()]
    assert [line[: len(start)] for line, start in zip(lines, wanted)] == wanted
    assert len(lines) == len(wanted)
    assert exit_code == code


@pytest.fixture
def schemas(checkout):
    with open("%s/schemas/network.json" % checkout, encoding="utf-8") as stream:
        network = json.load(stream)
    with open("%s/schemas/hostname.json" % checkout, encoding="utf-8") as stream:
        return [network, json.load(stream)]


def test_render_prints_them_in_order(tmp_path, monkeypatch):
    from tsagent.cli import network as command

    path = tmp_path / "x.yaml"
    path.write_text(VERSION2)
    complaints = io.StringIO()
    monkeypatch.setattr(sys, "stderr", complaints)
    values = type("Values", (), {"input": str(path), "renderer": "networkd", "output": str(tmp_path / "out")})
    assert command.main(values) == 1
    lines = [line.partition("x.yaml:")[2] for line in complaints.getvalue().splitlines()]
    assert [line.split(" ")[0] for line in lines] == ["4:5:", "5:10:"]


@pytest.mark.parametrize(
    "data",
    [
        b"version: 2\nethernets:\n  eth0: {mtu: 1400}\n  eth0: {dhcp4: true}\n",
        b'{"version": 2,\n"ethernets": {\n"eth0": {"mtu": 1400},\n"eth0": {"dhcp4": true}}}',
    ],
    ids=["yaml", "json"],
)
def test_a_key_that_is_there_twice_is_named(tmp_path, data):
    found = netconfig.render(data, "x", "networkd", str(tmp_path)).problems
    assert [(item.rule, item.line) for item in found] == [("duplicate", 4)]


def test_a_problem_is_one_line_whatever_the_key(tmp_path, schemas):
    path = tmp_path / "x.yaml"
    path.write_text('#cloud-config\nnetwork:\n  version: 2\n  bridges:\n    "x\\ny": 5\n')
    printed, _ = validate_files([str(path)], schemas)
    lines = printed.splitlines()
    assert lines
    assert all(line.startswith(str(path)) and line.isprintable() for line in lines), lines


def test_what_a_renderer_cannot_express_has_its_place_too(tmp_path):
    data = b"network:\n  version: 2\n  ethernets: {eth0: {}}\n  vrfs:\n    red: {table: 10}\n"
    problems = netconfig.render(data, "x.yaml", "ifcfg", str(tmp_path)).problems
    assert [(item.path, item.name, item.line, item.column) for item in problems] == [
        ("/vrfs/red", "x.yaml", 5, 5)
    ]


def test_the_schema_refuses_nothing_that_the_readers_take(schemas):
    import test_reader_fuzz
    import test_reader_keys as keys

    taken = list(test_reader_fuzz.DOCUMENTS[:2])
    taken += [keys.with_key(keys.VERSION1, place, value) for place, value in keys.VERSION1_KEYS]
    taken += [keys.with_key(keys.VERSION2, place, value) for place, value in keys.VERSION2_KEYS]
    for document in taken:
        form = "v%d" % document["version"]
        if any(item.severity == "error" for item in netconfig.read(form, document).problems):
            continue
        assert [item.message for item in validate({"network": document}, None, schemas)] == [], document


def test_warnings_of_a_file_that_is_applied_name_its_lines():
    from modules import network as module
    from tsagent.facts import Facts
    from tsagent.host import Tree
    from tsagent.registry.context import Context

    text = b"version: 2\nethernets:\n  eth0: {dhcp4: true, bogus: 3}\n  eth0: {dhcp4: true, bogus: 3}\n"
    form, document, _ = netconfig.check(text, "net.yaml")
    asked = {"config": (form, document, "net.yaml"), "text": text, "renderer": "networkd"}
    context = Context("network", {}, Facts.from_data({}), Tree("/nowhere"), Tree("/nowhere"), asked=asked)
    list(module.plan(context))
    assert [words.split(": ")[:3] for words in context.warnings] == [
        ["net.yaml:4:3", "warning", "/ethernets/eth0"],  # there twice
        ["net.yaml:4:23", "warning", "/ethernets/eth0/bogus"],
    ]
