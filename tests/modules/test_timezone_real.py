"""The time zone in a real tree: what the C library makes of it there."""

import os
import shutil
import subprocess

import pytest

from tsagent.changes.base import CONVERGED
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

ZONES = "/usr/share/zoneinfo"
FAMILIES = {
    "el7": {"family": "el7", "id": "centos", "major": 7},
    "el8": {"family": "el8", "id": "tencentos", "major": 3},
    "debian 12": {"family": "debian", "id": "debian", "major": 12},
    "debian 13": {"family": "debian", "id": "debian", "major": 13},
}


@pytest.fixture
def zoned(scratch_root):
    """A root with some of this machine's zones and lists."""
    for name in ("Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "UTC", "zone.tab", "tzdata.zi"):
        place = scratch_root / (ZONES[1:] + "/" + name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ZONES + "/" + name, str(place))
    return scratch_root


def plan(root, zone, system="el8"):
    host = Host(str(root), commands="skip")
    module = load_module(discover(Host("/").root, use_cache=False).modules["timezone"], Host("/").root)
    facts = Facts.from_data({"os": FAMILIES[system]})
    context = Context("timezone", {"timezone": zone}, facts, host.root, host.hardware)
    return list(module.plan(context)), host


@pytest.mark.parametrize("system", sorted(FAMILIES))
def test_the_clock_shows_the_zone(zoned, system):
    before = zoned / "etc/localtime"
    shutil.copy(ZONES + "/UTC", str(before))  # an image may have a copy in the link's place
    changes, host = plan(zoned, "Asia/Shanghai", system)
    for change in changes:
        change.apply(host)
    assert {change.probe(host).state for change in plan(zoned, "Asia/Shanghai", system)[0]} == {CONVERGED}
    seen = host.root.realpath("/etc/localtime")
    assert seen == ZONES + "/Asia/Shanghai"
    environment = {"TZ": ":" + host.root.host_path("/etc/localtime"), "LC_ALL": "C"}
    said = subprocess.check_output(["date", "-d", "@0", "+%F %T %Z"], env=environment)
    assert said.decode().strip() == "1970-01-01 08:00:00 CST"
    named = zoned / "etc/timezone"
    assert named.exists() == (system == "debian 12")


def test_a_name_file_that_is_there_follows(zoned):
    (zoned / "etc/timezone").write_text("Europe/Berlin\n")
    for change in plan(zoned, "Asia/Shanghai", "debian 13")[0]:
        change.apply(Host(str(zoned)))
    assert (zoned / "etc/timezone").read_text() == "Asia/Shanghai\n"


@pytest.mark.parametrize(
    "zone, meant",
    [
        ("Asia/Shangai", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Shanghai", "Asia/Shanghai"),
        ("Beijing", "Asia/Shanghai"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("Europe/New_York", "America/New_York"),
        ("Asia", None),
        ("Qwerty/Asdf", None),
    ],
)
def test_an_unknown_zone_is_refused_with_the_likely_one(zoned, zone, meant):
    with pytest.raises(AgentError) as caught:
        plan(zoned, zone)
    assert caught.value.code == "unknown-timezone"
    if meant:
        assert "did you mean %s?" % meant in str(caught.value)
    else:
        assert "ls " + ZONES in str(caught.value)
    assert not os.path.lexists(str(zoned / "etc/localtime"))


@pytest.mark.parametrize(
    "zone", ["../../../etc/passwd", "/etc/passwd", "Asia//Shanghai", "a b", "..", "A/\n"]
)
def test_what_cannot_be_a_zones_name_is_refused(zoned, zone):
    with pytest.raises(AgentError) as caught:
        plan(zoned, zone)
    assert caught.value.code == "bad-timezone"
