"""The NTP clients: their programs, files, packages and services, by distribution.

Source of the paths and names: the packages chrony, ntp, ntpdate, ntpsec, openntpd and systemd-timesyncd of
RHEL 7 to 9 (EPEL) and of Debian 11 to 13.
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.registry.context import Context

AUTO = ("chrony", "systemd-timesyncd", "ntp", "ntpdate")  # the order in which an installed one is looked for
TIMESYNCD = "/usr/lib/systemd/systemd-timesyncd"
_DROP_IN = "/etc/systemd/timesyncd.conf.d/tsagent.conf"
_ALIASES = {"timesyncd": "systemd-timesyncd", "chronyd": "chrony", "ntpd": "ntp", "ntpsec": "ntp"}
_PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
_NTPSEC = {"debian": 12, "ubuntu": 24}  # since these versions the package ntp is ntpsec's
_REQUIRED = ("confpath", "check_exe", "service_name", "template")  # of a client that is not known here
# The services of each client: the names of one are those of one program.
_SERVICES = (("chronyd", "chrony"), ("ntpd", "ntp", "ntpsec"), ("openntpd",), ("systemd-timesyncd",))
_WANTS = ("/etc/systemd/system/multi-user.target.wants", "/etc/systemd/system/sysinit.target.wants")
_UNITS = ("/usr/lib/systemd/system", "/lib/systemd/system")
_SHOWN = 40  # letters of a name that are quoted


class Client:
    """One client: `program` tells whether it is installed, `syntax` how its file is written."""

    def __init__(
        self, name: str, program: str, path: str, packages: "List[str]", service: str, syntax: str
    ) -> None:
        self.name = name
        self.program = program
        self.path = path
        self.packages = packages
        self.service = service
        self.syntax = syntax
        self.template = ""

    def installed(self, context: "Context") -> bool:
        """Whether its program is there."""
        if self.program.startswith("/"):
            return context.exists(self.program)
        return any(context.exists("%s/%s" % (place, self.program)) for place in _PLACES)


def choose(context: "Context", name: str, config: "Dict[str, Any]") -> Client:
    """The client that is asked for, with its overrides. Raises AgentError for one that cannot be."""
    known = _known(context)
    name = _ALIASES.get(name, name)
    if name in ("", "auto"):
        there = [word for word in AUTO if known[word].installed(context)]
        enabled = [word for word in there if _is_enabled(context, known[word].service)]
        chosen = known[(enabled + there + [AUTO[0]])[0]]
        because = "it is %s" % ("enabled" if enabled else "installed")
        if not there:
            because = "none is installed, and this one is to be"
        context.choose("ntp_client", chosen.name, because, ["os.family"])
    elif name in known:
        chosen = known[name]
        context.choose("ntp_client", name, "ntp_client: in the configuration")
    else:
        chosen = Client(name, "", "", [], "", "")
        missing = [key for key in _REQUIRED if not config.get(key)]
        if missing:
            raise AgentError(
                _unknown(name, sorted(known)), "unknown-ntp-client", _what_to_do(name, known, missing)
            )
        context.choose("ntp_client", name, "ntp_client: and config: in the configuration")
    chosen.path = str(config.get("confpath") or chosen.path)
    chosen.program = str(config.get("check_exe") or chosen.program)
    chosen.service = str(config.get("service_name") or chosen.service)
    chosen.template = str(config.get("template") or "")
    if isinstance(config.get("packages"), list):
        chosen.packages = [str(word) for word in config["packages"]]
    if not chosen.path.startswith("/"):
        raise AgentError(
            "ntp: confpath is not an absolute path", "bad-path", "write it as in /etc/chrony.conf"
        )
    return chosen


def _is_enabled(context: "Context", service: str) -> bool:
    names = [name for target in _WANTS for name in context.listdir(target)]
    return service + ".service" in names


def others(context: "Context", chosen: Client) -> "List[str]":
    """The installed services of the other clients: two must not set one clock."""
    if chosen.name == "ntpdate":
        return []
    services = [name for group in _SERVICES if chosen.service not in group for name in group]
    return [
        name
        for name in services
        if any(context.exists("%s/%s.service" % (directory, name)) for directory in _UNITS)
    ]


def _known(context: "Context") -> "Dict[str, Client]":
    system = context.facts.os
    if system.family == "debian":
        ntpsec = context.exists("/etc/ntpsec") or (system.major or 0) >= _NTPSEC.get(system.id or "", 99)
        ntp = ("/etc/ntpsec/ntp.conf", ["ntpsec"], "ntpsec") if ntpsec else ("/etc/ntp.conf", ["ntp"], "ntp")
        date = ["ntpsec-ntpdate"] if ntpsec else ["ntpdate"]
        clients = [
            Client("chrony", "chronyd", "/etc/chrony/chrony.conf", ["chrony"], "chrony", "chrony"),
            Client("ntp", "ntpd", ntp[0], ntp[1], ntp[2], "ntp"),
            Client("ntpdate", "ntpdate", ntp[0], date, "", "ntp"),
            Client("openntpd", "ntpd", "/etc/openntpd/ntpd.conf", ["openntpd"], "openntpd", "openntpd"),
        ]
    else:
        ntp_package = "ntp" if (system.rhel_generation or 7) < 8 else "ntpsec"
        clients = [
            Client("chrony", "chronyd", "/etc/chrony.conf", ["chrony"], "chronyd", "chrony"),
            Client("ntp", "ntpd", "/etc/ntp.conf", [ntp_package], "ntpd", "ntp"),
            Client("ntpdate", "ntpdate", "/etc/ntp.conf", ["ntpdate"], "ntpdate", "ntp"),
            Client("openntpd", "ntpd", "/etc/ntpd.conf", ["openntpd"], "ntpd", "openntpd"),
        ]
    clients.append(
        Client(
            "systemd-timesyncd", TIMESYNCD, _DROP_IN, ["systemd-timesyncd"], "systemd-timesyncd", "timesyncd"
        )
    )
    return {client.name: client for client in clients}


def _unknown(name: str, known: "List[str]") -> str:
    return "ntp: %s is none of the clients known here (%s)" % (name[:_SHOWN], ", ".join(known))


def _what_to_do(name: str, known: "Dict[str, Client]", missing: "List[str]") -> str:
    from tsagent.userdata.expected import close

    likely = close(name, sorted(known))
    if likely:
        return "did you mean %s?" % likely
    return "give its %s under config" % ", ".join(missing)
