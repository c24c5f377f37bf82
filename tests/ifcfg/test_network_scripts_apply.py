"""`tsagent network apply` with the network scripts of el7; test_network_scripts.py says how to have them."""

import os
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(CHECKOUT, "tests", "modules"))

import test_network_apply_real as other  # noqa: E402 (it lies in the folder named above)


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The tree that has them."""
    monkeypatch.setenv("NETWORK_SCRIPTS", os.path.abspath(os.environ["TSAGENT_NETWORK_SCRIPTS"]))


def test_what_loses_the_metadata_service_is_put_back():
    other.test_what_loses_the_metadata_service_is_put_back("scripts")


def test_a_running_service_takes_up_a_further_card():
    other.test_a_running_service_takes_up_a_further_card("scripts")


def test_what_is_right_stays_and_so_does_an_edit():
    other.test_what_is_right_stays_and_so_does_an_edit("scripts")
