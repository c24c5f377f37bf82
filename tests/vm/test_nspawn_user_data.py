"""A boot with more than forty keys of cloud-config, in parts of several formats, and a look at the machine.

make vm-test ARGS="-k user_data"
"""

import base64
import gzip
import json
import os
import re
import subprocess
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import nspawn_tree
import pytest
from boots import KEY

from tsagent.userdata import cloud_init

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a tree needs root"),
]

MORE_PACKAGES = (
    "chrony,rsyslog,locales,tzdata,ca-certificates,keyboard-configuration,console-setup,debconf-utils,openssl"
)
LISTENER = os.path.join(nspawn_tree.HERE, "listener.py")
HOST = "http://127.0.0.1:8099"
SOCKET = """\
[Unit]
DefaultDependencies=no
Before=sockets.target tsagent-local.service
[Socket]
ListenStream=127.0.0.1:8099
[Install]
WantedBy=sockets.target
"""
SERVICE = """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bench/python3 -I /bench/listener.py
"""
HASH = "$6$bench$qWbVhBhOfIhLhD9IpHxWxJrPF.a1Ck.1FIgrJ8tYsMYyM5IvBeb/UbRJbBbPbm0pQX4ZkOcTcGJ9vAPu2.m9X."
INCLUDED = "#cloud-config\nauthkey_hash: sha512\nssh: {emit_keys_to_console: true}\n"
MORE = """\
#cloud-config
merge_how: dict(recurse_array)+list(append)
runcmd:
- echo merged >> /srv/order
"""
SCRIPT = "#!/bin/sh\necho script $INSTANCE_ID >> /srv/order\n"
HOOK = "#cloud-boothook\n#!/bin/sh\necho hook >> /srv/hooks\n"
CONTROL = """\
Package: bench-package
Version: 1
Architecture: all
Maintainer: Bench <bench@example.com>
Description: of the bench
"""
PER_BOOT = "#!/bin/sh\necho boot >> /srv/boots\n"


def config(certificate):
    """What the machine is told, but for the parts in other formats."""
    return {
        "allow_public_ssh_keys": True,
        "apt": {
            "preserve_sources_list": True,
            "sources": {"bench": {"source": "deb [trusted=yes] file:///srv/repository ./"}},
            "conf": 'Acquire::Retries "7";\n',
            "debconf_selections": {"bench": "bench-package bench-package/word string from-user-data"},
        },
        "bootcmd": ["echo bootcmd >> /srv/order"],
        "ca_certs": {"trusted": [certificate]},
        "chpasswd": {"expire": False, "users": [{"name": "ada", "password": HASH}]},
        "create_hostname_file": True,
        "device_aliases": {"data": "/dev/nonexistent"},
        "disable_root": True,
        "disable_root_opts": 'no-port-forwarding,command="echo no root here"',
        "final_message": "final message of bench: $UPTIME",
        "fqdn": "bench-1.example.com",
        "groups": [{"staff-bench": ["ada"]}, "empty-bench"],
        "growpart": {"mode": "auto", "devices": ["/"]},
        "handoff": {"updates": {"service": "none"}, "tuning": {"service": "none"}},
        "hostname": "bench-1",
        "kernel_parameters": {"sysctl": {"net.core.somaxconn": 8192}},
        "keyboard": {"layout": "de", "variant": "nodeadkeys", "model": "pc105"},
        "locale": "de_DE.UTF-8",
        "manage_etc_hosts": True,
        "manage_resolv_conf": True,
        "mount_default_fields": [None, None, "auto", "defaults,nofail", "0", "2"],
        "mounts": [["tmpfs", "/srv/scratch", "tmpfs", "size=1m,mode=0700"]],
        "no_ssh_fingerprints": False,
        "ntp": {"enabled": True, "ntp_client": "chrony", "servers": ["ntp.bench.example"], "pools": []},
        "output": {"all": "| tee -a /var/log/bench-output.log"},
        "package_reboot_if_required": False,
        "package_update": True,
        "package_upgrade": False,
        "packages": ["bench-package"],
        "phone_home": {
            "url": HOST + "/phone/$INSTANCE_ID",
            "post": ["hostname", "fqdn", "instance_id"],
            "tries": 3,
        },
        "power_state": {"mode": "poweroff", "condition": "test -e /srv/never", "delay": "now"},
        "prefer_fqdn_over_hostname": False,
        "preserve_hostname": False,
        "random_seed": {"file": "/srv/seed", "data": "c2VlZCBvZiBiZW5jaA==", "encoding": "base64"},
        "reporting": {"bench": {"type": "webhook", "endpoint": HOST + "/events"}},
        "resize_rootfs": True,
        "resolv_conf": {
            "nameservers": ["192.0.2.53"],
            "searchdomains": ["bench.example"],
            "options": {"timeout": 1},
        },
        "rsyslog": {
            "configs": [{"filename": "50-bench.conf", "content": "local7.* /var/log/bench-local7.log"}]
        },
        "runcmd": [
            "cd /srv && export WORD='of one shell'",
            ["sh", "-c", 'echo "$PWD $WORD" > /srv/shell'],
            "echo to be copied; bench-program >> /srv/order",
            "cat /srv/deferred >> /srv/order",
        ],
        "ssh_authorized_keys": [KEY.replace("ada@", "top@")],
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519", "ecdsa"],
        "ssh_pwauth": False,
        "ssh_quiet_keygen": True,
        "swap": {"filename": "/srv/swap", "size": 1 << 20},
        "timezone": "Asia/Shanghai",
        "users": [
            "default",
            {
                "name": "ada",
                "gecos": "Ada of the bench",
                "groups": "adm",
                "lock_passwd": False,
                "shell": "/bin/bash",
                "ssh_authorized_keys": [KEY],
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
            },
        ],
        "vendor_data": {"enabled": True},
        "write_files": [
            {"path": "/srv/scratch/in-the-mount", "content": "x"},
            {"path": "/srv/hers", "owner": "ada:staff-bench", "permissions": "0640", "content": "hers\n"},
            {"path": "/srv/packed", "encoding": "gz+b64", "content": packed("packed\n")},
            {"path": "/srv/fetched", "source": {"uri": HOST + "/fetched"}},
            {"path": "/srv/deferred", "content": "deferred\n", "owner": "bench-user", "defer": True},
        ],
        "yum_repos": {"bench": {"baseurl": "http://192.0.2.1/"}},
    }


def packed(text):
    """Text by gzip and base64."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"))).decode("ascii")


def message(settings):
    """All of it as one multi-part message."""
    whole = MIMEMultipart()
    for kind, name, text in (
        ("cloud-config", "config.yaml", "#cloud-config\n" + json.dumps(settings, indent=1)),
        (
            "cloud-config",
            "more.yaml",
            MORE,
        ),
        ("x-shellscript", "script.sh", SCRIPT),
        ("cloud-boothook", "hook.sh", HOOK),
        ("x-shellscript-per-boot", "each.sh", PER_BOOT),
        ("x-include-url", "include.txt", "#include\n%s/included\n%s/missing\n" % (HOST, HOST)),
    ):
        part = MIMEText(text, kind, "utf-8")
        part.add_header("Content-Disposition", "attachment", filename=name)
        whole.attach(part)
    return whole.as_bytes()


def repository(machine):
    """A repository with one package, whose installation makes a user."""
    top = machine.path("/srv/repository")
    build = machine.path("/bench/package")
    machine.write("/bench/package/DEBIAN/control", CONTROL)
    machine.write("/bench/package/DEBIAN/postinst", "#!/bin/sh\nuseradd -r bench-user\n", 0o755)
    machine.write("/bench/package/usr/bin/bench-program", "#!/bin/sh\necho program\n", 0o755)
    os.makedirs(top)
    nspawn_tree.run(
        ["dpkg-deb", "--root-owner-group", "--build", build, os.path.join(top, "bench-package.deb")]
    )
    listed = subprocess.run(
        ["dpkg-scanpackages", "-m", "."],
        cwd=top,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    machine.write("/srv/repository/Packages", listed.stdout)
    machine.write("/etc/apt/sources.list", "")


def certificate(machine):
    """A certificate of an authority nobody knows."""
    nspawn_tree.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
        ]
        + [
            "-subj",
            "/CN=bench authority",
            "-keyout",
            machine.path("/bench/ca.key"),
            "-out",
            machine.path("/bench/ca.pem"),
        ]
    )
    return machine.read("/bench/ca.pem")


@pytest.fixture(scope="module")
def image(work, package):
    """An image with the programs that the keys are about."""
    packages = nspawn_tree.PACKAGES + "," + MORE_PACKAGES
    tree = nspawn_tree.copy(nspawn_tree.base_tree(packages=packages), os.path.join(work, "user-data"))
    nspawn_tree.install_agent(tree, package)
    nspawn_tree.clean(tree)
    return tree


@pytest.mark.quick
def test_forty_keys(make_machine, image, capsys):
    machine = make_machine(image)
    repository(machine)
    with open(LISTENER, encoding="utf-8") as file:
        machine.write("/bench/listener.py", file.read())
    machine.write("/bench/served/fetched", "fetched\n")
    machine.write("/bench/served/included", INCLUDED)
    machine.write("/etc/systemd/system/bench-listener.service", SERVICE)
    machine.enable("bench-listener.socket", SOCKET)
    machine.write(
        "/etc/systemd/system-preset/09-listener.preset",
        "enable bench-listener.socket\ndisable chrony-wait.service\n",
    )
    settings = config(certificate(machine))
    keys = sorted(set(settings) | {"merge_how", "authkey_hash", "ssh"})
    known = {key for row in cloud_init.table()["modules"] for key in row["keys"]}
    assert len(known & set(keys)) >= 40
    machine.seed({})
    machine.write("/var/lib/cloud/seed/nocloud/user-data", message(settings))
    machine.ask(
        ada=["id", "ada"],
        shadow=["getent", "shadow", "ada"],
        zone=["date", "+%Z"],
        locales=["locale", "-a"],
        sudo=["sudo", "-l", "-U", "ada"],
        hosts=["getent", "hosts", "bench-1.example.com"],
        sshd=["sshd", "-T"],
        mounted=["findmnt", "-n", "-o", "FSTYPE", "/srv/scratch"],
        fstab=["findmnt", "--verify"],
        chrony=["chronyd", "-p"],
        rsyslog=["rsyslogd", "-N1"],
        retries=["apt-config", "dump", "Acquire::Retries"],
        word=["sh", "-c", "echo get bench-package/word | debconf-communicate bench-package"],
        installed=["dpkg-query", "-W", "-f", "${db:Status-Status}", "bench-package"],
        trusted=["openssl", "verify", "-CApath", "/etc/ssl/certs", "/bench/ca.pem"],
        sysctl=["sysctl", "-n", "net.core.somaxconn"],
        in_mount=["cat", "/srv/scratch/in-the-mount"],
        hers=["stat", "-c", "%a %U %G", "/srv/hers"],
        deferred=["stat", "-c", "%a %U %G", "/srv/deferred"],
        resolver=["cat", "/etc/resolv.conf"],
        explain=["tsagent", "explain", "hostname"],
    )
    boot = machine.boot()
    check(machine, boot)
    second = machine.boot()
    check_second(machine, second)
    with capsys.disabled():
        print("\n%d keys: %s" % (len(keys), ", ".join(keys)))


def check(machine, boot):
    """The machine after its first boot, key by key."""
    seen = {name: text for name, (_, text) in boot["extra"].items()}
    status = boot["status"]
    assert {module["name"] for module in status["modules"] if module["state"] == "failed"} == set()
    # One include could not be had: it is named, and nothing else is lost.
    assert boot["failed"] == [] and status["state"] == "degraded"
    (said,) = [line for line in boot["status_text"].splitlines() if line.startswith("!")]
    assert "include.txt:3" in said and "/missing" in said and "404" in said
    assert "Traceback" not in boot["journal"]

    # Accounts, keys, passwords.
    assert "groups=1002(ada),4(adm),1000(staff-bench)" in seen["ada"]
    assert seen["shadow"].split(":")[1] == HASH
    assert "(ALL) NOPASSWD: ALL" in seen["sudo"]
    assert "empty-bench:" in machine.read("/etc/group")
    assert KEY in machine.read("/home/ada/.ssh/authorized_keys")
    (root,) = [line for line in machine.read("/root/.ssh/authorized_keys").splitlines() if "top@" in line]
    assert root.startswith('no-port-forwarding,command="echo no root here" ssh-ed25519 ')
    assert "\npasswordauthentication no\n" in seen["sshd"]
    assert sorted(name for name in boot["host_keys"] if name.endswith("key")) == [
        "ssh_host_ecdsa_key",
        "ssh_host_ed25519_key",
    ]
    console = machine.read("/bench/console")
    assert "-----BEGIN SSH HOST KEY KEYS-----" in console and "SHA512:" in console
    assert "final message of bench: " in console

    # Names, language, time.
    assert boot["hostname"] == "bench-1" and machine.read("/etc/hostname") == "bench-1\n"
    assert seen["hosts"].split()[1:] == ["bench-1.example.com", "bench-1"]
    assert seen["zone"] == "CST\n" and machine.read("/etc/timezone") == "Asia/Shanghai\n"
    assert "de_DE.utf8" in seen["locales"].split()
    assert "LANG=de_DE.UTF-8" in machine.read("/etc/default/locale").replace('"', "")
    assert 'XKBLAYOUT="de"' in machine.read("/etc/default/keyboard")
    assert "server ntp.bench.example" in seen["chrony"]
    assert "nameserver 192.0.2.53" in seen["resolver"] and "search bench.example" in seen["resolver"]

    # Disks: what a container can have. Its disks are the host's.
    assert seen["mounted"] == "tmpfs\n" and "Success" in seen["fstab"]
    assert seen["in_mount"] == "x"
    assert "swap" not in machine.read("/etc/fstab")

    # Files, from everywhere; owners that come first, and one that comes with a package.
    assert seen["hers"] == "640 ada staff-bench\n"
    assert machine.read("/srv/packed") == "packed\n" and machine.read("/srv/fetched") == "fetched\n"
    assert seen["deferred"] == "644 bench-user root\n"
    assert base64.b64decode("c2VlZCBvZiBiZW5jaA==").decode() in machine.read("/srv/seed")

    # Packages and what they are fetched by.
    assert seen["installed"] == "installed" and seen["retries"] == 'Acquire::Retries "7";\n'
    assert "0 from-user-data" in seen["word"]
    assert seen["trusted"].endswith(": OK\n")
    assert not os.path.exists(machine.path("/etc/yum.repos.d"))

    # Commands: their order, one shell for runcmd, the parts merged, the output where it was sent.
    assert machine.read("/srv/hooks") == "hook\n" and machine.read("/srv/boots") == "boot\n"
    assert machine.read("/srv/order").splitlines() == [
        "bootcmd",
        "program",
        "deferred",
        "merged",
        "script i-bench",
    ]
    assert machine.read("/srv/shell") == "/srv of one shell\n"
    assert "to be copied" in machine.read("/var/log/bench-output.log")
    assert seen["sysctl"] == "8192\n"
    assert "config validation run" in seen["rsyslog"] and "local7.*" in machine.read(
        "/etc/rsyslog.d/50-bench.conf"
    )

    # What the machine told others.
    posts = [json.loads(line) for line in machine.read("/bench/posts.jsonl").splitlines()]
    (phone,) = [post for post in posts if post["path"] == "/phone/i-bench"]
    assert phone["body"] == "hostname=bench-1&fqdn=bench-1.example.com&instance_id=i-bench"
    events = [json.loads(post["body"]) for post in posts if post["path"] == "/events"]
    assert {event["event_type"] for event in events} == {"start", "finish"}
    assert {"init-local", "init-network", "modules-final"} <= {event["name"] for event in events}
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)

    # Why a value is what it is: the part and the line.
    assert re.search(r"hostname: from user-data:config.yaml:\d+:\d+\n", seen["explain"])


def check_second(machine, boot):
    """What runs at every boot did; nothing else was done twice."""
    assert boot["failed"] == []
    assert machine.read("/srv/hooks") == "hook\n" * 2 and machine.read("/srv/boots") == "boot\n" * 2
    order = machine.read("/srv/order").splitlines()
    assert order == ["bootcmd", "program", "deferred", "merged", "script i-bench", "bootcmd"]
    assert boot["hostname"] == "bench-1"
    assert boot["extra"]["mounted"][1] == "tmpfs\n"
    paths = [json.loads(line)["path"] for line in machine.read("/bench/posts.jsonl").splitlines()]
    assert paths.count("/phone/i-bench") == 1
    changed = [
        change["id"]
        for module in boot["status"]["modules"]
        for change in module["changes"]
        if change["state"] == "applied" and module["name"] not in ("bootcmd", "boot_scripts", "final_message")
    ]
    assert changed == []


def test_power_state_reboots_once(machine):
    """The reboot that was asked for is no failure, comes after all else, and only once."""
    machine.seed(
        {
            "power_state": {"mode": "reboot", "delay": "now", "timeout": 10, "message": "back in a moment"},
            "runcmd": ["echo ran >> /srv/ran"],
            "final_message": "this much is done",
        }
    )
    first = machine.boot()
    assert first.status == 133, "no reboot was asked for"
    assert "this much is done" in machine.read("/bench/console")
    second = machine.boot()
    assert second.status == 0, "it rebooted again"
    assert second["status"]["state"] == "done", second["status_text"]
    assert second["failed"] == []
    assert machine.read("/srv/ran") == "ran\n"
    journal = machine.read("/var/lib/tsagent/instance/journal.jsonl")
    ended = {}
    for line in journal.splitlines():
        entry = json.loads(line)
        if entry.get("module") and "state" in entry:
            ended[entry["module"]] = entry["state"]
    assert ended.get("power_state") == "done", ended
