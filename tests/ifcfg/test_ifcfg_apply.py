"""`tsagent network apply` with ifcfg files, on a NetworkManager that has the ifcfg-rh plugin.

The machine and what happens to it are those of tests/modules/test_network_apply_real.py.
"""

import os
import sys

import plugin
import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(CHECKOUT, "tests", "modules"))

import test_network_apply_real as other  # noqa: E402 (it lies in the folder named above)


@pytest.fixture(autouse=True)
def daemon(monkeypatch):
    """The machine's NetworkManager."""
    built = plugin.built()
    monkeypatch.setenv("NM_DAEMON", built.daemon)
    monkeypatch.setenv("NM_POLICY", built.policy)


def test_what_loses_the_metadata_service_is_put_back():
    other.test_what_loses_the_metadata_service_is_put_back("ifcfg")


def test_a_running_service_takes_up_a_further_card():
    other.test_a_running_service_takes_up_a_further_card("ifcfg")


def test_what_is_right_stays_and_so_does_an_edit():
    other.test_what_is_right_stays_and_so_does_an_edit("ifcfg")
