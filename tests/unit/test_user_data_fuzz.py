"""Odd user data, the same each time, for a few seconds; `make fuzz` has the long runs."""

import os
import sys
import time

import pytest

FUZZ = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz")
if FUZZ not in sys.path:
    sys.path.insert(0, FUZZ)

from hypothesis import HealthCheck, given, settings  # noqa: E402
from user_data_strategies import STRATEGIES  # noqa: E402 (beside the fuzzers)
from user_data_targets import TARGETS, seeds  # noqa: E402

# What the long runs have found.
FOUND = [
    b"\x0b" * 60 + b"E",  # an expression that took time exponential in the blanks at the start
]


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_odd_user_data_is_borne(name):
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(STRATEGIES[name]())
    def once(data):
        TARGETS[name](data)

    once()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_was_found_and_the_first_seeds_are_borne(name):
    start = time.process_time()
    for data in FOUND + list(seeds()):
        TARGETS[name](data)
    assert time.process_time() - start < 60
