"""Texts of apt's sources, judged beside apt itself."""

import importlib.util
import os
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("apt_lists", os.path.join(ROOT, "modules/apt/lists.py"))
lists = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lists)

PARAGRAPH = "Types: deb\nURIs: http://example.com/\nSuites: a b\nComponents: main\n"
GOOD = [
    "deb http://example.com/ x main contrib\n",
    "deb [arch=amd64 trusted=yes] file:/srv/debs ./ # end\n\n# comment\ndeb-src http://example.com/ x main",
    "deb [ arch=amd64 ] http://example.com/ x main",
    PARAGRAPH,
    "# first\n" + PARAGRAPH + "\n# second\n" + PARAGRAPH.replace("a b", "\n a\n# between\n b"),
    PARAGRAPH.replace("deb", "deb deb-src") + "Enabled: no\n",
    "types: deb\nuris: file:/srv\nsuites: ./\n",
]
BAD = [
    "ppa:<name>",
    "nonsense\n" + GOOD[0],
    "deb http://example.com/",
    "deb http://example.com/ x",
    "deb http://example.com/ ./ main",
    "deb example.com x main",
    "rpm http://example.com/ x main",
    PARAGRAPH.replace("URIs: http://example.com/\n", ""),
    PARAGRAPH.replace("Components: main\n", ""),
    PARAGRAPH.replace("Types: deb", "Types: rpm"),
    PARAGRAPH.replace("a b", "./"),
    PARAGRAPH + "stray\n",
]
ONE_LINE = """\
# the archive
deb http://old.example.com/debian wheel main non-free  # mine
deb [arch=amd64 signed-by=/old.gpg] http://old.example.com/debian wheel-updates main
deb http://old.example.com/security wheel-security main
deb http://third.example.com/ wheel stable
# deb http://old.example.com/debian wheel-backports main
"""


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this is no Debian: there is no apt")
@pytest.mark.parametrize("text", GOOD + BAD)
def test_apt_reads_just_what_has_no_mistake(text, tmp_path):
    (tmp_path / ("x.sources" if lists.is_deb822(text) else "x.list")).write_text(text, encoding="utf-8")
    places = ["-oDir::Etc::sourceparts=%s" % tmp_path, "-oDir::Etc::sourcelist=/dev/null"]
    done = subprocess.run(
        ["apt-get"] + places + ["indextargets"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert (done.returncode == 0) == (text in GOOD), done.stdout
    assert bool(lists.mistake(text)) == (text in BAD)


def test_other_mirrors_in_the_one_line_style():
    mirrors = {"primary": "http://new.example.com/", "security": "http://safe.example.com/"}
    text = lists.replace_mirrors(ONE_LINE, "wheel", mirrors, {"primary": "/new.gpg"})
    assert text == (
        "# the archive\n"
        "deb http://new.example.com/ wheel main non-free # mine\n"
        "deb [arch=amd64 signed-by=/new.gpg] http://new.example.com/ wheel-updates main\n"
        "deb http://safe.example.com/ wheel-security main\n"
        "deb http://third.example.com/ wheel stable\n"
        "# deb http://old.example.com/debian wheel-backports main\n"
    )
    assert lists.replace_mirrors(text, "wheel", mirrors, {"primary": "/new.gpg"}) == text
    assert lists.replace_mirrors(ONE_LINE, "other", mirrors, {}) == ONE_LINE
    assert lists.first_mirrors([ONE_LINE], "wheel") == (
        "http://old.example.com/debian",
        "http://old.example.com/security",
    )


def test_suites_off_and_lists_set_aside_stay_so():
    for text in (ONE_LINE, "# note\n" + PARAGRAPH + "\n" + PARAGRAPH.replace("a b", "\n c\n d")):
        for change in (
            lambda text: lists.disable_suites(text, ["wheel", "a", "c", "d"]),
            lists.set_aside,
        ):
            once = change(text)
            assert change(once) == once != text
            assert lists.mistake(once) == ""
    assert "Suites: b\n" in lists.disable_suites(PARAGRAPH, ["a"])
    assert "Enabled: no" in lists.disable_suites(PARAGRAPH, ["a", "b"])


def test_an_entry_is_added_once():
    line = "deb http://example.com/ x main"
    text = lists.with_entry("# mine", line, True)
    assert text == "# mine\n%s\n" % line
    assert lists.with_entry(text.replace(" x", "   x"), line, True) == text.replace(" x", "   x")
    assert lists.with_entry(text, line, False) == line + "\n"
    two = lists.with_entry(PARAGRAPH, PARAGRAPH.replace("a b", "c"), True)
    assert two == PARAGRAPH + "\n" + PARAGRAPH.replace("a b", "c")
    assert lists.with_entry(two, PARAGRAPH, True) == two
