"""Time servers: the real chronyd and systemd read what is written, and the image's own come back."""

import os
import subprocess

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.host import Host, Runner
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

EL8 = {"family": "el8", "id": "tencentos", "major": 3, "rhel_generation": 8, "package_manager": "dnf"}
DEBIAN = {"family": "debian", "id": "debian", "major": 12, "package_manager": "apt"}
CLOUD = """# The cloud's own servers.
server time1.cloud.example iburst
server time2.cloud.example iburst
# server an.old.one
sourcedir /run/chrony-dhcp
minsources 3

driftfile /var/lib/chrony/drift
makestep 1.0 3
rtcsync"""


def load():
    return load_module(discover(Host("/").root, use_cache=False).modules["ntp"], Host("/").root)


def plan(host, settings, system):
    context = Context("ntp", {"ntp": settings}, Facts.from_data({"os": system}), host.root, host.hardware)
    return list(load().plan(context)), context


def apply(root, settings, system=EL8):
    """Apply what can be in a tree, see that all is as wanted then; the context."""
    host = Host(str(root), commands="skip")
    changes, context = plan(host, settings, system)
    for change in changes:
        if change.type in ("write_file", "edit_file"):
            change.apply(host)
            assert change.probe(host).state == CONVERGED
    return context


def chrony_reads(path):
    """The directives as chronyd itself reads them; fails where it finds an error."""
    return (
        subprocess.check_output(["chronyd", "-p", "-f", str(path)], stderr=subprocess.STDOUT)
        .decode()
        .splitlines()
    )


@pytest.fixture
def chrony(scratch_root):
    (scratch_root / "usr/sbin").mkdir(parents=True)
    (scratch_root / "usr/sbin/chronyd").write_text("")
    (scratch_root / "etc/chrony.conf").write_text(CLOUD)
    return scratch_root


def sources(lines):
    words = ("server", "pool", "peer", "allow", "sourcedir", "minsources")
    return [line for line in lines if line.split()[0] in words]


def test_chronyd_reads_the_given_servers_and_no_others(chrony):
    path = chrony / "etc/chrony.conf"
    settings = {
        "servers": ["10.0.0.1", "fd00::1", "ntp.example.com"],
        "pools": ["pool.example.com"],
        "peers": ["km001"],
        "allow": ["192.168.23.0/24", "fd00::/8"],
    }
    apply(chrony, settings)
    seen = chrony_reads(path)
    assert sources(seen) == [
        "pool pool.example.com iburst",
        "server 10.0.0.1 iburst",
        "server fd00::1 iburst",
        "server ntp.example.com iburst",
        "peer km001",
        "allow 192.168.23.0/24",
        "allow fd00::/8",
    ]
    assert "makestep 1.0 3" in seen and "rtcsync" in seen
    assert "time1.cloud.example" in path.read_text()  # nothing of the image's is lost


def test_the_images_servers_stay_where_none_are_given_and_come_back(chrony):
    path = chrony / "etc/chrony.conf"
    apply(chrony, None)
    assert path.read_text() == CLOUD
    apply(chrony, {"allow": ["10.0.0.0/8"]})
    own = [
        "server time1.cloud.example iburst",
        "server time2.cloud.example iburst",
        "sourcedir /run/chrony-dhcp",
        "minsources 3",
    ]
    assert sources(chrony_reads(path)) == ["allow 10.0.0.0/8"] + own
    apply(chrony, {"servers": ["a.example.com"]})
    assert sources(chrony_reads(path)) == ["server a.example.com iburst"]
    once = path.read_text()
    apply(chrony, {"servers": ["a.example.com"]})
    assert path.read_text() == once
    apply(chrony, {"peers": ["b.example.com"]})  # another instance, made from this one's disk
    assert sources(chrony_reads(path)) == ["peer b.example.com"] + own


def test_a_file_that_is_missing_is_one_chronyd_starts_with(chrony):
    path = chrony / "etc/chrony.conf"
    path.unlink()
    apply(chrony, {"pools": ["pool.example.com"]})
    seen = chrony_reads(path)
    assert "pool pool.example.com iburst" in seen and "makestep 1.0 3" in seen


def test_debians_own_file_is_read_with_the_given_servers(chrony, tmp_path):
    with open("/etc/chrony/chrony.conf", encoding="utf-8") as stream:
        text = stream.read()
    (chrony / "etc/chrony").mkdir()
    path = chrony / "etc/chrony/chrony.conf"
    path.write_text(text)
    apply(chrony, {"pools": ["0.int.pool.ntp.org", "ntp.myorg.org"], "servers": ["192.168.23.2"]}, DEBIAN)
    assert sources(chrony_reads(path)) == [
        "pool 0.int.pool.ntp.org iburst",
        "pool ntp.myorg.org iburst",
        "server 192.168.23.2 iburst",
    ]


TEMPLATE = """## template:jinja
# My NTP Client config
{% if pools %}# pools
{% endif %}
{% for pool in pools -%}
pool {{pool}} iburst
{% endfor %}
{%- if servers %}# servers
{% endif %}
{% for server in servers -%}
server {{server}} iburst
{% endfor %}
{% for cidr in allow -%}
allow {{cidr}}
{% endfor %}
"""


def test_a_template_replaces_the_file_and_the_former_is_kept_once(chrony):
    path = chrony / "etc/chrony.conf"
    settings = {
        "pools": ["p.example.com"],
        "servers": ["s"],
        "allow": ["10.1.0.0/16"],
        "config": {"template": TEMPLATE},
    }
    apply(chrony, settings)
    assert sources(chrony_reads(path)) == [
        "pool p.example.com iburst",
        "server s iburst",
        "allow 10.1.0.0/16",
    ]
    assert path.read_text().startswith("# My NTP Client config\n# pools")
    apply(chrony, dict(settings, pools=["q.example.com"]))
    assert (chrony / "etc/chrony.conf.dist").read_text() == CLOUD


@pytest.mark.parametrize(
    "template, code, words",
    [
        ("## template: jinja\nx\n{{ nothing }}\n", "template-undefined", "line 3"),
        ("## template:jinja\n{% for %}\n", "template-syntax", "line 2"),
    ],
)
def test_a_template_that_fails_changes_nothing(chrony, template, code, words):
    with pytest.raises(AgentError) as caught:
        apply(chrony, {"servers": ["a"], "config": {"template": template}})
    assert caught.value.code == code and words in str(caught.value)
    assert (chrony / "etc/chrony.conf").read_text() == CLOUD


def test_systemd_reads_the_servers_of_timesyncd(scratch_root):
    (scratch_root / "usr/lib/systemd").mkdir(parents=True)
    (scratch_root / "usr/lib/systemd/systemd-timesyncd").write_text("")
    (scratch_root / "etc/systemd").mkdir()
    (scratch_root / "etc/systemd/timesyncd.conf").write_text("[Time]\nNTP=time1.cloud.example\n")
    apply(scratch_root, {"servers": ["a.example.com"], "pools": ["b.example.com"]}, DEBIAN)
    command = ["systemd-analyze", "--root=%s" % scratch_root, "cat-config", "systemd/timesyncd.conf"]
    shown = subprocess.check_output(command).decode()
    values = [line[len("NTP=") :] for line in shown.splitlines() if line.startswith("NTP=")]
    assert values == ["time1.cloud.example", "", "a.example.com b.example.com"]


def test_ntpd_gets_servers_for_pools_where_it_is_too_old_for_them(scratch_root):
    (scratch_root / "usr/sbin").mkdir(parents=True)
    (scratch_root / "usr/sbin/ntpd").write_text("")
    path = scratch_root / "etc/ntp.conf"
    own = "tos minclock 4 minsane 3\nserver 0.centos.pool.ntp.org iburst\n"
    path.write_text("restrict default nomodify notrap nopeer noquery\n" + own)
    el7 = {"family": "el7", "id": "centos", "major": 7, "rhel_generation": 7, "package_manager": "yum"}
    apply(scratch_root, {"ntp_client": "ntp", "pools": ["p.example.com"], "peers": ["km001"]}, el7)
    active = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert active == [
        "restrict default nomodify notrap nopeer noquery",
        "server p.example.com iburst",
        "peer km001",
    ]


def test_what_is_configured_is_installed_first(scratch_root):
    """A package that finds a configuration keeps it, and would not bring its own."""
    for settings in ({"servers": ["a"]}, {"servers": ["a"], "config": {"template": "x"}}):
        changes, _ = plan(Host(str(scratch_root), commands="skip"), settings, EL8)
        install = changes[0]
        assert install.type == "install_packages" and install in changes[1].requires


@pytest.mark.parametrize(
    "settings, code, words",
    [
        ({"ntp_client": "chorny"}, "unknown-ntp-client", "did you mean chrony?"),
        (
            {"ntp_client": "mine"},
            "unknown-ntp-client",
            "give its confpath, check_exe, service_name, template",
        ),
        (
            {"ntp_client": "mine", "config": {"confpath": "/etc/x", "check_exe": "x", "service_name": "x"}},
            "unknown-ntp-client",
            "give its template",
        ),
        ({"config": {"confpath": "etc/x"}}, "bad-path", "confpath is not an absolute path"),
    ],
)
def test_a_client_that_cannot_be_is_refused(chrony, settings, code, words):
    with pytest.raises(AgentError) as caught:
        apply(chrony, settings)
    assert caught.value.code == code and words in str(caught.value)


def test_another_client_that_is_enabled_is_switched_off(tmp_path, scratch_root):
    """With the real systemctl, on the links of a tree."""
    units = scratch_root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    text = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    for name in ("chronyd", "ntpd"):
        (units / (name + ".service")).write_text(text)
    (scratch_root / "usr/sbin").mkdir(parents=True)
    (scratch_root / "usr/sbin/chronyd").write_text("")
    programs = tmp_path / "programs"
    programs.mkdir()
    wrapper = '#!/bin/sh\nshift\nexec systemctl --root=%s "$1" "$3"\n' % scratch_root
    (programs / "systemctl").write_text(
        wrapper.replace("exec systemctl", "PATH=/usr/bin:/bin exec systemctl")
    )
    (programs / "systemctl").chmod(0o755)
    wants = scratch_root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "ntpd.service").symlink_to("/usr/lib/systemd/system/ntpd.service")
    host = Host(str(scratch_root), runner=Runner("%s:/usr/bin:/bin" % programs))
    changes, _ = plan(host, {"ntp_client": "chrony"}, EL8)
    (off,) = [change for change in changes if change.type == "run_tool"]
    assert off.probe(host).state == DIFFERS
    off.apply(host)
    assert off.probe(host).state == CONVERGED
    assert not os.path.lexists(str(wants / "ntpd.service"))
