"""dnf, yum and apt: what is installed, and the command lines that change it.

The manager of a tree works from outside where it can (`--installroot`, `rpm --root`); apt cannot, and is
entered by chroot where the run allows that.
"""

import fcntl
import os
import re

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

    from tsagent.host import CommandResult, Host

    Wanted = Union[str, Sequence[str]]  # a name, or a name and a version

LOCK_LIMIT = 300.0  # seconds to wait for another package manager
TRANSACTION_LIMIT = 3600.0  # seconds after which a transaction is reported and left running
QUERY_LIMIT = 120.0  # seconds
_LOCK_PAUSE = 0.5  # seconds between two tries

# Source: the manual pages of apt-get, debconf and apt.conf. The installed configuration file wins over
# the package's new one, as cloud-init has it: a question could not be answered.
_APT_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l",
}
_APT = [
    "apt-get",
    "--quiet",
    "--assume-yes",
    "--option=Dpkg::Options::=--force-confold",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=DPkg::Lock::Timeout=%d" % LOCK_LIMIT,
]
_DPKG_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock")
_TEMPORARY = re.compile(r".;([0-9a-f]{8})\Z")
_ERROR_MARKS = ("error:", "e: ", "no match for argument", "no package ", "module or group ")
_NO_KEYS = "You have enabled checking of packages via GPG keys"  # dnf and yum
_SAYS_NOTHING = ("error: nothing to do", "error: nothing to do.")  # what is wrong stands before it


class PackageManager:
    """The package manager of a root. Raises AgentError `no-package-manager` where none is known."""

    def __init__(self, host: "Host", name: "Optional[str]" = None) -> None:
        if name is None and host.facts is not None:
            name = host.facts.os.package_manager
        if name not in ("dnf", "yum", "apt"):
            raise AgentError(
                "no package manager is known for this system"
                if name is None
                else "%s is not supported" % name,
                "no-package-manager",
                "dnf, yum and apt are supported",
            )
        self.name = str(name)
        self._host = host

    # -- looking ------------------------------------------------------------------------------

    def missing(self, wanted: "Sequence[Wanted]") -> "Tuple[List[Wanted], List[Wanted]]":
        """Which of them are not installed, and of which that cannot be told (groups, patterns, files)."""
        unclear = [item for item in wanted if not _is_plain(_name(item))]
        plain = [item for item in wanted if item not in unclear]
        if not plain:
            return [], unclear
        if self.name == "apt":
            return self._missing_dpkg(plain), unclear
        return self._missing_rpm(plain), unclear

    def _missing_rpm(self, wanted: "List[Wanted]") -> "List[Wanted]":
        if not self._host.live:
            # Asked in a tree that has no database rpm would make one: a look must not.
            place = self._host.run(["rpm", "--eval", "%{_dbpath}"], timeout=QUERY_LIMIT).text.strip()
            if not place.startswith("/") or not self._host.root.listdir(place):
                return list(wanted)
        absent = self._unknown_to_rpm(["-q"], [self.word(item) for item in wanted])
        if absent:
            # A name may be something that a package provides, or a file.
            absent &= self._unknown_to_rpm(["-q", "--whatprovides"], sorted(absent))
        return [item for item in wanted if self.word(item) in absent]

    def _unknown_to_rpm(self, query: "List[str]", words: "List[str]") -> "Set[str]":
        argv = ["rpm"] + ([] if self._host.live else ["--root", self._host.root.root]) + query
        result = self._host.run(argv + ["--queryformat", "\\n", "--"] + words, timeout=QUERY_LIMIT)
        if result.status == 0:
            return set()
        lines = {line.strip() for line in result.text.splitlines()}
        forms = (
            "package %s is not installed",
            "no package provides %s",
            "file %s is not owned by any package",
            "error: file %s: No such file or directory",
        )
        return {word for word in words if any(form % word in lines for form in forms)}

    def _missing_dpkg(self, wanted: "List[Wanted]") -> "List[Wanted]":
        argv = ["dpkg-query", "--admindir=" + self._path("/var/lib/dpkg"), "-W"]
        argv += ["-f=${Package} ${Version} ${db:Status-Status}\\n"]
        result = self._host.run(argv + [_name(item) for item in wanted], timeout=QUERY_LIMIT)
        installed: "Dict[str, str]" = {}
        for line in result.text.splitlines():
            words = line.split()
            if len(words) == 3 and words[2] == "installed":
                installed[words[0]] = words[1]
        return [
            item
            for item in wanted
            if _name(item).split(":")[0] not in installed
            or (_version(item) not in (None, installed[_name(item).split(":")[0]]))
        ]

    def sweep(self, since: int) -> int:
        """Remove what an rpm that was killed after `since` (seconds since the epoch) left behind.

        rpm writes each file as `NAME;TID`, TID being the time its transaction began in eight hexadecimal
        digits, and renames it; a later transaction has another TID and leaves the old ones. Looks in the
        directories of the packages installed since; returns the number of files removed.
        """
        if self.name == "apt":
            return 0  # dpkg's own are called the same each time and are replaced
        query = ["rpm"] + ([] if self._host.live else ["--root", self._host.root.root])
        lines = self._host.run(
            query + ["-qa", "--queryformat", "%{INSTALLTIME} %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n"],
            timeout=QUERY_LIMIT,
        ).text.splitlines()
        recent = [name for time, _, name in (line.partition(" ") for line in lines) if int(time) >= since]
        if not recent:
            return 0
        query += ["-q", "--queryformat", "[%{DIRNAMES}\\n]", "--"]
        until = self._host.clock.time()
        removed = 0
        for directory in sorted(set(self._host.run(query + recent, timeout=QUERY_LIMIT).text.splitlines())):
            for name in self._host.root.listdir(directory):
                match = _TEMPORARY.search(name)
                if match is not None and since - 1 <= int(match.group(1), 16) <= until:
                    self._host.root.unlink(directory + "/" + name, missing_ok=True)
                    removed += 1
        return removed

    def _path(self, path: str) -> str:
        return path if self._host.live else self._host.root.root + path

    # -- command lines ------------------------------------------------------------------------

    def word(self, item: "Wanted") -> str:
        """What the package manager calls a package, of a certain version perhaps."""
        version = _version(item)
        if version is None:
            return _name(item)
        return "%s%s%s" % (_name(item), "=" if self.name == "apt" else "-", version)

    def install(self, wanted: "Sequence[Wanted]") -> "CommandResult":
        """One transaction that installs them all."""
        return self.transact(["install", "--"] + [self.word(item) for item in wanted])

    def install_files(self, paths: "Sequence[str]") -> "CommandResult":
        """One transaction that installs these package files of the root, without any repository."""
        files = [self._host.root.host_path(path) for path in paths]
        return self.transact(["--disablerepo=*", "install", "--"] + files)

    def download(self, wanted: "Sequence[Wanted]", directory: str) -> "CommandResult":
        """Fetch them, and all that they need and the root lacks, into a directory of this machine.

        The packages' signatures are checked as at an installation. dnf and yum only.
        """
        options = ["--downloadonly", "--downloaddir=" + directory, "install", "--"]
        return self.transact(options + [self.word(item) for item in wanted])

    def upgrade(self) -> "CommandResult":
        """Bring every package up to date."""
        return self.transact(["dist-upgrade"] if self.name == "apt" else ["upgrade"])

    def refresh(self) -> "CommandResult":
        """Fetch the lists of packages."""
        if self.name == "apt":
            return self.transact(["update"])
        return self.transact(["makecache", "fast"] if self.name == "yum" else ["makecache"])

    def transact(self, words: "List[str]") -> "CommandResult":
        """Run the package manager, never killed. Raises AgentError `packages-locked`, `still-running`."""
        self.wait_for_others()
        if self.name == "apt":
            result = self._apt(_APT + words)
        else:
            result = self._host.run(
                [self.name, "-y"] + self._tree_options() + words,
                timeout=TRANSACTION_LIMIT,
                killable=False,
            )
        if result.timed_out:
            raise AgentError(
                "%s has been running for %d s and is left to end" % (self.name, TRANSACTION_LIMIT),
                "still-running",
                "see the process with ps",
            )
        return result

    def _apt(self, argv: "List[str]") -> "CommandResult":
        host = self._host
        if host.live:
            return host.run(argv, env=_APT_ENVIRONMENT, timeout=TRANSACTION_LIMIT, killable=False)
        return host.runner.run(
            argv, env=_APT_ENVIRONMENT, timeout=TRANSACTION_LIMIT, killable=False, chroot=host.root.root
        )

    def _tree_options(self) -> "List[str]":
        if self._host.live:
            return []
        options = ["--installroot=" + self._host.root.root]
        release = self._host.facts.os.version_id if self._host.facts is not None else None
        if release:
            # An empty tree has no package that says which release it is.
            options.append("--releasever=" + release)
        return options

    # -- others and what they leave -------------------------------------------------------------

    def wait_for_others(self) -> None:
        """Wait until no other package manager holds its lock. Raises AgentError `packages-locked`."""
        clock = self._host.clock
        deadline = clock.monotonic() + LOCK_LIMIT
        for path in self._locks():
            while self._is_locked(path):
                if clock.monotonic() > deadline:
                    raise AgentError(
                        "another package manager has held %s for %d s" % (path, LOCK_LIMIT),
                        "packages-locked",
                        "see who has it open: fuser %s" % path,
                    )
                clock.sleep(_LOCK_PAUSE)

    def _locks(self) -> "List[str]":
        if self.name == "apt":
            return list(_DPKG_LOCKS)
        place = self._host.run(["rpm", "--eval", "%{_dbpath}"], timeout=QUERY_LIMIT).text.strip()
        return [place + "/.rpm.lock"] if place.startswith("/") else []

    def _is_locked(self, path: str) -> bool:
        try:
            descriptor = self._host.root.open(path, os.O_RDWR)
        except OSError:
            return False  # no lock file: nobody has it
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def heal(self) -> None:
        """After a package manager that was killed: make its database usable again."""
        host = self._host
        if self.name == "apt":
            argv = ["dpkg", "--configure", "-a", "--force-confold", "--force-confdef"]
            if host.live:
                host.run(argv, env=_APT_ENVIRONMENT, timeout=TRANSACTION_LIMIT, killable=False)
            elif host.commands == "chroot":
                host.runner.run(argv, env=_APT_ENVIRONMENT, killable=False, chroot=host.root.root)
            return
        root = [] if host.live else ["--root", host.root.root]
        if host.run(["rpm"] + root + ["-qa"], timeout=QUERY_LIMIT).status != 0:
            # A killed writer of the Berkeley database (el7, el8) leaves its environment locked.
            host.run(["rpm"] + root + ["--rebuilddb"], timeout=TRANSACTION_LIMIT, killable=False)


def why(result: "CommandResult") -> str:
    """The line of a package manager's output that says what went wrong."""
    lines = [line.strip() for line in result.text.splitlines()]
    if any(line.startswith(_NO_KEYS) for line in lines):
        # What follows there is the repository's whole configuration, passwords included.
        return "no GPG key is installed, and a repository that is to be checked names none: gpgkey"
    for line in reversed(lines):
        if line.lower().startswith(_ERROR_MARKS) and line.lower() not in _SAYS_NOTHING:
            return line[:300]
    return result.last_line()


def refused(output: str, word: str) -> bool:
    """Whether the output says that there is no such package. yum does, and succeeds when others are."""
    lines = {line.strip().rstrip(".").lower() for line in output.splitlines()}
    word = word.lower()
    return bool(lines & {"no match for argument: " + word, "no package %s available" % word})


def unreachable(output: str) -> "Optional[str]":
    """What the output of a refresh that succeeded says about repositories it left out; None for nothing."""
    for line in output.splitlines():
        if line.startswith("Ignoring repositories:"):
            return "could not be reached and left out: " + line.partition(":")[2].strip()[:200]
    if any(
        line.startswith(("W: Failed to fetch", "W: Some index files failed")) for line in output.splitlines()
    ):
        return "some lists could not be fetched; older ones are used"
    return None


def _name(item: "Wanted") -> str:
    return item if isinstance(item, str) else item[0]


def _version(item: "Wanted") -> "Optional[str]":
    return None if isinstance(item, str) or len(item) < 2 else item[1]


def _is_plain(name: str) -> bool:
    """Whether a name is that of one package or of something a package provides."""
    return not name.startswith(("@", "-")) and "://" not in name and not any(c in "*?[]=<> " for c in name)
