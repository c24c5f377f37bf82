"""Events posted as JSON, beside the boot: a queue with an end, and a thread that empties it.

Nothing waits for it but the end of the run, and that FLUSH seconds at most. Before the network is up
events only queue; what a process that ends then leaves, the next one of the same boot posts.
"""

from tsagent.report.events import Handler
from tsagent.state.paths import RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Any, Dict, List, Optional

    from tsagent.host import Host
    from tsagent.report import Report

FLUSH = 5.0  # seconds that the end of a run waits for what is queued
_QUEUE = 1000  # events; of more, the oldest are dropped
_TIMEOUT = 10.0  # seconds for one event
_HOPELESS = 3  # events lost in a row, at the end, before the rest are not tried
_ANSWER = 64 << 10  # bytes of an answer, which nobody reads
_KEYS = ("consumer_key", "token_key", "token_secret", "consumer_secret")


class Webhook(Handler):
    """Posts to one endpoint; `name` is what the settings call it."""

    def __init__(self, name: str, settings: "Dict[str, Any]", host: "Host", report: "Report") -> None:
        import threading  # here, by the main thread: whoever imports it first is taken for that

        self._name = name
        self._settings = settings
        self._host = host
        self._report = report
        self._changed = threading.Condition()
        self._thread: "Optional[threading.Thread]" = None
        self._ending = False
        self._given_up = False
        self._lost = 0
        self._why = ""
        self._events: "List[Dict[str, Any]]" = _left(host, name)

    def tell(self, event: "Dict[str, Any]") -> None:
        with self._changed:
            self._events.append(event)
            if len(self._events) > _QUEUE:
                # Not the first one: it may be on its way.
                del self._events[1]
                self._lost += 1
                self._why = self._why or "the queue is full"
            self._changed.notify_all()

    def network(self) -> None:
        if self._thread is None:
            import threading

            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._thread is None:
            if self._events:
                _leave(self._host, self._name, self._events)
            return
        clock = self._host.clock
        until = clock.monotonic() + FLUSH
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            while self._events and not self._given_up:
                left = until - clock.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            lost = self._lost + len(self._events)
        if lost:
            why = self._why or "no answer within %d s of the end" % FLUSH
            words = "reporting: %s: %d events were not delivered: %s" % (self._name, lost, why)
            self._report.message("warning", words)

    def _work(self) -> None:
        failures = 0
        while True:
            with self._changed:
                while not self._events and not self._ending:
                    self._changed.wait()
                if not self._events:
                    return
                if self._ending and failures >= _HOPELESS:
                    self._given_up = True
                    self._changed.notify_all()
                    return
                event = self._events[0]
            why = self._post(event)
            with self._changed:
                failures = failures + 1 if why else 0
                if why:
                    self._lost += 1
                    self._why = why
                del self._events[0]
                self._changed.notify_all()

    def _post(self, event: "Dict[str, Any]") -> str:
        """Post one event; why that failed, empty where it did not."""
        from tsagent.errors import AgentError

        settings = self._settings
        headers = {}
        if any(settings.get(key) for key in _KEYS):
            headers["Authorization"] = authorization(settings, int(self._host.clock.time()))
        timeout = settings.get("timeout")
        try:
            self._host.web.post(
                settings["endpoint"],
                json=event,
                headers=headers,
                limit=_ANSWER,
                deadline=_TIMEOUT if timeout is None else float(timeout),
                retries=settings.get("retries") or 0,
            )
        except AgentError as error:
            # Its address, whose path may be the secret, stands before the first colon.
            return error.message.split(": ", 1)[-1]
        except Exception as error:  # noqa: BLE001 (a bug here must not end the thread, nor say what it had)
            return type(error).__name__
        return ""


def authorization(settings: "Dict[str, Any]", now: int) -> str:
    """The header of OAuth 1.0, signed by the method PLAINTEXT. Source: RFC 5849, 3.4.4 and 3.5.1."""
    import os
    from urllib.parse import quote

    def coded(name: str) -> str:
        return quote(str(settings.get(name) or ""), safe="-._~")

    signature = "%s&%s" % (coded("consumer_secret"), coded("token_secret"))
    fields = [
        ("oauth_consumer_key", coded("consumer_key")),
        ("oauth_token", coded("token_key")),
        ("oauth_signature_method", "PLAINTEXT"),
        ("oauth_timestamp", "%d" % now),
        ("oauth_nonce", "".join("%02x" % byte for byte in os.urandom(12))),
        ("oauth_version", "1.0"),
        ("oauth_signature", quote(signature, safe="-._~")),
    ]
    return "OAuth " + ", ".join('%s="%s"' % field for field in fields)


def _file(name: str) -> str:
    return "%s/events-%s.json" % (RUN, "".join("%02x" % byte for byte in name.encode("utf-8"))[:200])


def _leave(host: "Host", name: str, events: "List[Dict[str, Any]]") -> None:
    """Keep what could not be posted yet for the next process of this boot."""
    from tsagent import quickjson

    host.root.write_atomic(_file(name), quickjson.dumps(events).encode("utf-8"), 0o600, sync=False)


def _left(host: "Host", name: str) -> "List[Dict[str, Any]]":
    """What an earlier process of this boot could not post; it is taken away."""
    from tsagent import quickjson

    try:
        events = quickjson.loads(host.root.read(_file(name), 1 << 20).decode("utf-8"))
        host.root.unlink(_file(name), missing_ok=True)
    except (OSError, ValueError):
        return []
    return list(events) if isinstance(events, list) else []
