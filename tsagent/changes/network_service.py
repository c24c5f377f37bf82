"""The network services: which of them runs, and how each is told of files that have changed.

A service takes up the files that lie there now, and goes back to what was up before. Only the tools of
the service itself are used: nmcli, networkctl, ifup and ifdown, netplan.
"""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

    from tsagent.host import CommandResult, Host

    Files = Mapping[str, Optional[bytes]]  # by path; None for one that is not there

CARDS = "/sys/class/net"
_PARTS = ("ifcfg", "route", "route6", "rule", "rule6")  # what a card's ifcfg files are called
_READ_LIMIT = 1 << 20  # bytes
_TOOL_LIMIT = 30.0  # seconds for one call of a tool
_SCRIPT_LIMIT = 60.0  # seconds for one ifup, which waits for a lease


class Service:
    """One network service. `name` is what people know it by."""

    name = ""

    def __init__(self, renderer: str) -> None:
        self.renderer = renderer

    def note(self, host: "Host") -> "Dict[str, Any]":
        """What is up, as JSON data, for `go_back`."""
        return {}

    def let_go(self, host: "Host", names: "List[str]") -> None:
        """Before files change: take down what could not be taken down afterwards."""

    def take_up(self, host: "Host", files: "Files", primary: "Optional[str]", all_of: bool) -> "List[str]":
        """Have the service read these files and act on them; what it could not do, a line each.

        The card `primary` is taken down only where its settings cannot be changed otherwise. `all_of`: even
        what the service takes for unchanged. Raises AgentError where it refuses the files.
        """
        raise NotImplementedError

    def go_back(self, host: "Host", files: "Files", noted: "Dict[str, Any]") -> "List[str]":
        """The same with the former files, which lie there again; `noted` is what `note` gave."""
        return self.take_up(host, files, None, False)


class Networkd(Service):
    """systemd-networkd: it works out by itself which cards' files have changed."""

    name = "systemd-networkd"

    def take_up(self, host: "Host", files: "Files", primary: "Optional[str]", all_of: bool) -> "List[str]":
        _check(host, ["networkctl", "reload"])
        names = [name for name in names_of(files) if host.hardware.exists("%s/%s" % (CARDS, name))]
        if all_of and names:
            _check(host, ["networkctl", "reconfigure"] + names)
        return []


class Netplan(Service):
    """netplan, which writes the files of another service and tells that."""

    name = "netplan"

    def take_up(self, host: "Host", files: "Files", primary: "Optional[str]", all_of: bool) -> "List[str]":
        _check(host, ["netplan", "apply"], _SCRIPT_LIMIT)
        return []


class Scripts(Service):
    """The network scripts of el7, which can only take a card down and up again."""

    name = "network scripts"

    def let_go(self, host: "Host", names: "List[str]") -> None:
        for name in reversed(names):
            if host.root.exists("/etc/sysconfig/network-scripts/ifcfg-" + name):
                _try(host, ["ifdown", name], _SCRIPT_LIMIT)

    def take_up(self, host: "Host", files: "Files", primary: "Optional[str]", all_of: bool) -> "List[str]":
        problems = []
        for name in names_of(files):
            # A port comes up with its bond.
            content = files.get("/etc/sysconfig/network-scripts/ifcfg-" + name)
            if content is None:
                try:
                    content = host.root.read("/etc/sysconfig/network-scripts/ifcfg-" + name, _READ_LIMIT)
                except OSError:
                    continue
            if settings_of(content).get("SLAVE", "").lower() not in ("yes", "true", "y", "t", "1"):
                problems += _try(host, ["ifup", name], _SCRIPT_LIMIT)
        return problems


class Manager(Service):
    """NetworkManager, with keyfiles or with ifcfg files: each profile is loaded and brought up."""

    name = "NetworkManager"

    def note(self, host: "Host") -> "Dict[str, Any]":
        return {"active": self._active(host)}

    def take_up(self, host: "Host", files: "Files", primary: "Optional[str]", all_of: bool) -> "List[str]":
        files = _with_profiles(host, files)
        self._load(host, files)
        active = self._active(host)
        problems = []
        for profile in profiles_of(files):
            if not profile.automatic:
                continue
            card = profile.interface or _card_with(host, profile.mac)
            # The primary one's connection stays up where its settings can be changed beneath it.
            if card is not None and card == primary and profile.is_one_of(active.get(card, [])):
                if host.run(["nmcli", "device", "reapply", card], timeout=_TOOL_LIMIT).status == 0:
                    continue
            problems += self._up(host, profile, card)
        return problems

    def go_back(self, host: "Host", files: "Files", noted: "Dict[str, Any]") -> "List[str]":
        files = _with_profiles(host, files)
        self._load(host, files)
        before: "Dict[str, List[str]]" = noted.get("active") or {}
        now = self._active(host)
        profiles = profiles_of(files)
        problems = []
        for card in sorted(before):
            changed = any(profile.is_one_of(before[card]) for profile in profiles)
            if now.get(card) == before[card] and not changed:
                continue
            up = ["nmcli", "--wait", "0", "connection", "up", "uuid", before[card][0], "ifname", card]
            if host.run(up, timeout=_TOOL_LIMIT).status != 0:  # a profile that it had made by itself
                problems += _try(host, ["nmcli", "--wait", "10", "device", "connect", card], _TOOL_LIMIT)
        for card in sorted(set(now) - set(before)):
            if host.hardware.exists("%s/%s" % (CARDS, card)):
                _try(host, ["nmcli", "--wait", "5", "device", "disconnect", card], _TOOL_LIMIT)
        return problems

    def _load(self, host: "Host", files: "Files") -> None:
        if any("/conf.d/" in path for path in files):
            # The tool has it since NetworkManager 1.22; before, the unit's reload says the same.
            if host.run(["nmcli", "general", "reload", "conf"], timeout=_TOOL_LIMIT).status != 0:
                _check(host, ["systemctl", "--no-block", "reload", "NetworkManager.service"])
        if None in files.values():
            _check(host, ["nmcli", "connection", "reload"])  # profiles whose files have gone
        there = [profile.path for profile in profiles_of(files)]
        if there:
            _check(host, ["nmcli", "connection", "load"] + there)

    def _up(self, host: "Host", profile: "Profile", card: "Optional[str]") -> "List[str]":
        # Without the identity a profile that NetworkManager made by itself may be the one taken up. It is
        # not waited for: a card without a cable or a lease must not hold up the others.
        which = ["uuid", profile.uuid] if profile.uuid else ["id", profile.name]
        words = ["nmcli", "--wait", "0", "connection", "up"] + which
        return _try(host, words + (["ifname", card] if card is not None else []), _TOOL_LIMIT)

    def _active(self, host: "Host") -> "Dict[str, List[str]]":
        """UUID and name of the profile that is up on each card."""
        words = ["nmcli", "-t", "-f", "UUID,DEVICE,NAME", "connection", "show", "--active"]
        rows = host.run(words, timeout=_TOOL_LIMIT).text.splitlines()
        found = [row.split(":", 2) for row in rows]
        return {item[1]: [item[0], item[2].replace("\\", "")] for item in found if len(item) == 3 and item[1]}


def running(host: "Host", renderer: str) -> "Optional[Service]":
    """The service that runs and reads what this renderer writes; None before it has started."""
    if renderer == "netplan":
        started = _is_manager(host) or _is_networkd(host)
        return Netplan(renderer) if started and host.which("netplan") is not None else None
    if renderer == "networkd":
        return Networkd(renderer) if _is_networkd(host) else None
    if _is_manager(host):
        return Manager(renderer)
    if renderer == "ifcfg" and _is_active(host, "network.service"):
        return Scripts(renderer)
    return None


def _is_manager(host: "Host") -> bool:
    active = _is_active(host, "NetworkManager.service")
    return _has_owner(host, "org.freedesktop.NetworkManager") if active is None else active


def _is_networkd(host: "Host") -> bool:
    active = _is_active(host, "systemd-networkd.service")
    return _has_owner(host, "org.freedesktop.network1") if active is None else active


def _is_active(host: "Host", unit: str) -> "Optional[bool]":
    """What systemd says; None where it does not run or has no tool here."""
    if not host.root.is_dir("/run/systemd/system") or host.which("systemctl") is None:
        return None
    return host.run(["systemctl", "is-active", "--quiet", unit], timeout=_TOOL_LIMIT).status == 0


def _has_owner(host: "Host", name: str) -> bool:
    """Whether a service has taken its name on the system bus: where no systemd keeps it."""
    if not host.root.exists("/run/dbus/system_bus_socket") or host.which("busctl") is None:
        return False
    bus = "org.freedesktop.DBus"
    words = ["busctl", "call", bus, "/org/freedesktop/DBus", bus, "NameHasOwner", "s", name]
    return host.run(words, timeout=_TOOL_LIMIT).text.strip() == "b true"


# -- what the files are for ---------------------------------------------------------------------------


class Profile:
    """One of NetworkManager's profiles: its file, its identity and the card it is for."""

    def __init__(self, path: str, content: bytes) -> None:
        values = settings_of(content)
        self.path = path
        self.kind = values.get("type", values.get("TYPE", "ethernet")).lower()
        self.uuid = values.get("uuid", values.get("UUID", ""))
        # The second: how its ifcfg-rh plugin calls a file without NAME=.
        base = path.rsplit("/", 1)[-1]
        self.name = values.get("id", values.get("NAME", "System " + base[len("ifcfg-") :]))
        self.interface = values.get("interface-name", values.get("DEVICE"))
        self.mac = values.get("mac-address", values.get("HWADDR", "")).lower()
        off = ("false", "no")
        self.automatic = values.get("autoconnect", values.get("ONBOOT", "yes")).lower() not in off

    def is_one_of(self, known: "List[str]") -> bool:
        """Whether it goes by one of these; an ifcfg file mostly states no UUID."""
        return bool(self.uuid and self.uuid in known) or self.name in known

    @property
    def rank(self) -> int:
        """What lies above what: a bond comes before its ports, which come before the VLANs on it."""
        return {"bond": 0, "bridge": 0, "vrf": 0, "team": 0, "vlan": 2}.get(self.kind, 1)


def profiles_of(files: "Files") -> "List[Profile]":
    """The profiles among the files that are there, in an order in which they can come up."""
    found = []
    for path in sorted(files):
        content = files[path]
        base = path.rsplit("/", 1)[-1]
        profile = base.endswith(".nmconnection") or (base.startswith("ifcfg-") and ":" not in base)
        if content is not None and profile:
            found.append(Profile(path, content))
    return sorted(found, key=lambda profile: profile.rank)


def _with_profiles(host: "Host", files: "Files") -> "Files":
    """The files, and the ifcfg file of each card of which only routes, rules or an alias are among them."""
    found = dict(files)
    for path in sorted(files):
        directory, _, base = path.rpartition("/")
        start, _, name = base.partition("-")
        main = "%s/ifcfg-%s" % (directory, name.partition(":")[0])
        if start in _PARTS and main not in found:
            try:
                found[main] = host.root.read(main, _READ_LIMIT)
            except OSError:
                pass
    return found


def settings_of(content: bytes) -> "Dict[str, str]":
    """The assignments of a file, whatever their section; the first of a name counts."""
    found: "Dict[str, str]" = {}
    for row in content.decode("utf-8", "replace").splitlines():
        key, equals, value = row.partition("=")
        if equals and not key.lstrip().startswith(("#", ";")):
            found.setdefault(key.strip(), value.strip().strip("\"'"))
    return found


def names_of(files: "Files") -> "List[str]":
    """The interfaces that the files are for, by the files' names, ports after what they are ports of."""
    names = []
    for path in sorted(files):
        base = path.rsplit("/", 1)[-1]
        for ending in (".network", ".netdev", ".nmconnection", ".link", ".yaml"):
            if base.endswith(ending):
                base = base[: -len(ending)]
        for start in ("10-tsagent-", "tsagent-", "ifcfg-", "route-", "route6-", "rule-", "rule6-"):
            if base.startswith(start):
                names.append(base[len(start) :].partition(":")[0])  # an alias comes up with its card
                break
    return sorted(set(names), key=names.index)


def virtual_names(files: "Files") -> "List[str]":
    """The devices that these files make: bonds, bridges, VLANs and the like."""
    names = []
    for path in sorted(files):
        content = files[path]
        base = path.rsplit("/", 1)[-1]
        if content is None:
            continue
        values = settings_of(content)
        if base.endswith(".netdev"):
            names.append(values.get("Name", ""))
        elif base.startswith("ifcfg-") and values.get("TYPE", "").lower() in ("bond", "bridge", "vlan"):
            names.append(values.get("DEVICE", ""))
        elif base.endswith(".nmconnection") and Profile(path, content).rank != 1:
            names.append(values.get("interface-name", ""))
        elif base.endswith(".yaml"):
            names += _made_by_netplan(content)
    return [name for name in names if name]


def _made_by_netplan(content: bytes) -> "List[str]":
    """The devices in netplan's file, as its renderer lays it out: sections below `network:`, then names."""
    names = []
    making = False
    for row in content.decode("utf-8", "replace").splitlines():
        name = row.strip().rstrip(":").strip("\"'")
        depth = len(row) - len(row.lstrip(" "))
        if depth == 2:
            making = name not in ("ethernets", "wifis", "modems")
        elif depth == 4 and making and row.rstrip().endswith((":", "{}")):
            names.append(name.partition(":")[0])
    return names


def _card_with(host: "Host", mac: str) -> "Optional[str]":
    """The card with this hardware address that is no port of another's."""
    for name in host.hardware.listdir(CARDS) if mac else []:
        at = "%s/%s" % (CARDS, name)
        if host.hardware.text(at + "/address") == mac and not host.hardware.exists(at + "/master"):
            return name
    return None


def _check(host: "Host", argv: "List[str]", limit: float = _TOOL_LIMIT) -> None:
    """Run a tool that must succeed. Raises AgentError with its last line."""
    result = host.run(argv, timeout=limit)
    if result.status != 0 or result.timed_out:
        raise AgentError("%s: %s" % (" ".join(argv[:3]), _complaint(result)), "command-failed")


def _try(host: "Host", argv: "List[str]", limit: float = _TOOL_LIMIT) -> "List[str]":
    """Run a tool that may fail; what it said then."""
    try:
        result = host.run(argv, timeout=limit)
    except AgentError as error:  # it is not installed
        return [str(error)]
    if result.status == 0 and not result.timed_out:
        return []
    return ["%s: %s" % (" ".join(argv), _complaint(result))]


def _complaint(result: "CommandResult") -> str:
    """What a tool said went wrong: the last line that speaks of an error, for netplan ends with a picture."""
    if result.timed_out:
        return "no end in time"
    for line in reversed(result.text.splitlines()):
        if "rror" in line:
            return line.strip()[:300].rstrip(".")
    return result.last_line().rstrip(".")
