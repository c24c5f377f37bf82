"""What the packages are built from fits together: every unit, page and version in both lists."""

import glob
import os
import re
import subprocess
import sys

import pytest

import tsagent
from tsagent.host import Host
from tsagent.state.config import load_config

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGING = os.path.join(CHECKOUT, "packaging")
DEBIAN = os.path.join(PACKAGING, "deb", "debian")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


SPEC = read(PACKAGING, "rpm", "tsagent.spec")


def units(folder):
    names = os.listdir(os.path.join(PACKAGING, folder))
    return sorted(
        name for name in names if name.rpartition(".")[2] in ("service", "target", "timer", "socket", "path")
    )


def preset(folder):
    """The units that a folder's preset enables."""
    (path,) = glob.glob(os.path.join(PACKAGING, folder, "*.preset"))
    return sorted(re.findall(r"^enable (\S+)$", read(path), re.MULTILINE))


def sections():
    """The spec's `%files` lists: package -> its lines."""
    found = {}
    for part in re.split(r"^%files", SPEC, flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        found[head.strip() or "tsagent"] = re.split(r"^%changelog", rest, flags=re.MULTILINE)[0].split("\n")
    return found


def macro(name):
    return sorted(re.search(r"^%%global %s (.*)$" % name, SPEC, re.MULTILINE).group(1).split())


def covered(name, patterns):
    """Whether one of these paths, as the lists have them, is that of a file of this name."""
    import fnmatch

    return any(fnmatch.fnmatch(name, os.path.basename(pattern)) for pattern in patterns)


@pytest.mark.parametrize(
    "folder, packages, names",
    [
        ("systemd", ("tsagent", "tsagent"), "units"),
        ("compat", ("cloud-init-compat", "tsagent-cloud-init-compat"), "compat_units"),
    ],
)
def test_every_unit_is_packaged_and_enabled(folder, packages, names):
    wanted = units(folder)
    # One without an [Install] section is started by another.
    enabled = [name for name in wanted if "\n[Install]\n" in read(PACKAGING, folder, name)]
    assert preset(folder) == enabled == macro(names)
    lines = [line for line in sections()[packages[0]] if line.startswith("%{_unitdir}")]
    assert [name for name in wanted if not covered(name, lines)] == []
    install = read(DEBIAN, packages[1] + ".install").split("\n")
    sources = [line.split()[0] for line in install if line.startswith("packaging/%s/" % folder)]
    assert [name for name in wanted if not covered(name, sources)] == []


def test_every_launcher_is_packaged():
    names = os.listdir(os.path.join(PACKAGING, "libexec"))
    assert "agent" in names
    install = read(DEBIAN, "tsagent.install")
    assert [name for name in names if "packaging/libexec/%s usr/libexec/tsagent" % name not in install] == []
    assert [name for name in names if "packaging/libexec/" + name not in SPEC] == []


def test_every_manual_page_is_packaged(tmp_path):
    subprocess.check_call(
        [sys.executable, os.path.join(PACKAGING, "generate_manual.py"), "--output", str(tmp_path)]
    )
    pages = sorted(os.listdir(str(tmp_path)))
    assert len(pages) == 4
    listed = re.findall(r"^%\{_mandir\}/man\d/(.*)\.gz$", SPEC, re.MULTILINE)
    assert sorted(listed) == pages
    debian = [read(path).split() for path in glob.glob(DEBIAN + "/*.manpages")]
    assert sorted(os.path.basename(name) for names in debian for name in names) == pages


def test_versions_agree():
    assert re.search(r"tsagent_version:([\d.]+)\}", SPEC).group(1) == tsagent.__version__
    assert re.match(r"tsagent \(([\d.]+)\)", read(DEBIAN, "changelog")).group(1) == tsagent.__version__
    assert "- %s-1\n" % tsagent.__version__ in SPEC


def test_libraries_agree():
    wanted = set(
        re.findall(
            r"^    (\w+)>=",
            read(CHECKOUT, "setup.cfg").partition("install_requires =")[2].partition("[")[0],
            re.MULTILINE,
        )
    )
    assert wanted == {"PyYAML", "requests", "jsonschema", "netifaces"}
    for name in wanted:
        debian = {"PyYAML": "yaml"}.get(name, name)
        assert "\n python3-%s,\n" % debian in read(DEBIAN, "control")
        assert "python36-%s\n" % name in SPEC
        assert "python3-%s\n" % name.lower() in SPEC


def test_every_default_of_the_shipped_configuration_may_be_taken_out_of_its_comment(tmp_path):
    text = read(PACKAGING, "etc", "agent.yaml")
    settings = re.findall(r"^#(\w+: .*)$", text, re.MULTILINE)
    assert len(settings) >= 5
    target = tmp_path / "etc" / "tsagent" / "agent.yaml"
    target.parent.mkdir(parents=True)
    host = Host(str(tmp_path))
    plain = vars(load_config(host.root, use_cache=False))
    for content in (text, "\n".join(settings)):
        target.write_text(content + "\n", encoding="utf-8")
        assert vars(load_config(host.root, use_cache=False)) == plain
