"""The tree the simulator serves."""

import pytest

from tsagent.errors import UsageError
from tsagent.facts import instance_tables
from tsagent.sources.imds import shapes
from tsagent.sources.simulator import instance_tree
from tsagent.sources.simulator.command import load_tree
from tsagent.sources.simulator.tree import find, listing, of_version, override


@pytest.mark.parametrize(
    "instance_type, nics",
    [
        ("S5.MEDIUM4", 1),
        ("GN7.2XLARGE32", 1),
        ("BMS5", 1),
        ("HCCPNV4h.28XLARGE992", 3),
        ("Z1.odd", 1),
        ("", 1),
    ],
)
def test_nics_follow_from_the_type(instance_type, nics):
    tree = instance_tree(instance_type)
    assert len(tree["network"]["interfaces"]["macs"]) == nics
    assert tree["instance"]["instance-type"] == instance_type


def test_every_value_has_the_shape_clients_may_expect():
    tree = instance_tree("HCCPNV6.96XLARGE2304", role="CVMas", spot="2018-08-18 12:05:33", password="p")
    assert shapes.token(tree["instance-id"].encode()).startswith("ins-")
    assert len(tree["uuid"]) == 36
    for mac, nic in tree["network"]["interfaces"]["macs"].items():
        assert shapes.is_mac(mac)
        for address, detail in nic["local-ipv4s"].items():
            assert shapes.is_ipv4(address)
            assert shapes.prefix_of(detail["subnet-mask"]) == 18
    for key in tree["public-keys"].values():
        assert shapes.openssh_keys(key["openssh-key"].encode())
    assert shapes.datetime(tree["spot"]["termination-time"].encode())


def test_one_type_is_one_instance():
    assert instance_tree("S5.MEDIUM4") == instance_tree("S5.MEDIUM4")
    assert instance_tree("S5.MEDIUM4")["instance-id"] != instance_tree("S5.LARGE8")["instance-id"]


def test_every_family_of_the_tables_has_a_tree():
    families = [name for value in vars(instance_tables).values() if isinstance(value, dict) for name in value]
    for family in families:
        if isinstance(family, str):
            assert instance_tree(family + ".2XLARGE16")["instance-id"].startswith("ins-")


def test_listings():
    tree = instance_tree()
    nic = next(iter(tree["network"]["interfaces"]["macs"].values()))
    assert listing(nic).decode().split("\n") == [
        "local-ipv4s/",
        "mac",
        "vpc-id",
        "subnet-id",
        "owner-id",
        "primary-local-ipv4",
        "public-ipv4s",
        "local-ipv4s/",
    ]
    assert listing({}) == b""


def test_versions_know_what_was_there_then():
    tree = instance_tree(role="CVMas", password="p")
    assert "instance" not in of_version(tree, "1.0")
    assert "instance-id" in of_version(tree, "1.0")
    assert "instance" in of_version(tree, "2017-09-19") and "cam" not in of_version(tree, "2017-09-19")
    assert of_version(tree, "latest") == tree
    assert {"hostname", "password", "public-keys"} & set(of_version(tree, "2017-09-19")) == set()


def test_overriding():
    tree = instance_tree()
    override(
        tree,
        {
            "placement/zone": "ap-shanghai-2",
            "placement": {"region": "ap-shanghai"},
            "app-id": 17,
            "uuid": None,
            "instance/image-id": None,
            "new/deep/path": "x",
            "volumes": None,
            "nothing/there": None,
        },
    )
    assert tree["placement"] == {"region": "ap-shanghai", "zone": "ap-shanghai-2"}
    assert tree["app-id"] == "17"
    assert "uuid" not in tree and "volumes" not in tree
    assert find(tree, ["instance", "image-id"]) is None
    assert find(tree, ["new", "deep", "path"]) == "x"


@pytest.mark.parametrize(
    "changes, place", [({"a": {"b": [1]}}, "/a/b"), ({"a": 1.5}, "/a"), ({7: "x"}, "7"), ({"a": True}, "/a")]
)
def test_what_cannot_be_served_is_refused_with_its_path(changes, place):
    with pytest.raises(UsageError) as caught:
        override({}, changes)
    assert place in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        '{"mac": "52:54:00:12:34:56", "uuid": null, "payment": {"create-time": "2018-09-18 11:27:33"}}',
        "mac: 52:54:00:12:34:56\nuuid: ~\npayment:\n  create-time: 2018-09-18 11:27:33\n",
        "mac: '52:54:00:12:34:56'\nuuid:\npayment: {create-time: '2018-09-18 11:27:33'}\n",
    ],
)
def test_a_tree_file_means_what_it_says(tmp_path, text):
    """YAML 1.1 makes a number of the one and a date of the other."""
    file = tmp_path / "tree"
    file.write_text(text, encoding="utf-8")
    assert load_tree(str(file)) == {
        "mac": "52:54:00:12:34:56",
        "uuid": None,
        "payment": {"create-time": "2018-09-18 11:27:33"},
    }


@pytest.mark.parametrize("text", ["- a\n", "{", "a: [\n", "a: !!python/object:os.system {}\n"])
def test_a_tree_file_that_is_none_is_a_usage_error(tmp_path, text):
    file = tmp_path / "tree"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_tree(str(file))
    assert str(file) in caught.value.message


def test_a_tree_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError):
        load_tree(str(tmp_path / "nowhere"))
