"""The hand-off to real services: tuned on a private bus, systemctl and systemd-tmpfiles in a scratch tree.

tuned runs in namespaces of its own, with profiles that set nothing but a parameter of that network
namespace: the machine's own tuning is not touched.
"""

import json
import os
import shutil
import subprocess
import sys

import jsonschema
import pytest

from tsagent.changes.base import CONVERGED
from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

FACTS = {
    "instance": {"type": "GN7.2XLARGE32", "family": "GN7", "instance_class": "gpu", "source": "metadata"},
    "kernel": {"release": "5.4.241-24.0017.23", "line": "tkernel4"},
    "os": {"id": "tencentos", "package_manager": "dnf", "user_mode": "CentOS 8", "source": "/etc/os-release"},
    "virtualization": {"kind": "kvm"},
    "gpus": [
        {
            "address": "0000:00:08.0",
            "vendor": "NVIDIA",
            "vendor_id": "10de",
            "device_id": "1eb8",
            "architecture": "Turing",
            "model": "T4",
            "source": "/sys/bus/pci/devices/0000:00:08.0",
        }
    ],
}
INSTANCE = {"instance_id": "ins-3g445roi", "region": "ap-guangzhou", "zone": "ap-guangzhou-3"}

INSIDE = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[1] + "/tests/modules")
from test_handoff_real import apply_all, planned
from tsagent.host import Host

host = Host("/")
settings = {"handoff": {"tuning": {"profile": "tsagent-b"}, "updates": {"service": "none"}}}
first = apply_all(host, planned(host, settings))
second = [change.probe(host).state for change in planned(host, settings)]
switch = [notes for kind, notes in first if kind == "switch_tuned_profile"]
print("RESULT " + json.dumps({"first": first, "second": second, "switch": switch}))
"""

HARNESS = """
set -e
mount -t tmpfs none /run
for top in etc var; do
  mkdir -p /run/over/$top/upper /run/over/$top/work
  mount -t overlay overlay -o lowerdir=/$top,upperdir=/run/over/$top/upper,workdir=/run/over/$top/work /$top
done
mkdir -p /run/dbus /run/tuned /var/log/tuned
for name in a b; do mkdir -p /etc/tuned/tsagent-$name; done
printf '[main]\\nsummary=a\\n[sysctl]\\nnet.core.somaxconn=999\\n' > /etc/tuned/tsagent-a/tuned.conf
printf '[main]\\nsummary=b\\n[sysctl]\\nnet.core.somaxconn=1234\\n' > /etc/tuned/tsagent-b/tuned.conf
printf 'daemon=1\\ndynamic_tuning=0\\nreapply_sysctl=0\\n' > /etc/tuned/tuned-main.conf
echo tsagent-a > /etc/tuned/active_profile
echo manual > /etc/tuned/profile_mode
dbus-daemon --system --fork --nopidfile
tuned --pid /run/tuned/tuned.pid --log /var/log/tuned/tuned.log &
daemon=$!
tries=0
until tuned-adm active 2>/dev/null | grep -q 'Current active profile: tsagent-a'; do
  tries=$((tries + 1)); test $tries -lt 100 || { cat /var/log/tuned/tuned.log; exit 1; }; sleep 0.1
done
echo "BEFORE $(cat /proc/sys/net/core/somaxconn)"
"$1" -c "$2" "$3"
echo "AFTER $(cat /proc/sys/net/core/somaxconn)"
tuned-adm active
tuned-adm verify
test -e /run/tsagent/handoff.json
kill $daemon
"""


def planned(host, settings, facts=None):
    """The changes the module plans on this host."""
    context = Context(
        "handoff", settings, Facts.from_data(facts or FACTS), host.root, host.hardware, instance=INSTANCE
    )
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["handoff"], tree)
    return list(module.plan(context))


def apply_all(host, changes):
    """Apply what is not so yet, as the engine would; what each said."""
    notes = []
    for change in changes:
        if change.probe(host).state != CONVERGED:
            notes.append([change.type, change.apply(host)])
    return notes


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_tuned_is_switched_and_verified(checkout):
    command = ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--propagation", "private"]
    command += ["bash", "-c", HARNESS, "harness", sys.executable, INSIDE, checkout]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    output = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, output
    assert "BEFORE 999" in output and "AFTER 1234" in output, output
    assert "Current active profile: tsagent-b" in output, output
    result = json.loads(output.split("RESULT ", 1)[1].splitlines()[0])
    assert result["switch"] == ["in force and verified"], output
    assert set(result["second"]) == {CONVERGED}, output


@pytest.mark.real
def test_a_tree_is_handed_over_before_it_ever_runs(tmp_path, checkout):
    root = tmp_path / "root"
    units = root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / "tuned.service").write_text(
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", encoding="utf-8"
    )
    (units / "dnf-automatic.timer").write_text(
        "[Timer]\nOnCalendar=*-*-* 6:00\n[Install]\nWantedBy=timers.target\n", encoding="utf-8"
    )
    (units / "dnf-automatic.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    for path in ("usr/sbin", "usr/lib/tuned/accelerator-performance", "etc/dnf"):
        (root / path).mkdir(parents=True)
    (root / "usr/sbin/tuned-adm").write_text("#!/bin/sh\n", encoding="utf-8")
    (root / "usr/lib/tuned/accelerator-performance/tuned.conf").write_text("[main]\n", encoding="utf-8")
    shutil.copy("/etc/dnf/automatic.conf", str(root / "etc/dnf/automatic.conf"))
    host = Host(str(root))
    apply_all(host, planned(host, {}))
    assert {change.probe(host).state for change in planned(host, {})} == {CONVERGED}
    for unit, state in (("tuned.service", "enabled"), ("dnf-automatic.timer", "enabled")):
        said = subprocess.run(
            ["systemctl", "--root=%s" % root, "is-enabled", unit], stdout=subprocess.PIPE
        ).stdout
        assert said.decode().strip() == state
    assert (root / "etc/tuned/active_profile").read_text(encoding="utf-8") == "accelerator-performance\n"
    assert (root / "etc/tuned/profile_mode").read_text(encoding="utf-8") == "manual\n"
    document = json.loads((root / "run/tsagent/handoff.json").read_text(encoding="utf-8"))
    with open(os.path.join(checkout, "schemas/outputs/handoff.json"), encoding="utf-8") as stream:
        jsonschema.Draft4Validator(json.load(stream)).validate(document)
    assert document["tuning"]["state"] == document["updates"]["state"] == "handed-over"
    assert document["gpu"]["models"] == [
        {"vendor": "NVIDIA", "model": "T4", "architecture": "Turing", "count": 1}
    ]


@pytest.mark.real
def test_dnf_automatic_understands_what_was_written(tmp_path):
    """The parser of dnf-automatic itself reads the edited file."""
    root = tmp_path / "root"
    (root / "etc/dnf").mkdir(parents=True)
    (root / "usr/lib/systemd/system").mkdir(parents=True)
    (root / "usr/lib/systemd/system/dnf-automatic.timer").write_text(
        "[Install]\nWantedBy=timers.target\n", encoding="utf-8"
    )
    shutil.copy("/etc/dnf/automatic.conf", str(root / "etc/dnf/automatic.conf"))
    host = Host(str(root))
    apply_all(host, planned(host, {"handoff": {"updates": {"random_delay": 300}}}))
    # Debian's dnf belongs to the distribution's own Python.
    script = (
        "import sys, dnf, dnf.automatic.main as m; c = m.AutomaticConfig(sys.argv[1]); b = dnf.Base(); "
        "c.update_baseconf(b.conf); "
        "o = c.commands; print(o.upgrade_type, o.apply_updates, o.random_sleep, *b.conf.excludepkgs)"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script, str(root / "etc/dnf/automatic.conf")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.decode().split() == ["security", "True", "300", "kernel*"], done.stdout


@pytest.mark.real
def test_the_document_is_back_after_a_restart(tmp_path):
    """/run is empty after a restart; systemd-tmpfiles alone puts the document back."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in ("passwd", "group"):
        shutil.copy("/etc/" + name, str(root / "etc" / name))
    host = Host(str(root))
    apply_all(host, planned(host, {}))
    document = (root / "run/tsagent/handoff.json").read_bytes()
    shutil.rmtree(str(root / "run"))
    done = subprocess.run(["systemd-tmpfiles", "--root=%s" % root, "--create", "tsagent-handoff.conf"])
    assert done.returncode == 0
    assert (root / "run/tsagent/handoff.json").read_bytes() == document
    assert oct(os.stat(str(root / "run/tsagent/handoff.json")).st_mode & 0o777) == "0o644"
