"""`tsagent clean`: what it takes out of a tree, what it leaves, and what clones make of the rest."""

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="accounts, owners and mounts need root")

NETWORK = {
    "version": 2,
    "ethernets": {
        "eth0": {"match": {"macaddress": "52:54:00:00:00:01"}, "set-name": "eth0", "dhcp4": True},
        "eth1": {"match": {"macaddress": "52:54:00:00:00:02"}, "addresses": ["10.0.0.2/24"]},
    },
}
# What one machine leaves behind: each is to go from every image.
GOES = [
    "etc/ssh/ssh_host_key",  # protocol 1
    "etc/ssh/ssh_host_key.pub",
    "etc/ssh/ssh_host_rsa_key",
    "etc/ssh/ssh_host_rsa_key.pub",
    "etc/ssh/ssh_host_rsa_key-cert.pub",
    "etc/ssh/ssh_host_dsa_key",
    "etc/ssh/.ssh_host_ed25519_key.tsagent-new",
    "etc/ssh/.ssh_host_ed25519_key.tsagent-new.pub",
    "etc/ssh/sshd_config.d/40-tsagent-host-certificates.conf",
    "etc/dropbear/dropbear_rsa_host_key",
    "etc/udev/rules.d/70-persistent-net.rules",
    "etc/sysctl.d/60-tsagent.conf",
    "etc/tmpfiles.d/tsagent-handoff.conf",
    "etc/netplan/50-tsagent.yaml",
    "etc/systemd/network/05-tsagent-eth0.link",
    "var/lib/tsagent/seed/meta-data",
    "var/lib/cloud/seed/nocloud/user-data",
    "var/lib/systemd/timers/stamp-tsagent-retry.timer",
    "var/lib/systemd/timers/stamp-dnf-automatic.timer",
    "var/lib/systemd/timers/stamp-apt-daily.timer",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/network/lease-eth0",
    "var/lib/random-seed",
    "var/lib/urandom/random-seed",
    "boot/efi/loader/random-seed",
    "var/lib/dhclient/dhclient.leases",
    "var/lib/dhcp/dhclient.eth0.leases",
    "var/lib/dhcpcd/duid",
    "var/lib/NetworkManager/secret_key",
    "var/lib/NetworkManager/timestamps",
    "var/lib/NetworkManager/seen-bssids",
    "var/lib/NetworkManager/internal-5fb06bd0-0bb0-7ffb-45f1-d6edd65f3e03-eth0.lease",
    "var/lib/tsagent/instances/i-1/snapshot.json",
    "var/lib/tsagent/cache/config.json",
]
# What looks like it and belongs to the image.
STAYS = [
    "etc/hostname",
    "etc/ssh/sshd_config",
    "etc/ssh/moduli",
    "etc/udev/rules.d/75-persistent-net-generator.rules",
    "etc/sysctl.d/50-image.conf",
    "etc/NetworkManager/system-connections/office.nmconnection",
    "etc/systemd/network/20-image.network",
    "etc/netplan/50-cloud-init.yaml",
    "etc/sysconfig/network-scripts/ifcfg-lo",
    "etc/tsagent/agent.d/10-image.yaml",
    "root/.ssh/authorized_keys",
    "var/lib/NetworkManager/NetworkManager.state",
    "var/lib/dhclient",
    "var/log/messages",
    "var/log/tsagents-own-notes",
]
LOGS = [
    "var/log/tsagent.log",
    "var/log/tsagent.log.1",
    "var/log/tsagent.log-20261124.gz",
    "var/log/tsagent-output.log",
    "var/log/tsagent-output.log.2.gz",
]


def put(root, path, text="x\n"):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def files(root):
    """Every path below a root with what it is."""
    found = {}
    for top, directories, names in os.walk(str(root)):
        for name in directories + names:
            path = os.path.join(top, name)
            kind = os.readlink(path) if os.path.islink(path) else os.path.isdir(path)
            found[os.path.relpath(path, str(root))] = kind
    return found


@pytest.fixture
def used(agent):
    """A tree that holds everything above."""
    for path in GOES + LOGS + [path for path in STAYS if "." in path or "hostname" in path]:
        put(agent.root, path)
    for path in STAYS:
        if not (agent.root / path).exists():
            put(agent.root, path)
    return agent.root


@pytest.mark.parametrize("path", GOES)
def test_goes(agent, used, path):
    assert agent("clean").returncode == 0
    assert not os.path.lexists(str(used / path))


def test_stays(agent, used):
    result = agent("clean", "--logs", "--machine-id")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [path for path in STAYS if not (used / path).exists()] == []


def test_logs_go_when_asked_for(agent, used):
    agent("clean")
    assert [path for path in LOGS if not (used / path).exists()] == []
    agent("clean", "--logs")
    assert [path for path in LOGS if (used / path).exists()] == []


def test_network_files_of_the_agent_go_whatever_wrote_them(agent, tmp_path):
    """Each renderer's files, as the renderers write them."""
    (tmp_path / "net.json").write_text(json.dumps({"network": NETWORK}))
    for renderer in ("networkmanager", "ifcfg", "networkd", "netplan"):
        result = agent(
            "network", "render", "--input", str(tmp_path / "net.json"), "--renderer", renderer,
            "--output", str(agent.root),
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        written = [agent.root / path.strip().lstrip("/") for path in result.stdout.splitlines()]
        written = [path for path in written if path.is_file()] or [
            agent.root / path
            for path in files(agent.root)
            if "tsagent" in os.path.basename(path) or "ifcfg-" in path
        ]
        assert len(written) >= 1
        assert agent("clean").returncode == 0
        assert [path for path in written if path.exists()] == []


def test_a_tree_in_which_nothing_ever_ran(agent):
    before = files(agent.root)
    assert agent("clean", "--logs", "--machine-id").returncode == 0
    marker = {"var", "var/lib", "var/lib/tsagent", "var/lib/tsagent/clean", "run"}
    assert set(files(agent.root)) - set(before) == marker
    assert agent("clean").returncode == 0  # and again


def test_nothing_outside_the_tree_is_reached(agent, tmp_path):
    outside = tmp_path / "outside"
    put(outside, "ssh_host_rsa_key")
    put(outside, "inner/random-seed")
    root = agent.root
    (root / "var/lib/tsagent").mkdir(parents=True)
    (root / "var/lib/tsagent/instances").symlink_to(outside)
    (root / "var/lib/systemd").symlink_to(outside / "inner")
    (root / "etc/ssh").symlink_to(outside)
    (root / "var/log").symlink_to("../../outside")
    (root / "etc/machine-id").symlink_to(outside / "machine-id")
    agent("clean", "--logs", "--machine-id")
    assert set(files(outside)) == {"ssh_host_rsa_key", "inner", "inner/random-seed"}
    assert not os.path.lexists(str(root / "var/lib/tsagent/instances"))


def test_what_cannot_be_removed_is_named_and_the_rest_goes(agent, used):
    """A mount point cannot be removed."""
    line = " ".join(agent.command("clean"))
    seed = used / "var/lib/tsagent/seed"
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs none %s && %s" % (seed, line)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        env=agent.environment(), cwd="/", timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "/var/lib/tsagent/seed" in result.stderr and "(not-cleaned)" in result.stderr
    left = [path for path in GOES if (used / path).exists() and "tsagent/seed" not in path]
    assert left == [] and (used / "var/lib/tsagent/clean").exists()


@pytest.mark.parametrize(
    "present, content",
    [
        ([], "uninitialized\n"),
        (["usr/lib/systemd/systemd", "usr/lib/systemd/libsystemd-shared-252.so"], "uninitialized\n"),
        (["usr/lib/systemd/systemd", "usr/lib/systemd/libsystemd-shared-247.so"], "uninitialized\n"),
        (
            ["usr/lib/systemd/systemd", "usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so"],
            "uninitialized\n",
        ),
        (["usr/lib64/systemd/libsystemd-shared-255.4-6.tl4.so"], "uninitialized\n"),
        (["usr/lib/systemd/systemd", "usr/lib/systemd/libsystemd-shared-239.so"], ""),  # el8
        (["usr/lib/systemd/systemd"], ""),  # el7's 219
    ],
)
def test_machine_id_as_the_trees_systemd_takes_it(agent, present, content):
    for path in present:
        put(agent.root, path)
    put(agent.root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    put(agent.root, "var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n")
    assert agent("clean").returncode == 0
    assert (agent.root / "etc/machine-id").read_text().startswith("0123")
    assert agent("clean", "--machine-id").returncode == 0
    assert (agent.root / "etc/machine-id").read_text() == content
    assert not (agent.root / "var/lib/dbus/machine-id").exists()


def test_a_link_to_the_machine_id_stays_a_link(agent):
    put(agent.root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    link = agent.root / "var/lib/dbus/machine-id"
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/machine-id")
    assert agent("clean", "--machine-id").returncode == 0
    assert os.readlink(str(link)) == "/etc/machine-id"


def test_packages_baked_in_stay(agent):
    put(agent.root, "var/cache/tsagent/packages/nvidia.rpm")
    assert agent("clean", "--logs", "--machine-id").returncode == 0
    assert (agent.root / "var/cache/tsagent/packages/nvidia.rpm").exists()


def test_clones_of_one_cleaned_tree_share_nothing(agent, tmp_path):
    """Two copies of a tree that was set up, used and cleaned: each a first boot of its own."""
    told = {"ssh_genkeytypes": ["ed25519"], "runcmd": ["echo ran >> ran"]}
    agent.tell(dict(told, hostname="golden", users=[{"name": "ada"}]), instance_id="i-golden")
    assert agent.run().returncode == 0
    golden = (agent.root / "etc/ssh/ssh_host_ed25519_key").read_bytes()
    assert agent("clean", "--logs", "--machine-id").returncode == 0
    image, keys = agent.root, {golden}
    for name in ("one", "two"):
        clone = tmp_path / name
        subprocess.check_call(["cp", "-a", str(image), str(clone)])
        agent.root = clone
        agent.tell(dict(told, hostname=name), instance_id="i-" + name)
        assert agent.run().returncode == 0
        assert agent.status()["instance_id"] == "i-" + name and agent.status()["adopted"] is False
        assert (clone / "etc/hostname").read_text() == name + "\n"
        assert (clone / "ran").read_text() == "ran\nran\n"
        assert "ada:" in (clone / "etc/passwd").read_text()  # accounts are the image's
        assert os.listdir(str(clone / "var/lib/tsagent/instances")) == ["i-" + name]
        keys.add((clone / "etc/ssh/ssh_host_ed25519_key").read_bytes())
    assert len(keys) == 3
