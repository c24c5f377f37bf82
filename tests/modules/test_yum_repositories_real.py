"""Repositories of dnf for real: dnf and configparser read the files, and a package comes from one."""

import configparser
import os
import stat
import subprocess

import pytest

from tsagent.changes.base import CONVERGED
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module
from tsagent.userdata.validation import accept

SPEC = """\
Name: greeting
Version: 1.0
Release: 1
Summary: A package for tests
License: MIT
BuildArch: noarch
%description
A package for tests.
%install
mkdir -p %{buildroot}/usr/share/greeting
echo hello > %{buildroot}/usr/share/greeting/text
%files
/usr/share/greeting
"""
SHIPPED = """\
# The distribution's.
[main-repo]
name=Main
metalink=https://mirrors.example.com/metalink
enabled=1

# Sources of it
[main-source]
name=Main sources
baseurl=https://mirrors.example.com/source
enabled=0
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository of one package, with a blank in its path."""
    top = tmp_path_factory.mktemp("repository")
    (top / "package.spec").write_text(SPEC, encoding="utf-8")
    macros = ["_topdir %s/build" % top, "_rpmdir %s/rpms" % top]
    build = ["rpmbuild", "-bb", "--quiet"] + ["--define=" + macro for macro in macros]
    subprocess.check_output(build + [str(top / "package.spec")], stderr=subprocess.STDOUT)
    subprocess.check_call(["createrepo_c", "--quiet", str(top / "rpms")])
    return top / "rpms"


def planned(host, settings):
    """The module's changes and warnings on a tree of TencentOS Server 4."""
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["yum_repositories"], tree)
    facts = Facts.from_data({"os": {"package_manager": "dnf", "id": "tencentos", "version_id": "4"}})
    context = Context("yum_repositories", settings, facts, host.root, host.hardware)
    return list(module.plan(context)), context


def apply(root, settings):
    """Apply the module twice: the second time there is nothing to do."""
    host = Host(str(root))
    changes, context = planned(host, settings)
    for change in changes:
        if change.probe(host).state != CONVERGED:
            change.apply(host)
    again, _ = planned(host, settings)
    assert [change.target for change in again] == [change.target for change in changes]
    assert {change.probe(host).state for change in again} <= {CONVERGED}
    return context


def dnf(root, *words):
    """What dnf says with the repositories of a tree and no others."""
    command = ["dnf", "--quiet", "--installroot=%s" % root, "--releasever=4"]
    command += ["--setopt=reposdir=%s/etc/yum.repos.d" % root, "--setopt=cachedir=%s/cache" % root]
    return subprocess.check_output(command + list(words), stderr=subprocess.STDOUT).decode()


def options_of(path):
    parser = configparser.RawConfigParser()
    parser.read(str(path), encoding="utf-8")
    return {name: dict(parser.items(name)) for name in parser.sections()}


def test_dnf_installs_from_what_was_written(scratch_root, repository):
    settings = {
        "yum_repos": {
            "my packages": {"baseurl": "file://%s" % repository, "gpgcheck": False, "enabled": True},
            "switched-off": {"baseurl": "file:///nowhere", "enabled": False, "name": "100% off"},
        }
    }
    apply(scratch_root, settings)
    listed = dnf(scratch_root, "repolist", "--all").splitlines()
    assert [line.split()[0] + " " + line.split()[-1] for line in listed[1:]] == [
        "my-packages enabled",
        "switched-off disabled",
    ]
    assert any("100% off" in line for line in listed)
    dnf(scratch_root, "-y", "install", "greeting")
    assert (scratch_root / "usr/share/greeting/text").read_text(encoding="utf-8") == "hello\n"


def test_values_as_an_ini_parser_reads_them(scratch_root):
    settings = {
        "yum_repos": {
            "several": {
                "baseurl": "https://a.example.com/\n\nhttps://b.example.com/\n[not-a-section]",
                "gpgkey": ["file:///etc/a", "file:///etc/b"],
                "skip_if_unavailable": True,
                "metadata_expire": 3600,
                "name": "50% more",
            }
        }
    }
    apply(scratch_root, settings)
    path = scratch_root / "etc/yum.repos.d/several.repo"
    assert options_of(path) == {
        "several": {
            "name": "50% more",
            "baseurl": "https://a.example.com/\nhttps://b.example.com/\n[not-a-section]",
            "gpgkey": "file:///etc/a\nfile:///etc/b",
            "skip_if_unavailable": "1",
            "metadata_expire": "3600",
        }
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_repository_that_is_there_is_changed_where_it_stands(scratch_root, repository):
    directory = scratch_root / "etc/yum.repos.d"
    directory.mkdir(parents=True)
    (directory / "Distribution.repo").write_text(SHIPPED, encoding="utf-8")
    apply(
        scratch_root, {"yum_repos": {"main-repo": {"baseurl": "file://%s" % repository, "gpgcheck": False}}}
    )
    assert os.listdir(str(directory)) == ["Distribution.repo"]
    assert options_of(directory / "Distribution.repo") == {
        "main-repo": {"name": "main-repo", "baseurl": "file://%s" % repository, "gpgcheck": "0"},
        "main-source": {
            "name": "Main sources",
            "baseurl": "https://mirrors.example.com/source",
            "enabled": "0",
        },
    }
    text = (directory / "Distribution.repo").read_text(encoding="utf-8")
    assert text.startswith("# The distribution's.\n") and "\n\n# Sources of it\n[main-source]\n" in text
    assert "greeting.noarch" in dnf(scratch_root, "list", "--available")


def test_a_password_is_for_root_alone(scratch_root):
    settings = {"yum_repos": {"private": {"baseurl": "https://example.com/", "password": "hunter22"}}}
    host = Host(str(scratch_root))
    changes, context = planned(host, settings)
    assert "hunter22" not in repr([change.detail(host) for change in changes])
    apply(scratch_root, settings)
    path = scratch_root / "etc/yum.repos.d/private.repo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert options_of(path)["private"]["password"] == "hunter22"
    assert context.warnings == []


def test_an_id_leads_nowhere_else(scratch_root):
    settings = {"yum_repos": {"../../up": {"baseurl": "https://example.com/"}}}
    apply(scratch_root, settings)
    assert os.listdir(str(scratch_root / "etc/yum.repos.d")) == ["..-..-up.repo"]


def test_what_is_wrong_fails_alone(checkout):
    import json

    with open(checkout + "/schemas/yum_repositories.json", encoding="utf-8") as stream:
        schema = json.load(stream)
    config = {
        "yum_repos": {
            "good": {"baseurl": "https://example.com/", "gpgcheck": {"a": 1}, "with-hyphen": 1},
            "bad": {"name": "no place"},
        }
    }
    left, problems = accept(config, None, [schema])
    assert left == {"yum_repos": {"good": {"baseurl": "https://example.com/"}}}
    assert {problem.path for problem in problems} == {
        "/yum_repos/good/gpgcheck",
        "/yum_repos/good/with-hyphen",
        "/yum_repos/bad",
    }
