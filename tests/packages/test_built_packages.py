"""The packages as they come from the build: what they require, hold and promise, and what the linters say."""

import glob
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest
from builder import CHECKOUT, PACKAGING, build_deb, build_rpm, run

TARGETS = {
    "el7": ("3.6", {"python36-PyYAML", "python36-jsonschema", "python36-netifaces", "python36-requests"}),
    "el8": ("3.6", {"python3-pyyaml", "python3-jsonschema", "python3-netifaces", "python3-requests"}),
    "tl4": ("3.11", {"python3-pyyaml", "python3-jsonschema", "python3-netifaces", "python3-requests"}),
}
# What el7's rpm 4.11 can read.
RPMLIB = {"CompressedFileNames", "FileDigests", "PayloadFilesHavePrefix"}
DEADLINE = 60  # seconds until a shell has surely answered


def package(folder, name, target):
    """The file of a package."""
    (found,) = glob.glob("%s/%s-[0-9]*.%s.*rpm" % (folder, name, target))
    return found


def query(path, *words):
    """The lines that rpm answers of a package file."""
    return set(run(["rpm", "-qp", "--nosignature"] + list(words) + [path]).splitlines())


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_rpm_requires_what_that_distribution_has(rpms, target):
    path = package(rpms, "tsagent", target)
    python, libraries = TARGETS[target]
    required = query(path, "--requires")
    assert libraries | {"/usr/bin/python3", "python(abi) = " + python} <= required
    features = {re.match(r"rpmlib\((.*)\)", name).group(1) for name in required if name.startswith("rpmlib(")}
    assert features <= RPMLIB
    # No library under another distribution's name, and no second Python.
    assert {name for name in required if name.startswith("python")} == libraries | {"python(abi) = " + python}
    assert bool(query(path, "--recommends")) == (target != "el7")
    assert query(path, "--qf", "%{ARCH} %{PAYLOADCOMPRESSOR}\\n") == {"noarch gzip"}


def test_source_package_has_all_that_is_generated(rpms, tmp_path):
    path = package(rpms, "tsagent", "src")
    cpio = subprocess.run(["rpm2cpio", path], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["cpio", "-id", "--quiet"], input=cpio, cwd=str(tmp_path), check=True)
    (tarball,) = glob.glob(str(tmp_path / "*.tar.gz"))
    names = run(["tar", "tf", tarball]).splitlines()
    for name in (
        "tsagent/userdata/validators_generated.py",
        "generated/man/tsagent.1",
        "generated/completion/_tsagent",
    ):
        assert any(line.endswith(name) for line in names), name
    assert not [line for line in names if ".git" in line.split("/")[1:2] or "__pycache__" in line]


def test_same_sources_make_the_same_packages_and_stay_as_they_are(rpms, debs, tmp_path):
    """Built a second time, each file is equal, byte by byte; a source package tells where it was built."""
    before = run(["git", "-C", CHECKOUT, "status", "--porcelain", "--ignored"])
    build_rpm(tmp_path / "rpm", "--target", "tl4")
    build_deb(tmp_path / "deb")
    again = [path for path in glob.glob(str(tmp_path / "*" / "*")) if not path.endswith(".src.rpm")]
    assert len(again) == 4
    for path in again:
        first = os.path.join(rpms if path.endswith(".rpm") else debs, os.path.basename(path))
        with open(path, "rb") as one, open(first, "rb") as other:
            assert one.read() == other.read(), os.path.basename(path)
    assert run(["git", "-C", CHECKOUT, "status", "--porcelain", "--ignored"]) == before


def test_a_missing_python_is_named(tmp_path):
    environment = {"PATH": "/nowhere", "PYENV_ROOT": "/nowhere", "HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, PACKAGING + "/rpm/build.py", "--target", "el7", "--output", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    if os.path.exists("/usr/bin/python3.6") or os.path.exists("/usr/local/bin/python3.6"):
        return  # it is not missing here
    assert done.returncode == 1
    (line,) = done.stdout.decode("utf-8").splitlines()
    assert "3.6" in line and "el7" in line and "--target" in line


def test_rpmlint_has_nothing_to_say(rpms):
    output = run(["rpmlint", "-c", PACKAGING + "/rpm/rpmlint.toml"] + sorted(glob.glob(rpms + "/*.rpm")))
    assert " 0 errors, 0 warnings, 0 badness" in output, output


def test_lintian_has_nothing_to_say(debs):
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", "--info"]
    assert run(words + sorted(glob.glob(debs + "/*.deb"))).strip() == ""


# -- manual pages and completion ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(debs, tmp_path_factory):
    """The contents of both Debian packages."""
    folder = str(tmp_path_factory.mktemp("unpacked"))
    for path in glob.glob(debs + "/*.deb"):
        run(["dpkg-deb", "-x", path, folder])
    return folder


def commands_and_options():
    """Every command of the parser with its options: ("user-data show", {"--format", ...})."""
    sys.path.insert(0, CHECKOUT)
    from tsagent.cli.parser import grammar

    def walk(parser, name):
        nested = False
        options = set()
        for action in parser._actions:
            if isinstance(getattr(action, "choices", None), dict):
                nested = True
                for word, below in action.choices.items():
                    yield from walk(below, (name + " " + word).strip())
            elif action.help != "==SUPPRESS==":
                options.update(option for option in action.option_strings if option.startswith("--"))
        if not nested:
            yield name, options - {"--help"}

    return dict(walk(grammar(["imds"]), ""))


@pytest.mark.parametrize(
    "page", ["man1/tsagent.1", "man5/tsagent-agent.yaml.5", "man8/tsagent.8", "man1/cloud-init.1"]
)
def test_manual_pages_are_sound(unpacked, page):
    path = unpacked + "/usr/share/man/" + page + ".gz"
    environment = dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8")
    done = subprocess.run(
        ["man", "--warnings", "-l", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert (done.returncode, done.stderr.decode("utf-8", "replace")) == (0, "")
    text = re.sub(".\b", "", done.stdout.decode("utf-8"))
    assert "NAME" in text and "DESCRIPTION" in text
    # Nothing of the documentation's own markup is left.
    assert not re.search(r"\]\(|\*\*\w|`|^\s*\|", text, re.MULTILINE)


def test_manual_tells_of_every_command_and_option(unpacked):
    environment = dict(os.environ, MANWIDTH="200", LC_ALL="C.UTF-8")
    text = run(["man", "-l", unpacked + "/usr/share/man/man1/tsagent.1.gz"], env=environment)
    text = re.sub(".\b", "", text)
    for command, options in commands_and_options().items():
        assert "tsagent " + command in text
        for option in options:
            assert option in text


@pytest.fixture
def agent_on_path(tmp_path):
    """An environment in which `tsagent` is this checkout's."""
    command = tmp_path / "bin" / "tsagent"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\nPYTHONPATH=%s exec %s -m tsagent "$@"\n' % (CHECKOUT, sys.executable))
    command.chmod(0o755)
    return dict(os.environ, PATH="%s:%s" % (command.parent, os.environ["PATH"]), PYTHONDONTWRITEBYTECODE="1")


def bash_completes(unpacked, environment, *words):
    """What bash offers for the last of these words."""
    script = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_tsagent
printf '%s\\n' "${COMPREPLY[@]}"
"""
    path = unpacked + "/usr/share/bash-completion/completions/tsagent"
    return set(run(["bash", "-c", script, "bash", path] + list(words), env=environment).split())


def test_bash_completes_commands_options_and_values(unpacked, agent_on_path):
    known = commands_and_options()
    offered = bash_completes(unpacked, agent_on_path, "tsagent", "")
    assert offered == {command.split()[0] for command in known}
    for command, options in known.items():
        assert options <= bash_completes(unpacked, agent_on_path, "tsagent", *command.split(), "--"), command
    values = bash_completes(unpacked, agent_on_path, "tsagent", "run", "--stage", "")
    assert values == {"local", "network", "final", "all"}
    modules = bash_completes(unpacked, agent_on_path, "tsagent", "explain", "")
    assert {"users", "kernel_parameters"} <= modules
    assert bash_completes(unpacked, agent_on_path, "tsagent", "run", "--only", "us") == {"users"}
    assert "nocloud:" in bash_completes(unpacked, agent_on_path, "tsagent", "plan", "--source", "")


def test_zsh_completes_commands_options_and_values(unpacked, agent_on_path, tmp_path):
    folder = unpacked + "/usr/share/zsh/vendor-completions"
    shell = Zsh(dict(agent_on_path, TERM="dumb", HOME=str(tmp_path), ZDOTDIR=str(tmp_path)))
    try:
        shell.send(
            "fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; echo read''y\n" % folder
        )
        shell.until("ready")
        for line, expected in (
            ("tsagent ", ["explain", "user-data"]),
            ("tsagent run --", ["--stage", "--user-data"]),
            ("tsagent run --stage ", ["network", "final"]),
            ("tsagent run --only ", ["kernel_parameters", "users"]),
            ("tsagent network render --renderer ", ["networkmanager", "ifcfg"]),
        ):
            shell.send(line + "\t")
            shell.until(*expected)
            shell.send("\x15echo al''so\n")  # the line is thrown away
            shell.until("also")
    finally:
        shell.close()


class Zsh:
    """An interactive zsh at a pseudo-terminal."""

    def __init__(self, environment):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.execvpe(shutil.which("zsh"), ["zsh", "-f", "-i"], environment)
        self.pid = pid

    def send(self, text):
        os.write(self.terminal, text.encode())

    def until(self, *words):
        """Read until each of these was shown."""
        shown = ""
        limit = time.monotonic() + DEADLINE
        while not all(word in shown for word in words):
            ready, _, _ = select.select([self.terminal], [], [], limit - time.monotonic())
            assert ready, "not shown: %s; but: %s" % (", ".join(words), shown)
            shown += os.read(self.terminal, 65536).decode("utf-8", "replace")

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)
