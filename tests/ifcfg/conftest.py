"""What is run: the plugin's tests; the network scripts' and those of bonds where there are such."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]
SCRIPTS = os.environ.get("TSAGENT_NETWORK_SCRIPTS", "")
BONDS = os.geteuid() == 0 and not subprocess.call(
    ["unshare", "--net", "ip", "link", "add", "tried", "type", "bond"], stderr=subprocess.DEVNULL
)
collect_ignore = [] if SCRIPTS else ["test_network_scripts.py", "test_network_scripts_apply.py"]
collect_ignore += [] if BONDS else ["test_ifcfg_kernel.py"]


def pytest_report_header():
    """Say which readers there are."""
    scripts = SCRIPTS or "none (SCRIPTS=DIR says where they are unpacked)"
    return "network scripts: %s; bonds: %s" % (scripts, "the kernel's" if BONDS else "not in this kernel")
