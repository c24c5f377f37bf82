"""Certificates for real: update-ca-certificates, and p11-kit's trust store laid out as RHEL has it.

A TLS server of such an authority on the loopback is then trusted with the bundle, and only then.
"""

import os
import socket
import ssl
import subprocess
import threading

import pytest
from overlay_root import is_root, run_inside

DEBIAN = {"os": {"family": "debian", "id": "debian", "package_manager": "apt"}}
RHEL = {"os": {"family": "el8", "rhel_generation": 8, "package_manager": "dnf"}}
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not is_root(), reason="an overlay needs root")]


def openssl(*words):
    subprocess.run(["openssl"] + list(words), check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Two authorities, a server's certificate of the first, and one that is no authority."""
    top = tmp_path_factory.mktemp("authorities")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    for name, authority in (("one", "TRUE"), ("two", "TRUE"), ("leaf", "FALSE")):
        openssl(
            "req", "-x509", *key, "-subj", "/CN=test " + name, "-keyout", str(top / (name + ".key")),
            "-out", str(top / (name + ".pem")), "-addext", "basicConstraints=critical,CA:" + authority,
        )  # fmt: skip
    request, server_key = str(top / "server.csr"), str(top / "server.key")
    openssl("req", *key, "-subj", "/CN=server", "-keyout", server_key, "-out", request)
    (top / "names").write_text("subjectAltName=DNS:localhost\n", encoding="ascii")
    openssl(
        "x509", "-req", "-in", request, "-CA", str(top / "one.pem"), "-CAkey", str(top / "one.key"),
        "-CAcreateserial", "-days", "30", "-extfile", str(top / "names"), "-out", str(top / "server.pem"),
    )  # fmt: skip
    return top


def pem(authorities, name):
    return (authorities / (name + ".pem")).read_text(encoding="ascii")


def is_trusted(authorities, bundle):
    """Whether a TLS server of the first authority is trusted with this bundle."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(authorities / "server.pem"), str(authorities / "server.key"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)

    def serve():
        connection, _ = listener.accept()
        try:
            server.wrap_socket(connection, server_side=True).close()
        except (OSError, ssl.SSLError):
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if bundle.strip():
        client.load_verify_locations(cadata=bundle)
    try:
        with socket.create_connection(listener.getsockname(), timeout=10) as connection:
            client.wrap_socket(connection, server_hostname="localhost").close()
        return True
    except ssl.SSLError:
        return False
    finally:
        thread.join(10)
        listener.close()


DEBIAN_INSIDE = """
facts = {facts!r}
added = apply(host, "ca_certificates", {{"ca_certs": {{"trusted": {trusted!r}}}}}, facts)
read = lambda path: open(root + path, encoding="utf-8").read()
bundle = read("/etc/ssl/certs/ca-certificates.crt")
settings = {{"trusted": {trusted!r}, "remove_defaults": True}}
removed = apply(host, "ca_certificates", {{"ca_certs": settings}}, facts)
report(added=added, bundle=bundle, removed=removed, alone=read("/etc/ssl/certs/ca-certificates.crt"),
    configuration=read("/etc/ca-certificates.conf"), answers=read("/var/cache/debconf/config.dat"),
    files=sorted(os.listdir(root + "/usr/local/share/ca-certificates")))
"""


def test_debian_trusts_it(tmp_path, checkout, authorities):
    one, two = pem(authorities, "one"), pem(authorities, "two")
    trusted = [
        "# The first, and once more as YAML folds it\n" + one,
        " ".join(one.split("\n")),
        "single_line_cert",
        "the second, with the first in front\n%s\n%s" % (one, two),
        "%s\nMIIB\n%s" % (BEGIN, END),
    ]
    seen = run_inside(tmp_path, checkout, DEBIAN_INSIDE.format(facts=DEBIAN, trusted=trusted))
    assert seen["added"]["warnings"] == [
        "ca_certs.trusted[2] is left out: it is no base64",
        "ca_certs.trusted[4] is left out: it is no whole certificate",
    ]
    assert [outcome[:2] for outcome in seen["added"]["outcomes"]] == [
        ["applied", "write_file"],
        ["applied", "write_file"],
        ["applied", "run_in_root"],
    ]
    assert {state for _, _, state in seen["added"]["again"]} == {"converged"}
    certificates = [name for name in seen["files"] if name.startswith("cloud-init-ca-cert-")]
    assert certificates == ["cloud-init-ca-cert-1.crt", "cloud-init-ca-cert-4-2.crt"]
    assert seen["bundle"].count(BEGIN) > 50 and seen["bundle"].count(one) == 1
    assert is_trusted(authorities, seen["bundle"])
    assert not is_trusted(authorities, seen["bundle"].replace(one, ""))

    assert {state for _, _, state in seen["removed"]["again"]} == {"converged"}
    # What an administrator put beside them stays.
    assert seen["alone"].count(BEGIN) == len([name for name in seen["files"] if name.endswith(".crt")])
    assert one in seen["alone"] and two in seen["alone"]
    lines = [line for line in seen["configuration"].splitlines() if line]
    assert all(line[0] in "#!" for line in lines) and "!mozilla/ISRG_Root_X1.crt" in lines
    assert "Name: ca-certificates/trust_new_crts" in seen["answers"]
    answer = seen["answers"].split("Name: ca-certificates/trust_new_crts", 1)[1].split("\n\n")[0]
    assert "\nValue: no\n" in answer


EMPTY_INSIDE = """
import shutil
facts = {facts!r}
shutil.rmtree(root + "/usr/local/share/ca-certificates", True)
settings = {{"remove_defaults": True, "trusted": ["none"]}}
removed = apply(host, "ca_certificates", {{"ca_certs": settings}}, facts)
directory = root + "/etc/ssl/certs/"
links = [os.readlink(directory + name) for name in os.listdir(directory) if os.path.islink(directory + name)]
report(removed=removed, size=os.path.getsize(directory + "ca-certificates.crt"),
    left=[link for link in links if link.startswith("/usr/share/ca-certificates")])
"""


def test_debian_trusts_nobody_where_nothing_is_left(tmp_path, checkout):
    """Its tool keeps the bundle of before where there is nothing to put into a new one."""
    seen = run_inside(tmp_path, checkout, EMPTY_INSIDE.format(facts=DEBIAN))
    assert {outcome[0] for outcome in seen["removed"]["outcomes"]} == {"applied"}
    assert {state for _, _, state in seen["removed"]["again"]} == {"converged"}
    assert (seen["size"], seen["left"]) == (0, [])


RHEL_INSIDE = """
tool = '''#!/bin/sh
exec trust extract --format=pem-bundle --filter=ca-anchors --overwrite --comment --purpose server-auth \\
  /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
'''
for path in ("/etc/pki/ca-trust/source/anchors", "/etc/pki/ca-trust/source/blocklist",
        "/etc/pki/ca-trust/extracted/pem", "/usr/share/pki/ca-trust-source/anchors", "/etc/pkcs11/modules"):
    os.makedirs(root + path)
files = {{
    "/usr/bin/update-ca-trust": tool,
    # Where RHEL's p11-kit looks, given to Debian's.
    "/etc/pkcs11/modules/p11-kit-trust.module": "module: p11-kit-trust.so\\ntrust-policy: yes\\n"
        "x-init-reserved: paths=/etc/pki/ca-trust/source:/usr/share/pki/ca-trust-source\\n",
    "/usr/share/pki/ca-trust-source/anchors/shipped.pem": {two!r},
    "/usr/share/pki/ca-trust-source/README": "read me",
    "/etc/pki/ca-trust/source/README": "read me",
}}
for path, text in files.items():
    with open(root + path, "w", encoding="utf-8") as stream:
        stream.write(text)
os.chmod(root + "/usr/bin/update-ca-trust", 0o755)
facts = {facts!r}
bundle = root + "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
added = apply(host, "ca_certificates", {{"ca_certs": {{"trusted": [{one!r}]}}}}, facts)
both = open(bundle, encoding="utf-8").read()
settings = {{"ca-certs": {{"trusted": [{one!r}], "remove-defaults": True}}}}
removed = apply(host, "ca_certificates", settings, facts)
alone = open(bundle, encoding="utf-8").read()
leaf = apply(host, "ca_certificates", {{"ca_certs": {{"trusted": [{leaf!r}]}}}}, facts)
left = [os.path.join(top, name)[len(root):] for place in ("/etc/pki/ca-trust", "/usr/share/pki")
    for top, _, names in os.walk(root + place) for name in names]
report(added=added, both=both, removed=removed, alone=alone, leaf=leaf, left=sorted(left))
"""


def test_the_store_of_rhel_trusts_it(tmp_path, checkout, authorities):
    one, two, leaf = [pem(authorities, name) for name in ("one", "two", "leaf")]
    seen = run_inside(tmp_path, checkout, RHEL_INSIDE.format(facts=RHEL, one=one, two=two, leaf=leaf))
    assert [outcome[:2] for outcome in seen["added"]["outcomes"]] == [
        ["applied", "write_file"],
        ["applied", "run_in_root"],
    ]
    for step in ("added", "removed"):
        assert {state for _, _, state in seen[step]["again"]} == {"converged"}
        assert seen[step]["warnings"] == []
    assert one in seen["both"] and two in seen["both"]
    assert one in seen["alone"] and two not in seen["alone"]
    assert is_trusted(authorities, seen["both"]) and is_trusted(authorities, seen["alone"])
    # The store takes no certificate for an authority's that is none, and this is said.
    assert seen["leaf"]["outcomes"][-1][0] == "failed"
    assert "cloud-init-ca-cert-1.crt is not in /etc/pki" in seen["leaf"]["outcomes"][-1][3]
    assert [os.path.relpath(path, "/etc/pki/ca-trust") for path in seen["left"]] == [
        "extracted/pem/tls-ca-bundle.pem",
        "source/README",
        "source/anchors/cloud-init-ca-cert-1.crt",
        "../../../usr/share/pki/ca-trust-source/README",
    ]
