"""A file that somebody edited or removed is told from one that the agent wrote, and is not lost."""

import json
import os
import signal

import pytest

from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.network_files import RemoveNetworkFile, WriteNetworkFile
from tsagent.host import Host
from tsagent.state import paths

PATH = "/etc/systemd/network/10-tsagent-eth0.network"


@pytest.fixture
def host(tmp_path):
    return Host(str(tmp_path))


def write(content, **more):
    change = WriteNetworkFile(PATH, content, **more)
    change.owner, change.group = os.getuid(), os.getgid()
    return change


def do(change, host):
    """What the look says; applied where it is not so yet."""
    probe = change.probe(host)
    note = change.apply(host) if probe.state == DIFFERS else probe.detail
    return probe.state, probe.warn, note


def put(host, text):
    with open(host.root.root + PATH, "w") as file:
        file.write(text)


def saved(host):
    return host.root.read(paths.NETWORK_SAVED + PATH).decode()


def test_what_the_agent_wrote_it_writes_anew(host):
    assert do(write("one\n"), host) == (DIFFERS, False, None)
    assert do(write("one\n"), host) == (CONVERGED, False, "")
    assert do(write("two\n"), host) == (DIFFERS, False, None)
    assert host.root.read(PATH) == b"two\n"
    assert not host.root.exists(paths.NETWORK_SAVED)


def test_an_edit_stays_and_is_told(host):
    do(write("one\n"), host)
    put(host, "mine\n")
    state, warn, words = do(write("two\n"), host)
    assert (state, warn) == (CONVERGED, True)
    assert "edited" in words and "network apply --force" in words
    assert host.root.read(PATH) == b"mine\n"
    # One that says just what is asked for is nobody's trouble.
    assert do(write("mine\n"), host)[0] == CONVERGED


def test_an_edit_is_saved_before_it_is_overwritten_after_all(host):
    do(write("one\n"), host)
    put(host, "mine\n")
    assert do(write("two\n", force=True), host)[2].endswith("saved" + PATH)
    assert (host.root.read(PATH), saved(host)) == (b"two\n", "mine\n")
    assert os.stat(host.root.root + paths.NETWORK_SAVED + PATH).st_mode & 0o777 == 0o600
    assert do(write("three\n"), host) == (DIFFERS, False, None)


def test_a_file_that_somebody_removed_stays_away(host):
    do(write("one\n"), host)
    os.unlink(host.root.root + PATH)
    state, warn, words = do(write("two\n"), host)
    assert (state, warn) == (CONVERGED, True) and "removed" in words
    assert not host.root.exists(PATH)
    do(write("two\n", force=True), host)
    assert host.root.read(PATH) == b"two\n"


def test_a_link_to_nothing_is_an_edit(host):
    do(write("one\n"), host)
    os.unlink(host.root.root + PATH)
    os.symlink("/dev/null", host.root.root + PATH)
    os.makedirs(host.root.root + "/dev")
    with open(host.root.root + "/dev/null", "w"):
        pass
    assert do(write("two\n"), host)[:2] == (CONVERGED, True)


def test_a_new_instance_gets_its_files_anew_and_the_edit_is_saved(host):
    do(write("one\n", instance="i-1"), host)
    put(host, "mine\n")
    assert do(write("two\n", instance="i-2"), host)[0] == DIFFERS
    assert (host.root.read(PATH), saved(host)) == (b"two\n", "mine\n")
    os.unlink(host.root.root + PATH)
    assert do(write("three\n", instance="i-3"), host)[0] == DIFFERS


def test_the_images_own_file_is_saved(host):
    os.makedirs(os.path.dirname(host.root.root + PATH))
    put(host, "image\n")
    do(write("one\n"), host)
    assert (host.root.read(PATH), saved(host)) == (b"one\n", "image\n")


def test_a_crash_between_record_and_file_leaves_no_edit_behind(host):
    do(write("one\n"), host)
    do(write("two\n"), host)
    put(host, "one\n")  # the record was written, and the file was not
    assert do(write("two\n"), host)[0] == DIFFERS
    assert host.root.read(PATH) == b"two\n"


def killed_in(change, host, name):
    """The state that a kill leaves just before the tree's method `name` is called for the file itself."""
    child = os.fork()
    if child == 0:
        method = getattr(host.root, name)

        def die(path, *words, **options):
            if path == PATH:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(path, *words, **options)

        setattr(host.root, name, die)
        try:
            change.apply(host)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_a_kill_before_the_file_is_there_is_no_removal(host):
    killed_in(write("one\n"), host, "write_atomic")
    assert not host.root.exists(PATH)
    assert do(write("one\n"), host)[0] == DIFFERS
    killed_in(RemoveNetworkFile(PATH), host, "unlink")
    assert do(RemoveNetworkFile(PATH), host)[0] == DIFFERS
    assert do(write("one\n"), host)[0] == DIFFERS


def test_what_is_no_longer_asked_for_goes_unless_it_was_edited(host):
    do(write("one\n"), host)
    assert do(RemoveNetworkFile(PATH), host)[0] == DIFFERS
    assert not host.root.exists(PATH)
    assert json.loads(host.root.read(paths.NETWORK_FILES).decode())["files"] == {}
    do(write("one\n"), host)
    put(host, "mine\n")
    assert do(RemoveNetworkFile(PATH), host)[:2] == (CONVERGED, True)
    do(RemoveNetworkFile(PATH, force=True), host)
    assert (host.root.exists(PATH), saved(host)) == (False, "mine\n")


def test_a_record_that_cannot_be_read_costs_a_saved_copy(host):
    do(write("one\n"), host)
    host.root.write_atomic(paths.NETWORK_FILES, b"{torn", 0o600)
    do(write("two\n"), host)
    assert (host.root.read(PATH), saved(host)) == (b"two\n", "one\n")


def test_a_diff_shows_no_secret(host):
    os.makedirs(os.path.dirname(host.root.root + PATH))
    put(host, "psk=hush1\nIEEE_8021X_PASSWORD=hush2\nkeep=1\n")
    new = "private-key-password=hush3\n      password: hush4\nWPA_PSK='hush5'\n"
    new += "wep-key0=hush6\nPrivateKey=hush7\nkeep=2\n"
    lines = write(new).detail(host) + RemoveNetworkFile(PATH).detail(host)
    assert "+keep=2" in lines and "-keep=1" in lines
    assert "hush" not in "\n".join(lines)
    assert sum(line.endswith("***") for line in lines) == 9
    assert write(new, secret=True).detail(host) == []
