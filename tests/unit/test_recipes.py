"""The recipes hold together without being run: scripts parse, configuration is valid, commands exist.

`make recipe-test` runs them.
"""

import glob
import os
import re
import shlex
import subprocess

import pytest

from tsagent.cli.parser import parse
from tsagent.host import Tree
from tsagent.registry.discovery import discover
from tsagent.session.settings import layer_of_defaults
from tsagent.state.config import load_config

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECIPES = os.path.join(CHECKOUT, "packaging", "recipes")
CONFIGS = sorted(
    glob.glob(RECIPES + "/*/mkosi.extra/etc/tsagent/agent.d/*.yaml") + [RECIPES + "/packer/agent.yaml"]
)
# The file of each recipe that says what is done in the image, and the line there that cleans it.
LAST = {
    "mkosi-debian/mkosi.postinst.chroot": "tsagent clean --machine-id --logs",
    "mkosi-opencloudos/mkosi.postinst.chroot": "tsagent clean --machine-id --logs",
    "virt-customize/bake.sh": "tsagent clean --machine-id --logs",
    "packer/image.pkr.hcl": "tsagent clean --machine-id --logs",
    "kickstart/tsagent.ks": "tsagent clean --machine-id --logs",
}


def read(name):
    with open(os.path.join(RECIPES, name), encoding="utf-8") as file:
        return file.read()


def commands(text):
    """The tsagent commands in a recipe, comments and what comes after them left out."""
    lines = [re.sub(r"^\s*#.*", "", line) for line in text.splitlines()]
    pattern = r"""(?:^\s*|"\s*|'|sudo )tsagent ([a-z]+(?: --[a-z-]+(?: [a-z0-9]+)?)*)"""
    return re.findall(pattern, "\n".join(lines), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(LAST))
def test_commands_are_the_agents_own_and_clean_is_the_last(name):
    found = commands(read(name))
    assert found, name
    for words in found:
        parse(shlex.split(words))  # SystemExit for what the agent does not know
    assert "tsagent " + found[-1] == LAST[name]


@pytest.mark.parametrize("path", CONFIGS)
def test_configuration_is_valid(path, tmp_path):
    directory = tmp_path / "etc/tsagent/agent.d"
    directory.mkdir(parents=True)
    with open(path, encoding="utf-8") as file:
        (directory / "10-image.yaml").write_text(file.read(), encoding="utf-8")
    config = load_config(Tree(str(tmp_path)), use_cache=False)
    assert config.problems == [] and config.sources
    modules = discover(Tree("/"), use_cache=False).modules
    assert layer_of_defaults(config, modules)[1] == []


def test_scripts_parse():
    kickstart = read("kickstart/tsagent.ks")
    (post,) = re.findall(r"^%post[^\n]*\n(.*?)^%end", kickstart, re.MULTILINE | re.DOTALL)
    for name in ("mkosi-debian/mkosi.postinst.chroot", "virt-customize/bake.sh"):
        assert os.access(os.path.join(RECIPES, name), os.X_OK)
    texts = [post] + [read(name) for name in LAST if name.endswith((".sh", ".chroot"))]
    for text in texts:
        done = subprocess.run(["sh", "-n"], input=text.encode("utf-8"), stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, b"")


def test_packer_waits_with_a_limit_and_knows_the_exit_codes():
    text = read("packer/image.pkr.hcl")
    wait = text.index("tsagent status --wait --timeout 600 --fail-on degraded")
    codes = text.index("valid_exit_codes = var.accept_degraded ? [0, 2] : [0]")
    assert wait < codes < text.index("tsagent clean")


def test_kickstart_sets_the_images_configuration(tmp_path):
    (config,) = re.findall(r"10-image\.yaml <<'END'\n(.*?)^END", read("kickstart/tsagent.ks"), re.M | re.S)
    directory = tmp_path / "etc/tsagent/agent.d"
    directory.mkdir(parents=True)
    (directory / "10-image.yaml").write_text(config, encoding="utf-8")
    loaded = load_config(Tree(str(tmp_path)), use_cache=False)
    assert loaded.problems == [] and loaded.sources == ["configdrive", "imds"]


def test_every_recipe_is_in_the_documentation():
    with open(os.path.join(CHECKOUT, "docs", "images.md"), encoding="utf-8") as file:
        text = file.read()
    assert [name for name in sorted(os.listdir(RECIPES)) if "packaging/recipes/%s" % name not in text] == []


def test_configuration_of_the_documentation_is_valid(tmp_path):
    with open(os.path.join(CHECKOUT, "docs", "images.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```yaml\n(.*?)^```", file.read(), re.M | re.S)
    assert blocks
    directory = tmp_path / "etc/tsagent/agent.d"
    directory.mkdir(parents=True)
    modules = discover(Tree("/"), use_cache=False).modules
    for block in blocks:
        (directory / "10-image.yaml").write_text(block, encoding="utf-8")
        config = load_config(Tree(str(tmp_path)), use_cache=False)
        assert config.problems == [] and layer_of_defaults(config, modules)[1] == []
        assert set(config.disabled) <= set(modules)
