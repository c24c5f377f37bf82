"""The keyboard: X's own compiler takes what is written, a shell and systemd's table read it."""

import os
import shutil
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

LIST = "/usr/share/X11/xkb/rules/base.lst"
TABLE = "/usr/share/systemd/kbd-model-map"


def plan(root, settings, family):
    host = Host(str(root), commands="skip")
    module = load_module(discover(Host("/").root, use_cache=False).modules["keyboard"], Host("/").root)
    facts = Facts.from_data({"os": {"family": family}})
    context = Context("keyboard", {"keyboard": settings}, facts, host.root, host.hardware)
    return list(module.plan(context)), host, context


@pytest.fixture
def listed(scratch_root):
    """A root with the lists of the real X and the real systemd."""
    for path in (LIST, TABLE):
        place = scratch_root / path[1:]
        place.parent.mkdir(parents=True)
        shutil.copy(path, str(place))
    return scratch_root


def apply_twice(root, settings, family):
    changes, host, _ = plan(root, settings, family)
    for change in changes:
        if not change.needs_live:
            assert change.probe(host).state == DIFFERS
            change.apply(host)
    again, host, context = plan(root, settings, family)
    assert {change.probe(host).state for change in again if not change.needs_live} == {CONVERGED}
    return context


def compiled(layout, model, variant, options):
    """What X makes of it: the symbols line of the keymap. Fails for words that it does not know."""
    command = ["xkbcli", "compile-keymap", "--layout", layout, "--model", model]
    if variant:
        command += ["--variant", variant]
    if options:
        command += ["--options", options]
    return subprocess.check_output(command, stderr=subprocess.STDOUT).decode()


@pytest.mark.parametrize(
    "settings",
    [
        {"layout": "us"},
        {"layout": "de", "model": "pc105", "variant": "nodeadkeys", "options": "compose:rwin"},
        {"layout": "us,ru", "variant": ",", "options": "grp:alt_shift_toggle, compose:ralt"},
        {"layout": "gb", "variant": "gb-extd"},
    ],
)
def test_debians_file_is_read_by_a_shell_and_taken_by_x(listed, settings):
    path = listed / "etc/default/keyboard"
    path.parent.mkdir()
    path.write_text('# mine\nXKBMODEL="pc104"\nXKBLAYOUT="fr"\nXKBVARIANT="oss"\n\nBACKSPACE="guess"')
    apply_twice(listed, settings, "debian")
    text = path.read_text()
    assert text.startswith("# mine\n") and 'BACKSPACE="guess"' in text and text.count("XKBLAYOUT") == 1
    show = '. "$0"; printf "%s\\n" "$XKBLAYOUT" "$XKBMODEL" "$XKBVARIANT" "$XKBOPTIONS" "$BACKSPACE"'
    layout, model, variant, options, backspace = (
        subprocess.check_output(["sh", "-c", show, str(path)]).decode().split("\n")[:5]
    )
    assert (layout, model, backspace) == (settings["layout"], "pc105", "guess")
    keymap = compiled(layout, model, variant, options)
    assert "xkb_symbols" in keymap
    if variant == "nodeadkeys":
        assert keymap != compiled(layout, model, "", options)


@pytest.mark.parametrize(
    "settings, keymap",
    [
        ({"layout": "us"}, "us"),
        ({"layout": "gb"}, "uk"),
        ({"layout": "de"}, "de"),
        ({"layout": "de", "variant": "nodeadkeys"}, "de-latin1-nodeadkeys"),
        ({"layout": "jp", "model": "pc105"}, "jp106"),
        ({"layout": "us", "variant": "dvorak"}, "dvorak"),
        ({"layout": "ch", "variant": "fr"}, "fr_CH"),
        ({"layout": "ru"}, "ru"),
        ({"layout": "us,ru"}, "us"),
        ({"layout": "cz,us", "variant": "qwerty,"}, "cz-qwerty"),
    ],
)
def test_the_console_gets_its_own_name_for_the_layout(listed, settings, keymap):
    (listed / "etc/vconsole.conf").write_text("FONT=eurlatgr\nKEYMAP=xx\n")
    context = apply_twice(listed, settings, "el8")
    assert (listed / "etc/vconsole.conf").read_text() == 'FONT=eurlatgr\nKEYMAP="%s"\n' % keymap
    assert context.warnings == []
    written = (listed / "etc/X11/xorg.conf.d/00-keyboard.conf").read_text()
    assert '"XkbLayout" "%s"' % settings["layout"] in written


def test_an_unknown_layout_is_refused_with_the_likely_one(listed):
    with pytest.raises(AgentError) as caught:
        plan(listed, {"layout": "latan"}, "el8")
    assert caught.value.code == "unknown-layout" and "did you mean latam?" in str(caught.value)
    assert not os.path.exists(str(listed / "etc/vconsole.conf"))


@pytest.mark.parametrize("field", ["layout", "model", "variant", "options"])
def test_what_a_shell_would_run_is_refused(scratch_root, field):
    with pytest.raises(AgentError) as caught:
        plan(scratch_root, dict({"layout": "us"}, **{field: 'us"; $(id)'}), "debian")
    assert caught.value.code == "bad-keyboard"
