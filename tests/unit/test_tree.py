"""Paths never leave the root, files appear whole, and replacing keeps what was there."""

import os
import stat

import pytest

from tsagent.errors import AgentError
from tsagent.host import Tree


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "root").mkdir()
    return Tree(str(tmp_path / "root"))


def test_absolute_link_starts_again_at_the_root(tree, tmp_path):
    os.symlink("/etc", str(tmp_path / "root/link"))
    (tmp_path / "root/etc").mkdir()
    tree.write_atomic("/link/passwd", b"inside")
    assert (tmp_path / "root/etc/passwd").read_bytes() == b"inside"


@pytest.mark.parametrize("path", ["/../../outside", "/a/../../../outside", "/up/outside", "/far/outside"])
def test_no_path_leads_out(tree, tmp_path, path):
    (tmp_path / "root/a").mkdir()
    os.symlink("../../..", str(tmp_path / "root/up"))
    os.symlink(str(tmp_path), str(tmp_path / "root/far"))
    try:
        tree.write_atomic(path, b"x")
    except OSError:
        pass
    assert not (tmp_path / "outside").exists()
    assert not os.path.exists("/outside")


def test_final_link_is_followed_inside(tree, tmp_path):
    os.symlink("/run/resolv.conf", str(tmp_path / "root/resolv.conf"))
    tree.write_atomic("/resolv.conf", b"nameserver")
    assert os.path.islink(str(tmp_path / "root/resolv.conf"))
    assert (tmp_path / "root/run/resolv.conf").read_bytes() == b"nameserver"


def test_link_loop_is_an_error(tree, tmp_path):
    os.symlink("b", str(tmp_path / "root/a"))
    os.symlink("a", str(tmp_path / "root/b"))
    with pytest.raises(OSError):
        tree.read("/a")


def test_replacing_keeps_mode_owner_and_attributes(tree, tmp_path):
    file = tmp_path / "root/file"
    file.write_bytes(b"old")
    os.chmod(str(file), 0o640)
    os.setxattr(str(file), "user.note", b"kept")
    if os.geteuid() == 0:
        os.chown(str(file), 12, 34)
    tree.write_atomic("/file", b"new")
    status = file.stat()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert os.getxattr(str(file), "user.note") == b"kept"
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (12, 34)


def test_stale_temporary_file_is_reused_not_left(tree, tmp_path):
    (tmp_path / "root/.file.tsagent-new").write_bytes(b"half")
    tree.write_atomic("/file", b"whole", mode=0o600)
    assert os.listdir(str(tmp_path / "root")) == ["file"]


def test_failed_write_leaves_the_old_file_and_no_other(tree, tmp_path):
    (tmp_path / "root/file").write_bytes(b"old")
    with pytest.raises(OverflowError):
        tree.write_atomic("/file", b"new", uid=2**32)
    assert os.listdir(str(tmp_path / "root")) == ["file"]
    assert (tmp_path / "root/file").read_bytes() == b"old"


def test_secret_is_private_before_it_has_its_name(tree, tmp_path):
    """The temporary file is made with mode 0600 whatever the umask and the final mode."""
    old = os.umask(0)
    try:
        tree.write_atomic("/secret", b"s", mode=0o600)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "root/secret").stat().st_mode) == 0o600


def test_directory_or_fifo_is_not_replaced(tree, tmp_path):
    (tmp_path / "root/dir").mkdir()
    os.mkfifo(str(tmp_path / "root/fifo"))
    for path in ("/dir", "/fifo"):
        with pytest.raises(OSError):
            tree.write_atomic(path, b"x")
    assert sorted(os.listdir(str(tmp_path / "root"))) == ["dir", "fifo"]


def test_reading_a_fifo_does_not_hang(tree, tmp_path):
    os.mkfifo(str(tmp_path / "root/fifo"))
    assert tree.read("/fifo") == b""


def test_limit(tree, tmp_path):
    (tmp_path / "root/big").write_bytes(b"x" * 11)
    with pytest.raises(AgentError) as caught:
        tree.read("/big", limit=10)
    assert caught.value.code == "file-too-large"
    assert tree.read("/big", limit=11) == b"x" * 11


def test_nul_byte_in_a_path_is_refused(tree):
    with pytest.raises(OSError):
        tree.write_atomic("/a\0b", b"x")


def test_remove_tree_does_not_follow_links(tree, tmp_path):
    (tmp_path / "root/d").mkdir()
    (tmp_path / "precious").write_bytes(b"x")
    os.symlink(str(tmp_path / "precious"), str(tmp_path / "root/d/link"))
    tree.remove_tree("/d")
    tree.remove_tree("/d")
    assert (tmp_path / "precious").exists()
    assert os.listdir(str(tmp_path / "root")) == []


def test_symlink_replaces_atomically(tree, tmp_path):
    tree.symlink("one", "/link")
    tree.symlink("two", "/link")
    assert tree.readlink("/link") == "two"
    assert os.listdir(str(tmp_path / "root")) == ["link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="bind mounts need root")
def test_mount_point_is_written_in_place(tmp_path):
    """A bind-mounted file cannot be renamed over: it is written where it is, and said so."""
    import subprocess
    import sys

    root = tmp_path / "root"
    root.mkdir()
    (root / "hosts").write_bytes(b"old and longer")
    (tmp_path / "source").write_bytes(b"old and longer")
    program = (
        "import subprocess, sys; sys.path.insert(0, %r)\n"
        "from tsagent.host import Tree\n"
        "subprocess.check_call(['mount', '--bind', %r, %r])\n"
        "print(Tree(%r).write_atomic('/hosts', b'new'), open(%r).read())\n"
    ) % (
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
        str(tmp_path / "source"),
        str(root / "hosts"),
        str(root),
        str(root / "hosts"),
    )
    out = subprocess.check_output(["unshare", "-m", sys.executable, "-c", program])
    assert out.decode().strip() == "in place new"
    assert (root / "hosts").read_bytes() == b"old and longer"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other owners")
USER = 1000


@pytest.fixture
def home(tree, tmp_path):
    """A home of a user's, with a link in it to a directory that is root's."""
    root = tmp_path / "root"
    for name in ("etc", "home/mary", "data/mary"):
        (root / name).mkdir(parents=True)
    (root / "etc/keep").write_bytes(b"root's")
    for path in (root / "home/mary", root / "data/mary"):
        os.chown(str(path), USER, USER)
    (root / "home/mary/conf").symlink_to("/etc")
    (root / "home/mary/file").symlink_to("/etc/keep")
    for name in ("conf", "file"):
        os.chown(str(root / "home/mary" / name), USER, USER, follow_symlinks=False)
    return root


@needs_root
@pytest.mark.parametrize(
    "act",
    [
        lambda tree: tree.write_atomic("/home/mary/conf/keep", b"trap", 0o600, USER, USER),
        lambda tree: tree.write_atomic("/home/mary/file", b"trap"),
        lambda tree: tree.write_atomic("/home/mary/conf/made/below", b"trap"),
        lambda tree: tree.append("/home/mary/file", b"trap"),
        lambda tree: tree.open("/home/mary/file", os.O_WRONLY | os.O_TRUNC),
        lambda tree: tree.mkdir("/home/mary/conf/made", 0o700, USER, USER),
        lambda tree: tree.mkdir("/home/mary/conf", 0o777, USER, USER),
        lambda tree: tree.chmod("/home/mary/file", 0o666),
        lambda tree: tree.chown("/home/mary/file", USER, USER),
        lambda tree: tree.symlink("trap", "/home/mary/conf/keep"),
        lambda tree: tree.unlink("/home/mary/conf/keep"),
        lambda tree: tree.rename("/home/mary/conf/keep", "/home/mary/kept"),
        lambda tree: tree.remove_tree("/home/mary/conf/keep"),
        lambda tree: tree.read("/home/mary/file", act=True),
    ],
)
def test_root_does_nothing_for_a_user_through_the_users_link(tree, home, act):
    with pytest.raises(AgentError) as caught:
        act(tree)
    assert caught.value.code == "unsafe-link"
    assert os.listdir(str(home / "etc")) == ["keep"]
    assert (home / "etc/keep").read_bytes() == b"root's"
    status = os.stat(str(home / "etc/keep"))
    assert (status.st_uid, stat.S_IMODE(status.st_mode) & 0o022) == (0, 0)
    assert os.stat(str(home / "etc")).st_uid == 0


@needs_root
def test_links_that_lead_a_user_nowhere_new_are_followed(tree, home):
    (home / "home/mary/data").symlink_to("/data/mary")
    os.chown(str(home / "home/mary/data"), USER, USER, follow_symlinks=False)
    (home / "home/anna").symlink_to("/etc")  # root's own
    tree.write_atomic("/home/mary/data/new/file", b"hers")
    tree.write_atomic("/home/anna/file", b"root's")
    assert (home / "data/mary/new/file").read_bytes() == b"hers"
    assert (home / "etc/file").read_bytes() == b"root's"
