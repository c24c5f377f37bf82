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
        from tsagent.demo import story

        sys.stdout.write("A small scratch tree is the root: a view of this machine needs root.\n")
        return story.tell(work, world.scratch_root(work), view=False)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def environment() -> "Dict[str, str]":
    """The environment in which this same agent is found again."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [here] + [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(paths))


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
