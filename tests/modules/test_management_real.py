"""Configuration managers for real: this machine's Ansible, Puppet and Ruby read what was written for them."""

import json
import os
import stat
import subprocess

import pytest
import yaml

from tsagent.changes.base import CONVERGED, DIFFERS, Probe
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host, Runner
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users, owners of files"),
]

INSTANCE = "/var/lib/tsagent/instances/i-1"
LOG = "/var/log/tsagent-output.log"


class Sheltered(Runner):
    """Programs see a home of the test's own."""

    def __init__(self, home):
        super().__init__()
        self.home = str(home)

    def environment(self, extra=None):
        return dict(super().environment(extra), HOME=self.home)


@pytest.fixture
def host(scratch_root, tmp_path):
    (scratch_root / "var/log").mkdir(parents=True)
    host = Host(str(scratch_root), commands="here", runner=Sheltered(tmp_path))
    host.facts = Facts.from_data({"os": {"package_manager": "apt"}})
    host.instance_dir = INSTANCE
    host.root.mkdir(INSTANCE, 0o700)
    return host


def plan(name, settings, host, **instance):
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules[name], tree)
    facts = Facts.from_data({"os": {"package_manager": "apt"}})
    context = Context(name, {name: settings}, facts, host.root, host.hardware, instance=instance)
    return list(module.plan(context))


def of_type(changes, kind):
    return [change for change in changes if change.type == kind]


def output(host):
    return host.root.read(LOG).decode("utf-8")


# -- Ansible --------------------------------------------------------------------------------------

PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: leave a mark
      copy: {content: "%s", dest: %s}
"""


@pytest.mark.slow
def test_ansible_pulls_and_plays_and_one_failure_stops_nothing(host, tmp_path):
    repository = tmp_path / "site"
    repository.mkdir()
    for name, text in (
        ("one.yml", PLAYBOOK % ("first", tmp_path / "one")),
        (
            "bad.yml",
            "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{fail: {msg: no}}]\n",
        ),
        ("two.yml", PLAYBOOK % ("second", tmp_path / "two")),
    ):
        (repository / name).write_text(text, encoding="utf-8")
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "plays"]):
        subprocess.check_call(git + words)
    config = tmp_path / "ansible.cfg"
    config.write_text("[defaults]\nhome = %s/.ansible\n" % tmp_path, encoding="utf-8")
    pull = {"url": "file://%s" % repository, "playbook_names": ["one.yml", "bad.yml"], "full": True}
    play = {"playbook_dir": str(tmp_path / "clone"), "playbook_name": "two.yml", "inventory": "localhost,"}
    settings = {
        "ansible_config": str(config),
        "pull": [pull],
        "setup_controller": {
            "repositories": [{"path": str(tmp_path / "clone"), "source": "file://%s" % repository}],
            "run_ansible": [dict(play, forks=1)],
        },
    }
    changes = plan("ansible", settings, host)
    assert [change.probe(host).state for change in of_type(changes, "install_one_of")][1] == DIFFERS
    runs = of_type(changes, "run_program")
    errors = []
    for run in runs:
        try:
            run.apply(host)
            errors.append(None)
        except AgentError as error:
            errors.append(error.message)
    # 2 is how ansible-playbook ends when a host failed.
    assert errors == [None, "ansible-pull failed with status 2", None, None], output(host)
    assert (tmp_path / "one").read_text(encoding="utf-8") == "first"
    assert (tmp_path / "two").read_text(encoding="utf-8") == "second"
    assert "--- pull and play bad.yml of file://%s ---" % repository in output(host)


# -- Puppet ---------------------------------------------------------------------------------------

PUPPET_CONF = """\
# the image's own
[main]
ssldir = /var/lib/puppet/ssl

[agent]
  server = old.example.com
  report = true
server = older.example.com
"""


def test_puppet_reads_the_settings_that_were_put_into_its_file(host, scratch_root):
    (scratch_root / "etc/puppet").mkdir()
    (scratch_root / "etc/puppet/puppet.conf").write_text(PUPPET_CONF, encoding="utf-8")
    (scratch_root / "etc/hostname").write_text("Web1.example.com\n", encoding="utf-8")
    conf = {
        "agent": {"server": "new.example.com", "certname": "%i.%f", "usecacheonfailure": False},
        "server": {"autosign": "/etc/puppet/auto.conf"},
        "ca_cert": "PEM\n",
    }
    settings = {
        "conf": conf,
        "csr_attributes": {
            "custom_attributes": {"1.2.840.113549.1.9.7": "hidden-word"},
            "extension_requests": {"pp_uuid": "ED803750", "pp_role": "yes"},
        },
        "exec": True,
        "exec_args": ["--version"],
    }
    changes = plan("puppet", settings, host, instance_id="ins-AB")
    for change in changes:
        if change.type in ("verify", "edit_file", "make_directory", "write_file", "run_program"):
            change.apply(host)
            again = change.probe(host)
            assert again.state == CONVERGED or change.type == "run_program", change.describe()
    file = str(scratch_root / "etc/puppet/puppet.conf")
    words = ["puppet", "config", "print", "--config", file, "--section", "agent"]
    names = ["server", "certname", "usecacheonfailure", "report", "ssldir"]
    said = subprocess.check_output(words + names, stderr=subprocess.STDOUT).decode("utf-8").splitlines()
    assert sorted(said) == [
        "certname = ins-ab.web1.example.com",
        "report = true",
        "server = new.example.com",
        "ssldir = /var/lib/puppet/ssl",
        "usecacheonfailure = false",
    ]
    text = (scratch_root / "etc/puppet/puppet.conf").read_text(encoding="utf-8")
    assert text.startswith("# the image's own\n[main]\n") and text.count("server = ") == 1
    assert text.endswith("\n[server]\nautosign = /etc/puppet/auto.conf\n")
    assert (scratch_root / "var/lib/puppet/ssl/certs/ca.pem").read_text(encoding="utf-8") == "PEM\n"
    attributes = scratch_root / "etc/puppet/csr_attributes.yaml"
    assert stat.S_IMODE(os.stat(str(attributes)).st_mode) == 0o600
    assert yaml.safe_load(attributes.read_text(encoding="utf-8")) == settings["csr_attributes"]
    assert output(host).startswith("--- run puppet agent ---\n")


def test_puppet_has_its_files_where_they_are_looked_for(host):
    installed = of_type(plan("puppet", {}, host), "verify")[0]
    words = ["config", "ssldir", "csr_attributes"]
    said = subprocess.check_output(["puppet", "config", "print"] + words, stderr=subprocess.DEVNULL)
    real = dict(line.split(" = ") for line in said.decode("utf-8").splitlines())
    names = {"config": "conf_file", "ssldir": "ssl_dir", "csr_attributes": "csr_attributes_path"}
    assert real == {word: installed.attribute(Host("/"), names[word]) for word in words}


def test_puppets_own_packages_have_their_files_elsewhere(host, scratch_root):
    (scratch_root / "opt/puppetlabs/bin").mkdir(parents=True)
    (scratch_root / "opt/puppetlabs/bin/puppet").write_text("#!/bin/sh\necho 7.7.0\n", encoding="utf-8")
    changes = plan("puppet", {"conf": {"main": {"server": "a"}, "ca_cert": "PEM\n"}}, host)
    for change in of_type(changes, "edit_file") + of_type(changes, "make_directory"):
        change.apply(host)
    assert (scratch_root / "etc/puppetlabs/puppet/puppet.conf").read_text(encoding="utf-8") == (
        "[main]\nserver = a\n"
    )
    assert (scratch_root / "etc/puppetlabs/puppet/ssl/certs").is_dir()


# -- Chef and Salt --------------------------------------------------------------------------------

READER = """\
require 'json'
$seen = {}
module Chef; module Log; class Formatter; def self.show_time=(v); $seen['show_time'] = v; end; end; end; end
class Reader
  def method_missing(name, *values)
    $seen[name.to_s] = values[0].is_a?(Symbol) ? ':' + values[0].to_s : values[0]
  end
end
Reader.new.instance_eval(File.read(ARGV[0]))
puts JSON.generate($seen)
"""


def test_ruby_reads_the_configuration_of_chefs_client(host, scratch_root, tmp_path):
    odd = "a'b\\'c\\\\ #{`touch /tmp/never`} \\n \"d\""
    settings = {
        "server_url": "https://chef.example.com/organizations/site",
        "validation_name": odd,
        "validation_cert": "hidden-key\n",
        "ssl_verify_mode": "verify_peer",
        "log_level": ":auto",
        "run_list": ["recipe[nginx]"],
        "initial_attributes": {"name": "Zoë"},
    }
    for change in plan("chef", settings, host, instance_id="ins-1"):
        if change.type in ("make_directory", "write_file"):
            change.apply(host)
            assert change.probe(host).state == CONVERGED
    file = str(scratch_root / "etc/chef/client.rb")
    subprocess.check_output(["ruby", "-c", file])
    (tmp_path / "reader.rb").write_text(READER, encoding="utf-8")
    seen = json.loads(subprocess.check_output(["ruby", str(tmp_path / "reader.rb"), file]).decode("utf-8"))
    assert seen == {
        "chef_server_url": "https://chef.example.com/organizations/site",
        "node_name": "ins-1",
        "environment": "_default",
        "validation_client_name": odd,
        "validation_key": "/etc/chef/validation.pem",
        "client_key": "/etc/chef/client.pem",
        "ssl_verify_mode": ":verify_peer",
        "json_attribs": "/etc/chef/firstboot.json",
        "file_cache_path": "/var/chef/cache",
        "file_backup_path": "/var/chef/backup",
        "pid_file": "/var/run/chef/client.pid",
        "log_level": ":auto",
        "log_location": "/var/log/chef/client.log",
        "show_time": True,
    }
    first = json.loads((scratch_root / "etc/chef/firstboot.json").read_text(encoding="utf-8"))
    assert first == {"run_list": ["recipe[nginx]"], "name": "Zoë"}
    key = os.stat(str(scratch_root / "etc/chef/validation.pem"))
    assert stat.S_IMODE(key.st_mode) == 0o600


def test_a_word_that_would_be_code_in_chefs_configuration_is_refused(host):
    with pytest.raises(AgentError) as caught:
        plan("chef", {"server_url": "https://c", "log_level": ":info; system('x')"}, host)
    assert (caught.value.code, caught.value.message) == ("bad-symbol", "chef.log_level is no Ruby symbol")


def test_salts_files_are_yaml_and_its_key_is_private(host, scratch_root):
    conf = {"master": ["a.example.com", "b.example.com"], "id": "yes", "mine": {"n": None}}
    settings = {"conf": conf, "grains": {"role": ["web"]}, "public_key": "PUB\n", "private_key": "KEY\n"}
    for change in plan("salt_minion", settings, host):
        if change.type in ("make_directory", "write_file"):
            change.apply(host)
            assert change.probe(host).state == CONVERGED
    directory = scratch_root / "etc/salt"
    assert yaml.safe_load((directory / "minion").read_text(encoding="utf-8")) == conf
    assert yaml.safe_load((directory / "grains").read_text(encoding="utf-8")) == {"role": ["web"]}
    modes = {
        name: stat.S_IMODE(os.stat(str(directory / "pki/minion" / name)).st_mode)
        for name in (".", "minion.pem", "minion.pub")
    }
    assert modes == {".": 0o700, "minion.pem": 0o600, "minion.pub": 0o644}


def test_a_probe_says_whether_a_repository_is_cloned(host, scratch_root):
    settings = {"setup_controller": {"repositories": [{"path": "/srv/plays", "source": "x"}]}}
    clone = of_type(plan("ansible", settings, host), "run_program")[0]
    assert clone.probe(host).state == DIFFERS
    (scratch_root / "srv/plays/.git").mkdir(parents=True)
    assert clone.probe(host).state == DIFFERS  # one that was cut off
    (scratch_root / "srv/plays/.git/index").write_text("")
    seen = clone.probe(host)
    assert isinstance(seen, Probe) and seen.state == CONVERGED


def test_bytes_are_no_directory_of_salts(host):
    """YAML's !!binary passes as text; the usual directories are taken then."""
    keys = {"public_key": "a", "private_key": "b", "pki_dir": b"\xff", "config_dir": b"\xfe", "conf": {}}
    paths = [change.target for change in of_type(plan("salt_minion", keys, host), "write_file")]
    top = "/etc/salt/"
    assert paths == [top + "minion", top + "pki/minion/minion.pub", top + "pki/minion/minion.pem"]
