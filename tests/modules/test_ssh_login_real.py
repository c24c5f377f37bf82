"""Logins by the real ssh at the real sshd, into a tree that the modules `ssh` and `users` have set up.

sshd runs in a mount namespace where the tree's accounts, homes and keys are the machine's, and talks to
ssh by its standard input: no network, no port, nothing of this machine's own is touched.
"""

import json
import os
import stat
import subprocess

import pytest

from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="accounts and mount namespaces need root"),
]

ENTER = """
set -e
mkdir -p /run/sshd
for path in etc/passwd etc/shadow etc/group home root srv etc/ssh; do mount --bind "$1/$path" "/$path"; done
exec "$2" -i -f /etc/ssh/sshd_config
"""


def keygen(path, *words):
    subprocess.check_call(
        ["ssh-keygen", "-q", "-N", "", "-C", "", "-t", "ed25519", "-f", str(path)] + list(words)
    )
    return (path.parent / (path.name + ".pub")).read_text(encoding="ascii").strip()


class Machine:
    """A tree with an ssh server's configuration, and a client with a key of its own."""

    def __init__(self, root, top):
        self.root = root
        self.top = top
        self.key = keygen(top / "client")
        for name in ("root", "srv", "etc/ssh/sshd_config.d"):
            (root / name).mkdir(parents=True)
        os.chmod(str(root / "root"), 0o700)
        with open(str(root / "etc/passwd"), "a") as stream:
            stream.write("sshd:x:74:74::/run/sshd:/usr/sbin/nologin\n")
        (root / "etc/subuid").write_text("")
        (root / "etc/subgid").write_text("")
        self.configure("Include /etc/ssh/sshd_config.d/*.conf\n")

    def configure(self, text):
        (self.root / "etc/ssh/sshd_config").write_text(text + "UsePAM yes\nLogLevel VERBOSE\n")

    def apply(self, name, settings, **instance):
        """Plan a module and apply all that a tree allows; the warnings."""
        host = Host(str(self.root))
        module = load_module(discover(host.root, use_cache=False).modules[name], host.root)
        context = Context(name, settings, Facts.from_data({}), host.root, host.hardware, instance=instance)
        for change in module.plan(context):
            if not change.needs_live:
                change.apply(host)
        return context.warnings

    def login(self, user, command, *options):
        """(exit status, output, what the client and the server say)."""
        sshd = "/usr/sbin/sshd"
        (self.top / "enter").write_text(ENTER)
        proxy = "unshare --mount sh %s %s %s" % (self.top / "enter", self.root, sshd)
        known = self.top / "known_hosts"
        argv = ["ssh", "-F", "none", "-i", str(self.top / "client"), "-o", "ProxyCommand=" + proxy]
        argv += [
            "-o",
            "UserKnownHostsFile=%s" % known,
            "-o",
            "GlobalKnownHostsFile=none",
            "-o",
            "BatchMode=yes",
        ]
        argv += ["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o", "IdentityAgent=none"]
        process = subprocess.Popen(
            argv + list(options) + ["%s@web.example.com" % user, command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, complaints = process.communicate(timeout=60)
        return process.returncode, output.decode("utf-8"), complaints.decode("utf-8", "replace")

    def server_says(self, word):
        """What the server makes of its configuration."""
        (self.top / "enter").write_text(ENTER.replace("-i -f", "-T -f"))
        argv = ["unshare", "--mount", "sh", str(self.top / "enter"), str(self.root), "/usr/sbin/sshd"]
        lines = subprocess.check_output(argv).decode("utf-8").splitlines()
        return [line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] == word]

    def trust(self, line):
        (self.top / "known_hosts").write_text(line + "\n")

    def host_key(self, kind="ed25519"):
        return (self.root / ("etc/ssh/ssh_host_%s_key.pub" % kind)).read_text(encoding="ascii").strip()


@pytest.fixture
def machine(scratch_root, tmp_path):
    return Machine(scratch_root, tmp_path)


def test_a_user_gets_in_by_a_new_host_key(machine):
    machine.apply("ssh", {"ssh_genkeytypes": ["ed25519"]})
    user = {"name": "ann", "shell": "/bin/sh", "ssh_authorized_keys": ['environment="X=1" ' + machine.key]}
    machine.apply("users", {"users": [user]})
    machine.trust("web.example.com " + machine.host_key())
    status, output, said = machine.login("ann", "id -un; pwd")
    assert (status, output) == (0, "ann\n/home/ann\n"), said
    assert machine.login("root", "id -un")[0] == 255


def test_a_user_gets_in_by_a_key_behind_a_link_of_their_own(machine):
    machine.apply("ssh", {"ssh_genkeytypes": ["ed25519"]})
    machine.apply("users", {"users": [{"name": "ann", "shell": "/bin/sh"}]})
    keys = machine.root / "srv/keys"
    keys.mkdir()
    os.chown(str(keys), 1000, 1000)
    os.chmod(str(keys), 0o700)
    os.symlink("/srv/keys", str(machine.root / "home/ann/.ssh"))
    machine.apply("users", {"users": [{"name": "ann", "ssh_authorized_keys": [machine.key]}]})
    machine.trust("web.example.com " + machine.host_key())
    status, output, said = machine.login("ann", "id -un")
    assert (status, output) == (0, "ann\n"), said


def test_root_is_told_whom_to_log_in_as(machine):
    machine.apply("ssh", {"ssh_genkeytypes": ["ed25519"]})
    settings = {"default_user": {"name": "tencent", "shell": "/bin/sh"}, "users": ["default"]}
    options = (
        'command="echo \'Please login as the user \\"$USER\\" rather than \\"$DISABLE_USER\\".\';exit 142"'
    )
    settings["disable_root_opts"] = options
    machine.apply("users", settings, public_keys=[machine.key])
    machine.trust("web.example.com " + machine.host_key())
    status, output, said = machine.login("root", "id -un")
    assert (status, output) == (142, 'Please login as the user "tencent" rather than "root".\n'), said
    assert machine.login("tencent", "id -un")[:2] == (0, "tencent\n")


@pytest.mark.parametrize(
    "config", ["Include /etc/ssh/sshd_config.d/*.conf\n", "Match User nobody\nX11Forwarding no\n"]
)
def test_a_client_that_trusts_an_authority_knows_the_host_by_its_certificate(machine, config):
    machine.configure(config if config.startswith("Include") else "")
    if not config.startswith("Include"):
        with open(str(machine.root / "etc/ssh/sshd_config"), "a") as stream:
            stream.write(config)
    authority = keygen(machine.top / "ca")
    public = keygen(machine.top / "host")
    subprocess.check_call(
        ["ssh-keygen", "-q", "-s", str(machine.top / "ca"), "-I", "web", "-h", "-n", "web.example.com"]
        + [str(machine.top / "host.pub")]
    )
    settings = {
        "ssh_keys": {
            "ed25519_private": (machine.top / "host").read_text(encoding="ascii"),
            "ed25519_public": public,
            "ed25519_certificate": (machine.top / "host-cert.pub").read_text(encoding="ascii"),
        }
    }
    machine.apply("ssh", settings)
    machine.apply(
        "users", {"users": [{"name": "ann", "shell": "/bin/sh", "ssh_authorized_keys": [machine.key]}]}
    )
    certificate = machine.root / "etc/ssh/ssh_host_ed25519_key-cert.pub"
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o644
    assert [name for name in os.listdir(str(machine.root / "etc/ssh")) if name.endswith("_key")] == [
        "ssh_host_ed25519_key"
    ]
    machine.trust("@cert-authority *.example.com " + authority)
    only = "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"
    status, output, said = machine.login("ann", "id -un", "-o", only)
    assert (status, output) == (0, "ann\n"), said
    machine.trust("@cert-authority *.example.com " + keygen(machine.top / "other-ca"))
    assert machine.login("ann", "id -un", "-o", only)[0] == 255


@pytest.mark.parametrize(
    "config", ["Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n", ""]
)
@pytest.mark.parametrize("wanted, said", [(True, "yes"), (False, "no"), ("no", "no")])
def test_the_server_takes_passwords_or_not(machine, config, wanted, said):
    machine.configure(config)
    (machine.root / "etc/ssh/sshd_config.d/50-image.conf").write_text("PasswordAuthentication yes\n")
    machine.apply("ssh", {"ssh_genkeytypes": ["ed25519"]})
    machine.apply("users", {"users": [], "ssh_pwauth": wanted})
    assert machine.server_says("passwordauthentication") == [said]


def test_what_stands_in_the_plan_holds_no_private_key(machine):
    keygen(machine.top / "host")
    private = (machine.top / "host").read_text(encoding="ascii")
    host = Host(str(machine.root))
    module = load_module(discover(host.root, use_cache=False).modules["ssh"], host.root)
    settings = {"ssh_keys": {"ed25519_private": private}}
    context = Context("ssh", settings, Facts.from_data({}), host.root, host.hardware)
    for change in module.plan(context):
        shown = json.dumps([change.payload(), change.describe(), change.reason, change.detail(host)])
        assert not any(line in shown for line in private.splitlines()[1:-1])
