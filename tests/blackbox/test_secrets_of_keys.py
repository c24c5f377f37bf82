"""A canary in each place that a schema of ours calls secret: planned, run and looked at.

The places are found in the schemas: a new secret key fails here until `CONFIGURATIONS` fills it.
"""

import json
import os
import re
import stat

import pytest

from tsagent.facts import Facts
from tsagent.host import Host
from tsagent.registry.context import Context, Nothing
from tsagent.registry.discovery import discover, shipped_directory
from tsagent.registry.loading import load_module
from tsagent.userdata.schemawalk import extension, walk

MARK = "Cnry"  # every canary has it, and nothing else does
PATTERN = re.compile(MARK + "[A-Za-z0-9_]+")
PEM = "-----BEGIN %s-----\n%s\n-----END %s-----\n"


def canary(place):
    return MARK + place


def url(place, scheme="https"):
    """An address with something secret in each part of it that may have it."""
    return "%s://user:%s@host.invalid/path?token=%s" % (scheme, canary(place + "_userinfo"), canary(place))


def login(place):
    """An address of a repository. Of what follows its host, git would tell everybody."""
    return "https://user:%s@host.invalid/repository.git" % canary(place)


def account(place):
    return {
        "passwd": "$6$salt$" + canary(place + "_passwd"),
        "hashed_passwd": "$6$salt$" + canary(place + "_hashed"),
        "plain_text_passwd": canary(place + "_plain"),
        "lock_passwd": False,
    }


def hyphened(place):
    old = account(place)
    return {name.replace("_", "-"): old[name] for name in ("hashed_passwd", "plain_text_passwd")}


DEBIAN = {"os": {"id": "debian", "family": "debian", "major": 12, "package_manager": "apt"}}
RHEL = {"os": {"id": "rocky", "family": "fedora", "major": 9, "rhel_generation": 9, "package_manager": "dnf"}}

# Several, as some forms of a key exclude each other.
CONFIGURATIONS = [
    {
        "ansible": {
            "package_name": "ansible-core",
            "run_user": "ann",
            "pull": {"url": login("pull"), "playbook_name": "site.yml"},
            "setup_controller": {"repositories": [{"path": "/srv/r", "source": login("clone")}]},
        },
        "apt": {
            "conf": 'Acquire::http::Proxy "%s";' % url("conf"),
            "proxy": url("proxy"),
            "http_proxy": url("http_proxy"),
            "https_proxy": url("https_proxy"),
            "ftp_proxy": url("ftp_proxy"),
            "debconf_selections": {"set": "pkg pkg/question password %s" % canary("debconf")},
            "primary": [{"arches": ["default"], "uri": login("mirror")}],
            "sources": {"ours": {"source": "deb %s bookworm main" % login("source")}},
        },
        "chef": {
            "server_url": "https://chef.invalid",
            "validation_name": "v",
            "validation_cert": PEM % ("K", canary("validation_cert"), "K"),
            "install_type": "omnibus",
            "omnibus_url": url("omnibus"),
            "initial_attributes": {"db": {"password": canary("attributes")}},
        },
        "write_files": [
            {"path": "/srv/private", "content": canary("content"), "permissions": "0600"},
            {
                "path": "/srv/fetched",
                "source": {"uri": url("uri"), "headers": {"X-Key": canary("header")}},
                "permissions": "0600",
            },
            {"path": "/srv/late", "content": canary("late"), "permissions": "0600", "defer": True},
        ],
        "mounts": [["//host.invalid/share", "/mnt/share", "cifs", "user=u,password=%s" % canary("cifs")]],
        "phone_home": {"url": url("phone_home"), "post": ["instance_id"]},
        "puppet": {
            "install_type": "aio",
            "aio_install_url": url("aio"),
            "csr_attributes": {
                "custom_attributes": {"1.2.840.113549.1.9.7": canary("custom_attributes")},
                "extension_requests": {"pp_preshared_key": canary("extension_requests")},
            },
        },
        "random_seed": {"file": "/srv/seed", "data": canary("seed")},
        "reporting": {
            "hook": {
                "type": "webhook",
                "endpoint": "http://127.0.0.1:9/" + canary("endpoint"),
                "consumer_key": canary("consumer_key"),
                "token_key": canary("token_key"),
                "token_secret": canary("token_secret"),
                "consumer_secret": canary("consumer_secret"),
                "timeout": 1,
                "retries": 0,
            }
        },
        "salt_minion": {
            "conf": {"master": "salt.invalid", "proxy_password": canary("salt_conf")},
            "public_key": "public",
            "private_key": canary("salt_private"),
        },
        "ssh_keys": {
            kind + "_private": PEM % ("K", canary(kind), "K") for kind in ("rsa", "ecdsa", "ed25519")
        },
        "users": [
            dict({"name": "ann"}, **account("users")),
            dict({"name": "bea", "lock_passwd": False}, **hyphened("users_hyphened")),
        ],
        "user": dict({"name": "cat"}, **account("user")),
        "default_user": dict({"name": "dan"}, **account("default_user")),
        "system_info": {"default_user": dict({"name": "eve"}, **account("system_info"))},
        "chpasswd": {"users": [{"name": "ann", "password": canary("chpasswd"), "type": "text"}]},
        "password": canary("password"),
        "wireguard": {"interfaces": [{"name": "wg0", "content": "[Interface]\n# %s" % canary("wireguard")}]},
        "yum_repos": {
            "ours": {
                "baseurl": login("baseurl"),
                "password": canary("repo_password"),
                "proxy_password": canary("repo_proxy_password"),
            }
        },
    },
    {
        "ansible": {"pull": [{"url": login("pull_listed"), "playbook_names": ["a.yml"]}]},
        "chef": {"validation_key": PEM % ("K", canary("validation_key"), "K")},
        "apt_proxy": url("old_proxy"),
        "apt_http_proxy": url("old_http_proxy"),
        "apt_https_proxy": url("old_https_proxy"),
        "apt_ftp_proxy": url("old_ftp_proxy"),
        "apt_sources": [{"source": "deb %s bookworm main" % login("old_source"), "filename": "a.list"}],
        "apt_custom_sources_list": "deb %s bookworm main\n" % login("sources_list"),
        "users": {"fay": dict(account("mapping"), **hyphened("mapping_hyphened"))},
        "user": dict({"name": "gil"}, **hyphened("user_hyphened")),
        "default_user": dict({"name": "hal"}, **hyphened("default_hyphened")),
        "system_info": {"default_user": dict({"name": "ivy"}, **hyphened("system_hyphened"))},
        "chpasswd": {"list": "fay:%s\n" % canary("listed")},
    },
]


def shipped_schemas():
    directory = os.path.join(shipped_directory(), "schemas")
    schemas = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".json"):
            with open(os.path.join(directory, name), encoding="utf-8") as stream:
                schemas.append((name, json.load(stream)))
    return schemas


def secret_subschemas(node, words=()):
    """(where it stands, the subschema) of each that is marked secret."""
    if isinstance(node, dict):
        if extension(node).get("secret"):
            yield "/".join(words), node
        for key, below in node.items():
            if key != "x-tsagent":
                for found in secret_subschemas(below, words + (str(key),)):
                    yield found
    elif isinstance(node, list):
        for index, below in enumerate(node):
            for found in secret_subschemas(below, words + (str(index),)):
                yield found


def test_every_secret_place_of_every_schema_has_a_canary():
    schemas = shipped_schemas()
    reached = set()

    def visit(_steps, value, schema):
        if extension(schema).get("secret") and MARK in json.dumps(value):
            reached.add(id(schema))
        return False

    for configuration in CONFIGURATIONS:
        walk(configuration, [schema for _, schema in schemas], visit)
    places = [
        "%s: %s" % (name, where)
        for name, schema in schemas
        for where, node in secret_subschemas(schema)
        if id(node) not in reached
    ]
    assert places == []


# -- what modules plan ------------------------------------------------------------------------------


def every_change(tmp_path, configuration, facts, live):
    """(module, context, changes) of each module that has something to do with a configuration."""
    root = tmp_path / "planned"
    for path in ("usr/bin/add-apt-repository", "usr/bin/chef-client", "etc/fstab", "etc/apt/sources.list"):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (root / "etc/apt/sources.list").write_text("deb http://deb.debian.org/debian bookworm main\n")
    (root / "usr/bin/chef-client").unlink()
    host = Host(str(root))
    found = discover(host.root, use_cache=False)
    for name, info in sorted(found.modules.items()):
        settings = {key: configuration[key] for key in info.keys + info.reads if key in configuration}
        if not settings:
            continue
        context = Context(
            name, settings, Facts.from_data(facts), host.root, host.hardware, instance={"instance_id": "i-1"}
        )
        context.live = live
        answer = load_module(info, host.root).plan(context)
        changes = [] if answer is None or isinstance(answer, Nothing) else list(answer)
        yield name, host, context, changes


@pytest.mark.parametrize("facts", [DEBIAN, RHEL], ids=["debian", "rhel"])
@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_no_change_shows_a_secret(number, facts, tmp_path):
    """Before any redaction: not in its words for people, in what it is journaled by, in a command line."""
    shown = []
    planned = set()
    for name, host, context, changes in every_change(tmp_path, CONFIGURATIONS[number], facts, live=True):
        planned.add(name)
        for change in changes:
            texts = {
                "describe": change.describe(),
                "payload": json.dumps(change.payload(), default=str),
                "reason": change.reason,
                "argv": json.dumps(getattr(change, "argv", None), default=str),
                "environment": json.dumps(getattr(change, "env", None), default=str),
            }
            if getattr(change, "type", "") in ("write_file", "append_file", "edit_file", "edit_apt_sources"):
                texts["diff"] = "\n".join(change.detail(host))
            for what, text in texts.items():
                for item in sorted(set(PATTERN.findall(text))):
                    shown.append("%s: %s: %s: %s" % (name, change.type, what, item))
        for what, lines in (
            ("warning", context.warnings),
            ("decision", ["%s %s %s" % (item.key, item.value, item.because) for item in context.decisions]),
        ):
            for item in sorted(set(PATTERN.findall("\n".join(lines)))):
                shown.append("%s: %s: %s" % (name, what, item))
    assert planned >= {"ansible", "apt", "users"}
    assert not shown, "\n".join(sorted(shown))


# -- what a run leaves ------------------------------------------------------------------------------

OS_RELEASE = {
    "debian": "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n",
    "rhel": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\n',
}
# What others write, or must read: /etc/fstab, of which the user is warned, and dnf's account of a repository
# that it cannot reach, of which the documentation warns.
OPEN = {
    "/etc/fstab": {canary("cifs")},
    "/var/log/dnf.log": {canary(name) for name in ("baseurl", "repo_password", "repo_proxy_password")},
}


def canaries_in(text):
    return sorted(set(PATTERN.findall(text)))


def open_to_all(root):
    """path -> canaries of each file that others than root and its owner may get at."""
    found = {}
    for directory, _, names in os.walk(str(root)):
        for name in names:
            path = os.path.join(directory, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with open(path, "rb") as stream:
                inside = set(PATTERN.findall(stream.read().decode("utf-8", "replace")))
            ways = [path]
            while ways[-1] != str(root):
                ways.append(os.path.dirname(ways[-1]))
            group = 0o070 if os.stat(path).st_gid != 0 else 0
            reached = os.stat(path).st_mode & (0o007 | group)
            reached = reached and all(os.stat(way).st_mode & (0o001 | group) for way in ways[1:])
            if inside and reached:
                found[path[len(str(root)) :]] = inside
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="accounts and owners need root")
@pytest.mark.parametrize("system", sorted(OS_RELEASE))
@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_a_run_shows_no_secret(agent, system, number, tmp_path):
    (agent.root / "etc/os-release").write_text(OS_RELEASE[system])
    (agent.root / "etc/apt").mkdir()
    (agent.root / "etc/apt/sources.list").write_text("deb http://deb.debian.org/debian bookworm main\n")
    (agent.root / "etc/fstab").write_text("")
    agent.tell(CONFIGURATIONS[number])
    trace = tmp_path / "trace"
    tracer = ["strace", "-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve,execveat", "-o", str(trace)]
    before = agent("plan", "--debug")
    result = agent.run("--debug", before=tracer)
    assert result.returncode in (0, 1, 2), result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr + before.stderr
    assert canaries_in(before.stdout + before.stderr) == []
    assert canaries_in(result.stdout + result.stderr) == []
    assert canaries_in(trace.read_text(errors="replace")) == []
    seen = open_to_all(agent.root)
    assert {path: held for path, held in seen.items() if held - OPEN.get(path, set())} == {}
    journals = [str(path) for path in (agent.root / "var/lib/tsagent").rglob("*.jsonl")]
    for path in journals + [str(agent.root / "var/log/tsagent.log")]:
        with open(path, encoding="utf-8") as stream:
            assert canaries_in(stream.read()) == [], path
    states = {module["name"]: module["state"] for module in agent.status()["modules"]}
    assert states["users"] == "done", agent.status()["modules"]
    file = str(agent.seed / "user-data")
    for words in (
        ["plan", "--format", "json"],
        ["explain"],
        ["explain", "--format", "json"],
        ["status"],
        ["status", "--format", "json"],
        ["modules", "--format", "json"],
        ["query"],
        ["validate", file],
        ["validate", "--format", "json", file],
        ["user-data", "show", file],
        ["user-data", "show", "--format", "json", file],
        ["run"],
    ):
        shown = agent(*words)
        assert canaries_in(shown.stdout + shown.stderr) == [], " ".join(words)
