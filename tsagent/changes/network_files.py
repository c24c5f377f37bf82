"""Files of the network's configuration, and whose they are by now.

What was last written to each is kept as a digest. A file that says something else has been changed by
somebody, and one that is gone has been removed by somebody: both are left so, and this is told. What is
overwritten after all, because it is asked for or because the machine is a new instance, is saved first,
in the agent's own directory: NetworkManager reads whatever lies in its own, by any name.
"""

from tsagent.changes.base import CONVERGED, UNKNOWN, Probe
from tsagent.changes.files import RemoveFile, WriteFile
from tsagent.digests import sha256
from tsagent.quickjson import loads
from tsagent.state import paths
from tsagent.state.store import write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host, Tree

FORMAT = 1
_READ_LIMIT = 16 << 20  # bytes
_ANEW = "'tsagent network apply --force' writes it anew"
# Keys whose values no diff shows, in the words of NetworkManager's keyfiles, ifcfg files and netplan.
_SECRET_KEYS = ("psk", "password", "passphrase", "secret", "pin", "key", "privatekey", "presharedkey")
_HIDDEN = "***"


class Record:
    """What the agent wrote to one path, for which instance; `former` is what it had written before.

    A file that is as either of them is the agent's own. `coming`: there was no file, and it may not have been
    written yet.
    """

    def __init__(self, digest: str, former: str = "", instance: str = "", coming: bool = False) -> None:
        self.digest = digest
        self.former = former
        self.instance = instance
        self.coming = coming

    @classmethod
    def from_data(cls, data: "Dict[str, Any]") -> "Record":
        """The inverse of `as_data`. Raises KeyError and TypeError for what is none."""
        return cls(
            data["digest"], data.get("former", ""), data.get("instance", ""), bool(data.get("coming", False))
        )

    def knows(self, content: "Optional[bytes]") -> bool:
        """Whether the agent left it so; None for a file that is not there."""
        if content is None:
            return self.coming
        return _digest(content) in (self.digest, self.former)

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data."""
        data: "Dict[str, Any]" = {"digest": self.digest, "former": self.former, "instance": self.instance}
        if self.coming:
            data["coming"] = True
        return data


def parse_records(data: "Optional[bytes]") -> "Dict[str, Record]":
    """The records by path; none where they cannot be read: then no file is known for the agent's."""
    if data is None:
        return {}
    try:
        return {path: Record.from_data(item) for path, item in loads(data)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def read_records(tree: "Tree") -> "Dict[str, Record]":
    """The records that are kept in a tree."""
    try:
        return parse_records(read(tree, paths.NETWORK_FILES))
    except OSError:
        return {}


def write_records(tree: "Tree", records: "Dict[str, Record]") -> None:
    """Keep the records. Losing them in a power cut costs a saved copy of what is overwritten."""
    tree.mkdir(paths.NETWORK, 0o700)
    files = {path: records[path].as_data() for path in sorted(records)}
    write_json(tree, paths.NETWORK_FILES, {"format": FORMAT, "files": files}, sync=False)


class _Mine:
    """What writing and removing have in common: the look at whose the file is."""

    instance: str
    force: bool

    def whose(self, host: "Host", path: str, current: "Optional[bytes]") -> str:
        """In a few words who has changed the file, by hand, for this instance; empty where nobody has."""
        if self.force:
            return ""
        record = read_records(host.root).get(path)
        if record is None or record.instance != self.instance or record.knows(current):
            return ""
        return "it was edited" if current is not None else "it was removed"

    def save(self, host: "Host", path: str, current: "Optional[bytes]") -> str:
        """Save what the agent did not write; a word on where."""
        if current is None:
            return ""
        record = read_records(host.root).get(path)
        if record is not None and record.knows(current):
            return ""
        host.root.mkdir(paths.NETWORK, 0o700)
        host.root.mkdir(paths.NETWORK_SAVED, 0o700)
        host.root.write_atomic(paths.NETWORK_SAVED + path, current, 0o600)
        return "what was there is saved as %s%s" % (paths.NETWORK_SAVED, path)


class WriteNetworkFile(_Mine, WriteFile):
    """Put a file of the network's configuration there, unless somebody has changed or removed it since.

    `instance` is for which it is written: another one gets it anew, whoever changed it. With `force` it is
    written anyway. What is overwritten and not the agent's own is saved below /var/lib/tsagent/network.
    """

    def __init__(
        self,
        path: str,
        content: "Union[str, bytes]",
        mode: int = 0o644,
        secret: bool = False,
        reason: str = "",
        instance: str = "",
        force: bool = False,
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, content, mode, "root", "root", secret, reason, requires)
        self.instance = instance
        self.force = force

    def probe(self, host: "Host") -> Probe:
        path = self.path(host)
        try:
            current = read(host.root, path)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        if current != self.content:
            done = self.whose(host, path, current)
            if done:
                return Probe(
                    CONVERGED, "%s since tsagent wrote it and stays so; %s" % (done, _ANEW), warn=True
                )
        return super().probe(host)

    def detail(self, host: "Host") -> "List[str]":
        return [_without_secret(line) for line in super().detail(host)]

    def apply(self, host: "Host") -> "Optional[str]":
        path = self.path(host)
        current = read(host.root, path)
        saved = self.save(host, path, current) if current != self.content else ""
        records = read_records(host.root)
        before = records.get(path)
        # First, so that a file that was written just before a crash is not taken for somebody's edit.
        known = current is not None and before is not None and before.knows(current)
        former = _digest(current) if known and current is not None else ""
        record = Record(_digest(self.content), former, self.instance, coming=current is None)
        records[path] = record
        write_records(host.root, records)
        how = super().apply(host)
        if record.coming:  # whoever removes it from now on means it
            record.coming = False
            write_records(host.root, records)
        return "; ".join(words for words in (how, saved) if words) or None


class RemoveNetworkFile(_Mine, RemoveFile):
    """Remove a file of the network's configuration that the agent wrote, unless somebody has changed it.

    `instance` and `force` as for WriteNetworkFile.
    """

    def __init__(
        self,
        path: str,
        reason: str = "",
        instance: str = "",
        force: bool = False,
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(path, reason, requires)
        self.instance = instance
        self.force = force

    def probe(self, host: "Host") -> Probe:
        path = str(self.target)
        try:
            current = read(host.root, path)
        except OSError as error:
            return Probe(UNKNOWN, error.strerror or "unreadable")
        if current is not None and self.whose(host, path, current):
            words = "it is no longer asked for, but was edited since tsagent wrote it and stays"
            return Probe(CONVERGED, words + "; remove it, or run 'tsagent network apply --force'", warn=True)
        return super().probe(host)

    def detail(self, host: "Host") -> "List[str]":
        from tsagent.changes.files import unified_diff

        path = str(self.target)
        lines = unified_diff(read(host.root, path) or b"", b"", path)
        return [_without_secret(line) for line in lines]

    def apply(self, host: "Host") -> "Optional[str]":
        path = str(self.target)
        saved = self.save(host, path, read(host.root, path))
        records = read_records(host.root)
        # First, so that one that has gone just before a crash is not taken for removed by somebody.
        if records.pop(path, None) is not None:
            write_records(host.root, records)
        super().apply(host)
        return saved or None


def read(tree: "Tree", path: str) -> "Optional[bytes]":
    """The content of a file; None where there is none. Other errors are raised."""
    try:
        return tree.read(path, _READ_LIMIT)
    except FileNotFoundError:
        return None


def set_digest(changes: "Sequence[Any]", instance: str) -> str:
    """What tells one configuration from another: its files, and for which instance."""
    digest = sha256(instance.encode("utf-8", "surrogateescape"))
    for change in sorted(changes, key=lambda change: str(change.target)):
        digest.update(str(change.target).encode("utf-8", "surrogateescape") + b"\0")
        digest.update(_digest(getattr(change, "content", b"")).encode("ascii"))
    return digest.hexdigest()[:24]


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _without_secret(line: str) -> str:
    """A line of a diff, with the value of a key that is secret blanked out."""
    for sign in ("=", ":"):
        key, found, _ = line.partition(sign)
        name = key.lstrip("+- ").strip().lower().replace("_", "-")
        if found and any(name == word or name.endswith("-" + word) for word in _SECRET_KEYS):
            return key + sign + _HIDDEN
        if found and any(name.startswith(word) for word in ("wep-key", "wpa-psk")):
            return key + sign + _HIDDEN
    return line
