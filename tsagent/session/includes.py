"""Fetching what user data include, for one instance: bounded, and kept where it is to be fetched once."""

from tsagent.errors import AgentError
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.host import Host

DEADLINE = 120.0  # seconds for all includes of an instance together
ONE_DEADLINE = 60.0  # seconds for one of them
TRIES = 1000  # its time is the limit: at this point of a boot the network may still be on its way


class Includes:
    """The includes of one instance.

    Without `network` only files of this machine, and what was kept, are to be had; `waiting` tells
    afterwards whether there was anything else. `keep`: what `#include-once` names is written to the
    instance's directory, mode 0600, and never fetched again.
    """

    def __init__(self, host: "Host", instance_id: str, network: bool, keep: bool = True) -> None:
        self.waiting = False
        self._host = host
        self._directory = paths.instance_directory(instance_id)
        self._network = network
        self._keep = keep
        self._end: "Optional[float]" = None

    def get(self, url: str, once: bool, limit: int) -> bytes:
        """The content of one include, at most `limit` bytes. Raises NotYet, AgentError and OSError."""
        from tsagent.userdata.includes import NotYet

        place = self._place(url) if once else None
        if place is not None:
            try:
                return self._host.root.read(place, limit)
            except FileNotFoundError:
                pass
        if not self._network and url[:1] != "/" and url[:5].lower() != "file:":
            self.waiting = True
            raise NotYet(url)
        clock = self._host.clock
        if self._end is None:
            self._end = clock.monotonic() + DEADLINE
        left = self._end - clock.monotonic()
        if left <= 0:
            raise AgentError("the %d s for all includes together are over" % DEADLINE, "web-timeout")
        body = self._host.web.get(url, limit, min(ONE_DEADLINE, left), retries=TRIES).body
        if place is not None and self._keep:
            root = self._host.root
            root.mkdir(paths.INSTANCES, 0o700)
            root.mkdir(self._directory, 0o700)
            root.mkdir(self._directory + "/includes", 0o700)
            root.write_atomic(place, body, 0o600)
        return body

    def _place(self, url: str) -> str:
        from tsagent.digests import sha256

        return "%s/includes/%s" % (self._directory, sha256(url.encode("utf-8", "replace")).hexdigest()[:40])
