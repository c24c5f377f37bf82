"""Users, groups, passwords, sudo and keys with the distribution's own tools, in scratch roots."""

import os
import shutil
import stat
import subprocess

import pytest

from tsagent.changes.accounts import AddToGroups, CreateGroup, CreateUser
from tsagent.changes.authorized_keys import AuthorizedKeys
from tsagent.changes.base import CONVERGED, DIFFERS, Later
from tsagent.changes.credentials import (
    DOAS,
    SUDOERS,
    LockPassword,
    SetPassword,
    UnlockPassword,
    WriteDoasRules,
    WriteSudoers,
)
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.account_files import clear_dead_locks, leftovers
from tsagent.host.passwords import hash_password, verify

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts and owners")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzB2kAlTdyYX5Pq4rRMwbG1uv8f8gTW1Vh5RmkgcGJ5 one@example"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHbQyFZr1jW3o8sVnE2m7uUO2o1pY6Cw0d9v3q1m8x2L two@example"


@pytest.fixture
def host(scratch_root):
    (scratch_root / "etc/subuid").write_text("")
    (scratch_root / "etc/subgid").write_text("")
    return Host(str(scratch_root))


def lines(host, path):
    return host.root.read(path).decode("utf-8").splitlines()


def entry(host, path, name):
    found = [line for line in lines(host, path) if line.split(":")[0] == name]
    assert len(found) <= 1
    return found[0].split(":") if found else None


def tree(root):
    """Every file below a root: kind, mode, owner and content."""
    found = {}
    for directory, names, files in os.walk(str(root)):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = b""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    content = stream.read()
            found[os.path.relpath(path, str(root))] = (
                stat.S_IFMT(status.st_mode),
                stat.S_IMODE(status.st_mode),
                status.st_uid,
                status.st_gid,
                content,
            )
    return found


def test_a_user_gets_account_shadow_group_and_home(host, scratch_root):
    (scratch_root / "etc/skel/.from-this-tree").write_text("x")
    change = CreateUser("alice", gecos="Alice Liddell", shell="/bin/sh")
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert entry(host, "/etc/passwd", "alice")[2:] == [
        "1000",
        "1000",
        "Alice Liddell",
        "/home/alice",
        "/bin/sh",
    ]
    assert entry(host, "/etc/shadow", "alice")[1].startswith("!")
    assert entry(host, "/etc/group", "alice") is not None
    assert entry(host, "/etc/gshadow", "alice") is not None
    home = scratch_root / "home/alice"
    assert sorted(os.listdir(str(home))) == [".from-this-tree", ".profile"]
    assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (1000, 0o700)
    assert (home / ".profile").stat().st_uid == 1000
    assert change.attribute(host, "uid") == "1000"
    assert Later(change, "home", "%s/x").resolve(host) == "/home/alice/x"
    assert leftovers(host.root) == []


def test_every_field_reaches_the_account(host):
    CreateGroup("staff", gid=50).apply(host)
    change = CreateUser(
        "svc",
        uid=1777,
        home="/srv/svc",
        primary_group="staff",
        create_home=False,
        shell="/sbin/nologin",
        expire_date="2031-02-03",
        inactive="5",
    )
    change.apply(host)
    assert entry(host, "/etc/passwd", "svc")[2:] == ["1777", "50", "", "/srv/svc", "/sbin/nologin"]
    assert entry(host, "/etc/shadow", "svc")[6:8] == ["5", "22313"]
    assert not host.root.exists("/srv/svc")
    system = CreateUser("daemon1", system=True, create_home=False)
    system.apply(host)
    assert int(system.attribute(host, "uid")) < 1000


def test_a_user_that_exists_keeps_everything(host):
    CreateUser("bob", shell="/bin/sh").apply(host)
    before = tree(host.root.root)
    change = CreateUser("bob", uid=4242, shell="/bin/zsh", gecos="other")
    assert change.probe(host).state == CONVERGED
    change.apply(host)
    assert tree(host.root.root) == before


def test_a_group_of_the_users_name_is_used(host):
    CreateGroup("carol").apply(host)
    change = CreateUser("carol")
    change.apply(host)
    assert change.attribute(host, "gid") == entry(host, "/etc/group", "carol")[2]


def test_a_failed_useradd_leaves_nothing(host, scratch_root):
    CreateUser("first", uid=1500).apply(host)
    before = tree(scratch_root)
    with pytest.raises(AgentError) as caught:
        CreateUser("second", uid=1500).apply(host)
    assert caught.value.code == "command-failed"
    after = tree(scratch_root)
    backups = {path for path in after if path.endswith("-")}
    assert {path: after[path] for path in after if path not in backups} == {
        path: before[path] for path in before if path not in backups
    }


def test_a_tree_cannot_lead_useradd_out_of_it(host, scratch_root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rmdir(str(scratch_root / "home"))
    os.symlink(str(outside), str(scratch_root / "home"))
    with pytest.raises(AgentError) as caught:
        CreateUser("mallory").apply(host)
    assert caught.value.code == "unsafe-link"
    assert os.listdir(str(outside)) == []
    assert entry(host, "/etc/passwd", "mallory") is None


def test_groups_are_joined_and_not_left(host):
    CreateUser("dave").apply(host)
    for group in ("red", "blue"):
        CreateGroup(group).apply(host)
    AddToGroups("dave", ["red"]).apply(host)
    change = AddToGroups("dave", ["blue", "wheel"])
    assert "blue" in change.probe(host).detail
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    for group in ("red", "blue", "wheel"):
        assert entry(host, "/etc/group", group)[3] == "dave"
        assert entry(host, "/etc/gshadow", group)[3] == "dave"
    CreateGroup("green").apply(host)
    with pytest.raises(AgentError) as caught:
        AddToGroups("dave", ["nowhere", "green"]).apply(host)
    assert (caught.value.code, caught.value.message) == ("no-such-group", "there is no group nowhere")
    assert entry(host, "/etc/group", "green")[3] == "dave"


def test_a_password_is_hashed_set_and_known_again(host):
    CreateUser("erin").apply(host)
    change = SetPassword("erin", plain="c0rrect horse", expire=True)
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    fields = entry(host, "/etc/shadow", "erin")
    assert fields[1].startswith("$6$")
    assert verify("c0rrect horse", fields[1]) is True
    assert fields[2] == "0"
    assert change.probe(host).state == CONVERGED
    assert SetPassword("erin", plain="wrong").probe(host).state == DIFFERS
    assert SetPassword("erin", plain="c0rrect horse", locked=True).probe(host).state == DIFFERS
    hashed = hash_password("another")
    locked = SetPassword("erin", hashed=hashed, locked=True)
    locked.apply(host)
    assert entry(host, "/etc/shadow", "erin")[1] == "!" + hashed
    assert locked.probe(host).state == CONVERGED
    kept = SetPassword("erin", hashed=hash_password("third"), only_if_unset=True)
    assert kept.probe(host).state == CONVERGED
    kept.apply(host)
    assert entry(host, "/etc/shadow", "erin")[1] == "!" + hashed


def test_a_password_is_locked_by_itself(host):
    CreateUser("frank").apply(host)
    SetPassword("frank", plain="open").apply(host)
    change = LockPassword("frank")
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert entry(host, "/etc/shadow", "frank")[1].startswith("!$6$")
    assert change.probe(host).state == CONVERGED


@pytest.mark.parametrize("marks", ["!", "!!"])
def test_a_password_is_unlocked_where_there_is_one(host, scratch_root, marks):
    CreateUser("olga").apply(host)
    change = UnlockPassword("olga")
    assert change.probe(host).detail == "it has no password"
    hashed = hash_password("open")
    SetPassword("olga", hashed=hashed).apply(host)
    assert change.probe(host).state == CONVERGED
    shadow = scratch_root / "etc/shadow"
    shadow.write_text(shadow.read_text(encoding="utf-8").replace("olga:$", "olga:%s$" % marks))
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert entry(host, "/etc/shadow", "olga")[1] == hashed
    with pytest.raises(AgentError):
        UnlockPassword("ghost").apply(host)


def test_a_password_of_nobody_is_an_error_without_the_password(host):
    with pytest.raises(AgentError) as caught:
        SetPassword("ghost", plain="s3cret-canary").apply(host)
    assert caught.value.code == "no-such-user"
    assert "s3cret-canary" not in str(caught.value)
    with pytest.raises(AgentError) as caught:
        SetPassword("ghost", plain="s3cret\ncanary")
    assert "canary" not in str(caught.value)


def test_no_secret_is_on_a_command_line(host, tmp_path):
    CreateUser("grace").apply(host)
    seen = []

    class Watching:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def run(self, argv, **options):
            seen.append(list(argv))
            return self.inner.run(argv, **options)

    host.runner = Watching(host.runner)
    SetPassword("grace", plain="s3cret-canary").apply(host)
    hashed = hash_password("s3cret-canary")
    SetPassword("grace", hashed=hashed).apply(host)
    assert ["chpasswd", "-e", "-R", host.root.root] in seen
    assert not any(
        "canary" in word or word.startswith("$6$") or hashed in word for argv in seen for word in argv
    )


def test_a_random_password_is_shown_on_the_console_only(host, scratch_root):
    CreateUser("heidi").apply(host)
    (scratch_root / "dev").mkdir()
    console = scratch_root / "dev/console"
    console.write_text("")
    change = SetPassword("heidi", random=True)
    assert change.needs_live
    note = change.apply(host)
    shown = console.read_text(encoding="utf-8").strip()
    password = shown.rsplit(" ", 1)[1]
    assert shown.startswith("tsagent: password of heidi: ")
    assert len(password) == 20
    assert password not in note
    assert verify(password, entry(host, "/etc/shadow", "heidi")[1]) is True


def test_sudo_rules_are_checked_by_visudo(host):
    change = WriteSudoers(["alice ALL=(ALL) NOPASSWD:ALL", "%wheel ALL=(ALL) ALL"])
    change.apply(host)
    status = host.root.stat(SUDOERS)
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o440, 0)
    assert change.probe(host).state == CONVERGED
    result = subprocess.call(["visudo", "-c", "-q", "-f", host.root.host_path(SUDOERS)])
    assert result == 0
    before = host.root.read(SUDOERS)
    with pytest.raises(AgentError) as caught:
        WriteSudoers(["alice ALL=(ALL NOPASSWD:ALL"]).apply(host)
    assert caught.value.code == "bad-sudo-rule"
    assert host.root.read(SUDOERS) == before
    mixed = ["bob ALL=(ALL NOPASSWD:ALL", "carol ALL=(ALL) ALL", "dave nonsense("]
    with pytest.raises(AgentError) as caught:
        WriteSudoers(mixed).apply(host)
    assert "the sudo rule of bob and of dave" in str(caught.value)
    assert lines(host, SUDOERS)[1:] == ["carol ALL=(ALL) ALL"]
    assert os.listdir(os.path.dirname(host.root.host_path(SUDOERS))) == ["90-tsagent-users"]


def test_doas_rules_come_last_and_are_checked_by_doas(host, scratch_root):
    change = WriteDoasRules(["permit nopass alice", "deny alice as root"])
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert stat.S_IMODE((scratch_root / "etc/doas.conf").stat().st_mode) == 0o440
    with open(str(scratch_root / "etc/doas.conf"), "ab") as stream:
        stream.write(b"permit :wheel")
    assert change.probe(host).state == DIFFERS
    WriteDoasRules(["permit bob"]).apply(host)
    before = lines(host, DOAS)
    assert [line for line in before if not line.startswith("#")] == ["permit :wheel", "permit bob"]
    assert before[-2] == "permit bob"
    subprocess.check_call(["doas", "-C", str(scratch_root / "etc/doas.conf")])
    with pytest.raises(AgentError) as caught:
        WriteDoasRules(["permit carol with everything"]).apply(host)
    assert caught.value.code == "bad-doas-rule"
    assert lines(host, DOAS) == before
    assert [name for name in os.listdir(str(scratch_root / "etc")) if "doas" in name] == ["doas.conf"]


def test_directories_above_a_home_are_made(host, scratch_root):
    CreateUser("nils", home="/srv/people/nils").apply(host)
    assert (scratch_root / "srv/people/nils/.profile").stat().st_uid == 1000
    assert (scratch_root / "srv/people").stat().st_uid == 0


def test_an_selinux_user_waits_for_selinux(host):
    note = CreateUser("pia", selinux_user="staff_u").apply(host)
    assert "SELinux does not run here" in note
    assert entry(host, "/etc/passwd", "pia") is not None


def authorize(user, keys, **options):
    account = CreateUser(user)
    return AuthorizedKeys(user, keys, Later(account, "home", "%s/.ssh/authorized_keys"), **options)


def test_keys_are_merged_and_belong_to_the_user(host, scratch_root):
    CreateUser("ivan").apply(host)
    change = authorize("ivan", [KEY])
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    ssh = scratch_root / "home/ivan/.ssh"
    file = ssh / "authorized_keys"
    assert (stat.S_IMODE(ssh.stat().st_mode), ssh.stat().st_uid) == (0o700, 1000)
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid) == (0o600, 1000)
    assert file.read_text(encoding="utf-8") == KEY + "\n"
    limited = 'from="10.0.0.0/8",no-pty ' + OTHER
    file.write_text("# mine\n" + limited)
    authorize("ivan", [KEY, OTHER]).apply(host)
    assert file.read_text(encoding="utf-8") == "# mine\n" + limited + "\n" + KEY + "\n"
    assert authorize("ivan", [OTHER, KEY]).probe(host).state == CONVERGED
    authorize("ivan", ["no-pty " + KEY], override=True).apply(host)
    assert file.read_text(encoding="utf-8") == "# mine\n" + limited + "\nno-pty " + KEY + "\n"


def test_locks_of_the_dead_are_removed_and_of_the_living_kept(host, scratch_root):
    ended = subprocess.Popen(["true"])
    ended.wait()
    (scratch_root / "etc/passwd.lock").write_bytes(b"%d\0" % ended.pid)
    (scratch_root / "etc/shadow.lock").write_bytes(b"%d\0" % os.getpid())  # alive, but no account tool
    (scratch_root / "etc/group+").write_text("half")
    (scratch_root / ("etc/gshadow.%d" % ended.pid)).write_text("")
    (scratch_root / "etc/passwd.rpmnew").write_text("")
    assert len(clear_dead_locks(host)) == 4
    assert leftovers(host.root) == []
    assert (scratch_root / "etc/passwd.rpmnew").exists()


class Hurried:
    """A clock that is past every deadline at the second look."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1000.0
        return self.now

    def sleep(self, seconds):
        pass


class Tool:
    """A process that is called useradd and goes on until it is told to end."""

    def __init__(self, directory, *words):
        path = directory / "useradd"
        shutil.copy("/bin/cat", str(path))
        self.process = subprocess.Popen(
            [str(path), "-"] + list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self.process.pid

    def __enter__(self):
        self.process.stdin.write(b"ready\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def test_a_tool_at_work_is_waited_for_and_named(host, scratch_root, tmp_path):
    with Tool(tmp_path, str(scratch_root)) as tool:
        lock = scratch_root / "etc/passwd.lock"
        lock.write_bytes(b"%d\0" % tool.pid)
        host.clock = Hurried()
        with pytest.raises(AgentError) as caught:
            clear_dead_locks(host)
        assert caught.value.code == "accounts-locked"
        assert "useradd" in str(caught.value)
        assert lock.exists()


def test_the_lock_of_a_living_tool_is_not_removed(host, scratch_root, tmp_path):
    with Tool(tmp_path) as tool:  # nothing on its command line says which root it works on
        lock = scratch_root / "etc/passwd.lock"
        lock.write_bytes(b"%d\0" % tool.pid)
        assert clear_dead_locks(host) == []
        assert lock.exists()
    assert clear_dead_locks(host) == ["/etc/passwd.lock"]


def test_a_home_that_is_in_use_is_never_taken_back(host, scratch_root):
    change = CreateUser("judy")
    before = change.before(host)
    change.apply(host)
    (scratch_root / "home/judy/thesis").write_text("three years")
    os.unlink(str(scratch_root / "home/judy/.profile"))
    (scratch_root / "etc/passwd.lock").write_bytes(b"0\0")
    assert change.probe_resumed(host, before).state == DIFFERS
    change.heal(host, before)
    assert (scratch_root / "home/judy/thesis").read_text(encoding="utf-8") == "three years"
    assert change.probe_resumed(host, before).state == CONVERGED
