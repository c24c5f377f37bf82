"""The one door to the machine: a root to write, hardware to read, programs to run, clocks."""

import os

from tsagent.host.clock import Clock
from tsagent.host.process import CommandFailed, CommandResult, Interrupted, Runner
from tsagent.host.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.facts import Facts
    from tsagent.host.last_act import LastAct
    from tsagent.host.outputs import Outputs
    from tsagent.host.reach import Reach
    from tsagent.web import Web

__all__ = ["Clock", "CommandFailed", "CommandResult", "Host", "Interrupted", "Runner", "Tree"]

TOOL_LIMIT = 120.0  # seconds for a tool of the agent's own that has no limit of its own


class Host:
    """Everything outside the agent, handed in once and passed to all that acts.

    `root` is the tree to write; `hardware` holds the `/sys` and `/proc` to read; `commands` says what
    becomes of the user's own commands: "live", "skip", "chroot" or "here"; `disk` is the image file that
    stands for the machine's disk when a root is given.
    """

    def __init__(
        self,
        root: str = "/",
        hardware: "Optional[str]" = None,
        commands: "Optional[str]" = None,
        disk: "Optional[str]" = None,
        runner: "Optional[Runner]" = None,
        clock: "Optional[Clock]" = None,
    ) -> None:
        self.root = Tree(root)
        self.hardware = Tree(hardware) if hardware else self.root
        self.live = self.root.live
        self.commands = commands or ("live" if self.live else "skip")
        self.disk = os.path.abspath(disk) if disk else None
        self.runner = runner or Runner()
        self.clock = clock or Clock()
        self.facts: "Optional[Facts]" = None  # set by whoever starts a run
        self.outputs: "Optional[Outputs]" = None  # where what the user's commands print is copied to
        self.at_end: "List[LastAct]" = []  # what is to be started when the run has ended
        self.instance_dir = "/var/lib/tsagent/instances/pending"  # private to the instance, in the root
        self.proxy: "Any" = None  # the image's, for all that is not link-local
        self._deadline: "Optional[float]" = None

    @property
    def web(self) -> "Web":
        """The web beyond the metadata service; within what `limited` allows."""
        from tsagent.web import Web

        return Web(self.root, self.clock, self.proxy, self._deadline)

    @property
    def reach(self) -> "Reach":
        """What of the network this machine can reach."""
        from tsagent.host.reach import Reach

        return Reach(self.hardware, self.clock)

    def limited(self, seconds: float) -> "Host":
        """The same host, whose tools must end within `seconds` from now; 0 is no limit."""
        other = Host.__new__(Host)
        other.__dict__.update(self.__dict__)
        other._deadline = self.clock.monotonic() + seconds if seconds else None
        return other

    def which(self, name: str) -> "Optional[str]":
        """The absolute path of a program of this machine, or None."""
        return self.runner.which(name)

    def run(
        self,
        argv: "Sequence[str]",
        stdin: "Optional[bytes]" = None,
        env: "Optional[Dict[str, str]]" = None,
        timeout: "Optional[float]" = TOOL_LIMIT,
        killable: bool = True,
    ) -> CommandResult:
        """Run a tool of the agent's own on this machine; its status is the caller's to judge."""
        if self._deadline is not None and killable:
            left = max(0.1, self._deadline - self.clock.monotonic())
            timeout = left if timeout is None else min(timeout, left)
        return self.runner.run(argv, stdin=stdin, env=env, timeout=timeout, killable=killable)

    def going_down(self) -> bool:
        """Whether this machine has been told to restart or to shut down. False for a tree."""
        if not self.live or not self.hardware.exists("/run/systemd/system"):
            return False
        return self.run(["systemctl", "is-system-running"]).text.strip() == "stopping"

    def flush(self) -> None:
        """Make durable all that was written until now, by whomever. Not for a tree: it can be made again."""
        if self.live:
            os.sync()

    def relabel(self) -> None:
        """Give the files made since the last call the security labels of the policy, where there is one.

        Replaced files keep the label they had; only new ones need the policy's word.
        """
        made, self.root.made = self.root.made, []
        if not made or not self.live or not self.hardware.exists("/sys/fs/selinux/enforce"):
            return
        if self.which("restorecon") is not None:
            for start in range(0, len(made), 100):  # an argument list has its bounds
                self.check(["restorecon", "-i"] + made[start : start + 100])

    def check(
        self,
        argv: "Sequence[str]",
        stdin: "Optional[bytes]" = None,
        timeout: "Optional[float]" = TOOL_LIMIT,
        killable: bool = True,
    ) -> CommandResult:
        """Run a tool and raise CommandFailed unless it succeeds."""
        result = self.run(argv, stdin=stdin, timeout=timeout, killable=killable)
        if result.status != 0 or result.timed_out:
            raise CommandFailed(result)
        return result
