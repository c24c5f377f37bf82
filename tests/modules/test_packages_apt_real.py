"""apt for real: a copy of this machine as the root, and a repository of files as its only source."""

import os

import pytest
from overlay_root import is_root, run_inside

SCRIPT = r"""
import hashlib

def package(name, version, more=""):
    top = root + "/srv/build"
    os.makedirs(top + "/DEBIAN", exist_ok=True)
    fields = "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\n" % (name, version)
    fields += more
    with open(top + "/DEBIAN/control", "w") as stream:
        stream.write(fields + "Description: for tests\n")
    file = "%s_%s_all.deb" % (name, version)
    path = root + "/srv/repository/" + file
    subprocess.check_output(["dpkg-deb", "--root-owner-group", "-b", top, path], stderr=subprocess.STDOUT)
    with open(path, "rb") as stream:
        data = stream.read()
    digest = hashlib.sha256(data).hexdigest()
    entry = "Filename: ./%s\nSize: %d\nSHA256: %s\nDescription: for tests\n\n" % (file, len(data), digest)
    with open(root + "/srv/repository/Packages", "a") as stream:
        stream.write(fields + entry)

os.makedirs(root + "/srv/repository")
for directory, _, names in os.walk(root + "/etc/apt"):
    for name in names:
        if name.endswith((".list", ".sources")):
            os.unlink(directory + "/" + name)
with open(root + "/etc/apt/sources.list", "w") as stream:
    stream.write("deb [trusted=yes] file:/srv/repository ./\n")
package("ts-old", "1.0")
old = ["chroot", root, "dpkg", "-i", "/srv/repository/ts-old_1.0_all.deb"]
subprocess.check_output(old, stderr=subprocess.STDOUT)
package("ts-old", "2.0")
package("ts-tool", "1.0")
package("ts-tool", "2.0")
package("ts-plain", "1.0", "Depends: ts-tool\n")
package("ts-broken", "1.0", "Depends: ts-nobody-has-it\n")
package("ts-other", "1.0")
settings = {
    "packages": [
        ["ts-tool", "1.0"], "ts-plain", "no-such-package", "ts-broken",
        {"apt": ["ts-other"], "dnf": ["for-others"]},
    ],
    "apt_update": True,
    "package_upgrade": True,
}
os_facts = {"os": {"package_manager": "apt", "family": "debian"}}
outcome = apply(host, "packages", settings, os_facts)
words = ["dpkg-query", "--admindir=" + root + "/var/lib/dpkg", "-W", "-f=${Package} ${Version}\n", "ts-*"]
installed = subprocess.check_output(words, stderr=subprocess.DEVNULL).decode().split("\n")
second = apply(host, "packages", {"packages": [["ts-tool", "1.0"], "ts-plain", "ts-other"]}, os_facts)
report(outcome=outcome, installed=[line for line in installed if line], second=second)
"""


@pytest.mark.real
@pytest.mark.skipif(not is_root(), reason="a root of its own needs root")
@pytest.mark.skipif(not os.path.exists("/usr/bin/apt-get"), reason="a system without apt")
def test_lists_upgrade_versions_and_names_that_are_not_there(tmp_path, checkout):
    seen = run_inside(tmp_path, checkout, SCRIPT)
    outcomes = seen["outcome"]["outcomes"]
    assert [change[:2] for change in outcomes[:2]] == [
        ["applied", "refresh_packages"],
        ["applied", "upgrade_packages"],
    ]
    assert outcomes[2][:2] == ["failed", "install_packages"]
    assert "no-such-package (E: Unable to locate package no-such-package)" in outcomes[2][3]
    assert "ts-broken (" in outcomes[2][3] and "ts-tool" not in outcomes[2][3]
    # ts-old was there and is upgraded; a version that was asked for is the one that is there.
    assert seen["installed"] == ["ts-old 2.0", "ts-other 1.0", "ts-plain 1.0", "ts-tool 1.0"]
    assert seen["outcome"]["warnings"] == []
    assert [change[:2] for change in seen["second"]["outcomes"]] == [
        ["applied", "refresh_packages"],
        ["already", "install_packages"],
    ]
