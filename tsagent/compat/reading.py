"""How the agent stands now, and whether it is still going on."""

from tsagent.compat.translation import NOT_STARTED, RUNNING, Details
from tsagent.errors import AgentError
from tsagent.session.switches import off
from tsagent.state import paths
from tsagent.state.status import read_status
from tsagent.state.store import read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional

    from tsagent.host import Host

_LOOK = 0.25  # seconds between two looks, as cloud-init's
_LOOKS_AT_UNITS = 20  # looks between two questions to systemd
_UNITS = ("tsagent-local.service", "tsagent-network.service", "tsagent-final.service")


def details(host: "Host") -> Details:
    """How the agent stands now. Raises AgentError `bad-state` for a damaged status."""
    why_off = off(host)
    data = read_status(host.root)
    if data is not None and data.get("source"):
        try:
            instance = read_json(host.root, paths.INSTANCE)
            data["origin"] = instance.get("origin") if isinstance(instance, dict) else None
        except (AgentError, OSError):
            pass  # only a word in a description
    return Details(data, why_off)


def wait(host: "Host", dots: bool) -> Details:
    """The same, once the agent has ended. Prints a dot for each look, as cloud-init does.

    An agent that was killed, or whose units are not enabled, is not waited for: cloud-init waits forever.
    """
    import sys

    looks = 0
    while True:
        found = details(host)
        if found.running not in (NOT_STARTED, RUNNING):
            return found
        if looks % _LOOKS_AT_UNITS == 0:
            problem = _nobody_goes_on(host, found.pid)
            if problem:
                found = details(host)  # it may have ended between the two looks
                if found.running in (NOT_STARTED, RUNNING):
                    found.fail(problem)
                return found
        if dots:
            sys.stdout.write(".")
            sys.stdout.flush()
        looks += 1
        host.clock.sleep(_LOOK)


def _nobody_goes_on(host: "Host", pid: "Optional[int]") -> "Optional[str]":
    """Why no run is in progress nor to come, or None; in doubt None."""
    if not host.live or not host.root.exists("/run/systemd/system") or host.which("systemctl") is None:
        return None
    if _is_agent(host, pid):
        return None  # a run, of a unit or of a person's
    units = _units(host)
    if len(units) != len(_UNITS):
        return None
    waiting = [unit for unit in units if unit.get("Job", "0") not in ("", "0")]
    if waiting or any(unit.get("ActiveState") in ("activating", "reloading") for unit in units):
        return None
    if units[-1].get("ActiveState") == "failed":
        return "tsagent-final.service has failed (see 'journalctl -u tsagent-final')"
    if all(unit.get("ActiveState") == "inactive" for unit in units):
        return "tsagent does not run in this boot (see 'systemctl status tsagent-local')"
    return "tsagent has been cut off (see 'tsagent status')"


def _is_agent(host: "Host", pid: "Optional[int]") -> bool:
    """Whether the process that wrote the status lives. (Its lock is not tried: a stage that began just
    then would find it taken.)
    """
    return pid is not None and "tsagent" in (host.hardware.text("/proc/%d/cmdline" % pid) or "")


def _units(host: "Host") -> "List[Dict[str, str]]":
    result = host.run(["systemctl", "show", "--property=Id,ActiveState,Job"] + list(_UNITS))
    found = []
    for block in result.text.strip().split("\n\n"):
        pairs = (line.split("=", 1) for line in block.splitlines() if "=" in line)
        found.append(dict(pairs))
    return found if result.status == 0 else []
