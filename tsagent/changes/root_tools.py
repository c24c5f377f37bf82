"""Tools of the root itself, which know no other root than their own."""

from tsagent.changes.base import DIFFERS
from tsagent.changes.commands import RunTool
from tsagent.errors import AgentError
from tsagent.host.process import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Optional, Sequence

    from tsagent.changes.base import Change, Probe
    from tsagent.host import CommandResult, Host


class RunInRoot(RunTool):
    """Run a tool of the root: on a running system as it is, in a tree by chroot.

    `enter` says whether a tree may be entered (the context's `commands` is "chroot"); where it may not the
    change is left out there. For the rest see RunTool.
    """

    type = "run_in_root"

    def __init__(
        self,
        argv: "Sequence[str]",
        what: str,
        enter: bool,
        check: "Optional[Callable[[Host], Probe]]" = None,
        env: "Optional[Dict[str, str]]" = None,
        timeout: "Optional[float]" = 120.0,
        hint: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(
            argv,
            what,
            check,
            needs_live=not enter,
            env=env,
            timeout=timeout,
            hint=hint,
            reason=reason,
            requires=requires,
        )

    def apply(self, host: "Host") -> "Optional[str]":
        result = run_in_root(host, self.argv, env=self.env, timeout=self.timeout)
        if result.status != 0 or result.timed_out:
            raise CommandFailed(result, self.hint)
        if self.check is not None:
            seen = self.check(host)
            if seen.state == DIFFERS:
                raise AgentError(
                    "%s succeeded, and yet: %s" % (self.argv[0], seen.detail or "no effect"),
                    "not-converged",
                    self.hint,
                )
        return None


def run_in_root(
    host: "Host",
    argv: "Sequence[str]",
    stdin: "Optional[bytes]" = None,
    env: "Optional[Dict[str, str]]" = None,
    timeout: "Optional[float]" = 120.0,
) -> "CommandResult":
    """Run a tool of the root, by chroot where that is a tree; `timeout` is in seconds."""
    if host.live:
        return host.run(argv, stdin=stdin, env=env, timeout=timeout)
    return host.runner.run(argv, stdin=stdin, env=env, timeout=timeout, chroot=host.root.root)
