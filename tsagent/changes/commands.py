"""Commands: the user's own (items of runcmd and bootcmd, scripts), and tools of the agent's own."""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.per_frequency import provide
from tsagent.changes.shell_session import HANDED_ON, Session, item_text
from tsagent.errors import AgentError
from tsagent.host.process import CommandFailed
from tsagent.state.paths import ERROR_LOG, OUTPUT_LOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

    from tsagent.host import CommandResult, Host

_SHEBANG_LIMIT = 256  # bytes of a first line the kernel looks at. Source: execve(2), BINPRM_BUF_SIZE
_WORD_LIMIT = 40  # letters of a command that are shown
_C_UTF8 = ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")
_TOOL_LIMIT = 120.0  # seconds, for a tool that is given no other limit


class UserChange(Change):
    """Something of the user's that is run. Its text and its output are never shown, logged or put in argv."""

    user_command = True
    repeat_visible = True

    def __init__(
        self, target: str, env: "Optional[Dict[str, str]]", reason: str, requires: "Sequence[Change]"
    ) -> None:
        super().__init__(target, reason, requires)
        self.env = dict(env or {})

    def where(self, host: "Host") -> "Tuple[bool, str]":
        """Whether to enter the root first, and the directory to start in."""
        if host.commands == "chroot":
            return not host.live, "/"
        return False, host.root.root

    def run(
        self,
        host: "Host",
        argv: "List[str]",
        directory: str,
        env: "Dict[str, str]",
        limit: "Optional[float]" = None,
    ) -> "CommandResult":
        """Run it to its end, however long that takes where `limit` (seconds) is None.

        Its output is appended to the log.
        """
        chroot, _ = self.where(host)
        env = dict(env)
        if not env.get("INSTANCE_ID"):
            env = dict(env, INSTANCE_ID=os.path.basename(host.instance_dir))
        # LANG and not LC_ALL, which would stand above what the commands themselves set.
        here = host.root.exists if chroot else os.path.exists
        env.setdefault("LANG", "C.UTF-8" if any(here(path) for path in _C_UTF8) else "C")
        if host.live:
            env.update((name, os.environ[name]) for name in HANDED_ON if os.environ.get(name))
        env.setdefault("PATH", "%s:%s" % (host.runner.path, provide(host, chroot)))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        log = host.root.open(OUTPUT_LOG, flags, 0o600)
        outputs = host.outputs
        apart = outputs is not None and outputs.apart
        error = host.root.open(ERROR_LOG, flags, 0o600) if apart else None
        ends: "List[Callable[[], None]]" = []
        try:
            os.write(log, ("--- %s ---\n" % self.target).encode("utf-8", "replace"))
            printed = os.fstat(error).st_size if error is not None else 0
            if outputs is not None:
                ends.append(outputs.follow(OUTPUT_LOG, outputs.output))
                if apart:
                    ends.append(outputs.follow(ERROR_LOG, outputs.error))
            try:
                # A file and no pipe: a background child that keeps it open holds nobody up.
                return host.runner.run(
                    argv,
                    env=env,
                    cwd=directory,
                    timeout=limit,
                    output=log,
                    chroot=host.root.root if chroot else None,
                    error=error,
                )
            finally:
                for end in ends:
                    end()
                if error is not None:
                    # The log has all of it, whatever becomes of the targets.
                    os.write(log, host.root.read(ERROR_LOG)[printed:])
        finally:
            os.close(log)
            if error is not None:
                os.close(error)

    def flush(self, host: "Host") -> None:
        host.flush()

    def judge(self, what: str, result: "CommandResult") -> None:
        """Raise AgentError `command-failed` unless it succeeded."""
        if result.status == 0:
            return
        if result.status < 0:
            how = "was killed by signal %d" % -result.status
        else:
            how = "failed with status %d" % result.status
        raise AgentError("%s %s" % (what, how), "command-failed", "its output is in " + OUTPUT_LOG)


class UserCommand(UserChange):
    """One item of a list of commands that are one shell session, such as runcmd.

    `item` is shell text, or a list of words that are one command. `index` counts from 0; `after` is the
    index of the item before in the same session, None for its first. What an item leaves (directory,
    variables, exports, umask, options, functions where sh is bash) the next one finds, in this run or a
    resumed one.
    """

    type = "user_command"

    def __init__(
        self,
        session: str,
        index: int,
        item: "Union[str, List[Any]]",
        after: "Optional[int]" = None,
        env: "Optional[Dict[str, str]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("%s[%d]" % (session, index), env, reason, requires)
        self.session = session
        self.index = index
        self.after = after
        self.item = item

    def payload(self) -> "Dict[str, Any]":
        # No digest of the text: of a short secret it would be as good as the secret.
        return {"session": self.session, "index": self.index}

    def describe(self) -> str:
        return "%s: %s" % (self.target, shown(self.item))

    def apply(self, host: "Host") -> "Optional[str]":
        what = "%s item %d" % (self.session, self.index + 1)
        chroot, directory = self.where(host)
        try:
            text = item_text(self.item)
        except UnicodeEncodeError:
            raise AgentError(what + " is not text", "bad-command", "write it in UTF-8") from None
        notes = []
        session = Session(host.root, "%s/session/%s" % (host.instance_dir, self.session), chroot)
        start = session.prepare(self.index, self.after is None)
        left = session.working_directory(start)
        env = dict(self.env)
        if left is not None:
            if host.root.is_dir(left) if chroot else os.path.isdir(left):
                directory = env["PWD"] = left  # its name for it, which may lead through links
            else:
                notes.append("the working directory of the item before is gone")
        result = self.run(host, ["/bin/sh", session.write(text, start)], directory, env)
        lost = session.lost()
        if lost:
            notes.append("not carried over to the next item: " + ", ".join(lost))
        if not session.finish(self.index, start):
            notes.append("it left no variables to the next item")
        self.judge(what, result)
        return "; ".join(notes) or None

    def finish(self, host: "Host") -> None:
        # What one item left to the next may hold secrets, and nothing will resume from it any more.
        host.root.remove_tree("%s/session/%s" % (host.instance_dir, self.session))


class UserScript(UserChange):
    """A script of the user's, kept with mode 0700 in the instance's directory and run by its interpreter.

    `prefix` are words that stand before it on its command line, such as `timeout 30`.
    """

    type = "user_script"

    def __init__(
        self,
        name: str,
        content: bytes,
        env: "Optional[Dict[str, str]]" = None,
        what: str = "script",
        reason: str = "",
        requires: "Sequence[Change]" = (),
        prefix: "Sequence[str]" = (),
    ) -> None:
        super().__init__("%s %s" % (what, name), env, reason, requires)
        self.name = name
        self.content = content
        self.prefix = list(prefix)

    def payload(self) -> "Dict[str, Any]":
        return {"bytes": len(self.content)}

    def describe(self) -> str:
        return "run %s" % self.target

    def apply(self, host: "Host") -> "Optional[str]":
        self.judge(str(self.target), self.start(host))
        return None

    def start(self, host: "Host") -> "CommandResult":
        """Run it to its end, which is the caller's to judge."""
        argv = interpreter(self.content)
        if argv is None:
            raise AgentError(
                "%s does not say what runs it" % self.target, "no-interpreter", "begin it with #!/bin/sh"
            )
        directory = host.instance_dir + "/scripts"
        path = "%s/%s" % (directory, _file_name(self.name))
        host.root.mkdir(directory, 0o700)
        host.root.write_atomic(path, self.content, 0o700, 0, 0)
        chroot, start = self.where(host)
        argv.append(host.root.realpath(path) if chroot else host.root.host_path(path))
        return self.run(host, self.prefix + argv, start, self.env)


class UserProgram(UserChange):
    """A program or script of the user's that lies in the root, run where it lies."""

    type = "user_program"

    def __init__(
        self,
        path: str,
        env: "Optional[Dict[str, str]]" = None,
        what: str = "script",
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__("%s %s" % (what, path), env, reason, requires)
        self.path = path

    def payload(self) -> "Dict[str, Any]":
        return {"path": self.path}

    def describe(self) -> str:
        return "run %s" % self.target

    def apply(self, host: "Host") -> "Optional[str]":
        descriptor = host.root.open(self.path, os.O_RDONLY)
        try:
            head = os.read(descriptor, _SHEBANG_LIMIT)
        finally:
            os.close(descriptor)
        argv = interpreter(head)
        if argv is None:
            if b"\0" not in head:
                raise AgentError(
                    "%s does not say what runs it" % self.target, "no-interpreter", "begin it with #!/bin/sh"
                )
            argv = []
        chroot, start = self.where(host)
        argv.append(host.root.realpath(self.path) if chroot else host.root.host_path(self.path))
        self.judge(str(self.target), self.run(host, argv, start, self.env))
        return None


class RunTool(Change):
    """Run a command of the agent's own; nothing secret may stand in `argv`.

    `what` says in a few words what it does. `check(host)` is a pure look that returns a Probe: converged
    means it need not run, and differs after it ran is a failure. `timeout` is in seconds, None for none.
    """

    type = "run_tool"
    repeat_visible = True

    def __init__(
        self,
        argv: "Sequence[str]",
        what: str,
        check: "Optional[Callable[[Host], Probe]]" = None,
        needs_live: bool = False,
        outlives: bool = False,
        env: "Optional[Dict[str, str]]" = None,
        timeout: "Optional[float]" = _TOOL_LIMIT,
        hint: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(what, reason, requires)
        self.argv = list(argv)
        self.check = check
        self.needs_live = needs_live
        self.outlives = outlives
        self.env = env
        self.timeout = timeout
        self.hint = hint

    def payload(self) -> "Dict[str, Any]":
        return {"argv": self.argv}

    def describe(self) -> str:
        return str(self.target)

    def detail(self, host: "Host") -> "List[str]":
        return [" ".join(self.argv)]

    def probe(self, host: "Host") -> Probe:
        return self.check(host) if self.check is not None else Probe(UNKNOWN)

    def flush(self, host: "Host") -> None:
        host.flush()

    def apply(self, host: "Host") -> "Optional[str]":
        result = host.run(self.argv, env=self.env, timeout=self.timeout, killable=not self.outlives)
        if result.status != 0 or result.timed_out:
            raise CommandFailed(result, self.hint)
        if self.check is not None:
            seen = self.check(host)
            if seen.state == DIFFERS:
                raise AgentError(
                    "%s succeeded, and yet: %s"
                    % (os.path.basename(self.argv[0]), seen.detail or "no effect"),
                    "not-converged",
                    self.hint,
                )
            return seen.detail or None if seen.state == CONVERGED else None
        return None


def shown(item: "Union[str, List[Any]]") -> str:
    """What may be shown of a command: its first word, where that is the name of a program."""
    words = [str(word) for word in item] if isinstance(item, list) else item.split(None, 1)
    if not words:
        return "nothing"
    more = " …" if len(words) > 1 else ""
    first = words[0]
    name, equals, _ = first.partition("=")
    if equals and name.isidentifier():
        return name + "=…"  # an assignment: the value may be a password
    if len(first) > _WORD_LIMIT or not all(letter.isalnum() or letter in "/._-+[]:" for letter in first):
        return "…"
    return first + more


def interpreter(script: bytes) -> "Optional[List[str]]":
    """The interpreter of a script and its one argument, as the kernel reads the first line; or None.

    Asked for by name rather than left to the kernel, so that a script can lie on a file system mounted
    noexec and a missing interpreter is called by its name.
    """
    line = script[:_SHEBANG_LIMIT].split(b"\n", 1)[0]
    if not line.startswith(b"#!"):
        return None
    words = line[2:].strip().split(None, 1)
    if not words:
        return None
    return [os.fsdecode(word.strip()) for word in words]


def _file_name(name: str) -> str:
    """The name as one component of a path."""
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)[:200]
    return safe if safe.strip(".") else "script"
