"""Programs of others that set a machine up: a configuration manager's run, an installer from the web.

What they print is appended to the log of commands' output, mode 0600, and never shown elsewhere.
"""

import os

from tsagent.changes import git_logins
from tsagent.changes.base import CONVERGED, UNKNOWN, Change, Probe
from tsagent.changes.commands import interpreter
from tsagent.errors import AgentError
from tsagent.host.accounts import find_user
from tsagent.state.paths import OUTPUT_LOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence

    from tsagent.host import CommandResult, Host

INSTALLER_LIMIT = 16 << 20  # bytes of an installer's script
_NOT_FOUND = 127  # the status of runuser, as of a shell, where there is no such program


class RunProgram(Change):
    """Run a program to its end on the running system, its output appended to the log.

    `what` says in a few words what it does, and is all that is shown. `user` runs it in place of root,
    with that user's HOME and with ~/.local/bin in its PATH, unless `env` gives another; `directory` is
    where it starts, else the user's home. `good` are the exit statuses of success. `check(host)` is a pure
    look that returns a Probe: converged means that it need not run. `leaves` is a directory that it makes:
    what a run that was cut off has left of it is taken away. `logins` are addresses with user and password
    that the program's git is to know, which may not stand in `argv`. A failure is tried again at the next
    boots.
    """

    type = "run_program"
    needs_live = True
    repeat_visible = True

    def __init__(
        self,
        argv: "Sequence[str]",
        what: str,
        user: "Optional[str]" = None,
        directory: "Optional[str]" = None,
        env: "Optional[Dict[str, str]]" = None,
        good: "Sequence[int]" = (0,),
        check: "Optional[Callable[[Host], Probe]]" = None,
        hint: "Optional[str]" = None,
        leaves: "Optional[str]" = None,
        logins: "Sequence[str]" = (),
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(what, reason, requires)
        self.argv = list(argv)
        self.leaves = leaves
        self.logins = list(logins)
        self.user = user
        self.directory = directory
        self.env = dict(env or {})
        self.good = tuple(good)
        self.check = check
        self.hint = hint

    def payload(self) -> "Dict[str, Any]":
        # No digest of the words: an address or a variable among them may hold a password.
        return {"program": self.argv[0], "user": self.user, "directory": self.directory}

    def describe(self) -> str:
        return "%s%s" % (self.target, " as %s" % self.user if self.user else "")

    def probe(self, host: "Host") -> Probe:
        return self.check(host) if self.check is not None else Probe(UNKNOWN)

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return None if self.leaves is None else {"there": host.root.exists(self.leaves)}

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        git_logins.forget(host, self.id)
        if self.leaves is not None and before is not None and not before["there"]:
            if self.probe(host).state != CONVERGED:
                host.root.remove_tree(self.leaves)

    def flush(self, host: "Host") -> None:
        host.flush()

    def apply(self, host: "Host") -> "Optional[str]":
        argv, env = list(self.argv), dict(self.env)
        directory = self.directory
        uid = gid = 0
        if self.user is not None:
            account = find_user(host.root, self.user)
            if account is None:
                raise AgentError(
                    "there is no user %s" % self.user, "no-such-user", "name it under users, or another here"
                )
            argv = ["runuser", "-u", self.user, "--"] + argv
            uid, gid = account.uid, account.gid
            env.update(HOME=account.home, USER=self.user, LOGNAME=self.user)
            env.setdefault("PATH", "%s/.local/bin:%s" % (account.home, host.runner.path))
            directory = directory or (account.home if os.path.isdir(account.home) else "/")
        else:
            argv[0] = _found(argv[0], env.get("PATH")) or argv[0]
        if directory is not None and not os.path.isdir(directory):
            raise AgentError("there is no directory %s" % directory, "no-such-directory")
        try:
            env.update(git_logins.tell(host, self.id, self.logins, uid, gid))
            result = run_logged(host, argv, str(self.target), env, directory)
        finally:
            git_logins.forget(host, self.id)
        if self.user is not None and result.status == _NOT_FOUND:
            raise AgentError("the program %s is not installed" % self.argv[0], "no-such-program", self.hint)
        judge(self.argv[0], result, self.good, self.hint)
        return "status %d" % result.status if result.status else None


class RunInstaller(Change):
    """Fetch an installer's script from the web and run it with `arguments`; it is not kept.

    `retries` is how often it is asked for again. `check(host)` is as for RunProgram. It is never killed:
    it may be in the middle of a package transaction.
    """

    type = "run_installer"
    needs_live = True
    repeat_visible = True
    outlives = True

    def __init__(
        self,
        url: str,
        arguments: "Sequence[str]",
        what: str,
        retries: int = 5,
        check: "Optional[Callable[[Host], Probe]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(what, reason, requires)
        self.url = url
        self.arguments = list(arguments)
        self.retries = max(0, retries)
        self.check = check

    def payload(self) -> "Dict[str, Any]":
        return {"arguments": self.arguments}

    def describe(self) -> str:
        return str(self.target)

    def probe(self, host: "Host") -> Probe:
        return self.check(host) if self.check is not None else Probe(UNKNOWN)

    def flush(self, host: "Host") -> None:
        host.flush()

    def apply(self, host: "Host") -> "Optional[str]":
        answer = host.web.get(self.url, limit=INSTALLER_LIMIT, retries=self.retries)
        argv = interpreter(answer.body)
        if argv is None:
            raise AgentError(
                "what %s gave is not a script" % answer.url,
                "not-a-script",
                "its first line must begin with #!",
            )
        directory = self._directory(host)
        path = directory + "/script"
        host.root.mkdir(directory, 0o700)
        try:
            host.root.write_atomic(path, answer.body, 0o700, 0, 0)
            words = argv + [host.root.host_path(path)] + self.arguments
            result = run_logged(host, words, str(self.target), {}, None, killable=False)
        finally:
            host.root.remove_tree(directory)
        judge("the script", result, (0,), None)
        return None

    def finish(self, host: "Host") -> None:
        host.root.remove_tree(self._directory(host))  # a run that was cut off has left it

    @staticmethod
    def _directory(host: "Host") -> str:
        return host.instance_dir + "/installer"


def _found(program: str, path: "Optional[str]") -> "Optional[str]":
    """Where a program is that is looked for along a path of its own."""
    if "/" in program or path is None:
        return None
    places = ["%s/%s" % (directory, program) for directory in path.split(":")]
    return next((place for place in places if os.access(place, os.X_OK)), None)


def run_logged(
    host: "Host",
    argv: "List[str]",
    what: str,
    env: "Dict[str, str]",
    directory: "Optional[str]",
    killable: bool = True,
) -> "CommandResult":
    """Run it without a time limit, its output appended to the log of commands' output."""
    log = host.root.open(OUTPUT_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(log, ("--- %s ---\n" % what).encode("utf-8", "replace"))
        return host.runner.run(argv, env=env, cwd=directory or "/", output=log, killable=killable)
    finally:
        os.close(log)


def judge(program: str, result: "CommandResult", good: "Sequence[int]", hint: "Optional[str]") -> None:
    """Raise AgentError `command-failed` unless it ended well."""
    if result.status in good:
        return
    name = os.path.basename(program)
    if result.status < 0:
        how = "was killed by signal %d" % -result.status
    else:
        how = "failed with status %d" % result.status
    where = "its output is in " + OUTPUT_LOG
    raise AgentError("%s %s" % (name, how), "command-failed", "%s; %s" % (where, hint) if hint else where)
