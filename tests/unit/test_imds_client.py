"""Retries and budgets of the metadata client, with time and chance handed in."""

import pytest

from tsagent.errors import AgentError
from tsagent.sources.imds import shapes
from tsagent.sources.imds.client import Client
from tsagent.sources.imds.transport import BROKEN, TIMEOUT, UNREACHABLE, Answer, Fault

BASE = "http://169.254.0.23"


class Time:
    """A clock that moves only when told."""

    def __init__(self):
        self.now = 1000.0
        self.waits = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


class Script:
    """A transport that plays answers and faults; each costs `seconds`."""

    base = BASE

    def __init__(self, clock, steps, seconds=0.0):
        self._clock = clock
        self._steps = list(steps)
        self._seconds = seconds
        self.limits = []

    def get(self, path, limit, seconds):
        self.limits.append(seconds)
        self._clock.now += min(self._seconds, seconds)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Fault):
            raise step
        return step


def ok(body=b"ins-1"):
    return Answer(200, body, None)


def status(code, retry_after=None):
    return Answer(code, b"", retry_after)


def client(steps, deadline=120.0, random=lambda: 1.0, seconds=0.0):
    clock = Time()
    transport = Script(clock, steps, seconds)
    return Client(transport, clock, deadline, random), clock, transport


def test_waits_double_up_to_five_seconds_with_full_jitter():
    asking, clock, _ = client([status(503)] * 7 + [ok()])
    assert asking.required("/x", shapes.token) == "ins-1"
    assert clock.waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    asking, clock, _ = client([status(503)] * 3 + [ok()], random=lambda: 0.25)
    asking.required("/x", shapes.token)
    assert clock.waits == pytest.approx([0.05, 0.1, 0.2])


@pytest.mark.parametrize(
    "kind, code", [(UNREACHABLE, "imds-unreachable"), (TIMEOUT, "imds-timeout"), (BROKEN, "imds-bad-answer")]
)
def test_the_crawl_ends_by_its_deadline(kind, code):
    asking, clock, transport = client([Fault(kind, "words")], seconds=2.0)
    with pytest.raises(AgentError) as caught:
        asking.required("/x", shapes.token)
    assert caught.value.code == code
    assert "words" in caught.value.message and BASE + "/x" in caught.value.message
    assert 119.0 < clock.now - 1000.0 <= 120.2
    assert max(transport.limits) <= 120.0 and min(transport.limits) < 2.0


def test_nothing_but_200_and_404_is_remembered():
    asking, _, transport = client([status(500), ok(b"<html>"), ok(), ok(b"ins-2")])
    assert asking.required("/x", shapes.token) == "ins-1"
    assert asking.required("/x", shapes.token) == "ins-1"
    assert len(transport.limits) == 3


def test_absence_is_remembered():
    asking, _, transport = client([status(404)])
    assert asking.optional("/x", shapes.token) is None
    assert asking.optional("/x", shapes.token) is None
    assert (len(transport.limits), asking.warnings) == (1, [])


def test_a_lost_value_is_not_asked_for_again():
    asking, _, transport = client([status(403)])
    assert asking.optional("/x", shapes.token) is None
    assert asking.optional("/x", shapes.token) is None
    assert (len(transport.limits), len(asking.warnings)) == (1, 1)


def test_a_silent_service_is_given_up_after_three_values():
    asking, clock, transport = client([Fault(TIMEOUT, "nothing")])
    for name in "abcdefgh":
        assert asking.optional("/" + name, shapes.token) is None
    assert len(transport.limits) == 8 + 1 + 1
    assert len(asking.warnings) == 3 + 1
    assert clock.now - 1000.0 < 20.0


def test_one_answer_restores_hope():
    asking, _, transport = client([Fault(TIMEOUT, "nothing")] * 8 + [ok(b"a"), Fault(TIMEOUT, "n"), ok(b"b")])
    assert asking.optional("/lost", shapes.token) is None
    assert asking.optional("/a", shapes.token) == "a"
    assert asking.optional("/b", shapes.token) == "b"
    assert len(transport.limits) == 11


def test_jitter_of_the_system_is_used_and_differs():
    waits = []
    for _ in range(2):
        asking, clock, _ = client([status(503)] * 5 + [ok()], random=None)
        asking.required("/x", shapes.token)
        assert all(0.0 <= wait <= limit for wait, limit in zip(clock.waits, [0.2, 0.4, 0.8, 1.6, 3.2]))
        waits.append(clock.waits)
    assert waits[0] != waits[1]
