"""Keys in homes as users have them: with links that are their own, and links that are traps."""

import os
import stat
import time

import pytest

from tsagent.changes.accounts import AddToGroups, CreateGroup, CreateUser
from tsagent.changes.authorized_keys import AuthorizedKeys
from tsagent.changes.base import CONVERGED, DIFFERS, Later
from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.accounts import Account
from tsagent.host.as_user import as_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts and owners")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzB2kAlTdyYX5Pq4rRMwbG1uv8f8gTW1Vh5RmkgcGJ5 one@example"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHbQyFZr1jW3o8sVnE2m7uUO2o1pY6Cw0d9v3q1m8x2L two@example"


@pytest.fixture
def host(scratch_root):
    for name in ("subuid", "subgid"):
        (scratch_root / "etc" / name).write_text("")
    host = Host(str(scratch_root))
    CreateUser("mary").apply(host)
    return host


def authorize(keys, user="mary"):
    return AuthorizedKeys(user, keys, Later(CreateUser(user), "home", "%s/.ssh/authorized_keys"))


def own(path, mode=None):
    os.chown(str(path), 1000, 1000, follow_symlinks=False)
    if mode is not None:
        os.chmod(str(path), mode)


def look(path):
    status = path.lstat()
    return stat.S_IMODE(status.st_mode), status.st_uid


@pytest.mark.parametrize("link", [".ssh", ".ssh/authorized_keys"])
@pytest.mark.parametrize("target", ["root", "etc/secret", "etc/shadow-like", "nowhere"])
def test_a_link_to_what_is_roots_is_not_followed(host, scratch_root, link, target):
    home, place = scratch_root / "home/mary", scratch_root / target
    if target != "nowhere":
        place.mkdir(mode=0o755 if target == "etc/secret" else 0o700)
        (place / "authorized_keys").write_text("root's own\n")
    whole = "/" + target
    if "/" in link:
        (home / ".ssh").mkdir(mode=0o700)
        own(home / ".ssh")
        whole += "/authorized_keys"
    os.symlink(whole, str(home / link))
    change = authorize([KEY])
    assert change.probe(host).state != CONVERGED
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "unsafe-link"
    assert "/home/mary/%s is a link" % link in str(caught.value)
    assert not (scratch_root / "nowhere").exists()
    if target != "nowhere":
        assert (place / "authorized_keys").read_text(encoding="utf-8") == "root's own\n"
        assert place.stat().st_uid == 0 and os.listdir(str(place)) == ["authorized_keys"]


def test_nothing_secret_is_read_through_a_link(host, scratch_root):
    """A file that only root may read is not looked at, and not what a merge is made of."""
    home = scratch_root / "home/mary"
    (home / ".ssh").mkdir()
    own(home / ".ssh", 0o700)
    os.symlink("/etc/shadow", str(home / ".ssh/authorized_keys"))
    before = (scratch_root / "etc/shadow").read_bytes()
    change = authorize([KEY])
    assert change.probe(host).detail == "Permission denied"
    with pytest.raises(AgentError):
        change.apply(host)
    assert (scratch_root / "etc/shadow").read_bytes() == before
    assert os.listdir(str(home / ".ssh")) == ["authorized_keys"]


def test_a_directory_elsewhere_that_is_the_users_is_followed(host, scratch_root):
    """As with homes whose .ssh is kept on another disk."""
    data = scratch_root / "data/mary-ssh"
    data.mkdir(parents=True)
    own(data, 0o750)
    (data / "authorized_keys").write_text("no-pty " + OTHER + "\n")
    own(data / "authorized_keys", 0o640)
    os.symlink("/data/mary-ssh", str(scratch_root / "home/mary/.ssh"))
    change = authorize([KEY, OTHER])
    assert change.probe(host).state == DIFFERS
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert (data / "authorized_keys").read_text(encoding="utf-8") == "no-pty %s\n%s\n" % (OTHER, KEY)
    assert look(data / "authorized_keys") == (0o600, 1000)
    assert look(data) == (0o750, 1000)  # where a link leads is left as it is
    assert os.readlink(str(scratch_root / "home/mary/.ssh")) == "/data/mary-ssh"


def test_a_file_elsewhere_that_is_the_users_is_followed(host, scratch_root):
    """As with configuration that is kept in a checkout."""
    home = scratch_root / "home/mary"
    (home / "dotfiles").mkdir()
    (home / ".ssh").mkdir()
    own(home / "dotfiles", 0o755)
    own(home / ".ssh", 0o755)
    (home / "dotfiles/keys").write_text(OTHER + "\n")
    own(home / "dotfiles/keys")
    os.symlink("../dotfiles/keys", str(home / ".ssh/authorized_keys"))
    authorize([KEY]).apply(host)
    assert (home / "dotfiles/keys").read_text(encoding="utf-8") == OTHER + "\n" + KEY + "\n"
    assert os.readlink(str(home / ".ssh/authorized_keys")) == "../dotfiles/keys"
    assert look(home / ".ssh") == (0o700, 1000)


def test_a_group_of_the_user_opens_what_it_may(host, scratch_root):
    CreateGroup("keys", gid=2000).apply(host)
    AddToGroups("mary", ["keys"]).apply(host)
    shared = scratch_root / "data/keys"
    shared.mkdir(parents=True)
    os.chown(str(shared), 0, 2000)
    os.chmod(str(shared), 0o770)
    os.symlink("/data/keys", str(scratch_root / "home/mary/.ssh"))
    authorize([KEY]).apply(host)
    assert (shared / "authorized_keys").stat().st_uid == 1000


def test_a_home_that_is_roots_gets_a_directory_of_the_user(host, scratch_root):
    """As with homes that users are locked into for file transfer."""
    home = scratch_root / "home/mary"
    os.chown(str(home), 0, 0)
    os.chmod(str(home), 0o755)
    authorize([KEY]).apply(host)
    assert look(home) == (0o755, 0)
    assert look(home / ".ssh") == (0o700, 1000)
    assert look(home / ".ssh/authorized_keys") == (0o600, 1000)


def test_a_home_that_is_not_there_is_made(host, scratch_root):
    CreateUser("svc", home="/srv/svc", create_home=False).apply(host)
    change = authorize([KEY], "svc")
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    uid = (scratch_root / "srv/svc/.ssh").stat().st_uid
    assert uid != 0 and (scratch_root / "srv/svc").stat().st_uid == 0


@pytest.mark.parametrize("place", ["home/mary/keys", "srv/mary/keys", "srv/mary/way/keys"])
def test_a_trap_at_another_place_of_the_keys_leads_nowhere(host, scratch_root, place):
    """Where AuthorizedKeysFile says so: in the home itself, or in a directory that is the user's."""
    before = (scratch_root / "etc/shadow").read_bytes()
    file = scratch_root / place
    top = scratch_root / "srv/mary"
    top.mkdir(parents=True)
    own(top, 0o755)
    (scratch_root / "root").mkdir(mode=0o755)
    if "way" in place:
        os.symlink("/root", str(top / "way"))
        own(top / "way")
    else:
        os.symlink("/etc/shadow", str(file))
        own(file)
    with pytest.raises(AgentError) as caught:
        AuthorizedKeys("mary", [KEY], "/" + place).apply(host)
    assert "cannot be written as mary" in str(caught.value) or "is a link" in str(caught.value)
    assert (scratch_root / "etc/shadow").read_bytes() == before
    assert os.listdir(str(scratch_root / "root")) == []


@pytest.mark.parametrize("owner", [0, 1000])
def test_keys_at_another_place_are_merged_there(host, scratch_root, owner):
    place = scratch_root / "etc/ssh/keys"
    place.mkdir(parents=True)
    os.chown(str(place), owner, owner)
    (place / "mary").write_text(OTHER + "\n")
    own(place / "mary", 0o644)
    change = AuthorizedKeys("mary", [KEY], "/etc/ssh/keys/mary")
    change.apply(host)
    assert change.probe(host).state == CONVERGED
    assert (place / "mary").read_text(encoding="utf-8") == OTHER + "\n" + KEY + "\n"
    assert look(place / "mary") == (0o600, 1000)
    AuthorizedKeys("mary", [KEY], "/etc/ssh/more/mary").apply(host)
    assert look(scratch_root / "etc/ssh/more") == (0o755, 0)


def test_a_home_behind_a_link_is_the_users(host, scratch_root):
    os.rename(str(scratch_root / "home"), str(scratch_root / "data"))
    os.symlink("data", str(scratch_root / "home"))
    authorize([KEY]).apply(host)
    assert (scratch_root / "data/mary/.ssh/authorized_keys").read_text(encoding="utf-8") == KEY + "\n"


def test_what_is_in_the_way_is_named(host, scratch_root):
    os.mkfifo(str(scratch_root / "home/mary/.ssh"))
    with pytest.raises(AgentError) as caught:
        authorize([KEY]).apply(host)
    assert caught.value.code == "os-error"
    assert "/home/mary/.ssh/authorized_keys cannot be written as mary" in str(caught.value)


def test_files_made_as_the_user_get_their_labels_as_others_do(host):
    host.root.made.clear()
    authorize([KEY]).apply(host)
    assert host.root.made == ["/home/mary/.ssh", "/home/mary/.ssh/authorized_keys"]


def test_rights_are_given_up_and_what_goes_wrong_comes_back(host):
    account = Account("mary", 1000, 1000, "", "/home/mary", "/bin/sh")

    def who(tree):
        return repr((os.getresuid(), os.getresgid(), os.getgroups(), os.listdir("/"))).encode("ascii")

    def refuse(tree):
        raise AgentError("not like that", "any-code", "otherwise")

    def fail(tree):
        raise ValueError("a bug")

    ids = (1000,) * 3
    assert as_user(host.root, account, who).decode("ascii").startswith(repr((ids, ids, [1000]))[:-1])
    with pytest.raises(AgentError) as caught:
        as_user(host.root, account, refuse)
    assert (caught.value.code, str(caught.value)) == ("any-code", "not like that (otherwise)")
    with pytest.raises(FileNotFoundError):
        as_user(host.root, account, lambda tree: tree.read("/nowhere"))
    with pytest.raises(AgentError) as caught:
        as_user(host.root, account, fail)
    assert caught.value.code == "command-failed"
    assert os.geteuid() == 0
    with pytest.raises(AgentError) as caught:
        as_user(host.root, account, lambda tree: time.sleep(60), patience=0.1)
    assert caught.value.code == "timed-out"
    large = b"x" * 3000000
    assert as_user(host.root, account, lambda tree: large) == large
