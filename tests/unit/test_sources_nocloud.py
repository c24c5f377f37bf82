"""NoCloud seeds, whole and broken."""

import pytest

from tsagent.errors import AgentError
from tsagent.host.tree import Tree
from tsagent.sources import nocloud

SEED = "/var/lib/cloud/seed/nocloud"


@pytest.fixture
def seed(tmp_path):
    """Writes seed files; returns a function that reads the seed."""
    directory = tmp_path / SEED[1:]
    directory.mkdir(parents=True)

    def write(**files):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode("utf-8")
            (directory / name.replace("_", "-")).write_bytes(data)
        return nocloud.read(Tree(str(tmp_path)), SEED)

    return write


def test_a_seed_in_yaml(seed):
    data = seed(
        meta_data="instance-id: iid-local01\nlocal-hostname: web-1\npublic-keys:\n  - ssh-rsa AAAA a\n",
        user_data=b"#cloud-config\n\xc3\xa9: 1\n",
        vendor_data="#cloud-config\n",
        network_config="version: 2\nethernets: {}\n",
    )
    assert data.source == "nocloud"
    assert data.origin == SEED
    assert data.instance_id == "iid-local01"
    assert data.metadata == {
        "instance_id": "iid-local01",
        "hostname": "web-1",
        "public_keys": ["ssh-rsa AAAA a"],
    }
    assert data.user_data == b"#cloud-config\n\xc3\xa9: 1\n"
    assert data.vendor_data == b"#cloud-config\n"
    assert data.network == {"format": "v2", "config": {"version": 2, "ethernets": {}}}
    assert data.warnings == []


def test_a_seed_in_json(seed):
    data = seed(meta_data='\n {"instance-id": "iid-1", "hostname": "h"}', user_data="")
    assert (data.instance_id, data.metadata["hostname"]) == ("iid-1", "h")
    assert data.user_data is None


def test_a_flow_mapping_is_yaml(seed):
    assert seed(meta_data="{instance-id: iid-1}").instance_id == "iid-1"


@pytest.mark.parametrize(
    "text",
    [
        "public-keys: |\n  ssh-rsa AAAA a\n  ssh-rsa AAAB b\n",
        "public-keys: [ssh-rsa AAAA a, ssh-rsa AAAB b, ssh-rsa AAAA a]\n",
        "public-keys: {mine: ssh-rsa AAAA a, yours: [ssh-rsa AAAB b]}\n",
        "public-keys: {0: {openssh-key: ssh-rsa AAAA a}, 1: {openssh-key: ssh-rsa AAAB b}}\n",
        "public_keys: [ssh-rsa AAAA a, null, 7, ssh-rsa AAAB b]\n",
    ],
)
def test_every_form_of_keys(seed, text):
    data = seed(meta_data="instance-id: i\n" + text)
    assert data.metadata["public_keys"] == ["ssh-rsa AAAA a", "ssh-rsa AAAB b"]


def test_user_data_alone_is_a_seed_with_a_warning(seed):
    data = seed(user_data="#!/bin/sh\n")
    assert data.instance_id == "nocloud"
    assert len(data.warnings) == 1 and "instance-id" in data.warnings[0]


def test_a_number_is_an_instance_id(seed):
    assert seed(meta_data="instance-id: 17\n").instance_id == "17"


@pytest.mark.parametrize("text", ["instance-id: ../../etc\n", "instance-id: a/b\n", "instance-id: ..\n"])
def test_an_instance_id_that_leads_elsewhere_is_refused(seed, text):
    with pytest.raises(AgentError) as caught:
        seed(meta_data=text)
    assert caught.value.code == "nocloud-bad-document"


@pytest.mark.parametrize(
    "text, place",
    [
        ("instance-id: i\nlocal-hostname: [a\n", "meta-data:3:"),
        ("- a\n- list\n", "meta-data:1:"),
        ("[" * 100000, "meta-data:"),
    ],
)
def test_a_broken_meta_data_is_an_error_with_its_place(seed, text, place):
    with pytest.raises(AgentError) as caught:
        seed(meta_data=text)
    assert caught.value.code == "nocloud-bad-document"
    assert SEED + "/" + place in caught.value.message
    assert "\n" not in str(caught.value)


def test_errors_never_quote_the_content(seed):
    with pytest.raises(AgentError) as caught:
        seed(meta_data="instance-id: i\npassword: canary\n  : [\n")
    assert "canary" not in str(caught.value)


def test_network_interfaces_is_ignored_with_a_warning(seed):
    data = seed(meta_data="instance-id: i\nnetwork-interfaces: |\n  auto eth0\n")
    assert data.network is None
    assert "network-interfaces" in data.warnings[0]


@pytest.mark.parametrize(
    "text, network",
    [
        ("network:\n  version: 1\n  config: []\n", {"format": "v1", "config": {"version": 1, "config": []}}),
        ('{"version": "2"}', {"format": "v2", "config": {"version": "2"}}),
        ("network:\n  config: disabled\n", {"format": "v1", "config": {"version": 1, "config": "disabled"}}),
        ("", None),
    ],
)
def test_network_config(seed, text, network):
    data = seed(meta_data="instance-id: i\n", network_config=text)
    assert data.network == network
    assert data.warnings == []


def test_network_config_of_no_known_version_is_a_warning(seed):
    data = seed(meta_data="instance-id: i\n", network_config="version: 3\n")
    assert data.network is None
    assert len(data.warnings) == 1


def test_user_data_of_too_many_bytes_is_refused(seed):
    with pytest.raises(AgentError) as caught:
        seed(meta_data="instance-id: i\n", user_data=b"x" * (5 << 20))
    assert caught.value.code == "file-too-large"


def test_nothing_there(tmp_path):
    with pytest.raises(AgentError) as caught:
        nocloud.read(Tree(str(tmp_path)), "/nowhere")
    assert caught.value.code == "nocloud-absent"
    assert nocloud.find(Tree(str(tmp_path))) is None


def test_standard_places_in_order(tmp_path):
    tree = Tree(str(tmp_path))
    for place in reversed(nocloud.STANDARD_PLACES):
        (tmp_path / place[1:]).mkdir(parents=True)
        (tmp_path / place[1:] / "user-data").write_text("#!/bin/sh\n", encoding="utf-8")
        assert nocloud.find(tree) == place


def test_the_fingerprint_changes_with_the_seed(seed, tmp_path):
    tree = Tree(str(tmp_path))
    data = seed(meta_data="instance-id: i\n")
    assert nocloud.fingerprint(tree, SEED) == data.fingerprint
    seed(user_data="#!/bin/sh\n")
    assert nocloud.fingerprint(tree, SEED) != data.fingerprint
    assert data.fingerprint[0][0] == str(tmp_path) + SEED + "/meta-data"


def test_secrets_stay_out_of_the_metadata(seed):
    data = seed(meta_data="instance-id: i\npassword: canary\n")
    assert "canary" not in repr((data.metadata, data.warnings))
    assert data.sensitive["meta_data"]["password"] == "canary"


def test_a_fifo_is_no_file(seed, tmp_path):
    import os

    seed(meta_data="instance-id: i\n")
    os.mkfifo(str(tmp_path / SEED[1:] / "user-data"))
    with pytest.raises(AgentError) as caught:
        nocloud.read(Tree(str(tmp_path)), SEED)
    assert caught.value.code == "source-unreadable"
