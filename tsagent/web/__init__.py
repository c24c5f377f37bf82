"""The web beyond the metadata service: includes, downloads, webhooks. Reached as `host.web`.

Every request has a limit of bytes and one deadline over resolving, connecting, redirects, waits and
tries. https is never left for http, link-local and metadata addresses are refused, and no error holds
more of a URL than scheme, host and path. `http.client` over sockets of our own rather than `requests`:
the address must be looked at between resolving and connecting, each read must know the deadline, and the
system's own certificates count, those that were added a moment ago included.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from tsagent.host.clock import Clock
    from tsagent.host.tree import Tree

LIMIT = 10 << 20  # bytes of an answer
DEADLINE = 60.0  # seconds of one call, all its tries together
RETRIES = 5  # tries after the first


class Answer:
    """A complete answer: `status`, `headers` (names in lower case), `body`, and the `url` that gave it, shown
    as an error may show it.
    """

    __slots__ = ("body", "headers", "status", "url")

    def __init__(self, status: int, headers: "Dict[str, str]", body: bytes, url: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url


class Web:
    """Gets and posts. `proxy` is the image's (`proxy:` of agent.yaml), else the environment's counts.

    `until` is a moment of the clock's `monotonic` that no call outlives.
    """

    def __init__(
        self, root: "Tree", clock: "Clock", proxy: "Any" = None, until: "Optional[float]" = None
    ) -> None:
        self.root = root
        self.clock = clock
        self.proxy = proxy
        self.until = until

    def get(
        self,
        url: str,
        limit: int = LIMIT,
        deadline: float = DEADLINE,
        headers: "Optional[Dict[str, str]]" = None,
        retries: int = RETRIES,
        ca_file: "Optional[str]" = None,
        cert_file: "Optional[str]" = None,
        key_file: "Optional[str]" = None,
    ) -> Answer:
        """GET `url`: http, https, or a regular file of the root (`file:///PATH`, or just `/PATH`).

        The body comes as it was sent, at most `limit` bytes of it; `deadline` is in seconds. `headers` go
        to the host that was named and to no other. A try that brought no answer, was cut off, or was
        answered 408, 425, 429 or 5xx is repeated `retries` times; `Retry-After` is honoured. `ca_file`
        (beside the system's), `cert_file` and `key_file` (in PEM) are paths inside the root.
        Raises AgentError: `web-url`, `web-refused`, `web-redirects`, `web-unreachable`, `web-timeout`,
        `web-broken`, `web-tls`, `web-status` (its answer was not 2xx), `web-too-large`, `web-file`.
        """
        from tsagent.web.client import Call

        call = Call(self, "GET", url, limit, deadline, headers, retries, (ca_file, cert_file, key_file))
        return call.go()

    def post(
        self,
        url: str,
        form: "Any" = None,
        json: "Any" = None,
        data: "Optional[bytes]" = None,
        limit: int = 1 << 20,
        deadline: float = DEADLINE,
        headers: "Optional[Dict[str, str]]" = None,
        retries: int = RETRIES,
        ca_file: "Optional[str]" = None,
        cert_file: "Optional[str]" = None,
        key_file: "Optional[str]" = None,
    ) -> Answer:
        """POST one of `form` (a mapping, or pairs), `json` (anything) or `data` (bytes; say their type in
        `headers`) to an http or https `url`. The rest, and what it raises, is as for `get`.

        A POST that was cut off is repeated, too: the other side may see it twice.
        """
        from tsagent.web.client import Call, encoded

        kind, body = encoded(form, json, data)
        headers = dict({"Content-Type": kind} if kind else {}, **(headers or {}))
        call = Call(
            self, "POST", url, limit, deadline, headers, retries, (ca_file, cert_file, key_file), body
        )
        return call.go()
