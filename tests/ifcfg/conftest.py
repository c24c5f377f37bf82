"""What is run: the plugin's tests always, the network scripts' where there is a tree that has them."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]
SCRIPTS = os.environ.get("TSAGENT_NETWORK_SCRIPTS", "")
collect_ignore = [] if SCRIPTS else ["test_network_scripts.py", "test_network_scripts_apply.py"]


def pytest_report_header():
    """Say which readers there are."""
    return "network scripts: %s" % (SCRIPTS or "none (SCRIPTS=DIR says where they are unpacked)")
