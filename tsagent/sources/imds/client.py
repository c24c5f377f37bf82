"""Asking the metadata service until it answers, within a budget.

| answer | is |
|---|---|
| 200 of the right shape | the value |
| 404 | absence |
| 5xx, 429, 408, other 2xx, cut, no HTTP, wrong shape, no answer in time | asked again; never remembered |
| 3xx | refused, never followed, not asked again |
| any other status; more bytes than allowed | refused, not asked again |

Between two tries the wait is random between 0 and a ceiling that doubles from 0.2 s to 5 s (full
jitter); a `Retry-After` is honoured up to `MAX_RETRY_AFTER`. A path is asked for once: what was
answered is remembered for the life of the client.
"""

from tsagent.errors import AgentError
from tsagent.sources.imds.transport import BROKEN, TIMEOUT, UNREACHABLE, Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, TypeVar

    from tsagent.host.clock import Clock
    from tsagent.sources.imds.transport import Answer, Transport

    T = TypeVar("T")
    Trace = Callable[[Dict[str, Any]], None]

FIRST_WAIT = 0.2  # seconds: ceiling of the first wait
LONGEST_WAIT = 5.0  # seconds: ceiling of every later one
MAX_RETRY_AFTER = 10.0  # seconds of a server's Retry-After that are honoured
MAX_ANSWER = 1 << 20  # bytes of one metadata answer
MAX_USER_DATA = 4 << 20  # bytes of user data; the service itself accepts 16 KB
OPTIONAL_TRIES = 8  # for a value the boot can do without: some 8 s of waiting
HOPELESS = 3  # optional values lost in a row before the rest are not asked for
_LAST_MOMENT = 0.05  # seconds: less than this is not worth another try

_RETRIED = (408, 429)

_CODES = {UNREACHABLE: "imds-unreachable", TIMEOUT: "imds-timeout", BROKEN: "imds-bad-answer"}
_HINTS = {
    UNREACHABLE: "check this machine's network and its route to the address; curl -m 5 %s",
    TIMEOUT: "the service is overloaded or something on the way holds answers back; curl -m 5 %s",
    BROKEN: "something other than the metadata service may be answering; curl -im 5 %s",
}


class Client:
    """Gets of one crawl, with one deadline over all of them."""

    def __init__(
        self,
        transport: "Transport",
        clock: "Clock",
        deadline: float,
        random: "Optional[Callable[[], float]]" = None,
        trace: "Optional[Trace]" = None,
    ) -> None:
        self.warnings: "List[str]" = []
        self.asked = 0  # different paths asked for
        self._transport = transport
        self._clock = clock
        self._budget = deadline
        self._started = clock.monotonic()
        self._random = random or _random
        self._trace = trace
        self._known: "Dict[str, Any]" = {}
        self._lost = 0  # optional values lost in a row because no answer came

    def remaining(self) -> float:
        """Seconds left of the whole crawl."""
        return self._started + self._budget - self._clock.monotonic()

    def required(self, path: str, shape: "Callable[[bytes], T]", limit: int = MAX_ANSWER) -> "Optional[T]":
        """The value at `path`, asked for until the crawl's deadline; None where it is absent (404).

        Raises AgentError `imds-unreachable`, `imds-timeout` or `imds-bad-answer`.
        """
        return self._get(path, shape, limit, None)

    def optional(self, path: str, shape: "Callable[[bytes], T]", limit: int = MAX_ANSWER) -> "Optional[T]":
        """The value at `path`; None, with a warning, where it cannot be had; None where it is absent."""
        if path not in self._known and (self._lost >= HOPELESS or self.remaining() < _LAST_MOMENT):
            self._skip(path)
            return None
        # While the service is silent every value would cost its full measure of tries.
        tries = 1 if self._lost else OPTIONAL_TRIES
        try:
            value = self._get(path, shape, limit, tries)
        except AgentError as error:
            self.warnings.append("left out: " + error.message)
            self._lost = 0 if error.code == _CODES[BROKEN] else self._lost + 1
            self._known[path] = None  # lost to this crawl, which does not ask again
            return None
        self._lost = 0
        return value

    def _skip(self, path: str) -> None:
        if "skipped" not in self._known:
            self._known["skipped"] = True
            self.warnings.append(
                "the metadata service stopped answering: %s%s and what follows was not asked for"
                % (self._transport.base, path)
            )

    def _get(
        self, path: str, shape: "Callable[[bytes], T]", limit: int, tries: "Optional[int]"
    ) -> "Optional[T]":
        if path in self._known:
            known: "Optional[T]" = self._known[path]
            return known
        self.asked += 1
        tried = 0
        while True:
            tried += 1
            began = self._clock.monotonic()
            wait: "Optional[float]" = None
            try:
                answer = self._transport.get(path, limit, max(self.remaining(), _LAST_MOMENT))
                wait = answer.retry_after
                value = _judge(answer, shape)
            except Fault as fault:
                self._note(path, tried, began, fault.words)
                self._wait_or_raise(path, fault, tried, tries, wait)
                continue
            self._note(path, tried, began, "absent" if answer.status == 404 else "ok")
            self._known[path] = value
            return value

    def _wait_or_raise(
        self, path: str, fault: Fault, tried: int, tries: "Optional[int]", asked_to_wait: "Optional[float]"
    ) -> None:
        ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tried - 1, 16))
        wait = ceiling * self._random()
        if asked_to_wait is not None:
            wait = max(wait, min(asked_to_wait, MAX_RETRY_AFTER))
        left = self.remaining()
        if not fault.retry or left < _LAST_MOMENT or (tries is not None and tried >= tries):
            raise self._error(path, fault, tried)
        # Never past the deadline, and with time for one more try before it.
        self._clock.sleep(min(wait, left * 0.9))

    def _error(self, path: str, fault: Fault, tried: int) -> AgentError:
        url = self._transport.base + path
        spent = self._clock.monotonic() - self._started
        count = "1 try" if tried == 1 else "%d tries" % tried
        return AgentError(
            "metadata service: GET %s: %s (%s, %.1f s into the crawl)" % (url, fault.words, count, spent),
            code=_CODES[fault.kind],
            hint=_HINTS[fault.kind] % url,
        )

    def _note(self, path: str, tried: int, began: float, outcome: str) -> None:
        if self._trace is not None:
            seconds = self._clock.monotonic() - began
            self._trace({"path": path, "try": tried, "seconds": seconds, "outcome": outcome})


def _judge(answer: "Answer", shape: "Callable[[bytes], T]") -> "Optional[T]":
    """The value of an answer, None for absence. Raises Fault for everything else."""
    status = answer.status
    if status == 200:
        try:
            return shape(answer.body)
        except ValueError as error:
            raise Fault(BROKEN, str(error)) from None
    if status == 404:
        return None
    if 300 <= status < 400:
        raise Fault(BROKEN, "a redirect (status %d), which is never followed" % status, retry=False)
    retry = status >= 500 or 200 <= status < 300 or status in _RETRIED
    raise Fault(BROKEN, "status %d" % status, retry=retry)


def _random() -> float:
    """A number in [0, 1). From the system, so that machines booted from one image do not agree."""
    import os

    return int.from_bytes(os.urandom(4), "big") / 2.0**32
