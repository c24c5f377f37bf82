"""Giving way to cloud-init: as the image says, and only on a running system."""

import os

import pytest

from tsagent.host import Host
from tsagent.report import Report
from tsagent.session.options import Options
from tsagent.session.run import run
from tsagent.session.switches import other_agent
from tsagent.state.status import read_status

CODE = "from tsagent.changes import WriteFile\ndef plan(context):\n    yield WriteFile('/marker', 'x')\n"
SCHEMA = '{"title": "marker", "x-tsagent": {"stage": "local", "keys": []}}'


@pytest.fixture
def host(tmp_path):
    """A tree with cloud-init in it, taken for the running system; the only module run writes a marker."""
    for path, text in (
        ("usr/bin/cloud-init", ""),
        ("etc/tsagent/modules/marker.py", CODE),
        ("etc/tsagent/schemas/marker.json", SCHEMA),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    host = Host(str(tmp_path))
    host.live = True
    return host


@pytest.mark.parametrize(
    "configured, code, state, marker",
    [
        ("", 0, "disabled", False),
        ("yield", 0, "disabled", False),
        ("refuse", 1, "error", False),
        ("ignore", 0, "done", True),
    ],
)
def test_as_the_image_says(host, tmp_path, configured, code, state, marker):
    if configured:
        (tmp_path / "etc/tsagent/agent.yaml").write_text("cloud_init: %s\n" % configured)
    options = Options(stage="all", only="marker", source="none")
    assert run(host, options, Report()) == code
    assert read_status(host.root)["state"] == state
    assert (tmp_path / "marker").exists() == marker


def test_turned_off_cloud_init_is_no_other_agent(host, tmp_path):
    assert other_agent(host) is not None
    (tmp_path / "etc/cloud").mkdir()
    (tmp_path / "etc/cloud/cloud-init.disabled").write_text("")
    assert other_agent(host) is None


def test_tree_that_is_prepared_has_no_other_agent(host):
    host.live = False
    assert other_agent(host) is None


def test_the_agents_own_compatibility_command_is_no_other_agent(host, tmp_path, checkout):
    with open(os.path.join(checkout, "packaging/compat/cloud-init"), encoding="utf-8") as file:
        (tmp_path / "usr/bin/cloud-init").write_text(file.read(), encoding="utf-8")
    assert other_agent(host) is None
    assert run(host, Options(stage="all", only="marker", source="none"), Report()) == 0
    assert (tmp_path / "marker").exists()
