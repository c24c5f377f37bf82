"""Changes to the running system: kernel parameters, host name, units, tuning profile; and looks at it."""

import os

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.units import UnitFile, find_unit, make_links, missing_links
from tsagent.errors import AgentError
from tsagent.host.process import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Sequence

    from tsagent.host import Host

__all__ = [
    "EnableUnit",
    "SetHostname",
    "SetSysctl",
    "SwitchTunedProfile",
    "UnitFile",
    "Verify",
    "sysctl_path",
]

HOST_NAME_MAX = 64  # bytes; Linux's __NEW_UTS_LEN. Source: sethostname(2)
_RUNNING = ("active", "activating", "reloading")  # states of a unit that need no start
_TUNED_LIMIT = 120.0  # seconds: switching a profile walks every device of the machine
_TURN = 10.0  # seconds: a unit that still waits then waits for somebody who waits for us
_TUNED = "tuned.service"
_ACTIVE_PROFILE = "/etc/tuned/active_profile"
_PROFILE_MODE = "/etc/tuned/profile_mode"
_PATIENCE_STEP = 0.5  # seconds between two looks of a patient Verify


def sysctl_path(key: str) -> str:
    """The file of a kernel parameter under /proc/sys.

    Whichever of `.` and `/` comes first separates, the other stands for itself, as sysctl(8) has it:
    `net.ipv4.conf.eth0/100.rp_filter` is the file of the interface `eth0.100`.
    Raises AgentError `bad-sysctl-key` for a key that could lead anywhere else.
    """
    dot, slash = key.find("."), key.find("/")
    if slash >= 0 and (dot < 0 or slash < dot):
        parts = key.split("/")
    else:
        parts = [part.replace("/", ".") for part in key.split(".")]
    printable = all(" " < letter <= "~" and letter not in "=\\*?[]" for letter in key)
    if not printable or len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise AgentError(
            "%r is not the name of a kernel parameter" % key[:80],
            "bad-sysctl-key",
            "write it as in net.core.somaxconn",
        )
    return "/proc/sys/" + "/".join(parts)


class SetSysctl(Change):
    """Give a parameter of the running kernel its value, by `sysctl -w`, and see that it took it.

    Words of a value are compared whatever the white space between them. A file of /etc/sysctl.d, for the
    next boot, is a WriteFile beside it.
    """

    type = "set_sysctl"
    needs_live = True

    def __init__(self, key: str, value: "Any", reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(key, reason, requires)
        self.key = key
        self.value = " ".join(str(value).split())
        self.file = sysctl_path(key)

    def payload(self) -> "Dict[str, Any]":
        return {"value": self.value}

    def describe(self) -> str:
        return "set %s = %s" % (self.key, self.value)

    def probe(self, host: "Host") -> Probe:
        try:
            current = _one_line(host.root.read(self.file))
        except FileNotFoundError:
            return Probe(DIFFERS, "this kernel has no %s" % self.key)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        return Probe(CONVERGED) if current == self.value else Probe(DIFFERS, "is %s" % (current or "empty"))

    def apply(self, host: "Host") -> "Optional[str]":
        try:
            descriptor = host.root.open(self.file, os.O_WRONLY)
            try:
                os.write(descriptor, self.value.encode("utf-8", "surrogateescape") + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AgentError(
                "%s cannot be set to %s: %s" % (self.key, self.value, error.strerror),
                "sysctl-not-taken",
                "choose a value this kernel takes",
            ) from None
        seen = self.probe(host)
        if seen.state == DIFFERS:
            # Writing succeeds where the kernel clamps or ignores what it was given.
            raise AgentError(
                "%s was set to %s but %s" % (self.key, self.value, seen.detail),
                "sysctl-not-taken",
                "choose a value this kernel takes",
            )
        return None


class SetHostname(Change):
    """Give the running kernel its host name. /etc/hostname, for the next boot, is a WriteFile beside it."""

    type = "set_hostname"
    needs_live = True

    def __init__(self, name: str, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        super().__init__(name, reason, requires)
        wrong = any(letter.isspace() or letter in "\0/" for letter in name)
        if not name or wrong or len(name.encode("utf-8")) > HOST_NAME_MAX:
            raise AgentError(
                "%r is not a host name" % name[:80],
                "bad-hostname",
                "at most %d letters, digits, dots and hyphens" % HOST_NAME_MAX,
            )
        self.name = name

    def describe(self) -> str:
        return "set the host name to %s" % self.name

    def probe(self, host: "Host") -> Probe:
        current = host.root.text("/proc/sys/kernel/hostname")
        if current is None:
            return Probe(UNKNOWN, "/proc/sys/kernel/hostname cannot be read")
        return Probe(CONVERGED) if current == self.name else Probe(DIFFERS, "is %s" % current)

    def apply(self, host: "Host") -> "Optional[str]":
        # The system call itself: no daemon need run yet, and /proc/sys may be read-only in a container.
        import _socket  # of `socket` only its C part is needed

        _socket.sethostname(self.name)
        return None


class EnableUnit(Change):
    """Have a unit start at every boot and, on a running system, start it now without waiting for it.

    In a tree by `systemctl --root`, or where there is no systemctl by the links its [Install] section
    asks for. A unit without such a section is only started.
    """

    type = "enable_unit"

    def __init__(
        self, unit: str, start: bool = True, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        if "." not in unit:
            unit += ".service"
        super().__init__(unit, reason, requires)
        self.unit = unit
        self.start = start

    def payload(self) -> "Dict[str, Any]":
        return {"start": self.start}

    def describe(self) -> str:
        return "enable%s %s" % (" and start" if self.start else "", self.unit)

    def probe(self, host: "Host") -> Probe:
        unit = find_unit(host.root, self.unit)
        if unit is None:
            return Probe(DIFFERS, "the unit is not installed")
        if unit.masked:
            return Probe(DIFFERS, "masked")
        missing = missing_links(host.root, unit)
        if missing:
            return Probe(DIFFERS, "not enabled")
        if self._starts(host):
            state = host.run(["systemctl", "is-active", self.unit]).last_line()
            if state not in _RUNNING:
                return Probe(DIFFERS, "enabled, but %s" % state)
        return Probe(CONVERGED)

    def apply(self, host: "Host") -> "Optional[str]":
        unit = find_unit(host.root, self.unit)
        if unit is None:
            raise AgentError(
                "there is no unit %s" % self.unit, "no-such-unit", "install the package that brings it"
            )
        if unit.masked:
            raise AgentError(
                "%s is masked" % self.unit, "unit-masked", "unmask it: systemctl unmask %s" % self.unit
            )
        how: "Optional[str]" = None
        if missing_links(host.root, unit):
            how = self._enable(host, unit)
        if not self.start or not host.live:
            return how
        if not _booted(host):
            return "enabled; not started: systemd does not run here"
        host.check(["systemctl", "start", "--no-block", self.unit])
        return how

    def _enable(self, host: "Host", unit: UnitFile) -> "Optional[str]":
        if host.which("systemctl") is None:
            make_links(host.root, unit)
            return "links made: there is no systemctl"
        if host.live:
            host.check(["systemctl", "enable", self.unit])
        else:
            host.check(["systemctl", "--root=" + host.root.root, "enable", self.unit])
        missing = missing_links(host.root, unit)
        if missing:
            raise AgentError(
                "systemctl enabled %s but did not make %s" % (self.unit, missing[0]), "unit-not-enabled"
            )
        return None

    def _starts(self, host: "Host") -> bool:
        return self.start and host.live and _booted(host)


class Verify(Change):
    """See that something is so; applies nothing.

    `look(host)` is a pure look that returns a Probe. The change fails unless it says converged, looking
    again until `patience` seconds have passed. `hint` says what to do about a failure; `payload` is JSON
    data that tells two verifications of one name apart.
    """

    type = "verify"

    def __init__(
        self,
        what: str,
        look: "Callable[[Host], Probe]",
        hint: "Optional[str]" = None,
        code: str = "not-verified",
        patience: float = 0.0,
        needs_live: bool = True,
        payload: "Optional[Dict[str, Any]]" = None,
        answers: "Optional[Callable[[Host], Dict[str, str]]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(what, reason, requires)
        self.answers = answers
        self.look = look
        self.hint = hint
        self.code = code
        self.patience = patience
        self.needs_live = needs_live
        self.extra = payload or {}

    def payload(self) -> "Dict[str, Any]":
        return dict(self.extra)

    def describe(self) -> str:
        return "verify that %s" % self.target

    def attribute(self, host: "Host", name: str) -> str:
        return self.answers(host)[name] if self.answers is not None else super().attribute(host, name)

    def probe(self, host: "Host") -> Probe:
        return self.look(host)

    def apply(self, host: "Host") -> "Optional[str]":
        deadline = host.clock.monotonic() + self.patience
        while True:
            seen = self.look(host)
            if seen.state == CONVERGED:
                return seen.detail or None
            if host.runner.interrupted:
                raise Interrupted()
            if host.clock.monotonic() >= deadline:
                break
            host.clock.sleep(_PATIENCE_STEP)
        raise AgentError(
            "it is not so that %s: %s" % (self.target, seen.detail or "no answer"), self.code, self.hint
        )


class SwitchTunedProfile(Change):
    """Switch the tuning service to a profile.

    On a running system by `tuned-adm profile`, then seen in `tuned-adm active` and compared by
    `tuned-adm verify`. In a tree, or where systemd does not run, the service is left the choice in
    /etc/tuned/active_profile and profile_mode, which it reads at its start.
    """

    type = "switch_tuned_profile"

    def __init__(self, profile: str, reason: str = "", requires: "Sequence[Change]" = ()) -> None:
        names = profile.split()  # several profiles may be merged: `tuned-adm profile a b`
        if not names or any(name.startswith(("-", ".")) or "/" in name for name in names):
            raise AgentError("%r is not the name of a tuned profile" % profile[:80], "bad-profile")
        super().__init__(" ".join(names), reason, requires)
        self.profile = " ".join(names)

    def describe(self) -> str:
        return "switch tuned to the profile %s" % self.profile

    def probe(self, host: "Host") -> Probe:
        noted = host.root.text(_ACTIVE_PROFILE)
        if noted != self.profile:
            return Probe(DIFFERS, "the profile is %s" % noted if noted else "no profile is chosen")
        mode = host.root.text(_PROFILE_MODE)
        if mode != "manual":
            return Probe(DIFFERS, "tuned chooses its profile itself")
        if not self._runs(host):
            return Probe(CONVERGED)
        if host.which("tuned-adm") is None:
            return Probe(DIFFERS, "tuned is not installed")
        active = self._active(host)
        return (
            Probe(CONVERGED)
            if active == self.profile
            else Probe(DIFFERS, "in force: %s" % (active or "none"))
        )

    def flush(self, host: "Host") -> None:
        host.flush()

    def apply(self, host: "Host") -> "Optional[str]":
        if not self._runs(host):
            self._note(host)
            return "written for tuned's next start"
        if _booted(host) and not self._started(host):
            self._note(host)
            return "written for tuned's start, which waits for units that come after the agent"
        host.check(["tuned-adm", "profile"] + self.profile.split(), timeout=_TUNED_LIMIT)
        active = self._active(host)
        if active != self.profile:
            raise AgentError(
                "tuned was switched to %s but %s is in force" % (self.profile, active or "no profile"),
                "tuned-not-switched",
                "see /var/log/tuned/tuned.log",
            )
        verified = host.run(["tuned-adm", "verify", "--ignore-missing"], timeout=_TUNED_LIMIT)
        if verified.status == 0:
            return "in force and verified"
        return "in force; not every setting of it could be verified: see /var/log/tuned/tuned.log"

    def _note(self, host: "Host") -> None:
        """Leave the choice where tuned reads it when it starts."""
        # Mode first: with a profile noted and mode "auto", tuned would choose its own.
        host.root.write_atomic(_PROFILE_MODE, b"manual\n", 0o644)
        host.root.write_atomic(_ACTIVE_PROFILE, self.profile.encode("utf-8") + b"\n", 0o644)

    def _started(self, host: "Host") -> bool:
        """Start tuned; whether it runs. False when its turn does not come while the agent works.

        `systemctl start` would wait for the unit's turn, which is after the agent where an administrator
        ordered it so: the two would wait for each other.
        """
        host.check(["systemctl", "start", "--no-block", _TUNED])
        now = host.clock.monotonic()
        turn, deadline = now + _TURN, now + _TUNED_LIMIT
        while True:
            shown = host.run(["systemctl", "show", "--property=ActiveState", "--property=Job", _TUNED]).text
            seen = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
            state = seen.get("ActiveState", "unknown")
            if state == "active":
                return True
            waiting = seen.get("Job", "0") not in ("", "0")
            now = host.clock.monotonic()
            if state == "inactive" and waiting and now >= turn:
                return False
            if (not waiting and state not in _RUNNING) or now >= deadline:
                raise AgentError(
                    "%s does not start: it is %s" % (_TUNED, state),
                    "tuned-not-started",
                    "see 'systemctl status %s'" % _TUNED,
                )
            if host.runner.interrupted:
                raise Interrupted()
            host.clock.sleep(_PATIENCE_STEP)

    def _runs(self, host: "Host") -> bool:
        """Whether the tuning service can be spoken to here: a live system with its bus."""
        return host.live and (_booted(host) or host.root.exists("/run/tuned/tuned.pid"))

    def _active(self, host: "Host") -> "Optional[str]":
        for line in host.run(["tuned-adm", "active"], timeout=_TUNED_LIMIT).text.splitlines():
            if line.startswith("Current active profile:"):
                return " ".join(line.split(":", 1)[1].split())
        return None


def _booted(host: "Host") -> bool:
    """Whether systemd is this machine's manager. Source: sd_booted(3)."""
    return host.live and host.root.is_dir("/run/systemd/system")


def _one_line(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())
