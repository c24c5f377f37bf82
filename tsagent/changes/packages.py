"""Changes to what is installed: fetch the lists, upgrade all, install some, see whether a restart is due."""

from tsagent.changes import package_store
from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.package_managers import PackageManager, refused, unreachable, why
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.changes.package_managers import Wanted
    from tsagent.host import Host

APART_LIMIT = 900.0  # seconds for trying packages one by one after their transaction failed
# Source: Debian's and Ubuntu's update-notifier-common; the second is what SUSE's tools make.
RESTART_FILES = ("/run/reboot-required", "/run/reboot-needed")


class _PackageChange(Change):
    """Something a package manager does. It is never killed: half a transaction is worse than a late one."""

    outlives = True
    repeat_visible = True

    def __init__(
        self, target: str, manager: "Optional[str]", reason: str, requires: "Sequence[Change]"
    ) -> None:
        super().__init__(target, reason, requires)
        self.manager = manager
        self._since: "Optional[int]" = None  # when a run began that was cut off in this change

    def payload(self) -> "Dict[str, Any]":
        return {"manager": self.manager}

    def before(self, host: "Host") -> "Optional[Dict[str, Any]]":
        return {"time": int(host.clock.time())}

    def heal(self, host: "Host", before: "Optional[Dict[str, Any]]") -> None:
        PackageManager(host, self.manager).heal()
        self._since = int(before["time"]) if before else None

    def sweep(self, manager: PackageManager) -> None:
        """Remove what a package manager that was killed left behind, now that another has ended."""
        if self._since is not None:
            manager.sweep(self._since)

    def flush(self, host: "Host") -> None:
        host.flush()


class RefreshPackages(_PackageChange):
    """Fetch the lists of the packages there are. `manager` is "dnf", "yum" or "apt"; None: the root's own."""

    type = "refresh_packages"
    repeat_visible = False

    def __init__(
        self, manager: "Optional[str]" = None, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__("package lists", manager, reason, requires)

    def describe(self) -> str:
        return "fetch the package lists"

    def apply(self, host: "Host") -> "Optional[str]":
        manager = PackageManager(host, self.manager)
        result = manager.refresh()
        if result.status != 0:
            raise AgentError(
                "%s could not fetch the package lists: %s" % (manager.name, why(result)),
                "packages-refresh",
                "check that the repositories can be reached",
            )
        return unreachable(result.text)


class UpgradePackages(_PackageChange):
    """Bring every installed package up to date."""

    type = "upgrade_packages"

    def __init__(
        self, manager: "Optional[str]" = None, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__("all packages", manager, reason, requires)

    def describe(self) -> str:
        return "upgrade all packages"

    def apply(self, host: "Host") -> "Optional[str]":
        manager = PackageManager(host, self.manager)
        result = manager.upgrade()
        self.sweep(manager)
        if result.status != 0:
            raise AgentError(
                "%s could not upgrade the packages: %s" % (manager.name, why(result)), "packages-upgrade"
            )
        return None


class InstallPackages(_PackageChange):
    """Install packages that are missing, in one transaction.

    Each is a name, or a name and a version. Where the transaction fails they are tried one by one, so that
    an unknown name does not lose the others; each that failed is named with why.

    Packages that were downloaded ahead into the image are taken from there, without any repository.
    `variant` tells packages of the same names apart there, such as those of two module streams.
    """

    type = "install_packages"

    def __init__(
        self,
        packages: "Sequence[Wanted]",
        manager: "Optional[str]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
        variant: str = "",
    ) -> None:
        self.variant = variant
        self.packages: "List[Wanted]" = [item if isinstance(item, str) else list(item) for item in packages]
        names = [item if isinstance(item, str) else " ".join(item) for item in self.packages]
        super().__init__(", ".join(names), manager, reason, requires)

    def payload(self) -> "Dict[str, Any]":
        return {"manager": self.manager, "packages": self.packages}

    def describe(self) -> str:
        return "install %s" % self.target

    def probe(self, host: "Host") -> Probe:
        try:
            manager = PackageManager(host, self.manager)
            missing, unclear = manager.missing(self.packages)
        except AgentError as error:
            return Probe(UNKNOWN, error.message)
        if missing:
            return Probe(DIFFERS, "missing: " + ", ".join(manager.word(item) for item in missing))
        if unclear:
            return Probe(UNKNOWN, "cannot be told: " + ", ".join(manager.word(item) for item in unclear))
        return Probe(CONVERGED, "installed")

    def apply(self, host: "Host") -> "Optional[str]":
        manager = PackageManager(host, self.manager)
        missing, unclear = manager.missing(self.packages)
        wanted = missing + unclear
        if not wanted:
            return None
        sets = package_store.read_sets(host.root.listdir, host.root.read)
        words = [manager.word(item) for item in wanted]
        ahead = package_store.set_of(sets, manager.name, self.variant, words)
        trouble = ""
        if ahead is not None:
            result = manager.install_files(ahead.files)
            if result.status == 0 and not manager.missing(missing)[0]:
                self.sweep(manager)
                return "installed %s, downloaded ahead" % ", ".join(words)
            trouble = "those downloaded ahead could not be installed: %s; " % why(result)
        elif sets:
            trouble = "those downloaded ahead do not serve: %s; " % "; ".join(
                item.describe() for item in sets
            )
        result = manager.install(wanted)
        failures: "List[str]" = []
        if result.status == 0:
            for item in wanted:
                if refused(result.text, manager.word(item)):
                    failures.append("%s (there is no such package)" % manager.word(item))
        elif len(wanted) == 1:
            failures.append("%s (%s)" % (manager.word(wanted[0]), why(result)))
        else:
            failures = self._apart(host, manager, wanted)
        self.sweep(manager)
        if failures:
            raise AgentError(
                "not installed: " + "; ".join(failures),
                "packages-missing",
                trouble + "check the names and that the repositories can be reached",
            )
        return "installed " + ", ".join(words)

    def _apart(self, host: "Host", manager: PackageManager, wanted: "List[Wanted]") -> "List[str]":
        """Install one by one; what failed and why."""
        deadline = host.clock.monotonic() + APART_LIMIT
        failures: "List[str]" = []
        for item in wanted:
            if host.clock.monotonic() > deadline:
                failures.append("%s (not tried: the ones before took too long)" % manager.word(item))
                continue
            result = manager.install([item])
            if result.status != 0 or refused(result.text, manager.word(item)):
                failures.append("%s (%s)" % (manager.word(item), why(result)))
        return failures


class RestartIfRequired(Change):
    """Ask for a restart at the end of the run where what was installed or upgraded needs one."""

    type = "restart_if_required"
    needs_live = True

    def __init__(self, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__("a restart that packages require", reason, requires)

    def describe(self) -> str:
        return "restart at the end if packages require it"

    def probe(self, host: "Host") -> Probe:
        for path in RESTART_FILES:
            if host.root.exists(path):
                return Probe(DIFFERS, "%s is there" % path)
        if host.which("needs-restarting") is not None:
            # Source: needs-restarting(1) of yum-utils and dnf-utils: -r and status 1 mean a restart is due.
            if host.run(["needs-restarting", "-r"]).status == 1:
                return Probe(DIFFERS, "needs-restarting says so")
        return Probe(CONVERGED, "no restart is required")

    def apply(self, host: "Host") -> "Optional[str]":
        self.wants_reboot = True
        return "a restart is asked for"
