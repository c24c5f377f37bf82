"""Which source speaks for an instance."""

import json
import subprocess
import sys

import pytest

from tsagent.errors import UsageError
from tsagent.host import Host
from tsagent.sources import select

CVM = {"product_name": "Tencent Cloud CVM", "vendor": "Tencent Cloud"}
ELSEWHERE = {"product_name": "KVM", "vendor": "Alibaba Cloud", "source": "/sys/class/dmi/id"}
DEFAULT = "http://169.254.0.23"


@pytest.mark.parametrize(
    "text, kind, where",
    [
        ("imds", "imds", DEFAULT),
        ("imds:http://127.0.0.1:8080/", "imds", "http://127.0.0.1:8080"),
        ("imds:https://metadata.example/base", "imds", "https://metadata.example/base"),
        ("imds:http://[::1]:80", "imds", "http://[::1]:80"),
        ("configdrive:/mnt", "configdrive", "/mnt"),
        ("nocloud:/seed/", "nocloud", "/seed"),
        ("none", "none", None),
        ("auto", "auto", None),
    ],
)
def test_sources(text, kind, where):
    choice = select.parse_source(text)
    assert (choice.kind, choice.where) == (kind, where)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ec2",
        "imds:",
        "imds:ftp://host",
        "imds:http://",
        "imds:host",
        "imds:http://host:99999",
        "imds:http://host:0",
        "imds:http://[::1",
        "imds:http://a b",
        "imds:http://host?x=1",
        "imds:http://host#x",
        "configdrive",
        "configdrive:",
        "nocloud:",
        "none:x",
        "auto:imds",
        "IMDS",
    ],
)
def test_no_sources(text):
    with pytest.raises(UsageError) as caught:
        select.parse_source(text)
    assert text in caught.value.message
    assert caught.value.exit_code == 64


def test_a_password_in_a_url_is_refused_and_not_shown():
    with pytest.raises(UsageError) as caught:
        select.parse_source("imds:http://user:canary@host")
    assert "canary" not in str(caught.value)


def test_the_image_decides_the_order():
    assert select.parse_source("auto", ["imds", "configdrive", "imds"]).order == ["imds", "configdrive"]
    assert select.parse_source("auto").order == ["nocloud", "configdrive", "imds"]
    for wrong in (["ec2"], "imds", {"imds": 1}):
        with pytest.raises(UsageError):
            select.parse_source("auto", wrong)


@pytest.mark.parametrize(
    "dmi, proof",
    [
        (CVM, True),
        ({"vendor": "Tencent Cloud", "product_name": "CVM"}, True),
        ({"product_name": "TENCENT CLOUD CVM"}, True),
        ({"chassis_asset_tag": "Tencent Cloud Bare Metal", "vendor": "Dell Inc."}, True),
        (ELSEWHERE, False),
        ({"product_name": "Not Tencent Cloud"}, False),
        ({"source": "Tencent Cloud"}, False),
        ({"vendor": None}, False),
        ({}, False),
        (None, False),
    ],
)
def test_proof_of_platform(dmi, proof):
    assert select.on_tencent_cloud(dmi) is proof
    assert (select.wants_imds(select.parse_source("auto"), dmi) == DEFAULT) is proof


def test_who_names_the_service_needs_no_proof():
    assert (
        select.wants_imds(select.parse_source("imds:http://127.0.0.1:1"), ELSEWHERE) == "http://127.0.0.1:1"
    )
    assert select.wants_imds(select.parse_source("imds"), None) == DEFAULT
    assert select.wants_imds(select.parse_source("none"), CVM) is None
    assert select.wants_imds(select.parse_source("auto", ["nocloud"]), CVM) is None


@pytest.fixture
def root(tmp_path):
    seed = tmp_path / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "meta-data").write_text('{"instance-id": "iid-seed"}', encoding="utf-8")
    latest = tmp_path / "drive/openstack/latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text('{"uuid": "iid-drive"}', encoding="utf-8")
    labels = tmp_path / "dev/disk/by-label"
    labels.mkdir(parents=True)
    (labels / "config-2").symlink_to("../../../drive")
    return tmp_path


@pytest.mark.parametrize(
    "order, dmi, found",
    [
        (["nocloud", "configdrive", "imds"], CVM, "iid-seed"),
        (["configdrive", "nocloud"], CVM, "iid-drive"),
        (["configdrive", "imds"], CVM, "iid-drive"),
        (["imds", "configdrive"], CVM, None),
        (["imds", "configdrive"], ELSEWHERE, "iid-drive"),
        (["imds"], ELSEWHERE, None),
        ([], CVM, None),
    ],
)
def test_the_first_that_is_present_wins(root, order, dmi, found):
    data = select.choose_local(Host(str(root)), select.parse_source("auto", order), dmi)
    assert (data.instance_id if data else None) == found


def test_a_named_source_is_of_this_machine_not_of_the_root(root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "user-data").write_text("#!/bin/sh\n", encoding="utf-8")
    choice = select.parse_source("nocloud:" + str(other))
    assert select.choose_local(Host(str(root)), choice).user_data == b"#!/bin/sh\n"
    choice = select.parse_source("configdrive:" + str(root / "drive"))
    data = select.choose_local(Host(str(tmp_path / "other")), choice)
    assert data.instance_id == "iid-drive"


def test_none_and_imds_have_nothing_local(root):
    for text in ("none", "imds"):
        assert select.choose_local(Host(str(root)), select.parse_source(text)) is None


def test_a_found_source_is_known_again_unread(root):
    choice = select.parse_source("auto", ["configdrive"])
    found = select.find_local(Host(str(root)), choice)
    data = select.read_local(Host(str(root)), found)
    assert found.fingerprint == data.fingerprint
    assert json.loads(json.dumps(found.fingerprint)) == found.fingerprint


def test_finding_a_known_source_imports_nothing_heavy(root, checkout):
    """The second boot of a known instance pays for none of these."""
    program = (
        "import sys; sys.path.insert(0, %r)\n"
        "from tsagent.sources import select\n"
        "from tsagent.host import Host\n"
        "host = Host(%r)\n"
        "for order in (['nocloud'], ['configdrive'], ['imds']):\n"
        "    choice = select.parse_source('auto', order)\n"
        "    select.find_local(host, choice)\n"
        "    assert select.wants_imds(choice, {'vendor': 'Tencent Cloud'}) or order != ['imds']\n"
        "heavy = 'yaml requests urllib.parse subprocess json socket tempfile typing re'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n" % (checkout, str(root))
    )
    output = subprocess.check_output([sys.executable, "-S", "-I", "-c", program], universal_newlines=True)
    assert output.strip() in ("[]", "['re']")
