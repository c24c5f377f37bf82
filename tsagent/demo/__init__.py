"""A whole first boot on a machine that is not there: simulator, scratch disk, scratch root.

Where it may (as root, with mount namespaces and overlays), the root is a copy-on-write view of this
machine in a namespace without its network and block devices, so that accounts, packages and commands
are real; elsewhere it is a small scratch tree. Nothing of this machine is changed.
"""

import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional


def run(keep: "Optional[str]" = None) -> int:
    """Run the demo in a directory of its own, or in `keep`, which is left there; the exit code."""
    import shutil
    import tempfile

    from tsagent.demo import world

    work = os.path.abspath(keep) if keep else tempfile.mkdtemp(prefix="tsagent-demo-")
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)  # the commands of other accounts look into it
    try:
        world.prepare(work)
        if _may_have_a_view():
            command = ["unshare", "--mount", "--net", "--propagation", "private"]
            command += [sys.executable, "-m", "tsagent.demo.inside", work]
            return subprocess.call(command, env=environment())
        if os.geteuid() != 0:
            return _as_root_of_a_namespace(work)
        from tsagent.demo import story

        sys.stdout.write("A small scratch tree is the root: this machine allows no view of itself.\n")
        return story.tell(work, world.scratch_root(work), view=False)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def environment() -> "Dict[str, str]":
    """The environment in which this same agent is found again."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [here] + [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(paths))


def _as_root_of_a_namespace(work: str) -> int:
    """The demo for somebody who is not root: root of a user namespace, without other accounts in it."""
    from tsagent.errors import AgentError

    enter = ["unshare", "--user", "--map-root-user"]
    try:
        allowed = subprocess.call(enter + ["true"], stderr=subprocess.DEVNULL) == 0
    except OSError:
        allowed = False
    if not allowed:
        raise AgentError(
            "the demo's machine has owners and accounts of its own", "needs-root", "sudo make demo"
        )
    sys.stdout.write(
        "A small scratch tree is the root, without accounts of its own: those need root (sudo).\n"
    )
    sys.stdout.flush()
    return subprocess.call(
        enter + [sys.executable, "-m", "tsagent.demo.inside", work, "mapped"], env=environment()
    )


def _may_have_a_view() -> bool:
    """Whether an overlay of / can be mounted in a namespace of our own."""
    if os.geteuid() != 0:
        return False
    from tsagent.demo import view

    command = ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, "-c", view.TRIAL]
    try:
        return subprocess.call(command, env=environment(), stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
