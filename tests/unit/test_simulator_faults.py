"""The language of faults."""

import pytest

from tsagent.errors import UsageError
from tsagent.sources.simulator import parse_fault
from tsagent.sources.simulator.faults import VALID, describe


@pytest.mark.parametrize(
    "spec, fields",
    [
        ("delay=1.5", {"kind": "delay", "number": 1.5, "path": "/", "times": None}),
        ("drip", {"kind": "drip", "number": 1.0}),
        ("drip=20", {"kind": "drip", "number": 20.0}),
        ("cut", {"kind": "cut", "number": None}),
        ("cut=0", {"kind": "cut", "number": 0.0}),
        ("status=503,times=3", {"kind": "status", "number": 503.0, "times": 3}),
        ("status=429,retry-after=7", {"kind": "status", "retry_after": 7}),
        ("garbage", {"kind": "garbage", "text": "html"}),
        ("garbage=binary", {"kind": "garbage", "text": "binary"}),
        ("redirect", {"kind": "redirect", "text": None}),
        ("redirect=http://x/?a=b", {"kind": "redirect", "text": "http://x/?a=b"}),
        ("huge=52428800", {"kind": "huge", "number": 52428800.0}),
        ("down-until=30", {"kind": "down-until", "number": 30.0}),
        ("delay=1, path=/latest/user-data, times=2", {"path": "/latest/user-data", "times": 2}),
        ("delay=1,path=placement/zone", {"path": "/latest/meta-data/placement/zone"}),
    ],
)
def test_specifications(spec, fields):
    fault = parse_fault(spec)
    assert {name: getattr(fault, name) for name in fields} == fields


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "explode",
        "delay",
        "delay=",
        "delay=soon",
        "delay=-1",
        "delay=nan",
        "delay=inf",
        "drip=0",
        "cut=1.5",
        "cut=-1",
        "status",
        "status=99",
        "status=600",
        "status=503,times=0",
        "status=503,times",
        "status=503,times=1,times=2",
        "status=503,colour=red",
        "delay=1,retry-after=3",
        "delay=1,",
        "garbage=pink",
        "huge",
    ],
)
def test_mistakes_quote_the_specification_and_name_what_is_valid(spec):
    with pytest.raises(UsageError) as caught:
        parse_fault(spec)
    assert caught.value.message.startswith("--fault %s: " % spec)
    assert all(form in caught.value.hint for form, _ in VALID)


def test_times_and_path_limit_a_fault():
    fault = parse_fault("delay=1,path=/a,times=2")
    assert [fault.applies(path) for path in ("/b", "/a", "/a/c", "/a")] == [False, True, True, False]


def test_the_help_names_every_fault():
    assert all(form in describe() for form, _ in VALID)
