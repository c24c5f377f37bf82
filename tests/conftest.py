"""Shared by all tests: the checkout on the path, scratch roots, and a context made of plain data."""

import os
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if CHECKOUT not in sys.path:
    sys.path.insert(0, CHECKOUT)

MINIMAL_ETC = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "/etc/group": "root:x:0:\nwheel:x:10:\nusers:x:100:\n",
    "/etc/shadow": "root:*:19000:0:99999:7:::\n",
    "/etc/gshadow": "root:*::\nwheel:::\nusers:::\n",
    "/etc/login.defs": "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\n"
    "CREATE_HOME yes\nUMASK 077\n",
    "/etc/skel/.profile": "# profile\n",
}


@pytest.fixture
def checkout():
    """The path of the checkout under test."""
    return CHECKOUT


@pytest.fixture
def scratch_root(tmp_path):
    """A root with as little in it as the account tools need."""
    root = tmp_path / "root"
    for path, text in MINIMAL_ETC.items():
        file = root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    os.chmod(str(root / "etc/shadow"), 0o600)
    os.chmod(str(root / "etc/gshadow"), 0o600)
    (root / "home").mkdir()
    return root
