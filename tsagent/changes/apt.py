"""What apt reads: its lists of sources, with a mirror that is looked for; keys from a key server; conf."""

from tsagent.changes.base import CONVERGED, DIFFERS, UNKNOWN, Change, Probe
from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.root_tools import run_in_root
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence

    from tsagent.host import Host

    Transform = Callable[[Optional[bytes]], Optional[bytes]]

_LOOKUP_LIMIT = 10.0  # seconds for one name
_FETCH_LIMIT = 15.0  # seconds for one address of a key server
_KEY_LIMIT = 1 << 20  # bytes of a key
_TRIAL = "/etc/apt/.tsagent-trial.conf"


class MirrorSearch:
    """A mirror: the first of `candidates` whose host has an address, else `otherwise`.

    It is looked for once, when it is first asked for; a single candidate is taken as it is.
    """

    def __init__(self, candidates: "Sequence[str]", otherwise: str, stated: bool = False) -> None:
        self.candidates = list(candidates)
        self.otherwise = otherwise
        self.stated = stated  # the first candidate is not looked for: it was asked for by name
        self._found: "Optional[str]" = None

    def url(self, host: "Host") -> str:
        """The mirror."""
        if self._found is None:
            self._found = self._look(host)
        return self._found

    def _look(self, host: "Host") -> str:
        if self.stated:
            return self.candidates[0]
        from urllib.parse import urlsplit

        for candidate in self.candidates:
            try:
                name = urlsplit(candidate).hostname
            except ValueError:
                continue
            if name is None:
                if candidate.startswith("file:"):
                    return candidate
                continue
            if host.run(["getent", "ahosts", name], timeout=_LOOKUP_LIMIT).status == 0:
                return candidate
        return self.otherwise


class EditAptSources(EditFile):
    """Change a file of apt's sources. `make` gives the transform, once the mirrors are known.

    Its argument is the mirrors' URLs by the names of `mirrors`. What it gives is as for EditFile.
    """

    type = "edit_apt_sources"

    def __init__(
        self,
        path: str,
        mirrors: "Dict[str, MirrorSearch]",
        make: "Callable[[Dict[str, str]], Transform]",
        what: str,
        secret: bool = False,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(
            path, _unknown, what, 0o600 if secret else None, secret=secret, reason=reason, requires=requires
        )
        self.mirrors = mirrors
        self.make = make

    def prepare(self, host: "Host") -> None:
        """Look for the mirrors."""
        if self.transform is _unknown:
            self.transform = self.make({name: item.url(host) for name, item in self.mirrors.items()})

    def probe(self, host: "Host") -> Probe:
        self.prepare(host)
        return super().probe(host)

    def detail(self, host: "Host") -> "List[str]":
        self.prepare(host)
        return super().detail(host)

    def apply(self, host: "Host") -> "Optional[str]":
        self.prepare(host)
        return super().apply(host)


def _unknown(current: "Optional[bytes]") -> "Optional[bytes]":
    return current


class FetchAptKey(Change):
    """Fetch a public key by its ID from a key server, and put it at `path` for apt.

    `key` is a fingerprint or an ID, as `openpgp.key_id` gives it. What the server answers must be called
    so, else it is not taken: of what a whole fingerprint names nobody can make another key.
    """

    type = "fetch_apt_key"

    def __init__(
        self, path: str, key: str, server: str, reason: str = "", requires: "Sequence[Change]" = ()
    ) -> None:
        super().__init__(path, reason, requires)
        self.key = key
        self.server = server

    def payload(self) -> "Dict[str, Any]":
        return {"key": self.key}

    def describe(self) -> str:
        return "fetch the key %s to %s" % (self.key, self.target)

    def probe(self, host: "Host") -> Probe:
        from tsagent.changes.openpgp import NoKey, with_id

        try:
            data = host.root.read(str(self.target), _KEY_LIMIT)
            held = with_id(data, self.key)
        except FileNotFoundError:
            return Probe(DIFFERS, "absent")
        except (OSError, AgentError) as error:
            return Probe(UNKNOWN, getattr(error, "strerror", None) or "unreadable")
        except NoKey:
            held = b""
        return Probe(CONVERGED) if held else Probe(DIFFERS, "another key is there")

    def apply(self, host: "Host") -> "Optional[str]":
        from tsagent.changes.openpgp import NoKey, public_keys, with_id

        addresses = key_server_urls(self.server, self.key)
        failure = "expected an address of hkp, hkps, http or https"
        for address in addresses:
            try:
                answer = host.web.get(address, limit=_KEY_LIMIT, deadline=_FETCH_LIMIT, retries=1)
                data = with_id(public_keys(answer.body), self.key)
            except AgentError as error:
                failure = error.message
                continue
            except NoKey as error:
                failure = "what the server gave is no key: %s" % error
                continue
            if data:
                host.root.write_atomic(str(self.target), data, 0o644, 0, 0)
                return None
            failure = "the server gave another key"
        raise AgentError(
            "the key %s could not be fetched: %s" % (self.key, failure),
            "apt-key",
            "check the key server and the way to it, or give the key itself under key",
        )


def key_server_urls(server: str, key: str) -> "List[str]":
    """Where a key server is asked for a key; of a bare name, all that such servers listen at.

    Source: draft-gallagher-openpgp-hkp (HTTP Keyserver Protocol): port 11371, 443 with TLS; many answer at
    80, too, and 11371 is often barred.
    """
    server = server.strip().rstrip("/")
    scheme, mark, place = server.partition("://")
    if not mark:
        scheme, place = "", server
    if not place or any(letter.isspace() for letter in place):
        return []
    has_port = place.rpartition("]")[2].find(":") >= 0
    bases = {
        "": ["https://" + place]
        + (["http://" + place] if has_port else ["http://%s:11371" % place, "http://" + place]),
        "hkp": ["http://" + place] if has_port else ["http://%s:11371" % place, "http://" + place],
        "hkps": ["https://" + place],
        "http": ["http://" + place],
        "https": ["https://" + place],
    }.get(scheme.lower(), [])
    return ["%s/pks/lookup?op=get&options=mr&search=0x%s" % (base, key) for base in bases]


class WriteAptConf(WriteFile):
    """A file of apt's configuration. What apt cannot read is not written: it would stop every apt command.

    `enter` is as for RunInRoot; in a tree that may not be entered it is written as it is.
    """

    type = "write_apt_conf"

    def __init__(
        self, path: str, content: str, enter: bool, mode: int, secret: bool, reason: str = ""
    ) -> None:
        super().__init__(path, content, mode, "root", "root", secret=secret, reason=reason)
        self.enter = enter

    def apply(self, host: "Host") -> "Optional[str]":
        if host.live or self.enter:
            host.root.write_atomic(_TRIAL, self.content, 0o600, 0, 0)
            try:
                result = run_in_root(host, ["apt-config", "dump"], env={"APT_CONFIG": _TRIAL})
            finally:
                host.root.unlink(_TRIAL, missing_ok=True)
            if result.status != 0 and _TRIAL in result.text:  # else another file of apt's is broken
                raise AgentError(
                    "apt cannot read it: %s" % _error_of(result.text),
                    "apt-conf",
                    "see apt.conf(5); lines end in ; and values stand in double quotes",
                )
        return super().apply(host)


def _error_of(output: str) -> str:
    """Where apt found the error. Its own words may quote what stands there."""
    number = output.split(_TRIAL + ":", 1)[-1].partition(":")[0].strip()
    return "a mistake at line %s" % number if number.isdigit() else "it is no configuration of apt"
