"""A service that runs takes up files: only when they changed, and without being waited for."""

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.files import WriteFile
from tsagent.changes.services import RestartUnit
from tsagent.host import Host, Runner
from tsagent.registry.context import Context

SYSTEMCTL = '#!/bin/sh\necho "$*" >> "%s"\n'


@pytest.fixture
def booted(tmp_path):
    """A host where systemd seems to run; `calls()` are systemctl's argument lists."""
    root = tmp_path / "root"
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    (root / "usr/lib/systemd/system/a.service").write_text("[Service]\nExecStart=/bin/true\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL % (tmp_path / "calls"))
    (programs / "systemctl").chmod(0o755)
    host = Host(str(root), runner=Runner("%s:/usr/bin:/bin" % programs))

    def calls():
        seen = tmp_path / "calls"
        return seen.read_text().splitlines() if seen.exists() else []

    host.calls = calls
    return host


@pytest.mark.parametrize("reload, verb", [(False, "try-restart"), (True, "reload-or-try-restart")])
def test_it_is_restarted_without_waiting(booted, reload, verb):
    file = WriteFile("/etc/a.conf", "x")
    change = RestartUnit("a", [file], reload=reload)
    assert change.requires == [file] and change.needs_live
    assert change.probe(booted).state == DIFFERS  # as a preview sees it: the file would be written
    file.apply(booted)
    assert change.probe(booted).state == CONVERGED  # somebody else wrote it, and saw to the service
    file.changed = True
    assert change.probe(booted).state == DIFFERS
    assert change.apply(booted) is None
    assert booted.calls() == ["--no-block %s a.service" % verb]


def test_a_file_that_was_right_already_restarts_nothing(booted):
    file = WriteFile("/etc/a.conf", "x")
    file.changed = False
    assert RestartUnit("a.service", [file]).probe(booted).state == CONVERGED


def test_without_systemd_or_the_unit_nothing_is_called(booted, tmp_path):
    file = WriteFile("/etc/a.conf", "x")
    file.changed = True
    assert RestartUnit("gone.service", [file]).apply(booted) == "there is no such unit"
    assert booted.calls() == []
    elsewhere = Host(str(tmp_path / "elsewhere"))
    assert RestartUnit("a.service", [file]).probe(elsewhere).detail == "systemd does not run here"


def test_a_context_sees_where_a_link_leads(tmp_path):
    (tmp_path / "there").write_text("")
    (tmp_path / "link").symlink_to("/nowhere")
    host = Host(str(tmp_path))
    context = Context("x", {}, None, host.root, host.root)
    assert [context.link(path) for path in ("/link", "/there", "/gone")] == ["/nowhere", None, None]
    assert context.reads == ["/link", "/there", "/gone"]
