"""Config drives as directories, and what is made of their documents."""

import email
import json

import pytest

from tsagent.errors import AgentError
from tsagent.host import Host
from tsagent.host.tree import Tree
from tsagent.sources import configdrive
from tsagent.userdata.assemble import assemble

META = {
    "uuid": "83679162-1378-4288-a2d4-70e13ec132aa",
    "name": "web 1",
    "hostname": "web-1",
    "availability_zone": "ap-guangzhou-3",
    "public_keys": {"mine": "ssh-rsa AAAA a\n"},
    "keys": [{"name": "mine", "type": "ssh", "data": "ssh-rsa AAAA a"}, {"type": "x509", "data": "MII"}],
    "admin_pass": "canary",
}
NETWORK = {"links": [{"id": "eth0", "type": "phy"}], "networks": [], "services": []}


@pytest.fixture
def drive(tmp_path):
    """Writes the drive's files; returns a function that reads it."""
    latest = tmp_path / "openstack" / "latest"
    latest.mkdir(parents=True)

    def write(**files):
        for name, content in files.items():
            name = name if name == "user_data" else name + ".json"
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            (latest / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return configdrive.read_directory(str(tmp_path))

    return write


def test_a_whole_drive(drive, tmp_path):
    data = drive(
        meta_data=META,
        network_data=NETWORK,
        vendor_data={"cloud-init": "#cloud-config\n{}\n"},
        user_data=b"\x1f\x8b\x08raw",
    )
    assert data.source == "configdrive"
    assert data.origin == str(tmp_path)
    assert data.instance_id == META["uuid"]
    assert data.metadata == {
        "instance_id": META["uuid"],
        "uuid": META["uuid"],
        "instance_name": "web 1",
        "hostname": "web-1",
        "zone": "ap-guangzhou-3",
        "public_keys": ["ssh-rsa AAAA a"],
    }
    assert data.sensitive["password"] == "canary"
    assert data.user_data == b"\x1f\x8b\x08raw"
    assert data.vendor_data == b"#cloud-config\n{}\n"
    assert data.network == {"format": "openstack", "config": NETWORK}
    assert data.warnings == []
    assert "canary" not in repr((data, data.metadata, data.warnings))


def test_an_instance_id_goes_before_the_uuid(drive):
    data = drive(meta_data=dict(META, instance_id="ins-3g445roi"))
    assert data.instance_id == "ins-3g445roi"
    assert data.metadata["uuid"] == META["uuid"]


def test_a_password_in_the_inner_metadata(drive):
    assert drive(meta_data={"uuid": "u", "meta": {"admin_pass": "canary"}}).sensitive["password"] == "canary"


@pytest.mark.parametrize(
    "text, place",
    [
        ('{"uuid": "u",\n  "hostname": }', "meta_data.json:2:15:"),
        (b'{"uuid": "\xff"}', "meta_data.json:1:"),
        ("[1]", "meta_data.json:1:1:"),
        ("[" * 200000, "meta_data.json:"),
        ('{"hostname": "h"}', "neither instance_id nor uuid"),
        ('{"uuid": "../x"}', "meta_data.json"),
        ("", "meta_data.json:1:1:"),
    ],
)
def test_a_broken_meta_data_is_an_error_with_its_place(drive, text, place):
    with pytest.raises(AgentError) as caught:
        drive(meta_data=text)
    assert caught.value.code == "configdrive-bad-document"
    assert place in caught.value.message
    assert "\n" not in str(caught.value)


def test_other_broken_documents_are_warnings(drive):
    data = drive(meta_data=META, network_data="{", vendor_data="[1,]", vendor_data2=b"\xff", user_data="x")
    assert (data.network, data.vendor_data, data.vendor_data2) == (None, None, None)
    assert data.user_data == b"x"
    assert len(data.warnings) == 3
    assert all("latest/" in warning and ".json:1:" in warning for warning in data.warnings)


@pytest.mark.parametrize(
    "vendor, expected, warnings",
    [
        ("#!/bin/sh\n", b"#!/bin/sh\n", 0),
        ({"cloud-init": "#!/bin/sh\n"}, b"#!/bin/sh\n", 0),
        ({"cloud-init": ["#!/bin/sh\n"]}, b"#!/bin/sh\n", 0),
        ({"cloud-init": {"ntp": {"enabled": True}}}, b'#cloud-config\n{"ntp": {"enabled": true}}\n', 0),
        ({"static": {"cloud-init": "x"}}, b"x", 0),
        ({}, None, 0),
        ({"cloud-init": None}, None, 0),
        ({"cloud-init": ""}, None, 0),
        ({"other": 1}, None, 1),
        ({"cloud-init": 7}, None, 1),
    ],
)
def test_forms_of_vendor_data(drive, vendor, expected, warnings):
    data = drive(meta_data=META, vendor_data=json.dumps(vendor))
    assert data.vendor_data == expected
    assert len(data.warnings) == warnings
    assert drive(meta_data=META, vendor_data2=json.dumps(vendor)).vendor_data2 == expected


def test_vendor_data_of_several_parts_is_mime(drive):
    parts = ["#!/bin/sh\necho é\n", {"runcmd": ["true"]}]
    data = drive(meta_data=META, vendor_data={"cloud-init": parts})
    message = email.message_from_bytes(data.vendor_data)
    found = [part.get_payload(decode=True) for part in message.get_payload()]
    assert found == ["#!/bin/sh\necho é\n".encode(), b'#cloud-config\n{"runcmd": ["true"]}\n']


def test_links_on_the_drive_lead_nowhere_outside(drive, tmp_path):
    drive(meta_data=META)
    secret = tmp_path.parent / "secret"
    secret.write_text("canary", encoding="utf-8")
    (tmp_path / "openstack/latest/user_data").symlink_to(str(secret))
    assert configdrive.read_directory(str(tmp_path)).user_data is None


def test_injected_files_are_reported(drive):
    assert "injected" in drive(meta_data=dict(META, files=[{"path": "/x"}])).warnings[0]


def test_a_host_name_that_is_none_is_left_out(drive):
    data = drive(meta_data=dict(META, hostname="a b"))
    assert "hostname" not in data.metadata
    assert len(data.warnings) == 1


def test_no_layout(tmp_path):
    with pytest.raises(AgentError) as caught:
        configdrive.read_directory(str(tmp_path))
    assert caught.value.code == "configdrive-absent"


def test_too_much(drive):
    with pytest.raises(AgentError) as caught:
        drive(meta_data=META, user_data=b"x" * (5 << 20))
    assert caught.value.code == "file-too-large"


@pytest.mark.parametrize("label", ["config-2", "CONFIG-2"])
def test_a_labelled_directory_of_a_root_is_found_and_read(drive, tmp_path, label):
    drive(meta_data=META)
    root = tmp_path / "root"
    (root / "dev/disk/by-label").mkdir(parents=True)
    (tmp_path / "openstack").rename(root / "openstack")
    (root / "dev/disk/by-label" / label).symlink_to("/")
    tree = Tree(str(root))
    path = configdrive.find(tree)
    assert path == "/dev/disk/by-label/" + label
    data = configdrive.read(Host(str(root)), tree, path)
    assert data.instance_id == META["uuid"]
    assert data.fingerprint == configdrive.fingerprint(tree, path)
    (root / "openstack/latest/user_data").write_text("new", encoding="utf-8")
    assert data.fingerprint != configdrive.fingerprint(tree, path)


def test_no_label(tmp_path):
    assert configdrive.find(Tree(str(tmp_path))) is None


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(AgentError) as caught:
        configdrive.read(Host(str(tmp_path)), Tree(str(tmp_path)), "/nowhere")
    assert caught.value.code == "configdrive-absent"


def test_each_part_of_vendor_data_is_a_body_of_its_own(drive):
    """A part may be a message of several parts, a configuration as a mapping, or a script."""
    message = (
        'Content-Type: multipart/mixed; boundary="B"\nMIME-Version: 1.0\n\n--B\n'
        "Content-Type: text/cloud-config\n\na: 1\n--B\n"
        "Content-Type: text/x-shellscript\n\n#!/bin/sh\n\n--B--\n"
    )
    parts = [message, {"b": 2}, "#!/bin/sh\necho\n", "#cloud-config\nc: \u4f60\n"]
    data = drive(
        meta_data=META, vendor_data={"cloud-init": parts}, vendor_data2={"cloud-init": {"a": "second"}}
    )
    settings = assemble(None, vendor_data=data.vendor_data, vendor_data2=data.vendor_data2)
    assert settings.config == {"a": "second", "b": 2, "c": "\u4f60"}
    assert [script["kind"] for script in settings.scripts] == ["vendor", "vendor"]
    assert settings.warnings == []
