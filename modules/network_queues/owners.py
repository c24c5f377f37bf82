"""Who looks after queues and interrupts on this machine already."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.registry.context import Context

CHANNELS, RPS, XPS, INTERRUPTS = "channels", "rps", "xps", "irq_affinity"
PARTS = (CHANNELS, RPS, XPS, INTERRUPTS)

# The cloud's own scripts, and what each of them sets, as its text says: the first gives the cards called eth*
# their channels and deals out the interrupts of virtio and LiquidIO cards (on a machine without any those of
# eth0), the others set RPS and XPS of the cards called eth*. The public images' rc.local runs them at each
# boot.
_BASES = ("/usr/local/qcloud", "/opt/qcloud")
_SCRIPTS = (
    ("irq/net_smp_affinity.sh", (CHANNELS, INTERRUPTS)),
    ("rps/set_rps.sh", (RPS,)),
    ("xps/set_xps.sh", (XPS,)),
)
_RC_LOCAL = ("/etc/rc.d/rc.local", "/etc/rc.local")
_BALANCER = "irqbalance.service"
_BALANCER_FILES = ("/etc/sysconfig/irqbalance", "/etc/default/irqbalance")
_BALANCER_SETTINGS = (
    "IRQBALANCE_ARGS", "IRQBALANCE_ONESHOT", "IRQBALANCE_BANNED_CPUS", "IRQBALANCE_BANNED_CPULIST", "OPTIONS",
)  # fmt: skip
_BALANCER_RUNS = ("/run/irqbalance", "/run/irqbalance.pid", "/var/run/irqbalance.pid")
_ACTIVE_PROFILE = "/etc/tuned/active_profile"
_RDMA_AGENT = (
    "/usr/lib/systemd/system/rdma-agent.service",
    "/etc/systemd/system/rdma-agent.service",
    "/etc/init.d/rdma-agent",
)
_UNMANAGED = "irq_force_manage"


class Owner:
    """Somebody, why it is said, and the files that say so."""

    __slots__ = ("because", "facts")

    def __init__(self, because: str, facts: "List[str]") -> None:
        self.because = because
        self.facts = facts


class Owners:
    """The owners of each part, found once for all cards."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._scripts = self._find_scripts()
        self._everywhere: "Dict[str, Owner]" = {}
        self._find_tuned()
        self._find_balancer()
        self._rdma = next((path for path in _RDMA_AGENT if context.exists(path)), None)

    def of_card(self, card: "Any") -> "Optional[Owner]":
        """Who owns all of a card."""
        if self._rdma is not None and (card.rdma or (card.master or "").startswith("bond")):
            return Owner("the service rdma-agent owns it", [self._rdma])
        return None

    def of(self, card: "Any", part: str) -> "Optional[Owner]":
        """Who looks after one part of a card."""
        script = self._scripts.get(part)
        if script is not None and self._takes(card, part):
            return script
        if part == INTERRUPTS:
            line = (self._context.hardware_text("/proc/cmdline") or "").split()
            if _UNMANAGED in line:
                return Owner(
                    "%s on the kernel's command line leaves them to the kernel" % _UNMANAGED,
                    ["/proc/cmdline"],
                )
        return self._everywhere.get(part)

    def _takes(self, card: "Any", part: str) -> bool:
        """Whether the scripts see to such a card."""
        if part != INTERRUPTS:
            return str(card.name).startswith("eth")
        if _dealt_out(card):
            return True
        return bool(card.name == "eth0") and not any(map(_dealt_out, self._context.facts.queues))

    def _find_scripts(self) -> "Dict[str, Owner]":
        found: "Dict[str, Owner]" = {}
        scripts = [("%s/%s" % (base, script), parts) for base in _BASES for script, parts in _SCRIPTS]
        for rc_local in _RC_LOCAL:
            text = self._context.text(rc_local)
            if text is None:
                continue
            if self._context.executable(rc_local) is not True:
                continue  # then nobody runs it. Source: systemd-rc-local-generator(8)
            rows = [row for row in text.splitlines() if not row.lstrip().startswith("#")]
            for path, parts in scripts:
                if any(path in row for row in rows) and self._context.exists(path):
                    owner = Owner("%s, which %s runs at each boot" % (path, rc_local), [rc_local, path])
                    for part in parts:
                        found.setdefault(part, owner)
        return found

    def _find_balancer(self) -> None:
        context = self._context
        if context.link("/etc/systemd/system/" + _BALANCER) == "/dev/null":
            return
        enabled = "/etc/systemd/system/multi-user.target.wants/" + _BALANCER
        if context.link(enabled) is not None or context.exists(enabled):
            how, source = "is enabled", enabled
        else:
            runs = [path for path in _BALANCER_RUNS if context.exists(path)]
            if not runs:
                return
            how, source = "runs", runs[0]
        because = "irqbalance %s and moves interrupts itself" % how
        for path in _BALANCER_FILES:
            policy = _policy(context.text(path) or "")
            if policy:
                because += ", as %s says: %s" % (path, policy)
                break
        self._everywhere.setdefault(INTERRUPTS, Owner(because, [source]))

    def _find_tuned(self) -> None:
        context = self._context
        profile = context.text(_ACTIVE_PROFILE)
        if not profile:
            return
        # Reading profiles takes regular expressions, whose import costs more than all else here.
        from tsagent.tuning.profiles import installed, plugin_options

        if not installed(context.exists):
            return
        said = "tuned's profile %s sets %s"
        for option, path in plugin_options(context.read, context.exists, profile, "net").items():
            if option == "channels":
                self._everywhere[CHANNELS] = Owner(said % (profile, "channels"), [_ACTIVE_PROFILE, path])
        for option, path in plugin_options(context.read, context.exists, profile, "sysfs").items():
            for part in (RPS, XPS):
                if option.endswith("/%s_cpus" % part):
                    self._everywhere[part] = Owner(said % (profile, part + "_cpus"), [_ACTIVE_PROFILE, path])
        for option, path in plugin_options(context.read, context.exists, profile, "scheduler").items():
            if option == "isolated_cores":
                because = "tuned's profile %s moves interrupts off the processors it isolates" % profile
                self._everywhere[INTERRUPTS] = Owner(because, [_ACTIVE_PROFILE, path])


def _dealt_out(card: "Any") -> bool:
    """Whether the cloud's script knows the interrupts of such a card by their names."""
    driver = str(card.driver or "").lower()
    return driver == "virtio_net" or driver.startswith("liquidio")


def _policy(text: str) -> str:
    """What irqbalance's file of settings says beyond the defaults."""
    words = []
    for row in text.splitlines():
        key, _, value = row.strip().partition("=")
        value = value.strip().strip("\"'")
        if value and key in _BALANCER_SETTINGS:
            words.append("%s=%s" % (key, value))
    return " ".join(words)
