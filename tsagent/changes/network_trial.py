"""A network configuration being tried: what was there before, kept durably until it has proved itself.

While /var/lib/tsagent/network/trial.json is there, a configuration is being tried, or whoever tried it is
gone: then the former files are to be put back. What was put back is remembered, so that no boot puts it in
place unseen, without a running service to try it with.
"""

from tsagent.changes.network_files import Record, read_records, write_records
from tsagent.changes.network_service import CARDS, running, virtual_names
from tsagent.errors import AgentError
from tsagent.host.process import Runner
from tsagent.state import paths
from tsagent.state.store import read_json, read_state, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

    from tsagent.changes.network_service import Service
    from tsagent.host import Host, Tree

FORMAT = 1
HOLD = 1.0  # seconds that all must be well without a break: a service acts a moment after it was told
_PAUSE = 0.2  # seconds between two looks
_ANSWER = 2.0  # seconds that the metadata service or a gateway is given for one answer
_RETURN = 15.0  # seconds, or more, that the former configuration has to be in force again
_READ_LIMIT = 16 << 20  # bytes


class Reached:
    """What the machine reaches: IP versions with a default route, the metadata service, the gateway.

    The two last are None where there is none to ask. The gateway is asked beside the metadata service, which
    may be on the link and reached without it.
    """

    def __init__(self, versions: "List[int]", metadata: "Optional[bool]", gateway: "Optional[bool]") -> None:
        self.versions = versions
        self.metadata = metadata
        self.gateway = gateway

    @classmethod
    def look(cls, host: "Host", url: "Optional[str]", seconds: float = _ANSWER) -> "Reached":
        """Look now; `url` is the metadata service's. Each is given `seconds` for an answer."""
        reach = host.reach
        routes = {version: reach.default_routes(version) for version in (4, 6)}
        versions = [version for version in (4, 6) if routes[version]]
        metadata = reach.answers(url, seconds) if url else None
        there: "Optional[bool]" = None
        for name, address in routes[versions[0]][:1] if versions else []:
            there = None if address is None else reach.gateway(address, name, seconds)
        return cls(versions, metadata, there)

    def lost(self, now: "Reached", url: "Optional[str]") -> "List[str]":
        """What was reached and no longer is, in words. A machine with IPv4 may lose the route of IPv6."""
        words = []
        if self.versions and self.versions[0] not in now.versions:
            words.append("the default route" if self.versions[0] == 4 else "the default route of IPv6")
        if self.metadata and not now.metadata:
            words.append("the metadata service (%s)" % url)
        # A new default route may lead over a link that has no gateway.
        if self.gateway and now.gateway is False:
            words.append("the gateway")
        return words

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data."""
        return {"versions": self.versions, "metadata": self.metadata, "gateway": self.gateway}


def watch(host: "Host", before: Reached, url: "Optional[str]", seconds: float) -> "List[str]":
    """Wait until all that was reached has been so again for HOLD seconds; what is lost after `seconds`.

    Raises Interrupted when the agent is told to end meanwhile.
    """
    from tsagent.host.process import Interrupted

    if not before.lost(Reached([], None, False), url):
        return []  # there is nothing to lose
    until = host.clock.monotonic() + seconds
    well: "Optional[float]" = None
    while True:
        if host.runner.interrupted:
            raise Interrupted()
        left = max(until - host.clock.monotonic(), _PAUSE)
        lost = before.lost(Reached.look(host, url, min(_ANSWER, left)), url)
        now = host.clock.monotonic()
        if lost:
            well = None
        elif well is None:
            well = now
        if well is not None and now - well >= min(HOLD, seconds):
            return []
        if now >= until:
            return lost
        host.clock.sleep(_PAUSE)


class Trial:
    """What a trial must know to be undone, by whomever: the former files and what was up and reached."""

    def __init__(self, data: "Dict[str, Any]") -> None:
        self.data = data
        self.renderer = str(data["renderer"])
        self.digest = str(data["digest"])
        self.owner = data["owner"]  # the instance whose own configuration is tried; None for a command's
        self.url: "Optional[str]" = data["url"]
        self.seconds = float(data["seconds"])
        self.started = int(data["started"])
        seen = data["reached"]
        self.reached = Reached(list(seen["versions"]), seen["metadata"], seen["gateway"])
        self.files: "Dict[str, Optional[Dict[str, Any]]]" = dict(data["files"])

    @classmethod
    def begin(
        cls,
        host: "Host",
        service: "Service",
        changes: "Sequence[Any]",
        digest: str,
        owner: "Optional[str]",
        url: "Optional[str]",
        seconds: float,
    ) -> "Trial":
        """Keep what is there now, durably, before the files of `changes` become others."""
        targets = [str(change.target) for change in changes]
        records = read_records(host.root)
        trial = cls(
            {
                "format": FORMAT,
                "renderer": service.renderer,
                "digest": digest,
                "owner": owner,
                "url": url,
                "seconds": seconds,
                "started": int(host.clock.time()),
                "reached": Reached.look(host, url).as_data(),
                "noted": service.note(host),
                "links": host.hardware.listdir(CARDS),
                "makes": virtual_names(
                    {str(item.target): getattr(item, "content", None) for item in changes}
                ),
                "files": {path: _keep(host.root, path) for path in targets},
                "records": {path: records[path].as_data() for path in targets if path in records},
            }
        )
        host.root.mkdir(paths.NETWORK, 0o700)
        write_json(host.root, paths.NETWORK_TRIAL, trial.data, 0o600)
        host.root.flush()
        return trial

    def accept(self, host: "Host") -> None:
        """It has proved itself: nothing is put back any more."""
        host.root.unlink(paths.NETWORK_TRIAL, missing_ok=True)
        _forget(host, self.digest)
        host.root.flush()

    def put_back(self, host: "Host", why: str, seconds: "Optional[float]" = None) -> str:
        """Put the former files back, have a running service take them up, and tell what is lost all the same.

        Goes on through signals. `why` is kept, for the boots to come; `seconds` is how long it waits for all
        to be as it was, by default as long as the trial, and _RETURN. Empty where all is so.
        """
        host = host.limited(0)  # its own limits count: it is no time to give up
        host.runner = Runner(host.runner.path)
        service = running(host, self.renderer)
        names = [name for name in self.data["makes"] if name not in self.data["links"]]
        if service is not None:
            service.let_go(host, self._interfaces())
        present, problems = self._restore(host)
        remember(host, self.digest, why)
        stuck = "; ".join(problems)
        lost: "List[str]" = []
        if service is not None:
            try:
                problems += service.go_back(host, present, self.data["noted"])
            except AgentError as error:
                problems.append(str(error))
            for name in names:
                if host.hardware.exists("%s/%s" % (CARDS, name)):
                    host.run(["ip", "link", "delete", name])
            patience = max(self.seconds, _RETURN) if seconds is None else seconds
            lost = watch(host, self.reached, self.url, patience)
        elif self.renderer == "netplan" and host.live and host.which("netplan") is not None:
            host.run(["netplan", "generate"])  # at boot its generator has read the others
        if stuck:
            # What is kept stays, for the next run to try again.
            return "not all of the former files could be put back: %s" % stuck
        host.root.unlink(paths.NETWORK_TRIAL, missing_ok=True)
        host.root.flush()
        if not lost:
            return ""
        return (
            "with the former files %s cannot be reached yet; %s" % (" and ".join(lost), "; ".join(problems))
        ).rstrip("; ")

    def _interfaces(self) -> "List[str]":
        from tsagent.changes.network_service import names_of

        return names_of(dict.fromkeys(self.files))

    def _restore(self, host: "Host") -> "Tuple[Dict[str, Optional[bytes]], List[str]]":
        """Put each file back as it was; the content by path, and what could not be put back."""
        present: "Dict[str, Optional[bytes]]" = {}
        problems = []
        for path in sorted(self.files):
            try:
                present[path] = _put(host.root, path, self.files[path])
            except OSError as error:
                problems.append("%s: %s" % (path, error.strerror))
        records = read_records(host.root)
        for path in self.files:
            former = self.data["records"].get(path)
            if former is not None:
                records[path] = Record.from_data(former)
            else:
                records.pop(path, None)
        write_records(host.root, records)
        host.root.flush()
        return present, problems


def left_over(tree: "Tree") -> "Optional[Trial]":
    """The trial that was cut off, None where there is none. Raises AgentError for one that is damaged."""
    found: "Optional[Trial]" = read_state(tree, paths.NETWORK_TRIAL, FORMAT, Trial)
    return found


# -- configurations that were put back -------------------------------------------------------------------


def remember(host: "Host", digest: str, why: str) -> None:
    """Keep that this configuration was put back, and why."""
    known = _put_back(host.root)
    known[digest] = why
    write_json(host.root, paths.NETWORK_PUT_BACK, {"format": FORMAT, "put_back": known})


def why_put_back(tree: "Tree", digest: str) -> "Optional[str]":
    """Why this configuration was put back; None where it was not."""
    return _put_back(tree).get(digest)


def _forget(host: "Host", digest: str) -> None:
    known = _put_back(host.root)
    if known.pop(digest, None) is None:
        return
    if known:
        write_json(host.root, paths.NETWORK_PUT_BACK, {"format": FORMAT, "put_back": known})
    else:
        host.root.unlink(paths.NETWORK_PUT_BACK, missing_ok=True)


def _put_back(tree: "Tree") -> "Dict[str, str]":
    try:
        data: "Any" = read_json(tree, paths.NETWORK_PUT_BACK)
        return {str(name): str(data["put_back"][name]) for name in data["put_back"]}
    except (AgentError, OSError, KeyError, TypeError):
        return {}


# -- one file ------------------------------------------------------------------------------------------


def _keep(tree: "Tree", path: str) -> "Optional[Dict[str, Any]]":
    """A file as JSON data; None where there is none."""
    import stat
    from binascii import b2a_base64

    try:
        status = tree.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return {"link": tree.readlink(path)}
        content = tree.read(path, _READ_LIMIT)
    except FileNotFoundError:
        return None
    return {
        "content": b2a_base64(content).decode("ascii"),
        "mode": stat.S_IMODE(status.st_mode),
        "owner": [status.st_uid, status.st_gid],
    }


def _put(tree: "Tree", path: str, former: "Optional[Mapping[str, Any]]") -> "Optional[bytes]":
    """Make a file what it was; its content."""
    from binascii import a2b_base64

    if former is None:
        tree.unlink(path, missing_ok=True)
        return None
    if "link" in former:
        tree.symlink(former["link"], path)
        return None
    content = a2b_base64(former["content"])
    tree.write_atomic(path, content, former["mode"], former["owner"][0], former["owner"][1])
    return content
