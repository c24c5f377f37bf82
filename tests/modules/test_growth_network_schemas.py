"""The schemas of hostname, disk_growth and network take and refuse what cloud-init's schema does."""

import json
import os

import jsonschema
import pytest

GOOD = [
    ("disk_growth", {}),
    ("disk_growth", {"growpart": {}}),
    (
        "disk_growth",
        {"growpart": {"mode": "auto", "devices": ["/", "/dev/vdb1"], "ignore_growroot_disabled": True}},
    ),
    ("disk_growth", {"growpart": {"mode": "gpart"}}),
    ("disk_growth", {"growpart": {"mode": "off"}}),
    ("disk_growth", {"growpart": {"mode": False}}),
    ("disk_growth", {"resize_rootfs": True}),
    ("disk_growth", {"resize_rootfs": False}),
    ("disk_growth", {"resize_rootfs": "noblock"}),
    (
        "hostname",
        {"hostname": "a", "fqdn": "a.b", "preserve_hostname": True, "prefer_fqdn_over_hostname": False},
    ),
    ("hostname", {"create_hostname_file": False}),
    ("hostname", {"manage_etc_hosts": True}),
    ("hostname", {"manage_etc_hosts": "localhost"}),
    ("hostname", {"manage_etc_hosts": "template"}),
    ("network", {"network": {"config": "disabled"}}),
    ("network", {"network": {"renderer": "sysconfig"}}),
    ("network", {"network": {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}, "wifis": {"w": {}}}}),
    ("network", {"network": {"version": 1, "config": [{"type": "physical", "name": "eth0"}]}}),
]
BAD = [
    ("disk_growth", {"growpart": True}),
    ("disk_growth", {"growpart": {"mode": "sideways"}}),
    ("disk_growth", {"growpart": {"mode": True}}),
    ("disk_growth", {"growpart": {"mode": None}}),
    ("disk_growth", {"growpart": {"devices": "/"}}),
    ("disk_growth", {"growpart": {"devices": [1]}}),
    ("disk_growth", {"growpart": {"ignore_growroot_disabled": "no"}}),
    ("disk_growth", {"growpart": {"unknown": 1}}),
    ("disk_growth", {"resize_rootfs": "yes"}),
    ("disk_growth", {"resize_rootfs": None}),
    ("hostname", {"hostname": 5}),
    ("hostname", {"fqdn": ["a"]}),
    ("hostname", {"preserve_hostname": "true"}),
    ("hostname", {"prefer_fqdn_over_hostname": "yes"}),
    ("hostname", {"create_hostname_file": 1.5}),
    ("etc_hosts", {"manage_etc_hosts": "elsewhere"}),
    ("network", {"network": []}),
    ("network", {"network": {"version": 3}}),
    ("network", {"network": {"config": "enabled"}}),
    ("network", {"network": {"renderer": "netplan-of-old"}}),
    ("network", {"network": {"ethernets": []}}),
    ("network", {"network": {"config": [{"name": "eth0"}]}}),
]


def problems(checkout, name, document):
    with open(os.path.join(checkout, "schemas", name + ".json"), encoding="utf-8") as stream:
        schema = json.load(stream)
    jsonschema.Draft4Validator.check_schema(schema)
    return [error.message for error in jsonschema.Draft4Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("name, document", GOOD)
def test_accepted(checkout, name, document):
    assert problems(checkout, name, document) == []


@pytest.mark.parametrize("name, document", BAD)
def test_refused(checkout, name, document):
    assert problems(checkout, name, document) != []
