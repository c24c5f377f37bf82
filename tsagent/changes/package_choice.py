"""Changes that install one tool, whatever its package is called, or by Python's pip."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.package_managers import PackageManager, why
from tsagent.changes.packages import InstallPackages
from tsagent.errors import AgentError
from tsagent.host.accounts import find_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import CommandResult, Host

_BINARIES = ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/bin/")
_PIP_LIMIT = 3600.0  # seconds
_LOOK_LIMIT = 60.0  # seconds
_OLDEST_PIP = (20, 3)  # older ones do not know the wheels that libraries come as today
_SPECIFIERS = "=<>!~[; @"


class InstallOneOf(InstallPackages):
    """Install the first of several packages that the repositories have: one tool under its names.

    Of `version`, where that is given. With `program`, it is installed already where that program is.
    """

    type = "install_one_of"

    def __init__(
        self,
        names: "Sequence[str]",
        version: "Optional[str]" = None,
        program: "Optional[str]" = None,
        manager: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__([[name, version] if version else name for name in names], manager, reason, requires)
        self.choice = list(self.packages)
        self.program = program
        self.words = " or ".join(item if isinstance(item, str) else " ".join(item) for item in self.choice)

    def payload(self) -> "Dict[str, Any]":
        return {"manager": self.manager, "packages": self.choice}

    def describe(self) -> str:
        return "install " + self.words

    def probe(self, host: "Host") -> Probe:
        versioned = any(not isinstance(item, str) for item in self.choice)
        if self.program is not None and not versioned and has_program(host, self.program):
            return Probe(CONVERGED, "%s is there" % self.program)
        try:
            manager = PackageManager(host, self.manager)
            for item in self.choice:
                if manager.missing([item]) == ([], []):
                    return Probe(CONVERGED, "%s is installed" % manager.word(item))
        except AgentError as error:
            return Probe(UNKNOWN, error.message)
        return Probe(DIFFERS, "not installed")

    def apply(self, host: "Host") -> "Optional[str]":
        manager = PackageManager(host, self.manager)
        trouble = ""
        if manager.name == "apt":  # images of this distribution come without package lists
            result = manager.refresh()
            if result.status != 0:
                trouble = "; the package lists could not be fetched: " + why(result)
        failures: "List[str]" = []
        for item in self.choice:
            self.packages = [item]
            try:
                return super().apply(host)
            except AgentError as error:
                if error.code != "packages-missing":
                    raise
                failures.append(error.message.partition(": ")[2])
        raise AgentError(
            "not installed: " + "; ".join(failures) + trouble,
            "packages-missing",
            "check the name and that the repositories can be reached",
        )


class InstallByPip(Change):
    """Install a package by the pip of this machine's Python 3, for `user` alone or for all.

    A pip that is too old for today's libraries is brought up to date first.
    """

    type = "install_by_pip"
    needs_live = True
    repeat_visible = True

    def __init__(
        self,
        package: str,
        user: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(package, reason, requires)
        self.package = package
        self.user = user

    def payload(self) -> "Dict[str, Any]":
        return {"user": self.user}

    def describe(self) -> str:
        return "install %s by pip%s" % (self.package, " for %s" % self.user if self.user else "")

    def probe(self, host: "Host") -> Probe:
        if any(letter in self.package for letter in _SPECIFIERS):
            return Probe(UNKNOWN, "pip is to see to the version")
        if host.which("python3") is None or (self.user and find_user(host.root, self.user) is None):
            return Probe(DIFFERS, "not installed")
        found = self._pip(host, ["show", "--quiet", self.package], _LOOK_LIMIT).status == 0
        return Probe(CONVERGED, "installed") if found else Probe(DIFFERS, "not installed")

    def apply(self, host: "Host") -> "Optional[str]":
        if self.user is not None and find_user(host.root, self.user) is None:
            raise AgentError(
                "there is no user %s" % self.user, "no-such-user", "name it under users, or another here"
            )
        said = self._pip(host, ["--version"], _LOOK_LIMIT)
        if said.status != 0:
            raise AgentError("Python 3 has no pip here", "no-pip", "install the package python3-pip")
        install = ["install", "--quiet", "--no-input"] + (["--user"] if self.user else [])
        if _version(said.text) < (10,):
            install.remove("--no-input")  # an option of later ones
        note = None
        if _version(said.text) < _OLDEST_PIP:
            self._succeed(self._pip(host, install + ["--upgrade", "pip"], _PIP_LIMIT))
            note = "its pip is old: the newest was asked for first"
        self._succeed(self._pip(host, install + ["--", self.package], _PIP_LIMIT))
        return note

    def flush(self, host: "Host") -> None:
        host.flush()

    def _pip(self, host: "Host", words: "List[str]", limit: float) -> "CommandResult":
        # The distribution's mark that its Python is its own would stop pip; an older one does not know it.
        env = {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        argv = ["python3", "-m", "pip"] + words
        if self.user is not None:
            account = find_user(host.root, self.user)
            env["HOME"] = account.home if account is not None else "/"
            argv = ["runuser", "-u", self.user, "--"] + argv
        return host.run(argv, env=env, timeout=limit)

    def _succeed(self, result: "CommandResult") -> None:
        if result.status != 0 or result.timed_out:
            lines = [line for line in result.text.splitlines() if line.startswith("ERROR:")]
            reason = lines[0][:300] if lines else result.last_line()
            raise AgentError(
                "pip could not install %s: %s" % (self.package, reason),
                "pip-failed",
                "check the name and that the package index can be reached",
            )


def has_program(host: "Host", program: str) -> bool:
    """Whether the root has a program, by its name or absolute path."""
    if host.live:
        return host.which(program) is not None
    places = [program] if program.startswith("/") else [directory + program for directory in _BINARIES]
    return any(host.root.exists(place) for place in places)


def _version(said: str) -> "Tuple[int, ...]":
    """The version in what `pip --version` says, as numbers: `pip 21.3.1 from ...`."""
    words = said.split()
    parts = words[1].split(".")[:2] if len(words) > 1 else []
    return tuple(int(part) for part in parts if part.isdigit())
