"""A copy-on-write view of this machine: an overlay of / with devices and directories of its own."""

import os
import subprocess

TRIAL = "from tsagent.demo import view; import tempfile; view.mount(tempfile.mkdtemp())"

# Character devices that programs expect; no block device is among them.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def mount(work: str) -> str:
    """Mount the view below `work` and return its path. For a mount namespace of our own.

    Raises OSError or CalledProcessError where the kernel or the file systems do not allow it.
    """
    top = os.path.join(work, "view")
    os.makedirs(top, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", top)
    for name in ("upper", "work", "root"):
        os.mkdir(os.path.join(top, name))
    root = os.path.join(top, "root")
    layers = "lowerdir=/,upperdir=%s/upper,workdir=%s/work" % (top, top)
    _mount("-t", "overlay", "-o", layers, "overlay", root)
    if not os.path.exists(os.path.join(root, "bin/sh")):
        raise OSError("the root file system alone does not hold the system")
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", root + "/dev")
    for name in _DEVICES:
        path = root + "/dev/" + name
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        _mount("--bind", "/dev/" + name, path)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, root + "/dev/" + name)
    _mount("--bind", "/proc", root + "/proc")
    _mount("-o", "remount,bind,ro", root + "/proc")
    for name in ("run", "tmp"):
        _mount(
            "-t", "tmpfs", "-o", "mode=%s" % ("1777" if name == "tmp" else "0755"), "tmpfs", root + "/" + name
        )
    return root


def _mount(*words: str) -> None:
    subprocess.check_output(["mount"] + list(words), stderr=subprocess.STDOUT)
